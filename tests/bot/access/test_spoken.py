"""Durations as people type them: read, asked back, or no duration at all."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.access.durations import format_duration
from bot.access.spoken import guesses, leading, without_trailing

MINUTE, HOUR, DAY, WEEK = 60, 3600, 86_400, 604_800


@pytest.mark.parametrize(
    ("text", "seconds", "rest"),
    [
        ("2d", 2 * DAY, ""),
        ("for 2d", 2 * DAY, ""),
        ("two days in Oslo", 2 * DAY, "in Oslo"),
        ("２d", 2 * DAY, ""),
        ("２ｄ", 2 * DAY, ""),
        ("٧d", 7 * DAY, ""),
        ("2 weeks", 2 * WEEK, ""),
        ("1d12h", 36 * HOUR, ""),
        ("1d 12h visit", 36 * HOUR, "visit"),
        ("1 day and 12 hours", 36 * HOUR, ""),
        ("1.5h", 90 * MINUTE, ""),
        ("1,5 Tage", 36 * HOUR, ""),
        ("1½ days", 36 * HOUR, ""),
        ("½ day", 12 * HOUR, ""),
        ("half a day", 12 * HOUR, ""),
        ("1h30", 90 * MINUTE, ""),
        ("90min", 90 * MINUTE, ""),
        ("a week, please", WEEK, "please"),
        ("one-week trip", WEEK, "trip"),
        ("2-day visit", 2 * DAY, "visit"),
        ("(2d)", 2 * DAY, ""),
        ("7 D.", 7 * DAY, ""),
        ("2 jours", 2 * DAY, ""),
        ("3 Tage", 3 * DAY, ""),
        ("на 2 дня", 2 * DAY, ""),
        ("два дня", 2 * DAY, ""),
        ("zwei Tage", 2 * DAY, ""),
        ("für zwei Wochen, bitte", 2 * WEEK, "bitte"),
        ("twenty-four hours", DAY, ""),
        ("twenty four hours on site", DAY, "on site"),
        ("thirty minutes", 30 * MINUTE, ""),
        ("quinze jours", 15 * DAY, ""),
        ("vierundzwanzig Stunden", DAY, ""),
        ("2\ufe0f\u20e3 days", 2 * DAY, ""),
        ("2\ufe0f\u20e3d", 2 * DAY, ""),
        ("2\u00ad days", 2 * DAY, ""),
        ("two hrs", 2 * HOUR, ""),
        ("2d or", 2 * DAY, "or"),
        ("2d or so", 2 * DAY, "or so"),
        ("2d room 12", 2 * DAY, "room 12"),
    ],
)
def test_what_can_be_read_in_one_way_is_read(text: str, seconds: int, rest: str) -> None:
    words = text.split()
    found = leading(words)
    assert found is not None
    assert (found[0], " ".join(words[found[1] :])) == (seconds, rest)


@pytest.mark.parametrize(
    ("text", "offered"),
    [
        ("-1d", (DAY,)),
        ("\N{MINUS SIGN}1d", (DAY,)),
        ("~2d", (2 * DAY,)),
        ("2", (2 * HOUR, 2 * DAY, 2 * WEEK)),
        ("2 printers", (2 * HOUR, 2 * DAY, 2 * WEEK)),
        ("2 dyas", (2 * HOUR, 2 * DAY, 2 * WEEK)),
        ("2-3 days", (2 * DAY, 3 * DAY)),
        ("2d-3d", (2 * DAY, 3 * DAY)),
        ("2 to 3 days", (2 * DAY, 3 * DAY)),
        ("2h 3h", (2 * HOUR,)),
        ("2-3d", (2 * DAY, 3 * DAY)),
        ("2 days or 3", (2 * DAY,)),
        ("2d or three", (2 * DAY,)),
        ("~1m", (MINUTE,)),
        ("once a day", (DAY,)),
        ("two-three days", (DAY, 2 * DAY, 3 * DAY)),
        ("twenty-ten days", (DAY, 2 * DAY, 3 * DAY)),
        ("several hrs", (HOUR, 2 * HOUR, 3 * HOUR)),
        ("several mos", (30 * DAY, 60 * DAY, 90 * DAY)),
        ("a few days", (DAY, 2 * DAY, 3 * DAY)),
        ("this week", (WEEK,)),
        ("1 month", (30 * DAY,)),
        ("three months", (90 * DAY,)),
        ("1y", (365 * DAY,)),
        ("visiting a customer for 2 days", (2 * DAY,)),
        ("until friday", ()),
        ("for today", ()),
        ("18:00", ()),
        ("0d", ()),
        ("12h1d", ()),
        ("2d3d", ()),
        ("2d30", ()),
        ("1e3m", ()),
        ("2 días", (2 * DAY,)),
        ("48 godzin", (48 * HOUR,)),
        ("2日", (2 * DAY,)),
        ("٢ أيام", (2 * DAY,)),
        ("dos días", (DAY, 2 * DAY, 3 * DAY)),
        ("una settimana", (WEEK, 2 * WEEK, 3 * WEEK)),
        ("half day", (12 * HOUR,)),
        ("einen halben Tag", (12 * HOUR,)),
        ("heute", ()),
        ("hasta viernes", ()),
        ("forever", ()),
        ("навсегда", ()),
    ],
)
def test_what_may_be_one_of_several_is_asked_back(text: str, offered: tuple[int, ...]) -> None:
    assert leading(text.split()) is None
    assert guesses(text.split()) == offered


@pytest.mark.parametrize(
    "text",
    [
        *("3rd floor printer", "2nd line support", "1er étage", "24/7 support", "10.8.0.1 is down"),
        *("because of Berlin", "for a customer", "monday meeting", "room 12", "v2 rollout", "#2 d"),
        *("twenty people wait", "the printer always stops", "time and again", "den Drucker"),
        *(
            "the office today",
            "",
            "berlin",
            "802.1x/EAP",
            "the printer that has not worked since a few days ago",
        ),
    ],
)
def test_a_reason_is_a_reason_though_it_has_numbers(text: str) -> None:
    assert leading(text.split()) is None
    assert guesses(text.split()) is None


@given(number=st.integers(1, 10**6), unit=st.sampled_from("mhdw"))
def test_the_short_form_is_always_read(number: int, unit: str) -> None:
    words = [f"{number}{unit}", "because"]
    found = leading(words)
    assert found is not None
    assert found[1] == 1
    assert leading([format_duration(found[0])]) == (found[0], 1)


@given(words=st.lists(st.text(st.characters(categories=("L", "N", "P", "S")), min_size=1)))
def test_whatever_is_typed_is_whole_minutes_or_none(words: list[str]) -> None:
    found = leading(words)
    assert found is None or (found[0] >= MINUTE and found[0] % MINUTE == 0)
    for one in guesses(words) or ():
        assert one >= MINUTE
        assert one % MINUTE == 0
    with suppress(TypeError):
        assert list(without_trailing(words) or []) == words[: len(without_trailing(words) or [])]


@pytest.mark.parametrize(
    ("text", "before"),
    [("Anna for 2d", "Anna"), ("Anna Petrova two days", "Anna Petrova"), ("2d", "")],
)
def test_a_time_behind_a_name_is_told_from_it(text: str, before: str) -> None:
    found = without_trailing(text.split())
    assert found is not None
    assert " ".join(found) == before
    assert without_trailing(["Anna", "2"]) is None
