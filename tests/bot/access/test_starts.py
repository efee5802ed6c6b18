"""When something is to begin, as people write it."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from bot.access.refusals import Refusal, Refused
from bot.access.starts import leading

BERLIN = ZoneInfo("Europe/Berlin")
# A Monday, at 10:31 in Berlin.
NOW = datetime(2026, 3, 2, 9, 31, tzinfo=UTC)


def read(text: str, now: datetime = NOW) -> tuple[str, list[str]] | None:
    words = text.split()
    found = leading(words, now, BERLIN)
    if found is None:
        return None
    return f"{found.at.astimezone(BERLIN):%Y-%m-%dT%H:%M}", words[found.length :]


@pytest.mark.parametrize(
    ("text", "begins", "left"),
    [
        ("from mon 9:00 for 2d", "2026-03-09T09:00", "for 2d"),
        ("from mon 11:00 office", "2026-03-02T11:00", "office"),
        ("from Monday, 11:00", "2026-03-02T11:00", ""),
        ("starting tomorrow at 9am on call", "2026-03-03T09:00", "on call"),
        ("from today 12pm", "2026-03-02T12:00", ""),
        ("from tomorrow 12am", "2026-03-03T00:00", ""),
        ("from 14:30", "2026-03-02T14:30", ""),
        ("from 9:00", "2026-03-03T09:00", ""),
        # What is this very minute has begun: the next one is meant.
        ("from 10:31", "2026-03-03T10:31", ""),
        ("from mon 10:31", "2026-03-09T10:31", ""),
        # Ninety-two days ahead, to the minute.
        ("from 2 jun 11:31", "2026-06-02T11:31", ""),
        ("from 7pm 2d", "2026-03-02T19:00", "2d"),
        ("from fri", "2026-03-06T00:00", ""),
        ("from mon 9 2d", "2026-03-09T09:00", "2d"),
        ("from mon 9 days", "2026-03-09T00:00", "9 days"),
        ("from next tue 8:00", "2026-03-03T08:00", ""),
        ("from on sunday 8:00", "2026-03-08T08:00", ""),
        ("from 14 Mar 9:00 2d", "2026-03-14T09:00", "2d"),
        ("from 14 Mar 2026 at 9:00 paris", "2026-03-14T09:00", "paris"),
        ("from 2026-03-07 8:00", "2026-03-07T08:00", ""),
        ("from 14.3. 8:00 x", "2026-03-14T08:00", "x"),
        ("from 14 march", "2026-03-14T00:00", ""),
        # The clocks are put forward from two to three that night.
        ("from 29 mar 2:30", "2026-03-29T03:30", ""),
        ("from sun 12:00 noon", "2026-03-08T12:00", "noon"),
    ],
)
def test_what_is_read(text: str, begins: str, left: str) -> None:
    assert read(text) == (begins, left.split())


def test_a_time_that_comes_twice_is_the_first_one() -> None:
    found = leading(["from", "25", "Oct", "2:30"], datetime(2026, 10, 20, tzinfo=UTC), BERLIN)
    assert found is not None
    assert found.at == datetime(2026, 10, 25, 0, 30, tzinfo=UTC)


def test_a_day_before_and_after_the_change_is_at_the_same_hour() -> None:
    before = leading(["from", "sat", "9:00"], datetime(2026, 3, 27, tzinfo=UTC), BERLIN)
    after = leading(["from", "mon", "9:00"], datetime(2026, 3, 27, tzinfo=UTC), BERLIN)
    assert before is not None
    assert after is not None
    assert (before.at.hour, after.at.hour) == (8, 7)


def test_without_a_zone_it_is_the_machines() -> None:
    found = leading(["from", "tomorrow", "9:00"], NOW, None)
    assert found is not None
    assert f"{found.at.astimezone():%H:%M}" == "09:00"


@pytest.mark.parametrize(
    "text",
    [
        *("", "from", "from home", "from the office", "from monday's call", "2d from mon 9:00"),
        *("office mon 11:00", "Anna tomorrow"),
    ],
)
def test_what_speaks_of_no_beginning(text: str) -> None:
    assert read(text) is None


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("from 9 to 5", Refusal.BAD_START),
        ("from 25:00", Refusal.BAD_START),
        ("from 9:75", Refusal.BAD_START),
        ("from 13pm", Refusal.BAD_START),
        ("from 3d", Refusal.BAD_START),
        ("from 31 feb 9:00", Refusal.BAD_START),
        ("from today 8:00", Refusal.START_PAST),
        ("from today", Refusal.START_PAST),
        ("from today 10:31", Refusal.START_PAST),
        ("from 2 jun 11:32", Refusal.START_FAR),
        ("from 14 sept 9:00", Refusal.START_FAR),
        ("from 2036-03-07", Refusal.START_FAR),
    ],
)
def test_what_cannot_be_is_said(text: str, code: Refusal) -> None:
    with pytest.raises(Refused) as caught:
        read(text)
    assert caught.value.code is code
