"""What a certificate revocation list is made of: its number and its entries."""

from collections.abc import Iterable, Sequence
from dataclasses import asdict
from datetime import datetime, timedelta

from sqlalchemy import (
    BigInteger,
    bindparam,
    delete,
    exists,
    insert,
    or_,
    select,
    type_coerce,
    update,
)

from storage import tables
from storage.records import (
    ON_HOLD,
    EndReason,
    ForeignRevocation,
    GrantRevocation,
    GrantState,
    ServerName,
)
from storage.repository import Repository

_counter = tables.crl_counter
_foreign = tables.foreign_revocations
_grants = tables.grants
_spares = tables.spare_serials
_kept = tables.kept_crls
_NEXT = (
    update(_counter)
    .where(_counter.c.id == 1)
    .values(number=_counter.c.number + 1)
    .returning(_counter.c.number)
)
_FOREIGN = select(_foreign).order_by(_foreign.c.serial)
_OLDEST_SPARE = select(_spares.c.id).order_by(_spares.c.id).limit(1).scalar_subquery()
_TAKE_SPARE = delete(_spares).where(_spares.c.id == _OLDEST_SPARE).returning(_spares.c.serial)
_KEPT = select(_kept.c.pem).where(_kept.c.server == bindparam("of")).order_by(_kept.c.position)
# There may be a hundred thousand: what is stored is taken as it is, and understood all at once.
_ENTRIES = select(
    _grants.c.serial,
    type_coerce(_grants.c.revoked_at, BigInteger).label("revoked_at"),
    _grants.c.end_reason,
    _grants.c.crl_reason,
).where(_grants.c.revoked_at.is_not(None))
_ENTRIES_SINCE = _ENTRIES.where(
    or_(
        _grants.c.not_after >= bindparam("ended_since"),
        _grants.c.revoked_at >= bindparam("revoked_since"),
        _grants.c.state == GrantState.REVOKING,
        _grants.c.end_known.is_(False),
    )
)
# Place by place of what is live: a server may have had ten times as many that have ended.
_HERE = exists().where(
    tables.grant_places.c.grant_id == _grants.c.id,
    tables.grant_places.c.server.in_(bindparam("servers", expanding=True)),
)
_FOR_OTHERS = select(_grants.c.serial).where(
    ~_HERE, _grants.c.imported_at.is_(None), tables.is_live(_grants)
)
_END_REASONS = {reason.value: reason for reason in EndReason}


class CrlSource(Repository):
    async def next_number(self) -> int:
        """A number that no CRL had before (RFC 5280, 5.2.3). One counter serves all servers."""
        number = await self._connection.scalar(_NEXT)
        if number is None:
            await self._connection.execute(insert(_counter).values(id=1, number=1))
            return 1
        return int(number)

    async def last_number(self) -> int:
        """The highest number given out; 0 before the first."""
        last = await self._connection.scalar(select(_counter.c.number).where(_counter.c.id == 1))
        return int(last or 0)

    async def raise_to(self, number: int) -> None:
        """Makes sure that later numbers are above this one."""
        last = await self.last_number()
        if number <= last:
            return
        if last == 0:
            await self._connection.execute(insert(_counter).values(id=1, number=number))
        else:
            await self._connection.execute(update(_counter).values(number=number))

    async def foreign(self) -> Sequence[ForeignRevocation]:
        """The revocations without a grant, which every CRL has to list for good."""
        rows = await self._connection.execute(_FOREIGN)
        return [
            ForeignRevocation(
                row.serial,
                row.revoked_at,
                EndReason(row.reason),
                row.first_seen_at,
                row.crl_reason,
            )
            for row in rows
        ]

    async def add_foreign(self, revocations: Iterable[ForeignRevocation]) -> None:
        rows = [asdict(revocation) for revocation in revocations]
        if rows:
            await self._connection.execute(insert(_foreign), rows)

    async def spares(self) -> Sequence[str]:
        """The serials set aside for certificates to come, the next one first."""
        rows = await self._connection.execute(select(_spares.c.serial).order_by(_spares.c.id))
        return list(rows.scalars())

    async def add_spares(self, serials: Sequence[str]) -> None:
        if serials:
            rows = [{"serial": serial} for serial in serials]
            await self._connection.execute(insert(_spares), rows)

    async def take_spare(self) -> str | None:
        """Takes the next spare serial, for good; None where there is none."""
        taken: str | None = await self._connection.scalar(_TAKE_SPARE)
        return taken

    async def give_up_spares(self, at: datetime) -> None:
        """Revokes all spare serials: this database may not know who has got one since."""
        await self.add_foreign(
            ForeignRevocation(serial, at, EndReason.LOST, at, ON_HOLD)
            for serial in await self.spares()
        )
        await self._connection.execute(delete(_spares))

    async def kept(self, server: ServerName) -> Sequence[str]:
        """The CRLs of other CAs that a server's file has to hold, in PEM."""
        return list((await self._connection.execute(_KEPT, {"of": server})).scalars())

    async def keep(self, server: ServerName, lists: Sequence[str]) -> None:
        """Replaces the CRLs of other CAs in a server's file."""
        await self._connection.execute(delete(_kept).where(_kept.c.server == server))
        rows = [{"server": server, "position": n, "pem": pem} for n, pem in enumerate(lists)]
        if rows:
            await self._connection.execute(insert(_kept), rows)

    async def for_others(self, servers: Sequence[ServerName]) -> Sequence[str]:
        """The serials of live grants that were given for none of these servers, whose lists keep
        them out."""
        rows = await self._connection.execute(_FOR_OTHERS, {"servers": servers})
        return list(rows.scalars())

    async def entries(
        self, last_published: datetime | None, lag: timedelta = timedelta(0)
    ) -> Sequence[GrantRevocation]:
        """The revoked certificates that a CRL has to list.

        One may be left out once it has been on a CRL that was published after the certificate's
        end and after the revocation (RFC 5280, 3.3), unless its end is not proved on every server:
        the look that proves it wants to see the entry. One whose end nobody knows stays for good.

        Args:
            last_published: when the server that the CRL is for last got one; None for never.
            lag: how far that server's clock may lag, so how much later the end comes there.
        """
        if last_published is None:
            rows = await self._connection.execute(_ENTRIES)
        else:
            since = {"ended_since": last_published - lag, "revoked_since": last_published}
            rows = await self._connection.execute(_ENTRIES_SINCE, since)
        return [
            GrantRevocation(serial, tables.moment(at), _END_REASONS[reason], crl_reason)
            for serial, at, reason, crl_reason in rows.all()
        ]
