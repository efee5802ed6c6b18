"""What Telegram does not take: it holds up nobody for long, and its trouble costs nothing."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

import pytest
import pytest_asyncio
from telegram.error import BadRequest, Forbidden, NetworkError

from bot.access.case import Case, Rules
from bot.chat.outcomes import failure_at_telegram
from bot.chat.sender import Decision, Handling, Sender
from bot.chat.wire import OddResult
from bot.core import Core
from bot.desk import real_chance
from storage.outbox import Done, Next
from storage.records import ChatId, OutboxItem, OutboxKind, UserId
from tests.company import until
from tests.machine import Machine
from tests.storage.kit import add_request, open_copy

ALICE, BOB = ChatId(7), ChatId(8)
POISON = "poison"


class Office:
    """A sender on a clock that can be put forward, and a Telegram that does not take everything."""

    def __init__(self, core: Core, machine: Machine) -> None:
        self._core = core
        self._machine = machine
        self.sent: list[str] = []
        self.tries: list[str] = []
        self.error: Callable[[str], Exception | None] = lambda _text: None
        self.came: dict[str, Decision] = {}
        handlings = {kind: Handling(self._send) for kind in (OutboxKind.NOTICE, OutboxKind.CARD)}
        self.sender = Sender(core, handlings, failure_of=failure_at_telegram)

    async def _send(self, item: OutboxItem) -> Done | Decision:
        text = item.payload.get("text") or item.payload["code"]
        self.tries.append(text)
        error = self.error(text)
        if error is not None:
            raise error
        self.sent.append(text)
        return self.came.get(text, Done())

    async def say(self, *texts: str, chat: ChatId = ALICE) -> None:
        async with self._core.database.writing() as tx:
            for text in texts:
                await tx.outbox.add(chat, OutboxKind.NOTICE, {"text": text}, now=self._core.clock())
        self.sender.wake()

    async def ask(self) -> None:
        """Alice asks for access, and Bob gets a card that says POISON."""
        now = self._core.clock()
        async with self._core.database.writing() as tx:
            await tx.people.allow(UserId(ALICE), "Alice", now)
            request = await add_request(tx, UserId(ALICE))
            card = {"text": POISON, "request": request.id}
            await tx.outbox.add(BOB, OutboxKind.CARD, card, now=now)
        self.sender.wake()

    async def pass_time(self, **period: float) -> None:
        self._machine.gone_by += timedelta(**period)
        self.sender.wake()

    async def rows(self, state: str) -> list[tuple[str, int, str | None]]:
        async with self._core.database.reading() as tx:
            found = await tx._connection.exec_driver_sql(
                "SELECT json_extract(payload, '$.text'), attempts, error FROM outbox "
                "WHERE state = ? ORDER BY id",
                (state,),
            )
            return [tuple(row) for row in found]

    async def tried(self, text: str, times: int, **period: float) -> None:
        """Lets time pass until this was tried so often, and that is written down."""
        end = time.monotonic() + 60
        while self.tries.count(text) < times:
            before = len(self.tries)
            await self.pass_time(**period)
            while len(self.tries) == before or await self.rows("sending"):
                assert time.monotonic() < end
                await asyncio.sleep(0.01)


@pytest_asyncio.fixture
async def office(template: Path, tmp_path: Path) -> AsyncIterator[Office]:
    machine = Machine()
    database = await open_copy(template, tmp_path)
    rules = Rules(60, 60, 60)
    core = Core(database, rules, real_chance(), machine.clock, machine.since_boot)
    yield Office(core, machine)
    await database.close()


@asynccontextmanager
async def running(office: Office) -> AsyncIterator[None]:
    task = asyncio.create_task(office.sender.run())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def lines(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.message for record in caplog.records if record.name == "bot.chat.sender"]


@pytest.mark.parametrize("error", [NetworkError("Internal Server Error"), KeyError("a bug")])
async def test_a_message_that_always_fails_silences_nobody(
    office: Office, error: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    office.error = lambda text: error if text == POISON else None
    async with running(office):
        await office.say(POISON, "after it")
        await office.tried(POISON, 3, minutes=1)
        await until(lambda: office.sent == ["after it"])
        for number in range(4, 9):
            await office.say("something else", chat=BOB)
            await until(lambda: office.sent.count("something else") == number - 3)  # noqa: B023
            await office.tried(POISON, number, minutes=1)
        reason = "internal server error" if isinstance(error, NetworkError) else "KeyError"
        assert await office.rows("failed") == [(POISON, 7, reason)]
        await office.pass_time(hours=1)
        await office.say("later")
        await until(lambda: "later" in office.sent)
    assert office.tries.count(POISON) == 8
    assert f"A notice was not sent, and never will be: {reason}" in lines(caplog)


async def test_what_may_well_have_been_said_is_said_twice_at_most(office: Office) -> None:
    """Telegram says that it was done, and then nonsense."""
    office.error = lambda text: OddResult("sendMessage") if text == POISON else None
    async with running(office):
        await office.say(POISON, "after it")
        await office.tried(POISON, 2, minutes=1)
        await until(lambda: office.sent == ["after it"])
        [(_, attempts, reason)] = await office.rows("failed")
    assert (office.tries.count(POISON), attempts) == (2, 1)
    assert reason == "the answer to sendmessage says that it was done, but not what was done"


async def test_what_can_never_be_written_down_is_not_sent_for_ever(office: Office) -> None:
    async def breaks(_case: Case) -> Next:
        raise KeyError("a bug")

    office.came[POISON] = breaks
    async with running(office):
        await office.say(POISON, "after it")
        await office.tried(POISON, 8, minutes=1)
        await until(lambda: "after it" in office.sent)
        assert await office.rows("failed") == [(POISON, 7, "KeyError")]
        await office.pass_time(hours=1)
        await office.say("later")
        await until(lambda: "later" in office.sent)
    assert office.tries.count(POISON) == 8


async def test_a_storm_costs_no_message_and_not_their_order(
    office: Office, caplog: pytest.LogCaptureFixture
) -> None:
    """It is told when it begins and when it is over."""
    caplog.set_level("INFO")
    office.error = lambda _text: NetworkError("Internal Server Error")
    async with running(office):
        await office.say("one", "two")
        await office.say("three", chat=BOB)
        await office.tried("one", 12, minutes=2)
        assert await office.rows("failed") == []
        office.error = lambda _text: None
        await office.pass_time(minutes=2)
        await until(lambda: sorted(office.sent) == ["one", "three", "two"])
    assert lines(caplog) == [
        "Telegram takes no messages (internal server error); I keep trying",
        "Telegram takes messages again",
    ]


async def test_what_is_a_day_old_is_given_up(office: Office) -> None:
    office.error = lambda _text: NetworkError("Internal Server Error")
    async with running(office):
        await office.say("one")
        await office.tried("one", 3, minutes=2)
        await office.tried("one", 4, days=2)
        assert await office.rows("failed") == [("one", 3, "internal server error")]


async def test_what_is_refused_is_set_aside_at_once(office: Office) -> None:
    """With its reason, unless it is the person who does not let the bot write."""
    errors = {
        "refused": BadRequest("Bad Request: wrong file identifier"),
        "words": BadRequest("Bad Request: can't parse entities"),
        "closed": Forbidden("Forbidden: bot was blocked by the user"),
    }
    office.error = errors.get
    async with running(office):
        await office.say(*errors, "last")
        await until(lambda: office.sent == ["last"])
        assert await office.rows("failed") == [
            ("refused", 0, "wrong file identifier"),
            ("words", 0, "can't parse entities"),
            ("closed", 0, None),
        ]


async def test_who_asked_hears_once_that_a_card_arrives_nowhere(office: Office) -> None:
    """Once it steps aside; not before, and not again when it is given up."""
    office.error = lambda text: NetworkError("Internal Server Error") if text == POISON else None
    async with running(office):
        await office.ask()
        await office.tried(POISON, 2, minutes=1)
        assert office.tries == [POISON, POISON]
        await office.tried(POISON, 3, minutes=1)
        await until(lambda: office.sent == ["no_admin_reachable"])
        await office.tried(POISON, 4, days=2)
        assert [text for text, _, _ in await office.rows("failed")] == [POISON]
        await office.say("last")
        await until(lambda: office.sent == ["no_admin_reachable", "last"])


@pytest.mark.parametrize("kind", [BadRequest, Forbidden])
async def test_who_asked_hears_at_once_of_a_card_that_is_refused(
    office: Office, kind: type[Exception]
) -> None:
    office.error = lambda text: kind("no") if text == POISON else None
    async with running(office):
        await office.ask()
        await until(lambda: office.sent == ["no_admin_reachable"])
