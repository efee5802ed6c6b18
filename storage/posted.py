"""Messages of the bot that will have to be edited or followed up."""

from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime

from sqlalchemy import String, and_, bindparam, cast, delete, insert, or_, select

from storage import tables
from storage.chat_tables import speaking_bot as _speaking
from storage.records import (
    OPEN_STATES,
    UNPROVED_STATES,
    ChatId,
    OutboxKind,
    PostedMessage,
)
from storage.repository import Repository, values_of
from storage.use_tables import asked_uses as _asked

_posted = tables.posted_messages
_requests = tables.requests
_grants = tables.grants
_ABOUT_REQUESTS = (OutboxKind.CARD, OutboxKind.ASKED)
# What these show lasts for days only; the last are cards that were taken out of their chat.
_PASSING = (
    *(OutboxKind.KNOCK, OutboxKind.INVITATION, OutboxKind.FAREWELL, OutboxKind.LEAVING),
    OutboxKind.DELETE,
)
_ABOUT = (
    select(_posted)
    .where(_posted.c.kind == bindparam("kind"), _posted.c.subject == bindparam("subject"))
    .order_by(_posted.c.posted_at)
)
_REMEMBER = insert(_posted)
_FORGET = delete(_posted).where(
    _posted.c.chat_id == bindparam("chat"), _posted.c.message_id == bindparam("message")
)


class PostedMessages(Repository):
    async def remember(self, message: PostedMessage) -> None:
        await self.forget(message.chat_id, message.message_id)
        await self._connection.execute(_REMEMBER, asdict(message))

    async def about(self, kind: OutboxKind, subject: str) -> Sequence[PostedMessage]:
        """All messages of one kind about one thing: the cards of a request, for example."""
        rows = await self._connection.execute(_ABOUT, {"kind": kind, "subject": subject})
        return [PostedMessage(**values_of(row) | {"kind": kind}) for row in rows]

    async def find(self, chat_id: ChatId, message_id: int) -> PostedMessage | None:
        """What is known of one message; None of what nothing has to be done with any more."""
        rows = await self._connection.execute(
            select(_posted).where(_posted.c.chat_id == chat_id, _posted.c.message_id == message_id)
        )
        row = rows.first()
        if row is None:
            return None
        return PostedMessage(**values_of(row) | {"kind": OutboxKind(row.kind)})

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
        await self._connection.execute(_FORGET, {"chat": chat_id, "message": message_id})

    async def prune(self, before: datetime) -> None:
        """Forgets what was posted before, and says nothing that may still change.

        That is: of a request that is decided, or a profile, where the certificate's time was over
        by then, too, and its end is proved; of a use that was answered, or is one of such a
        profile; and of whoever asked to join, or was invited. An answer to /myvpn stays: there is
        one for each chat.
        """
        # Until then an end may turn out not to be proved, and that has to be told.
        lasts = or_(_grants.c.state.in_(UNPROVED_STATES), _grants.c.not_after >= before)
        undecided = select(cast(_requests.c.id, String)).where(_requests.c.state.in_(OPEN_STATES))
        requests = select(cast(_grants.c.request_id, String)).where(
            lasts, _grants.c.request_id.is_not(None)
        )
        of_requests = and_(
            _posted.c.kind.in_(_ABOUT_REQUESTS),
            _posted.c.subject.not_in(undecided),
            _posted.c.subject.not_in(requests),
        )
        of_profiles = and_(
            _posted.c.kind.in_((OutboxKind.DELIVER, OutboxKind.REMINDER)),
            _posted.c.subject.not_in(select(_grants.c.id).where(lasts)),
        )
        unanswered = (
            select(cast(_asked.c.id, String))
            .join(_grants, _grants.c.id == _asked.c.grant_id)
            .where(lasts, _asked.c.was_owner.is_(None))
        )
        of_uses = and_(_posted.c.kind == OutboxKind.ASKED_USE, _posted.c.subject.not_in(unanswered))
        passing = _posted.c.kind.in_(_PASSING)
        await self._connection.execute(
            delete(_posted).where(
                _posted.c.posted_at < before,
                or_(of_requests, of_profiles, of_uses, passing),
            )
        )
