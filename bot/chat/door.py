"""Keeps a flood out of the database: what would be passed over anyway is not stored at all.

Whoever is known is always let in, and so is what cannot be told apart: it is set aside where a
human can read it. Strangers and groups are let in as often as the worker may answer them, or note
what they tried, twice over: the worker's limits are exact, and count when an update is handled.

Who comes with an open invitation is let in beyond that, now and then.

Nobody is a stranger on an old word: while something of an admin's waits, which may put them on the
allowlist, all are let in.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from bot.access import invitations, roles
from bot.chat.commands import COMMANDS, is_for_us
from bot.chat.incoming import raw_command, raw_invitation, raw_moves
from bot.chat.throttle import Limits
from bot.core import Core
from storage.records import ChatId, InboxItem, UserId
from storage.transaction import Transaction

# A window that began before the worker's may hold one more than it.
_ROOM = 2


@dataclass(frozen=True, slots=True)
class Fetched:
    """An update as it came.

    Attributes:
        update: as JSON tells it; None where it is none.
        trouble: why it cannot be handled, where that is known already.
    """

    item: InboxItem
    update: Any
    trouble: str | None = None


class Door:
    def __init__(self, core: Core, bot_username: str) -> None:
        self._username = bot_username
        self._rules = core.rules
        self._clock = core.clock
        self._since_boot = core.since_boot
        self._limits = Limits(_ROOM)

    async def lets_in(self, tx: Transaction, batch: Sequence[Fetched]) -> list[Fetched]:
        """What of it is to be stored, in its order."""
        chats = {one.item.chat_id for one in batch}
        people = await tx.people.some(UserId(chat) for chat in chats)
        admins = frozenset(map(ChatId, await roles.admins(tx, self._rules)))
        known = admins | {ChatId(one.id) for one in people.values() if one.allowed}
        known |= {ChatId(one) for one in await tx.roles.all()}
        strangers = [one for one in batch if one.item.chat_id not in known]
        if not strangers:
            return list(batch)
        invited = await self._invited(tx, strangers)
        groups = await self._groups(tx, chats)
        admin_waits = bool(chats & admins) or await tx.inbox.has_new_of(admins)
        return [
            one
            for one in batch
            if admin_waits
            or one.item.chat_id in known
            or one.item.update_id in invited
            or self._may_matter(one, people, groups)
        ]

    async def _invited(self, tx: Transaction, batch: Sequence[Fetched]) -> frozenset[int]:
        """Those that come with an open invitation, however many others come without one."""
        carried = {
            one.item.update_id: invitations.digest(word)
            for one in batch
            if one.item.chat_id > 0 and (word := raw_invitation(one.update))
        }
        if not carried:
            return frozenset()
        open_ones = await tx.invitations.open_among(set(carried.values()), self._clock())
        return frozenset(
            update_id
            for update_id, digest in carried.items()
            if digest in open_ones
            and self._limits.answers_invited(digest, self._since_boot(), update_id)
        )

    async def _groups(self, tx: Transaction, chats: Collection[int]) -> Collection[int]:
        """The group of the settings, by the number there and by the one that it has now."""
        named = self._rules.group
        if named is None or all(chat > 0 for chat in chats):
            return ()
        return (named, await tx.leavings.group_now(ChatId(named)))

    def _may_matter(self, one: Fetched, met: Collection[int], groups: Collection[int]) -> bool:
        """Whether something may come of it, sent by somebody who is not known now.

        Args:
            met: whoever was known at any time.
            groups: those whose leavers are asked about.
        """
        chat, number, now = one.item.chat_id, one.item.update_id, self._since_boot()
        update = one.update
        if chat == 0 or not isinstance(update, dict):
            return True
        command, bot = raw_command(update)
        if "chat_member" in update:
            return chat in groups
        if chat < 0:
            is_ours = is_for_us(command, bot, self._username)
            is_answered = is_ours and self._limits.answers_group(chat, now, number)
            return is_answered or raw_moves(update, {self._rules.group, self._rules.cards_group})
        is_tap = "callback_query" in update
        if not is_tap and "message" not in update:
            return chat in met  # who blocks the bot cannot be written to
        if self._limits.answers_stranger(chat, now, number, is_typed=not is_tap):
            return True
        may_be_noted = is_tap or (command in COMMANDS and COMMANDS[command].is_for_admins)
        return may_be_noted and self._limits.audits_stranger(chat, now, number)
