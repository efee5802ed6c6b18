"""A part that goes on for ever stops when it is told to, and not before."""

import asyncio
import logging
import sqlite3
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy.exc import OperationalError

from bot.errors import NotDone
from bot.process.loops import Every, forever, woken


async def test_a_part_stops_however_often_it_is_woken() -> None:
    event = asyncio.Event()

    async def round_() -> None:
        event.clear()
        await woken(event, 60)

    for turns in range(30):
        task = asyncio.create_task(forever(round_))
        for _ in range(turns):
            event.set()
            await asyncio.sleep(0)
        event.set()
        task.cancel()
        await asyncio.wait([task], timeout=60)
        assert task.cancelled()


async def test_time_wakes_too() -> None:
    await woken(asyncio.Event(), 0.001)


def test_a_timer_is_due_once_in_each_period() -> None:
    since_boot = [timedelta(days=3)]
    timer = Every(timedelta(minutes=1), lambda: since_boot[0])
    later = Every(timedelta(minutes=1), lambda: since_boot[0], at_once=False)
    assert [timer.is_due(), timer.is_due(), later.is_due()] == [True, False, False]
    since_boot[0] += timedelta(seconds=59)
    assert [timer.is_due(), later.is_due()] == [False, False]
    since_boot[0] += timedelta(seconds=1)
    assert [timer.is_due(), later.is_due()] == [True, True]
    since_boot[0] += timedelta(days=1)
    assert [timer.is_due(), timer.is_due()] == [True, False]


async def test_what_an_operator_has_to_mend_ends_it() -> None:
    async def round_() -> None:
        raise NotDone("no")

    with pytest.raises(NotDone):
        await forever(round_)


def _shut_database(tmp_path: Path) -> OperationalError:
    """As SQLAlchemy hands it on: there is no such folder."""
    try:
        sqlite3.connect(tmp_path / "nowhere" / "vpnbot.db")
    except sqlite3.OperationalError as error:
        return OperationalError("BEGIN", None, error)
    raise AssertionError("It could be opened.")


async def test_what_may_pass_is_said_when_it_begins_and_when_it_is_over(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    shut = _shut_database(tmp_path)
    left: list[Exception | None] = [shut, shut, ValueError("broken"), shut, None, shut, None]

    async def round_() -> None:
        error = left.pop(0) if left else NotDone("over")
        if error is not None:
            raise error

    with pytest.raises(NotDone, match="over"):
        await forever(round_, pause_s=0)

    said = [(record.levelname, record.message.split(";")[0]) for record in caplog.records]
    begins = ("WARNING", "The database can't be written: it can't be opened")
    ends = ("INFO", "The database can be written again")
    broken = ("ERROR", "A round broke off")
    assert said == [begins, broken, begins, ends, begins, ends]
    assert "ValueError: broken" in caplog.text
    assert "OperationalError" not in caplog.text
