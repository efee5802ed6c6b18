"""The uses of profiles that their owners are asked about, and what they have answered."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Row, bindparam, insert, select, update

from storage import tables
from storage.batches import batches
from storage.records import LIVE_STATES, GrantId, UserId
from storage.repository import Repository, values_of
from storage.use_records import AskedUse, AskedUseId, UseKind
from storage.use_tables import asked_uses as _asked

_grants = tables.grants
_OPEN_OF = select(_asked).where(_asked.c.grant_id == bindparam("of"), _asked.c.was_owner.is_(None))
_ADD = insert(_asked).returning(_asked.c.id)


class AskedUses(Repository):
    async def add(self, use: AskedUse) -> AskedUseId:
        """Gives its number; that of `use` is none yet."""
        values = {name: getattr(use, name) for name in AskedUse.__slots__ if name != "id"}
        number = await self._connection.scalar(_ADD, values)
        return AskedUseId(number)

    async def get(self, number: AskedUseId) -> AskedUse | None:
        rows = await self._connection.execute(select(_asked).where(_asked.c.id == number))
        row = rows.first()
        return None if row is None else _use(row)

    async def open_of(self, grant_id: GrantId) -> Sequence[AskedUse]:
        """Those of a profile that its owner has not answered."""
        rows = await self._connection.execute(_OPEN_OF, {"of": grant_id})
        return [_use(row) for row in rows]

    async def unanswered(self, user_id: UserId, since: datetime, limit: int) -> Sequence[AskedUse]:
        """The newest of somebody's live profiles since then, the oldest of these first."""
        rows = await self._connection.execute(
            select(_asked)
            .join(_grants, _grants.c.id == _asked.c.grant_id)
            .where(
                _grants.c.user_id == user_id,
                _grants.c.state.in_(LIVE_STATES),
                _asked.c.was_owner.is_(None),
                _asked.c.asked_at > since,
            )
            .order_by(_asked.c.id.desc())
            .limit(limit)
        )
        return [_use(row) for row in rows][::-1]

    async def asked_first(self, grant_ids: Iterable[GrantId]) -> frozenset[GrantId]:
        """Those of these profiles whose owner was asked about their first use."""
        found: set[GrantId] = set()
        for some in batches(grant_ids):
            rows = await self._connection.execute(
                select(_asked.c.grant_id).where(
                    _asked.c.kind == UseKind.FIRST, _asked.c.grant_id.in_(some)
                )
            )
            found.update(rows.scalars())
        return frozenset(found)

    async def answer(self, number: AskedUseId, *, was_owner: bool, now: datetime) -> None:
        """In the place of what was answered before."""
        await self._connection.execute(
            update(_asked).where(_asked.c.id == number).values(was_owner=was_owner, answered_at=now)
        )


def _use(row: Row[Any]) -> AskedUse:
    values = values_of(row)
    values["kind"] = UseKind(values["kind"])
    values["addresses"] = tuple(values["addresses"])
    return AskedUse(**values)
