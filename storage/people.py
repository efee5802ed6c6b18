"""Who is known to the bot, and who is on the allowlist."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Row, insert, select, update

from storage import tables
from storage.batches import batches
from storage.records import Person, UserId
from storage.repository import Repository, values_of

_people = tables.people
_COLUMNS = [column for column in _people.c if column is not _people.c.revision]
_NEXT = _people.c.revision + 1


class People(Repository):
    async def get(self, user_id: UserId) -> Person | None:
        row = (
            await self._connection.execute(select(*_COLUMNS).where(_people.c.id == user_id))
        ).first()
        return None if row is None else _person(row)

    async def allowed_among(self, numbers: Collection[int]) -> dict[int, bool]:
        """Whether each of them is on the allowlist; whoever was never known is left out."""
        found: dict[int, bool] = {}
        for some in batches(numbers):
            rows = await self._connection.execute(
                select(_people.c.id, _people.c.allowed).where(_people.c.id.in_(some))
            )
            found.update((row.id, row.allowed) for row in rows)
        return found

    async def name_of(self, user_id: UserId) -> str:
        """A person's name; their id where they are not known."""
        person = await self.get(user_id)
        return str(user_id) if person is None else person.name

    async def all(self) -> Sequence[Person]:
        rows = await self._connection.execute(select(*_COLUMNS).order_by(_people.c.added_at))
        return [_person(row) for row in rows]

    async def allow(self, user_id: UserId, name: str, now: datetime) -> None:
        """Puts somebody on the allowlist; somebody who is on it gets the new name."""
        if await self.get(user_id) is None:
            await self._add(user_id, name, allowed=True, now=now)
        else:
            await self._set(user_id, name=name, allowed=True, revision=_NEXT)

    async def know(self, user_id: UserId, name: str, now: datetime) -> None:
        """Remembers an admin who is not on the allowlist.

        Whoever was known by their number only gets the name.
        """
        person = await self.get(user_id)
        if person is None:
            await self._add(user_id, name, allowed=False, now=now)
        elif person.name == str(user_id) != name:
            await self._set(user_id, name=name)

    async def link(self, user_id: UserId, same_as: UserId | None) -> None:
        """Says that an account belongs to a person who is known by another one."""
        await self._set(user_id, same_as=same_as, revision=_NEXT)

    async def person_of(self, user_id: UserId) -> UserId:
        """The account by which a person is known, whichever of theirs is given."""
        person = await self.get(user_id)
        return user_id if person is None or person.same_as is None else person.same_as

    async def accounts_of(self, person: UserId) -> Sequence[UserId]:
        """All accounts of a person, the one they are known by first."""
        rows = await self._connection.execute(
            select(_people.c.id).where(_people.c.same_as == person).order_by(_people.c.id)
        )
        return [person, *(UserId(user_id) for user_id in rows.scalars())]

    async def disallow(self, user_id: UserId) -> None:
        await self._set(user_id, allowed=False, revision=_NEXT)

    async def revision(self, user_id: UserId) -> int:
        """How often an admin has decided about somebody: to allow, to remove, or to link them."""
        revision = await self._connection.scalar(
            select(_people.c.revision).where(_people.c.id == user_id)
        )
        return int(revision or 0)

    async def set_username(self, user_id: UserId, username: str | None) -> None:
        await self._set(user_id, username=username)

    async def set_reachable(self, user_id: UserId, *, reachable: bool) -> None:
        """Sets whether Telegram lets the bot write to this person."""
        await self._set(user_id, reachable=reachable)

    async def _add(self, user_id: UserId, name: str, *, allowed: bool, now: datetime) -> None:
        await self._connection.execute(
            insert(_people).values(id=user_id, name=name, allowed=allowed, added_at=now)
        )

    async def _set(self, user_id: UserId, **values: Any) -> None:
        await self._connection.execute(
            update(_people).where(_people.c.id == user_id).values(**values)
        )


def _person(row: Row[Any]) -> Person:
    return Person(**values_of(row))
