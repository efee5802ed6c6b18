"""Something made wrong for a while, and what is said of it."""

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from bot.health.results import Result, Trouble
from tests.company import (
    BORIS,
    CLARA,
    Company,
    Ran,
)

DAY = timedelta(days=1)
DAEMON = 1
NEEDS_ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="Only root can give files away.")


def now() -> datetime:
    return datetime.now(UTC)


def findings(ran: Ran) -> list[tuple[str, str]]:
    """What is wrong, each with its mend."""
    lines = [line for line in ran.out.splitlines() if line != "All is well."]
    assert not [
        line for line in lines if not line.startswith(("ok     ", "WRONG  ", "note   ", "       "))
    ]
    return [
        (line.removeprefix("WRONG  "), lines[place + 1].strip())
        for place, line in enumerate(lines)
        if line.startswith("WRONG  ")
    ]


def only(ran: Ran, wrong: str, mend: str) -> None:
    """There is this finding, and no other."""
    found = findings(ran)
    assert len(found) == 1, ran
    assert (wrong in found[0][0], mend in found[0][1]) == (True, True), found
    assert ran.code == 1
    assert ran.err.startswith("1 finding;")


def troubles(results: list[Result] | tuple[Result, ...]) -> list[Trouble]:
    return [result for result in results if isinstance(result, Trouble)]


def complains(results: list[Result], wrong: str, mend: str) -> None:
    """One of the findings is this."""
    assert any(wrong in found.wrong and mend in found.mend for found in troubles(results)), results


def everybody_pressed_start(company: Company) -> None:
    for person in (BORIS, CLARA):
        company.tamper(
            "INSERT INTO people (id, name, allowed, reachable, added_at) VALUES (?, ?, 0, 1, 0)",
            person.id,
            person.first_name,
        )


@contextmanager
def changed(company: Company, sql: str, back: str) -> Iterator[None]:
    company.tamper(sql)
    try:
        yield
    finally:
        company.tamper(back)


@contextmanager
def permissions(path: Path, mode: int) -> Iterator[None]:
    before = stat.S_IMODE(path.stat().st_mode)
    path.chmod(mode)
    try:
        yield
    finally:
        path.chmod(before)


@contextmanager
def content(path: Path, text: str) -> Iterator[None]:
    before = path.read_bytes()
    path.write_text(text)
    try:
        yield
    finally:
        path.write_bytes(before)
