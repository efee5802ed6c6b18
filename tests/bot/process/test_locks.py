"""Locks hold between processes, and end with them."""

import asyncio
import os
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from bot.process.locks import locked, try_lock

_HOLDER = """
import sys
from pathlib import Path
from bot.process.locks import try_lock
handle = try_lock(Path(sys.argv[1]))
print("free" if handle is None else "held", flush=True)
sys.stdin.readline()
"""


@contextmanager
def holder(path: Path) -> Iterator["subprocess.Popen[str]"]:
    """Another process that takes the lock and keeps it until it is ended."""
    process = subprocess.Popen(
        [sys.executable, "-c", _HOLDER, str(path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def open_files() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "x.lock"


def test_a_free_lock_is_taken_once(path: Path) -> None:
    handle = try_lock(path)
    assert handle is not None
    assert try_lock(path) is None
    os.close(handle)
    again = try_lock(path)
    assert again is not None
    os.close(again)


def test_a_lock_that_cannot_be_had_leaves_nothing_open(path: Path) -> None:
    handle = try_lock(path)
    assert handle is not None
    before = open_files()
    for _ in range(5):
        assert try_lock(path) is None
    assert open_files() == before
    os.close(handle)


def test_the_file_is_for_its_owner_alone_and_stays_empty(path: Path) -> None:
    handle = try_lock(path)
    assert handle is not None
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert path.read_bytes() == b""
    os.close(handle)


def test_a_lock_is_not_taken_through_a_link(tmp_path: Path, path: Path) -> None:
    path.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(OSError, match="symbolic link"):
        try_lock(path)
    assert not (tmp_path / "elsewhere").exists()


def test_another_process_is_shut_out_until_the_holder_is_killed(path: Path) -> None:
    with holder(path) as process:
        assert try_lock(path) is None
        process.kill()
        process.wait()
        handle = try_lock(path)
        assert handle is not None
        os.close(handle)


def test_a_child_does_not_inherit_a_lock(path: Path) -> None:
    handle = try_lock(path)
    assert handle is not None
    assert not os.get_inheritable(handle)
    os.close(handle)


async def test_tasks_take_turns(path: Path) -> None:
    inside = 0
    turns: list[int] = []

    async def work(number: int) -> None:
        nonlocal inside
        async with locked(path):
            inside += 1
            assert inside == 1
            await asyncio.sleep(0)
            inside -= 1
            turns.append(number)

    await asyncio.gather(*(work(number) for number in range(5)))
    assert sorted(turns) == [0, 1, 2, 3, 4]


async def test_a_waiting_task_holds_up_no_other_and_goes_on_when_it_is_free(path: Path) -> None:
    with holder(path) as process:
        waiting = asyncio.create_task(_enter(path))
        for _ in range(20):
            await asyncio.sleep(0)
        assert not waiting.done()
        process.kill()
        await asyncio.wait_for(waiting, 60)


async def test_an_error_inside_gives_the_lock_back(path: Path) -> None:
    with pytest.raises(LookupError):
        await _enter(path, LookupError())
    await asyncio.wait_for(_enter(path), 60)


async def test_somebody_who_gives_up_waiting_leaves_the_lock_alone(path: Path) -> None:
    handle = try_lock(path)
    assert handle is not None
    waiting = asyncio.create_task(_enter(path))
    await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert try_lock(path) is None
    os.close(handle)
    await asyncio.wait_for(_enter(path), 60)


async def _enter(path: Path, error: Exception | None = None) -> None:
    async with locked(path):
        if error is not None:
            raise error
