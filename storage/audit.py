"""The audit trail: each row carries a digest of itself and of the row before it."""

import hashlib
import json
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Row,
    Select,
    and_,
    bindparam,
    func,
    insert,
    or_,
    select,
    type_coerce,
    update,
)
from sqlalchemy.exc import DBAPIError

from storage import tables
from storage.audit_records import AuditEntry, AuditHead, BrokenEntry
from storage.batches import batches
from storage.errors import is_passing
from storage.records import Payload
from storage.repository import Repository, values_of

_audit = tables.audit
_head = tables.audit_head
_NUMBERS = select(_audit.c.seq).order_by(_audit.c.seq)
_LAST = select(_audit.c.seq, _audit.c.digest).order_by(_audit.c.seq.desc()).limit(1)
_APPEND = insert(_audit)
_SUBJECTS_OF = select(_audit.c.subject).where(_audit.c.action == bindparam("done")).distinct()
_SET_HEAD = update(_head).where(_head.c.id == 1)
# The time as a number: a row that somebody edited may hold one that is no time, or a text.
_AS_STORED = select(
    *(column for column in _audit.c if column.name != "at"),
    type_coerce(_audit.c.at, BigInteger).label("at"),
).order_by(_audit.c.seq)
# What reading such a row can raise: no number, no time, no JSON, bytes, JSON without an end.
_UNREADABLE = (TypeError, ValueError, OverflowError, RecursionError)
# What stands before the first row.
GENESIS = "0" * 64


_AT_ONCE = 2000
_as_json = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False).encode


@dataclass(frozen=True, slots=True)
class AuditWanted:
    """Which rows of the trail; None and nothing where it does not matter.

    Attributes:
        actors: what these did, or what is about one of `subjects`.
        kind: of an action, all of it or up to a dot: `grant.end`, `grant`.
    """

    actors: Sequence[str] | None = None
    subjects: Sequence[str] = ()
    server: str | None = None
    kind: str | None = None
    since: datetime | None = None
    until: datetime | None = None


class Audit(Repository):
    async def append(
        self, *, at: datetime, actor: str, action: str, subject: str, detail: Payload
    ) -> AuditEntry:
        """Adds a row. The caller's transaction holds the write lock, so the chain cannot fork."""
        last = await self.last()
        previous = last.digest if last else GENESIS
        seq = last.seq + 1 if last else 1
        text = json.dumps(detail, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        digest = entry_digest(previous, seq, at, actor, action, subject, text)
        await self._connection.execute(
            _APPEND,
            {
                "seq": seq,
                "at": at,
                "actor": actor,
                "action": action,
                "subject": subject,
                "detail": text,
                "previous": previous,
                "digest": digest,
            },
        )
        await self._set_head(seq, digest)
        return AuditEntry(seq, at, actor, action, subject, detail, previous, digest)

    async def last(self) -> AuditHead | None:
        """Of the last row only what the next one needs: whatever else was done to it, work goes on.

        An edited row is for `first_fault` to find.
        """
        rows = await self._connection.execute(_LAST)
        row = rows.first()
        return None if row is None else AuditHead(row.seq, row.digest)

    async def first(self) -> AuditEntry | None:
        """None, too, where it cannot be read any more."""
        for entry in await self._entries(_NUMBERS.limit(1)):
            if isinstance(entry, AuditEntry):
                return entry
        return None

    async def newest(
        self, limit: int, wanted: AuditWanted | None = None
    ) -> Sequence[AuditEntry | BrokenEntry]:
        """The last rows, of those that are wanted, oldest of them first."""
        newest = select(_audit.c.seq).order_by(_audit.c.seq.desc()).limit(limit)
        if wanted is None:
            return await self._entries(newest)
        newest = newest.where(*_conditions(wanted))
        if wanted.actors is None:
            return await self._one_by_one(await self._numbers(newest))
        # By one index each: a person may have said little, and much may be about them.
        numbers = {*await self._numbers(newest.where(_audit.c.actor.in_(wanted.actors)))}
        for some in batches(wanted.subjects):
            numbers.update(await self._numbers(newest.where(_audit.c.subject.in_(some))))
        return await self._one_by_one(sorted(numbers, reverse=True)[:limit])

    async def _one_by_one(self, numbers: Sequence[int]) -> list[AuditEntry | BrokenEntry]:
        """Rows that do not follow each other."""
        return [_entry(row) for number in sorted(numbers) for row in await self._rows([number])]

    async def all(self) -> Sequence[AuditEntry | BrokenEntry]:
        return [entry async for entry in self.each()]

    async def each(self) -> AsyncIterator[AuditEntry | BrokenEntry]:
        """Every row, some in memory at a time."""
        async for row in self._in_order():
            yield _entry(row)

    async def _in_order(self) -> AsyncIterator[Row[Any] | BrokenEntry]:
        after = _NUMBERS
        while numbers := await self._numbers(after.limit(_AT_ONCE)):
            for row in await self._rows(numbers):
                yield row
            after = _NUMBERS.where(_audit.c.seq > numbers[-1])

    async def last_of(self, action: str) -> AuditEntry | None:
        """The newest row about this action; None, too, where it cannot be read any more."""
        about = select(_audit.c.seq).where(_audit.c.action == action)
        for entry in await self._entries(about.order_by(_audit.c.seq.desc()).limit(1)):
            if isinstance(entry, AuditEntry):
                return entry
        return None

    async def last_number_of(self, actions: Sequence[str]) -> int | None:
        """The number of the newest row about any of these actions."""
        rows = await self._connection.execute(
            select(func.max(_audit.c.seq)).where(_audit.c.action.in_(actions))
        )
        number: int | None = rows.scalar_one()
        return number

    async def subjects_of(self, action: str) -> frozenset[str]:
        """Whatever this was done to, as far as it can be read."""
        rows = await self._connection.execute(_SUBJECTS_OF, {"done": action})
        return frozenset(each for each in rows.scalars() if isinstance(each, str))

    async def last_done_to(self, subject: str, *actions: str) -> str | None:
        """Which of these was done to it last; None where none was."""
        found = select(_audit.c.action).where(
            _audit.c.subject == subject, _audit.c.action.in_(actions)
        )
        rows = await self._connection.execute(found.order_by(_audit.c.seq.desc()).limit(1))
        return rows.scalar_one_or_none()

    async def digest_of(self, seq: int) -> str | None:
        """The digest of a row; None where there is no such row, or none that can be read."""
        for row in await self._rows([seq]):
            return None if isinstance(row, BrokenEntry) else str(row.digest)
        return None

    async def head(self) -> tuple[int, str]:
        """Number and digest of the last row, as kept beside the rows."""
        rows = await self._connection.execute(select(_head.c.seq, _head.c.digest))
        row = rows.first()
        return (0, GENESIS) if row is None else (row.seq, row.digest)

    async def _set_head(self, seq: int, digest: str) -> None:
        done = await self._connection.execute(_SET_HEAD, {"seq": seq, "digest": digest})
        if done.rowcount == 0:
            await self._connection.execute(insert(_head).values(id=1, seq=seq, digest=digest))

    async def first_fault(self) -> int | None:
        """The number of the first row that is missing or does not fit the chain; None if all do.

        The head tells whether rows were cut off at the end. Who can rewrite the rows can rewrite
        the head, too: that shows only against a head that was noted elsewhere.
        """
        previous = GENESIS
        expected = 1
        async for row in self._in_order():
            if isinstance(row, BrokenEntry) or row.seq != expected:
                return expected
            if row.previous != previous or row.digest != _digest_of(row):
                return expected
            previous = row.digest
            expected += 1
        return await self._fault_at_the_end(AuditHead(expected - 1, previous))

    async def _fault_at_the_end(self, last: AuditHead) -> int | None:
        """Whether rows were cut off, or were added past the head."""
        try:
            seq, digest = await self.head()
        except DBAPIError as error:
            if is_passing(error):
                raise
            return last.seq + 1
        if (seq, digest) == (last.seq, last.digest):
            return None
        return min(last.seq, seq) + 1 if isinstance(seq, int) else last.seq + 1

    async def _entries(self, numbers: Select[tuple[int]]) -> list[AuditEntry | BrokenEntry]:
        """The rows of these numbers, by their numbers."""
        rows = await self._rows(sorted(await self._numbers(numbers)))
        return [_entry(row) for row in rows]

    async def _numbers(self, statement: Select[tuple[int]]) -> Sequence[int]:
        return [row.seq for row in await self._connection.execute(statement)]

    async def _rows(self, numbers: Sequence[int]) -> list[Row[Any] | BrokenEntry]:
        """From the first to the last number, all rows as they lie there.

        One that the driver cannot read, for example because it is not UTF-8, fails the whole
        statement; so halves are read, and halves of these, until it stands alone.
        """
        if not numbers:
            return []
        within = _audit.c.seq.between(numbers[0], numbers[-1])
        try:
            return list(await self._connection.execute(_AS_STORED.where(within)))
        except DBAPIError as error:
            if is_passing(error):
                raise
        if len(numbers) == 1:
            return [BrokenEntry(numbers[0])]
        middle = len(numbers) // 2
        return [*await self._rows(numbers[:middle]), *await self._rows(numbers[middle:])]


def entry_digest(
    previous: str, seq: int, at: datetime, actor: str, action: str, subject: str, detail: str
) -> str:
    """SHA-256 over the previous digest and a JSON array of the row's values."""
    values = [previous, seq, at.isoformat(timespec="microseconds"), actor, action, subject, detail]
    return hashlib.sha256(_as_json(values).encode()).hexdigest()


def _conditions(wanted: AuditWanted) -> list[ColumnElement[bool]]:
    found: list[ColumnElement[bool]] = []
    if wanted.server is not None:
        name = json.dumps(wanted.server)
        found.append(
            or_(
                _audit.c.subject == f"server:{wanted.server}",
                _audit.c.detail.contains(f'"server":{name}', autoescape=True),
                and_(
                    _audit.c.detail.contains('"servers":[', autoescape=True),
                    _audit.c.detail.contains(name, autoescape=True),
                ),
            )
        )
    if wanted.kind is not None:
        begins = _audit.c.action.startswith(f"{wanted.kind}.", autoescape=True)
        found.append(or_(_audit.c.action == wanted.kind, begins))
    if wanted.since is not None:
        found.append(_audit.c.at >= wanted.since)
    if wanted.until is not None:
        found.append(_audit.c.at < wanted.until)
    return found


def _digest_of(row: Row[Any]) -> str | None:
    """What belongs beside the row; None where it holds what nobody of ours writes."""
    try:
        at = _moment(row.at)
        return entry_digest(
            row.previous, row.seq, at, row.actor, row.action, row.subject, row.detail
        )
    except _UNREADABLE:
        return None


def _entry(row: Row[Any] | BrokenEntry) -> AuditEntry | BrokenEntry:
    if isinstance(row, BrokenEntry):
        return row
    values = values_of(row)
    try:
        detail = json.loads(row.detail)
        at = _moment(row.at)
    except _UNREADABLE:
        return BrokenEntry(row.seq)
    texts = (row.actor, row.action, row.subject, row.detail, row.previous, row.digest)
    if not isinstance(detail, dict) or not all(isinstance(text, str) for text in texts):
        return BrokenEntry(row.seq)
    return AuditEntry(**values | {"at": at, "detail": detail})


def _moment(stored: Any) -> datetime:
    """Raises TypeError where SQLite keeps what is no whole number, and OverflowError."""
    if type(stored) is not int:
        raise TypeError(stored)
    return tables.moment(stored)
