"""What has happened to a request beside the decisions on it."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import bindparam, func, insert, select, update

from storage import tables
from storage.records import RequestId, RequestState
from storage.repository import Repository, values_of
from storage.request_tables import request_notes as _notes

_requests = tables.requests
_BY_ID = select(_notes).where(_notes.c.request_id == bindparam("request"))


@dataclass(frozen=True, slots=True)
class RequestNotes:
    """Attributes:
    revision: how often its requester has changed it.
    changed_at: the last time.
    after_decision: the last decision that was there by then; earlier ones were about what it was.
    """

    request_id: RequestId
    revision: int = 0
    changed_at: datetime | None = None
    after_decision: int = 0


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

    async def _note(self, request_id: RequestId, **values: Any) -> None:
        noted = await self._connection.execute(
            update(_notes).where(_notes.c.request_id == request_id).values(**values)
        )
        if noted.rowcount == 0:
            first = {"revision": 0, "after_decision": 0, **values}
            await self._connection.execute(insert(_notes).values(request_id=request_id, **first))
