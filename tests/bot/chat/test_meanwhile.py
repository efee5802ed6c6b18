"""What a chat shows while something takes longer: for a first try, after a moment, and no more."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
from telegram import Bot
from telegram.constants import ChatAction

from bot.chat import meanwhile
from bot.chat.client import connect
from demo.api.faults import Fault, status
from demo.people import DemoPerson
from demo.server import DemoServer
from storage.outbox import Done, Next
from storage.records import ChatId, OutboxItem, OutboxKind, OutboxState
from tests.company import until
from tests.storage.kit import NOW

TOKEN = "123456789:a-token-that-opens-nothing-at-all"
ANNA = DemoPerson(1001, "Anna", "anna", "Employee", started=True)
ITEM = OutboxItem(
    7, ChatId(ANNA.id), OutboxKind.SERVERS, {}, OutboxState.SENDING, 0, due_at=NOW, created_at=NOW
)


@pytest.fixture
async def there(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[tuple[DemoServer, Bot]]:
    monkeypatch.setattr(meanwhile, "_MOMENT_S", 0.01)
    monkeypatch.setattr(meanwhile, "_AGAIN_S", 0.01)
    async with DemoServer(TOKEN, [ANNA]) as server, connect(TOKEN, server.url).bot as bot:
        yield server, bot


def actions(server: DemoServer) -> list[str]:
    return [one.params["action"] for one in server.calls if one.method == "sendChatAction"]


async def test_it_is_shown_until_it_is_done(there: tuple[DemoServer, Bot]) -> None:
    server, bot = there

    async def send(_item: OutboxItem) -> Next:
        await until(lambda: len(actions(server)) > 2)
        return Done()

    assert await meanwhile.shown(bot, send, action=ChatAction.UPLOAD_DOCUMENT)(ITEM) == Done()
    assert set(actions(server)) == {"upload_document"}
    count = len(actions(server))
    await asyncio.sleep(0.05)
    assert len(actions(server)) == count


async def test_where_telegram_refuses_it_all_goes_on(there: tuple[DemoServer, Bot]) -> None:
    server, bot = there
    server.faults.append(Fault("sendChatAction", 1, status(400, "Bad Request: no")))

    async def send(_item: OutboxItem) -> Next:
        await until(lambda: not server.faults)
        await asyncio.sleep(0.05)
        return Done()

    assert await meanwhile.shown(bot, send)(ITEM) == Done()
    assert len(actions(server)) == 1


async def test_what_comes_at_once_is_not_announced_and_nothing_twice(
    there: tuple[DemoServer, Bot], monkeypatch: pytest.MonkeyPatch
) -> None:
    server, bot = there
    monkeypatch.setattr(meanwhile, "_AGAIN_S", 3600)

    async def takes_long(_item: OutboxItem) -> Next:
        await until(lambda: actions(server))
        return Done()

    async def takes_no_time(_item: OutboxItem) -> Next:
        return Done()

    await meanwhile.shown(bot, takes_long)(ITEM)
    assert len(actions(server)) == 1
    monkeypatch.setattr(meanwhile, "_MOMENT_S", 3600)
    await meanwhile.shown(bot, takes_no_time)(ITEM)
    assert len(actions(server)) == 1


@pytest.mark.parametrize(
    "item",
    [
        replace(ITEM, attempts=1),
        replace(ITEM, chat_id=ChatId(-55)),
        replace(ITEM, payload={"if_unproved": True}),
    ],
)
async def test_what_nobody_waits_for_is_not_shown(
    there: tuple[DemoServer, Bot], item: OutboxItem
) -> None:
    server, bot = there

    async def send(_item: OutboxItem) -> Next:
        await asyncio.sleep(0.05)
        return Done()

    assert await meanwhile.shown(bot, send)(item) == Done()
    assert actions(server) == []
