"""Groups of people, and who belongs to them."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from sqlalchemy import Row, bindparam, delete, func, insert, select, update

from storage import tables
from storage.group_records import Group, GroupName, Reason
from storage.group_tables import groups as _groups
from storage.group_tables import memberships as _memberships
from storage.people import THEIR_ACCOUNTS
from storage.records import UserId
from storage.repository import Repository, values_of

_people = tables.people
_OF_ACCOUNTS = (
    select(_groups)
    .where(
        _groups.c.name.in_(
            select(_memberships.c.group_name).where(
                _memberships.c.user_id.in_(bindparam("accounts", expanding=True))
            )
        )
    )
    .order_by(_groups.c.name)
)
_OF_PERSON = (
    select(_groups)
    .where(
        _groups.c.name.in_(
            select(_memberships.c.group_name).where(_memberships.c.user_id.in_(THEIR_ACCOUNTS))
        )
    )
    .order_by(_groups.c.name)
)
_IN_ORDER = select(_groups).order_by(_groups.c.name)
_LISTS = ("networks", "routes", "dns", "servers", "approvers")


class Groups(Repository):
    async def all(self) -> Sequence[Group]:
        """By name."""
        rows = await self._connection.execute(_IN_ORDER)
        return [_group(row) for row in rows]

    async def get(self, name: GroupName) -> Group | None:
        rows = await self._connection.execute(select(_groups).where(_groups.c.name == name))
        row = rows.first()
        return None if row is None else _group(row)

    async def add(self, group: Group) -> None:
        await self._connection.execute(insert(_groups).values(**_values(group)))

    async def set(self, group: Group) -> None:
        await self._connection.execute(
            update(_groups).where(_groups.c.name == group.name).values(**_values(group))
        )

    async def remove(self, name: GroupName) -> None:
        """Takes a group away; nobody belongs to it any more."""
        await self._connection.execute(delete(_groups).where(_groups.c.name == name))

    async def join(self, name: GroupName, user_id: UserId) -> bool:
        """False where they belong to it already."""
        if user_id in await self.members(name):
            return False
        await self._connection.execute(
            insert(_memberships).values(group_name=name, user_id=user_id)
        )
        return True

    async def leave(self, name: GroupName, user_id: UserId) -> bool:
        """False where they did not belong to it."""
        done = await self._connection.execute(
            delete(_memberships).where(
                _memberships.c.group_name == name, _memberships.c.user_id == user_id
            )
        )
        return done.rowcount == 1

    async def members(self, name: GroupName) -> Sequence[UserId]:
        """The accounts that were put into it."""
        rows = await self._connection.execute(
            select(_memberships.c.user_id)
            .where(_memberships.c.group_name == name)
            .order_by(_memberships.c.user_id)
        )
        return list(rows.scalars())

    async def by_account(self) -> Mapping[UserId, Sequence[GroupName]]:
        """The groups of each person who is in one, by every account of theirs."""
        known_as = func.coalesce(_people.c.same_as, _people.c.id)
        members = (
            select(known_as.label("person"), _memberships.c.group_name)
            .join(_people, _people.c.id == _memberships.c.user_id)
            .distinct()
            .subquery()
        )
        rows = await self._connection.execute(
            select(_people.c.id, members.c.group_name)
            .join(members, members.c.person == known_as)
            .order_by(members.c.group_name)
        )
        found: dict[UserId, list[GroupName]] = {}
        for user_id, name in rows:
            found.setdefault(user_id, []).append(name)
        return found

    async def of_accounts(self, accounts: Iterable[UserId]) -> Sequence[Group]:
        """The groups that one of these accounts was put into, by name."""
        rows = await self._connection.execute(_OF_ACCOUNTS, {"accounts": list(accounts)})
        return [_group(row) for row in rows]

    async def of_person(self, user_id: UserId) -> Sequence[Group]:
        """The groups of the person whose account this is, by name."""
        rows = await self._connection.execute(_OF_PERSON, {"user_id": user_id})
        return [_group(row) for row in rows]


def _values(group: Group) -> dict[str, Any]:
    return {
        name: list(value) if isinstance(value, tuple) else value
        for name, value in asdict(group).items()
    }


def _group(row: Row[Any]) -> Group:
    values = values_of(row)
    reason = None if values["reason"] is None else Reason(values["reason"])
    lists = {name: tuple(values[name]) for name in _LISTS}
    return Group(**values | lists | {"reason": reason})
