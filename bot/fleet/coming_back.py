"""Lets people in again who were paused: what the database says reaches the servers.

What is left of that is in the database, so whoever finds it goes on: the CRLs that still list them
(`storage.pauses.Pauses.crls_due`), and the places that have not taken them in.
"""

import asyncio
import logging
from collections.abc import Sequence

from bot.access.revocation import lets_in
from bot.core import Core
from bot.fleet.fleet import Fleet
from pki.errors import PkiError
from storage.records import ServerName
from vpn.errors import VpnError

log = logging.getLogger(__name__)


async def come_back(core: Core, fleet: Fleet) -> Sequence[ServerName]:
    """Does it on every server at once; gives those where it is not done yet."""
    async with core.database.reading() as tx:
        names = [server.name for server in await tx.servers.all() if lets_in(server)]
    done = await asyncio.gather(*(_on(core, fleet, name) for name in names))
    return [name for name, is_done in zip(names, done, strict=True) if not is_done]


async def _on(core: Core, fleet: Fleet, name: ServerName) -> bool:
    try:
        async with core.database.reading() as tx:
            is_due = name in await tx.pauses.crls_due()
        if is_due:
            await fleet.publish(name)
        await fleet.let_in_waiting(name)
    except (VpnError, PkiError) as error:
        log.warning("Whoever was paused is not let in on %s yet: %s", name, error)
        return False
    return True
