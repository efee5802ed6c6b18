"""Where root writes what it has named: never to where another account leads it."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from bot.backup.backup import write_new
from bot.errors import NotDone
from bot.process.named_files import as_root_at
from tests.accounts import DAEMON, give
from tests.folders import open_folder


@pytest.fixture
def place() -> Iterator[Path]:
    with open_folder() as folder:
        yield folder


@pytest.fixture
def theirs(place: Path) -> Path:
    """A folder of the account that the bot runs as."""
    if os.geteuid() != 0:
        pytest.skip("Only root can be led astray.")
    folder = place / "home"
    folder.mkdir()
    give(folder)
    return folder


def link(path: Path, target: Path, uid: int = DAEMON.pw_uid) -> None:
    path.symlink_to(target)
    os.chown(path, uid, -1, follow_symlinks=False)


@pytest.mark.parametrize("way", ["out", "out/deeper"])
def test_root_follows_no_link_of_another_account(place: Path, theirs: Path, way: str) -> None:
    (place / "cron.d/deeper").mkdir(parents=True)
    link(theirs / "out", place / "cron.d")
    with pytest.raises(NotDone, match=f"{theirs}/out is a link that another account"):
        write_new(theirs / way / "anna", b"* * * * * root sh")
    assert not [*place.glob("cron.d/**/anna")]


def test_nor_one_that_somebody_puts_there_at_the_last_moment(place: Path, theirs: Path) -> None:
    (theirs / "out").mkdir()
    (place / "cron.d").mkdir()
    with as_root_at(theirs / "out/anna") as path:
        (theirs / "out").rename(theirs / "moved")
        link(theirs / "out", place / "cron.d")
        path.write_text("profile")
    assert (theirs / "moved/anna").read_text() == "profile"
    assert not (place / "cron.d/anna").exists()


def test_its_own_links_are_followed(place: Path) -> None:
    (place / "disk").mkdir()
    (place / "backups").symlink_to("disk")
    write_new(place / "backups/../backups/a.age", b"backup")
    assert (place / "disk/a.age").read_bytes() == b"backup"


def test_a_folder_at_the_top(place: Path) -> None:
    del place
    with as_root_at(Path("/a.age")) as path:
        assert path.parent.resolve() == Path("/")


def test_handles_are_given_back(place: Path) -> None:
    handles = Path("/proc/self/fd")
    before = len([*handles.iterdir()])
    for number in range(3):
        write_new(place / f"{number}.age", b"backup")
        with pytest.raises(NotDone):
            write_new(place / "gone/a.age", b"backup")
    assert len([*handles.iterdir()]) == before
