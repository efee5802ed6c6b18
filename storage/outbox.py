"""What is to be sent: written with the act that causes it, in one transaction."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Row,
    and_,
    bindparam,
    case,
    delete,
    func,
    insert,
    or_,
    select,
    update,
)

from storage import tables
from storage.batches import AT_ONCE, some_where
from storage.chat_tables import chat_holds as _holds
from storage.records import PATIENCE, ChatId, OutboxItem, OutboxKind, OutboxState, Payload
from storage.repository import Repository, values_of

_outbox = tables.outbox
_ERROR_LENGTH = 256
_ADD = insert(_outbox)
_FIRST_DUE = (
    select(_outbox)
    .where(
        _outbox.c.id.in_(
            select(func.min(_outbox.c.id))
            .where(
                _outbox.c.state == OutboxState.QUEUED,
                _outbox.c.due_at <= bindparam("now"),
                _outbox.c.kind.in_(bindparam("kinds", expanding=True)),
                _outbox.c.chat_id.not_in(bindparam("without", expanding=True)),
            )
            .group_by(_outbox.c.chat_id)
        )
    )
    .order_by(case((_outbox.c.attempts < PATIENCE, 0), else_=1), _outbox.c.id)
    .limit(bindparam("room"))
)
# Whoever claims one at this moment has to be through with that before, or after.
_UNTRIED = (
    select(_outbox.c.payload)
    .where(
        _outbox.c.chat_id == bindparam("chat"),
        _outbox.c.kind == bindparam("kind"),
        _outbox.c.state == OutboxState.QUEUED,
        _outbox.c.attempts == 0,
    )
    .with_for_update()
)
_CLAIM = (
    update(_outbox)
    .where(_outbox.c.id == bindparam("item"), _outbox.c.state == OutboxState.QUEUED)
    .values(state=OutboxState.SENDING)
)
_DONE = (
    update(_outbox)
    .where(_outbox.c.id == bindparam("item"), _outbox.c.state == OutboxState.SENDING)
    .values(state=OutboxState.DONE)
)


@dataclass(frozen=True, slots=True)
class Done:
    """A row is over: it was sent, or nobody needs it any more."""


@dataclass(frozen=True, slots=True)
class Later:
    """A row waits until it is due again.

    Attributes:
        error: why it was not sent.
        payload: with what has been done so far; None where that is what it was.
        chat_id: where it goes from now on, as all that waits for the same chat; None where that
            stays as it was.
        holds_chat: nothing else goes to this chat before, so that the order stays as it was.
    """

    due_at: datetime
    attempts: int
    error: str | None = None
    payload: Payload | None = None
    chat_id: ChatId | None = None
    holds_chat: bool = False


@dataclass(frozen=True, slots=True)
class SetAside:
    """A row is never sent; None where its reader does not let the bot write.

    `is_deleted`: they cannot, since their account is deleted.
    """

    why: str | None
    is_deleted: bool = False


Next = Done | Later | SetAside


class Outbox(Repository):
    async def add(
        self,
        chat_id: ChatId,
        kind: OutboxKind,
        payload: Payload,
        *,
        now: datetime,
        wait_s: float = 0.0,
    ) -> None:
        await self._connection.execute(
            _ADD,
            {
                "chat_id": chat_id,
                "kind": kind,
                "payload": payload,
                "state": OutboxState.QUEUED,
                "attempts": 0,
                "due_at": now + timedelta(seconds=wait_s),
                "created_at": now,
            },
        )

    async def untried(self, chat_id: ChatId, kind: OutboxKind) -> Sequence[Payload]:
        """What of a kind waits to go to a chat, and nobody has begun to send."""
        rows = await self._connection.execute(_UNTRIED, {"chat": chat_id, "kind": kind})
        return list(rows.scalars())

    async def due(self, now: datetime, limit: int) -> Sequence[OutboxItem]:
        """What may be sent now, oldest first."""
        rows = await self._connection.execute(
            select(_outbox)
            .where(_outbox.c.state == OutboxState.QUEUED, _outbox.c.due_at <= now)
            .order_by(_outbox.c.id)
            .limit(limit)
        )
        return [_item(row) for row in rows]

    async def first_due(
        self,
        now: datetime,
        limit: int,
        *,
        kinds: Collection[OutboxKind],
        without: Collection[ChatId] = (),
    ) -> Sequence[OutboxItem]:
        """Of each chat the first that may be sent now, so that none waits behind another's.

        What has failed often comes last.

        Args:
            kinds: of these only.
            without: chats that are passed over.
        """
        rows = await self._connection.execute(
            _FIRST_DUE, {"now": now, "kinds": [*kinds], "without": [*without], "room": limit}
        )
        return [_item(row) for row in rows]

    async def stuck(self, limit: int) -> Sequence[OutboxItem]:
        """The newest of what was set aside with a reason, or has failed often and still waits."""
        rows = await self._connection.execute(
            select(_outbox)
            .where(
                _outbox.c.error.is_not(None),
                or_(
                    _outbox.c.state == OutboxState.FAILED,
                    and_(_outbox.c.state == OutboxState.QUEUED, _outbox.c.attempts >= PATIENCE),
                ),
            )
            .order_by(_outbox.c.id.desc())
            .limit(limit)
        )
        return [_item(row) for row in rows]

    async def sending(self) -> Sequence[OutboxItem]:
        """At a start: what a process that ended was sending, outcome unknown."""
        rows = await self._connection.execute(
            select(_outbox).where(_outbox.c.state == OutboxState.SENDING).order_by(_outbox.c.id)
        )
        return [_item(row) for row in rows]

    async def claim(self, item_id: int) -> bool:
        """QUEUED to SENDING; False if another task has it."""
        done = await self._connection.execute(_CLAIM, {"item": item_id})
        return done.rowcount == 1

    async def conclude(self, item: OutboxItem, what: Next) -> bool:
        """SENDING to what comes next; False if it was not being sent."""
        values: dict[str, Any]
        match what:
            case Done():
                done = await self._connection.execute(_DONE, {"item": item.id})
                return done.rowcount == 1
            case SetAside(why):
                values = {"state": OutboxState.FAILED, "error": _cut(why)}
            case Later():
                values = {
                    "state": OutboxState.QUEUED,
                    "due_at": what.due_at,
                    "attempts": what.attempts,
                    "error": _cut(what.error),
                }
                if what.payload is not None:
                    values["payload"] = what.payload
        done = await self._connection.execute(
            update(_outbox)
            .where(_outbox.c.id == item.id, _outbox.c.state == OutboxState.SENDING)
            .values(**values)
        )
        if isinstance(what, Later) and what.holds_chat:
            await self.hold_chat(item.chat_id, what.due_at)
        return done.rowcount == 1

    async def doubt(self, kind: OutboxKind) -> None:
        """QUEUED to SENDING for all of a kind: from now on nobody knows whether it was sent."""
        await self._connection.execute(
            update(_outbox)
            .where(_outbox.c.kind == kind, _outbox.c.state == OutboxState.QUEUED)
            .values(state=OutboxState.SENDING)
        )

    async def hold_chat(self, chat_id: ChatId, until: datetime) -> None:
        """Nothing goes to this chat before `until`, so that the order stays as it was."""
        await self._connection.execute(
            update(_outbox)
            .where(
                and_(
                    _outbox.c.chat_id == chat_id,
                    _outbox.c.state == OutboxState.QUEUED,
                    _outbox.c.due_at < until,
                )
            )
            .values(due_at=until)
        )
        # What is written later has to wait, too, and a process that starts later.
        held = await self._connection.scalar(select(_holds.c.until).where(_of(chat_id)))
        if held is None or held < until:
            await self._connection.execute(delete(_holds).where(_of(chat_id)))
            await self._connection.execute(insert(_holds).values(chat_id=chat_id, until=until))

    async def holds(self) -> Mapping[ChatId, datetime]:
        """Until when nothing may go to some chats."""
        rows = await self._connection.execute(select(_holds))
        return {ChatId(row.chat_id): row.until for row in rows}

    async def forget_holds(self, before: datetime) -> None:
        """Leaves out those that are over."""
        await self._connection.execute(delete(_holds).where(_holds.c.until < before))

    async def move_chat(self, old: ChatId, new: ChatId) -> None:
        """A group has another number from now on."""
        await self._connection.execute(
            update(_outbox)
            .where(
                _outbox.c.chat_id == old,
                _outbox.c.state.in_((OutboxState.QUEUED, OutboxState.SENDING)),
            )
            .values(chat_id=new)
        )

    async def forget_edits(self) -> None:
        """No message that was posted before is edited any more; what is new is posted anew."""
        open_ = _outbox.c.state.in_((OutboxState.QUEUED, OutboxState.SENDING))
        edits = _outbox.c.kind.in_((OutboxKind.EDIT, OutboxKind.EDIT_CARD))
        await self._connection.execute(delete(_outbox).where(open_, edits))
        rows = await self._connection.execute(select(_outbox.c.id, _outbox.c.payload).where(open_))
        for row in rows.all():
            if "edit" in row.payload:
                payload = {key: value for key, value in row.payload.items() if key != "edit"}
                await self._connection.execute(
                    update(_outbox).where(_outbox.c.id == row.id).values(payload=payload)
                )

    async def hasten(self, kind: OutboxKind, now: datetime) -> None:
        """What waits of this kind may go now: what it waited for has happened."""
        await self._connection.execute(
            update(_outbox)
            .where(
                _outbox.c.kind == kind,
                _outbox.c.state == OutboxState.QUEUED,
                _outbox.c.due_at > now,
            )
            .values(due_at=now)
        )

    async def hasten_beyond(self, latest: datetime, now: datetime) -> None:
        """What waits for a moment after `latest` may go now."""
        await self._connection.execute(
            update(_outbox)
            .where(_outbox.c.state == OutboxState.QUEUED, _outbox.c.due_at > latest)
            .values(due_at=now)
        )

    async def open(self, kind: OutboxKind) -> Sequence[OutboxItem]:
        """What is queued or being sent."""
        rows = await self._connection.execute(
            select(_outbox)
            .where(
                _outbox.c.kind == kind,
                _outbox.c.state.in_((OutboxState.QUEUED, OutboxState.SENDING)),
            )
            .order_by(_outbox.c.id)
        )
        return [_item(row) for row in rows]

    async def prune(self, before: datetime) -> bool:
        """Deletes some of the old rows that are done; whether there may be more of them."""
        is_done = _outbox.c.state.in_((OutboxState.DONE, OutboxState.FAILED))
        old = some_where(_outbox.c.id, and_(is_done, _outbox.c.created_at < before))
        return (await self._connection.execute(old)).rowcount == AT_ONCE


def _of(chat_id: ChatId) -> ColumnElement[bool]:
    return _holds.c.chat_id == chat_id


def _cut(error: str | None) -> str | None:
    return None if error is None else error[:_ERROR_LENGTH]


def _item(row: Row[Any]) -> OutboxItem:
    values = values_of(row)
    values["kind"] = OutboxKind(values["kind"])
    values["state"] = OutboxState(values["state"])
    return OutboxItem(**values)
