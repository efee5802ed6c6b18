"""Who is an admin, as the settings named them when they were last looked at."""

from sqlalchemy import delete, insert, select

from storage import tables
from storage.records import UserId
from storage.repository import Repository

_admins = tables.admins
_ALL = select(_admins)


class Admins(Repository):
    async def all(self) -> dict[UserId, int]:
        """The last decision on any request that was there when each became one."""
        rows = await self._connection.execute(_ALL)
        return {UserId(row.id): row.after_decision for row in rows}

    async def add(self, user_id: UserId, *, after_decision: int) -> None:
        await self._connection.execute(
            insert(_admins).values(id=user_id, after_decision=after_decision)
        )

    async def remove(self, user_id: UserId) -> None:
        await self._connection.execute(delete(_admins).where(_admins.c.id == user_id))
