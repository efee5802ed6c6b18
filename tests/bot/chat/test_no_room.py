"""Whoever writes while the disk is full is told once; so are the admins, unasked."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bot.chat.client import connect
from bot.chat.no_room import NoRoom
from bot.process.reserve import Reserve
from bot.texts import machine as words
from demo.people import DemoPerson
from demo.server import DemoServer
from storage.records import ChatId, InboxItem, UserId
from tests.bot.access.kit import ANNA, BORIS, CLARA, MORNING

TOKEN = "123456789:a-token-that-opens-nothing-at-all"
PEOPLE = [
    DemoPerson(one, "P", None, "Employee", started=one != CLARA) for one in (ANNA, BORIS, CLARA)
]


def waiting(*chats: int) -> list[InboxItem]:
    return [InboxItem(number, ChatId(chat), "{}", MORNING) for number, chat in enumerate(chats, 1)]


@pytest.fixture
async def server() -> AsyncIterator[DemoServer]:
    async with DemoServer(TOKEN, PEOPLE) as made:
        yield made


async def test_each_is_told_once_until_there_is_room(server: DemoServer, tmp_path: Path) -> None:
    reserve = Reserve(tmp_path / "reserve")
    async with connect(TOKEN, server.url).bot as bot:
        room = NoRoom(bot, [UserId(BORIS), UserId(CLARA)], reserve)

        async def told(*chats: int) -> list[tuple[int, str]]:
            before = len(server.calls)
            await room.tell(waiting(*chats))
            calls = [call for call in server.calls[before:] if call.method == "sendMessage"]
            return [(int(call.params["chat_id"]), call.params["text"]) for call in calls]

        assert await told(ANNA) == []
        reserve.is_scarce = True
        # Clara has not pressed Start: that keeps nobody else from hearing of it.
        assert await told(ANNA, ANNA, -55, 0) == [
            (BORIS, words.NO_ROOM_ADMIN),
            (CLARA, words.NO_ROOM_ADMIN),
            (ANNA, words.NO_ROOM),
        ]
        assert await told(ANNA, BORIS) == []
        reserve.is_scarce = False
        assert await told(ANNA) == []
        reserve.is_scarce = True
        assert len(await told()) == 2
        assert len(await told(*range(5000, 5500))) == 198
