"""Who has a role that was given in the chat or on the machine, and not by the settings."""

from typing import Any

from sqlalchemy import Row, bindparam, delete, insert, select

from storage.group_tables import roles as _roles
from storage.records import UserId
from storage.repository import Repository
from storage.role_records import Appointment, Role

_IN_ORDER = select(_roles).order_by(_roles.c.user_id)
_OF = select(_roles).where(_roles.c.user_id == bindparam("of"))


class Roles(Repository):
    async def all(self) -> dict[UserId, Appointment]:
        """By account, in the order of their ids."""
        rows = await self._connection.execute(_IN_ORDER)
        return {UserId(row.user_id): _appointment(row) for row in rows}

    async def get(self, user_id: UserId) -> Appointment | None:
        rows = await self._connection.execute(_OF, {"of": user_id})
        row = rows.first()
        return None if row is None else _appointment(row)

    async def set(self, given: Appointment) -> None:
        """In the place of the one that they have."""
        await self.end(given.user_id)
        await self._connection.execute(
            insert(_roles).values(
                user_id=given.user_id,
                role=given.role,
                groups=list(given.groups),
                after_decision=given.after_decision,
            )
        )

    async def end(self, user_id: UserId) -> bool:
        """False where they had none."""
        done = await self._connection.execute(delete(_roles).where(_roles.c.user_id == user_id))
        return done.rowcount == 1


def _appointment(row: Row[Any]) -> Appointment:
    return Appointment(
        UserId(row.user_id), Role(row.role), tuple(row.groups), int(row.after_decision)
    )
