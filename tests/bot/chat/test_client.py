"""What goes out, within Telegram's limits, and what an answer of Telegram's says of the time."""

from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from bot import limits
from bot.chat.buttons import Button
from bot.chat.client import date_of, markup, say
from bot.texts.fill import Html


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
    shown = markup(tuple((Button(str(number), "no"),) * 3 for number in range(40)))
    assert shown is not None
    assert [row[0].text for row in shown.inline_keyboard] == [str(n) for n in range(33)]
    assert markup(()) is None
