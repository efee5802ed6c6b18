"""Who seems to have left, and what was decided about them."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Row, delete, insert, select, update

from storage.chat_tables import moved_groups as _moved
from storage.joining_records import Leaving, LeavingCause, LeavingId, LeavingState
from storage.joining_tables import leavings as _leavings
from storage.records import ChatId, UserId
from storage.repository import Repository, values_of

_STANDS = _leavings.c.state.in_((LeavingState.OPEN, LeavingState.KEPT))
_ADD = insert(_leavings).returning(_leavings.c.id)


class Leavings(Repository):
    async def add(self, leaving: Leaving) -> LeavingId:
        """Gives its number; that of `leaving` is none yet."""
        values = {name: getattr(leaving, name) for name in Leaving.__slots__ if name != "id"}
        number = await self._connection.scalar(_ADD, values)
        return LeavingId(number)

    async def get(self, number: LeavingId) -> Leaving | None:
        rows = await self._connection.execute(select(_leavings).where(_leavings.c.id == number))
        row = rows.first()
        return None if row is None else _leaving(row)

    async def of(self, user_id: UserId) -> Sequence[Leaving]:
        """Those of an account."""
        rows = await self._connection.execute(
            select(_leavings).where(_leavings.c.user_id == user_id).order_by(_leavings.c.id)
        )
        return [_leaving(row) for row in rows]

    async def standing(self, cause: LeavingCause) -> Sequence[Leaving]:
        """Those of one cause that stand, of everybody."""
        rows = await self._connection.execute(
            select(_leavings).where(_leavings.c.cause == cause, _STANDS)
        )
        return [_leaving(row) for row in rows]

    async def settle(
        self, number: LeavingId, state: LeavingState, by: str, by_name: str, now: datetime
    ) -> None:
        """Says what became of it, in the place of what was said before."""
        await self._connection.execute(
            update(_leavings)
            .where(_leavings.c.id == number)
            .values(state=state, by=by, by_name=by_name, settled_at=now)
        )

    async def prune(self, before: datetime) -> None:
        """What was over before that; whom somebody has kept they keep."""
        await self._connection.execute(
            delete(_leavings).where(~_STANDS, _leavings.c.settled_at < before)
        )

    async def group_now(self, group: ChatId) -> ChatId:
        """The number that a group has now, whatever it was when somebody wrote it down."""
        found = await self._connection.scalar(
            select(_moved.c.moved_to).where(_moved.c.chat_id == group)
        )
        return group if found is None else ChatId(found)

    async def move_group(self, group: ChatId, moved_to: ChatId) -> bool:
        """Notes that it has another number from now on; False where that is known."""
        if await self.group_now(group) != group:
            return False
        await self._connection.execute(insert(_moved).values(chat_id=group, moved_to=moved_to))
        return True


def _leaving(row: Row[Any]) -> Leaving:
    values = values_of(row)
    values["cause"] = LeavingCause(values["cause"])
    values["state"] = LeavingState(values["state"])
    return Leaving(**values)
