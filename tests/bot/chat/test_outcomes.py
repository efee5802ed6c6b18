"""What a failed call means: most of it by real failures of a real connection."""

import asyncio
import os
import socket
from collections.abc import AsyncIterator
from contextlib import suppress
from datetime import timedelta

import httpx
import pytest
from telegram import Bot
from telegram.error import (
    BadRequest,
    ChatMigrated,
    Conflict,
    EndPointNotFound,
    Forbidden,
    InvalidToken,
    NetworkError,
    RetryAfter,
    TelegramError,
    TimedOut,
)

from bot.chat.client import connect
from bot.chat.outcomes import Failure, Outcome, failure_of
from bot.chat.wire import BotApi
from demo.api.faults import Fault, FaultKind, drop_after, drop_before, hang, page, status
from demo.people import DemoPerson
from demo.server import DemoServer

TOKEN = "123456789:a-token-that-opens-nothing-at-all"
ANNA = DemoPerson(1001, "Anna", "anna", "Employee", started=True)
EMIL = DemoPerson(1002, "Emil", None, "Stranger")


@pytest.fixture
async def telegram() -> AsyncIterator[DemoServer]:
    async with DemoServer(TOKEN, (ANNA, EMIL)) as server:
        yield server


async def failed(url: str, chat_id: int = ANNA.id, text: str = "Hi") -> Failure:
    """What a message that did not come through means."""
    async with connect(TOKEN, url).bot as bot:
        return await fail(bot, chat_id, text)


async def fail(bot: Bot, chat_id: int, text: str, read_timeout: float = 20) -> Failure:
    with pytest.raises(TelegramError) as caught:
        await bot.send_message(chat_id, text, read_timeout=read_timeout)
    return failure_of(caught.value)


@pytest.mark.parametrize(
    ("fault", "outcome"),
    [
        (status(500, "Internal Server Error"), Outcome.UNKNOWN),
        (status(502, "Bad Gateway"), Outcome.UNKNOWN),
        (status(400, "Bad Request: wrong file identifier"), Outcome.REFUSED),
        (status(400, "Bad Request: message is too long"), Outcome.WORDS),
        (status(400, "Bad Request: MEDIA_CAPTION_TOO_LONG"), Outcome.WORDS),
        (status(400, "Bad Request: BUTTON_DATA_INVALID"), Outcome.WORDS),
        (status(400, "Bad Request: ENTITY_BOUNDS_INVALID"), Outcome.WORDS),
        (
            status(400, 'Bad Request: can\'t parse entities: Unsupported start tag "tg-time"'),
            Outcome.WORDS,
        ),
        (status(400, "Bad Request: chat not found"), Outcome.CLOSED),
        (status(400, "Bad Request: PEER_ID_INVALID"), Outcome.CLOSED),
        (status(403, "Forbidden: bot was blocked by the user"), Outcome.CLOSED),
        (status(403, "Forbidden: user is deactivated"), Outcome.DELETED),
        (status(401, "Unauthorized"), Outcome.NOT_DONE),
        (status(404, "Not Found"), Outcome.NOT_DONE),
        (status(409, "Conflict: terminated by other getUpdates request"), Outcome.NOT_DONE),
        (status(413, "Request Entity Too Large"), Outcome.REFUSED),
        (status(405, "Method Not Allowed"), Outcome.REFUSED),
        (status(503, "Service Unavailable"), Outcome.UNKNOWN),
        (status(504, "Gateway Timeout"), Outcome.UNKNOWN),
        # The same from somebody on the way.
        (page(302, ""), Outcome.NOT_DONE),
        (page(400, "<h1>Bad Request</h1>"), Outcome.NOT_DONE),
        (page(401, "<h1>Log in</h1>"), Outcome.NOT_DONE),
        (page(403, "<h1>Forbidden</h1>"), Outcome.NOT_DONE),
        (page(403, '{"error": "chat not found"}', "application/json"), Outcome.NOT_DONE),
        (page(404, "<h1>Not Found</h1>"), Outcome.NOT_DONE),
        (page(407, ""), Outcome.NOT_DONE),
        (page(408, ""), Outcome.UNKNOWN),
        (page(409, "conflict"), Outcome.NOT_DONE),
        (page(413, "<h1>Too large</h1>"), Outcome.NOT_DONE),
        (page(429, "slow down"), Outcome.NOT_DONE),
        (page(499, ""), Outcome.NOT_DONE),
        (page(200, "<h1>Welcome</h1>"), Outcome.UNKNOWN),
        (page(200, '{"ok": true, "res', "application/json"), Outcome.UNKNOWN),
        (page(200, b'{"ok": true, "result": "' + b"x" * 2**21 + b'"}'), Outcome.UNKNOWN),
        (page(400, b"x" * 2**21), Outcome.NOT_DONE),
        (page(200, '{"ok": true, "result": "sent"}'), Outcome.UNKNOWN),
        (page(500, ""), Outcome.UNKNOWN),
        (page(502, "<h1>Bad Gateway</h1>"), Outcome.UNKNOWN),
        (page(504, "<h1>Gateway Time-out</h1>"), Outcome.UNKNOWN),
        # Telegram's own words count, whatever is around them.
        (page(200, '{"ok": false, "error_code": 403, "description": "x"}'), Outcome.CLOSED),
        (page(502, '{"ok": false, "error_code": 400, "description": "x"}'), Outcome.REFUSED),
        (drop_before, Outcome.UNKNOWN),
        (drop_after, Outcome.UNKNOWN),
    ],
)
async def test_what_telegram_answers(
    telegram: DemoServer, fault: FaultKind, outcome: Outcome
) -> None:
    async with connect(TOKEN, telegram.url).bot as bot:
        telegram.faults.append(Fault("sendMessage", 1, fault))
        found = await fail(bot, ANNA.id, "Hi")
    assert found.outcome is outcome
    assert found.wait_s == 0
    assert found.reason == found.reason.lower()


async def test_too_many_messages_are_waited_out(telegram: DemoServer) -> None:
    too_many = status(429, "Too Many Requests: retry after 7", retry_after=7)
    async with connect(TOKEN, telegram.url).bot as bot:
        telegram.faults.append(Fault("sendMessage", 1, too_many))
        found = await fail(bot, ANNA.id, "Hi")
    assert (found.outcome, found.wait_s) == (Outcome.FLOOD, 7.0)


async def test_who_has_not_pressed_start_cannot_be_written_to(telegram: DemoServer) -> None:
    found = await failed(telegram.url, EMIL.id)
    assert found.outcome is Outcome.CLOSED


async def test_a_text_without_words_is_refused(telegram: DemoServer) -> None:
    assert (await failed(telegram.url, text=" ")).outcome is Outcome.REFUSED


async def test_an_answer_that_does_not_come_in_time_may_have_been_done(
    telegram: DemoServer,
) -> None:
    async with connect(TOKEN, telegram.url).bot as bot:
        telegram.faults.append(Fault("sendMessage", 1, hang(30)))
        found = await fail(bot, ANNA.id, "Hi", read_timeout=0.05)
    assert found.outcome is Outcome.UNKNOWN


async def test_where_nobody_listens_nothing_was_done() -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))  # bound, not listening: refused
        bot = connect(TOKEN, f"http://127.0.0.1:{closed.getsockname()[1]}").bot
        found = await fail(bot, ANNA.id, "Hi")
    assert found.outcome is Outcome.NOT_DONE
    await bot.shutdown()


async def test_a_name_that_does_not_exist_means_nothing_was_done() -> None:
    bot = connect(TOKEN, "http://telegram.invalid").bot
    assert (await fail(bot, ANNA.id, "Hi")).outcome is Outcome.NOT_DONE
    await bot.shutdown()


async def test_an_answer_that_is_none_may_have_been_done() -> None:
    async def nonsense(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(100)
        writer.write(b"SSH-2.0-OpenSSH_9.2\r\n")
        writer.close()

    server = await asyncio.start_server(nonsense, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    bot = connect(TOKEN, f"http://127.0.0.1:{port}").bot
    assert (await fail(bot, ANNA.id, "Hi")).outcome is Outcome.UNKNOWN
    await bot.shutdown()
    server.close()
    await server.wait_closed()


class Hurried(BotApi):
    longest_call_s = 0.2


@pytest.mark.parametrize(
    ("answer", "caller", "said"),
    [
        # For ever, a drop at a time: no read takes long.
        ("200 OK\r\n\r\n", Hurried, "timed out"),
        ("200 OK\r\nX-Drop: ", Hurried, "timed out"),
        # Packed, although nobody asked for that.
        ("200 OK\r\nContent-Encoding: gzip\r\n\r\n", BotApi, "not an answer of the bot api"),
    ],
)
async def test_an_answer_without_end(answer: str, caller: type[BotApi], said: str) -> None:
    gone = asyncio.Event()

    async def drip(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 " + answer.encode())
        with suppress(OSError):
            while not reader.at_eof():
                writer.write(b" ")
                await writer.drain()
                await asyncio.sleep(0.01)
        writer.close()
        gone.set()

    server = await asyncio.start_server(drip, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/bot"
    bot = Bot(TOKEN, base_url=url, request=caller())
    found = await fail(bot, ANNA.id, "Hi")
    assert (found.outcome, said in found.reason) == (Outcome.UNKNOWN, True), found
    await bot.shutdown()
    await gone.wait()
    server.close()
    await server.wait_closed()


def caused(error: TelegramError, cause: Exception | None) -> TelegramError:
    error.__cause__ = cause
    return error


@pytest.mark.parametrize(
    ("cause", "outcome"),
    [
        (httpx.ConnectError("x"), Outcome.NOT_DONE),
        (httpx.ConnectTimeout("x"), Outcome.NOT_DONE),
        (httpx.PoolTimeout("x"), Outcome.NOT_DONE),
        (httpx.ReadTimeout("x"), Outcome.UNKNOWN),
        (httpx.WriteTimeout("x"), Outcome.UNKNOWN),
        (httpx.ReadError("x"), Outcome.UNKNOWN),
        (httpx.WriteError("x"), Outcome.UNKNOWN),
        (httpx.RemoteProtocolError("x"), Outcome.UNKNOWN),
        (OSError("x"), Outcome.UNKNOWN),
        (None, Outcome.UNKNOWN),
    ],
)
@pytest.mark.parametrize("kind", [NetworkError, TimedOut])
def test_only_where_no_connection_came_about_is_it_certain(
    kind: type[NetworkError], cause: Exception | None, outcome: Outcome
) -> None:
    assert failure_of(caused(kind("x"), cause)).outcome is outcome


@pytest.mark.parametrize(
    ("error", "outcome"),
    [
        (Forbidden("Forbidden: bot was kicked"), Outcome.CLOSED),
        (BadRequest("Chat not found"), Outcome.CLOSED),
        (BadRequest("User not found"), Outcome.CLOSED),
        (BadRequest("Message is not modified"), Outcome.REFUSED),
        (
            BadRequest(
                "Message is not modified: specified new message content and reply markup are "
                "exactly the same as a current content and reply markup of the message"
            ),
            Outcome.REFUSED,
        ),
        (InvalidToken(), Outcome.NOT_DONE),
        (EndPointNotFound("x"), Outcome.UNKNOWN),
        (Conflict("x"), Outcome.NOT_DONE),
        (ChatMigrated(-5), Outcome.MOVED),
        (TelegramError("x"), Outcome.UNKNOWN),
    ],
)
def test_every_kind_of_error(error: TelegramError, outcome: Outcome) -> None:
    assert failure_of(error).outcome is outcome


@pytest.mark.parametrize(
    ("retry_after", "wait_s"),
    [
        (timedelta(seconds=3), 3.0),
        (7, 7.0),
        (0, 0.0),
        (-5, 0.0),
        (10**6, 1e6),
        (10**10, 365 * 86_400.0),
    ],
)
def test_a_wait_is_bounded(
    retry_after: int | timedelta, wait_s: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PTB_TIMEDELTA", "1")  # as `connect` does it
    assert failure_of(RetryAfter(retry_after)).wait_s == wait_s


def test_the_library_gives_waits_as_timedeltas() -> None:
    connect(TOKEN, "http://127.0.0.1:1")
    assert os.environ["PTB_TIMEDELTA"] == "1"
