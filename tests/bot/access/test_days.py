"""Days as people name them."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.access.days import parse_day
from bot.access.refusals import Refusal, Refused

NOW = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)


@pytest.fixture
def zone(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The machine's own, with clocks that change."""
    with monkeypatch.context() as patch:
        patch.setenv("TZ", "Europe/Paris")
        time.tzset()
        yield "Europe/Paris"
    time.tzset()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-09-14", "2026-09-13T22:00"),  # summer time
        ("2026-11-14", "2026-11-13T23:00"),
        ("14 Sept", "2026-09-13T22:00"),
        ("14. september 2027", "2027-09-13T22:00"),
        ("Sept 14, 2027", "2027-09-13T22:00"),
        ("14.9.", "2026-09-13T22:00"),
        ("14.09.2026 9:05", "2026-09-14T07:05"),
        ("2026-09-14T09:05", "2026-09-14T07:05"),
        ("2 mar 23:00", "2026-03-02T22:00"),
        ("25 oct 9:00", "2026-10-25T08:00"),  # names that end like a date before its time
        ("14 August 9:00", "2026-08-14T07:00"),
        ("1 mar", "2027-02-28T23:00"),  # this year's was
        ("29 feb", "2028-02-28T23:00"),
        ("2 mar 10:30", "2027-03-02T09:30"),  # this year's is this very moment
        (f"14 sept{'.' * 29}2027", "2027-09-13T22:00"),
        ("2026-03-29 2:30", "2026-03-29T01:30"),  # no clock ever shows it
        ("2026-10-25 2:30", "2026-10-25T00:30"),  # clocks show it twice: the first one
        ("3d", "2026-03-05T09:30"),
        ("2w", "2026-03-16T09:30"),
    ],
)
def test_a_day_begins_by_the_clock_of_the_machine(zone: str, text: str, expected: str) -> None:
    assert zone
    assert f"{parse_day(text, NOW):%Y-%m-%dT%H:%M}" == expected


@pytest.mark.parametrize(
    "text",
    [
        *("", "soon", "yesterday", "2026-03-01", "2026-02-30", "31 feb", "14 S", "14 ju", "0d"),
        *("2126-01-01", "9999999w", "14", "14.", "14.13.", "2 mar 25:00", "12:00", "-1d", "1y"),
        *("2026-09-14; rm", "x" * 1000, "١٤ sept", "14 sept 2027 2028", "14 foo"),
        f"14 sept{'.' * 30}2027",
    ],
)
def test_what_is_no_day_to_come_is_refused(text: str) -> None:
    with pytest.raises(Refused) as caught:
        parse_day(text, NOW)
    assert caught.value.code is Refusal.BAD_DAY


@given(text=st.text(max_size=45))
def test_every_text_is_a_day_to_come_or_refused(text: str) -> None:
    try:
        found = parse_day(text, NOW)
    except Refused:
        return
    assert NOW < found <= NOW + timedelta(days=3660)


def test_another_zone_than_the_machines_may_be_meant(zone: str) -> None:
    assert zone
    found = parse_day("14 Sept 9:00", NOW, ZoneInfo("America/New_York"))
    assert f"{found:%Y-%m-%dT%H:%M}" == "2026-09-14T13:00"
