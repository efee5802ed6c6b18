"""The connection to Telegram: python-telegram-bot for HTTP and types, nothing more."""

import os
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

import httpx
from telegram import Bot, InlineKeyboardButton, InlineKeyboardMarkup

from bot.chat.buttons import Keyboard
from bot.chat.wire import BotApi, UpdatesApi
from bot.clock import TrustedClock, since_boot

CONNECT_TIMEOUT_S = 10.0
# Telegram answers sends within a second or two; after this the outcome counts as unknown.
READ_TIMEOUT_S = 20.0
UPLOAD_TIMEOUT_S = 30.0
# The longest that Telegram holds a long poll (telegram-bot-api's source: 50 s).
POLL_S = 50
_CONNECTIONS = 32
_SENT = "vpnbot_sent_at"


@dataclass(frozen=True, slots=True, repr=False)
class Telegram:
    """A client for one bot. Its repr and its URLs would hold the token: never log it.

    `polling` has a connection of its own, so that a long poll holds up no message.
    """

    bot: Bot
    polling: UpdatesApi


def connect(token: str, api_url: str, clock: TrustedClock | None = None) -> Telegram:
    """Nothing is sent yet.

    Args:
        clock: what takes the Date of each answer.
    """
    # Without it every 429 raises a deprecation warning; with it, retry_after is a timedelta.
    os.environ["PTB_TIMEDELTA"] = "1"
    timeouts: dict[str, Any] = {"connect_timeout": CONNECT_TIMEOUT_S}
    if clock is not None:
        timeouts["httpx_kwargs"] = {"event_hooks": _listeners(clock)}
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


def _listeners(clock: TrustedClock) -> dict[str, list[Any]]:
    async def sent(request: httpx.Request) -> None:
        request.extensions[_SENT] = since_boot()

    async def answered(response: httpx.Response) -> None:
        # Whatever is no JSON comes from a provider's or a proxy's page, not from Telegram.
        is_telegrams = response.headers.get("Content-Type", "").startswith("application/json")
        told = date_of(response)
        if is_telegrams and told is not None:
            clock.telegram_said(told, age=since_boot() - response.request.extensions[_SENT])

    return {"request": [sent], "response": [answered]}


def date_of(response: httpx.Response) -> datetime | None:
    """The Date header (RFC 9110, 6.6.1); None where there is none that can be read."""
    try:
        told = parsedate_to_datetime(response.headers["Date"])
        return told.replace(tzinfo=told.tzinfo or UTC).astimezone(UTC)
    except (KeyError, ValueError, OverflowError):
        return None


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
