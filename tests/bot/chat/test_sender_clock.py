"""What is sent when, on a clock that jumps."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

import pytest
import pytest_asyncio
from telegram.error import RetryAfter

from bot.access import clock as clock_rules
from bot.access.case import Rules
from bot.access.permission import THE_BOT
from bot.chat.outcomes import failure_at_telegram
from bot.chat.sender import Handling, Sender
from bot.core import Core
from bot.desk import real_chance
from storage.database import open_database, sqlite_url
from storage.outbox import Done
from storage.records import ChatId, OutboxItem, OutboxKind
from tests.company import until
from tests.machine import Machine

ALICE, BOB = ChatId(7), ChatId(8)
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)


class Telegram:
    """Sends nothing to a chat while it is angry with it."""

    def __init__(self) -> None:
        self.angry = True
        self.sent: list[str] = []
        self.tries = 0

    async def send(self, item: OutboxItem) -> Done:
        if self.angry and item.chat_id == ALICE:
            self.tries += 1
            raise RetryAfter(600)
        self.sent.append(item.payload["text"])
        return Done()


@pytest.fixture
def machine() -> Machine:
    return Machine()


@pytest_asyncio.fixture
async def core(
    tmp_path: Path, machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Core]:
    monkeypatch.setenv("PTB_TIMEDELTA", "1")  # as `connect` does it
    database = await open_database(sqlite_url(tmp_path / "vpnbot.db"))
    yield Core(database, Rules(60, 60, 60), real_chance(), machine.clock, machine.since_boot)
    await database.close()


@asynccontextmanager
async def sending(core: Core) -> AsyncIterator[tuple[Sender, Telegram]]:
    telegram = Telegram()
    handlings = {OutboxKind.NOTICE: Handling(telegram.send)}
    sender = Sender(core, handlings, failure_of=failure_at_telegram)
    task = asyncio.create_task(sender.run())
    try:
        yield sender, telegram
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def say(core: Core, sender: Sender, text: str, chat: ChatId = ALICE) -> None:
    async with core.database.writing() as tx:
        await tx.outbox.add(chat, OutboxKind.NOTICE, {"text": text}, now=core.clock())
    sender.wake()


async def is_held(core: Core) -> bool:
    async with core.database.reading() as tx:
        waiting = await tx.outbox.open(OutboxKind.NOTICE)
    return any(item.due_at > core.clock() + 5 * MINUTE for item in waiting)


async def wait_until_held(core: Core) -> None:
    while not await is_held(core):  # noqa: ASYNC110 - the database sends no event
        await asyncio.sleep(0.01)


@pytest.mark.parametrize("jump", [-HOUR, -DAY, HOUR, DAY], ids=str)
async def test_a_chat_that_had_to_wait(core: Core, machine: Machine, jump: timedelta) -> None:
    """Ten minutes; a clock that jumps meanwhile makes it neither less nor more."""
    async with sending(core) as (sender, telegram):
        await say(core, sender, "first")
        await asyncio.wait_for(wait_until_held(core), 60)
        await say(core, sender, "second")
        await say(core, sender, "to Bob", BOB)
        await until(lambda: telegram.sent == ["to Bob"])
        assert await is_held(core)
        machine.wrong_by = jump
        if jump < timedelta(0):  # which the keeper does
            async with core.database.writing() as tx:
                await clock_rules.went_back(core.case(tx, THE_BOT), -jump)
        machine.gone_by = 9 * MINUTE
        await say(core, sender, "to Bob, too", BOB)
        await until(lambda: telegram.sent == ["to Bob", "to Bob, too"])
        assert telegram.tries == 1
        telegram.angry = False
        machine.gone_by = 10 * MINUTE
        sender.wake()
        await until(lambda: telegram.sent[2:] == ["first", "second"])
