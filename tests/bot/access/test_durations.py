"""Durations as people write them, and what an admin may give instead."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.access.durations import choices, format_duration, longer, parse_duration, within_limit
from bot.access.refusals import Refusal, Refused

MINUTE, HOUR, DAY, WEEK = 60, 3600, 86_400, 604_800
ALLOWED = st.integers(1, 10**6).map(lambda minutes: minutes * MINUTE)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("30m", 30 * MINUTE),
        ("1m", MINUTE),
        ("8h", 8 * HOUR),
        ("7d", 7 * DAY),
        ("2w", 2 * WEEK),
        ("7D", 7 * DAY),
        ("100000000m", 10**8 * MINUTE),
    ],
)
def test_a_number_and_a_unit(text: str, seconds: int) -> None:
    assert parse_duration(text) == seconds


@pytest.mark.parametrize(
    "text",
    [
        *("", "7", "d", "7 d", " 7d", "7d ", "0d", "-1d", "+1d", "1.5h", "1h30m", "7days", "7y"),
        *("1s", "07d", "٧d", "7d\n", "1234567890m", "9" * 5000 + "d", "7ｄ", "1e3m"),
    ],
)
def test_anything_else_is_refused_by_what_was_typed(text: str) -> None:
    with pytest.raises(Refused) as caught:
        parse_duration(text)
    assert caught.value.code is Refusal.UNKNOWN_DURATION
    assert caught.value.values == {"duration": text}


@given(seconds=ALLOWED)
def test_what_is_written_is_read_back(seconds: int) -> None:
    assert parse_duration(format_duration(seconds)) == seconds


@given(number=st.integers(1, 10**6), unit=st.sampled_from("mhdw"))
def test_what_is_read_is_written_no_longer_than_it_was(number: int, unit: str) -> None:
    text = f"{number}{unit}"
    written = format_duration(parse_duration(text))
    assert parse_duration(written) == parse_duration(text)
    assert len(written) <= len(text)


@given(text=st.text(max_size=12))
def test_any_text_is_read_or_refused(text: str) -> None:
    with suppress(Refused):  # and nothing else
        assert parse_duration(text) >= MINUTE


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(90 * MINUTE, "90m"), (HOUR, "1h"), (36 * HOUR, "36h"), (7 * DAY, "1w"), (30 * DAY, "30d")],
)
def test_the_largest_unit_that_fits_is_written(seconds: int, text: str) -> None:
    assert format_duration(seconds) == text


def test_the_limit_itself_is_within_it() -> None:
    assert within_limit(DAY, DAY) == DAY
    with pytest.raises(Refused) as caught:
        within_limit(DAY + 1, DAY)
    assert caught.value.code is Refusal.DURATION_TOO_LONG
    assert caught.value.values == {"seconds": DAY + 1, "limit": DAY}


@pytest.mark.parametrize(
    ("requested", "offered"),
    [
        (30 * MINUTE, (30 * MINUTE,)),
        (HOUR, (HOUR,)),
        (2 * HOUR, (2 * HOUR, HOUR)),
        (DAY, (DAY, 8 * HOUR, HOUR)),
        (2 * DAY, (2 * DAY, DAY, 8 * HOUR)),
        (WEEK, (WEEK, DAY, 8 * HOUR)),
        (30 * DAY, (30 * DAY, WEEK, DAY)),
        (90 * DAY, (90 * DAY, 30 * DAY, WEEK)),
    ],
)
def test_an_admin_may_give_less(requested: int, offered: tuple[int, ...]) -> None:
    assert choices(requested) == offered


@pytest.mark.parametrize(
    ("requested", "limit", "offered"),
    [
        (HOUR, 30 * DAY, (8 * HOUR, DAY)),
        (2 * DAY, 30 * DAY, (WEEK, 30 * DAY)),
        (2 * DAY, WEEK, (WEEK,)),
        (WEEK, WEEK, ()),
        (90 * DAY, 30 * DAY, ()),
    ],
)
def test_an_admin_may_give_more_within_the_limit(
    requested: int, limit: int, offered: tuple[int, ...]
) -> None:
    assert longer(requested, limit) == offered


@given(requested=ALLOWED)
def test_more_than_was_asked_for_is_never_offered(requested: int) -> None:
    first, *shorter = choices(requested)
    assert first == requested
    assert len(shorter) <= 2
    assert shorter == sorted(set(shorter), reverse=True)
    assert all(0 < choice < requested for choice in shorter)
