"""Sends a message, or edits one of ours."""

import logging
from typing import Any

from telegram import (
    Bot,
    KeyboardButton,
    KeyboardButtonRequestUsers,
    LinkPreviewOptions,
    Message,
    ReplyKeyboardMarkup,
)
from telegram.error import BadRequest

from bot import limits
from bot.chat.client import say
from bot.chat.outcomes import UNCHANGED
from bot.chat.views import View
from bot.texts import joining
from storage.records import ChatId

log = logging.getLogger(__name__)

_NO_PREVIEW = LinkPreviewOptions(is_disabled=True)
# It goes away once it was used.
_PICKER = ReplyKeyboardMarkup(
    [
        [
            KeyboardButton(
                joining.BUTTON_PICK,
                request_users=KeyboardButtonRequestUsers(
                    request_id=1,
                    user_is_bot=False,
                    max_quantity=limits.PICKED,
                    request_name=True,
                    request_username=True,
                ),
            )
        ]
    ],
    resize_keyboard=True,
    one_time_keyboard=True,
)


async def send(
    bot: Bot, chat_id: ChatId, view: View, topic: int | None = None, *, picks: bool = False
) -> int:
    """Gives the number of the message.

    Args:
        picks: a button to pick people from the contacts takes the place of the keyboard.
    """

    async def call(text: str, **more: Any) -> Message:
        if picks:
            more["reply_markup"] = _PICKER
        return await bot.send_message(
            chat_id,
            text,
            link_preview_options=_NO_PREVIEW,
            message_thread_id=topic,
            **more,
        )

    return (await say(call, view.text, view.keyboard, room=limits.TEXT)).message_id


async def edit(
    bot: Bot, chat_id: ChatId, message_id: int, view: View, *, is_caption: bool = False
) -> bool:
    """False where the message cannot be edited: deleted, or too old."""

    async def call(text: str, **markup: Any) -> Message | bool:
        if is_caption:
            return await bot.edit_message_caption(chat_id, message_id, caption=text, **markup)
        return await bot.edit_message_text(
            text, chat_id, message_id, link_preview_options=_NO_PREVIEW, **markup
        )

    room = limits.CAPTION if is_caption else limits.TEXT
    try:
        await say(call, view.text, view.keyboard, room=room)
    except BadRequest as error:
        if UNCHANGED in error.message.lower():
            return True
        log.info("A message cannot be edited: %s", error.message)
        return False
    return True
