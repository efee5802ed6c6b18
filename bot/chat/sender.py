"""Sends what the outbox holds: in order within a chat, several chats at once.

Accepted: a text whose sending was cut off may be sent twice, since nobody can tell whether it
arrived; a person reads a sentence twice. Profiles are different, see `delivery`.

What fails holds up its chat a few times, so that the order stays; then it steps aside. It is set
aside for good once it has failed often while something else got through, or is a day old: so
trouble of Telegram's costs no message, and a message that Telegram will never take costs itself.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from functools import partial

from telegram.error import TelegramError

from bot.access import people, requests
from bot.access.permission import THE_BOT
from bot.chat.outcomes import Failure, Outcome, failure_of
from bot.core import Core
from bot.logs import log_failure
from bot.loops import Every, forever, woken
from storage.errors import is_passing
from storage.records import PATIENCE, ChatId, OutboxItem, OutboxKind, UserId
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
_RECLAIM_EVERY = timedelta(seconds=30)
_GRACE_S = 5.0
_HELD_LOOK_S = 0.1
_FIRST_RETRY_S = 1.0
_LONGEST_RETRY_S = 60.0
# The last of these waits two minutes after the first; what got through within the last two says
# that it is not Telegram.
_TRIES = 8
_FRESH = timedelta(minutes=2)
_TOO_OLD = timedelta(days=1)
# So many failures without a success between them are worth a line.
_STORM = 3
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
        self._since_boot = core.since_boot
        self._handlers = handlers
        self._settle = settle
        self._wake = asyncio.Event()
        self._claimed: set[int] = set()
        self._reclaiming = Every(_RECLAIM_EVERY, core.since_boot)
        self._busy: set[Lane] = set()
        self._held: dict[ChatId, timedelta] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._got_through_at: timedelta | None = None
        self._failures = 0

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
        if self._reclaiming.is_due():
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
        is_slow = kinds is _SLOW
        # More than that are at work where a halt is over that some of them waited out.
        room = max(_AT_ONCE - self._at_work(slow=is_slow), 0)
        busy = {chat_id for chat_id, slow in self._busy if slow is is_slow}
        held = {chat_id for chat_id in tuple(self._held) if self._is_held(chat_id)}
        return list(
            await tx.outbox.first_due(self._clock(), room, kinds=kinds, without=busy | held)
        )

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
            if item.attempts == 0:
                log.exception("Sending a %s failed", item.kind)
            await self._again(item, type(error).__name__)
        else:
            if item.kind is not OutboxKind.DELIVER:  # a delivery tells nobody how it went
                if self._failures >= _STORM:
                    log.info("Telegram takes messages again")
                self._failures = 0
                self._got_through_at = self._since_boot()

    async def _after(self, item: OutboxItem, failure: Failure) -> None:
        match failure.outcome:
            case Outcome.FLOOD:
                # Telegram says how long; where it does not, we do. It is no fault of the message.
                wait_s = failure.wait_s or self._backoff(item)
                await self._hold(item, wait_s, failure.reason, attempts=item.attempts)
            case Outcome.UNKNOWN if failure.says_done and item.attempts > 0:
                await self._give_up(item, failure.reason)
            case Outcome.NOT_DONE | Outcome.UNKNOWN:
                self._failures += 1
                if self._failures == _STORM:
                    log.warning("Telegram takes no messages (%s); I keep trying", failure.reason)
                if item.attempts + 1 < PATIENCE:
                    wait_s = self._backoff(item)
                    await self._hold(item, wait_s, failure.reason, attempts=item.attempts + 1)
                else:
                    await self._again(item, failure.reason)
            case Outcome.CLOSED:
                log.warning("A %s was refused: %s", item.kind, failure.reason)
                await self._give_up(item, None)
            case Outcome.WORDS | Outcome.REFUSED:
                await self._give_up(item, failure.reason)

    async def _give_up(self, item: OutboxItem, error: str | None) -> None:
        """Sets a row aside for good; without an error the person does not let the bot write."""
        if error is not None:
            log.warning("A %s was not sent, and never will be: %s", item.kind, error)
        async with self._database.writing() as tx:
            case = self._core.case(tx, THE_BOT)
            await tx.outbox.fail(item.id, error)
            if error is None:
                await people.unreachable(case, UserId(item.chat_id))
            if item.kind is OutboxKind.CARD and item.attempts < PATIENCE:
                await requests.card_undelivered(case, item.payload["request"])

    async def _hold(self, item: OutboxItem, seconds: float, error: str, *, attempts: int) -> None:
        """Nothing overtakes in this chat: all that waits for it waits as long.

        What is written from now on waits, too: it would be due at once.
        """
        until = self._hold_until(item.chat_id, seconds)
        async with self._database.writing() as tx:
            await tx.outbox.requeue(item.id, until, attempts=attempts, error=error)
            await tx.outbox.hold_chat(item.chat_id, until)

    async def _again(self, item: OutboxItem, error: str) -> None:
        """It steps aside until it is due again, or for good."""
        now = self._clock()
        tries = item.attempts + 1
        last = self._got_through_at
        gets_through = last is not None and self._since_boot() - last < _FRESH
        if (tries >= _TRIES and gets_through) or now - item.created_at > _TOO_OLD:
            await self._give_up(item, error)
            return
        due_at = now + timedelta(seconds=self._backoff(item))
        async with self._database.writing() as tx:
            await tx.outbox.requeue(item.id, due_at, attempts=tries, error=error)
            if item.kind is OutboxKind.CARD and tries == PATIENCE:
                case = self._core.case(tx, THE_BOT)
                await requests.card_undelivered(case, item.payload["request"])

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
