"""Grants: one serial, one common name, an address on each server, from approval to proved end."""

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Select,
    and_,
    bindparam,
    exists,
    func,
    insert,
    literal,
    or_,
    select,
    union_all,
    update,
)

from storage import tables
from storage.addresses import Addresses
from storage.batches import batches
from storage.connection import AsyncConnection
from storage.grant_rows import WITH, grants_of, selected, stored
from storage.name_keys import words_of
from storage.name_tables import certificate_words as _words
from storage.proofs import DROPPED
from storage.records import (
    LIVE_STATES,
    PROVED_STATES,
    UNPROVED_STATES,
    EndReason,
    Grant,
    GrantId,
    GrantState,
    Pause,
    ServerName,
    UserId,
)
from storage.repository import Repository

_grants = tables.grants
_places = tables.grant_places
# Written out as in the indexes: with parameters in their place SQLite does not use them.
_LIVE = tables.is_live(_grants)
_proofs = tables.proofs
_SERIAL_DIGITS = 40
_IMPORTED = _grants.c.imported_at.is_not(None)
# By a certificate that only a server may show nobody gets access.
_FOR_CLIENTS = _grants.c.for_server.is_(False)
_BY_ID = selected(_grants.c.id == bindparam("grant_id"))
_OF_USER = selected(_grants.c.user_id == bindparam("user_id"))
_OURS_NAMED = selected(_grants.c.common_name == bindparam("key"), _grants.c.imported_at.is_(None))
_KEYED = selected(_grants.c.name_key == bindparam("key"))
_ADD = insert(_grants)
_SET = update(_grants).where(
    _grants.c.id == bindparam("of"), _grants.c.state.in_(bindparam("before", expanding=True))
)
_ADD_PLACES = insert(_places)
_ADD_WORDS = insert(_words)
_ON_THE_WAY = selected(_grants.c.state.in_((GrantState.RESERVED, GrantState.ISSUED)))
_NOT_TO_GIVE = (
    select(_places.c.address)
    .join(_grants, _grants.c.id == _places.c.grant_id)
    .where(
        _places.c.server == bindparam("on"),
        _places.c.address.is_not(None),
        or_(_grants.c.state.in_(UNPROVED_STATES), _grants.c.proved_at > bindparam("rested_since")),
    )
)
# Not by the index of states, which has all that are live.
_NOT_OVER_OF_FEW = _grants.c.state.not_in(PROVED_STATES)
_OF_USERS = selected(
    _grants.c.user_id.in_(bindparam("users", expanding=True)),
    or_(
        _NOT_OVER_OF_FEW,
        and_(
            _grants.c.not_after > bindparam("now"),
            _grants.c.id.in_(select(_proofs.c.grant_id).where(_proofs.c.proved.is_(False))),
        ),
    ),
)
_LET_IN = _grants.c.pause.is_(None)
# Not by the index of all that is live: of these there are few.
_NOBODYS = (_grants.c.user_id.is_(None), _grants.c.for_server.is_not(True), _LIVE)
_NOBODYS_LIKE = selected(
    *_NOBODYS,
    _grants.c.id.in_(
        select(_words.c.grant_id).where(_words.c.word.in_(bindparam("words", expanding=True)))
    ),
)


class Grants(Repository):
    def __init__(self, connection: AsyncConnection) -> None:
        super().__init__(connection)
        self._addresses = Addresses(connection)

    async def add(self, grant: Grant) -> None:
        """Stores a reserved grant. The indexes refuse a second live one for the same approval."""
        await self.add_many([grant])
        if grant.places:
            rows = [
                {
                    "grant_id": grant.id,
                    "server": place.server,
                    "position": position,
                    "address": place.address,
                }
                for position, place in enumerate(grant.places)
            ]
            await self._connection.execute(_ADD_PLACES, rows)
        for place in grant.places if grant.state in UNPROVED_STATES else ():
            if place.address is not None:
                await self._addresses.give(grant.id, place.server, place.address, grant.not_before)

    async def add_many(self, grants: Sequence[Grant]) -> None:
        """Stores grants without places, as imported ones are: tens of thousands at a time."""
        if not grants:
            return
        await self._connection.execute(_ADD, [stored(grant) for grant in grants])
        words = [
            {"word": word, "grant_id": grant.id}
            for grant in grants
            if grant.imported_at is not None
            for word in frozenset(words_of(grant.common_name.partition("@")[0]))
        ]
        if words:
            await self._connection.execute(_ADD_WORDS, words)

    async def get(self, grant_id: GrantId) -> Grant | None:
        found = await self._read(_BY_ID, grant_id=grant_id)
        return found[0] if found else None

    async def some(self, grant_ids: Sequence[GrantId]) -> Sequence[Grant]:
        return await self._with("id", grant_ids)

    async def with_serials(self, serials: Sequence[str]) -> Sequence[Grant]:
        return await self._with("serial", serials)

    async def all(self) -> Sequence[Grant]:
        return await self._where()

    async def not_over(self) -> Sequence[Grant]:
        """Live grants, and those whose end is not proved."""
        return await self._where(_grants.c.state.in_(UNPROVED_STATES))

    async def on_the_way(self) -> Sequence[Grant]:
        """Live grants whose profile has not arrived yet, as far as anybody knows."""
        return await self._read(_ON_THE_WAY)

    async def of_user(self, user_id: UserId) -> Sequence[Grant]:
        return await self._read(_OF_USER, user_id=user_id)

    async def of_users(self, user_ids: Iterable[UserId], now: datetime) -> Sequence[Grant]:
        """What these have that is not over, or whose end is not proved while its certificate lasts.

        Of those who have had much, the rest stays where it is.
        """
        return [
            grant
            for some in batches(user_ids)
            for grant in await self._read(_OF_USERS, users=some, now=now)
        ]

    async def live_of_user(self, user_id: UserId) -> Sequence[Grant]:
        return await self._where(_grants.c.user_id == user_id, _LIVE)

    async def live_on(self, server: ServerName) -> Sequence[Grant]:
        """Live grants that were given for this server, also together with others."""
        return await self._where(_has_place(server), _LIVE)

    async def live_as(self, name: ServerName) -> Sequence[Grant]:
        """Live grants that were given under this name, of a server or a set."""
        return await self._where(_grants.c.server == name, _LIVE)

    async def for_others(self, server: ServerName) -> Sequence[Grant]:
        """Live grants that were given for other servers only, so they open nothing here."""
        return await self._where(~_has_place(server), _grants.c.imported_at.is_(None), _LIVE)

    async def live_for(self, server: ServerName) -> Sequence[Grant]:
        """Whoever may open this server: those of `live_on`, and imported clients' ones."""
        return await self._where(*_opening(server), _LIVE)

    async def known_on(
        self, server: ServerName, names: Collection[str] | None = None
    ) -> Sequence[Grant]:
        """Grants whose file or session may be on this server.

        Those of `live_for`, and those of the same kind that are being revoked: whoever proves
        their end deals with them, as whoever proves a pause with those that are being paused. By a
        certificate that only a server may show nobody is known, whoever else has its name.

        Args:
            names: only those who may be called so there. Where one has an underscore, imported
                ones are among them whatever their name: see `vpn.names.look_alike`.
        """
        may_be = or_(_LET_IN, _grants.c.pause == Pause.PAUSING)
        there = (*_opening(server), may_be)
        not_over = _grants.c.state.in_(UNPROVED_STATES)
        if names is None:
            return await self._where(*there, not_over)
        known: dict[GrantId, Grant] = {}
        for some in batches(names):
            called = _grants.c.common_name.in_(some)
            known |= {one.id: one for one in await self._where(*there, called, _NOT_OVER_OF_FEW)}
        if any("_" in name for name in names):
            known |= {one.id: one for one in await self._where(*there, not_over, _IMPORTED)}
        return [*known.values()]

    async def imported(self) -> Sequence[Grant]:
        """All imported grants, whatever became of them."""
        return await self._where(_IMPORTED)

    async def imported_as(self, common_names: Sequence[str]) -> Sequence[Grant]:
        """Those of `imported` that have one of these names."""
        if not common_names:
            return []
        return await self._where(_IMPORTED, _grants.c.common_name.in_(common_names))

    async def unlinked(self) -> Sequence[Grant]:
        """Live imported grants of clients that nobody has been linked to."""
        return await self._where(*_NOBODYS)

    async def unlinked_as(self, common_name: str) -> Sequence[Grant]:
        """Those of `unlinked` that have this name."""
        return await self._where(*_NOBODYS, _grants.c.common_name == common_name)

    async def unlinked_like(self, words: Sequence[str]) -> Sequence[Grant]:
        """Those of `unlinked` that have one of these words in their name."""
        found: dict[GrantId, Grant] = {}
        for some in batches(words):
            found |= {one.id: one for one in await self._read(_NOBODYS_LIKE, words=some)}
        return [*found.values()]

    async def with_name(self, key: str) -> Sequence[Grant]:
        """Grants with this common name, by its key, see `storage.name_keys`."""
        if not key:
            return []
        return [*await self._read(_OURS_NAMED, key=key), *await self._read(_KEYED, key=key)]

    async def with_serial(self, digits: str) -> Sequence[Grant]:
        """Grants with this serial, whatever zeros are before it."""
        widths = range(len(digits), _SERIAL_DIGITS + 1)
        return await self.with_serials([digits.zfill(width) for width in widths])

    async def nobodys_not_over(self, *, limit: int) -> Sequence[Grant]:
        """Some imported ones of clients that nobody has been linked to, and that may let in."""
        nobodys = (_grants.c.user_id.is_(None), _FOR_CLIENTS)
        return await self._page(
            *nobodys, _grants.c.state.in_(UNPROVED_STATES), offset=0, limit=limit
        )

    async def count_unlinked_names(self) -> int:
        """How many names `unlinked` has."""
        names = select(func.count(_grants.c.common_name.distinct())).where(*_NOBODYS)
        return int(await self._connection.scalar(names) or 0)

    async def count_live(self) -> int:
        """How many `ending` has in all."""
        live = select(func.count()).select_from(_grants).where(_LIVE, _FOR_CLIENTS)
        return int(await self._connection.scalar(live) or 0)

    async def ending(self, *, offset: int, limit: int) -> Sequence[Grant]:
        """A part of what lets clients in, soonest end first."""
        return await self._page(_LIVE, _FOR_CLIENTS, offset=offset, limit=limit)

    async def count_unproved(self, now: datetime) -> int:
        """How many `unproved` has in all."""
        ended = select(func.count()).where(_unproved(now))
        return int(await self._connection.scalar(ended) or 0)

    async def unproved(self, now: datetime, *, offset: int, limit: int) -> Sequence[Grant]:
        """A part of what has ended without a proof, also where none will ever come."""
        return await self._page(_unproved(now), offset=offset, limit=limit)

    async def _page(
        self, *conditions: ColumnElement[bool], offset: int, limit: int
    ) -> Sequence[Grant]:
        """A part of these, soonest end first; which ones it is, an index says alone."""
        rows = await self._connection.execute(
            select(_grants.c.id)
            .where(*conditions)
            .order_by(_grants.c.not_after, _grants.c.id)
            .offset(offset)
            .limit(limit)
        )
        found = await self.some(list(rows.scalars()))
        return sorted(found, key=lambda grant: (grant.not_after, grant.id))

    async def link(self, grant_id: GrantId, user_id: UserId) -> bool:
        """Gives an imported grant to a person; False where there is no such grant."""
        done = await self._connection.execute(
            update(_grants).where(_grants.c.id == grant_id, _IMPORTED).values(user_id=user_id)
        )
        return done.rowcount == 1

    async def imported_names(self) -> Sequence[str]:
        """The common name of each live imported one that lets somebody in.

        A name may come several times.
        """
        rows = await self._connection.execute(
            select(_grants.c.common_name).where(_IMPORTED, _FOR_CLIENTS, _LIVE, _LET_IN)
        )
        return list(rows.scalars())

    async def named(self, names: Iterable[str]) -> Sequence[Grant]:
        """Grants with one of these common names, whatever became of them."""
        return await self._with("common_name", names)

    async def out_since(self, moment: datetime) -> Sequence[Grant]:
        """Ended grants and paused ones, proved or not, whose certificate was valid after then."""
        return await self._where(
            or_(_grants.c.state.in_((GrantState.REVOKING, *PROVED_STATES)), ~_LET_IN),
            _FOR_CLIENTS,
            _grants.c.not_after > moment,
        )

    async def reopen(self, grant_ids: Iterable[GrantId], now: datetime) -> None:
        """Back to REVOKING, or to PAUSING: their end has to be proved once more.

        One that has been proved keeps the moment, by which it is told from one that never was.
        """
        for some in batches(grant_ids):
            await self._connection.execute(
                update(_grants)
                .where(_grants.c.id.in_(some), _grants.c.state.in_(PROVED_STATES))
                .values(
                    state=GrantState.REVOKING,
                    proved_at=func.coalesce(_grants.c.proved_at, literal(now, tables.UtcTime)),
                )
            )
            await self._connection.execute(
                update(_grants)
                .where(_grants.c.id.in_(some), _grants.c.pause == Pause.PAUSED)
                .values(pause=Pause.PAUSING)
            )

    async def replaced_at(self, user_id: UserId, since: datetime) -> Sequence[datetime]:
        """When this person had a new profile for an old one after `since`, newest first."""
        rows = await self._connection.execute(
            select(_grants.c.revoked_at)
            .where(
                _grants.c.user_id == user_id,
                _grants.c.end_reason == EndReason.REPLACED,
                _grants.c.revoked_at > since,
            )
            .order_by(_grants.c.revoked_at.desc())
        )
        return list(rows.scalars())

    async def due(self, now: datetime) -> Sequence[Grant]:
        """The live grants whose time is over."""
        # Both kinds, named, or the index by the end would not be used.
        both = _grants.c.for_server.in_((False, True))
        return await self._where(_LIVE, both, _grants.c.not_after <= now)

    async def revoking(self) -> Sequence[Grant]:
        return await self._where(_grants.c.state == GrantState.REVOKING)

    async def replacing(self, grant_ids: Sequence[GrantId]) -> Sequence[Grant]:
        """Whatever was made in the place of these, whatever became of it."""
        return await self._with("replaces", grant_ids)

    async def addresses_held(self, server: ServerName, rested_since: datetime) -> frozenset[str]:
        """Addresses that may not be given out: in use, or proved free only after `rested_since`.

        Also that of one whose end has to be proved once more.
        """
        held = await self._addresses.held(server, rested_since)
        values = {"on": server, "rested_since": rested_since}
        return held.union((await self._connection.execute(_NOT_TO_GIVE, values)).scalars())

    async def move(self, grant_id: GrantId, before: GrantState, after: GrantState) -> bool:
        """Compare and set; False if the grant was not in the state `before`."""
        return await self._set(grant_id, (before,), state=after)

    async def end(
        self,
        grant_id: GrantId,
        reason: EndReason,
        at: datetime,
        *,
        by: str | None = None,
        by_name: str | None = None,
    ) -> bool:
        """Live to REVOKING; False if somebody else ended it first."""
        ended = {"revoked_at": at, "end_reason": reason, "ended_by": by, "ended_by_name": by_name}
        # What was proved of a pause says nothing of the end.
        ended |= dict.fromkeys(("pause", "paused_at", "proved_at"))
        return await self._set(grant_id, LIVE_STATES, state=GrantState.REVOKING, **ended)

    async def set_address(
        self, grant: Grant, server: ServerName, address: str | None, at: datetime
    ) -> bool:
        """Gives a live grant another address on a server of its own; False if it was ended.

        The one that it had stays held until somebody has seen that nobody uses it.
        """
        is_live = select(_grants.c.id).where(_grants.c.id == grant.id, _LIVE).exists()
        done = await self._connection.execute(
            update(_places)
            .where(_places.c.grant_id == grant.id, _places.c.server == server, is_live)
            .values(address=address)
        )
        if done.rowcount != 1:
            return False
        before = grant.address_on(server)
        if before is not None:
            await self._addresses.move(grant.id, server, before, at)
        if address is not None:
            await self._addresses.give(grant.id, server, address, at)
        return True

    async def wait_on(
        self, grant_id: GrantId, servers: Collection[ServerName], at: datetime
    ) -> None:
        """Notes that these of its servers have not taken a grant in yet."""
        if not servers:
            return
        await self._connection.execute(
            update(_places)
            .where(_places.c.grant_id == grant_id, _places.c.server.in_(servers))
            .values(waiting_since=at)
        )

    async def let_in(self, grant_id: GrantId, server: ServerName) -> None:
        """Notes that a server has taken a grant in."""
        await self._connection.execute(
            update(_places)
            .where(_places.c.grant_id == grant_id, _places.c.server == server)
            .values(waiting_since=None)
        )

    async def waiting_on(self, server: ServerName) -> Sequence[Grant]:
        """Live grants that a server has not taken in yet, although their profiles are out."""
        waits = (_places.c.server == server, _places.c.waiting_since.is_not(None))
        waiting = _grants.c.id.in_(select(_places.c.grant_id).where(*waits))
        return await self._where(waiting, _LIVE, _LET_IN)

    async def prove(self, grant_id: GrantId, after: GrantState, at: datetime) -> bool:
        """REVOKING to REVOKED or EXPIRED; False if it was proved before."""
        if not await self._set(grant_id, (GrantState.REVOKING,), state=after, proved_at=at):
            return False
        await self._addresses.leave_all(grant_id, at)
        return True

    async def _set(self, grant_id: GrantId, before: Sequence[GrantState], **values: Any) -> bool:
        named = {"of": grant_id, "before": [*before], **values}
        return (await self._connection.execute(_SET, named)).rowcount == 1

    async def _with(self, column: str, values: Iterable[str]) -> list[Grant]:
        """The grants with one of these values, however many they are."""
        asked = WITH[column]
        return [one for some in batches(values) for one in await self._read(asked, some=some)]

    async def _where(self, *conditions: ColumnElement[bool]) -> list[Grant]:
        return await self._read(selected(*conditions))

    async def _read(self, statement: Select[Any], **values: Any) -> list[Grant]:
        return grants_of(await self._connection.execute(statement, values))


def _has_place(server: ServerName) -> ColumnElement[bool]:
    """Looked up for each grant: a list of all that ever had one there would be made each time."""
    place = _places.alias()
    return exists().where(place.c.grant_id == _grants.c.id, place.c.server == server)


def unproved_for_good(now: datetime) -> ColumnElement[bool]:
    """Ended grants that may still open a server which was taken out before it had proved their end:
    as long as the certificate lasts, that server may still run."""
    return and_(
        _grants.c.id.in_(select(_proofs.c.grant_id).where(*DROPPED)),
        # Not by the index of states: nearly all that ever was is in these.
        _grants.c.state.not_in(UNPROVED_STATES),
        _FOR_CLIENTS,
        _grants.c.not_after > now,
    )


def _unproved(now: datetime) -> ColumnElement[bool]:
    """By one index each: what is being revoked, and what never will be."""
    for_good = select(_grants.c.id).where(unproved_for_good(now))
    revoking = select(_grants.c.id).where(_grants.c.state == GrantState.REVOKING)
    return _grants.c.id.in_(union_all(revoking, for_good))


def _opening(server: ServerName) -> tuple[ColumnElement[bool], ...]:
    """Grants for this server, and imported clients' ones, which may be used on any server."""
    here = or_(_has_place(server), _grants.c.server.is_(None))
    return here, _FOR_CLIENTS
