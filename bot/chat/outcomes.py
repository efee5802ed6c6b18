"""What a failed call to Telegram means: was it done, may it be done again, and when.

python-telegram-bot raises NetworkError or TimedOut for whatever happens below HTTP, with httpx's
error as its cause. It is certain that nothing was done where no connection came about, where
Telegram says so, and where somebody on the way refuses to pass the call on; it is not where a
proxy reports what became of it behind itself.
"""

import re
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from http import HTTPStatus

import httpx
from telegram.error import (
    BadRequest,
    ChatMigrated,
    Conflict,
    Forbidden,
    InvalidToken,
    RetryAfter,
    TelegramError,
)

from bot.chat.wire import NotTelegram, OddResult

_NO_CONNECTION = (
    httpx.ConnectError,
    httpx.ConnectTimeout,
    httpx.PoolTimeout,
    httpx.ProxyError,  # it did not connect us; what it says of a call that went through is no error
)
# Whoever answers with one of these has not passed the call on.
_NOT_PASSED_ON = frozenset(range(300, 500)) - {HTTPStatus.REQUEST_TIMEOUT}
# BadRequest texts that mean: there is no such chat for the bot (Bot API, by trial).
_NO_CHAT = ("chat not found", "user not found", "peer_id_invalid")
# Of an account that its owner, or Telegram, has ended (Bot API, by trial).
_DELETED = "user is deactivated"
# BadRequest texts about what a message says and how (telegram-bot-api and Telegram's own errors).
_ABOUT_WORDS = re.compile(
    r"can't (parse|find end)|too[ _]long|entities|entity_|button|markup|parse_mode|style"
)
# So does the message already look; the rest of the sentence speaks of its markup, too.
UNCHANGED = "message is not modified"
# However long Telegram says; beyond a year it is no time that a clock could hold.
_LONGEST_FLOOD_S = 365 * 86_400.0


class Outcome(StrEnum):
    FLOOD = "flood"  # not done; Telegram says when to come again
    NOT_DONE = "not_done"  # nothing reached Telegram, or not under this token
    UNKNOWN = "unknown"  # it may have been done
    MOVED = "moved"  # the group has another number now
    CLOSED = "closed"  # the person does not let the bot write
    DELETED = "deleted"  # likewise: there is no such account any more
    WORDS = "words"  # refused for its text, markup or buttons: plainer ones may pass
    REFUSED = "refused"  # it will never be done like this


@dataclass(frozen=True, slots=True)
class Failure:
    outcome: Outcome
    # Telegram's words in lower case, for telling refusals apart; never shown to anybody.
    reason: str
    wait_s: float = 0.0
    # Telegram says that it was done, and not what: another try would be one too many soon.
    says_done: bool = False
    # The group's new number.
    moved_to: int = 0


def failure_of(error: TelegramError) -> Failure:
    """Sorts an error of python-telegram-bot."""
    reason = error.message.lower()
    match error:
        case RetryAfter():
            return Failure(Outcome.FLOOD, reason, _seconds(error))
        case NotTelegram():
            is_known = error.status in _NOT_PASSED_ON
            outcome = Outcome.NOT_DONE if is_known else Outcome.UNKNOWN
        case OddResult():
            return Failure(Outcome.UNKNOWN, reason, says_done=True)
        case Forbidden():
            outcome = Outcome.DELETED if _DELETED in reason else Outcome.CLOSED
        case BadRequest():
            is_closed = any(text in reason for text in _NO_CHAT)
            is_about_words = _ABOUT_WORDS.search(reason) and UNCHANGED not in reason
            words = Outcome.WORDS if is_about_words else Outcome.REFUSED
            outcome = Outcome.CLOSED if is_closed else words
        case ChatMigrated():
            return Failure(Outcome.MOVED, reason, moved_to=error.new_chat_id)
        case InvalidToken() | Conflict():
            outcome = Outcome.NOT_DONE
        case _:
            is_known = isinstance(error.__cause__, _NO_CONNECTION)
            outcome = Outcome.NOT_DONE if is_known else Outcome.UNKNOWN
    return Failure(outcome, reason)


def failure_at_telegram(error: Exception) -> Failure | None:
    """The same for any error; None where it is none of Telegram's."""
    return failure_of(error) if isinstance(error, TelegramError) else None


def _seconds(error: RetryAfter) -> float:
    wait = error.retry_after
    seconds = wait.total_seconds() if isinstance(wait, timedelta) else float(wait)
    return min(max(seconds, 0.0), _LONGEST_FLOOD_S)
