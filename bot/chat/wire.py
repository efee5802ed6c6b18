"""What comes over the wire: whether it is the Bot API that answers, and what it says.

The body decides, not what is around it: an answer of the Bot API is a JSON object that says `ok`,
and either `result` or `description` (https://core.telegram.org/bots/api#making-requests). Whatever
else comes was written by somebody on the way, a provider or a proxy, whatever its status says.
"""

import json
import re
from datetime import timedelta
from http import HTTPStatus
from math import isfinite
from typing import Any

from telegram.error import BadRequest, NetworkError, RetryAfter
from telegram.request import HTTPXRequest

# These python-telegram-bot tells apart by itself; any other 4xx refuses what was asked for.
_TOLD_APART = (
    HTTPStatus.BAD_REQUEST,
    HTTPStatus.UNAUTHORIZED,
    HTTPStatus.FORBIDDEN,
    HTTPStatus.NOT_FOUND,
    HTTPStatus.CONFLICT,
)
# No number of Telegram's is longer (Bot API: at most 52 significant bits).
_DIGITS = 20
_LONGEST_WAIT_S = 365 * 86_400
_ERRORS = range(400, 600)
# Within the answer and its list `result`.
_AMONG_MEMBERS = 2
# Strings whole, so that what is in them is not taken for structure.
_TOKEN = re.compile(r'"(?:[^"\\]++|\\.)*+"|[\[\]{},]', re.DOTALL)
_IS_TRUE = re.compile(r"\s*:\s*true\b")
_IS_LIST = re.compile(r"\s*:\s*\[")


class NotTelegram(NetworkError):
    """Something answered that is not the Bot API.

    Attributes:
        status: of HTTP.
    """

    def __init__(self, status: int) -> None:
        super().__init__(f"HTTP {status}, and not an answer of the Bot API")
        self.status = status


class BotApi(HTTPXRequest):
    """Lets the Bot API's own answers through, and raises NotTelegram for all others."""

    async def do_request(self, *args: Any, **kwargs: Any) -> tuple[int, bytes]:
        """The status that the body tells, and the body."""
        status, body = await super().do_request(*args, **kwargs)
        return self.judge(status, body.decode("utf-8", "replace"))

    def judge(self, status: int, body: str) -> tuple[int, bytes]:
        """Raises NotTelegram, RetryAfter, BadRequest."""
        answer = read_json(body)
        if not isinstance(answer, dict):
            raise NotTelegram(status)
        if answer.get("ok") is True and "result" in answer:
            return HTTPStatus.OK, body.encode()
        description = answer.get("description")
        if answer.get("ok") is not False or not isinstance(description, str):
            raise NotTelegram(status)
        code = answer.get("error_code")
        if type(code) is not int or code not in _ERRORS:
            code = status if status in _ERRORS else HTTPStatus.INTERNAL_SERVER_ERROR
        if code == HTTPStatus.TOO_MANY_REQUESTS:
            raise RetryAfter(_retry_after(answer.get("parameters")))
        if code < HTTPStatus.INTERNAL_SERVER_ERROR and code not in _TOLD_APART:
            raise BadRequest(description)
        # Without its parameters, which python-telegram-bot takes for what they should be.
        return code, json.dumps({"ok": False, "description": description}).encode()


class UpdatesApi(BotApi):
    """Gives the updates as a list of texts, so that an odd one costs only itself."""

    def judge(self, status: int, body: str) -> tuple[int, bytes]:
        """Raises NotTelegram, RetryAfter, BadRequest."""
        updates = updates_in(body)
        if updates is not None:
            return HTTPStatus.OK, json.dumps({"ok": True, "result": updates}).encode()
        judged = super().judge(status, body)
        if judged[0] == HTTPStatus.OK:
            raise NotTelegram(status)  # an answer, but no list
        return judged


def updates_in(body: str) -> list[str] | None:
    """The members of the list `result`, each as it came; None where there is no such list.

    Only the brackets are counted. So it does not matter what a member holds, how deep it goes, or
    whether it is JSON at all. Of a body that breaks off, what came before that is given.
    """
    members: list[str] = []
    depth = 0
    is_ok = is_whole = False
    opens_at = begins_at = -1
    for token in _TOKEN.finditer(body):
        mark = token[0]
        if mark in ("[", "{"):
            depth += 1
            if token.end() == opens_at:
                begins_at = opens_at
        elif mark in ("]", "}", ","):
            if depth == _AMONG_MEMBERS and begins_at >= 0 and not is_whole:
                if mark == "}":
                    break  # what closes here was never opened
                members.append(body[begins_at : token.start()].strip())
                begins_at = token.end()
                is_whole = mark != ","
            depth -= mark != ","
        elif depth == 1 and mark == '"ok"':
            is_ok = _IS_TRUE.match(body, token.end()) is not None
        elif depth == 1 and mark == '"result"':
            found = _IS_LIST.match(body, token.end())
            opens_at = found.end() if found else -1
    found_any = [member.replace("\0", "\ufffd") for member in members if member]
    return found_any if is_ok and (is_whole or found_any) else None


def read_json(text: str) -> Any:
    """What it says; None where it is no JSON. Numbers that are too long to be any are None."""
    try:
        return json.loads(text, parse_int=_int)
    except (ValueError, RecursionError):
        return None


def _int(digits: str) -> int | None:
    return int(digits) if len(digits) <= _DIGITS else None


def _retry_after(parameters: object) -> timedelta:
    """How long Telegram wants to be left alone; nothing where it does not say."""
    wait = parameters.get("retry_after") if isinstance(parameters, dict) else None
    if isinstance(wait, bool) or not isinstance(wait, int | float) or not isfinite(wait):
        return timedelta(0)
    return timedelta(seconds=min(max(wait, 0), _LONGEST_WAIT_S))
