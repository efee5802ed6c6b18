"""What was seen of each grant on each server: when it was last on, and how much data it moved."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Row, and_, bindparam, func, insert, select, update

from storage import tables
from storage.batches import batches
from storage.records import GrantId, ServerName, UserId
from storage.repository import Repository, values_of
from storage.use_records import Usage

_usages = tables.usages
_grants = tables.grants
_places = tables.grant_places
_CHANGE = (
    update(_usages)
    .where(
        and_(
            _usages.c.grant_id == bindparam("of_grant"), _usages.c.server == bindparam("on_server")
        )
    )
    .values({column.name: bindparam(column.name) for column in _usages.c if not column.primary_key})
)


class Usages(Repository):
    async def of(self, grant_ids: Iterable[GrantId]) -> Sequence[Usage]:
        """What was seen of these grants, a row for each server."""
        found: list[Usage] = []
        for some in batches(grant_ids):
            rows = await self._connection.execute(
                select(_usages).where(_usages.c.grant_id.in_(some)).order_by(_usages.c.server)
            )
            found += [_usage(row) for row in rows]
        return found

    async def last_of(self, accounts: Sequence[UserId]) -> datetime | None:
        """When any grant of these accounts was last seen connected, whatever became of it."""
        last: datetime | None = await self._connection.scalar(
            select(func.max(_usages.c.seen_at))
            .join(_grants, _grants.c.id == _usages.c.grant_id)
            .where(_grants.c.user_id.in_(accounts))
        )
        return last

    async def places_of(self, people: Iterable[UserId]) -> Mapping[UserId, frozenset[str]]:
        """From which addresses any grant of each of these accounts was used lately."""
        found: dict[UserId, set[str]] = {}
        for some in batches(people):
            rows = await self._connection.execute(
                select(_grants.c.user_id, _usages.c.address, _usages.c.moves)
                .join(_grants, _grants.c.id == _usages.c.grant_id)
                .where(_grants.c.user_id.in_(some))
            )
            for user_id, address, moves in rows:
                places = found.setdefault(user_id, set())
                places.update([address, *(place for place, _ in moves)])
        return {user_id: frozenset(places) for user_id, places in found.items()}

    async def not_yet_on(self, grant_id: GrantId) -> Sequence[ServerName]:
        """Servers that have not taken a grant in yet, although its profile is out."""
        rows = await self._connection.execute(
            select(_places.c.server).where(
                _places.c.grant_id == grant_id, _places.c.waiting_since.is_not(None)
            )
        )
        return [ServerName(name) for name in rows.scalars()]

    async def add(self, usages: Sequence[Usage]) -> None:
        """Of grants that were not seen on that server before."""
        if usages:
            await self._connection.execute(insert(_usages), [_values(one) for one in usages])

    async def change(self, usages: Sequence[Usage]) -> None:
        """In the place of what is stored for the same grants and servers."""
        if usages:
            values = [
                _values(one) | {"of_grant": one.grant_id, "on_server": one.server} for one in usages
            ]
            await self._connection.execute(_CHANGE, values)


def _values(usage: Usage) -> dict[str, Any]:
    return {name: getattr(usage, name) for name in Usage.__slots__}


def _usage(row: Row[Any]) -> Usage:
    values = values_of(row)
    values["sessions"] = {key: (got, sent) for key, (got, sent) in values["sessions"].items()}
    values["moves"] = tuple((address, at) for address, at in values["moves"])
    return Usage(**values)
