"""Who is known to the bot, who is on the allowlist, and who wrote lately without being either."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Row,
    Select,
    bindparam,
    delete,
    exists,
    false,
    func,
    insert,
    literal,
    or_,
    select,
    true,
    update,
)

from storage import tables
from storage.batches import batches
from storage.grants import unproved_for_good
from storage.name_keys import MOST_WORDS, name_key, person_words, username_key
from storage.name_tables import newcomers as _newcomers
from storage.name_tables import person_words as _words
from storage.records import UNPROVED_STATES, Person, UserId
from storage.repository import Repository, values_of

_people = tables.people
_grants = tables.grants
_MAY_BE_ENDED = _grants.c.state.in_(UNPROVED_STATES)
_HELD = _grants.c.for_server.is_(False)
_COLUMNS = [_people.c[name] for name in Person.__slots__]
_NEXT = _people.c.revision + 1
_LISTED = _people.c.allowed == true()
# The same, where the few that are meant are known: not by the index of the whole list.
_ON_THE_LIST = _people.c.allowed != false()
# Above all that a word can begin with: words are plain letters and digits.
_AFTER_ALL = "{"
# How often it is noted that somebody still has their username.
_SEEN_EVERY = timedelta(days=1)
_NEWCOMERS_KEPT = 1000
# More people than that have a word that tells nobody apart.
_COMMON = 200
# So few grants are read at once.
_FEW = 2000
_BY_ID = select(*_COLUMNS).where(_people.c.id == bindparam("user_id"))
_SOME = (
    select(*_COLUMNS)
    .where(_people.c.id.in_(bindparam("accounts", expanding=True)))
    .order_by(_people.c.added_at)
)
_NAMED = (
    select(*_COLUMNS)
    .where(or_(_people.c.name_key == bindparam("key"), _people.c.username_key == bindparam("key")))
    .order_by(_people.c.added_at)
)
_SHARED = (
    select(_people.c.name_key)
    .where(_people.c.name_key.in_(bindparam("keys", expanding=True)))
    .group_by(_people.c.name_key)
    .having(func.count(func.coalesce(_people.c.same_as, _people.c.id).distinct()) > 1)
)
_asked = _people.alias()
_KNOWN_BY = (
    select(func.coalesce(_asked.c.same_as, _asked.c.id))
    .where(_asked.c.id == bindparam("user_id"))
    .scalar_subquery()
)
# All accounts of the person whose account `user_id` is.
THEIR_ACCOUNTS = select(_people.c.id).where(
    or_(_people.c.id == _KNOWN_BY, _people.c.same_as == _KNOWN_BY)
)
_KNOWN_FIRST = THEIR_ACCOUNTS.order_by(_people.c.same_as.is_not(None), _people.c.id)


class People(Repository):
    async def get(self, user_id: UserId) -> Person | None:
        rows = await self._connection.execute(_BY_ID, {"user_id": user_id})
        row = rows.first()
        return None if row is None else _person(row)

    async def some(self, user_ids: Iterable[UserId]) -> Mapping[UserId, Person]:
        """Those of them who are known."""
        return {
            person.id: person
            for some in batches(dict.fromkeys(user_ids))
            for person in map(_person, await self._connection.execute(_SOME, {"accounts": some}))
        }

    async def name_of(self, user_id: UserId) -> str:
        """A person's name; their id where they are not known."""
        person = await self.get(user_id)
        return str(user_id) if person is None else person.name

    async def all(self) -> Sequence[Person]:
        rows = await self._connection.execute(select(*_COLUMNS).order_by(_people.c.added_at))
        return [_person(row) for row in rows]

    async def named(self, key: str) -> Sequence[Person]:
        """Those with this name or username, by its key, see `storage.name_keys`."""
        if not key:
            return []
        return [_person(row) for row in await self._connection.execute(_NAMED, {"key": key})]

    async def namesakes(self, keys: Collection[str]) -> frozenset[str]:
        """Those of these keys of names that several people have."""
        shared: set[str] = set()
        for some in batches(keys):
            rows = await self._connection.execute(_SHARED, {"keys": some})
            shared.update(rows.scalars())
        return frozenset(shared)

    async def with_words(
        self, words: Sequence[str], *, limit: int, whole: bool = False
    ) -> Sequence[Person]:
        """Some of those in whose name or username a word begins with each of these: by number.

        Args:
            whole: the words are whole ones.
        """
        if not words:
            return []
        found = await self._ids(words, whole=whole)
        if isinstance(found, list):
            some = sorted(found)[:limit]
            return await self._where(_people.c.id.in_(some))
        # Of so many no more is read than what the index has.
        first = found.distinct().order_by(_words.c.user_id).limit(limit)
        return await self._where(_people.c.id.in_(first))

    async def words_like(self, beginning: str, *, limit: int) -> frozenset[str]:
        """Some of the words that begin like this."""
        rows = await self._connection.execute(
            select(_words.c.word).where(_range(_words.c.word, beginning)).limit(limit)
        )
        return frozenset(rows.scalars())

    async def listed(
        self, words: Sequence[str] = (), *, offset: int, limit: int
    ) -> Sequence[Person]:
        """A part of the allowlist by name; with words, of those whom `with_words` finds."""
        wanted = select(*_COLUMNS)
        found = await self._ids(words) if words else None
        if found is None:
            wanted = wanted.where(_LISTED)
        elif isinstance(found, list):
            wanted = wanted.where(_ON_THE_LIST, _people.c.id.in_(found))
        else:
            wanted = wanted.where(_LISTED, _people.c.id.in_(found))
        rows = await self._connection.execute(
            wanted.order_by(_people.c.name_key, _people.c.id).offset(offset).limit(limit)
        )
        return [_person(row) for row in rows]

    async def count_listed(self, words: Sequence[str] = ()) -> int:
        """How many `listed` has in all."""
        wanted = select(func.count()).select_from(_people).where(_LISTED)
        if words:
            found = await self._ids(words)
            wanted = select(func.count()).select_from(_people).where(_ON_THE_LIST)
            wanted = wanted.where(_people.c.id.in_(found))
        return int(await self._connection.scalar(wanted) or 0)

    async def allow(self, user_id: UserId, name: str, now: datetime) -> None:
        """Puts somebody on the allowlist; somebody who is on it gets the new name."""
        person = await self.get(user_id)
        if person is None:
            seen = await self.newcomer(user_id)
            await self._add(user_id, name, allowed=True, now=now)
            if seen is not None and seen.username is not None:
                called = {"username": seen.username, "seen_at": seen.username_seen_at}
                await self._rename(replace(seen, name=name), name, **called)
                await self._set(user_id, allowed_username=seen.username)
        else:
            username = person.username
            await self._set(user_id, allowed=True, allowed_username=username, revision=_NEXT)
            await self._rename(person, name)

    async def know(self, user_id: UserId, name: str, now: datetime) -> None:
        """Remembers an admin who is not on the allowlist.

        Whoever was known by their number only gets the name.
        """
        person = await self.get(user_id)
        if person is None:
            await self._add(user_id, name, allowed=False, now=now)
        elif person.name == str(user_id) != name:
            await self._rename(person, name)

    async def link(self, user_id: UserId, same_as: UserId | None) -> None:
        """Says that an account belongs to a person who is known by another one."""
        await self._set(user_id, same_as=same_as, revision=_NEXT)

    async def person_of(self, user_id: UserId) -> UserId:
        """The account by which a person is known, whichever of theirs is given."""
        person = await self.get(user_id)
        return user_id if person is None or person.same_as is None else person.same_as

    async def accounts_of(self, user_id: UserId) -> Sequence[UserId]:
        """All accounts of a person, whichever is given; the one they are known by first."""
        rows = await self._connection.execute(_KNOWN_FIRST, {"user_id": user_id})
        return list(rows.scalars()) or [user_id]

    async def disallow(self, user_id: UserId) -> None:
        await self._set(user_id, allowed=False, revision=_NEXT)

    async def revision(self, user_id: UserId) -> int:
        """How often an admin has decided about somebody: to allow, to remove, or to link them."""
        revision = await self._connection.scalar(
            select(_people.c.revision).where(_people.c.id == user_id)
        )
        return int(revision or 0)

    async def note_username(self, user_id: UserId, username: str | None, now: datetime) -> None:
        """Somebody wrote with this username, which is nobody else's from now on."""
        person = await self.get(user_id)
        if person is not None and person.username == username:
            # Whoever had taken it since would have taken it from them.
            if username is not None and _is_due(person.username_seen_at, now):
                await self._set(user_id, username_seen_at=now)
            return
        key = username_key(username)
        if key is not None:
            holders = await self._where(_people.c.username_key == key, _people.c.id != user_id)
            for holder in holders:
                await self._rename(holder, holder.name, username=None, seen_at=None)
            await self._connection.execute(
                update(_newcomers)
                .where(_newcomers.c.username_key == key, _newcomers.c.id != user_id)
                .values(username=None, username_key=None)
            )
        if person is not None:
            await self._rename(person, person.name, username=username, seen_at=now)
            if person.allowed_username is None:
                await self._set(user_id, allowed_username=username)

    async def set_reachable(self, user_id: UserId, *, reachable: bool) -> None:
        """Sets whether Telegram lets the bot write to this person."""
        await self._set(user_id, reachable=reachable)

    async def forget_reachable(self) -> None:
        """Nobody knows of anybody any more whether Telegram lets the bot write to them."""
        await self._connection.execute(update(_people).values(reachable=None))

    async def note_newcomer(
        self, user_id: UserId, name: str, username: str | None, now: datetime
    ) -> None:
        """A stranger wrote. Only the last thousand are kept, however many come."""
        await self.forget_newcomer(user_id)
        await self._connection.execute(
            insert(_newcomers).values(
                id=user_id,
                name=name,
                username=username,
                name_key=name_key(name),
                username_key=username_key(username),
                seen_at=now,
            )
        )
        newest = select(_newcomers.c.seen_at).order_by(_newcomers.c.seen_at.desc())
        await self._connection.execute(
            delete(_newcomers).where(
                _newcomers.c.seen_at < newest.offset(_NEWCOMERS_KEPT - 1).limit(1).scalar_subquery()
            )
        )

    async def prune_newcomers(self, before: datetime) -> None:
        """Who has not written since then has no reason to be remembered."""
        await self._connection.execute(delete(_newcomers).where(_newcomers.c.seen_at < before))

    async def forget_newcomer(self, user_id: UserId) -> None:
        """They are known now."""
        await self._connection.execute(delete(_newcomers).where(_newcomers.c.id == user_id))

    async def newcomers_named(self, key: str, *, limit: int) -> Sequence[Person]:
        """Strangers who wrote lately, by the key of their name or username; newest first."""
        if not key:
            return []
        rows = await self._connection.execute(
            select(_newcomers)
            .where(or_(_newcomers.c.name_key == key, _newcomers.c.username_key == key))
            .order_by(_newcomers.c.seen_at.desc())
            .limit(limit)
        )
        return [_newcomer(row) for row in rows]

    async def newcomer(self, user_id: UserId) -> Person | None:
        """A stranger who wrote lately."""
        rows = await self._connection.execute(select(_newcomers).where(_newcomers.c.id == user_id))
        row = rows.first()
        return None if row is None else _newcomer(row)

    async def with_access(
        self, now: datetime, words: Sequence[str] = (), *, offset: int, limit: int
    ) -> Sequence[Person]:
        """A part of those who have something that could be ended, by name; with words, of those
        whom `with_words` finds.

        Where few have anything, those are looked for; where many have, everybody is looked at in
        turn until there are enough.
        """
        found = await self._ids(words) if words else None
        return await self._with_access(now, found, offset=offset, limit=limit)

    async def some_with_access(
        self, now: datetime, words: Sequence[str], *, limit: int
    ) -> Sequence[Person]:
        """Some of those whom `with_access` finds by these words.

        Of a word that many have, nobody is looked at once there are enough: so whoever does not
        need the first ones by name does not pay for putting thousands in order.
        """
        found = await self._ids(words)
        if isinstance(found, list):
            return await self._with_access(now, found, offset=0, limit=limit)
        may_be_ended = await self._may_be_ended(_words.c.user_id, now)
        in_turn = found.where(may_be_ended).order_by(_words.c.word, _words.c.user_id)
        # Each of them once for each of their words that fits.
        rows = await self._connection.execute(in_turn.limit(limit * MOST_WORDS))
        return await self._where(_people.c.id.in_(list(dict.fromkeys(rows.scalars()))[:limit]))

    async def _with_access(
        self,
        now: datetime,
        among: list[UserId] | Select[tuple[UserId]] | None,
        *,
        offset: int,
        limit: int,
    ) -> Sequence[Person]:
        may_be_ended = await self._may_be_ended(_people.c.id, now)
        named = [] if among is None else [_people.c.id.in_(among)]
        rows = await self._connection.execute(
            select(*_COLUMNS)
            .where(may_be_ended, *named)
            .order_by(_people.c.name_key, _people.c.id)
            .offset(offset)
            .limit(limit)
        )
        return [_person(row) for row in rows]

    async def _may_be_ended(
        self, account: ColumnElement[UserId], now: datetime
    ) -> ColumnElement[bool]:
        """Whether this account has something that could be ended."""
        few = select(_grants.c.id).where(_MAY_BE_ENDED, _HELD).limit(_FEW)
        count = await self._connection.scalar(select(func.count()).select_from(few.subquery()))
        dropped = select(_grants.c.user_id).where(unproved_for_good(now))
        if int(count or 0) < _FEW:
            held = select(_grants.c.user_id).where(_MAY_BE_ENDED, _HELD)
            return or_(account.in_(held), account.in_(dropped))
        theirs = exists().where(_grants.c.user_id == account, _MAY_BE_ENDED, _HELD)
        return or_(theirs, account.in_(dropped))

    async def _ids(
        self, words: Sequence[str], *, whole: bool = False
    ) -> list[UserId] | Select[tuple[UserId]]:
        """Whom `with_words` finds, beginning with the word that the fewest have; where even these
        are many, a statement that selects them."""
        counts = {}
        for word in dict.fromkeys(words):
            some = select(literal(1)).where(_is(_words.c.word, word, whole=whole)).limit(_COMMON)
            counted = select(func.count()).select_from(some.subquery())
            counts[word] = int(await self._connection.scalar(counted) or 0)
        first, *others = sorted(counts, key=lambda word: counts[word])
        wanted = select(_words.c.user_id).where(_is(_words.c.word, first, whole=whole))
        for word in others:
            same = _words.alias()
            wanted = wanted.where(
                exists().where(
                    same.c.user_id == _words.c.user_id, _is(same.c.word, word, whole=whole)
                )
            )
        if counts[first] >= _COMMON:
            return wanted
        return list((await self._connection.execute(wanted.distinct())).scalars())

    async def _add(self, user_id: UserId, name: str, *, allowed: bool, now: datetime) -> None:
        await self._connection.execute(
            insert(_people).values(
                id=user_id, name=name, name_key=name_key(name), allowed=allowed, added_at=now
            )
        )
        await self._write_words(user_id, name, None)
        await self.forget_newcomer(user_id)

    async def _rename(self, person: Person, name: str, **username: Any) -> None:
        """Another name; with `username` and `seen_at` another username, too."""
        called = username.get("username", person.username)
        seen_at = username.get("seen_at", person.username_seen_at)
        await self._set(
            person.id,
            name=name,
            name_key=name_key(name),
            username=called,
            username_key=username_key(called),
            username_seen_at=seen_at,
        )
        await self._connection.execute(delete(_words).where(_words.c.user_id == person.id))
        await self._write_words(person.id, name, called)

    async def _write_words(self, user_id: UserId, name: str, username: str | None) -> None:
        rows = [{"word": word, "user_id": user_id} for word in person_words(name, username)]
        if rows:
            await self._connection.execute(insert(_words), rows)

    async def _set(self, user_id: UserId, **values: Any) -> None:
        await self._connection.execute(
            update(_people).where(_people.c.id == user_id).values(**values)
        )

    async def _where(self, *conditions: ColumnElement[bool]) -> list[Person]:
        rows = await self._connection.execute(
            select(*_COLUMNS).where(*conditions).order_by(_people.c.added_at)
        )
        return [_person(row) for row in rows]


def _newcomer(row: Row[Any]) -> Person:
    return Person(
        id=UserId(row.id),
        name=row.name,
        username=row.username,
        allowed=False,
        reachable=None,
        added_at=row.seen_at,
        username_seen_at=row.seen_at,
    )


def _range(column: ColumnElement[str], beginning: str) -> ColumnElement[bool]:
    return (column >= beginning) & (column < beginning + _AFTER_ALL)


def _is(column: ColumnElement[str], word: str, *, whole: bool) -> ColumnElement[bool]:
    return column == word if whole else _range(column, word)


def _is_due(seen_at: datetime | None, now: datetime) -> bool:
    return seen_at is None or abs(now - seen_at) >= _SEEN_EVERY


def _person(row: Row[Any]) -> Person:
    return Person(**values_of(row))
