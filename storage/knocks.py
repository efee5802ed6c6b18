"""Strangers who asked to be put on the allowlist."""

from datetime import datetime

from sqlalchemy import delete, func, insert, select, update

from storage.joining_records import Knock
from storage.joining_tables import knocks as _knocks
from storage.records import UserId
from storage.repository import Repository, values_of


class Knocks(Repository):
    async def get(self, user_id: UserId) -> Knock | None:
        """The last one of somebody."""
        rows = await self._connection.execute(select(_knocks).where(_knocks.c.user_id == user_id))
        row = rows.first()
        return None if row is None else Knock(**values_of(row))

    async def put(self, user_id: UserId, name: str, username: str | None, now: datetime) -> None:
        """They ask, in the place of any time before."""
        await self._connection.execute(delete(_knocks).where(_knocks.c.user_id == user_id))
        await self._connection.execute(
            insert(_knocks).values(user_id=user_id, name=name, username=username, asked_at=now)
        )

    async def count_since(self, moment: datetime) -> int:
        """How many have asked since then."""
        wanted = select(func.count()).select_from(_knocks).where(_knocks.c.asked_at > moment)
        return int(await self._connection.scalar(wanted) or 0)

    async def answer(
        self, user_id: UserId, *, allowed: bool, by: str, name: str, now: datetime
    ) -> bool:
        """Once; False where nobody asks, or somebody has answered."""
        done = await self._connection.execute(
            update(_knocks)
            .where(_knocks.c.user_id == user_id, _knocks.c.answered_at.is_(None))
            .values(allowed=allowed, answered_by=by, answered_by_name=name, answered_at=now)
        )
        return done.rowcount == 1

    async def prune(self, before: datetime) -> None:
        """What was asked before that is over."""
        await self._connection.execute(delete(_knocks).where(_knocks.c.asked_at < before))
