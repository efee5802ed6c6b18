"""Fetches updates and stores them raw, before they are confirmed to Telegram.

Telegram forgets an update once a later offset was asked for. So the order is: get, store, commit,
and only then ask for the next ones; a process that ends in between gets them again.
"""

import asyncio
import json
import logging
from collections.abc import Callable
from dataclasses import replace
from typing import Any, cast
from urllib.parse import urlencode

from telegram import Update
from telegram.error import Conflict, InvalidToken, TelegramError

from bot.chat.client import POLL_S, Telegram
from bot.chat.incoming import ALLOWED_UPDATES, chat_of
from bot.chat.outcomes import Outcome, failure_of
from bot.core import Core
from bot.errors import SecondPoller, TokenRefused
from bot.loops import forever
from storage.records import ChatId, InboxItem

log = logging.getLogger(__name__)

_FIRST_WAIT_S = 0.5
_LONGEST_WAIT_S = 30.0
# A flood is left with Telegram, not on our disk.
_FULL = 2000
_FULL_WAIT_S = 1.0
# In bytes. The longest message that answers another such one takes three quarters of it; what is
# longer, nobody typed for us.
_LONGEST = 64 * 1024
# A deployment that replaces one process by another overlaps for a moment.
_CONFLICTS_BEFORE_GIVING_UP = 5


class Poller:
    def __init__(
        self,
        telegram: Telegram,
        core: Core,
        on_stored: Callable[[], None],
    ) -> None:
        self._telegram = telegram
        self._database = core.database
        self._clock = core.clock
        self._on_stored = on_stored
        self._offset = 0
        self._conflicts = 0
        self._is_full = False
        self._wait_s = _FIRST_WAIT_S

    async def run(self) -> None:
        """Polls until it is cancelled.

        Raises:
            TokenRefused: Telegram does not know the token any more.
            SecondPoller: another program keeps polling with this token.
        """
        await forever(self._round)

    async def _round(self) -> None:
        try:
            await self.poll_once()
        except TelegramError as error:
            self._give_up_if_pointless(error)
            failure = failure_of(error)
            pause = failure.wait_s if failure.outcome is Outcome.FLOOD else self._wait_s
            log.warning("Fetching updates failed (%s); again in %.1f s", failure.reason, pause)
            await asyncio.sleep(pause)
            self._wait_s = min(self._wait_s * 2, _LONGEST_WAIT_S)
        else:
            self._wait_s = _FIRST_WAIT_S
            self._conflicts = 0

    async def poll_once(self) -> None:
        """One long poll: what it brings is on the disk when this returns."""
        if self._is_full:
            # Telegram keeps what we do not fetch; the worker catches up first.
            await asyncio.sleep(_FULL_WAIT_S)
        updates = await self._get_updates()
        if not updates:
            return
        items = [self._item(update) for update in updates]
        too_long = [item for item in items if len(item.payload) > _LONGEST]
        async with self._database.writing() as tx:
            await tx.inbox.store([_stub(item) if item in too_long else item for item in items])
            for item in too_long:
                size = f"too long: {len(item.payload)} bytes"
                log.warning("Update %d is not read, %s", item.update_id, size)
                await tx.inbox.quarantine(item.update_id, size)
            self._is_full = await tx.inbox.waiting() > _FULL
        # (1) stored and committed; (2) the next poll confirms it.
        self._offset = max(update["update_id"] for update in updates) + 1
        self._on_stored()

    async def _get_updates(self) -> list[dict[str, Any]]:
        # Bot.get_updates parses all at once: one update that does not parse would block the rest
        # for ever. Its request class gives the raw answer, with errors mapped as elsewhere.
        query = urlencode(
            {
                "offset": self._offset,
                "timeout": POLL_S,
                "allowed_updates": json.dumps(ALLOWED_UPDATES),
            }
        )
        answer = await self._telegram.polling.post(
            f"{self._telegram.bot.base_url}/getUpdates?{query}"
        )
        return [u for u in cast("list[Any]", answer) if isinstance(u.get("update_id"), int)]

    def _item(self, update: dict[str, Any]) -> InboxItem:
        return InboxItem(
            update_id=update["update_id"],
            chat_id=ChatId(_chat(update)),
            payload=json.dumps(update),
            received_at=self._clock(),
        )

    def _give_up_if_pointless(self, error: TelegramError) -> None:
        if isinstance(error, InvalidToken):
            raise TokenRefused(
                "Telegram refuses the bot's token; get the current one from @BotFather."
            ) from None
        if not isinstance(error, Conflict):
            return
        self._conflicts += 1
        if self._conflicts >= _CONFLICTS_BEFORE_GIVING_UP:
            raise SecondPoller(
                "Another program fetches this bot's updates; stop it, or renew the token with "
                "@BotFather."
            ) from None


def _stub(item: InboxItem) -> InboxItem:
    """What is kept of an update that is too long: that it came."""
    return replace(item, payload=json.dumps({"update_id": item.update_id}))


def _chat(update: dict[str, Any]) -> int:
    """The chat that an update belongs to, if it can be told; the handler looks more closely."""
    try:
        parsed = Update.de_json(update, None)
    except Exception:  # noqa: BLE001 - whatever it is, it is stored and set aside by the worker
        return 0
    return chat_of(parsed)
