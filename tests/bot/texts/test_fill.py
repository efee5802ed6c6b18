"""Texts are filled with values: no value becomes markup, and none is longer than it may be."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from bot.texts.fill import (
    Decision,
    Html,
    Plural,
    blocks,
    escaped,
    fill,
    lines,
    moment,
    plain,
    utc,
    without_markup,
)
from storage.records import RequestState
from tests.bot.reading import EVIL, marks, shown

NOW = datetime(2026, 3, 2, 9, 31, 27, tzinfo=UTC)


@given(value=st.text(max_size=400))
@example(value=EVIL * 20)
@example(value="\u202e\x00\n")
def test_no_text_that_somebody_types_becomes_markup(value: str) -> None:
    text = fill("<b>{name}</b>: <code>{id}</code>", name=f"({value})", id="x")
    found = shown(text)
    assert marks(text) == ["bold", "code"]
    assert found.text.startswith("(" + value[:200])
    assert len(found.text) <= 300 + len(": x")


def test_long_values_are_cut_before_they_are_escaped() -> None:
    assert fill("{a}", a="<" * 300) == "&lt;" * 300
    assert fill("{a}", a="<" * 301) == "&lt;" * 299 + "…"


def test_html_of_ours_is_taken_as_it_is() -> None:
    assert fill("{a} {b}", a=Html("<b>x</b>"), b="<b>") == "<b>x</b> &lt;b&gt;"
    assert escaped("a < b & 'c'") == "a &lt; b &amp; &#x27;c&#x27;"
    assert shown(escaped(EVIL)).text == EVIL


def test_numbers_and_nothing_can_be_values() -> None:
    assert fill("{a}/{b}/{c}", a=7, b=None, c=RequestState.DENIED) == "7/None/denied"


@pytest.mark.parametrize(("count", "text"), [(0, "0 days"), (1, "1 day"), (2, "2 days")])
def test_one_and_many(count: int, text: str) -> None:
    template = Plural("{count} day", "{count} days")
    assert fill(template, count=count) == text
    assert plain(template, count=count) == text
    none = fill(template._replace(none="not a day"), count=count)
    assert none == (text if count else "not a day")


def test_a_decision_by_somebody_and_by_a_group() -> None:
    decided = Decision("{admin} said yes.", "{group} gives it at once.")
    assert fill(decided, admin="Boris", group="") == "Boris said yes."
    assert fill(decided, admin="", group="oncall") == "oncall gives it at once."


def test_empty_parts_leave_no_gap() -> None:
    assert lines("a", "", "b") == "a\nb"
    assert blocks("a", "", "b") == "a\n\nb"
    assert blocks("", "") == ""


def test_a_time_is_shown_in_the_readers_zone() -> None:
    there = NOW.astimezone(timezone(timedelta(hours=5)))
    for when in (NOW, there):
        assert utc(when) == "2026-03-02 09:31 UTC"
        assert moment(when) == f'<tg-time unix="1772443887">{utc(when)}</tg-time>'
    [entity] = [e for e in shown(moment(NOW)).entities if e["type"] == "date_time"]
    assert entity["unix_time"] == int(NOW.timestamp())


def test_what_is_left_without_markup() -> None:
    moved = Html('<b>O&#x27;Brien</b> asks <tg-time unix="5">soon</tg-time> &lt;3')
    assert without_markup(moved, 100) == "O'Brien asks soon <3"
    assert without_markup(Html("🚀" * 10), 20) == "🚀" * 10
    # Half a character is none.
    assert without_markup(Html("🚀" * 10), 18) == "🚀" * 8 + "…"
