"""Listings of any length: whole and readable, whether they are short or not."""

import json
import re
from collections.abc import AsyncIterator, Sequence
from typing import Any

import pytest

from bot.cli.printing import show_parts, stamp_of

Rows = Sequence[dict[str, Any]]


async def parts(rows: Rows, size: int = 200) -> AsyncIterator[Rows]:
    for at in range(0, len(rows), size):
        yield rows[at : at + size]


def made(count: int) -> Rows:
    return [{"id": n, "name": f"Anna {n}", "allowed": n % 2 == 0} for n in range(count)]


@pytest.mark.parametrize("count", [0, 1, 200, 201, 1700])
async def test_json_is_whole(count: int, capsys: pytest.CaptureFixture[str]) -> None:
    await show_parts(parts(made(count)), ("id",), as_json=True, none="None.")
    assert json.loads(capsys.readouterr().out) == made(count)


async def test_what_would_speak_to_a_terminal_is_escaped(
    capsys: pytest.CaptureFixture[str],
) -> None:
    rows = [{"name": 'Zoë "X"\n\x1b[2J\u202e', "servers": ["a\u202eb"], "none": None}]
    await show_parts(parts(rows), ("name",), as_json=True, none="None.")
    said = capsys.readouterr().out
    assert json.loads(said) == rows
    assert "Zoë" in said
    assert not {"\x1b", "\u202e"} & set(said)


@pytest.mark.parametrize("count", [0, 3, 501, 1700])
async def test_a_table_has_a_line_for_each(count: int, capsys: pytest.CaptureFixture[str]) -> None:
    await show_parts(parts(made(count)), ("id", "name", "allowed"), as_json=False, none="None.")
    head, *lines = capsys.readouterr().out.splitlines()
    assert head.split() == (["id", "name", "allowed"] if count else ["None."])
    assert len(lines) == count
    for number, line in enumerate(lines):
        assert line.split() == [str(number), "Anna", str(number), "no" if number % 2 else "yes"]


@pytest.mark.parametrize("count", [1, 600])
async def test_what_stands_there_is_what_is_shown(
    count: int, capsys: pytest.CaptureFixture[str]
) -> None:
    """Also what some would take for a picture's name or for markup, as in an IPv6 address."""
    row = {"address": "fd00:a:b::1", "name": "anna:x: [bold]"}
    await show_parts(parts([row] * count), list(row), as_json=False, none="None.")
    assert capsys.readouterr().out.splitlines()[-1].split() == [*" ".join(row.values()).split()]


async def test_a_table_has_times_and_durations_as_sentences_have_them(
    capsys: pytest.CaptureFixture[str],
) -> None:
    row = {"not_after": "2026-03-02T09:31:27Z", "duration": "1w", "reason": "1w", "at": None}
    for count in (1, 600):
        await show_parts(parts([row] * count), list(row), as_json=False, none="None.")
        said = capsys.readouterr().out
        found = [each.strip() for each in re.split(" {2,}", said.splitlines()[-1])]
        assert found == ["2026-03-02 09:31 UTC", "7 days", "1w", "–"]
    await show_parts(parts([row]), list(row), as_json=True, none="None.")
    assert json.loads(capsys.readouterr().out) == [row]


def test_times_are_told_to_the_second() -> None:
    assert stamp_of(None) is None
    assert stamp_of(1_772_443_887_654_321) == "2026-03-02T09:31:27Z"
