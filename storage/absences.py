"""Who is away, and has others decide."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Row, bindparam, delete, insert, select

from storage.records import UserId
from storage.repository import Repository, values_of
from storage.request_tables import absences as _absences

_NOW = select(_absences).where(_absences.c.until > bindparam("now"))


@dataclass(frozen=True, slots=True)
class Absence:
    """Of one account; from `until` on they are back."""

    user_id: UserId
    since: datetime
    until: datetime


class Absences(Repository):
    async def put(self, absence: Absence) -> None:
        """Notes that somebody is away, or until another day."""
        await self.end(absence.user_id)
        values = {name: getattr(absence, name) for name in Absence.__slots__}
        await self._connection.execute(insert(_absences).values(**values))

    async def end(self, user_id: UserId) -> bool:
        """False where they were not away."""
        done = await self._connection.execute(
            delete(_absences).where(_absences.c.user_id == user_id)
        )
        return done.rowcount == 1

    async def now(self, now: datetime) -> Sequence[Absence]:
        """Who is away."""
        rows = await self._connection.execute(_NOW, {"now": now})
        return [_absence(row) for row in rows]

    async def over(self, now: datetime) -> Sequence[Absence]:
        """Whose day has come."""
        rows = await self._connection.execute(select(_absences).where(_absences.c.until <= now))
        return [_absence(row) for row in rows]


def _absence(row: Row[Any]) -> Absence:
    return Absence(**values_of(row))
