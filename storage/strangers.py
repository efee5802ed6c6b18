"""Who was found on a server without having access there, as far as admins were told."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Row, delete, insert, select, update

from storage import tables
from storage.records import SeenAs, ServerName, Stranger
from storage.repository import Repository, values_of

_strangers = tables.strangers


class Strangers(Repository):
    async def get(self, stranger_id: int) -> Stranger | None:
        rows = await self._connection.execute(
            select(_strangers).where(_strangers.c.id == stranger_id)
        )
        row = rows.first()
        return None if row is None else _stranger(row)

    async def on(self, server: ServerName) -> Sequence[Stranger]:
        """The strangers of a server, whoever was seen longest ago first."""
        rows = await self._connection.execute(
            select(_strangers)
            .where(_strangers.c.server == server)
            .order_by(_strangers.c.seen_at, _strangers.c.id)
        )
        return [_stranger(row) for row in rows]

    async def note(self, server: ServerName, name: str, seen_as: SeenAs, at: datetime) -> int:
        """Remembers how a name was seen last; gives its number."""
        values = {"seen_as": seen_as, "seen_at": at}
        known = await self._connection.execute(
            select(_strangers.c.id).where(_strangers.c.server == server, _strangers.c.name == name)
        )
        number = known.scalar()
        if number is None:
            added = await self._connection.execute(
                insert(_strangers)
                .values(server=server, name=name, **values)
                .returning(_strangers.c.id)
            )
            return int(added.scalar_one())
        await self._connection.execute(
            update(_strangers).where(_strangers.c.id == number).values(**values)
        )
        return int(number)

    async def forget(self, stranger_ids: Collection[int]) -> None:
        await self._connection.execute(delete(_strangers).where(_strangers.c.id.in_(stranger_ids)))

    async def forget_on(self, server: ServerName) -> None:
        """Forgets the strangers of a server that is taken out."""
        await self._connection.execute(delete(_strangers).where(_strangers.c.server == server))


def _stranger(row: Row[Any]) -> Stranger:
    values = values_of(row)
    return Stranger(**values | {"seen_as": SeenAs(values["seen_as"])})
