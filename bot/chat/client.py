"""The connection to Telegram: python-telegram-bot for HTTP and types, nothing more."""

import logging
import os
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from itertools import accumulate
from typing import Any, TypeVar

import httpx
from telegram import Bot, InlineKeyboardButton, InlineKeyboardMarkup
from telegram.constants import ParseMode
from telegram.error import BadRequest

from bot import limits
from bot.chat.buttons import Keyboard
from bot.chat.outcomes import Outcome, failure_of
from bot.chat.wire import BotApi, UpdatesApi
from bot.process.clock import TrustedClock, since_boot
from bot.process.way_out import WayOut
from bot.texts.fill import Html, length, without_markup

log = logging.getLogger(__name__)

CONNECT_TIMEOUT_S = 10.0
# Telegram answers sends within a second or two; after this the outcome counts as unknown.
READ_TIMEOUT_S = 20.0
UPLOAD_TIMEOUT_S = 30.0
# The longest that Telegram holds a long poll (telegram-bot-api's source: 50 s).
POLL_S = 50
_CONNECTIONS = 32
_Sent = TypeVar("_Sent")
_SENT = "vpnbot_sent_at"


@dataclass(frozen=True, slots=True, repr=False)
class Telegram:
    """A client for one bot. Its repr and its URLs would hold the token: never log it.

    `polling` has a connection of its own, so that a long poll holds up no message.
    """

    bot: Bot
    polling: UpdatesApi


def connect(
    token: str, api_url: str, clock: TrustedClock | None = None, *, way: WayOut | None = None
) -> Telegram:
    """Nothing is sent yet.

    Args:
        clock: what takes the Date of each answer.
        way: the proxy in between.
    """
    # Without it every 429 raises a deprecation warning; with it, retry_after is a timedelta.
    os.environ["PTB_TIMEDELTA"] = "1"
    options = http_options(way)
    if clock is not None:
        for event, listeners in _listeners(clock).items():
            options["event_hooks"].setdefault(event, []).extend(listeners)
    common: dict[str, Any] = {
        "connect_timeout": CONNECT_TIMEOUT_S,
        "httpx_kwargs": options,
        "way": way,
    }
    polling = UpdatesApi(connection_pool_size=1, read_timeout=POLL_S + READ_TIMEOUT_S, **common)
    bot = Bot(
        token,
        base_url=f"{api_url}/bot",
        base_file_url=f"{api_url}/file/bot",
        request=BotApi(
            connection_pool_size=_CONNECTIONS,
            read_timeout=READ_TIMEOUT_S,
            media_write_timeout=UPLOAD_TIMEOUT_S,
            **common,
        ),
        get_updates_request=polling,
    )
    return Telegram(bot, polling)


def http_options(way: WayOut | None) -> dict[str, Any]:
    """What an httpx client is made with: this way out, whatever else the environment says.

    Of the environment only SSL_CERT_FILE and SSL_CERT_DIR count, for the proxy, too.
    """
    trusted = httpx.create_ssl_context()
    options: dict[str, Any] = {"trust_env": False, "verify": trusted, "event_hooks": {}}
    if way is not None:
        to_proxy = trusted if way.url.startswith("https:") else None
        options["proxy"] = httpx.Proxy(way.url, ssl_context=to_proxy)
    if way is not None and way.is_socks:
        options["event_hooks"]["request"] = [_close_what_does_not_get_through]
    return options


async def _close_what_does_not_get_through(request: httpx.Request) -> None:
    """httpcore leaves the connection open where a SOCKS proxy refuses, or says nothing.

    See https://www.python-httpx.org/advanced/extensions/#trace.
    """
    streams: list[Any] = []

    async def trace(event: str, info: Mapping[str, Any]) -> None:
        if event.endswith(".connect_tcp.complete"):
            streams.append(info["return_value"])
        elif event.endswith(".setup_socks5_connection.failed"):
            for stream in streams:
                await stream.aclose()

    request.extensions["trace"] = trace


async def say(
    call: Callable[..., Awaitable[_Sent]], text: Html, keyboard: Keyboard, *, room: int
) -> _Sent:
    """Says it in HTML, and once more without markup and colours where those are refused.

    A Bot API server of an older version knows fewer tags, and a text that somebody reads without
    its markup is worth more than none. So is the beginning of one that is too long.

    Args:
        call: takes the text, and `parse_mode` and `reply_markup` by their names.
        room: how many of Telegram's characters the text may have.

    Raises:
        TelegramError: it was not said, or nobody knows.
    """
    if length(text) <= room:
        try:
            return await call(text, parse_mode=ParseMode.HTML, reply_markup=markup(keyboard))
        except BadRequest as error:
            failure = failure_of(error)
            if failure.outcome is not Outcome.WORDS:
                raise
            log.warning(
                "Telegram refuses the markup of a text (%s); it goes without", failure.reason
            )
    else:
        log.warning("A text of %d characters is cut to %d", length(text), room)
    bare = tuple(tuple(replace(button, style=None) for button in row) for row in keyboard)
    plain = without_markup(text, room)
    return await call(plain, parse_mode=None, reply_markup=markup(bare))


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
    """Our buttons as Telegram's; None where there are none.

    Of more than it takes the first ones: a message without buttons would lead nowhere.
    """
    if not keyboard:
        return None
    counts = list(accumulate(map(len, keyboard)))
    if counts[-1] > limits.BUTTONS:
        log.warning("A message has %d buttons, too many", counts[-1])
    return InlineKeyboardMarkup(
        [
            [
                InlineKeyboardButton(button.text, callback_data=button.data, style=button.style)
                for button in row
            ]
            for row, count in zip(keyboard, counts, strict=True)
            if count <= limits.BUTTONS
        ]
    )
