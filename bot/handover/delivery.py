"""Delivers profiles, each exactly once, with a key that exists only here and only now.

(1) What this profile takes the place of is cut first, and whoever hands it over says 'dead' of that
only where it was seen. (2) `profiles` makes the profile of a reserved grant and marks the grant as
issued. (3) A courier hands it over, as long as nobody has ended it meanwhile. (4) What came of that
is written down: the grant is active, in one commit with whatever else depends on it, or it ends.

Whoever is killed between (2) and (4) leaves a grant that says 'issued', and nobody knows whether
the profile arrived. If a row of the outbox was to deliver it, that serial is revoked and a fresh
profile goes out (`CUT_OFF`); else it was on its way into a file, and is revoked (`end_orphans`).
Before (2) nothing has left this process.

The operator's extra files follow as rows of their own, written in the commit of (4): the profile
has arrived then, and whatever becomes of them, it stays. Like texts, one may come twice after a
kill. In an archive they are part of what is handed over at (3).
"""

import asyncio
import os
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Protocol

from bot.access import grants, holdings, messages, people
from bot.access.case import Case
from bot.access.permission import THE_BOT
from bot.core import Core
from bot.fleet.enforcement import Enforcer
from bot.handover.profiles import Profile, ProfileMaker
from bot.process.locks import try_lock
from storage.key_records import KeyWay
from storage.outbox import Done, Later, Next, SetAside
from storage.records import Grant, GrantId, GrantState, OutboxKind, PostedMessage
from storage.transaction import Transaction

# A profile waits no longer for the end of the one before: a server may hang, or many may queue.
_CUT_S = 10.0
# How many profiles of one approval may get lost, and how long the next one waits once the second
# has, twice as long each time.
_ROUNDS = 5
_LOST_WAIT_S = 5.0
# A profile of somebody who is paused waits; whoever resumes them wakes it.
PAUSED_LOOK_S = 300.0


class Came(StrEnum):
    ARRIVED = "arrived"
    CLOSED = "closed"  # its owner does not let the courier come
    DELETED = "deleted"  # its owner's account is
    REFUSED = "refused"  # it will never be taken like this
    UNKNOWN = "unknown"  # it may have arrived
    KEPT = "kept"  # it reached nobody, and whoever asked for it is told on the spot
    OVER = "over"  # somebody has ended it meanwhile
    NOT_YET = "not_yet"  # nothing was done, and now it may be tried again
    PAUSED = "paused"  # its owner is kept out for a while


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a profile, and why; `extra_files` go along after it.

    Attributes:
        posted: the message that it came with, if it did: that is brought up to date later.
    """

    came: Came
    why: str = ""
    extra_files: tuple[str, ...] = ()
    posted: PostedMessage | None = None


OVER = Outcome(Came.OVER)
CUT_OFF = Outcome(Came.UNKNOWN, "the bot was stopped while it was sending")


class Courier(Protocol):
    """Hands one profile over, by whatever way."""

    async def hand_over(self, grant: Grant, profile: Profile, *, earlier_dead: bool) -> Outcome:
        """Tries it once, and waits where it has to be tried again.

        Args:
            earlier_dead: whether all that this one takes the place of is seen to be dead.
        """


class Delivery:
    def __init__(self, core: Core, maker: ProfileMaker, enforcer: Enforcer) -> None:
        self._core = core
        self._database = core.database
        self._maker = maker
        self._enforcer = enforcer
        self._cuts: set[asyncio.Task[None]] = set()

    async def make(
        self,
        grant: Grant,
        *,
        archive: bool,
        way: KeyWay = KeyWay.PLAIN,
        public_key: str | None = None,
    ) -> Profile | None:
        """A reserved grant's profile, which marks it as issued; None if it was ended meanwhile.

        Raises what `ProfileMaker.make` raises: nothing has left this process then.
        """
        await self._cut_earlier(grant)  # (1)
        return await self._maker.make(grant, archive=archive, way=way, public_key=public_key)  # (2)

    async def hand_over(self, grant: Grant, profile: Profile, courier: Courier) -> Outcome:
        """Sends the courier until there is an outcome, which `note` writes down."""
        while True:
            async with self._database.reading() as tx:
                now = await tx.grants.get(grant.id)
                if now is None or now.state is not GrantState.ISSUED:
                    return OVER
                if now.pause is not None:
                    return Outcome(Came.PAUSED)
                # Not dead, where a server was taken out before it had proved that.
                alive = [
                    await holdings.may_let_in(tx, self._core.clock(), one)
                    for one in await _same_approval(tx, grant)
                ]
            outcome = await courier.hand_over(grant, profile, earlier_dead=not any(alive))  # (3)
            if outcome.came is not Came.NOT_YET:
                return outcome

    async def note(self, case: Case, grant: Grant, outcome: Outcome, *, lost: int = 0) -> Next:
        """Writes down what came of a profile; gives what becomes of the row that was to deliver it.

        Args:
            lost: how many profiles of this approval have got lost, this one included.
        """
        match outcome.came:
            case Came.ARRIVED:
                if outcome.posted is not None:
                    await case.tx.posted.remember(outcome.posted)
                if await grants.delivered(case, grant):  # (4)
                    for name in outcome.extra_files:
                        await messages.extra_file(case, grant.owner, name)
            case Came.CLOSED | Came.DELETED:
                is_deleted = outcome.came is Came.DELETED
                await people.unreachable(case, grant.owner, is_deleted=is_deleted)
                await grants.undeliverable(case, grant, closed=True)
            case Came.UNKNOWN if lost < _ROUNDS:
                wait = _LOST_WAIT_S * 2 ** (lost - 2) if lost > 1 else 0.0
                await grants.replace_lost(case, grant, round_=lost, wait_s=wait)
            case Came.UNKNOWN | Came.REFUSED:
                if await grants.undeliverable(case, grant, closed=False):
                    return SetAside(outcome.why)
            case Came.KEPT:
                await grants.abandon(case, grant.id)
            case Came.PAUSED:
                return Later(case.after(PAUSED_LOOK_S), 0)
            case Came.OVER | Came.NOT_YET:
                pass
        return Done()

    async def _cut_earlier(self, grant: Grant) -> None:
        """Ends what this one takes the place of, before it gets its address."""
        async with self._database.reading() as tx:
            earlier = [
                one.id
                for one in await _same_approval(tx, grant)
                if one.state is GrantState.REVOKING
            ]
        if not earlier:
            return
        # Not cancelled half way: what it writes on a server, it writes under the server's lock.
        cut = asyncio.create_task(self._enforcer.enforce(earlier))
        self._cuts.add(cut)
        cut.add_done_callback(self._cuts.discard)
        await asyncio.wait({cut}, timeout=_CUT_S)


async def _same_approval(tx: Transaction, grant: Grant) -> list[Grant]:
    """What the same approval gave besides."""
    return [
        one
        for one in await tx.grants.of_user(grant.owner)
        if one.request_id == grant.request_id and one.id != grant.id
    ]


async def end_orphans(core: Core, lock: Path) -> None:
    """Revokes what was on its way into a file when whoever wrote it was killed.

    Args:
        lock: held by whoever writes one, from the reservation to the end.
    """
    async with core.database.reading() as tx:
        if not await _orphans(tx):
            return
    handle = try_lock(lock)
    if handle is None:
        return  # it is still at work
    try:
        async with core.acting(THE_BOT) as case:
            for grant_id in await _orphans(case.tx):
                await grants.abandon(case, grant_id)
    finally:
        os.close(handle)


async def _orphans(tx: Transaction) -> list[GrantId]:
    """Grants on their way to nobody: not delivered, and no row of the outbox would do it."""
    on_the_way = await tx.grants.on_the_way()
    if not on_the_way:
        return []
    with_row = {item.payload["grant"] for item in await tx.outbox.open(OutboxKind.DELIVER)}
    return [grant.id for grant in on_the_way if grant.id not in with_row]
