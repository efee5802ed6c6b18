"""The bot's own certificates, with which it tries each server, and what came of that."""

from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Row, bindparam, delete, insert, or_, select, update

from storage import tables
from storage.records import (
    Canary,
    CanaryLook,
    CanaryRole,
    CanaryTrouble,
    ServerName,
    Untried,
)
from storage.repository import Repository, values_of

_canaries = tables.canaries
_looks = tables.canary_looks
_IN_USE = _canaries.c.retired_at.is_(None)
_REVOKED = (
    select(_canaries.c.serial)
    .where(_IN_USE, _canaries.c.role == CanaryRole.REVOKED)
    .order_by(_canaries.c.serial)
)
_NOT_TO_GIVE = select(_canaries.c.address).where(
    _canaries.c.server == bindparam("on"),
    _canaries.c.address.is_not(None),
    or_(_IN_USE, _canaries.c.retired_at > bindparam("rested_since")),
)


class Canaries(Repository):
    async def add(self, canaries: Sequence[Canary]) -> None:
        """Stores certificates that are to be made."""
        if canaries:
            rows = [asdict(canary) for canary in canaries]
            await self._connection.execute(insert(_canaries), rows)

    async def in_use(self, server: ServerName) -> Sequence[Canary]:
        """Those of a server that are not retired."""
        return await self._where(_canaries.c.server == server, _IN_USE)

    async def known_on(self, server: ServerName) -> Sequence[Canary]:
        """Those whose file or session may be on a server."""
        return await self._where(_canaries.c.server == server)

    async def with_address(self, address: str) -> Sequence[Canary]:
        """Those that have or had this address, as long as they are kept."""
        return await self._where(_canaries.c.address == address)

    async def revoked(self) -> Sequence[str]:
        """The serials of those that every server's CRL has to list."""
        return list((await self._connection.execute(_REVOKED)).scalars())

    async def serials(self) -> Sequence[str]:
        """All that are known, also of those that are retired."""
        return list((await self._connection.execute(select(_canaries.c.serial))).scalars())

    async def addresses_held(self, server: ServerName, rested_since: datetime) -> frozenset[str]:
        """Addresses that may not be given out: in use, or free only since `rested_since`."""
        values = {"on": server, "rested_since": rested_since}
        return frozenset((await self._connection.execute(_NOT_TO_GIVE, values)).scalars())

    async def retire(self, server: ServerName, at: datetime) -> None:
        await self._connection.execute(
            update(_canaries).where(_canaries.c.server == server, _IN_USE).values(retired_at=at)
        )

    async def prune(self, before: datetime) -> None:
        """Forgets those whose certificate was over by then, unless a server has to be rid of them.

        Of those in use their file may still be on their server, which is told by its name.
        """
        servers = select(tables.servers.c.name)
        await self._connection.execute(
            delete(_canaries).where(
                _canaries.c.not_after < before,
                or_(_canaries.c.retired_at < before, _canaries.c.server.not_in(servers)),
            )
        )

    async def forget_on(self, server: ServerName) -> None:
        """Forgets those of a server that is taken out, and what was seen there."""
        await self._connection.execute(delete(_canaries).where(_canaries.c.server == server))
        await self.unsee(server)

    async def look(self, server: ServerName) -> CanaryLook | None:
        """What came of the last try; None where there was none."""
        rows = await self._connection.execute(select(_looks).where(_looks.c.server == server))
        row = rows.one_or_none()
        return None if row is None else _look(row)

    async def looks(self) -> dict[ServerName, CanaryLook]:
        """What came of the last try of each server."""
        rows = await self._connection.execute(select(_looks))
        return {look.server: look for look in map(_look, rows)}

    async def see(self, look: CanaryLook) -> None:
        """Stores what came of a try, in the place of what was seen there before."""
        await self.unsee(look.server)
        values = asdict(look) | {"troubles": list(look.troubles), "told": list(look.told)}
        await self._connection.execute(insert(_looks).values(**values))

    async def unsee(self, server: ServerName) -> None:
        """Forgets what was seen on a server that is not tried any more."""
        await self._connection.execute(delete(_looks).where(_looks.c.server == server))

    async def _where(self, *conditions: ColumnElement[bool]) -> list[Canary]:
        rows = await self._connection.execute(
            select(_canaries)
            .where(*conditions)
            .order_by(_canaries.c.not_before, _canaries.c.serial)
        )
        return [
            Canary(**values | {"role": CanaryRole(values["role"])})
            for values in map(values_of, rows)
        ]


def _look(row: Row[Any]) -> CanaryLook:
    return CanaryLook(
        ServerName(row.server),
        row.at,
        tuple(map(CanaryTrouble, row.troubles)),
        tuple(map(CanaryTrouble, row.told)),
        None if row.untried is None else Untried(row.untried),
    )
