"""Whole tables for whoever prints them: a part in memory at a time, and no more of each row than
is printed."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import BigInteger, Row, Select, or_, select, type_coerce

from storage import tables
from storage.batches import batches
from storage.records import GrantId, GrantState, ServerName, UserId
from storage.repository import Repository

_grants = tables.grants
_people = tables.people
_places = tables.grant_places
_usages = tables.usages
_AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class GrantsWanted:
    """Which grants; None where it does not matter.

    Attributes:
        accounts: of their holders.
        also: grants that count as being revoked whatever their state is, and as nothing else.
    """

    state: GrantState | None = None
    accounts: Sequence[UserId] | None = None
    server: ServerName | None = None
    limit: int | None = None
    also: frozenset[GrantId] = frozenset()


@dataclass(frozen=True, slots=True)
class ListedGrants:
    """Some rows of the listing, with what belongs to them; times in microseconds since 1970.

    Attributes:
        rows: id, user_id, user_name, common_name, serial, server, state, pause, not_before,
            not_after, revoked_at.
        places: server and address, in their order, by grant.
        usages: seen_at, server, address, received, sent, by grant.
    """

    rows: Sequence[Row[Any]]
    places: dict[str, list[tuple[str, str | None]]]
    usages: dict[str, list[tuple[int, str, str, int, int]]]


class Listings(Repository):
    async def grants(self, wanted: GrantsWanted) -> AsyncIterator[ListedGrants]:
        """In the order of their beginning, some at a time."""
        async for rows in self._parts(_selected(wanted)):
            ids = [row.id for row in rows]
            places: dict[str, list[tuple[str, str | None]]] = {}
            usages: dict[str, list[tuple[int, str, str, int, int]]] = {}
            for some in batches(ids):
                for place in await self._connection.execute(
                    select(_places.c.grant_id, _places.c.server, _places.c.address)
                    .where(_places.c.grant_id.in_(some))
                    .order_by(_places.c.position)
                ):
                    places.setdefault(place[0], []).append((place[1], place[2]))
                for use in await self._connection.execute(
                    select(
                        _usages.c.grant_id,
                        type_coerce(_usages.c.seen_at, BigInteger),
                        *(_usages.c[name] for name in ("server", "address", "received", "sent")),
                    ).where(_usages.c.grant_id.in_(some))
                ):
                    usages.setdefault(use[0], []).append((use[1], use[2], use[3], use[4], use[5]))
            yield ListedGrants(rows, places, usages)

    async def people(
        self, *, allowed: bool | None, accounts: Sequence[UserId] | None, limit: int | None
    ) -> AsyncIterator[Sequence[Row[Any]]]:
        """id, name, username, allowed; in the order in which they became known."""
        columns = (_people.c[name] for name in ("id", "name", "username", "allowed"))
        wanted: Select[Any] = select(*columns).order_by(_people.c.added_at, _people.c.id)
        if allowed is not None:
            wanted = wanted.where(_people.c.allowed == allowed)
        if accounts is not None:
            wanted = wanted.where(_people.c.id.in_(accounts))
        async for rows in self._parts(wanted.limit(limit)):
            yield rows

    async def _parts(self, wanted: Select[Any]) -> AsyncIterator[Sequence[Row[Any]]]:
        async for part in self._connection.partitions(wanted, _AT_ONCE):
            yield part


def _selected(wanted: GrantsWanted) -> Select[Any]:
    moments = (
        type_coerce(_grants.c[name], BigInteger).label(name)
        for name in ("not_before", "not_after", "revoked_at")
    )
    rows: Select[Any] = (
        select(
            _grants.c.id,
            _grants.c.user_id,
            _people.c.name.label("user_name"),
            *(_grants.c[name] for name in ("common_name", "serial", "server", "state", "pause")),
            *moments,
        )
        .outerjoin(_people, _people.c.id == _grants.c.user_id)
        .order_by(_grants.c.not_before, _grants.c.id)
        .limit(wanted.limit)
    )
    if wanted.state is GrantState.REVOKING:
        rows = rows.where(or_(_grants.c.state == wanted.state, _grants.c.id.in_(wanted.also)))
    elif wanted.state is not None:
        rows = rows.where(_grants.c.state == wanted.state, _grants.c.id.not_in(wanted.also))
    if wanted.accounts is not None:
        rows = rows.where(_grants.c.user_id.in_(wanted.accounts))
    if wanted.server is not None:
        there = select(_places.c.grant_id).where(_places.c.server == wanted.server)
        rows = rows.where(or_(_grants.c.server == wanted.server, _grants.c.id.in_(there)))
    return rows
