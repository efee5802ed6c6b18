"""Fetches updates and stores them raw, before they are confirmed to Telegram.

Telegram forgets an update once a later offset was asked for. So the order is: get, store, commit,
and only then ask for the next ones; a process that ends in between gets them again.
"""

import asyncio
import hashlib
import json
import logging
import re
from collections.abc import Callable, Sequence
from typing import cast
from urllib.parse import urlencode, urlsplit

from sqlalchemy.exc import OperationalError
from telegram.error import Conflict, InvalidToken, TelegramError

from bot import limits
from bot.access import roles
from bot.chat.client import POLL_S, Telegram
from bot.chat.door import Door, Fetched
from bot.chat.incoming import ALLOWED_UPDATES, raw_revokes, sender_of
from bot.chat.no_room import NoRoom
from bot.chat.outcomes import Outcome, failure_of
from bot.chat.wire import read_json
from bot.core import Core
from bot.errors import SecondPoller, TokenRefused
from bot.process.loops import forever
from bot.process.reserve import Reserve
from bot.shown import one_line
from storage.errors import is_full
from storage.records import ChatId, InboxItem, UserId

log = logging.getLogger(__name__)

_FIRST_WAIT_S = 0.5
_LONGEST_WAIT_S = 30.0
# What known people send is left with Telegram while so much of it waits here. An admin's word may
# be behind it, so fetching only slows down.
_FULL = 2000
_FULL_LOOK_S = 0.05
_FULL_LOOKS = 20
# While somebody is served, a flood is fetched at a tenth of its pace: its batches come between the
# steps of an answer. Not slower, since others wait behind it.
_GIVES_WAY_LOOK_S = 0.01
_GIVES_WAY_LOOKS = 10
# In bytes. The longest message that answers another such one takes three quarters of it; what is
# longer, nobody typed for us.
_LONGEST = 64 * 1024
# Where there is nothing that could be confirmed, the same updates come again at once.
_SAME_AGAIN_S = 1.0
# 'It is safe to use 32-bit signed integers' (Bot API, Making requests). A larger one, confirmed,
# would confirm all that is still to come.
_LARGEST_UPDATE_ID = 2**31 - 1
_UPDATE_ID = re.compile(r'"update_id"\s*:\s*([0-9]{1,10})\s*[,}]')
# A deployment that replaces one process by another overlaps for a moment.
_CONFLICTS_BEFORE_GIVING_UP = 5
_HOST_LENGTH = 255


class Poller:
    def __init__(
        self,
        telegram: Telegram,
        bot_username: str,
        core: Core,
        on_stored: Callable[[], None],
        *,
        reserve: Reserve,
        is_serving: Callable[[], bool] = lambda: False,
    ) -> None:
        self._is_serving = is_serving
        self._is_flood = False
        self._reserve = reserve
        self._rules = core.rules
        self._no_room = NoRoom(telegram.bot, core.rules.admins, reserve)
        self._telegram = telegram
        self._database = core.database
        self._door = Door(core, bot_username)
        self._clock = core.clock
        self._on_stored = on_stored
        self._offset = 0
        self._conflicts = 0
        self._is_full = False
        self._wait_s = _FIRST_WAIT_S
        self._trouble: str | None = None

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
            await self._give_up_if_pointless(error)
            failure = failure_of(error)
            pause = self._wait_s
            if failure.outcome is Outcome.FLOOD:
                pause = max(pause, failure.wait_s)
            if failure.reason != self._trouble:
                log.warning("Fetching updates fails (%s); I keep trying", failure.reason)
            self._trouble = failure.reason
            await asyncio.sleep(pause)
            self._wait_s = min(self._wait_s * 2, _LONGEST_WAIT_S)
        else:
            if self._trouble is not None:
                log.info("Updates can be fetched again")
            self._trouble = None
            self._wait_s = _FIRST_WAIT_S
            self._conflicts = 0

    async def poll_once(self) -> None:
        """One long poll: what it brings is on the disk when this returns."""
        if self._is_full:
            await self._let_the_worker_catch_up()
        if self._is_flood:
            await self._give_way()
        batch = [self._look_at(text) for text in await self._get_updates()]
        if not batch:
            return
        self._is_flood = len(batch) >= limits.UPDATES
        confirmed = max([self._offset, *(one.item.update_id + 1 for one in batch)])
        if self._reserve.is_scarce:
            await self._store_what_revokes(batch, confirmed)
            return
        try:
            async with self._database.reading() as tx:
                let_in = await self._door.lets_in(tx, batch)
            new = await self._store(let_in) if let_in else 0
        except OperationalError as error:
            if not is_full(error):
                raise
            self._reserve.note_full()
            await self._store_what_revokes(batch, confirmed)
            return
        await self._no_room.tell(())
        # (1) stored and committed; (2) the next poll confirms it.
        if confirmed == self._offset:
            await asyncio.sleep(_SAME_AGAIN_S)
        self._offset = confirmed
        if new:
            self._on_stored()

    def _look_at(self, text: str) -> Fetched:
        update = read_json(text)
        update_id, trouble = _update_id(update, text), None
        if update_id is None:
            # It is kept under a number of its own making, the same one whenever it comes.
            digest = hashlib.sha256(text.encode("utf-8", "replace")).digest()
            update_id = -1 - int.from_bytes(digest[:7])
            trouble = "without a number that can be confirmed"
        payload, size = text, len(text.encode("utf-8", "replace"))
        if size > _LONGEST:
            payload = json.dumps({"update_id": update_id})
            trouble = f"too long: {size} bytes"
        item = InboxItem(update_id, ChatId(sender_of(update)), payload, self._clock())
        return Fetched(item, update, trouble)

    async def _give_way(self) -> None:
        """Somebody is being served: that comes before what waits with Telegram, for a moment."""
        for _ in range(_GIVES_WAY_LOOKS):
            if not self._is_serving():
                return
            await asyncio.sleep(_GIVES_WAY_LOOK_S)

    async def _let_the_worker_catch_up(self) -> None:
        for _ in range(_FULL_LOOKS):
            await asyncio.sleep(_FULL_LOOK_S)
            async with self._database.reading() as tx:
                if await tx.inbox.waiting() <= _FULL:
                    return

    async def _store(self, batch: Sequence[Fetched]) -> int:
        async with self._database.writing() as tx:
            new = await tx.inbox.store([one.item for one in batch])
            aside = [
                one.trouble
                for one in batch
                if one.trouble and await tx.inbox.quarantine(one.item.update_id, one.trouble)
            ]
            if aside:
                await tx.inbox.trim_quarantine()
            self._is_full = await tx.inbox.waiting() > _FULL
        if aside:
            log.warning("Updates that are set aside: %d, the last one %s", len(aside), aside[-1])
        return new

    async def _store_what_revokes(self, batch: Sequence[Fetched], confirmed: int) -> None:
        """On a full disk: admins' revocations are taken on, and all else stays with Telegram.

        Nothing is confirmed, so what was stored comes again, and is known by its number. But
        Telegram gives the first 100 only: where so many wait, an admin's word may be behind them.
        Then those of known people are stored, too, and the worker leaves them; what strangers sent
        is given up.
        """
        async with self._database.reading() as tx:
            admins = await roles.admins(tx, self._rules)
        wanted = [one for one in batch if raw_revokes(one.update, admins)]
        is_all_seen = len(batch) < limits.UPDATES
        if not is_all_seen:
            async with self._database.reading() as tx:
                met = await tx.people.some(UserId(one.item.chat_id) for one in batch)
            # An admin of the settings may never have written before.
            known = {*admins, *met}
            wanted = [one for one in batch if UserId(one.item.chat_id) in known]
        await self._no_room.tell([one.item for one in batch if one not in wanted])
        if wanted:
            await self._reserve.for_revocation(lambda: self._store(wanted))
            self._on_stored()
        if not is_all_seen:
            self._offset = confirmed
        await asyncio.sleep(_SAME_AGAIN_S)

    async def _get_updates(self) -> list[str]:
        # Bot.get_updates parses all at once: one update that does not parse would block the rest
        # for ever. Its request class gives each as it came, with errors mapped as elsewhere.
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
        return cast("list[str]", answer)

    async def _webhook(self) -> str:
        """The host that a webhook names; nothing of its path, which may hold a secret."""
        try:
            found = await self._telegram.bot.get_webhook_info()
        except TelegramError:
            return ""
        return one_line(urlsplit(found.url).hostname or "")[:_HOST_LENGTH]

    async def _give_up_if_pointless(self, error: TelegramError) -> None:
        if isinstance(error, InvalidToken):
            raise TokenRefused(
                "Telegram refuses the bot's token; get the current one from @BotFather."
            ) from None
        if not isinstance(error, Conflict):
            return
        self._conflicts += 1
        if self._conflicts >= _CONFLICTS_BEFORE_GIVING_UP:
            host = await self._webhook()
            if host:
                raise SecondPoller(
                    f"A webhook is set for this bot since it was started: Telegram gives its "
                    f"updates to {host}. If that is nobody you know, renew the token with "
                    "@BotFather; starting the bot again removes the webhook."
                ) from None
            raise SecondPoller(
                "Another program fetches this bot's updates; stop it, or renew the token with "
                "@BotFather."
            ) from None


def _update_id(update: object, text: str) -> int | None:
    """The number by which an update is confirmed; None where it has none that can be used."""
    if isinstance(update, dict):
        found = update.get("update_id")
    else:
        # No JSON, or nested too deeply to be read. In a string the quotes would be escaped.
        match = _UPDATE_ID.search(text)
        found = int(match[1]) if match else None
    return found if type(found) is int and 0 < found <= _LARGEST_UPDATE_ID else None
