"""Messages of ours that will have to be edited or followed up."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Row, delete, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from storage import tables
from storage.records import ChatId, OutboxKind, PostedMessage

_posted = tables.posted_messages


class PostedMessages:
    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def remember(self, message: PostedMessage) -> None:
        await self.forget(message.chat_id, message.message_id)
        await self._connection.execute(
            insert(_posted).values(
                chat_id=message.chat_id,
                message_id=message.message_id,
                kind=message.kind,
                subject=message.subject,
                posted_at=message.posted_at,
            )
        )

    async def about(self, kind: OutboxKind, subject: str) -> Sequence[PostedMessage]:
        """All messages of one kind about one thing: the cards of a request, for example."""
        rows = await self._connection.execute(
            select(_posted)
            .where(_posted.c.kind == kind, _posted.c.subject == subject)
            .order_by(_posted.c.posted_at)
        )
        return [_message(row) for row in rows]

    async def forget(self, chat_id: ChatId, message_id: int) -> None:
        await self._connection.execute(
            delete(_posted).where(_posted.c.chat_id == chat_id, _posted.c.message_id == message_id)
        )


def _message(row: Row[Any]) -> PostedMessage:
    values = dict(row._mapping)  # noqa: SLF001 - SQLAlchemy's documented name
    return PostedMessage(**values | {"kind": OutboxKind(values["kind"])})
