"""Does what is due by the time: ends, proofs, new CRLs, pruning; all of it from the database."""

import asyncio
import logging
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
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
from bot.fleet.elsewhere import close_connections
from bot.fleet.upkeep import server_ends
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


@dataclass(slots=True)
class _Known:
    """What is kept in memory of one server.

    Attributes:
        job: what goes on there.
        uninformed: its firewall does not know yet of the last change of groups.
        refit_at: until when what could not be written there is not tried again.
    """

    job: asyncio.Task[None] | None = None
    uninformed: bool = False
    refit_at: timedelta | None = None

    @property
    def is_busy(self) -> bool:
        return self.job is not None and not self.job.done()


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
        self._known = defaultdict[ServerName, _Known](_Known)
        self._regrouped: int | None = None  # the last entry about groups that was seen

    async def run(self) -> None:
        """Looks at the clock until it is cancelled, as soon as anything vouches for it."""
        try:
            await self._clock_watch.heard()
            await forever(self._round)
        finally:
            jobs = self._jobs()
            for job in jobs:
                job.cancel()
            await asyncio.gather(*jobs, return_exceptions=True)
            await self._canary.stop()

    def _jobs(self) -> Sequence[asyncio.Task[None]]:
        return [known.job for known in self._known.values() if known.job is not None]

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
            await self._prune()

    async def _prune(self) -> None:
        """Forgets what is long over, never of the trail. What there may be much of goes a little at
        a time: whoever else writes comes in between.
        """
        now = self._clock()
        long_ago, set_aside = now - _KEEP, now - _KEEP_SET_ASIDE
        proofs = now - timedelta(seconds=self._office.settings.keep_proofs)
        is_left = True
        while is_left:
            async with self._database.writing() as tx:
                left = [
                    await tx.inbox.prune(long_ago, set_aside_before=set_aside),
                    await tx.outbox.prune(long_ago),
                    await tx.proofs.prune(proofs),
                ]
            is_left = any(left)
        async with self._database.writing() as tx:
            await tx.inbox.trim_quarantine()
            await tx.posted.prune(set_aside)
            await tx.outbox.forget_holds(now)
            # As long as a card of theirs may be brought up to date.
            await tx.knocks.prune(long_ago - _KEEP_SET_ASIDE)
            await tx.people.prune_newcomers(now - USERNAME_LASTS)
            await tx.farewells.prune(set_aside)
            await tx.leavings.prune(set_aside)
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
        await self._forget_all_but(servers)
        is_regrouped, self._regrouped = regrouped != self._regrouped, regrouped
        is_look = self._server_look.is_due()
        for server in servers:
            known = self._known[server.name]
            known.uninformed |= is_regrouped
            is_old = self._watch.is_due(server, lists)
            is_changed = (server.name in files or known.uninformed) and self._may_refit(known)
            looks = is_look or self._watch.looks_again(server)
            is_due = server.name in due or is_old or looks or is_changed
            if is_due and not known.is_busy:
                work = self._look_after(server, renew=is_old, look=looks)
                known.job = asyncio.create_task(work)

    async def _forget_all_but(self, servers: Sequence[Server]) -> None:
        """Of a server that was taken out nothing is kept, by nobody: its keys least of all.

        Another one of that name is another server, of which the admins were told nothing.
        """
        names = {server.name for server in servers}
        gone = [n for n, known in self._known.items() if n not in names and not known.is_busy]
        for name in gone:
            del self._known[name]
            self._watch.forget(name)
            self._office.time.forget_server(name)
            self._office.keyring.forget(name)
            self._office.fleet.forget(name)
            self._office.others.forget(name)
        if gone:
            await close_connections(but_to=servers)

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

    def _may_refit(self, known: _Known) -> bool:
        return known.refit_at is None or self._office.since_boot() >= known.refit_at

    async def _refit(self, server: Server) -> None:
        """Writes what groups have changed; where that fails it is tried again, after a while."""
        known = self._known[server.name]
        known.refit_at = self._office.since_boot() + _REFIT_RETRY
        known.uninformed = False
        done = await self._office.fleet.refit(server.name)
        for finding in done.findings:
            log.warning("Clients' files on %s are still due: %s", server.name, finding.detail)
        if not done.left:
            known.refit_at = None

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
