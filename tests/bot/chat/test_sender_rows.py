"""What comes of a row that was not sent, and of a halt that cannot be written down."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy.exc import IntegrityError
from telegram.error import NetworkError

from bot.access.case import Case
from bot.chat.outcomes import failure_at_telegram
from bot.chat.sender import Decision, Handling, Sender
from bot.core import Core
from storage.outbox import Done, Later, Next, SetAside
from storage.records import OutboxItem, OutboxKind
from tests.bot.chat.test_sender import ANNA, CHANCE, RULES, put
from tests.company import until
from tests.storage.kit import DAY, NOW, open_copy

SECOND = timedelta(seconds=1)


class Time:
    """Stands still until it is put forward."""

    def __init__(self) -> None:
        self.gone_by = timedelta()


@pytest.fixture
def time() -> Time:
    return Time()


@pytest.fixture
async def core(template: Path, tmp_path: Path, time: Time) -> AsyncIterator[Core]:
    database = await open_copy(template, tmp_path)
    yield Core(database, RULES, CHANCE, lambda: NOW, lambda: time.gone_by)
    await database.close()


async def row(core: Core) -> OutboxItem:
    await put(core, OutboxKind.NOTICE, [ANNA])
    async with core.database.reading() as tx:
        [item] = await tx.outbox.due(NOW, 9)
    return item


def later(seconds: int, attempts: int, *, holds: bool = False) -> Later:
    return Later(NOW + seconds * SECOND, attempts, "no", holds_chat=holds)


@pytest.mark.parametrize(
    ("attempts", "since", "age", "comes"),
    [
        # It holds up its chat twice, and steps aside from then on.
        (0, SECOND, SECOND, later(1, 1, holds=True)),
        (1, SECOND, SECOND, later(2, 2, holds=True)),
        (2, SECOND, SECOND, later(4, 3)),
        (6, SECOND, SECOND, later(60, 7)),
        # Eight times while others get through; else for a day.
        (7, 119 * SECOND, SECOND, SetAside("no")),
        (7, 120 * SECOND, SECOND, later(60, 8)),
        (7, 120 * SECOND, DAY, later(60, 8)),
        (7, 120 * SECOND, DAY + SECOND, SetAside("no")),
        (2, SECOND, DAY + SECOND, SetAside("no")),
    ],
)
async def test_how_long_what_fails_is_tried(
    core: Core, time: Time, attempts: int, since: timedelta, age: timedelta, comes: Next
) -> None:
    trouble: list[Exception] = []

    async def send(_: OutboxItem) -> Done:
        if trouble:
            raise trouble[0]
        return Done()

    sender = Sender(core, {OutboxKind.NOTICE: Handling(send)}, failure_of=failure_at_telegram)
    item = replace(await row(core), attempts=attempts, created_at=NOW - age)
    assert await sender._try(item) == Done()
    trouble.append(NetworkError("no"))
    time.gone_by += since
    assert await sender._try(item) == comes


@pytest.mark.parametrize("breaks_at", ["sending", "writing"])
async def test_what_must_not_go_twice_waits_for_whoever_settles_it(
    core: Core, breaks_at: str, caplog: pytest.LogCaptureFixture
) -> None:
    item = await row(core)
    settled: list[int] = []

    async def breaks(_: Case) -> Next:
        raise KeyError("a bug")

    async def send(_: OutboxItem) -> Decision:
        if breaks_at == "sending":
            raise KeyError("a bug")
        return breaks

    async def settle(found: OutboxItem) -> Done:
        settled.append(found.id)
        return Done()

    handling = Handling(send, settle=settle)
    sender = Sender(core, {OutboxKind.NOTICE: handling}, failure_of=failure_at_telegram)
    running = asyncio.create_task(sender.run())
    try:
        await until(lambda: "nobody knows" in caplog.text and not sender.is_busy)
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
    assert settled == []
    async with core.database.reading() as tx:
        assert [one.id for one in await tx.outbox.sending()] == [item.id]
    await sender.reclaim()
    assert settled == [item.id]
    async with core.database.reading() as tx:
        assert await tx.outbox.sending() == []


async def test_a_halt_that_cannot_be_written_down_is_one_all_the_same(core: Core) -> None:
    sender = Sender(core, {}, failure_of=failure_at_telegram)
    for connection in core.database._idle:
        connection._sqlite.execute("PRAGMA query_only = 1")
    await sender.hold(ANNA, 60)
    assert sender._is_held(ANNA)


async def test_a_halt_that_breaks_otherwise_is_a_fault(core: Core) -> None:
    async with core.database.writing() as tx:
        await tx._connection.exec_driver_sql(
            "CREATE TRIGGER no BEFORE INSERT ON chat_holds BEGIN SELECT RAISE(ABORT, 'no'); END"
        )
    sender = Sender(core, {}, failure_of=failure_at_telegram)
    with pytest.raises(IntegrityError):
        await sender.hold(ANNA, 60)
