"""A profile opens the server that it was given for, and no other of the same CA.

Servers with `ccd-exclusive` have no file for it. On an operator's own without that lock, or on one
that has lost it, the CRL keeps it out: each server's CRL lists the live certificates that are for
the other servers, as 'on hold'. That is no revocation: nobody is told of one, no proof waits for
it, and a restore passes it over (`bot.access.takeover`).

1. The serial is in the database since the approval, so it can be listed before there is a
   certificate, and is, before the profile leaves (`close`).
2. A server that does not answer holds up nothing: the profile leaves, what remains open is shown
   (on the request's card, by /servers, `server status`, `server adopt` and `doctor`), and each
   look of `bot.rounds.watch` tries again (`look`).
3. Sessions that began before the list was there are ended by the look for strangers after it.

Accepted: in the time between, and where OpenVPN reads neither a CRL nor a client-config-dir that
the bot may write, whoever has a profile for another server gets in if they know what clients of
this one know besides (its address, its tls key).
"""

import asyncio
import logging
import time

from bot.access import messages
from bot.access.permission import THE_BOT
from bot.access.revocation import lets_in
from bot.core import Core
from bot.fleet.fleet import Fleet
from bot.fleet.live_servers import live_server
from bot.fleet.on_hold import neighbours
from bot.process.logs import log_failure
from pki.errors import PkiError
from storage.records import Grant, Server, ServerName
from vpn.errors import VpnError
from vpn.findings import Finding

log = logging.getLogger(__name__)

# How long a profile waits for a server that it is not for, unless that one was slow before.
_WAIT_S = 5.0
# For one that was slow the last time, and when that is.
_GLANCE_S = 0.3
_SLOW_S = 1.0


class Others:
    def __init__(self, core: Core, fleet: Fleet) -> None:
        self._core = core
        self._database = core.database
        self._fleet = fleet
        self._turns: dict[ServerName, asyncio.Lock] = {}
        self._slow: set[ServerName] = set()
        self._jobs: set[asyncio.Task[None]] = set()

    def forget(self, server: ServerName) -> None:
        """Of a server that was taken out nothing is kept."""
        self._turns.pop(server, None)
        self._slow.discard(server)

    async def close(self, grant: Grant) -> None:
        """Has every other server's CRL list this one, as far as they answer in time."""
        async with self._database.reading() as tx:
            servers = [one for one in await tx.servers.all() if one.name not in grant.servers]
        jobs = {
            server.name: asyncio.create_task(self._timed(server))
            for server in servers
            if lets_in(server)
        }
        if not jobs:
            return
        self._jobs.update(jobs.values())  # what has begun on a server is not broken off
        for job in jobs.values():
            job.add_done_callback(self._jobs.discard)
        prompt = [job for name, job in jobs.items() if name not in self._slow]
        for awaited, seconds in ((prompt, _WAIT_S), (list(jobs.values()), _GLANCE_S)):
            if any(not job.done() for job in awaited):
                await asyncio.wait(awaited, timeout=seconds)
        late = [name for name, job in jobs.items() if not job.done()]
        self._slow.update(late)
        for name in late:
            await self._store(name, "It doesn't answer.")
        async with self._database.reading() as tx:
            opened = [s for s in await tx.servers.all() if s.name in jobs and s.open_since]
        # The card that was approved did not say so.
        if any(s.open_since and s.open_since >= grant.not_before for s in opened):
            async with self._core.acting(THE_BOT) as case:
                assert grant.request_id is not None
                await messages.edit_cards(case, grant.request_id)

    async def _timed(self, server: Server) -> None:
        began = time.monotonic()
        try:
            if await self._list(server):
                await self._note(server)
        except Exception as error:  # noqa: BLE001 - the profile leaves, and the next look tries again
            log_failure(log, f"Keeping out of {server.name} who is for others broke off", error)
            await self._store(server.name, "It couldn't be seen.")
        if time.monotonic() - began < _SLOW_S:
            self._slow.discard(server.name)
        else:
            self._slow.add(server.name)

    async def look(self, server: Server) -> tuple[Finding, ...]:
        """Lists whoever is not listed yet; gives why the server is open to others all the same."""
        await self._list(server)
        return await self._note(server)

    async def _list(self, server: Server) -> tuple[Finding, ...]:
        """Has the CRL there list all who are for others; gives why it does not."""
        async with self._turns.setdefault(server.name, asyncio.Lock()):
            async with self._database.reading() as tx:
                around = await neighbours(tx, server)
            if around is None or not around.serials:
                return ()
            findings = await self._fleet.crl_findings(server, others=around.serials)
            if not findings or live_server(server).layout.crl is None:
                return findings
            try:
                await self._fleet.publish(server.name)
            except (VpnError, PkiError) as error:
                log.debug("The CRL of %s cannot be replaced: %s", server.name, error)
                return findings
            return await self._fleet.crl_findings(server, others=around.serials)

    async def _note(self, server: Server) -> tuple[Finding, ...]:
        findings = await self._fleet.opens(server)
        await self._store(server.name, " ".join(finding.detail for finding in findings))
        return findings

    async def _store(self, name: ServerName, why: str) -> None:
        """Stores why it is open to others; '' where it is not."""
        async with self._database.writing() as tx:
            if not await tx.servers.set_open(name, self._core.clock() if why else None):
                return
        if why:
            log.warning("%s may let in who has a profile for another server: %s", name, why)
        else:
            log.info("%s keeps out who has a profile for another server", name)
