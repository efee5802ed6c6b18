"""When people are reminded of ends to come."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import delete, insert, select, update

from storage.records import GrantId
from storage.reminder_tables import reminders as _reminders
from storage.repository import Repository


class Reminders(Repository):
    async def plan(self, grant_id: GrantId, due_at: datetime | None) -> None:
        """The next one, in the place of any before; None where there is none to come."""
        mine = _reminders.c.grant_id == grant_id
        if due_at is None:
            await self._connection.execute(delete(_reminders).where(mine))
            return
        planned = await self._connection.execute(
            update(_reminders).where(mine).values(due_at=due_at)
        )
        if planned.rowcount == 0:
            await self._connection.execute(
                insert(_reminders).values(grant_id=grant_id, due_at=due_at)
            )

    async def due(self, now: datetime, limit: int) -> Sequence[GrantId]:
        """The profiles of which one is due, the longest waiting first."""
        rows = await self._connection.execute(
            select(_reminders.c.grant_id)
            .where(_reminders.c.due_at <= now)
            .order_by(_reminders.c.due_at, _reminders.c.grant_id)
            .limit(limit)
        )
        return [GrantId(one) for one in rows.scalars()]
