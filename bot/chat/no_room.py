"""What is said to whoever writes while the disk is full. Sending needs no database."""

import logging
from collections.abc import Iterable

from telegram import Bot
from telegram.constants import ParseMode
from telegram.error import TelegramError

from bot.process.reserve import Reserve
from bot.texts import machine as words
from storage.records import InboxItem, UserId

log = logging.getLogger(__name__)

# Strangers are told, too; but not all of a flood.
_MOST = 200


class NoRoom:
    """Says it once to each, until there is room again; the admins are told unasked."""

    def __init__(self, bot: Bot, admins: Iterable[UserId], reserve: Reserve) -> None:
        self._bot = bot
        self._admins = frozenset(admins)
        self._reserve = reserve
        self._told: set[int] = set()

    async def tell(self, left: Iterable[InboxItem]) -> None:
        """Tells whose updates these are that they wait.

        Those that only the reserve takes are no news to an admin who has been told.
        """
        if not self._reserve.is_scarce:
            self._told.clear()
            return
        waiting = dict.fromkeys(
            (*self._admins, *(item.chat_id for item in left if item.chat_id > 0))
        )
        for chat_id in waiting:
            if chat_id in self._told or len(self._told) >= _MOST:
                continue
            self._told.add(chat_id)
            text = words.NO_ROOM_ADMIN if chat_id in self._admins else words.NO_ROOM
            try:
                await self._bot.send_message(chat_id, text, parse_mode=ParseMode.HTML)
            except TelegramError as error:
                log.info("Somebody could not be told that the disk is full: %s", error.message)
