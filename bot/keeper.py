"""What happens because of the time: driven by the database, with a sweep at the start."""

import asyncio
import logging
import os
from collections.abc import Callable
from datetime import datetime, timedelta

from bot.access import audit, endings, grants, messages, requests, revocation
from bot.access.messages import Notice
from bot.access.permission import THE_BOT
from bot.core import Core
from bot.data_folder import DataFolder
from bot.enforcement import Enforcer
from bot.fleet import Fleet
from bot.locks import try_lock
from bot.loops import forever
from pki.crl import CRL_LIFETIME
from pki.errors import PkiError
from storage.records import GrantId, GrantState, OutboxKind, Server, ServerName
from storage.transaction import Transaction
from vpn.errors import VpnError

log = logging.getLogger(__name__)

_LOOK_S = 1.0
# Seven days of life and a new one every day: a week of trouble goes by before anybody is
# locked out.
_CRL_EVERY = timedelta(days=1)
_CRL_RETRY = timedelta(minutes=5)
# Another program may put a CRL in the place of ours, and so let in whom we revoked since.
_CRL_LOOK = timedelta(minutes=1)
_PRUNE_EVERY = timedelta(hours=1)
_HEAD_LOOK = timedelta(minutes=10)
_ENDS_LOOK = timedelta(hours=1)
# Telegram repeats an update for a day at most.
_KEEP = timedelta(days=3)
_QUARANTINE = 1000


class Keeper:
    def __init__(
        self,
        core: Core,
        folder: DataFolder,
        fleet: Fleet,
        enforcer: Enforcer,
        on_written: Callable[[], None],
    ) -> None:
        self._core = core
        self._database = core.database
        self._folder = folder
        self._fleet = fleet
        self._enforcer = enforcer
        self._clock = core.clock
        self._on_written = on_written
        self._crl_retry: dict[ServerName, datetime] = {}
        self._crl_told: set[ServerName] = set()
        self._crl_look_at = core.clock() + _CRL_LOOK
        self._prune_at = core.clock()
        # Not at the start: a bot that is restarted often would say it as often.
        self._head_at = core.clock() + _HEAD_LOOK
        self._ends_at = core.clock()
        self._jobs: dict[ServerName, asyncio.Task[None]] = {}

    async def run(self) -> None:
        """Looks at the clock until it is cancelled."""
        try:
            await forever(self._round)
        finally:
            for job in self._jobs.values():
                job.cancel()
            await asyncio.gather(*self._jobs.values(), return_exceptions=True)

    async def _round(self) -> None:
        await self.sweep()
        await asyncio.sleep(_LOOK_S)

    async def sweep(self) -> None:
        """All that is due now. What has to wait for a server goes on beside it."""
        if await self._end_what_is_over():
            self._on_written()
        await self._settle_orphans()
        await self._announce_head()
        await self._warn_of_ends()
        await self._look_after_servers()
        await self._prune()

    async def _look_after_servers(self) -> None:
        """One job for each server, so that one that hangs holds up no other."""
        async with self._database.reading() as tx:
            servers = await tx.servers.all()
            due = {proof.server for proof in await tx.proofs.due(self._clock())}
        is_look = self._is_time_for_crls()
        for server in servers:
            job = self._jobs.get(server.name)
            is_old = self._is_old(server)
            looks = is_look and server.crl_published_at is not None
            if (server.name in due or is_old or looks) and (job is None or job.done()):
                work = self._look_after(server, renew=is_old, look=looks)
                self._jobs[server.name] = asyncio.create_task(work)

    def _is_time_for_crls(self) -> bool:
        now = self._clock()
        if now < self._crl_look_at:
            return False
        self._crl_look_at = now + _CRL_LOOK
        return True

    async def _look_after(self, server: Server, *, renew: bool, look: bool) -> None:
        try:
            await self._enforcer.enforce_due(server.name)
            if renew:
                await self._renew(server)
            elif look and await self._fleet.crl_was_replaced(server):
                log.warning("The CRL on %s was not ours any more", server.name)
                if await self._renew(server):
                    await self._tell_replaced(server)
        except Exception:  # it is due until it is done, so the next round tries again
            log.exception("Looking after %s broke off", server.name)

    async def _end_what_is_over(self) -> bool:
        async with self._database.reading() as tx:
            now = self._clock()
            if not await tx.grants.due(now) and not await tx.requests.due(now):
                return False
        async with self._database.writing() as tx:
            ctx = self._core.context()
            await requests.expire_due(tx, ctx)
            await revocation.expire_due(tx, ctx)
        return True

    async def _announce_head(self) -> None:
        now = self._clock()
        if now < self._head_at:
            return
        self._head_at = now + _HEAD_LOOK
        async with self._database.writing() as tx:
            await audit.announce_head(tx, self._core.context())

    async def _warn_of_ends(self) -> None:
        now = self._clock()
        if now < self._ends_at:
            return
        self._ends_at = now + _ENDS_LOOK
        authority, servers = self._fleet.authority_end(), await self._fleet.server_ends()
        async with self._database.writing() as tx:
            await endings.warn(tx, self._core.context(), authority, servers)

    async def _settle_orphans(self) -> None:
        """Revokes what `grant issue` left behind when it was killed before the file was there."""
        async with self._database.reading() as tx:
            if not await _orphans(tx):
                return
        handle = try_lock(self._folder.pending_issues)
        if handle is None:
            return  # it is still at work
        try:
            async with self._database.writing() as tx:
                ctx = self._core.context()
                for grant_id in await _orphans(tx):
                    await grants.abandon(tx, ctx, grant_id)
        finally:
            os.close(handle)

    def _is_old(self, server: Server) -> bool:
        now = self._clock()
        if now < self._crl_retry.get(server.name, now):
            return False
        # Before its first deploy a server has no folder to publish into. After a restore each is
        # looked through soon, see `catching_up`.
        if server.crl_published_at is None:
            return False
        return server.restored_at is not None or server.crl_published_at + _CRL_EVERY <= now

    async def _tell_replaced(self, server: Server) -> None:
        async with self._database.writing() as tx:
            ctx = self._core.context()
            await audit.record(tx, ctx, THE_BOT, "crl.replace", f"server:{server.name}")
            await messages.tell_admins(tx, ctx, Notice.CRL_REPLACED, server=server.name)
        self._on_written()

    async def _renew(self, server: Server) -> bool:
        """False where it could not be put in place."""
        try:
            number = await self._fleet.publish(server.name)
        except (VpnError, PkiError):
            log.exception("The CRL of %s could not be renewed", server.name)
            self._crl_retry[server.name] = self._clock() + _CRL_RETRY
            await self._tell_crl(server, published=False)
            return False
        else:
            log.info("CRL %s is in place on %s", number, server.name)
            if server.restored_at is not None:
                # If it was looked through now, there is nothing to try again.
                self._crl_retry[server.name] = self._clock() + _CRL_RETRY
            await self._tell_crl(server, published=True)
            return True

    async def _tell_crl(self, server: Server, *, published: bool) -> None:
        """Admins hear of trouble once, and once that it is over."""
        if published != (server.name in self._crl_told):
            return
        async with self._database.writing() as tx:
            if published:
                self._crl_told.discard(server.name)
                await messages.tell_admins(
                    tx, self._core.context(), Notice.CRL_PUBLISHED, server=server.name
                )
                return
            self._crl_told.add(server.name)
            last = server.crl_published_at or self._clock()
            await messages.tell_admins(
                tx,
                self._core.context(),
                Notice.CRL_UNPUBLISHED,
                server=server.name,
                until=(last + CRL_LIFETIME).isoformat(),
            )

    async def _prune(self) -> None:
        now = self._clock()
        if now < self._prune_at:
            return
        self._prune_at = now + _PRUNE_EVERY
        async with self._database.writing() as tx:
            await tx.inbox.prune(now - _KEEP)
            await tx.inbox.trim_quarantine(_QUARANTINE)
            await tx.outbox.prune(now - _KEEP)


async def _orphans(tx: Transaction) -> list[GrantId]:
    """Grants on their way to nobody: not delivered, and no row of the outbox would do it."""
    on_the_way = {item.payload["grant"] for item in await tx.outbox.open(OutboxKind.DELIVER)}
    return [
        grant.id
        for grant in await tx.grants.not_over()
        if grant.state in (GrantState.RESERVED, GrantState.ISSUED) and grant.id not in on_the_way
    ]
