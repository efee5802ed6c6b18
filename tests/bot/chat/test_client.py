"""What an answer of Telegram's says of the time."""

from datetime import UTC, datetime

import httpx
import pytest

from bot.chat.client import date_of


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
