"""Messages of the bot that will have to be edited or followed up."""

from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime

from sqlalchemy import delete, insert, select

from storage import tables
from storage.chat_tables import speaking_bot as _speaking
from storage.records import ChatId, OutboxKind, PostedMessage
from storage.repository import Repository, values_of

_posted = tables.posted_messages


class PostedMessages(Repository):
    async def remember(self, message: PostedMessage) -> None:
        await self.forget(message.chat_id, message.message_id)
        await self._connection.execute(insert(_posted).values(**asdict(message)))

    async def about(self, kind: OutboxKind, subject: str) -> Sequence[PostedMessage]:
        """All messages of one kind about one thing: the cards of a request, for example."""
        rows = await self._connection.execute(
            select(_posted)
            .where(_posted.c.kind == kind, _posted.c.subject == subject)
            .order_by(_posted.c.posted_at)
        )
        return [PostedMessage(**values_of(row) | {"kind": kind}) for row in rows]

    async def posted_between(
        self, kind: OutboxKind, after: datetime, before: datetime, limit: int
    ) -> Sequence[PostedMessage]:
        """Messages of one kind by their time, the oldest first."""
        rows = await self._connection.execute(
            select(_posted)
            .where(
                _posted.c.kind == kind, _posted.c.posted_at > after, _posted.c.posted_at <= before
            )
            .order_by(_posted.c.posted_at)
            .limit(limit)
        )
        return [PostedMessage(**values_of(row) | {"kind": kind}) for row in rows]

    async def newest_in(self, chat_id: ChatId, limit: int) -> Sequence[PostedMessage]:
        """The newest messages of one chat."""
        rows = await self._connection.execute(
            select(_posted)
            .where(_posted.c.chat_id == chat_id)
            .order_by(_posted.c.message_id.desc())
            .limit(limit)
        )
        return [PostedMessage(**values_of(row) | {"kind": OutboxKind(row.kind)}) for row in rows]

    async def bot(self) -> int | None:
        """The number of the bot that posted all of these; None before that was noted."""
        return await self._connection.scalar(select(_speaking.c.bot_id))

    async def belong_to(self, bot_id: int) -> None:
        """Notes which bot posts from now on."""
        await self._connection.execute(delete(_speaking))
        await self._connection.execute(insert(_speaking).values(id=1, bot_id=bot_id))

    async def forget_all(self) -> None:
        await self._connection.execute(delete(_posted))

    async def forget(self, chat_id: ChatId, message_id: int) -> None:
        await self._connection.execute(
            delete(_posted).where(_posted.c.chat_id == chat_id, _posted.c.message_id == message_id)
        )
