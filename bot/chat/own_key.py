"""Fetches the request for a key of one's own, and says what came of it."""

import logging

from telegram import Bot
from telegram.error import BadRequest

from bot.access import keys, messages, roles
from bot.access.case import Case
from bot.access.refusals import Refused
from bot.chat.scene import post
from bot.chat.sender import Decision
from bot.chat.views import View
from bot.core import Core
from bot.texts import keys as words
from bot.texts import refusals
from bot.texts.fill import Html, escaped
from pki.own_key import Unfit, UnfitRequest, requested_key
from storage.key_records import KeyWay
from storage.outbox import Done, Next
from storage.records import OutboxItem, UserId

log = logging.getLogger(__name__)


async def fetch(bot: Bot, core: Core, item: OutboxItem) -> Decision:
    """Takes the key of a file that somebody sent.

    Raises:
        TelegramError: the file cannot be had now.
    """
    said, public_key, is_burnt = await _read(bot, str(item.payload["file"]))

    async def answer(case: Case) -> Next:
        user_id = UserId(item.chat_id)
        actor = await roles.identify(case.tx, core.rules, user_id, "")
        told = said
        if is_burnt:
            await messages.delete_sent(case, item.chat_id, item.payload.get("message", 0))
        try:
            if public_key is not None:
                await keys.take(core.case(case.tx, actor), public_key)
        except Refused as refused:
            told = refusals.in_chat(refused)
        await post(case.tx, item.chat_id, View(told), case.now)
        return Done()

    return answer


async def _read(bot: Bot, file_id: str) -> tuple[Html, str | None, bool]:
    """What is said of a file, the public key that it asks a certificate for, and whether there is
    a private one in it.
    """
    try:
        file = await bot.get_file(file_id)
        # A Bot API server may name a file of its own machine: that is none that was sent.
        if not str(file.file_path).startswith("http"):
            return escaped(words.FETCH_FAILED), None, False
        content = bytes(await file.download_as_bytearray())
    except BadRequest as error:
        log.info("A file cannot be fetched: %s", error.message)
        return escaped(words.FETCH_FAILED), None, False
    try:
        key = requested_key(content)
    except UnfitRequest as unfit:
        return escaped(words.UNFIT[unfit.why]), None, unfit.why is Unfit.PRIVATE_KEY
    return escaped(words.CHOSEN[KeyWay.OWN]), key, False
