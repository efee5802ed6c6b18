"""The checks over the network: Telegram, the token, and the clock."""

from dataclasses import dataclass
from datetime import datetime

import httpx
from telegram.error import InvalidToken, TelegramError

from bot.chat.client import connect, date_of
from bot.chat.outcomes import failure_of
from bot.errors import BadSettings, TokenRefused
from bot.health.results import Fine, Result, trouble
from bot.process.clock import CLOCK_TOLERANCE, Clock
from bot.process.logs import redact
from bot.settings import Settings
from bot.texts import health as words

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
        # The Date header (RFC 9110, 6.6.1) of its answer, whatever the answer is.
        async with httpx.AsyncClient(timeout=_PATIENCE_S) as client:
            told = date_of(await client.head(url))
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        reason = redact(str(error)) or type(error).__name__
        return TelegramLook((trouble(words.UNREACHABLE, url=url, reason=reason),))
    clock_result = look_at_clock(url, told, clock())
    try:
        token = settings.token()
    except BadSettings:
        return TelegramLook((clock_result,))  # said by the look at the secrets
    try:
        greeting = await greet(token, url)
    except TokenRefused:
        return TelegramLook((clock_result, trouble(words.TOKEN_REFUSED)))
    except TelegramError as error:
        reason = redact(failure_of(error).reason)
        return TelegramLook((clock_result, trouble(words.TELEGRAM_SILENT, reason=reason)))
    fine = Fine(words.TELEGRAM_FINE.format(username=greeting.username))
    about_updates = trouble(words.WEBHOOK) if greeting.has_webhook else fine
    return TelegramLook((clock_result, about_updates), greeting.username)


async def greet(token: str, api_url: str) -> Greeting:
    """Asks Telegram who this is.

    Raises:
        TokenRefused: nobody, says Telegram.
        TelegramError: it gave no answer.
    """
    bot = connect(token, api_url).bot
    try:
        await bot.initialize()
        webhook = await bot.get_webhook_info()
    except InvalidToken:
        raise TokenRefused(
            "Telegram does not know the token; copy it again from @BotFather."
        ) from None
    finally:
        await bot.shutdown()
    return Greeting(str(bot.username), bool(webhook.url))


def look_at_clock(url: str, told: datetime | None, now: datetime) -> Result:
    """Compares with the time that a server told, to the second."""
    if told is None:
        return Fine(words.CLOCK_UNKNOWN.format(url=url))
    off = abs(now - told)
    if off > CLOCK_TOLERANCE:
        return trouble(words.CLOCK_WRONG, seconds=round(off.total_seconds()))
    return Fine(words.CLOCK_FINE)
