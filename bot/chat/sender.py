"""Sends what the outbox holds: in order within a chat, several chats at once.

Accepted: a text whose sending was cut off may be sent twice, since nobody can tell whether it
arrived; a person reads a sentence twice. Profiles are different, see `delivery`.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from functools import partial

from telegram.error import TelegramError

from bot.access import people, requests
from bot.chat.outcomes import Failure, Outcome, failure_of
from bot.clock import SetBack
from bot.core import Core
from bot.logs import log_failure
from bot.loops import forever, woken
from storage.errors import is_passing
from storage.records import ChatId, OutboxItem, OutboxKind, UserId
from storage.transaction import Transaction

log = logging.getLogger(__name__)

Handler = Callable[[OutboxItem], Awaitable[None]]
# One thing after the other: a chat's texts, and beside them what waits for servers.
Lane = tuple[ChatId, bool]

# The command line writes into the outbox, too.
_LOOK_S = 0.5
# More at once is slower: Telegram and SQLite both take one thing after the other. As many texts,
# and as much of what is slow: a server that hangs holds up no text.
_AT_ONCE = 16
_BATCH = 200
_RECLAIM_EVERY = timedelta(seconds=30)
_GRACE_S = 5.0
_HELD_LOOK_S = 0.1
_FIRST_RETRY_S = 1.0
_LONGEST_RETRY_S = 60.0
# These wait for servers, or take their time to upload, so they do not hold up the texts of the
# same chat.
_SLOW = frozenset(
    {
        OutboxKind.DELIVER,
        OutboxKind.EXTRA_FILE,
        OutboxKind.RECEIPT,
        OutboxKind.SERVERS,
        OutboxKind.CUT,
    }
)
_TEXTS = frozenset(OutboxKind) - _SLOW
# Access is given and ended before it is talked about; the texts wait no longer than this.
_HEAD_START_S = 0.05


class Sender:
    def __init__(
        self,
        core: Core,
        handlers: dict[OutboxKind, Handler],
        settle: Handler,
    ) -> None:
        self._core = core
        self._database = core.database
        self._clock = core.clock
        self._handlers = handlers
        self._settle = settle
        self._wake = asyncio.Event()
        self._claimed: set[int] = set()
        self._reclaim_at = core.clock()
        self._set_back = SetBack(core.clock())
        self._busy: set[Lane] = set()
        self._held: dict[ChatId, datetime] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    def wake(self) -> None:
        """Something new is in the outbox."""
        self._wake.set()

    async def run(self) -> None:
        """Sends until it is cancelled."""
        try:
            await forever(self._round)
        finally:
            await self._stop()

    async def reclaim(self) -> None:
        """Takes up what says 'sending' although nobody sends it.

        At a start that is what an ended process left; later, what could not be written back
        because the database was in trouble. Texts are sent again. Of a profile nobody knows
        whether it arrived, which is for `delivery` to settle.
        """
        async with self._database.writing() as tx:
            lost = [row for row in await tx.outbox.sending() if row.id not in self._claimed]
            for item in lost:
                if item.kind is not OutboxKind.DELIVER:
                    await tx.outbox.requeue(item.id, self._clock(), attempts=item.attempts)
        for item in lost:
            if item.kind is OutboxKind.DELIVER:
                await self._settle(item)

    async def _round(self) -> None:
        self._wake.clear()
        now = self._clock()
        if self._set_back.noticed(now):
            self._held.clear()
            self._reclaim_at = now
        if now >= self._reclaim_at:
            self._reclaim_at = now + _RECLAIM_EVERY
            await self.reclaim()
        await self._start_due()
        await woken(self._wake, _LOOK_S)

    async def _start_due(self) -> None:
        async with self._database.reading() as tx:
            items = [*await self._next(tx, _SLOW), *await self._next(tx, _TEXTS)]
        if not items:
            return
        # One commit for all: each costs a write to the disk, and the next one waits for it.
        async with self._database.writing() as tx:
            claimed = [item for item in items if await tx.outbox.claim(item.id)]
        first = [self._start(item) for item in claimed if item.kind in _SLOW]
        if first and len(first) < len(claimed):
            await asyncio.wait(first, timeout=_HEAD_START_S)
        for item in claimed:
            if item.kind not in _SLOW:
                self._start(item)

    async def _next(self, tx: Transaction, kinds: frozenset[OutboxKind]) -> list[OutboxItem]:
        """As many as there is room for, the first one of each lane."""
        room = _AT_ONCE - self._at_work(slow=kinds is _SLOW)
        if room <= 0:
            return []
        chosen: dict[Lane, OutboxItem] = {}
        for item in await tx.outbox.due(self._clock(), _BATCH, kinds=kinds):
            lane = _lane(item)
            if lane not in self._busy and not self._is_held(item.chat_id):
                chosen.setdefault(lane, item)
        return list(chosen.values())[:room]

    def _at_work(self, *, slow: bool) -> int:
        """What only waits for Telegram to take a profile again keeps nobody else from going."""
        return sum(
            is_slow is slow and not self._is_held(chat_id) for chat_id, is_slow in self._busy
        )

    def _start(self, item: OutboxItem) -> asyncio.Task[None]:
        lane = _lane(item)
        self._busy.add(lane)
        self._claimed.add(item.id)
        task = asyncio.create_task(self._send(item))
        self._tasks.add(task)
        task.add_done_callback(partial(self._done, lane))
        return task

    def _is_held(self, chat_id: ChatId) -> bool:
        until = self._held.get(chat_id)
        if until is None:
            return False
        if until > self._clock():
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
        until = self._clock() + timedelta(seconds=seconds)
        # What was on its way may be told a shorter time.
        self._held[chat_id] = until = max(until, self._held.get(chat_id, until))
        return until

    def _done(self, lane: Lane, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        self._busy.discard(lane)
        self.wake()

    async def _send(self, item: OutboxItem) -> None:
        try:
            await self._handle(item)
        except Exception as error:  # noqa: BLE001 - the row says 'sending', and `reclaim` takes it up
            log_failure(log, f"A {item.kind} was not sent, or nobody knows", error)
        finally:
            self._claimed.discard(item.id)

    async def _handle(self, item: OutboxItem) -> None:
        try:
            await self._handlers[item.kind](item)
        except TelegramError as error:
            await self._after(item, failure_of(error))
        except Exception as error:  # one message that cannot be made must not stop the others
            if item.kind is OutboxKind.DELIVER or is_passing(error):
                raise
            log.exception("Sending a %s failed", item.kind)
            await self._again(item, self._backoff(item))

    async def _after(self, item: OutboxItem, failure: Failure) -> None:
        match failure.outcome:
            case Outcome.FLOOD:
                await self._hold(item, failure.wait_s)
            case Outcome.NOT_DONE | Outcome.UNKNOWN:
                await self._hold(item, self._backoff(item))
            case Outcome.CLOSED | Outcome.REFUSED:
                log.warning("A %s was refused: %s", item.kind, failure.reason)
                await self._give_up(item, closed=failure.outcome is Outcome.CLOSED)

    async def _give_up(self, item: OutboxItem, *, closed: bool) -> None:
        async with self._database.writing() as tx:
            ctx = self._core.context()
            await tx.outbox.fail(item.id)
            if closed:
                await people.unreachable(tx, ctx, UserId(item.chat_id))
            if item.kind is OutboxKind.CARD:
                await requests.card_undelivered(tx, ctx, item.payload["request"])

    async def _hold(self, item: OutboxItem, seconds: float) -> None:
        """Nothing overtakes in this chat: all that waits for it waits as long.

        What is written from now on waits, too: it would be due at once.
        """
        until = self._hold_until(item.chat_id, seconds)
        async with self._database.writing() as tx:
            await tx.outbox.requeue(item.id, until, attempts=item.attempts + 1)
            await tx.outbox.hold_chat(item.chat_id, until)

    async def _again(self, item: OutboxItem, seconds: float) -> None:
        due_at = self._clock() + timedelta(seconds=seconds)
        async with self._database.writing() as tx:
            await tx.outbox.requeue(item.id, due_at, attempts=item.attempts + 1)

    def _backoff(self, item: OutboxItem) -> float:
        return float(min(_FIRST_RETRY_S * 2 ** min(item.attempts, 10), _LONGEST_RETRY_S))

    async def _stop(self) -> None:
        # A profile that is cut off on its way is taken for lost, so it gets time to arrive.
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=_GRACE_S)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)


def _lane(item: OutboxItem) -> Lane:
    return item.chat_id, item.kind in _SLOW
