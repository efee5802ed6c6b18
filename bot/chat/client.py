"""The connection to Telegram: python-telegram-bot for HTTP and types, nothing more."""

import os
from dataclasses import dataclass
from typing import Any

from telegram import Bot, InlineKeyboardButton, InlineKeyboardMarkup

from bot.chat.buttons import Keyboard
from bot.chat.wire import BotApi, UpdatesApi

CONNECT_TIMEOUT_S = 10.0
# Telegram answers sends within a second or two; after this the outcome counts as unknown.
READ_TIMEOUT_S = 20.0
UPLOAD_TIMEOUT_S = 30.0
# The longest that Telegram holds a long poll (telegram-bot-api's source: 50 s).
POLL_S = 50
_CONNECTIONS = 32


@dataclass(frozen=True, slots=True, repr=False)
class Telegram:
    """A client for one bot. Its repr and its URLs would hold the token: never log it.

    `polling` has a connection of its own, so that a long poll holds up no message.
    """

    bot: Bot
    polling: UpdatesApi


def connect(token: str, api_url: str) -> Telegram:
    """Nothing is sent yet."""
    # Without it every 429 raises a deprecation warning; with it, retry_after is a timedelta.
    os.environ["PTB_TIMEDELTA"] = "1"
    timeouts: dict[str, Any] = {"connect_timeout": CONNECT_TIMEOUT_S}
    polling = UpdatesApi(connection_pool_size=1, read_timeout=POLL_S + READ_TIMEOUT_S, **timeouts)
    bot = Bot(
        token,
        base_url=f"{api_url}/bot",
        base_file_url=f"{api_url}/file/bot",
        request=BotApi(
            connection_pool_size=_CONNECTIONS,
            read_timeout=READ_TIMEOUT_S,
            media_write_timeout=UPLOAD_TIMEOUT_S,
            **timeouts,
        ),
        get_updates_request=polling,
    )
    return Telegram(bot, polling)


def markup(keyboard: Keyboard) -> InlineKeyboardMarkup | None:
    """Our buttons as Telegram's; None where there are none."""
    if not keyboard:
        return None
    return InlineKeyboardMarkup(
        [
            [
                InlineKeyboardButton(button.text, callback_data=button.data, style=button.style)
                for button in row
            ]
            for row in keyboard
        ]
    )
