"""A folder of root's is where only root can put another one in its place."""

import os
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.folders import open_folder
from vpn.host.safe_place import foreign_link, shared_above, steps_to, unsafe_above, weak_step

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
        assert problem.startswith(f"{theirs} doesn't belong to root")
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
    assert "doesn't belong to root" in (unsafe_above(theirs / "office") or "")
    # Its owner made it, and can take it away again.
    assert "doesn't belong to root" in (unsafe_above(theirs) or "")


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
        assert problem.startswith(f"{theirs} doesn't belong to root"), name
    _link(home / "fine", "safe")
    assert unsafe_above(home / "fine" / "office") is None
    assert unsafe_above(home / "fine") is None


def test_a_link_of_somebody_elses_in_a_sticky_folder(home: Path) -> None:
    shared = _made(home / "tmp", mode=0o1777)
    safe = _made(shared / "safe")
    link = _link(shared / "link", "safe", owner=DAEMON)
    assert (unsafe_above(link / "office") or "").startswith(f"{link} doesn't belong to root")
    assert (unsafe_above(link) or "").startswith(f"{link} doesn't belong to root")
    own = _link(shared / "own", "safe")
    assert unsafe_above(own / "office") is None
    os.chown(safe, DAEMON, DAEMON)
    assert (unsafe_above(own) or "").startswith(f"{safe} doesn't belong to root")


def test_links_that_lead_in_a_circle(home: Path) -> None:
    _link(home / "one", "two")
    _link(home / "two", "one")
    with pytest.raises(OSError, match="in a circle"):
        unsafe_above(home / "one" / "office")


def test_whose_links_root_follows(home: Path) -> None:
    file = home / "file"
    file.touch()
    ours = _link(_made(home / "ours") / "link", file)
    assert foreign_link(steps_to(ours)) is None
    assert foreign_link(steps_to(_link(home / "chain", ours))) is None
    assert foreign_link(steps_to(home / "missing" / "file")) is None
    assert foreign_link(steps_to(_link(home / "theirs", file, owner=DAEMON))) == home / "theirs"
    assert foreign_link(steps_to(_link(home / "by", "theirs"))) == home / "theirs"
    # A link of root's, which the folder's owner has brought here.
    for folder in (_made(home / "anna", owner=DAEMON), _made(home / "open", mode=0o777)):
        brought = _link(folder / "link", file)
        assert foreign_link(steps_to(brought)) == brought
        below = _link(_made(folder / "below") / "link", file)
        assert foreign_link(steps_to(below)) == below
        (folder / "plain").touch()
        assert foreign_link(steps_to(folder / "plain")) is None


def test_an_account_may_own_the_way_to_its_own(home: Path) -> None:
    theirs = _made(home / "anna", owner=DAEMON)
    data = _made(theirs / "data", owner=DAEMON)
    assert weak_step(data, DAEMON) is None
    assert weak_step(data, DAEMON + 1) is not None
    weak = weak_step(data, 0)
    assert weak is not None
    assert weak.command == f"chown -h root: {theirs}"


def test_commands_are_quoted(home: Path) -> None:
    odd = _made(home / "it's; rm -rf $HOME", owner=DAEMON)
    weak = weak_step(odd / "office", 0)
    assert weak is not None
    assert shlex.split(weak.command) == ["chown", "-h", "root:", str(odd)]
    os.chown(odd, 0, 0)
    odd.chmod(0o777)
    weak = weak_step(odd / "office", 0)
    assert weak is not None
    assert shlex.split(weak.command) == ["chmod", "go-w", str(odd)]
    assert shared_above(odd / "file") == odd
