"""What was seen on each server of each ended grant."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Row,
    bindparam,
    delete,
    exists,
    insert,
    or_,
    select,
    update,
)

from storage import tables
from storage.batches import AT_ONCE, batches
from storage.records import GrantId, GrantState, Proof, ServerName
from storage.repository import Repository, values_of

_grants = tables.grants
_proofs = tables.proofs
_OPEN = (_proofs.c.proved.is_(False), _proofs.c.dropped_at.is_(None))
_OF = (
    select(_proofs)
    .where(_proofs.c.grant_id.in_(bindparam("grants", expanding=True)))
    .order_by(_proofs.c.grant_id, _proofs.c.server)
)
_OF_ON = _OF.where(_proofs.c.server == bindparam("server"))


_FORGET = delete(_proofs).where(
    _proofs.c.grant_id == bindparam("of"),
    _proofs.c.server.in_(bindparam("servers", expanding=True)),
)
_ADD = insert(_proofs)
# Those that will never come, since their server was taken out.
DROPPED = (_proofs.c.proved.is_(False), _proofs.c.dropped_at.is_not(None))
_before = bindparam("before", type_=tables.UtcTime)
_of_same = _proofs.alias()
_FORGOTTEN = (
    select(_proofs.c.grant_id)
    .distinct()
    .join(_grants, _grants.c.id == _proofs.c.grant_id)
    .where(
        # A proof is never seen later than its next try would have been.
        _proofs.c.next_try_at < _before,
        _grants.c.state.in_((GrantState.REVOKED, GrantState.EXPIRED)),
        _grants.c.not_after < _before,
        ~exists().where(
            _of_same.c.grant_id == _proofs.c.grant_id,
            or_(_of_same.c.next_try_at >= _before, _of_same.c.dropped_at >= _before),
        ),
    )
    .limit(AT_ONCE)
)


class Proofs(Repository):
    async def open(self, grant_id: GrantId, servers: Iterable[ServerName], now: datetime) -> None:
        """Opens a proof for each of these servers: it has to show that it refuses the grant.

        What it had to prove before it was taken out, or for a pause, is asked of it anew.
        """
        rows = [_unproved(grant_id, server, now) for server in servers]
        if rows:
            asked = {"of": grant_id, "servers": [row["server"] for row in rows]}
            await self._connection.execute(_FORGET, asked)
            await self._connection.execute(_ADD, rows)

    async def reopen(self, grant_ids: Sequence[GrantId], server: ServerName, now: datetime) -> None:
        """Opens these grants' proofs on a server anew; what was seen before does not count."""
        for some in batches(grant_ids):
            await self._connection.execute(
                delete(_proofs).where(_proofs.c.server == server, _proofs.c.grant_id.in_(some))
            )
            rows = [_unproved(grant_id, server, now) for grant_id in some]
            await self._connection.execute(_ADD, rows)

    async def forget(self, grant_ids: Sequence[GrantId]) -> None:
        """What these grants' pause had to show is over, proved or not; dropped ones stay."""
        for some in batches(grant_ids):
            await self._connection.execute(
                delete(_proofs).where(_proofs.c.grant_id.in_(some), _proofs.c.dropped_at.is_(None))
            )

    async def of(
        self, grant_ids: Sequence[GrantId], server: ServerName | None = None
    ) -> Sequence[Proof]:
        """On each server, or on this one."""
        asked = _OF if server is None else _OF_ON
        on = {} if server is None else {"server": server}
        return [
            _proof(row)
            for some in batches(grant_ids)
            for row in await self._connection.execute(asked, {"grants": some, **on})
        ]

    async def unproved(self) -> Sequence[Proof]:
        """The open proofs."""
        return await self._where(*_OPEN)

    async def dropped(self) -> Sequence[Proof]:
        """The proofs that will never come, since their server was taken out."""
        return await self._where(*DROPPED)

    async def due(self, now: datetime) -> Sequence[Proof]:
        return await self._where(*_OPEN, _proofs.c.next_try_at <= now)

    async def record(self, proof: Proof) -> None:
        """Stores the outcome of an attempt. What was proved once stays proved."""
        await self._connection.execute(
            update(_proofs)
            .where(
                _proofs.c.grant_id == proof.grant_id,
                _proofs.c.server == proof.server,
                *_OPEN,
            )
            .values(
                proved=proof.proved,
                attempts=proof.attempts,
                next_try_at=proof.next_try_at,
                crl_number=proof.crl_number,
                sessions_cut=proof.sessions_cut,
                checked_at=proof.checked_at,
                crl_seen_at=proof.crl_seen_at,
                findings=[list(finding) for finding in proof.findings],
            )
        )

    async def hasten(self, grant_ids: Sequence[GrantId], server: ServerName, now: datetime) -> None:
        """Makes open proofs on a server due now."""
        for some in batches(grant_ids):
            await self._connection.execute(
                update(_proofs)
                .where(
                    _proofs.c.grant_id.in_(some),
                    _proofs.c.server == server,
                    _proofs.c.next_try_at > now,
                    *_OPEN,
                )
                .values(next_try_at=now)
            )

    async def hasten_beyond(self, latest: datetime, now: datetime) -> None:
        """Makes due what waits beyond `latest`, and forgets what was seen after `now`."""
        await self._connection.execute(
            update(_proofs).where(*_OPEN, _proofs.c.next_try_at > latest).values(next_try_at=now)
        )
        await self._connection.execute(
            update(_proofs).where(*_OPEN, _proofs.c.crl_seen_at > now).values(crl_seen_at=None)
        )

    async def drop_open(self, server: ServerName, now: datetime) -> None:
        """Drops the open proofs of a server that is taken out."""
        await self._connection.execute(
            update(_proofs).where(_proofs.c.server == server, *_OPEN).values(dropped_at=now)
        )

    async def prune(self, before: datetime) -> bool:
        """Forgets some of what is long over; whether there may be more of it.

        That is: of a grant that has ended everywhere, all that its servers have shown, where the
        certificate was over by then, too, and each of them was looked at before. Until the
        certificate is over an end may come to be in doubt again.
        """
        rows = await self._connection.execute(_FORGOTTEN, {"before": before})
        over = list(rows.scalars())
        if over:
            await self._connection.execute(delete(_proofs).where(_proofs.c.grant_id.in_(over)))
        return len(over) == AT_ONCE

    async def _where(self, *conditions: ColumnElement[bool]) -> list[Proof]:
        rows = await self._connection.execute(
            select(_proofs).where(*conditions).order_by(_proofs.c.grant_id, _proofs.c.server)
        )
        return [_proof(row) for row in rows]


def _unproved(grant_id: GrantId, server: ServerName, now: datetime) -> dict[str, Any]:
    return {
        "grant_id": grant_id,
        "server": server,
        "proved": False,
        "attempts": 0,
        "next_try_at": now,
        "findings": [],
    }


def _proof(row: Row[Any]) -> Proof:
    values = values_of(row)
    values["findings"] = tuple((code, detail) for code, detail in values["findings"])
    return Proof(**values)
