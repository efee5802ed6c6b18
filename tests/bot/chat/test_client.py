"""What goes out, within Telegram's limits, and what an answer of Telegram's says of the time."""

import asyncio
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
from telegram.error import TelegramError

from bot import limits
from bot.chat.buttons import Button
from bot.chat.client import connect, date_of, http_options, markup, say
from bot.process.clock import Standing, TrustedClock
from bot.process.way_out import WayOut
from bot.texts.fill import Html
from demo.api.faults import Body, Fault, page
from demo.server import DemoServer


@pytest.mark.parametrize(
    "date",
    [
        # All forms that RFC 9110, 5.6.7 wants to be read; the last one has no zone.
        "Sun, 06 Nov 1994 08:49:37 GMT",
        "Sunday, 06-Nov-94 08:49:37 GMT",
        "Sun Nov  6 08:49:37 1994",
        # A proxy's.
        "Sun, 06 Nov 1994 10:49:37 +0200",
        "Sun, 06 Nov 1994 08:49:37 -0000",
    ],
)
def test_a_date_in_any_form(date: str) -> None:
    told = date_of(httpx.Response(200, headers={"Date": date}))
    assert told == datetime(1994, 11, 6, 8, 49, 37, tzinfo=UTC)
    assert told.tzinfo is UTC


@pytest.mark.parametrize("headers", [{}, {"Date": ""}, {"Date": "soon"}])
def test_no_date(headers: dict[str, str]) -> None:
    assert date_of(httpx.Response(200, headers=headers)) is None


SMILEY = "\N{GRINNING FACE}"


class Chat:
    """Takes what is said, as Telegram's client would."""

    def __init__(self) -> None:
        self.said: list[tuple[str, dict[str, Any]]] = []

    async def __call__(self, text: str, **markup: Any) -> int:
        self.said.append((text, markup))
        return len(self.said)


@pytest.mark.parametrize("room", [limits.TEXT, limits.CAPTION])
async def test_what_is_too_long_is_cut_before_it_is_sent(room: int) -> None:
    """By what is seen, in UTF-16: a smiley is two."""
    smileys = SMILEY * (room // 2)
    whole, longer = Html(f"<b>{smileys}</b>"), Html(f"<b>{smileys}</b>x")
    chat = Chat()
    for text in (whole, longer):
        await say(chat, text, (), room=room)
    assert [(text, markup["parse_mode"]) for text, markup in chat.said] == [
        (whole, "HTML"),
        (SMILEY * (room // 2 - 1) + "…", None),
    ]


def test_of_too_many_buttons_the_first_are_shown() -> None:
    for in_a_row, rows in ((3, 33), (4, 25)):
        shown = markup(tuple((Button(str(number), "no"),) * in_a_row for number in range(40)))
        assert shown is not None
        assert [row[0].text for row in shown.inline_keyboard] == [str(n) for n in range(rows)]
    assert markup(()) is None


TOKEN = "123456789:a-token-that-opens-nothing-at-all"
LONG_AGO = datetime(2001, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("answer", "standing"),
    [
        (None, Standing.DOUBTED),
        # What is no JSON is a provider's or a proxy's.
        (page(502, "<html>Bad Gateway</html>"), Standing.UNHEARD),
    ],
)
async def test_what_telegram_says_of_the_time_is_heard(
    answer: Body | None, standing: Standing
) -> None:
    clock = TrustedClock(lambda: LONG_AGO)
    async with DemoServer(TOKEN, ()) as telegram:
        if answer is not None:
            telegram.faults.append(Fault("getMe", 1, answer))
        with suppress(TelegramError):
            async with connect(TOKEN, telegram.url, clock).bot:
                pass
    assert clock.look().standing is standing


async def test_a_proxy_that_refuses_is_left_at_once() -> None:
    """And not only once the client is closed."""
    left = 0

    async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal left
        await reader.readexactly(3)
        writer.write(b"\x05\xff")  # none of these methods (RFC 1928, 3)
        assert await reader.read() == b""
        left += 1
        writer.close()

    async with await asyncio.start_server(refuse, "127.0.0.1", 0) as proxy:
        way = WayOut(f"socks5://127.0.0.1:{proxy.sockets[0].getsockname()[1]}", "a setting")
        async with httpx.AsyncClient(**http_options(way)) as client:
            for _ in range(2):
                with pytest.raises(httpx.ProxyError):
                    await client.get("http://example.com")
            # All that went over one's connection came before all of the next one's.
            assert left >= 1
            while left < 2:  # noqa: ASYNC110
                await asyncio.sleep(0)


def test_whoever_goes_by_a_proxy_goes_by_nothing_else() -> None:
    assert "proxy" not in http_options(None)
    for url, hooks in (("http://127.0.0.1:1", []), ("socks5://127.0.0.1:1", ["request"])):
        options = http_options(WayOut(url, "a setting"))
        assert (options["proxy"].url, list(options["event_hooks"])) == (url, hooks)
        assert options["trust_env"] is False
