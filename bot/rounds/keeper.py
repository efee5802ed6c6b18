"""Does what is due by the time: ends, proofs, new CRLs, pruning; all of it from the database."""

import asyncio
import logging
from collections.abc import Callable
from datetime import datetime, timedelta

from bot.access import (
    absences,
    audit,
    beginning,
    clock,
    endings,
    farewells,
    messages,
    moving,
    pausing,
    reminding,
    requests,
    revocation,
    soon_over,
    tidying,
    undoing,
)
from bot.access.matching import USERNAME_LASTS
from bot.access.permission import THE_BOT
from bot.fleet.live_servers import server_ends
from bot.handover.delivery import end_orphans
from bot.office import Office
from bot.process.clock import CLOCK_TOLERANCE
from bot.process.loops import Every, forever
from bot.rounds.canary import CanaryRound
from bot.rounds.clock_watch import ClockWatch
from bot.rounds.watch import Watch
from storage.records import GrantId, Server, ServerName

log = logging.getLogger(__name__)

_LOOK_S = 1.0
# Another program may put a CRL in the place of ours, and so let in whom we revoked since.
_SERVER_LOOK = timedelta(minutes=1)
_REFIT_RETRY = timedelta(seconds=30)
_PRUNE_EVERY = timedelta(hours=1)
_HEAD_LOOK = timedelta(minutes=10)
_MOVING = timedelta(seconds=10)
_TIDYING = timedelta(seconds=30)
_REMINDING = timedelta(seconds=20)
_ENDS_LOOK = timedelta(hours=1)
# What of the trail changes who is who for a server's firewall, and no client's file.
_REGROUPING = ("group.join", "group.leave", "group.remove", "user.link", "user.unlink")
# Telegram repeats an update for a day at most.
_KEEP = timedelta(days=3)
# What could not be handled is for a human to read, who may be on holiday.
_KEEP_SET_ASIDE = timedelta(days=30)


class Keeper:
    def __init__(self, office: Office, on_written: Callable[[], None]) -> None:
        self._office = office
        self._database = office.database
        self._clock = office.clock
        self._clock_watch = ClockWatch(office, on_written)
        self._on_written = on_written
        self._watch = Watch(office, office.fleet, office.enforcer, on_written)
        period = office.settings.canary and timedelta(seconds=office.settings.canary)
        self._canary = CanaryRound(office, on_written, period or None)
        # The latest time that was seen, in this run or before it.
        self._latest: datetime | None = None
        self._server_look = Every(_SERVER_LOOK, office.since_boot, at_once=False)
        self._pruning = Every(_PRUNE_EVERY, office.since_boot)
        self._head_look = Every(_HEAD_LOOK, office.since_boot)
        self._ends_look = Every(_ENDS_LOOK, office.since_boot)
        self._moving = Every(_MOVING, office.since_boot)
        self._not_moved: set[GrantId] = set()
        self._tidying = Every(_TIDYING, office.since_boot)
        self._reminding = Every(_REMINDING, office.since_boot)
        self._jobs: dict[ServerName, asyncio.Task[None]] = {}
        # The last entry about groups that was seen; the servers whose firewall does not know of it.
        self._regrouped: int | None = None
        self._uninformed: set[ServerName] = set()
        self._refit_again: dict[ServerName, timedelta] = {}

    async def run(self) -> None:
        """Looks at the clock until it is cancelled, as soon as anything vouches for it."""
        try:
            await self._clock_watch.heard()
            await forever(self._round)
        finally:
            for job in self._jobs.values():
                job.cancel()
            await asyncio.gather(*self._jobs.values(), return_exceptions=True)
            await self._canary.stop()

    async def _round(self) -> None:
        await self.sweep()
        await asyncio.sleep(_LOOK_S)

    async def sweep(self) -> None:
        """All that is due now. What has to wait for a server goes on beside it."""
        await asyncio.to_thread(self._office.reserve.tend)
        await self._clock_watch.look()
        await self._notice_set_back()
        if await self._end_what_is_over():
            self._on_written()
        await self._resume_who_is_back()
        await self._begin_what_is_due()
        await end_orphans(self._office, self._office.folder.pending_issues)
        if self._head_look.is_due():
            async with self._office.acting(THE_BOT) as case:
                await audit.announce_head(case)
        if self._moving.is_due():
            async with self._office.acting(THE_BOT) as case:
                moved = await moving.move_some(case, self._not_moved)
            if moved:
                self._on_written()
        if self._reminding.is_due():
            await self._remind()
        if self._tidying.is_due():
            async with self._office.acting(THE_BOT) as case:
                deleted = await tidying.delete_due(case)
            if deleted:
                self._on_written()
        if self._ends_look.is_due():
            async with self._database.reading() as tx:
                known = await tx.servers.all()
            authority, servers = self._office.fleet.authority_end(), await server_ends(known)
            async with self._office.acting(THE_BOT) as case:
                await endings.warn(case, authority, servers)
        await self._look_after_servers()
        await self._canary.tend()
        if self._pruning.is_due():
            long_ago = self._clock() - _KEEP
            async with self._database.writing() as tx:
                await tx.inbox.prune(long_ago, set_aside_before=self._clock() - _KEEP_SET_ASIDE)
                await tx.inbox.trim_quarantine()
                await tx.outbox.prune(long_ago)
                await tx.posted.prune(self._clock() - _KEEP_SET_ASIDE)
                await tx.outbox.forget_holds(self._clock())
                # As long as a card of theirs may be brought up to date.
                await tx.knocks.prune(long_ago - _KEEP_SET_ASIDE)
                await tx.people.prune_newcomers(self._clock() - USERNAME_LASTS)
                await tx.farewells.prune(self._clock() - _KEEP_SET_ASIDE)
                await tx.leavings.prune(self._clock() - _KEEP_SET_ASIDE)
                await tx.canaries.prune(long_ago)

    async def _notice_set_back(self) -> None:
        """What waits in the database for a moment would wait so much longer: it is done now."""
        now = self._clock()
        if self._latest is None:
            async with self._database.reading() as tx:
                self._latest = await clock.latest_seen(tx, now)
        back = self._latest - now
        if back <= CLOCK_TOLERANCE:
            self._latest = max(self._latest, now)
            return
        self._latest = now
        log.warning("The clock was set back by %s; whatever waits is done now", back)
        async with self._office.acting(THE_BOT) as case:
            await clock.went_back(case, back)
        self._on_written()

    async def _look_after_servers(self) -> None:
        """One job for each server, so that one that hangs holds up no other."""
        async with self._database.reading() as tx:
            servers = await tx.servers.all()
            due = {proof.server for proof in await tx.proofs.due(self._clock())}
            files = await tx.addresses.servers_due()
            lists = await tx.pauses.crls_due()
            regrouped = await tx.audit.last_number_of(_REGROUPING)
        if regrouped != self._regrouped:
            self._uninformed.update(server.name for server in servers)
            self._regrouped = regrouped
        is_look = self._server_look.is_due()
        for server in servers:
            job = self._jobs.get(server.name)
            is_old = self._watch.is_due(server, lists)
            is_changed = server.name in files or server.name in self._uninformed
            is_changed = is_changed and self._may_refit(server.name)
            looks = is_look or self._watch.looks_again(server)
            is_due = server.name in due or is_old or looks or is_changed
            if is_due and (job is None or job.done()):
                work = self._look_after(server, renew=is_old, look=looks)
                self._jobs[server.name] = asyncio.create_task(work)

    async def _look_after(self, server: Server, *, renew: bool, look: bool) -> None:
        try:
            await self._watch.prove_due(server)
            await self._refit(server)
            put_back = False
            if renew:
                await self._watch.renew(server)
                await self._watch.let_in_waiting(server)
            elif look:
                put_back = await self._watch.look_at_crl(server)
            if look and revocation.lets_in(server):
                await self._office.others.look(server)
                await self._watch.let_in_waiting(server)
                # After the CRL: whoever comes back now is refused at the beginning.
                await self._watch.look(server, put_back=put_back)
        except Exception:  # it is due until it is done, so the next round tries again
            log.exception("Looking after %s broke off", server.name)

    def _may_refit(self, server: ServerName) -> bool:
        return self._office.since_boot() >= self._refit_again.get(server, timedelta(0))

    async def _refit(self, server: Server) -> None:
        """Writes what groups have changed; where that fails it is tried again, after a while."""
        self._refit_again[server.name] = self._office.since_boot() + _REFIT_RETRY
        self._uninformed.discard(server.name)
        done = await self._office.fleet.refit(server.name)
        for finding in done.findings:
            log.warning("Clients' files on %s are still due: %s", server.name, finding.detail)
        if not done.left:
            del self._refit_again[server.name]

    async def _remind(self) -> None:
        async with self._database.reading() as tx:
            if not await tx.reminders.due(self._clock(), 1):
                return
        async with self._office.acting(THE_BOT) as case:
            reminded = await soon_over.remind_due(case)
        if reminded:
            self._on_written()

    async def _resume_who_is_back(self) -> None:
        async with self._database.reading() as tx:
            case = self._office.case(tx, THE_BOT)
            # By a clock that is ahead they would be back too early.
            if not case.may_give or not await tx.pauses.over(case.now):
                return
        async with self._office.acting(THE_BOT) as case:
            await pausing.resume_due(case)
        self._on_written()

    async def _begin_what_is_due(self) -> None:
        async with self._database.reading() as tx:
            if not await beginning.due(self._office.case(tx, THE_BOT)):
                return
        async with self._office.acting(THE_BOT) as case:
            await beginning.begin_due(case)
        self._on_written()

    async def _end_what_is_over(self) -> bool:
        async with self._database.reading() as tx:
            case = self._office.case(tx, THE_BOT)
            if not case.may_expire:
                return False
            waiting = await requests.due(case)
            settled = await tx.requests.settled(case.now)
            lapsed = await tx.invitations.lapsed(case.now)
            gone = await tx.farewells.over(case.now)
            to_remind = await reminding.due(case)
            back = await tx.absences.over(case.now)
            is_due = waiting or lapsed or settled or to_remind or back or gone
            if not is_due and not await tx.grants.due(case.now):
                return False
        async with self._office.acting(THE_BOT) as case:
            await requests.expire_due(case)
            await absences.return_due(case)
            await reminding.remind_due(case)
            await undoing.settle_due(case)
            await farewells.settle_due(case)
            await revocation.expire_due(case)
            for invitation in lapsed:
                await messages.edit_invitation(case, invitation.id)
        return True
