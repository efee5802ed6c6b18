"""What has happened to a request beside the decisions on it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import (
    BigInteger,
    Column,
    ColumnElement,
    bindparam,
    func,
    insert,
    or_,
    select,
    type_coerce,
    update,
)

from storage import pause_tables, tables
from storage.records import Request, RequestId, RequestState
from storage.repository import Repository, values_of
from storage.request_tables import request_notes as _notes

_requests = tables.requests
_pauses = pause_tables.pauses
_SECOND = 1_000_000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_BY_ID = select(_notes).where(_notes.c.request_id == bindparam("request"))


@dataclass(frozen=True, slots=True)
class RequestNotes:
    """Attributes:
    revision: how often its requester has changed it.
    changed_at: the last time.
    after_decision: the last decision that was there by then; earlier ones were about what it was.
    denied_why: the name of a ready-made reason, where it was denied with one.
    denied_words: or the words of whoever denied it.
    waits_since: since when it waits for a decision, where that is not when it was asked.
    reminded_at: when whoever is asked was reminded of it, by the bot.
    nudged_at: when they were, by its requester.
    """

    request_id: RequestId
    revision: int = 0
    changed_at: datetime | None = None
    after_decision: int = 0
    denied_why: str | None = None
    denied_words: str | None = None
    waits_since: datetime | None = None
    reminded_at: datetime | None = None
    nudged_at: datetime | None = None


class AllRequestNotes(Repository):
    async def of(self, request_id: RequestId) -> RequestNotes:
        rows = await self._connection.execute(_BY_ID, {"request": request_id})
        row = rows.first()
        return RequestNotes(request_id) if row is None else RequestNotes(**values_of(row))

    async def change(
        self, request_id: RequestId, *, duration: int, reason: str, at: datetime
    ) -> bool:
        """Another duration, in seconds, or reason; False where it does not wait for a decision."""
        done = await self._connection.execute(
            update(_requests)
            .where(_requests.c.id == request_id, _requests.c.state == RequestState.PENDING)
            .values(duration=duration, asked_duration=duration, reason=reason)
        )
        if done.rowcount != 1:
            return False
        last = await self._connection.scalar(select(func.max(tables.decisions.c.id)))
        revision = (await self.of(request_id)).revision + 1
        await self._note(request_id, revision=revision, changed_at=at, after_decision=last or 0)
        return True

    async def deny(self, request_id: RequestId, *, why: str | None, words: str | None) -> None:
        """Notes why it was denied; with neither, that nobody has denied it any more."""
        await self._note(request_id, denied_why=why, denied_words=words)

    async def waits(self, request_id: RequestId, since: datetime) -> None:
        """Notes since when it waits for a decision."""
        await self._note(request_id, waits_since=since)

    async def to_remind(self, now: datetime, ttl: int) -> Sequence[Request]:
        """What has waited for half of its time, and nobody was reminded of; the oldest first.

        Not of people who are paused: nothing can be given to them.

        Args:
            ttl: how long a request waits by the settings in force, in seconds.
        """
        since = func.coalesce(_us(_notes.c.waits_since), _us(_requests.c.asked_at))
        by_settings = _us(_requests.c.asked_at) + ttl * _SECOND
        twice = 2 * ((now - _EPOCH) // timedelta(microseconds=1))
        rows = await self._connection.execute(
            select(_requests)
            .outerjoin(_notes, _notes.c.request_id == _requests.c.id)
            .where(
                _requests.c.state == RequestState.PENDING,
                _notes.c.reminded_at.is_(None),
                or_(since + _us(_requests.c.expires_at) <= twice, since + by_settings <= twice),
                _requests.c.user_id.not_in(select(_pauses.c.user_id)),
            )
            .order_by(_requests.c.id)
        )
        return [Request(**values_of(row) | {"state": RequestState(row.state)}) for row in rows]

    async def remind(self, request_id: RequestId, at: datetime) -> bool:
        """Notes a reminder by the bot; False where there was one."""
        return await self._once(request_id, _notes.c.reminded_at, at)

    async def nudge(self, request_id: RequestId, at: datetime) -> bool:
        """Notes a reminder by the requester; False where there was one."""
        return await self._once(request_id, _notes.c.nudged_at, at)

    async def _once(
        self, request_id: RequestId, column: Column[datetime | None], at: datetime
    ) -> bool:
        await self._note(request_id)
        done = await self._connection.execute(
            update(_notes)
            .where(_notes.c.request_id == request_id, column.is_(None))
            .values({column: at})
        )
        return done.rowcount == 1

    async def _note(self, request_id: RequestId, **values: Any) -> None:
        noted = await self._connection.execute(
            update(_notes)
            .where(_notes.c.request_id == request_id)
            .values(**(values or {"revision": _notes.c.revision}))
        )
        if noted.rowcount == 0:
            first = {"revision": 0, "after_decision": 0, **values}
            await self._connection.execute(insert(_notes).values(request_id=request_id, **first))


def _us(moment: ColumnElement[Any]) -> ColumnElement[int]:
    """Microseconds since 1970, to reckon with."""
    return type_coerce(moment, BigInteger)
