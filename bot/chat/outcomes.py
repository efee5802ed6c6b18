"""What a failed call to Telegram means: was it done, may it be done again, and when.

python-telegram-bot raises NetworkError or TimedOut for whatever happens below HTTP, with httpx's
error as its cause. Only where no connection came about is it certain that nothing was done.
"""

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

import httpx
from telegram.error import (
    BadRequest,
    Conflict,
    Forbidden,
    InvalidToken,
    RetryAfter,
    TelegramError,
)

_NO_CONNECTION = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)
# BadRequest texts that mean: there is no such chat for the bot (Bot API, by trial).
_NO_CHAT = ("chat not found", "user not found", "peer_id_invalid")
# However long Telegram says; beyond a year it is no time that a clock could hold.
_LONGEST_FLOOD_S = 365 * 86_400.0


class Outcome(StrEnum):
    FLOOD = "flood"  # not done; Telegram says when to come again
    NOT_DONE = "not_done"  # nothing reached Telegram
    UNKNOWN = "unknown"  # it may have been done
    CLOSED = "closed"  # the person does not let the bot write
    REFUSED = "refused"  # it will never be done like this


@dataclass(frozen=True, slots=True)
class Failure:
    outcome: Outcome
    # Telegram's words in lower case, for telling refusals apart; never shown to anybody.
    reason: str
    wait_s: float = 0.0


def failure_of(error: TelegramError) -> Failure:
    """Sorts an error of python-telegram-bot."""
    reason = error.message.lower()
    if isinstance(error, RetryAfter):
        return Failure(Outcome.FLOOD, reason, _seconds(error))
    if isinstance(error, Forbidden):
        return Failure(Outcome.CLOSED, reason)
    if isinstance(error, BadRequest):
        closed = any(text in reason for text in _NO_CHAT)
        return Failure(Outcome.CLOSED if closed else Outcome.REFUSED, reason)
    if isinstance(error, (InvalidToken, Conflict)) or isinstance(error.__cause__, _NO_CONNECTION):
        return Failure(Outcome.NOT_DONE, reason)
    return Failure(Outcome.UNKNOWN, reason)


def _seconds(error: RetryAfter) -> float:
    wait = error.retry_after
    seconds = wait.total_seconds() if isinstance(wait, timedelta) else float(wait)
    return min(max(seconds, 0.0), _LONGEST_FLOOD_S)
