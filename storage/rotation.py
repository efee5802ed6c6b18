"""How one CA takes another's place: the step that it has come to, in a single row.

CAs are numbered: the first is 1, whether made here or taken over. Of two the newer has the higher
number, and each certificate's row says which of them signs it.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import (
    Column,
    ColumnElement,
    Integer,
    Select,
    String,
    Table,
    exists,
    func,
    insert,
    select,
    update,
)

from storage import tables
from storage.records import UNPROVED_STATES, GrantId, GrantState
from storage.repository import Repository, values_of

FIRST_AUTHORITY = 1
_grants, _later = tables.grants, tables.grants.alias()
# One row: how far the last CA is in taking the place of the one before.
_rotation = Table(
    "ca_rotation",
    tables.metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("authority", Integer, nullable=False),
    Column("step", String(16), nullable=False),
    Column("begun_at", tables.UtcTime, nullable=False),
    Column("since", tables.UtcTime, nullable=False),
    Column("move_all_at", tables.UtcTime),
)

_LAST = select(_rotation)


class RotationStep(StrEnum):
    """In their order; each waits for what the next one builds on."""

    TRUST = "trust"  # the new CA is there; the servers come to trust both
    MOVE = "move"  # the new one signs; people's profiles move to it
    RENEW = "renew"  # the last old profile is gone; the servers get certificates of the new one
    RETIRE = "retire"  # the servers come to trust the new one alone
    DONE = "done"  # the old one's key is destroyed


@dataclass(frozen=True, slots=True)
class Rotation:
    """How far a new CA is in taking the old one's place.

    Attributes:
        authority: the new CA's number.
        since: when the step began.
        move_all_at: since when profiles are moved without waiting for their people; None where
            they are not.
    """

    authority: int
    step: RotationStep
    begun_at: datetime
    since: datetime
    move_all_at: datetime | None = None

    @property
    def is_under_way(self) -> bool:
        return self.step is not RotationStep.DONE

    @property
    def signing(self) -> int:
        """The number of the CA that signs people's certificates."""
        return self.authority - 1 if self.step is RotationStep.TRUST else self.authority

    @property
    def serving(self) -> int:
        """The number of the CA whose certificates the servers are to show."""
        old = self.step in (RotationStep.TRUST, RotationStep.MOVE)
        return self.authority - 1 if old else self.authority

    @property
    def trusted(self) -> tuple[int, ...]:
        """The numbers of the CAs that the servers are to trust, that of `serving` first."""
        if self.step in (RotationStep.RETIRE, RotationStep.DONE):
            return (self.authority,)
        return tuple(sorted((self.authority - 1, self.authority), key=lambda n: n != self.serving))


class Rotations(Repository):
    async def last(self) -> Rotation | None:
        """The one that is under way, or was the last; None where there was none."""
        row = (await self._connection.execute(_LAST)).one_or_none()
        if row is None:
            return None
        values = values_of(row) | {"step": RotationStep(row.step)}
        del values["id"]
        return Rotation(**values)

    async def signing(self) -> int:
        """The number of the CA that signs people's certificates now."""
        last = await self.last()
        return FIRST_AUTHORITY if last is None else last.signing

    async def begin(self, rotation: Rotation) -> bool:
        """Stores a new one in the place of one that is over; False where one is under way."""
        before = await self.last()
        if before is None:
            await self._connection.execute(insert(_rotation).values(id=1, **asdict(rotation)))
            return True
        if before.is_under_way:
            return False
        await self._connection.execute(update(_rotation).values(**asdict(rotation)))
        return True

    async def move(self, before: RotationStep, after: RotationStep, at: datetime) -> bool:
        """Compare and set; False where it is at another step."""
        done = await self._connection.execute(
            update(_rotation).where(_rotation.c.step == before).values(step=after, since=at)
        )
        return done.rowcount == 1

    async def move_all(self, at: datetime) -> bool:
        """Notes that profiles are to be moved; False where that is noted, or nothing moves now."""
        done = await self._connection.execute(
            update(_rotation)
            .where(_rotation.c.step == RotationStep.MOVE, _rotation.c.move_all_at.is_(None))
            .values(move_all_at=at)
        )
        return done.rowcount == 1

    async def signed_before(self, authority: int) -> Sequence[GrantId]:
        """Clients' grants of earlier CAs that live, or whose end is not proved; oldest first."""
        found = select(_grants.c.id).where(
            _grants.c.authority < authority,
            _grants.c.state.in_(UNPROVED_STATES),
            _grants.c.for_server.is_(False),
        )
        return await self._ids(found.order_by(_grants.c.not_before, _grants.c.id))

    async def to_move(self, authority: int, most: int) -> Sequence[GrantId]:
        """People's active grants of earlier CAs in whose place none was made, the oldest first.

        Not those that are paused: their people get nothing before they are back.
        """
        found = select(_grants.c.id).where(*_to_move(authority), _grants.c.pause.is_(None))
        return await self._ids(found.order_by(_grants.c.not_before, _grants.c.id).limit(most))

    async def count_to_move(self, authority: int) -> int:
        """How many `to_move` would give, with those that are paused."""
        count = select(func.count()).select_from(_grants).where(*_to_move(authority))
        return int(await self._connection.scalar(count) or 0)

    async def _ids(self, found: Select[Any]) -> Sequence[GrantId]:
        rows = await self._connection.execute(found)
        return [GrantId(each) for each in rows.scalars()]


def _to_move(authority: int) -> tuple[ColumnElement[bool], ...]:
    return (
        _grants.c.authority < authority,
        _grants.c.state == GrantState.ACTIVE,
        _grants.c.imported_at.is_(None),
        ~exists().where(_later.c.replaces == _grants.c.id),
    )
