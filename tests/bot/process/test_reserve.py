"""What is kept back on the disk for a revocation."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy.exc import OperationalError

from bot.process.reserve import SIZE, Reserve


def no_room() -> OperationalError:
    """As SQLite says it, of a database that may not grow."""
    with closing(sqlite3.connect(":memory:")) as connection:
        connection.execute("PRAGMA max_page_count = 1")
        try:
            connection.execute("CREATE TABLE t (a)")
        except sqlite3.OperationalError as error:
            return OperationalError("CREATE TABLE", None, error)
    raise AssertionError("There was room.")


class Disk:
    """Takes what is written only when the reserve is gone, if then."""

    def __init__(self, reserve: Reserve, *, other: Exception | None = None) -> None:
        self.reserve = reserve
        self.other = other
        self.tries = 0

    async def write(self) -> str:
        self.tries += 1
        if self.other is not None:
            raise self.other
        if self.reserve.path.exists():
            raise no_room()
        return "written"


@pytest.fixture
def reserve(tmp_path: Path) -> Reserve:
    made = Reserve(tmp_path / "reserve")
    made.tend()
    return made


def test_it_takes_up_the_room_that_it_keeps(reserve: Reserve) -> None:
    facts = reserve.path.stat()
    assert (facts.st_size, facts.st_mode & 0o777) == (SIZE, 0o600)
    assert facts.st_blocks * 512 >= SIZE
    assert reserve.is_whole()
    before = facts.st_ino
    reserve.tend()
    assert reserve.path.stat().st_ino == before


@pytest.mark.parametrize("content", [b"", b"x" * 100])
def test_what_keeps_no_room_is_replaced(reserve: Reserve, content: bytes) -> None:
    """A file that was cut short, or one with a hole."""
    reserve.path.write_bytes(content)
    with reserve.path.open("r+b") as file:
        file.truncate(SIZE)
    assert not reserve.is_whole()
    reserve.tend()
    assert reserve.is_whole()


async def test_a_revocation_takes_it(reserve: Reserve) -> None:
    disk = Disk(reserve)
    assert await reserve.for_revocation(disk.write) == "written"
    assert (disk.tries, reserve.is_scarce, reserve.path.exists()) == (2, True, False)
    reserve.tend()
    assert reserve.is_whole()
    assert not reserve.is_scarce


async def test_other_trouble_takes_nothing(reserve: Reserve) -> None:
    disk = Disk(reserve, other=ValueError("odd"))
    with pytest.raises(ValueError, match="odd"):
        await reserve.for_revocation(disk.write)
    assert (disk.tries, reserve.is_scarce, reserve.is_whole()) == (1, False, True)


async def test_where_nothing_was_kept_back(tmp_path: Path) -> None:
    """The folder may be gone, or closed: that is somebody else's to say."""
    reserve = Reserve(tmp_path / "gone" / "reserve")
    reserve.tend()
    disk = Disk(reserve, other=no_room())
    with pytest.raises(OperationalError):
        await reserve.for_revocation(disk.write)
    assert disk.tries == 1
    assert reserve.is_scarce
    assert not reserve.is_whole()
