"""Keeps a flood out of the database: what would be passed over anyway is not stored at all.

Whoever is known is always let in, and so is what cannot be told apart: it is set aside where a
human can read it. Strangers and groups are let in as often as the worker may answer them, or note
what they tried, twice over: the worker's limits are exact, and count when an update is handled.

Nobody is a stranger on an old word: while something of an admin's waits, which may put them on the
allowlist, all are let in.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from bot.chat.commands import COMMANDS, is_for_us
from bot.chat.incoming import raw_command
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
        self._admins = frozenset(ChatId(admin) for admin in core.rules.admins)
        self._since_boot = core.since_boot
        self._limits = Limits(_ROOM)

    async def lets_in(self, tx: Transaction, batch: Sequence[Fetched]) -> list[Fetched]:
        """What of it is to be stored, in its order."""
        chats = {one.item.chat_id for one in batch}
        people = await tx.people.some(UserId(chat) for chat in chats)
        known = self._admins | {ChatId(one.id) for one in people.values() if one.allowed}
        if chats <= known:
            return list(batch)
        admin_waits = bool(chats & self._admins) or await tx.inbox.has_new_of(self._admins)
        return [
            one
            for one in batch
            if admin_waits or one.item.chat_id in known or self._may_matter(one, people)
        ]

    def _may_matter(self, one: Fetched, met: Collection[int]) -> bool:
        """Whether something may come of it, sent by somebody who is not known now.

        Args:
            met: whoever was known at any time.
        """
        chat, number, now = one.item.chat_id, one.item.update_id, self._since_boot()
        update = one.update
        if chat == 0 or not isinstance(update, dict):
            return True
        command, bot = raw_command(update)
        if chat < 0:
            is_ours = is_for_us(command, bot, self._username)
            return is_ours and self._limits.answers_group(chat, now, number)
        is_tap = "callback_query" in update
        if not is_tap and "message" not in update:
            return chat in met  # who blocks the bot cannot be written to
        if self._limits.answers_stranger(chat, now, number, is_typed=not is_tap):
            return True
        may_be_noted = is_tap or (command in COMMANDS and COMMANDS[command].is_for_admins)
        return may_be_noted and self._limits.audits_stranger(chat, now, number)
