"""Who was taken off the allowlist, and what they were there, as long as that can be taken back."""

from collections.abc import Sequence
from dataclasses import asdict, replace
from datetime import datetime
from typing import Any

from sqlalchemy import Row, delete, insert, select, update

from storage.joining_records import Farewell, FarewellId, LeftAccount
from storage.joining_tables import farewells as _farewells
from storage.pauses import PersonPause
from storage.records import Payload
from storage.repository import Repository, values_of
from storage.role_records import Role

_ADD = insert(_farewells).returning(_farewells.c.id)


class Farewells(Repository):
    async def add(self, farewell: Farewell) -> FarewellId:
        """Gives its number; that of `farewell` is none yet."""
        values = {name: getattr(farewell, name) for name in Farewell.__slots__ if name != "id"}
        values["accounts"] = [_stored(account) for account in farewell.accounts]
        number = await self._connection.scalar(_ADD, values)
        return FarewellId(number)

    async def get(self, number: FarewellId) -> Farewell | None:
        rows = await self._connection.execute(select(_farewells).where(_farewells.c.id == number))
        row = rows.first()
        return None if row is None else _farewell(row)

    async def over(self, now: datetime) -> Sequence[Farewell]:
        """Those that could be taken back until now."""
        rows = await self._connection.execute(
            select(_farewells).where(_farewells.c.undo_until <= now)
        )
        return [_farewell(row) for row in rows]

    async def settle(self, number: FarewellId) -> None:
        """From now on it stands."""
        await self._connection.execute(
            update(_farewells).where(_farewells.c.id == number).values(undo_until=None)
        )

    async def undo(self, number: FarewellId, now: datetime) -> bool:
        """Once; False where it stands."""
        done = await self._connection.execute(
            update(_farewells)
            .where(_farewells.c.id == number, _farewells.c.undo_until > now)
            .values(undo_until=None, undone_at=now)
        )
        return done.rowcount == 1

    async def lose_group(self, name: str) -> None:
        """Notes with all that can still be taken back that a group is gone."""
        rows = await self._connection.execute(
            select(_farewells).where(_farewells.c.undo_until.is_not(None))
        )
        for farewell in [_farewell(row) for row in rows]:
            accounts = [replace(one, gone=(*one.gone, name)) for one in farewell.accounts]
            await self._connection.execute(
                update(_farewells)
                .where(_farewells.c.id == farewell.id)
                .values(accounts=[_stored(account) for account in accounts])
            )

    async def prune(self, before: datetime) -> None:
        """What was said before that is over."""
        await self._connection.execute(delete(_farewells).where(_farewells.c.at < before))


def _stored(account: LeftAccount) -> Payload:
    values: Payload = asdict(account)
    if account.pause is not None:
        times = {"since": account.pause.since, "until": account.pause.until}
        values["pause"] |= {name: at and at.isoformat() for name, at in times.items()}
    return values


def _farewell(row: Row[Any]) -> Farewell:
    values = values_of(row)
    values["accounts"] = tuple(_account(dict(one)) for one in values["accounts"])
    return Farewell(**values)


def _account(values: Payload) -> LeftAccount:
    pause = values["pause"]
    if pause is not None:
        since, until = pause["since"], pause["until"]
        times = {"since": datetime.fromisoformat(since)}
        times["until"] = until and datetime.fromisoformat(until)
        values["pause"] = PersonPause(**pause | times)
    if values["role"] is not None:
        values["role"] = Role(values["role"])
    # Earlier versions noted no groups that were gone.
    for name in ("role_groups", "groups", "gone"):
        values[name] = tuple(values.get(name, ()))
    return LeftAccount(**values)
