"""Files for one account alone: whole or not there, and closed whatever the umask."""

import os
import pwd
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest

from pki.errors import AuthorityExists
from pki.private_files import create_file, require_vacant, write_file, write_folder

Writer = Callable[[Path, bytes], None]
WRITERS: dict[str, Writer] = {
    "in place": create_file,
    "new": partial(write_file, replace=False),
    "replacing": partial(write_file, replace=True),
}


@pytest.fixture(params=WRITERS)
def write(request: pytest.FixtureRequest) -> Writer:
    return WRITERS[str(request.param)]


@pytest.fixture(params=[0, 0o777])
def _umask(request: pytest.FixtureRequest) -> Iterator[None]:
    before = os.umask(request.param)
    yield
    os.umask(before)


@pytest.mark.usefixtures("_umask")
def test_closed_to_all_others(tmp_path: Path, write: Writer) -> None:
    write(tmp_path / "key", b"secret")
    assert (tmp_path / "key").stat().st_mode & 0o777 == 0o600
    assert [path.read_bytes() for path in tmp_path.iterdir()] == [b"secret"]


@pytest.mark.parametrize("way", ["in place", "new"])
def test_what_is_there_stays(tmp_path: Path, way: str) -> None:
    for name, target in (("file", None), ("link", "elsewhere")):
        path = tmp_path / name
        path.write_text("earlier") if target is None else path.symlink_to(target)
        with pytest.raises(FileExistsError):
            WRITERS[way](path, b"secret")
    assert {path.name for path in tmp_path.iterdir()} == {"file", "link"}
    assert (tmp_path / "file").read_text() == "earlier"


def test_replaced_and_never_followed(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").write_text("theirs")
    (tmp_path / "key").symlink_to("elsewhere")
    write_file(tmp_path / "key", b"secret", replace=True)
    assert not (tmp_path / "key").is_symlink()
    assert (tmp_path / "elsewhere").read_text() == "theirs"


def test_a_full_disk_leaves_nothing(
    tmp_path: Path, write: Writer, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_handle: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        write(tmp_path / "key", b"secret")
    assert not list(tmp_path.iterdir())


def test_a_stick_without_modes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A secret of ours stays away from it; where somebody wants a profile there, it goes."""

    def refused(_handle: int, _mode: int) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "fchmod", refused)
    for write in WRITERS.values():
        with pytest.raises(PermissionError):
            write(tmp_path / "key", b"secret")
    assert not list(tmp_path.iterdir())
    create_file(tmp_path / "profile", b"wanted", even_open=True)
    assert (tmp_path / "profile").read_bytes() == b"wanted"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_it_belongs_to_whom_it_is_for(tmp_path: Path) -> None:
    nobody = pwd.getpwnam("nobody")
    for owner in (nobody, pwd.getpwuid(os.geteuid())):
        write_file(tmp_path / "key", b"secret", replace=True, owner=owner.pw_uid)
        facts = (tmp_path / "key").stat()
        assert (facts.st_uid, facts.st_gid) == (owner.pw_uid, owner.pw_gid)
        assert facts.st_mode & 0o777 == 0o600


def test_a_power_cut_takes_neither_the_file_nor_its_name(
    tmp_path: Path, synced: list[tuple[Path, bytes]]
) -> None:
    create_file(tmp_path / "key", b"secret")
    assert synced == [(tmp_path / "key", b"secret")]
    for replace in (True, False):
        synced.clear()
        write_file(tmp_path / f"key {replace}", b"secret", replace=replace)
        (_, content), name = synced
        assert (content, name) == (b"secret", (tmp_path, b""))
    synced.clear()
    write_folder(tmp_path / "ca", {"key": b"secret"})
    (key, content), (draft, _), name = synced
    assert (key, content, name) == (draft / "key", b"secret", (tmp_path, b""))


def test_no_handle_stays_open(tmp_path: Path) -> None:
    before = len([*Path("/proc/self/fd").iterdir()])
    write_file(tmp_path / "key", b"secret", replace=False)
    write_folder(tmp_path / "ca", {"key": b"secret"})
    assert len([*Path("/proc/self/fd").iterdir()]) == before


def test_a_place_is_vacant_while_nothing_is_there(tmp_path: Path) -> None:
    require_vacant(tmp_path / "none")
    require_vacant(tmp_path)
    (tmp_path / "file").write_text("theirs")
    for occupied in (tmp_path, tmp_path / "file"):
        with pytest.raises(AuthorityExists, match="holds something already"):
            require_vacant(occupied)
