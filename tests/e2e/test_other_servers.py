"""A profile opens the server that it was given for, and no other of the same CA: real clients."""

import asyncio
import os
import re
import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from bot.process.locks import try_lock
from demo.lab.network import NetLab, lab_missing
from tests.company import ANNA, Company, furnish_by_copy, open_company
from tests.folders import open_folder
from tests.vpn.operator_kit import beside_ours, connected, is_refused, static_key
from vpn.deploy import CLOCK_TICK_S

pytestmark = [
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.skipif(lab_missing() is not None, reason=lab_missing() or ""),
]

ROME = f"{beside_ours(1195)}management management.sock unix\n"
REVOKED = "certificate revoked"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def lab() -> AsyncIterator[NetLab]:
    async with NetLab("others", handshake_s=15) as made:
        yield made


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def company(lab: NetLab) -> AsyncIterator[Company]:
    """A server of ours, 'office', and beside it 'rome', which was there before and is not adopted.

    Nobody runs the bot.
    """
    with open_folder() as folder:
        async with open_company(folder, host=lab.server_address) as made:
            await furnish_by_copy(made)
            rome = made.folder / "rome"
            rome.mkdir()
            for name in ("ca.crt", "server.crt", "server.key"):
                shutil.copy(made.folder / "office" / name, rome)
            shutil.copy(made.folder / "office" / "live" / "crl.pem", rome)
            (rome / "ta.key").write_text(static_key())
            (rome / "server.conf").write_text(ROME)
            yield made


async def issue(company: Company, name: str, server: str, says: str = "") -> str:
    file = company.folder / f"{name}.ovpn"
    named = ("grant", "issue", str(ANNA.id), "--output", str(file), "--server", server)
    ran = await company.done(*named)
    assert ("as well" in ran.out, says in ran.out) == (bool(says), True)
    return text_of(file)


def text_of(path: Path) -> str:
    return path.read_text()


def shown_at(server: str, holder: str) -> str:
    """What somebody makes who has one server's profile, and knows what the other one asks for.

    Args:
        server: a profile for that server, perhaps a dead one.
        holder: a profile for another server, which is live.
    """
    for block in ("cert", "key"):
        found = re.search(rf"<{block}>.*</{block}>", holder, re.DOTALL)
        assert found
        server = re.sub(rf"<{block}>.*</{block}>", found[0], server, flags=re.DOTALL)
    return server


async def adopt(company: Company, *more: str) -> str:
    conf = company.folder / "rome" / "server.conf"
    remote = ("--remote", f"{company.host}:1195/udp")
    named = ("server", "adopt", "rome", "--config", str(conf), *remote)
    return (await company.done(*named, *more)).out


async def open_servers(company: Company) -> list[str]:
    rows = (await company.vpnbot("server", "status", "--json")).rows
    return [row["name"] for row in rows if row["open_to_others"]]


async def test_an_operators_server_keeps_out_who_has_another_one(
    company: Company, lab: NetLab
) -> None:
    before = await issue(company, "before", "office")
    await lab.start_server(company.folder / "rome")
    said = await adopt(company)
    assert "may get in" not in said
    rome = await issue(company, "rome", "rome")
    # Who had access to the other one before the adoption, and who gets it after.
    after = await issue(company, "after", "office")
    for office in (before, after):
        assert await is_refused(lab, shown_at(rome, office), REVOKED)
    async with connected(lab, rome) as tunnel:
        assert await tunnel.ping("10.81.0.1")
    assert await open_servers(company) == []


@pytest.mark.long
async def test_whose_access_was_revoked_does_not_come_back_by_another_profile(
    company: Company, lab: NetLab
) -> None:
    rome = text_of(company.folder / "rome.ovpn")
    (name,) = [row["common_name"] for row in await company.grants() if row["server"] == "rome"]
    await company.vpnbot("revoke", name)
    for profile in (rome, shown_at(rome, text_of(company.folder / "after.ovpn"))):
        assert await is_refused(lab, profile, REVOKED)


@pytest.mark.long
async def test_what_is_not_answered_for_holds_up_nobody_and_is_closed_later(
    company: Company, lab: NetLab
) -> None:
    rome = text_of(company.folder / "rome.ovpn")
    # As where somebody else's work on that server hangs.
    lock = try_lock(company.data / "locks" / "server-rome.lock")
    assert lock is not None
    try:
        # Its serial was on the list before it was anybody's.
        spare = await issue(company, "spare", "office")
        assert await is_refused(lab, shown_at(rome, spare), REVOKED)
        assert await open_servers(company) == []
        company.tamper("DELETE FROM spare_serials")
        late = shown_at(rome, await issue(company, "late", "office", "It may open rome as well"))
        assert await open_servers(company) == ["rome"]
        doctor = await company.vpnbot("doctor")
        assert "Server rome: whoever has a profile for another server may get in" in doctor.out
        tunnel = await lab.connect(late)
    finally:
        os.close(lock)
    assert "Cut: anna-petrova-" in await adopt(company)
    assert not await tunnel.ping("10.81.0.1", timeout=1)
    await tunnel.close()
    assert await is_refused(lab, late, REVOKED)
    assert await open_servers(company) == []


@pytest.mark.long
async def test_without_a_list_it_is_said_until_there_is_a_lock(
    company: Company, lab: NetLab
) -> None:
    home = company.folder / "rome"
    rome = text_of(company.folder / "rome.ovpn")
    (home / "server.conf").write_text(ROME.replace("crl-verify crl.pem\n", ""))
    await restart(lab, home)
    assert "Not seen that rome keeps out profiles for your other servers" in await adopt(company)
    office = shown_at(rome, text_of(company.folder / "before.ovpn"))
    async with connected(lab, office):
        assert await open_servers(company) == ["rome"]
    assert "restart" in await adopt(company, "--apply")
    assert await open_servers(company) == ["rome"]
    await restart(lab, home)
    assert await open_servers(company) == []
    assert await is_refused(lab, office, REVOKED)


async def test_a_server_of_ours_that_lost_its_lock_keeps_them_out_all_the_same(
    company: Company, lab: NetLab
) -> None:
    """Also by its CRL, which has them whether it needs them or not."""
    home = company.folder / "office"
    rome = await issue(company, "again", "rome")
    conf = home / "server.conf"
    conf.write_text(conf.read_text().replace("ccd-exclusive\n", ""))
    await restart(lab, home)
    office = text_of(company.folder / "before.ovpn")
    assert await is_refused(lab, shown_at(office, rome), REVOKED)
    async with connected(lab, office) as tunnel:
        assert await tunnel.ping("10.8.0.1")
    assert "office" not in await open_servers(company)


async def restart(lab: NetLab, home: Path) -> None:
    await asyncio.sleep(CLOCK_TICK_S)
    await lab.restart_server(home)
