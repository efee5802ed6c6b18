"""What comes over the wire: whether it is the Bot API that answers, and what it says.

The body decides, not what is around it: an answer of the Bot API is a JSON object that says `ok`,
and either `result` or `description` (https://core.telegram.org/bots/api#making-requests). Whatever
else comes was written by somebody on the way, a provider or a proxy, whatever its status says.
"""

import asyncio
import json
import re
from collections.abc import AsyncIterator
from datetime import timedelta
from http import HTTPStatus
from math import isfinite
from typing import Any

import httpx
from telegram.error import BadRequest, NetworkError, RetryAfter, TimedOut
from telegram.request import HTTPXRequest

from bot.process.way_out import WayOut, not_socks

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
# Strings whole, so that what is in them is not taken for structure; one that breaks off goes to the
# end, or each quote in it would be tried as the beginning of another.
_TOKEN = re.compile(r'"(?:[^"\\]++|\\.)*+(?:"|\\?\Z)|[\[\]{},]', re.DOTALL)
# As Telegram lets them be (https://core.telegram.org/bots/features#creating-a-new-bot).
_USERNAME = re.compile(r"[A-Za-z0-9_]{1,64}")
_IS_TRUE = re.compile(r"\s*:\s*true\b")
_IS_LIST = re.compile(r"\s*:\s*\[")
# In bytes. A hundred of the longest messages that people can type take less than two thirds of it.
_LONGEST_BATCH = 8 * 1024 * 1024
_LONGEST_ANSWER = 1024 * 1024
# More updates at once Telegram never gives (see `bot.limits`); the rest comes again.
_MOST = 1000
# A body that comes drop by drop is ended by no other limit; a file may take minutes to go up.
_LONGEST_CALL_S = 600.0
# Nothing else bounds what httpcore does with a SOCKS proxy until it is through. In seconds; the
# longest poll and the slowest profile are well within it.
_LONGEST_BY_SOCKS_S = 120.0
# Of a refusal's words, which are kept and shown.
_WORDS = 300
# Numbers of Telegram's (Bot API: at most 52 significant bits).
_NUMBERS = range(2**52)

# What stands there is a file, and no answer (Bot API, getFile).
_FILE = "/file/bot"


class NotTelegram(NetworkError):
    """Something answered that is not the Bot API.

    Attributes:
        status: of HTTP.
    """

    def __init__(self, status: int) -> None:
        super().__init__(f"HTTP {status}, and not an answer of the Bot API")
        self.status = status


class OddResult(NetworkError):
    """Telegram says that it was done, and then something else than it ever says of that."""

    def __init__(self, method: str) -> None:
        super().__init__(f"The answer to {method} says that it was done, but not what was done")


class BotApi(HTTPXRequest):
    """Lets the Bot API's own answers through, and raises NotTelegram for all others.

    No answer is longer than a megabyte, or longer on its way than ten minutes.
    """

    longest = _LONGEST_ANSWER
    longest_call_s = _LONGEST_CALL_S

    def __init__(
        self,
        *,
        way: WayOut | None = None,
        httpx_kwargs: dict[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        self._way = way
        if way is not None and way.is_socks:
            self.longest_call_s = _LONGEST_BY_SOCKS_S
        options = dict(httpx_kwargs or {})
        hooks = dict(options.pop("event_hooks", {}))
        hooks["request"] = [*hooks.get("request", ()), _in_one]
        hooks["response"] = [*hooks.get("response", ()), self._bound]
        # A few bytes of a packed answer could become any number of them.
        options["headers"] = {"Accept-Encoding": "identity"}
        super().__init__(httpx_kwargs={**options, "event_hooks": hooks}, **kwargs)

    async def do_request(self, url: str, *args: Any, **kwargs: Any) -> tuple[int, bytes]:
        """The status that the body tells, and the body."""
        try:
            async with asyncio.timeout(self.longest_call_s):
                status, body = await super().do_request(url, *args, **kwargs)
        except TimeoutError as error:
            raise self._through(TimedOut()) from error
        except NetworkError as error:
            self._through(error)
            raise
        except not_socks(self._way) as error:
            said = NetworkError("What answers there doesn't speak SOCKS 5")
            raise self._through(said) from httpx.ProxyError(str(error))
        if _FILE in url and status == HTTPStatus.OK:
            return status, body
        method = url.partition("?")[0].rpartition("/")[2]
        return self.judge(status, body.decode("utf-8", "replace"), method)

    def _through(self, error: NetworkError) -> NetworkError:
        """Says what was in between."""
        if self._way is not None:
            error.message += f", through the proxy {self._way.shown} ({self._way.source})"
        return error

    async def _bound(self, response: httpx.Response) -> None:
        if response.headers.get("Content-Encoding", "identity") != "identity":
            raise NotTelegram(response.status_code)
        response.stream = _Bounded(response, self.longest)

    def judge(self, status: int, body: str, method: str) -> tuple[int, bytes]:
        """Raises NotTelegram, OddResult, RetryAfter, BadRequest."""
        answer = read_json(body)
        if not isinstance(answer, dict):
            raise NotTelegram(status)
        if answer.get("ok") is True and "result" in answer:
            result = _used_of(method, answer["result"])
            if result is None:
                raise OddResult(method)
            return HTTPStatus.OK, json.dumps({"ok": True, "result": result}).encode()
        description = answer.get("description")
        if answer.get("ok") is not False or not isinstance(description, str):
            raise NotTelegram(status)
        description = description[:_WORDS].encode("utf-8", "replace").decode()
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
    """Gives the updates as a list of texts, so that an odd one costs only itself.

    Of a batch that is too long the first part is read; the rest comes with the next one.
    """

    longest = _LONGEST_BATCH

    def judge(self, status: int, body: str, method: str) -> tuple[int, bytes]:
        """Raises NotTelegram, RetryAfter, BadRequest."""
        updates = updates_in(body, is_cut=len(body.encode()) >= self.longest)
        if updates is not None:
            return HTTPStatus.OK, json.dumps({"ok": True, "result": updates}).encode()
        return super().judge(status, body, method)


class _Bounded(httpx.AsyncByteStream):
    """The body of an answer as far as it is read at all."""

    def __init__(self, response: httpx.Response, longest: int) -> None:
        self._stream = response.stream
        self._longest = longest

    async def __aiter__(self) -> AsyncIterator[bytes]:
        assert isinstance(self._stream, httpx.AsyncByteStream)
        left = self._longest
        async for chunk in self._stream:
            yield chunk[:left]
            left -= len(chunk)
            if left <= 0:
                break

    async def aclose(self) -> None:
        assert isinstance(self._stream, httpx.AsyncByteStream)
        await self._stream.aclose()


async def _in_one(request: httpx.Request) -> None:
    """Puts the parts of an upload together, each of which would be a write of its own."""
    await request.aread()


def _used_of(method: str, result: Any) -> object | None:
    """What we use of a result, as python-telegram-bot reads it; None where it is not there.

    All else is left out, and nobody stumbles over it.
    """
    said = result if isinstance(result, dict) else {}
    match method:
        case "sendMessage" | "sendDocument":
            number = said.get("message_id")
            chat = {"id": 0, "type": "private"}
            is_there = type(number) is int and number in _NUMBERS
            return {"message_id": number, "date": 0, "chat": chat} if is_there else None
        case "getMe":
            name = said.get("username")
            is_there = isinstance(name, str) and _USERNAME.fullmatch(name) is not None
            bot = {"id": 0, "is_bot": True, "first_name": "", "username": name}
            return bot if is_there else None
        case "getWebhookInfo":
            url = said.get("url")
            info = {"has_custom_certificate": False, "pending_update_count": 0, "url": url}
            return info if isinstance(url, str) else None
        case "getFile":
            path = said.get("file_path")
            file = {"file_id": "", "file_unique_id": "", "file_path": path}
            return file if isinstance(path, str) and path else None
        case "getUpdates":
            return None  # an answer, but no list
        case _:
            return True


def updates_in(body: str, *, is_cut: bool = False) -> list[str] | None:
    """The members of the list `result`, each as it came; None where there is no such list.

    Only the brackets are counted. So it does not matter what a member holds, how deep it goes, or
    whether it is JSON at all. Of a body that breaks off, what came before that is given.

    Args:
        is_cut: the body goes on, and was not read to its end: a member that no body has room for
            is given as far as it was read, since it would come again and again.
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
                if len(members) < _MOST:
                    members.append(body[begins_at : token.start()].strip())
                begins_at = token.end()
                is_whole = mark != ","
            depth -= mark != ","
        elif depth == 1 and mark == '"ok"':
            is_ok = _IS_TRUE.match(body, token.end()) is not None
        elif depth == 1 and mark == '"result"':
            found = _IS_LIST.match(body, token.end())
            opens_at = found.end() if found else -1
    if is_cut and is_ok and not members and begins_at >= 0:
        members.append(body[begins_at:])
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
