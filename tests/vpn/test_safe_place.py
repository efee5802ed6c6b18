"""A folder of root's is where only root can put another one in its place."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.bot.folders import open_folder
from vpn.safe_place import unsafe_above

DAEMON = 1
pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="Only root can give folders away.")


@pytest.fixture
def home() -> Iterator[Path]:
    """A folder that belongs to root, as all above it do."""
    with open_folder() as folder:
        yield folder


def _made(path: Path, *, mode: int = 0o755, owner: int = 0) -> Path:
    path.mkdir()
    path.chmod(mode)
    os.chown(path, owner, owner)
    return path


def _link(path: Path, target: str | Path, *, owner: int = 0) -> Path:
    path.symlink_to(target)
    os.chown(path, owner, owner, follow_symlinks=False)
    return path


def test_where_all_above_is_roots(home: Path) -> None:
    below = _made(home / "srv")
    assert unsafe_above(below / "office") is None
    assert unsafe_above(below / "openvpn" / "office") is None  # root makes what is missing
    _made(below / "office")
    assert unsafe_above(below / "office") is None
    assert unsafe_above(Path("/srv/openvpn/office")) is None


def test_in_a_folder_of_somebody_elses(home: Path) -> None:
    theirs = _made(home / "anna", owner=DAEMON)
    for directory in (theirs / "office", theirs / "openvpn" / "office"):
        problem = unsafe_above(directory) or ""
        assert problem.startswith(f"{theirs} does not belong to root")
        assert problem.endswith(f"chown -h root: {theirs}")
    os.chown(theirs, 0, 0)
    assert unsafe_above(theirs / "office") is None


@pytest.mark.parametrize("mode", [0o775, 0o757, 0o777])
def test_in_a_folder_that_others_may_write(home: Path, mode: int) -> None:
    below = _made(_made(home / "shared", mode=mode) / "openvpn")
    problem = unsafe_above(below / "office") or ""
    assert problem.startswith(f"Others than root may write {home / 'shared'},")
    assert problem.endswith(f"run: chmod go-w {home / 'shared'}")
    (home / "shared").chmod(mode & ~0o022)
    assert unsafe_above(below / "office") is None


def test_a_sticky_folder_protects_what_is_roots(home: Path) -> None:
    shared = _made(home / "tmp", mode=0o1777)
    assert unsafe_above(shared / "office") is None
    assert unsafe_above(_made(shared / "ours") / "office") is None
    theirs = _made(shared / "theirs", owner=DAEMON)
    assert "does not belong to root" in (unsafe_above(theirs / "office") or "")
    # Its owner made it, and can take it away again.
    assert "does not belong to root" in (unsafe_above(theirs) or "")


def test_what_root_alone_could_give_away_is_taken_over(home: Path) -> None:
    assert unsafe_above(_made(home / "office", owner=DAEMON)) is None


def test_links_are_followed_as_the_kernel_does(home: Path) -> None:
    theirs = _made(home / "anna", owner=DAEMON)
    _made(theirs / "deep")
    _link(home / "absolute", theirs / "deep")
    _link(home / "relative", "anna/deep")
    _link(home / "chain", "absolute/..")
    _made(home / "safe")
    _link(theirs / "back", home / "safe")
    _link(home / "through", "anna/back")  # ends in a safe place, by a way that is none
    for name in ("absolute", "relative", "chain", "through"):
        problem = unsafe_above(home / name / "office") or ""
        assert problem.startswith(f"{theirs} does not belong to root"), name
    _link(home / "fine", "safe")
    assert unsafe_above(home / "fine" / "office") is None
    assert unsafe_above(home / "fine") is None


def test_a_link_of_somebody_elses_in_a_sticky_folder(home: Path) -> None:
    shared = _made(home / "tmp", mode=0o1777)
    safe = _made(shared / "safe")
    link = _link(shared / "link", "safe", owner=DAEMON)
    assert (unsafe_above(link / "office") or "").startswith(f"{link} does not belong to root")
    assert (unsafe_above(link) or "").startswith(f"{link} does not belong to root")
    own = _link(shared / "own", "safe")
    assert unsafe_above(own / "office") is None
    os.chown(safe, DAEMON, DAEMON)
    assert (unsafe_above(own) or "").startswith(f"{safe} does not belong to root")


def test_links_that_lead_in_a_circle(home: Path) -> None:
    _link(home / "one", "two")
    _link(home / "two", "one")
    with pytest.raises(OSError, match="in a circle"):
        unsafe_above(home / "one" / "office")
