"""The checks over the network: Telegram, the token, and the clock."""

import asyncio
import re
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime

import httpx
from telegram.error import InvalidToken, TelegramError

from bot.chat.client import connect, date_of, http_options
from bot.errors import BadSettings, TokenRefused
from bot.health.results import Fine, Result, Trouble, trouble, trouble_from
from bot.process.clock import CLOCK_TOLERANCE, Clock
from bot.process.logs import redact
from bot.process.way_out import SETTING, WayOut, not_socks
from bot.settings import Settings
from bot.texts import health as words
from bot.texts.durations import span_text

# What python-telegram-bot puts before the words of an error.
_CLASS = re.compile(r"^httpx\.\w+: (?=\S)")
# Of an OSError, as `str` has it.
_NUMBER = re.compile(r"\[Errno -?[0-9]+\] ")
# Certificates and CRLs are backdated by a day: a minute is no danger yet.
_PATIENCE_S = 10.0


@dataclass(frozen=True, slots=True)
class Greeting:
    """The bot that a token belongs to."""

    username: str
    has_webhook: bool


@dataclass(frozen=True, slots=True)
class TelegramLook:
    results: tuple[Result, ...]
    username: str | None = None


async def look_at_telegram(settings: Settings, clock: Clock) -> TelegramLook:
    """Whether Telegram can be reached, knows the token, and has the same time."""
    url = settings.telegram_api_url
    try:
        way = settings.way_out()
    except BadSettings as error:
        return TelegramLook((trouble_from(error, words.PROXY_MEND),))
    told = await _told_by(url, way)
    if isinstance(told, Trouble):
        return TelegramLook((told,))
    seen: list[Result] = [look_at_clock(url, told, clock())]
    if way is not None:
        text = words.PROXY_SET if way.source == SETTING else words.PROXY_AROUND
        seen.append(Fine(text.format(proxy=way.shown, source=way.source)))
    with suppress(BadSettings):  # said by the look at the secrets
        return await _greeted(settings.token(), url, way, seen)
    return TelegramLook(tuple(seen))


async def _greeted(
    token: str, url: str, way: WayOut | None, seen: Sequence[Result]
) -> TelegramLook:
    try:
        greeting = await greet(token, url, way)
    except TokenRefused:
        return TelegramLook((*seen, trouble(words.TOKEN_REFUSED)))
    except TelegramError as error:
        silent = trouble(words.TELEGRAM_SILENT, reason=reason_of(error))
        return TelegramLook((*seen, silent))
    fine = Fine(words.TELEGRAM_FINE.format(username=greeting.username))
    about_updates = trouble(words.WEBHOOK) if greeting.has_webhook else fine
    return TelegramLook((*seen, about_updates), greeting.username)


async def _told_by(url: str, way: WayOut | None) -> datetime | Trouble | None:
    """The Date header (RFC 9110, 6.6.1) of its answer, whatever the answer is."""
    try:
        async with (
            asyncio.timeout(_PATIENCE_S),
            httpx.AsyncClient(timeout=_PATIENCE_S, **http_options(way)) as client,
        ):
            return date_of(await client.head(url))
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        reason = redact(_NUMBER.sub("", str(error))) or type(error).__name__
    except TimeoutError:
        reason = words.NO_ANSWER.format(seconds=round(_PATIENCE_S))
    except not_socks(way):
        reason = words.NO_SOCKS
    if way is None:
        return trouble(words.UNREACHABLE, url=url, reason=reason)
    values = {"proxy": way.shown, "source": way.source, "curl": way.for_curl}
    return trouble(words.UNREACHABLE_BY_PROXY, url=url, reason=reason, **values)


async def greet(token: str, api_url: str, way: WayOut | None) -> Greeting:
    """Asks Telegram who this is.

    Raises:
        TokenRefused: nobody, says Telegram.
        TelegramError: it gave no answer.
    """
    bot = connect(token, api_url, way=way).bot
    try:
        await bot.initialize()
        webhook = await bot.get_webhook_info()
    except InvalidToken:
        raise TokenRefused(
            "Telegram doesn't know the token; copy it again from @BotFather."
        ) from None
    finally:
        await bot.shutdown()
    return Greeting(str(bot.username), bool(webhook.url))


def reason_of(error: TelegramError) -> str:
    """Why Telegram gave no answer, without the name of a class or a number before it."""
    return redact(_NUMBER.sub("", _CLASS.sub("", error.message)))


def look_at_clock(url: str, told: datetime | None, now: datetime) -> Result:
    """Compares with the time that a server told, to the second."""
    if told is None:
        return Fine(words.CLOCK_UNKNOWN.format(url=url))
    off = abs(now - told)
    if off > CLOCK_TOLERANCE:
        return trouble(words.CLOCK_WRONG, span=span_text(round(off.total_seconds())))
    return Fine(words.CLOCK_FINE)
