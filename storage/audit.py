"""The audit trail: each row carries a digest of itself and of the row before it."""

import hashlib
import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Row, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from storage import tables
from storage.records import AuditEntry, Payload

_audit = tables.audit
_head = tables.audit_head
# What stands before the first row.
GENESIS = "0" * 64


class Audit:
    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

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
            insert(_audit).values(
                seq=seq,
                at=at,
                actor=actor,
                action=action,
                subject=subject,
                detail=text,
                previous=previous,
                digest=digest,
            )
        )
        await self._set_head(seq, digest)
        return AuditEntry(seq, at, actor, action, subject, detail, previous, digest)

    async def last(self) -> AuditEntry | None:
        found = await self._connection.execute(
            select(_audit).order_by(_audit.c.seq.desc()).limit(1)
        )
        row = found.first()
        return None if row is None else _entry(row)

    async def first(self) -> AuditEntry | None:
        found = await self._connection.execute(select(_audit).order_by(_audit.c.seq).limit(1))
        row = found.first()
        return None if row is None else _entry(row)

    async def newest(self, limit: int) -> Sequence[AuditEntry]:
        """The last rows, oldest of them first."""
        rows = await self._connection.execute(
            select(_audit).order_by(_audit.c.seq.desc()).limit(limit)
        )
        return [_entry(row) for row in rows][::-1]

    async def all(self) -> Sequence[AuditEntry]:
        rows = await self._connection.execute(select(_audit).order_by(_audit.c.seq))
        return [_entry(row) for row in rows]

    async def last_of(self, action: str) -> AuditEntry | None:
        """The newest row about this action."""
        found = await self._connection.execute(
            select(_audit).where(_audit.c.action == action).order_by(_audit.c.seq.desc()).limit(1)
        )
        row = found.first()
        return None if row is None else _entry(row)

    async def digest_of(self, seq: int) -> str | None:
        """The digest of a row; None where there is no such row."""
        found = await self._connection.execute(select(_audit.c.digest).where(_audit.c.seq == seq))
        digest: str | None = found.scalar()
        return digest

    async def head(self) -> tuple[int, str]:
        """Number and digest of the last row, as kept beside the rows."""
        found = await self._connection.execute(select(_head.c.seq, _head.c.digest))
        row = found.first()
        return (0, GENESIS) if row is None else (row.seq, row.digest)

    async def _set_head(self, seq: int, digest: str) -> None:
        done = await self._connection.execute(
            update(_head).where(_head.c.id == 1).values(seq=seq, digest=digest)
        )
        if done.rowcount == 0:
            await self._connection.execute(insert(_head).values(id=1, seq=seq, digest=digest))

    async def first_fault(self) -> int | None:
        """The number of the first row that is missing or does not fit the chain; None if all do.

        The head tells whether rows were cut off at the end. Who can rewrite the rows can rewrite
        the head, too: that shows only against a head that was noted elsewhere.
        """
        previous = GENESIS
        expected = 1
        rows = await self._connection.execute(select(_audit).order_by(_audit.c.seq))
        for row in rows:
            if row.seq != expected:
                return expected
            digest = entry_digest(
                previous, row.seq, row.at, row.actor, row.action, row.subject, row.detail
            )
            if row.previous != previous or row.digest != digest:
                return int(row.seq)
            previous = digest
            expected += 1
        seq, digest = await self.head()
        if (seq, digest) == (expected - 1, previous):
            return None
        # Rows were cut off, or were added past the head.
        return min(expected, seq + 1)


def entry_digest(
    previous: str, seq: int, at: datetime, actor: str, action: str, subject: str, detail: str
) -> str:
    """SHA-256 over the previous digest and a JSON array of the row's values."""
    values = [previous, seq, at.isoformat(timespec="microseconds"), actor, action, subject, detail]
    return hashlib.sha256(
        json.dumps(values, separators=(",", ":"), ensure_ascii=False).encode()
    ).hexdigest()


def _entry(row: Row[Any]) -> AuditEntry:
    values = dict(row._mapping)  # noqa: SLF001 - SQLAlchemy's documented name
    return AuditEntry(**values | {"detail": json.loads(values["detail"])})
