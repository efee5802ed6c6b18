"""What servers have seen of a profile that doesn't get in, as far as their logs go back."""

import asyncio
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from bot.access.usage import address_of
from bot.core import Core
from bot.fleet.live_servers import live_server
from storage.records import Grant, ServerName
from vpn.proof.management import Knocked, Try

# What was longer ago helps nobody.
_LATELY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Heard:
    """The last that a server saw of it, by the server's clock; `why` in OpenSSL's words."""

    server: ServerName
    at: datetime
    outcome: Knocked
    why: str = ""


async def heard_of(core: Core, grant: Grant, addresses: Collection[str]) -> Sequence[Heard]:
    """What each of its servers says now; one that can't be asked says nothing.

    Args:
        addresses: from which its owner was connected before: a handshake that breaks off early
            names nobody.
    """
    async with core.database.reading() as tx:
        servers = [one for one in await tx.servers.all() if one.name in grant.servers]
    tries = await asyncio.gather(*(live_server(server).tries() for server in servers))
    since = core.clock() - _LATELY
    found = []
    for server, here in zip(servers, tries, strict=True):
        last = _last(here, grant.common_name, addresses)
        if last is not None and last.at > since:
            found.append(Heard(server.name, last.at, last.outcome, last.why))
    return found


def _last(tries: Sequence[Try], name: str, addresses: Collection[str]) -> Try | None:
    """OpenVPN says of a refused certificate that the handshake failed, too; the first says more."""
    named = {one.real_address for one in tries if one.outcome is not Knocked.BROKE_OFF}
    theirs = [
        one
        for one in tries
        if one.common_name == name
        or (
            one.outcome is Knocked.BROKE_OFF
            and one.real_address not in named
            and address_of(one.real_address) in addresses
        )
    ]
    return theirs[-1] if theirs else None
