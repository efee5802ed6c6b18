"""Sends what the outbox holds: in order within a chat, several chats at once.

Accepted: a text whose sending was cut off may be sent twice, since nobody can tell whether it
arrived; a person reads a sentence twice. Profiles are different, see `delivery`.

What fails holds up its chat a few times, so that the order stays; then it steps aside. It is set
aside for good once it has failed often while something else got through, or is a day old: so
trouble of Telegram's costs no message, and a message that Telegram will never take costs itself.

Each kind of row has a handler, which sends it and says what comes next: `Done`, `Later` or
`SetAside`. Where that hangs on what is true in the database, it gives a function that decides it in
the transaction that writes it down.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial

from bot.access import people, requests
from bot.access.case import Case
from bot.access.permission import THE_BOT
from bot.chat.outcomes import Failure, Outcome
from bot.core import Core
from bot.process.logs import log_failure
from bot.process.loops import Every, forever, woken
from storage.errors import is_passing
from storage.outbox import Later, Next, SetAside
from storage.records import PATIENCE, ChatId, OutboxItem, OutboxKind, UserId
from storage.transaction import Transaction

log = logging.getLogger(__name__)

Decision = Callable[[Case], Awaitable[Next]]
Handler = Callable[[OutboxItem], Awaitable[Next | Decision]]
# One thing after the other: a chat's texts, and beside them what waits for servers.
Lane = tuple[ChatId, bool]

# The command line writes into the outbox, too.
_LOOK_S = 0.5
# More at once is slower: Telegram and SQLite both take one thing after the other. As many texts,
# and as much of what is slow: a server that hangs holds up no text.
_AT_ONCE = 16
_RECLAIM_EVERY = timedelta(seconds=30)
_GRACE_S = 5.0
_HELD_LOOK_S = 0.1
_FIRST_RETRY_S = 1.0
_LONGEST_RETRY_S = 60.0
_STORE_RETRY_S = 2.0
# The last of these waits two minutes after the first; what got through within the last two says
# that it is not Telegram.
_TRIES = 8
_FRESH = timedelta(minutes=2)
_TOO_OLD = timedelta(days=1)
# So many failures without a success between them are worth a line.
_STORM = 3
# Access is given and ended before it is talked about; the texts wait no longer than this.
_HEAD_START_S = 0.5


@dataclass(frozen=True, slots=True)
class Handling:
    """What is done with rows of a kind.

    Attributes:
        send: sends one.
        is_slow: it waits for servers, or takes its time to upload, so it does not hold up the texts
            of the same chat.
        settle: where one must not be sent again if nobody knows whether it was: decides on a row
            whose sender is not there any more; None leaves it as it is for now.
    """

    send: Handler
    is_slow: bool = False
    settle: Callable[[OutboxItem], Awaitable[Next | Decision | None]] | None = None


class Sender:
    """Hands rows to their handlers.

    Args:
        handlings: one for each kind.
        failure_of: what an error of a handler's says of the far end; None for any other error.
    """

    def __init__(
        self,
        core: Core,
        handlings: Mapping[OutboxKind, Handling],
        *,
        failure_of: Callable[[Exception], Failure | None],
    ) -> None:
        self._core = core
        self._database = core.database
        self._clock = core.clock
        self._since_boot = core.since_boot
        self._handlings = handlings
        self._failure_of = failure_of
        self._wake = asyncio.Event()
        self._claimed: set[int] = set()
        self._reclaiming = Every(_RECLAIM_EVERY, core.since_boot)
        self._busy: set[Lane] = set()
        # Until when the texts let go first what is slow; by the loop's own time.
        self._texts_wait_until: float | None = None
        self._held: dict[ChatId, timedelta] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._got_through_at: timedelta | None = None
        self._failures = 0

    @property
    def is_busy(self) -> bool:
        """Whether anything is being sent, or due, as far as is known here."""
        return bool(self._tasks) or self._wake.is_set()

    def wake(self) -> None:
        """Something new is in the outbox."""
        self._wake.set()

    async def run(self) -> None:
        """Sends until it is cancelled."""
        await self._take_up_holds()
        try:
            await forever(self._round)
        finally:
            await self._stop()

    async def _take_up_holds(self) -> None:
        """What Telegram said to an earlier process counts: it is the same bot."""
        now = self._clock()
        async with self._database.reading() as tx:
            holds = await tx.outbox.holds()
        for chat_id, until in holds.items():
            self._hold_until(chat_id, (until - now).total_seconds())

    async def reclaim(self) -> None:
        """Takes up what says 'sending' although nobody sends it.

        At a start that is what an ended process left; later, what a handler gave up because the
        database was in trouble.
        """
        async with self._database.writing() as tx:
            lost = [row for row in await tx.outbox.sending() if row.id not in self._claimed]
            for item in lost:
                if self._handlings[item.kind].settle is None:
                    await tx.outbox.conclude(item, Later(self._clock(), item.attempts))
        for item in lost:
            settle = self._handlings[item.kind].settle
            came = None if settle is None else await settle(item)
            if came is not None:
                await self._conclude(item, came)

    async def _round(self) -> None:
        self._wake.clear()
        if self._reclaiming.is_due():
            await self.reclaim()
        await self._start_due()
        await woken(self._wake, _LOOK_S if self._texts_wait_until is None else _HEAD_START_S)

    async def _start_due(self) -> None:
        now = asyncio.get_running_loop().time()
        if await self._start_next(slow=True) and self._texts_wait_until is None:
            self._texts_wait_until = now + _HEAD_START_S
        is_slow_busy = any(is_slow for _, is_slow in self._busy)
        if self._texts_wait_until is not None and is_slow_busy and now < self._texts_wait_until:
            return
        self._texts_wait_until = None
        await self._start_next(slow=False)

    async def _start_next(self, *, slow: bool) -> bool:
        """Whether there was anything to start."""
        async with self._database.reading() as tx:
            items = await self._next(tx, slow=slow)
        if not items:
            return False
        # One commit for all: each costs a write to the disk, and the next one waits for it.
        async with self._database.writing() as tx:
            claimed = [item for item in items if await tx.outbox.claim(item.id)]
        for item in claimed:
            self._start(item)
        return bool(claimed)

    async def _next(self, tx: Transaction, *, slow: bool) -> list[OutboxItem]:
        """As many as there is room for, the first one of each lane."""
        kinds = [kind for kind, handling in self._handlings.items() if handling.is_slow is slow]
        busy = {chat_id for chat_id, is_slow in self._busy if is_slow is slow}
        held = {chat_id for chat_id in tuple(self._held) if self._is_held(chat_id)}
        # What only waits for Telegram to take a profile again keeps nobody else from going. More
        # than that are at work where a halt is over that some of them waited out.
        room = max(_AT_ONCE - len(busy - held), 0)
        return list(
            await tx.outbox.first_due(self._clock(), room, kinds=kinds, without=busy | held)
        )

    def _start(self, item: OutboxItem) -> None:
        lane = item.chat_id, self._handlings[item.kind].is_slow
        self._busy.add(lane)
        self._claimed.add(item.id)
        task = asyncio.create_task(self._send(item))
        self._tasks.add(task)
        task.add_done_callback(partial(self._done, lane))

    def _is_held(self, chat_id: ChatId) -> bool:
        until = self._held.get(chat_id)
        if until is None:
            return False
        if until > self._since_boot():
            return True
        del self._held[chat_id]
        return False

    async def released(self, chat_id: ChatId) -> None:
        """Waits until something may be sent to this chat again."""
        while self._is_held(chat_id):  # noqa: ASYNC110 - a clock tells it, no event
            await asyncio.sleep(_HELD_LOOK_S)

    async def hold(self, chat_id: ChatId, seconds: float) -> None:
        """Nothing goes to this chat for so long: Telegram said so to whoever calls this."""
        until = self._hold_until(chat_id, seconds)
        try:
            async with self._database.writing() as tx:
                await tx.outbox.hold_chat(chat_id, until)
        except Exception as error:
            # It is known here; only the next process would not know.
            if not is_passing(error):
                raise

    def _hold_until(self, chat_id: ChatId, seconds: float) -> datetime:
        now = self._since_boot()
        until = now + timedelta(seconds=seconds)
        # What was on its way may be told a shorter time.
        self._held[chat_id] = until = max(until, self._held.get(chat_id, until))
        return self._clock() + (until - now)

    def _done(self, lane: Lane, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        self._busy.discard(lane)
        self.wake()

    async def _send(self, item: OutboxItem) -> None:
        try:
            came = await self._try(item)
            try:
                await self._write(item, came)
            except Exception as error:  # such a row must not be sent for ever, either
                if self._handlings[item.kind].settle is not None:
                    raise
                log.exception("What came of a %s cannot be written down", item.kind)
                await self._write(item, self._again(item, type(error).__name__))
        except Exception as error:  # noqa: BLE001 - the row says 'sending', and `reclaim` takes it up
            log_failure(log, f"A {item.kind} was not sent, or nobody knows", error)
        finally:
            self._claimed.discard(item.id)

    async def _try(self, item: OutboxItem) -> Next | Decision:
        handling = self._handlings[item.kind]
        try:
            came = await handling.send(item)
        except Exception as error:  # one message that cannot be made must not stop the others
            failure = self._failure_of(error)
            if failure is not None:
                return self._after(item, failure)
            if handling.settle is not None or is_passing(error):
                raise
            if item.attempts == 0:
                log.exception("Sending a %s failed", item.kind)
            return self._again(item, type(error).__name__)
        if handling.settle is None:  # a delivery tells nobody how it went
            if self._failures >= _STORM:
                log.info("Telegram takes messages again")
            self._failures = 0
            self._got_through_at = self._since_boot()
        return came

    async def _write(self, item: OutboxItem, came: Next | Decision) -> None:
        """What came of it is known here only, so it is kept until it can be written down."""
        told = False
        while True:
            try:
                await self._conclude(item, came)
            except Exception as error:
                if not is_passing(error):
                    raise
                if not told:
                    log.warning("What came of a %s cannot be stored yet", item.kind)
                told = True
                await asyncio.sleep(_STORE_RETRY_S)
            else:
                return

    async def _conclude(self, item: OutboxItem, came: Next | Decision) -> None:
        async with self._core.acting(THE_BOT) as case:
            what = await came(case) if callable(came) else came
            await case.tx.outbox.conclude(item, what)
            if isinstance(what, Later) and what.chat_id is not None:
                await case.tx.outbox.move_chat(item.chat_id, what.chat_id)
            if isinstance(what, SetAside) and what.why is None:
                user_id, is_deleted = UserId(item.chat_id), what.is_deleted
                await people.unreachable(case, user_id, is_deleted=is_deleted)
            # Whoever asked hears once of a card that arrives nowhere: when it steps aside, or is
            # set aside before.
            steps_aside = isinstance(what, Later) and what.attempts >= PATIENCE
            is_first = item.attempts < PATIENCE and (steps_aside or isinstance(what, SetAside))
            if item.kind is OutboxKind.CARD and is_first:
                await requests.card_undelivered(case, item.payload["request"], item.chat_id)

    def _after(self, item: OutboxItem, failure: Failure) -> Next:
        """What comes after a failure at the far end."""
        reason = failure.reason
        match failure.outcome:
            case Outcome.FLOOD:
                # Telegram says how long; where it does not, we do. It is no fault of the message.
                until = self._hold_until(item.chat_id, failure.wait_s or _backoff_s(item))
                return Later(until, item.attempts, reason, holds_chat=True)
            case Outcome.UNKNOWN if failure.says_done and item.attempts > 0:
                return _never(item, reason)
            case Outcome.NOT_DONE | Outcome.UNKNOWN:
                return self._soon(item, reason)
            case Outcome.MOVED:
                return Later(self._clock(), item.attempts, chat_id=ChatId(failure.moved_to))
            case Outcome.CLOSED | Outcome.DELETED:
                log.warning("A %s was refused: %s", item.kind, reason)
                return SetAside(None, is_deleted=failure.outcome is Outcome.DELETED)
            case Outcome.WORDS | Outcome.REFUSED:
                return _never(item, reason)

    def _soon(self, item: OutboxItem, reason: str) -> Next:
        """It holds up its chat for a moment, a few times."""
        self._failures += 1
        if self._failures == _STORM:
            log.warning("Telegram takes no messages (%s); I keep trying", reason)
        if item.attempts + 1 >= PATIENCE:
            return self._again(item, reason)
        until = self._hold_until(item.chat_id, _backoff_s(item))
        return Later(until, item.attempts + 1, reason, holds_chat=True)

    def _again(self, item: OutboxItem, error: str) -> Next:
        """It steps aside until it is due again, or for good."""
        now = self._clock()
        tries = item.attempts + 1
        last = self._got_through_at
        gets_through = last is not None and self._since_boot() - last < _FRESH
        if (tries >= _TRIES and gets_through) or now - item.created_at > _TOO_OLD:
            return _never(item, error)
        return Later(now + timedelta(seconds=_backoff_s(item)), tries, error)

    async def _stop(self) -> None:
        # A profile that is cut off on its way is taken for lost, so it gets time to arrive.
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=_GRACE_S)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)


def _never(item: OutboxItem, error: str) -> SetAside:
    log.warning("A %s was not sent, and never will be: %s", item.kind, error)
    return SetAside(error)


def _backoff_s(item: OutboxItem) -> float:
    return float(min(_FIRST_RETRY_S * 2 ** min(item.attempts, 10), _LONGEST_RETRY_S))
