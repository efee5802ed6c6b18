"""Requests and the decisions on them."""

from collections.abc import AsyncIterator, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Row, Select, bindparam, func, insert, or_, select, update

from storage import tables
from storage.devices import Device
from storage.records import (
    OPEN_STATES,
    Decision,
    Request,
    RequestId,
    RequestState,
    ServerName,
    UserId,
    Verdict,
)
from storage.repository import Repository, values_of

_requests = tables.requests
_AT_ONCE = 500
_decisions = tables.decisions
_BY_ID = select(_requests).where(_requests.c.id == bindparam("request_id"))
_OF_USER = select(_requests).where(_requests.c.user_id == bindparam("of")).order_by(_requests.c.id)
_OPEN_OF = _OF_USER.where(_requests.c.state.in_(OPEN_STATES))
_DECIDED = insert(_decisions)
_DECISIONS_ON = (
    select(_decisions)
    .where(_decisions.c.request_id == bindparam("request_id"))
    .order_by(_decisions.c.id)
)
_EARLIER = (
    select(_requests)
    .where(
        _requests.c.user_id.in_(bindparam("of", expanding=True)),
        _requests.c.id < bindparam("before"),
        _requests.c.decided_at.is_not(None),
        _requests.c.server.is_not(None),
    )
    .order_by(_requests.c.id.desc())
    .limit(bindparam("most"))
)
_LAST_DECISION = select(func.max(_decisions.c.id))
_DECIDE = (
    update(_requests)
    .where(
        _requests.c.id == bindparam("request"),
        _requests.c.state.in_(bindparam("open", expanding=True)),
    )
    .values(
        state=bindparam("after"),
        decided_by=bindparam("by"),
        decided_by_name=bindparam("by_name"),
        decided_at=bindparam("at"),
        undo_until=bindparam("until"),
        duration=func.coalesce(
            bindparam("given", type_=_requests.c.duration.type), _requests.c.duration
        ),
    )
)
_ADD = insert(_requests).returning(_requests.c.id)


class Requests(Repository):
    async def add(
        self,
        *,
        user_id: UserId,
        server: ServerName | None,
        duration: int,
        reason: str,
        asked_at: datetime,
        expires_at: datetime,
        starts_at: datetime | None = None,
        extends: RequestId | None = None,
        device: Device | None = None,
    ) -> Request:
        """A request that waits for its server, if none is named, and else for an admin."""
        values: dict[str, Any] = {
            "user_id": user_id,
            "server": server,
            "duration": duration,
            "asked_duration": duration,
            "reason": reason,
            "state": RequestState.PENDING if server else RequestState.CHOOSING,
            "asked_at": asked_at,
            "expires_at": expires_at,
            "starts_at": starts_at,
            "extends": extends,
            "device": device,
        }
        number = await self._connection.scalar(_ADD, values)
        return Request(id=RequestId(number), **values)

    async def add_approved(self, like: Request, *, by: str, by_name: str, at: datetime) -> Request:
        """A request of the same person for the same, decided in the same instant."""
        values: dict[str, Any] = {
            "user_id": like.user_id,
            "server": like.server,
            "duration": like.duration,
            "reason": like.reason,
            "state": RequestState.APPROVED,
            "asked_at": at,
            "expires_at": at,
            "decided_by": by,
            "decided_by_name": by_name,
            "decided_at": at,
            "extends": like.extends,
            "device": like.device,
        }
        number = RequestId(await self._connection.scalar(_ADD, values))
        await self._note(number, by, Verdict.APPROVE, None, at)
        return Request(id=number, **values)

    async def get(self, request_id: RequestId) -> Request | None:
        rows = await self._connection.execute(_BY_ID, {"request_id": request_id})
        row = rows.first()
        return None if row is None else _request(row)

    async def all(self) -> Sequence[Request]:
        return await self._where()

    async def each(
        self, *, state: RequestState | None = None, limit: int | None = None
    ) -> AsyncIterator[Sequence[Request]]:
        """Oldest first, a part in memory at a time."""
        wanted = select(_requests).order_by(_requests.c.id).limit(limit)
        if state is not None:
            wanted = wanted.where(_requests.c.state == state)
        async for part in self._connection.partitions(wanted, _AT_ONCE):
            yield [_request(row) for row in part]

    async def pending(
        self, *, offset: int | None = None, limit: int | None = None
    ) -> Sequence[Request]:
        return await self._where(
            _requests.c.state == RequestState.PENDING, offset=offset, limit=limit
        )

    async def count_pending(self) -> int:
        """How many wait for a decision."""
        waiting = select(func.count()).where(_requests.c.state == RequestState.PENDING)
        return int(await self._connection.scalar(waiting) or 0)

    async def open(self) -> Sequence[Request]:
        """The requests that nobody has decided, also those whose server is not chosen yet."""
        return await self._where(_requests.c.state.in_(OPEN_STATES))

    async def open_of(self, user_id: UserId) -> Sequence[Request]:
        """The requests of one person that nobody has decided."""
        return await self._read(_OPEN_OF, of=user_id)

    async def of_user(self, user_id: UserId) -> Sequence[Request]:
        """All requests of one person, oldest first."""
        return await self._read(_OF_USER, of=user_id)

    async def earlier(
        self, accounts: Sequence[UserId], before: RequestId, *, limit: int
    ) -> Sequence[Request]:
        """What these accounts had asked for before and was decided, newest first."""
        return await self._read(_EARLIER, of=[*accounts], before=before, most=limit)

    async def ids_of(self, user_id: UserId) -> Sequence[RequestId]:
        """The numbers of all that one person has asked for."""
        rows = await self._connection.execute(
            select(_requests.c.id).where(_requests.c.user_id == user_id).order_by(_requests.c.id)
        )
        return list(rows.scalars())

    async def last_server(self, user_id: UserId) -> ServerName | None:
        """What this person named or chose the last time, whatever became of it."""
        server: ServerName | None = await self._connection.scalar(
            select(_requests.c.server)
            .where(_requests.c.user_id == user_id, _requests.c.server.is_not(None))
            .order_by(_requests.c.id.desc())
            .limit(1)
        )
        return server

    async def open_on(self, server: ServerName) -> Sequence[Request]:
        return await self._where(_requests.c.server == server, _requests.c.state.in_(OPEN_STATES))

    async def asked_at(self, user_id: UserId, since: datetime) -> Sequence[datetime]:
        """When this person asked after `since`, newest first; whatever became of it.

        What an operator asked for them does not count: it is decided in the same instant.
        """
        rows = await self._connection.execute(
            select(_requests.c.asked_at)
            .where(
                _requests.c.user_id == user_id,
                _requests.c.asked_at > since,
                or_(
                    _requests.c.decided_by.is_(None),
                    _requests.c.decided_by.not_like("system:%"),
                    _requests.c.decided_at != _requests.c.asked_at,
                ),
            )
            .order_by(_requests.c.asked_at.desc())
        )
        return list(rows.scalars())

    async def due(self, now: datetime, *, asked_by: datetime | None = None) -> Sequence[Request]:
        """The undecided requests whose time is over, or that are as old as `asked_by`."""
        is_over = _requests.c.expires_at <= now
        if asked_by is not None:
            is_over = or_(is_over, _requests.c.asked_at <= asked_by)
        return await self._where(_requests.c.state.in_(_UNDECIDED), is_over)

    async def scheduled(self, *, by: datetime | None = None) -> Sequence[Request]:
        """The approved ones that have not begun; those only that are to begin until then."""
        due = () if by is None else (_requests.c.starts_at <= by,)
        return await self._where(_requests.c.state == RequestState.SCHEDULED, *due)

    async def begin(self, request_id: RequestId, duration: int) -> bool:
        """SCHEDULED to APPROVED, for so many seconds; False if it was not scheduled any more."""
        done = await self._connection.execute(
            update(_requests)
            .where(_requests.c.id == request_id, _requests.c.state == RequestState.SCHEDULED)
            .values(state=RequestState.APPROVED, duration=duration)
        )
        return done.rowcount == 1

    async def choose(
        self, request_id: RequestId, server: ServerName, duration: int | None = None
    ) -> bool:
        """CHOOSING to PENDING; False if it was not choosing any more.

        Args:
            duration: in seconds, where nobody named one and it is another one for this server.
        """
        changed = {} if duration is None else {"duration": duration, "asked_duration": duration}
        done = await self._connection.execute(
            update(_requests)
            .where(_requests.c.id == request_id, _requests.c.state == RequestState.CHOOSING)
            .values(server=server, state=RequestState.PENDING, **changed)
        )
        return done.rowcount == 1

    async def decide(
        self,
        request_id: RequestId,
        verdict: Verdict,
        *,
        by: str,
        by_name: str,
        at: datetime,
        duration: int | None = None,
        undo_until: datetime | None = None,
        later: bool = False,
    ) -> bool:
        """Compare and set: False if the request was decided already; the loser changes nothing.

        Args:
            later: what is approved is to begin at its time, and until then it can be ended.
        """
        values = {
            "request": request_id,
            # Only a request that names its server can be approved or denied.
            "open": _MAY_BECOME[verdict],
            "after": RequestState.SCHEDULED if later else _STATE_AFTER[verdict],
            "by": by,
            "by_name": by_name,
            "at": at,
            "until": undo_until,
            "given": duration,
        }
        done = await self._connection.execute(_DECIDE, values)
        if done.rowcount != 1:
            return False
        await self._note(request_id, by, verdict, duration, at)
        return True

    async def reopen(self, request_id: RequestId) -> bool:
        """A no is taken back; False if there is none. The decisions keep that it was said."""
        done = await self._connection.execute(
            update(_requests)
            .where(_requests.c.id == request_id, _requests.c.state == RequestState.DENIED)
            .values(
                state=RequestState.PENDING,
                decided_by=None,
                decided_by_name=None,
                decided_at=None,
                undo_until=None,
            )
        )
        return done.rowcount == 1

    async def settled(self, now: datetime) -> Sequence[Request]:
        """Those whose decision can be taken back no more, until `settle` has noted that."""
        return await self._where(_requests.c.undo_until <= now)

    async def settle(self, request_id: RequestId) -> None:
        await self._connection.execute(
            update(_requests).where(_requests.c.id == request_id).values(undo_until=None)
        )

    async def agree(self, request_id: RequestId, *, by: str, duration: int, at: datetime) -> None:
        """Records an approval that is not enough by itself."""
        await self._note(request_id, by, Verdict.APPROVE, duration, at)

    async def decisions(self, request_id: RequestId) -> Sequence[Decision]:
        """The decisions on a request, in order."""
        rows = await self._connection.execute(_DECISIONS_ON, {"request_id": request_id})
        return [Decision(**values_of(row) | {"verdict": Verdict(row.verdict)}) for row in rows]

    async def last_decision(self) -> int:
        """The id of the last decision on any request; 0 before the first."""
        return int(await self._connection.scalar(_LAST_DECISION) or 0)

    async def _note(
        self, request_id: RequestId, by: str, verdict: Verdict, duration: int | None, at: datetime
    ) -> None:
        values = {"actor": by, "verdict": verdict, "duration": duration, "at": at}
        await self._connection.execute(_DECIDED, values | {"request_id": request_id})

    async def _where(
        self,
        *conditions: ColumnElement[bool],
        offset: int | None = None,
        limit: int | None = None,
    ) -> list[Request]:
        wanted = select(_requests).where(*conditions).order_by(_requests.c.id)
        return await self._read(wanted.offset(offset).limit(limit))

    async def _read(self, statement: Select[Any], **values: Any) -> list[Request]:
        rows = await self._connection.execute(statement, values)
        return [_request(row) for row in rows]


_UNDECIDED = (RequestState.CHOOSING, RequestState.PENDING)
_MAY_BECOME = {
    Verdict.APPROVE: (RequestState.PENDING,),
    Verdict.DENY: (RequestState.PENDING, RequestState.SCHEDULED),
    Verdict.CANCEL: OPEN_STATES,
    Verdict.EXPIRE: OPEN_STATES,
}
_STATE_AFTER = {
    Verdict.APPROVE: RequestState.APPROVED,
    Verdict.DENY: RequestState.DENIED,
    Verdict.CANCEL: RequestState.CANCELLED,
    Verdict.EXPIRE: RequestState.EXPIRED,
}


def _request(row: Row[Any]) -> Request:
    values = values_of(row)
    values["device"] = values["device"] and Device(values["device"])
    return Request(**values | {"state": RequestState(values["state"])})
