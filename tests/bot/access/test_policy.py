"""What the settings say of tickets and hours: how it's read, and what it means."""

import time as clock
import warnings
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from bot.access.policy import TICKETS, Hours, TicketPattern, Tickets, checked_link

BERLIN = ZoneInfo("Europe/Berlin")


@pytest.mark.parametrize(
    ("pattern", "good", "bad"),
    [
        (r"OPS-\d+", ("OPS-1", "ops-123"), ("OPS-", "OPS-12a", "XOPS-1", "")),
        (r"[A-Z]{2,4}-\d{3}", ("AB-123", "abcd-000"), ("A-123", "ABCDE-123", "AB-12", "AB-1234")),
        (r"#\d+|INC\d{7}", ("#7", "INC0012345"), ("#", "INC12", "7")),
        (r"[A-Z]+_?\d*", ("A", "A_", "AB_12"), ("_1", "A__1")),
        (r"\w+/\w+\#\d+", ("org/repo#12",), ("repo#12",)),
        (r"a{2,}", ("aa", "aaaaa"), ("a",)),
        (r"CHG.\|\d", ("CHG-|1",), ("CHG|1",)),
        (r"[^a-z]+", ("1_2",), ("a", "1a")),
        ("x*", ("x" * 40,), ("x" * 41,)),
        ("x" * 40 + "y?" * 30, ("x" * 40,), ()),
    ],
)
def test_a_pattern_fits_whole_words(
    pattern: str, good: tuple[str, ...], bad: tuple[str, ...]
) -> None:
    read = TicketPattern.parse(pattern)
    assert [word for word in good if not read.fits(word)] == []
    assert [word for word in bad if read.fits(word)] == []


@pytest.mark.parametrize(
    "pattern",
    [
        *("", "|", "A|", "(a)", "a**", "a+?", "^A", "A$", "[A", "[]", "[Z-A]", "{2}", "a{3,2}"),
        *(
            "a{0}",
            r"\b",
            r"\1",
            "\\",
            "a b",
            "[[a]]",
            "[a--b]",
            "[a&&b]",
            "x" * 101,
            r"\Z",
            "a{,3}",
        ),
    ],
)
def test_what_is_no_pattern_is_refused_with_words(pattern: str) -> None:
    # Whether anybody is warned of such classes or not: those that Python will read in another way.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with pytest.raises(ValueError, match=r"write|class|fits nothing"):
            TicketPattern.parse(pattern)


@pytest.mark.parametrize(
    "pattern",
    ["a*" * 50, ".*" * 50, r"\w*" * 30 + "x", "|".join(["a*" * 5] * 9), "[a-z]{0,99}" * 9],
)
def test_no_pattern_takes_long(pattern: str) -> None:
    """The time of this thread, so that a busy machine is no failure; by trying it'd be years."""
    read = TicketPattern.parse(pattern)
    begin = clock.thread_time()
    Tickets(read).find(("a" * 39 + "! ") * 5)
    assert clock.thread_time() - begin < 5


@pytest.mark.parametrize(
    ("reason", "found"),
    [
        ("OPS-123", "OPS-123"),
        ("fixing (OPS-123), again", "OPS-123"),
        ("see https://jira.example.com/browse/OPS-7?focus=1", "OPS-7"),
        ("ops-9: the printer", "ops-9"),
        ("OPS-1 and OPS-2", "OPS-1"),
        ("OPS 123", None),
        ("", None),
        ("…", None),
        ("()", None),
    ],
)
def test_a_tickets_number_is_found_in_a_reason(reason: str, found: str | None) -> None:
    at = TICKETS.find(reason)
    assert (None if at is None else reason[slice(*at)]) == found


def test_a_number_may_have_in_it_what_else_parts_an_address() -> None:
    tickets = Tickets(TicketPattern.parse(r"\w+/\w+\#\d+"))
    assert tickets.find("see org/repo#12.") == (4, 15)


@pytest.mark.parametrize(
    "link",
    [
        *("https://example.com/{ticket}", "http://example.com:8080/browse/{ticket}?x=1"),
        "https://example.com/{ticket}".ljust(200, "x"),
    ],
)
def test_a_link_is_taken_as_it_is(link: str) -> None:
    assert checked_link(link) == link


def test_a_link_is_made_of_it_and_nothing_else() -> None:
    tickets = Tickets(TicketPattern.parse(".+"), link="https://example.com/b/{ticket}?x=1")
    assert tickets.url("A&B/../ü") == "https://example.com/b/A%26B%2F..%2F%C3%BC?x=1"
    assert TICKETS.url("OPS-1") is None


@pytest.mark.parametrize(
    "link",
    [
        *("example.com/{ticket}", "ftp://example.com/{ticket}", "https://example.com/"),
        *("https://{ticket}.example.com/", "javascript:{ticket}", "https://example.com/ {ticket}"),
        *('https://example.com/"{ticket}', "https://[::1/{ticket}", "https:///{ticket}"),
        "https://example.com/{ticket}" + "x" * 200,
    ],
)
def test_what_is_no_link_is_refused(link: str) -> None:
    with pytest.raises(ValueError, match=r"\{ticket\}"):
        checked_link(link)


def at(day: int, hour: int, minute: int = 0, month: int = 3) -> datetime:
    """Of March 2026, in Berlin; the second is a Monday."""
    return datetime(2026, month, day, hour, minute, tzinfo=BERLIN).astimezone(UTC)


WEEK = "Mon-Fri 8:00-18:00, Saturday 9:00 - 13:00"


@pytest.mark.parametrize(
    ("moment", "opens"),
    [
        (at(2, 8), None),
        (at(2, 12), None),
        (at(2, 17, 59), None),
        (at(2, 18), at(3, 8)),
        (at(2, 7, 59), at(2, 8)),
        (at(6, 20), at(7, 9)),
        (at(7, 13), at(9, 8)),
        (at(8, 12), at(9, 8)),
        # The clocks are put forward on the 29th, and on Monday it's eight by the new ones.
        (at(28, 14), datetime(2026, 3, 30, 6, tzinfo=UTC)),
        (at(27, 17), None),
    ],
)
def test_hours_go_by_the_companys_clock(moment: datetime, opens: datetime | None) -> None:
    hours = Hours.parse(WEEK, BERLIN)
    assert hours.is_open(moment) == (opens is None)
    assert hours.opens_at(moment) == (opens or moment)


def test_a_night_is_two_parts_and_a_week_goes_round() -> None:
    hours = Hours.parse("Fri-Mon 22:00-24:00,sat-tue 0:00-6:00", BERLIN)
    assert hours.is_open(at(6, 23))
    assert hours.is_open(at(7, 0))
    assert hours.is_open(at(3, 5, 59))
    assert not hours.is_open(at(4, 23))
    assert hours.opens_at(at(3, 7)) == at(6, 22)


def test_once_a_week_is_enough_and_the_machines_clock_will_do() -> None:
    hours = Hours.parse("Wed 00:00-24:00", None)
    for day in range(2, 9):
        opens = hours.opens_at(at(day, 12)).astimezone()
        assert opens.weekday() == 2


@pytest.mark.parametrize(
    "text",
    [
        *("", "always", "Mon", "8:00-18:00", "Mon 18:00-8:00", "Mon 8:00-8:00", "Mon 25:00-26:00"),
        *("Mon 8-18", "Mon-Fry 8:00-18:00", "Mon 8:60-9:00", "Mon-Fri 8:00-18:00,"),
    ],
)
def test_what_are_no_hours_is_refused_with_words(text: str) -> None:
    with pytest.raises(ValueError, match=r"write days and hours|ends before"):
        Hours.parse(text, None)
