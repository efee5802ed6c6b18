"""What a server answers: all of it to who asks, and to each round whether it is open to others."""

import asyncio

from bot.core import Core
from bot.fleet.live_servers import live_server
from bot.fleet.on_hold import neighbours
from bot.keyring import Keyring
from storage.records import Server
from vpn.findings import Finding, ServerStatus
from vpn.proof.crl_look import look_at_crl
from vpn.proof.others import open_to_others


async def status(core: Core, keyring: Keyring, server: Server) -> ServerStatus:
    """Never raises for a server's trouble."""
    async with core.database.reading() as tx:
        others = await neighbours(tx, server)
    return await live_server(server).status(
        issuers=keyring.certificates(),
        now=core.clock(),
        published=server.crl_number,
        digest=server.crl_digest,
        others=others,
    )


async def opens(core: Core, keyring: Keyring, server: Server) -> tuple[Finding, ...]:
    """Why it lets in who has a profile for another server, as `status` has it, and no more."""
    async with core.database.reading() as tx:
        others = await neighbours(tx, server)
    if others is None:
        return ()
    live = live_server(server)
    crl, answer = await asyncio.gather(
        look_at_crl(
            live.host,
            live.layout,
            issuers=keyring.certificates(),
            now=core.clock(),
            published=server.crl_number,
            digest=server.crl_digest,
        ),
        live.ask(),
    )
    pid = None if isinstance(answer, Finding) else answer.pid
    return await open_to_others(live.spec, live.host, live.layout, crl=crl, pid=pid, others=others)
