"""Commands that could not do it, and what they said; servers that let somebody in, or do not."""

import asyncio
import re
from collections.abc import Callable
from contextlib import suppress

from demo.errors import LabRefused
from demo.lab.network import NetLab
from demo.lab.processes import Child
from tests.company import Company, Ran, until

_REFUSED = ("certificate revoked", "VERIFY ERROR", "CCD auth")


def one_line(ran: Ran, *words: str) -> None:
    """The command could not do it, and said so in one line with all these words."""
    assert ran.code == 1, ran
    assert ran.err.count("\n") == 1, ran
    for word in words:
        assert word in ran.err, ran


async def refused(company: Company, wrong: dict[str, str]) -> None:
    """Each of the commands is refused with its words, and changes nothing."""
    # Nor does the bot meanwhile: what an earlier test began is over.
    under_way = "SELECT id FROM grants WHERE state IN ('reserved', 'issued', 'revoking')"
    await until(lambda: company.query(under_way) == [])
    before = company.dump()
    ran = await asyncio.gather(*(company.vpnbot(*command.split()) for command in wrong))
    for each, words in zip(ran, wrong.values(), strict=True):
        one_line(each, words)
    assert company.dump() == before


async def is_turned_away(lab: NetLab, server: Child, profile: str) -> bool:
    return await is_refused(lab, lambda: server.log, profile)


async def is_refused(lab: NetLab, log: Callable[[], str], profile: str) -> bool:
    """By the server's log: the client itself would learn of it by a time-out only."""
    seen = len(log())
    attempt = asyncio.create_task(lab.connect(profile))
    try:
        await until(lambda: attempt.done() or any(words in log()[seen:] for words in _REFUSED))
        if attempt.done():
            with suppress(LabRefused):
                await (await attempt).close()
                return False
    finally:
        attempt.cancel()
        await asyncio.gather(attempt, return_exceptions=True)
    return True


async def gets_in(lab: NetLab, profile: str, inside: str) -> bool:
    """As far as the server's own address in the VPN."""
    tunnel = await lab.connect(profile)
    reaches = await tunnel.ping(inside)
    await tunnel.close()
    return reaches


def only(port: int, profile: str) -> str:
    """A profile that dials one server: of a shared one the blocks of the others are left out."""
    for block in re.findall(r"<connection>.*?</connection>\n", profile, re.DOTALL):
        if f" {port} udp" not in block:
            profile = profile.replace(block, "")
    return profile
