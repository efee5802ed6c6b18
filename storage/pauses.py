"""Who is paused: people for a while without access, and their grants, which wait for them.

A grant that is paused stays what it is, but nobody is let in by it: every CRL lists it as on hold,
and its file is away. What each server has shown of that is kept among the proofs.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Row, bindparam, delete, func, insert, literal, or_, select, update

from storage import pause_tables, tables
from storage.batches import batches
from storage.records import LIVE_STATES, GrantId, Pause, ServerName, UserId
from storage.repository import Repository, values_of

_pauses = pause_tables.pauses
_crls = pause_tables.crls_due
_grants = tables.grants
_servers = tables.servers
_IS_PAUSED = _grants.c.pause.is_not(None)
_SOME = select(_pauses).where(_pauses.c.user_id.in_(bindparam("accounts", expanding=True)))
_SERIALS = select(_grants.c.serial).where(_IS_PAUSED)


@dataclass(frozen=True, slots=True)
class PersonPause:
    """Of one account of somebody who is paused; `by` as in the audit trail.

    Attributes:
        until: when they are resumed by themselves; None: when an admin says so.
    """

    user_id: UserId
    since: datetime
    until: datetime | None
    by: str
    by_name: str


class Pauses(Repository):
    async def put(self, pause: PersonPause) -> None:
        """Pauses an account, or changes its pause."""
        await self.end(pause.user_id)
        values = {name: getattr(pause, name) for name in PersonPause.__slots__}
        await self._connection.execute(insert(_pauses).values(**values))

    async def end(self, user_id: UserId) -> None:
        """Ends the pause of an account, if there is one."""
        await self._connection.execute(delete(_pauses).where(_pauses.c.user_id == user_id))

    async def of(self, user_id: UserId) -> PersonPause | None:
        return (await self.some([user_id])).get(user_id)

    async def some(self, user_ids: Iterable[UserId]) -> Mapping[UserId, PersonPause]:
        """Those of these accounts that are paused."""
        found: dict[UserId, PersonPause] = {}
        for some in batches(dict.fromkeys(user_ids)):
            rows = await self._connection.execute(_SOME, {"accounts": some})
            found |= {row.user_id: _pause(row) for row in rows}
        return found

    async def all(self) -> Sequence[PersonPause]:
        """Every account that is paused, the earliest first."""
        rows = await self._connection.execute(
            select(_pauses).order_by(_pauses.c.since, _pauses.c.user_id)
        )
        return [_pause(row) for row in rows]

    async def over(self, now: datetime) -> Sequence[PersonPause]:
        """Those whose time has come to be resumed."""
        rows = await self._connection.execute(select(_pauses).where(_pauses.c.until <= now))
        return [_pause(row) for row in rows]

    async def hold(self, grant_id: GrantId, at: datetime) -> bool:
        """Pauses a live grant; False where it was paused before, or is not live."""
        done = await self._connection.execute(
            update(_grants)
            .where(_grants.c.id == grant_id, _grants.c.state.in_(LIVE_STATES), ~_IS_PAUSED)
            .values(pause=Pause.PAUSING, paused_at=at)
        )
        return done.rowcount == 1

    async def prove(self, grant_id: GrantId, at: datetime) -> bool:
        """PAUSING to PAUSED; False if it was proved before, or is over."""
        done = await self._connection.execute(
            update(_grants)
            .where(_grants.c.id == grant_id, _grants.c.pause == Pause.PAUSING)
            .values(
                pause=Pause.PAUSED,
                proved_at=func.coalesce(_grants.c.proved_at, literal(at, tables.UtcTime)),
            )
        )
        return done.rowcount == 1

    async def release(self, grant_id: GrantId) -> bool:
        """Lets a live grant that is paused let in again; False where it is not, or not live."""
        done = await self._connection.execute(
            update(_grants)
            .where(_grants.c.id == grant_id, _grants.c.state.in_(LIVE_STATES), _IS_PAUSED)
            .values(pause=None, paused_at=None, proved_at=None)
        )
        return done.rowcount == 1

    async def held(self) -> Sequence[GrantId]:
        """The grants that are paused."""
        rows = await self._connection.execute(select(_grants.c.id).where(_IS_PAUSED))
        return list(rows.scalars())

    async def serials(self) -> Sequence[str]:
        """Of the certificates that every CRL lists as on hold."""
        rows = await self._connection.execute(_SERIALS)
        return list(rows.scalars())

    async def unproved(self) -> Sequence[GrantId]:
        """The grants whose pause is not proved on every server."""
        rows = await self._connection.execute(
            select(_grants.c.id).where(_grants.c.pause == Pause.PAUSING)
        )
        return list(rows.scalars())

    async def want_crls(self, after: int) -> None:
        """Notes that every server that has a CRL needs one with a higher number than this."""
        await self._connection.execute(delete(_crls))
        published = select(_servers.c.name, literal(after)).where(
            _servers.c.crl_published_at.is_not(None)
        )
        await self._connection.execute(insert(_crls).from_select(["server", "after"], published))

    async def crls_due(self) -> frozenset[ServerName]:
        """The servers whose CRL still lists who may come back."""
        rows = await self._connection.execute(
            select(_servers.c.name)
            .join(_crls, _crls.c.server == _servers.c.name)
            .where(or_(_servers.c.crl_number.is_(None), _servers.c.crl_number <= _crls.c.after))
        )
        return frozenset(rows.scalars())


def _pause(row: Row[Any]) -> PersonPause:
    return PersonPause(**values_of(row))
