"""Raw updates, stored before they are confirmed to Telegram."""

from collections.abc import Collection, Sequence
from datetime import datetime

from sqlalchemy import and_, bindparam, delete, func, insert, or_, select, update

from storage import tables
from storage.batches import AT_ONCE, batches, some_where
from storage.records import ChatId, InboxItem, InboxState
from storage.repository import Repository

_inbox = tables.inbox
_KNOWN = select(_inbox.c.update_id).where(
    _inbox.c.update_id.in_(bindparam("updates", expanding=True))
)
_ADD = insert(_inbox)
_NEW = (
    select(_inbox)
    .where(_inbox.c.state == InboxState.NEW, _inbox.c.seq > bindparam("after"))
    .order_by(_inbox.c.seq)
)
_WAITING = select(func.count()).where(_inbox.c.state == InboxState.NEW)
_FINISH = (
    update(_inbox)
    .where(_inbox.c.update_id == bindparam("of_update"), _inbox.c.state == InboxState.NEW)
    .values(state=InboxState.DONE, payload="")
)
_ERROR_LENGTH = 256
# What is set aside is for a human to read: the newest of it, in rows and in characters.
_SET_ASIDE_ROWS = 1000
_SET_ASIDE_LENGTH = 1024 * 1024


class Inbox(Repository):
    async def store(self, items: Sequence[InboxItem]) -> int:
        """Stores the updates that are not there yet; gives their number.

        Update ids are compared for equality only: after a quiet week Telegram goes on at a
        random number.
        """
        seen: set[int] = set()
        for some in batches(item.update_id for item in items):
            known = await self._connection.execute(_KNOWN, {"updates": some})
            seen.update(known.scalars())
        rows = []
        for item in items:
            if item.update_id not in seen:
                seen.add(item.update_id)
                rows.append(
                    {
                        "update_id": item.update_id,
                        "chat_id": item.chat_id,
                        "payload": item.payload,
                        "state": InboxState.NEW,
                        "received_at": item.received_at,
                    }
                )
        if rows:
            await self._connection.execute(_ADD, rows)
        return len(rows)

    async def new(self, *, after: int = 0) -> Sequence[InboxItem]:
        """The updates that wait for a handler, oldest first.

        Args:
            after: only what came after the one with this place in the order of arrival.
        """
        rows = await self._connection.execute(_NEW, {"after": after})
        return [
            InboxItem(row.update_id, ChatId(row.chat_id), row.payload, row.received_at, row.seq)
            for row in rows
        ]

    async def has_new_of(self, chats: Collection[int]) -> bool:
        """Whether anything of these chats waits for a handler."""
        found = await self._connection.scalar(
            select(_inbox.c.seq)
            .where(_inbox.c.state == InboxState.NEW, _inbox.c.chat_id.in_(chats))
            .limit(1)
        )
        return found is not None

    async def finish(self, update_id: int) -> bool:
        """NEW to DONE; False if it was handled before.

        That it was is all that is kept: what somebody wrote is not needed any more.
        """
        done = await self._connection.execute(_FINISH, {"of_update": update_id})
        return done.rowcount == 1

    async def finish_all(self, update_ids: Collection[int]) -> None:
        """The same of many."""
        for some in batches(update_ids):
            await self._connection.execute(
                update(_inbox)
                .where(_inbox.c.update_id.in_(some), _inbox.c.state == InboxState.NEW)
                .values(state=InboxState.DONE, payload="")
            )

    async def hold(self, update_id: int, payload: str) -> None:
        """DONE to HELD: it does nothing until its writer confirms it."""
        await self._connection.execute(
            update(_inbox)
            .where(_inbox.c.update_id == update_id, _inbox.c.state == InboxState.DONE)
            .values(state=InboxState.HELD, payload=payload)
        )

    async def held(self, update_id: int) -> str | None:
        """The payload of a held update; None where it is not held, or not any more."""
        return await self._connection.scalar(
            select(_inbox.c.payload).where(
                _inbox.c.update_id == update_id, _inbox.c.state == InboxState.HELD
            )
        )

    async def release(self, update_id: int) -> bool:
        """HELD to DONE; False if it was answered before."""
        done = await self._connection.execute(
            update(_inbox)
            .where(_inbox.c.update_id == update_id, _inbox.c.state == InboxState.HELD)
            .values(state=InboxState.DONE, payload="")
        )
        return done.rowcount == 1

    async def quarantine(self, update_id: int, error: str) -> bool:
        """Sets an update aside that cannot be handled; it stays readable for a human."""
        done = await self._connection.execute(
            update(_inbox)
            .where(_inbox.c.update_id == update_id, _inbox.c.state == InboxState.NEW)
            .values(state=InboxState.QUARANTINED, error=error[:_ERROR_LENGTH])
        )
        return done.rowcount == 1

    async def quarantine_new(self, error: str) -> None:
        """Sets aside all updates that wait, for a handler or for their writer."""
        await self._connection.execute(
            update(_inbox)
            .where(_inbox.c.state.in_((InboxState.NEW, InboxState.HELD)))
            .values(state=InboxState.QUARANTINED, error=error[:_ERROR_LENGTH])
        )

    async def forget(self, update_id: int) -> None:
        """Leaves nothing of an update: what strangers send must not fill the disk."""
        await self._connection.execute(delete(_inbox).where(_inbox.c.update_id == update_id))

    async def forget_handled(self) -> None:
        """Another bot's updates may have the same numbers."""
        handled = (InboxState.DONE, InboxState.HELD)
        await self._connection.execute(delete(_inbox).where(_inbox.c.state.in_(handled)))

    async def waiting(self) -> int:
        """How many updates wait for a handler."""
        return int(await self._connection.scalar(_WAITING) or 0)

    async def prune(self, before: datetime, *, set_aside_before: datetime | None = None) -> bool:
        """Deletes some of the old updates that are done, which Telegram sends again for a day at
        most; whether there may be more of them.

        Those that nobody has confirmed for as long go with them.

        Args:
            set_aside_before: what was set aside before this goes, too.
        """
        is_over = and_(
            _inbox.c.state.in_((InboxState.DONE, InboxState.HELD)), _inbox.c.received_at < before
        )
        if set_aside_before is not None:
            is_old = _inbox.c.received_at < set_aside_before
            is_over = or_(is_over, and_(_inbox.c.state == InboxState.QUARANTINED, is_old))
        old = some_where(_inbox.c.update_id, is_over)
        return (await self._connection.execute(old)).rowcount == AT_ONCE

    async def trim_quarantine(
        self, keep: int = _SET_ASIDE_ROWS, length: int = _SET_ASIDE_LENGTH
    ) -> None:
        """Keeps the newest of what could not be handled; a flood of it must not fill the disk.

        Args:
            keep: so many rows at most.
            length: so many characters at most, in all.
        """
        newest_first = _inbox.c.seq.desc()
        counted = (
            select(
                _inbox.c.seq,
                func.row_number().over(order_by=newest_first).label("place"),
                func.sum(func.length(_inbox.c.payload)).over(order_by=newest_first).label("size"),
            )
            .where(_inbox.c.state == InboxState.QUARANTINED)
            .subquery()
        )
        too_much = select(counted.c.seq).where(or_(counted.c.place > keep, counted.c.size > length))
        await self._connection.execute(delete(_inbox).where(_inbox.c.seq.in_(too_much)))
