"""The data folder is for one account alone."""

import os
import pwd
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from bot.errors import BadDataFolder
from bot.process.data_folder import DataFolder, account_name

NOBODY = 65534
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files to others")


@pytest.fixture
def folder(tmp_path: Path) -> DataFolder:
    return DataFolder(tmp_path / "deep" / "data")


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.mark.parametrize("umask", [0o000, 0o022, 0o077])
def test_a_missing_folder_is_made_private_whatever_the_umask(
    folder: DataFolder, umask: int
) -> None:
    before = os.umask(umask)
    try:
        folder.prepare()
    finally:
        os.umask(before)
    assert mode(folder.path) == 0o700
    assert mode(folder.locks) == 0o700
    assert mode(folder.tls_keys) == 0o700


def test_preparing_again_changes_nothing(folder: DataFolder) -> None:
    folder.prepare()
    (folder.locks / "run.lock").touch()
    folder.prepare()
    assert (folder.locks / "run.lock").exists()


def test_everything_is_inside(folder: DataFolder) -> None:
    for path in (folder.ca, folder.locks, folder.tls_keys, folder.pending_issues):
        assert folder.path in path.parents
    assert not folder.ca.exists()  # made by `ca init`


@pytest.mark.parametrize("open_bits", [0o750, 0o701, 0o770, 0o755, 0o777])
def test_a_folder_that_others_can_look_into_is_refused(folder: DataFolder, open_bits: int) -> None:
    folder.prepare()
    folder.path.chmod(open_bits)
    for check in (folder.check, folder.prepare):
        with pytest.raises(BadDataFolder) as caught:
            check()
        assert str(caught.value) == (
            f"Others can look into the data folder; run: chmod 700 {folder.path}"
        )
    assert mode(folder.path) == open_bits  # the operator decides, not we


def test_a_file_in_its_place_is_no_folder(folder: DataFolder) -> None:
    folder.path.parent.mkdir()
    folder.path.write_text("x")
    with pytest.raises(BadDataFolder, match="can't be made: File exists"):
        folder.prepare()
    with pytest.raises(BadDataFolder, match="isn't a folder; set VPNBOT_DATA_DIR"):
        folder.check()


def test_a_place_below_a_file_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(BadDataFolder, match="VPNBOT_DATA_DIR") as caught:
        DataFolder(tmp_path / "file" / "data").prepare()
    assert "\n" not in str(caught.value)


def test_a_place_that_may_not_be_written_is_said_so() -> None:
    # Not below pytest's own folder, which another account could not even enter.
    with tempfile.TemporaryDirectory(prefix="vpnbot-test-") as name:
        place = Path(name)
        place.chmod(0o555)
        with not_as_root(), pytest.raises(BadDataFolder, match="can't be made: Permission denied"):
            DataFolder(place / "data").prepare()
        assert list(place.iterdir()) == []


@contextmanager
def not_as_root() -> Iterator[None]:
    """Root may write anywhere."""
    before = os.geteuid()
    if before == 0:
        os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(before)


@as_root
def test_a_folder_of_another_account_is_refused_by_its_name(folder: DataFolder) -> None:
    folder.prepare()
    os.chown(folder.path, NOBODY, NOBODY)
    with pytest.raises(BadDataFolder) as caught:
        folder.check()
    assert f"belongs to {account_name(NOBODY)}; run this command as that account" in str(
        caught.value
    )
    assert (folder.owner(), folder.account()) == (NOBODY, account_name(NOBODY))


def test_the_owner_of_a_folder_to_come_is_that_of_the_nearest_one_above(
    folder: DataFolder, tmp_path: Path
) -> None:
    assert not folder.path.exists()
    assert folder.owner() == tmp_path.stat().st_uid == os.geteuid()
    assert folder.account() == pwd.getpwuid(os.geteuid()).pw_name


@as_root
def test_a_folder_to_come_belongs_to_who_owns_its_place(folder: DataFolder, tmp_path: Path) -> None:
    os.chown(tmp_path, NOBODY, NOBODY)
    assert folder.owner() == NOBODY


def test_a_relative_folder_has_an_owner_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir("/")
    assert DataFolder(Path("data/that/is/missing")).owner() == Path("/").stat().st_uid


def test_an_account_without_a_name_is_called_by_its_number() -> None:
    assert account_name(3_999_999_999) == "3999999999"
    assert account_name(0) == "root"
