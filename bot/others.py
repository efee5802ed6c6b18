"""A profile opens the server that it was given for, and no other of the same CA.

Servers with `ccd-exclusive` have no file for it. On an operator's own without that lock, or on one
that has lost it, the CRL keeps it out: each server's CRL lists the live certificates that are for
the other servers, as 'on hold'. That is no revocation: nobody is told of one, no proof waits for
it, and a restore passes it over (`bot.access.takeover`).

1. The serial is in the database since the approval, so it can be listed before there is a
   certificate, and is, before the profile leaves (`close`).
2. A server that does not answer holds up nothing: the profile leaves, what remains open is shown
   (on the request's card, by /servers, `server status`, `server adopt` and `doctor`), and each
   look of `bot.watch` tries again (`look`).
3. Where the list comes late, sessions that began meanwhile are ended with it.

Accepted: in the time between, and where OpenVPN reads neither a CRL nor a client-config-dir that
the bot may write, whoever has a profile for another server gets in if they know what clients of
this one know besides (its address, its tls key).
"""

import asyncio
import logging
import time

from bot.access import messages
from bot.access.revocation import lets_in
from bot.core import Core
from bot.fleet import Fleet, live_server
from bot.logs import log_failure
from pki.errors import PkiError
from pki.serial import parse_serial
from storage.records import Grant, GrantState, Server, ServerName
from vpn.errors import VpnError
from vpn.findings import Finding
from vpn.values import CommonName

log = logging.getLogger(__name__)

# How long a profile waits for a server that it is not for, unless that one was slow before.
_WAIT_S = 3.0
_SLOW_S = 1.0


class Others:
    def __init__(self, core: Core, fleet: Fleet) -> None:
        self._core = core
        self._database = core.database
        self._fleet = fleet
        self._turns: dict[ServerName, asyncio.Lock] = {}
        self._slow: set[ServerName] = set()
        self._jobs: set[asyncio.Task[None]] = set()

    async def close(self, grant: Grant) -> None:
        """Sees to it that no other server lets this one in, as far as they answer in time."""
        async with self._database.reading() as tx:
            servers = await tx.servers.all()
        others = [server for server in servers if server.name != grant.server and lets_in(server)]
        jobs = {server.name: asyncio.create_task(self._timed(server)) for server in others}
        self._jobs.update(jobs.values())  # what has begun on a server is not broken off
        for job in jobs.values():
            job.add_done_callback(self._jobs.discard)
        prompt = [job for name, job in jobs.items() if name not in self._slow]
        if prompt:
            await asyncio.wait(prompt, timeout=_WAIT_S)
        late = [name for name, job in jobs.items() if not job.done()]
        self._slow.update(late)
        async with self._database.writing() as tx:
            ctx = self._core.context()
            for name in late:
                log.warning("%s does not answer, so it may let in %s", name, grant.common_name)
                await tx.servers.set_open(name, ctx.now)
            now = [server for server in await tx.servers.all() if server.name in jobs]
            # The card that was approved did not say so.
            if grant.request_id is not None and any(
                server.open_since and server.open_since >= grant.not_before for server in now
            ):
                await messages.edit_cards(tx, ctx, grant.request_id)

    async def _timed(self, server: Server) -> None:
        began = time.monotonic()
        try:
            if await self._list(server):
                await self._note(server)
        except Exception as error:  # noqa: BLE001 - the profile goes out, and the look tries again
            log_failure(log, f"Keeping out of {server.name} who has no access broke off", error)
            await self._store(server, is_open=True)
        if time.monotonic() - began < _SLOW_S:
            self._slow.discard(server.name)
        else:
            self._slow.add(server.name)

    async def look(self, server: Server) -> tuple[Finding, ...]:
        """Lists whoever is not listed yet; gives why the server is open to others all the same."""
        await self._list(server)
        return await self._note(server)

    async def _list(self, server: Server) -> tuple[Finding, ...]:
        """Why those who have access to other servers only are not on the CRL in force here."""
        async with self._turns.setdefault(server.name, asyncio.Lock()):
            async with self._database.reading() as tx:
                grants = await tx.grants.for_others(server.name)
            serials = [parse_serial(grant.serial) for grant in grants]
            findings = await self._fleet.crl_findings(server, others=serials)
            if not findings:
                return ()
            try:
                if await self._fleet.publish(server.name) is None:
                    return ()  # it was taken out meanwhile
            except (VpnError, PkiError) as error:
                log.warning("The CRL of %s cannot list who is for others: %s", server.name, error)
                return findings
            names = [
                CommonName(g.common_name) for g in grants if g.state is not GrantState.RESERVED
            ]
            try:
                cut = await live_server(server).cut_names(names)  # (3)
            except VpnError as error:
                log.warning("Nobody can tell who is connected to %s: %s", server.name, error)
            else:
                for name in cut:
                    log.warning("%s was connected to %s without access to it", name, server.name)
            return await self._fleet.crl_findings(server, others=serials)

    async def _note(self, server: Server) -> tuple[Finding, ...]:
        findings = (await self._fleet.status(server)).open_to_others
        await self._store(server, is_open=bool(findings))
        return findings

    async def _store(self, server: Server, *, is_open: bool) -> None:
        async with self._database.writing() as tx:
            await tx.servers.set_open(server.name, self._core.clock() if is_open else None)
