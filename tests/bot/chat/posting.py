"""What the handlers of the outbox's rows send, at a look-alike of Telegram."""

from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from bot.chat.client import connect
from bot.chat.posts import Posts
from bot.chat.sender import Handler
from bot.core import Core
from bot.handover.handover import Handover
from bot.process.clock import since_boot
from demo.people import DemoPerson
from demo.server import DemoServer
from storage.records import ChatId, OutboxItem, OutboxKind, Payload
from tests.bot.access.kit import ANNA, BORIS, CLARA, MORNING, Paper
from tests.bot.chat.rows import conclude
from tests.storage.kit import open_copy

TOKEN = "123456789:a-token-that-opens-nothing-at-all"
PEOPLE = [
    DemoPerson(number, "P", None, "Employee", started=True) for number in (ANNA, BORIS, CLARA)
]


class Desk:
    """Sends rows of the outbox, and keeps what went out."""

    def __init__(self, paper: Paper, server: DemoServer, posts: Posts) -> None:
        self.paper = paper
        self.server = server
        self.posts = posts
        self._seen = 0

    async def row(self, kind: OutboxKind, payload: Payload, chat: int = BORIS) -> OutboxItem:
        """A claimed row."""
        async with self.paper.database.writing() as tx:
            await tx.outbox.add(ChatId(chat), kind, payload, now=self.paper.now)
            item = (await tx.outbox.due(self.paper.now, 1000))[-1]
            await tx.outbox.claim(item.id)
        return item

    async def does(self, handler: Handler, item: OutboxItem) -> None:
        await conclude(self.posts._core, item, await handler(item))

    def calls(self) -> list[str]:
        """The methods that were called since the last look."""
        new = self.server.calls[self._seen :]
        self._seen += len(new)
        return [call.method for call in new]

    async def states(self) -> dict[str, int]:
        async with self.paper.database.reading() as tx:
            rows = await tx._connection.exec_driver_sql(
                "SELECT state FROM outbox WHERE kind <> 'notice'"
            )
            return Counter(rows.scalars())

    async def posted(self, kind: OutboxKind, request: int) -> list[tuple[int, int]]:
        async with self.paper.database.reading() as tx:
            found = await tx.posted.about(kind, str(request))
        return [(int(one.chat_id), one.message_id) for one in found]


@asynccontextmanager
async def opened(template: Path, folder: Path) -> AsyncIterator[Desk]:
    paper = Paper(await open_copy(template, folder))
    async with paper.database.writing() as tx:
        await tx.people.allow(ANNA, "Anna Petrova", MORNING)
    await paper.add_server()
    core = Core(paper.database, paper.rules, paper.chance, lambda: paper.now, since_boot)
    nobody: Any = None  # no server is asked
    async with DemoServer(TOKEN, PEOPLE) as server, connect(TOKEN, server.url).bot as bot:
        made = Desk(paper, server, Posts(bot, core, nobody, nobody, Handover(None), canary_s=300))
        made.calls()
        yield made
    await paper.database.close()


async def empty_outbox(desk: Desk) -> None:
    async with desk.paper.database.writing() as tx:
        await tx._connection.exec_driver_sql("DELETE FROM outbox")
