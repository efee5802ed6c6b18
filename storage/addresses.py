"""Who has which address on which server, and who had it when.

A grant has an address of each family at most; what it had before stays beside it, until it is
proved that nobody uses it. `storage.grants` keeps this with what becomes of a grant.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Row, bindparam, delete, func, insert, or_, select, update

from storage import tables
from storage.batches import batches
from storage.group_records import AddressOwner, AddressSpan, GroupName
from storage.group_tables import addresses as _addresses
from storage.group_tables import due_files as _due
from storage.group_tables import memberships as _memberships
from storage.records import GrantId, ServerName, UserId
from storage.repository import Repository, values_of

_grants = tables.grants
_people = tables.people
_HELD = _addresses.c.left_at.is_(None)
_GIVE = insert(_addresses)
_OF = (
    select(_addresses)
    .where(_addresses.c.grant_id == bindparam("of"), _addresses.c.server == bindparam("on"), _HELD)
    .order_by(_addresses.c.given_at, _addresses.c.id)
)
_NOT_TO_GIVE = select(_addresses.c.address).where(
    _addresses.c.server == bindparam("on"),
    or_(_HELD, _addresses.c.left_at > bindparam("rested_since")),
)
_HERE = (
    select(_people.c.id, _people.c.same_as)
    .join(_grants, _grants.c.user_id == _people.c.id)
    .join(_addresses, _addresses.c.grant_id == _grants.c.id)
    .where(_addresses.c.server == bindparam("on"))
    .cte()
)
_PEOPLE_ON = (
    select(_people.c.id, _people.c.name)
    .where(or_(_people.c.id.in_(select(_HERE.c.id)), _people.c.id.in_(select(_HERE.c.same_as))))
    .order_by(_people.c.id)
)
_LEAVE_ALL = (
    update(_addresses)
    .where(_addresses.c.grant_id == bindparam("of"), _HELD)
    .values(left_at=bindparam("at"))
)
_known_as = func.coalesce(_people.c.same_as, _people.c.id)
_members = (
    select(_known_as.label("person"), _memberships.c.group_name)
    .join(_people, _people.c.id == _memberships.c.user_id)
    .subquery()
)
_OWNERS = (
    select(_addresses.c.address, _addresses.c.grant_id, _known_as, _members.c.group_name)
    .join(_grants, _grants.c.id == _addresses.c.grant_id)
    .join(_people, _people.c.id == _grants.c.user_id)
    .outerjoin(_members, _members.c.person == _known_as)
    .where(
        _addresses.c.server == bindparam("on"),
        _HELD,
        _addresses.c.moved_at.is_(None),
        _grants.c.revoked_at.is_(None),
        _grants.c.pause.is_(None),
    )
    .order_by(_addresses.c.address, _members.c.group_name)
)


class Addresses(Repository):
    async def give(self, grant_id: GrantId, server: ServerName, address: str, at: datetime) -> None:
        """Notes that a grant has this address now. The index refuses one that somebody holds."""
        await self._connection.execute(
            _GIVE, {"grant_id": grant_id, "server": server, "address": address, "given_at": at}
        )

    async def move(self, grant_id: GrantId, server: ServerName, address: str, at: datetime) -> None:
        """Notes that a grant does not get this address any more; it may still be in use."""
        await self._connection.execute(
            update(_addresses)
            .where(
                _addresses.c.grant_id == grant_id,
                _addresses.c.server == server,
                _addresses.c.address == address,
                _HELD,
            )
            .values(moved_at=at)
        )

    async def set6(
        self, grant_id: GrantId, server: ServerName, address: str | None, at: datetime
    ) -> bool:
        """Gives a grant this IPv6 address, and none but this; False where it has it already."""
        rows = await self._connection.execute(_OF, {"of": grant_id, "on": server})
        held = [span for span in map(_span, rows) if ":" in span.address]
        now = [span.address for span in held if span.moved_at is None]
        if now == ([] if address is None else [address]):
            return False
        for old in now:
            await self.move(grant_id, server, old, at)
        if any(span.address == address for span in held):  # back to one that was not left yet
            await self._connection.execute(
                update(_addresses)
                .where(_addresses.c.grant_id == grant_id, _addresses.c.address == address, _HELD)
                .values(moved_at=None)
            )
        elif address is not None:
            await self.give(grant_id, server, address, at)
        return True

    async def leave(self, span_id: int, at: datetime) -> None:
        """Nobody uses it any more: from now on it rests."""
        await self._connection.execute(
            update(_addresses).where(_addresses.c.id == span_id, _HELD).values(left_at=at)
        )

    async def leave_all(self, grant_id: GrantId, at: datetime) -> None:
        """All that a grant had is in use no more, since its end is proved."""
        await self._connection.execute(_LEAVE_ALL, {"of": grant_id, "at": at})

    async def now_of(self, grant_id: GrantId, server: ServerName) -> Sequence[AddressSpan]:
        """What a grant gets on a server."""
        return await self._where(
            _addresses.c.grant_id == grant_id,
            _addresses.c.server == server,
            _addresses.c.moved_at.is_(None),
            _HELD,
        )

    async def moved_on(self, server: ServerName) -> Sequence[AddressSpan]:
        """Those given up that somebody may still use."""
        return await self._where(
            _addresses.c.server == server, _addresses.c.moved_at.is_not(None), _HELD
        )

    async def held(self, server: ServerName, rested_since: datetime) -> frozenset[str]:
        """Those that may not be given out: in use, or left only after `rested_since`."""
        values = {"on": server, "rested_since": rested_since}
        return frozenset((await self._connection.execute(_NOT_TO_GIVE, values)).scalars())

    async def history(self, address: str) -> Sequence[AddressSpan]:
        """All who had this address, on whichever server, oldest first."""
        return await self._where(_addresses.c.address == address)

    async def files_due(
        self, server: ServerName, grant_ids: Iterable[GrantId], at: datetime
    ) -> None:
        """Notes that the files of these grants on a server have to be written anew."""
        wanted = set(grant_ids)
        for some in batches(wanted):
            await self._connection.execute(
                delete(_due).where(_due.c.server == server, _due.c.grant_id.in_(some))
            )
        if wanted:
            rows = [{"server": server, "grant_id": one, "due_at": at} for one in sorted(wanted)]
            await self._connection.execute(insert(_due), rows)

    async def due_files(self, server: ServerName) -> Mapping[GrantId, datetime]:
        """Whose files on a server have to be written anew, and since when."""
        rows = await self._connection.execute(
            select(_due.c.grant_id, _due.c.due_at).where(_due.c.server == server)
        )
        return {row.grant_id: row.due_at for row in rows}

    async def servers_due(self) -> frozenset[ServerName]:
        """Where files have to be written anew, or addresses that were given up be looked for."""
        moved = select(_addresses.c.server).where(_addresses.c.moved_at.is_not(None), _HELD)
        rows = await self._connection.execute(select(_due.c.server).union(moved))
        return frozenset(rows.scalars())

    async def file_done(self, server: ServerName, grant_id: GrantId, due_at: datetime) -> None:
        """A file is as it should be; what has changed since that moment stays noted."""
        await self._connection.execute(
            delete(_due).where(
                _due.c.server == server, _due.c.grant_id == grant_id, _due.c.due_at == due_at
            )
        )

    async def forget_files(self, server: ServerName) -> None:
        """A server was taken out: nobody writes there any more."""
        await self._connection.execute(delete(_due).where(_due.c.server == server))

    async def owners(self, server: ServerName) -> Sequence[AddressOwner]:
        """Who may send from which address of a server now, and the groups they belong to.

        A person's groups are those of all of their accounts. An address that was given up is
        nobody's, and so is that of whoever is paused: what still comes from it is of no group.
        """
        rows = await self._connection.execute(_OWNERS, {"on": server})
        found: dict[tuple[str, GrantId, UserId], list[GroupName]] = {}
        for address, grant_id, user_id, group in rows:
            groups = found.setdefault((address, grant_id, user_id), [])
            if group is not None and group not in groups:
                groups.append(group)
        return [
            AddressOwner(server, address, grant_id, user_id, tuple(groups))
            for (address, grant_id, user_id), groups in found.items()
        ]

    async def people_on(self, server: ServerName) -> Mapping[UserId, str]:
        """Whoever has or had an address of a server: each account, and whose it is, with names."""
        rows = await self._connection.execute(_PEOPLE_ON, {"on": server})
        return {UserId(user_id): name for user_id, name in rows}

    async def _where(self, *conditions: Any) -> list[AddressSpan]:
        rows = await self._connection.execute(
            select(_addresses).where(*conditions).order_by(_addresses.c.given_at, _addresses.c.id)
        )
        return [_span(row) for row in rows]


def _span(row: Row[Any]) -> AddressSpan:
    return AddressSpan(**values_of(row))
