"""What Telegram gives is stored before it is confirmed, and no more of it than has to be."""

import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bot.access.context import Chance, Rules
from bot.chat.client import connect
from bot.chat.poller import Poller
from bot.clock import utc_now
from bot.core import Core
from demo.people import DemoPerson
from demo.server import DemoServer
from storage.database import Database
from tests.gate import updates
from tests.storage.kit import make_template, open_copy

TOKEN = "123456789:a-token-that-opens-nothing-at-all"
ANNA = DemoPerson(1001, "Anna", "anna", "Employee", started=True)


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_template(tmp_path_factory.mktemp("template"))


@pytest.fixture
async def database(template: Path, tmp_path: Path) -> AsyncIterator[Database]:
    opened = await open_copy(template, tmp_path)
    yield opened
    await opened.close()


async def test_an_update_that_nobody_can_have_typed_is_not_kept(database: Database) -> None:
    rules = Rules(default_duration=3600, max_duration=3600, request_ttl=3600)
    core = Core(database, rules, Chance(serial=str, code=str), utc_now)
    async with DemoServer(TOKEN, (ANNA,)) as server:
        huge = server.inject({"message": updates.message(ANNA.id, "x" * 200_000)})
        # As long as Telegram lets a message be, in letters that take most room, as an answer to
        # another one.
        longest = updates.message(ANNA.id, "\U0001f680" * 2048)
        answer = longest | {"reply_to_message": longest}
        whole = server.inject({"message": answer})
        telegram = connect(TOKEN, server.url)
        async with telegram.bot:
            poller = Poller(telegram, core, on_stored=lambda: None)
            await poller.poll_once()
    async with database.reading() as tx:
        [kept] = await tx.inbox.new()
        assert kept.update_id == whole
        assert json.loads(kept.payload)["message"] == answer
        assert await tx.inbox.waiting() == 1
    async with database.writing() as tx:
        assert not await tx.inbox.finish(huge)
        found = await tx._connection.exec_driver_sql(
            "SELECT update_id, error, length(payload) < 99 FROM inbox WHERE state = 'quarantined'"
        )
        assert tuple(found.one()) == (huge, "too long: 200234 bytes", True)
