"""Invitations, who left when, and what Telegram calls the bot."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Row,
    String,
    and_,
    cast,
    delete,
    exists,
    insert,
    select,
    update,
)

from storage import tables
from storage.joining_records import Invitation, InvitationId
from storage.joining_tables import invitations as _invitations
from storage.joining_tables import own_name as _own_name
from storage.joining_tables import removals as _removals
from storage.records import OutboxKind, UserId
from storage.repository import Repository, values_of

_COLUMNS = [_invitations.c[name] for name in Invitation.__slots__]
_NOT_OVER = and_(_invitations.c.used_at.is_(None), _invitations.c.withdrawn_at.is_(None))
_posted = tables.posted_messages
_THE_ROW = 1


class Invitations(Repository):
    async def add(
        self,
        *,
        name: str,
        groups: Sequence[str],
        made_by: str,
        made_by_name: str,
        made_at: datetime,
        ends_at: datetime,
    ) -> Invitation:
        """One without a link."""
        rows = await self._connection.execute(
            insert(_invitations)
            .values(
                name=name,
                groups=list(groups),
                made_by=made_by,
                made_by_name=made_by_name,
                made_at=made_at,
                ends_at=ends_at,
            )
            .returning(*_COLUMNS)
        )
        return _invitation(rows.one())

    async def get(self, invitation_id: InvitationId) -> Invitation | None:
        found = await self._where(_invitations.c.id == invitation_id)
        return found[0] if found else None

    async def by_hash(self, token_hash: str) -> Invitation | None:
        found = await self._where(_invitations.c.token_hash == token_hash)
        return found[0] if found else None

    async def open(self, now: datetime) -> Sequence[Invitation]:
        """Those that still can be used, oldest first."""
        return await self._where(_NOT_OVER, _invitations.c.ends_at > now)

    async def lapsed(self, now: datetime) -> Sequence[Invitation]:
        """Those whose time is over while a message still shows their link."""
        shown = exists().where(
            _posted.c.kind == OutboxKind.INVITATION,
            _posted.c.subject == cast(_invitations.c.id, String),
        )
        return await self._where(_NOT_OVER, _invitations.c.ends_at <= now, shown)

    async def since(self, made_at: datetime) -> Sequence[Invitation]:
        """All that were made since then, whatever became of them; oldest first."""
        return await self._where(_invitations.c.made_at >= made_at)

    async def open_among(self, hashes: Collection[str], now: datetime) -> frozenset[str]:
        """Those of these hashes that an open invitation has."""
        rows = await self._connection.execute(
            select(_invitations.c.token_hash).where(
                _invitations.c.token_hash.in_(hashes), _NOT_OVER, _invitations.c.ends_at > now
            )
        )
        return frozenset(rows.scalars())

    async def set_hash(self, invitation_id: InvitationId, token_hash: str) -> None:
        """From now on only this link is the invitation's."""
        await self._connection.execute(
            update(_invitations)
            .where(_invitations.c.id == invitation_id)
            .values(token_hash=token_hash)
        )

    async def use(self, invitation_id: InvitationId, user_id: UserId, now: datetime) -> bool:
        """Open to used; False where it is not open: only one of two gets it."""
        done = await self._connection.execute(
            update(_invitations)
            .where(_invitations.c.id == invitation_id, _NOT_OVER, _invitations.c.ends_at > now)
            .values(used_by=user_id, used_at=now)
        )
        return done.rowcount == 1

    async def withdraw(self, invitation_id: InvitationId, now: datetime) -> bool:
        """Open to withdrawn; False where it is not open."""
        done = await self._connection.execute(
            update(_invitations)
            .where(_invitations.c.id == invitation_id, _NOT_OVER, _invitations.c.ends_at > now)
            .values(withdrawn_at=now)
        )
        return done.rowcount == 1

    async def note_removal(self, user_id: UserId, now: datetime) -> None:
        """Somebody was taken off the allowlist."""
        await self.forget_removal(user_id)
        await self._connection.execute(insert(_removals).values(user_id=user_id, removed_at=now))

    async def forget_removal(self, user_id: UserId) -> None:
        """They are on the allowlist again."""
        await self._connection.execute(delete(_removals).where(_removals.c.user_id == user_id))

    async def removed_at(self, user_id: UserId) -> datetime | None:
        """When somebody was taken off the allowlist, who is not back on it."""
        moment: datetime | None = await self._connection.scalar(
            select(_removals.c.removed_at).where(_removals.c.user_id == user_id)
        )
        return moment

    async def own_name(self) -> str | None:
        """The bot's own username; None where it has never spoken to Telegram."""
        name: str | None = await self._connection.scalar(select(_own_name.c.username))
        return name

    async def set_own_name(self, username: str) -> None:
        await self._connection.execute(delete(_own_name))
        await self._connection.execute(insert(_own_name).values(id=_THE_ROW, username=username))

    async def _where(self, *conditions: ColumnElement[bool]) -> list[Invitation]:
        rows = await self._connection.execute(
            select(*_COLUMNS).where(*conditions).order_by(_invitations.c.id)
        )
        return [_invitation(row) for row in rows]


def _invitation(row: Row[Any]) -> Invitation:
    values = values_of(row)
    return Invitation(**values | {"groups": tuple(values["groups"])})
