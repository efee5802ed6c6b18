"""Putting a backup back: what is tried before, and that nothing is touched where it fails."""

import asyncio
import os
import sqlite3
import subprocess
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from bot.access.permission import Actor
from bot.backup.archive import (
    DATABASE,
    EARLIER_TLS_KEY,
    SSH_KEY,
    BackupContents,
    tls_key_name,
    unpack,
)
from bot.backup.restore import Restored, put_back, read_file, require_vacant
from bot.errors import BadBackup, BadSettings, NotDone
from bot.office import open_office
from bot.process.data_folder import DataFolder
from bot.settings import Hidden, Settings
from pki.sealed import seal
from storage.errors import NewerSchema
from storage.records import ServerName, UserId
from tests.bot.backup.backups import SECRET
from tests.company import (
    ANNA,
    PASSPHRASE,
    Company,
)

pytestmark = pytest.mark.asyncio(loop_scope="module")

OPERATOR = Actor(key="system:olga", name="olga", is_operator=True)


@pytest.fixture(scope="module")
def contents(backup: Path) -> BackupContents:
    return unpack(backup.read_bytes(), SECRET, "backup.age")


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return made_settings(tmp_path / "new" / "data")


def made_settings(data: Path, **changes: Any) -> Settings:
    return Settings(**{"data_dir": data, "ca_passphrase": Hidden(PASSPHRASE), **changes})


async def fails(settings: Settings, contents: BackupContents, error: type[Exception]) -> str:
    """It is refused in one line, and all is as it was."""
    above = settings.data_dir.parent
    before = everything(above)
    with pytest.raises(error) as caught:
        await put_back(settings, OPERATOR, contents)
    assert everything(above) == before
    text = str(caught.value)
    assert "\n" not in text
    return text


def everything(folder: Path) -> dict[str, bytes]:
    found = folder.rglob("*") if folder.exists() else []
    return {str(path): path.read_bytes() if path.is_file() else b"" for path in found}


def with_file(contents: BackupContents, name: str, content: bytes) -> BackupContents:
    return BackupContents(contents.manifest, {**contents.files, name: content})


def with_sql(contents: BackupContents, folder: Path, *statements: str) -> BackupContents:
    """The database was changed, and whoever did it knew the passphrase."""
    path = folder / "changed.db"
    path.write_bytes(contents.files[DATABASE])
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        for statement in statements:
            assert connection.execute(statement).rowcount
        connection.execute("PRAGMA journal_mode = DELETE")
    return with_file(contents, DATABASE, path.read_bytes())


# --- what is there afterwards ---------------------------------------------------------------------


async def test_the_same_files(
    company: Company, contents: BackupContents, settings: Settings
) -> None:
    found = await put_back(settings, OPERATOR, contents)
    data = settings.data_dir
    assert found == Restored(folder=data, people=1, servers=("office",), grants=0)
    files = {str(path.relative_to(data)) for path in data.rglob("*") if path.is_file()}
    assert files == set(contents.files)
    for name in files - {DATABASE}:
        assert (data / name).read_bytes() == (company.data / name).read_bytes()
    assert [path.name for path in data.parent.iterdir()] == ["data"]
    for path in (data, *data.rglob("*")):
        assert path.stat().st_mode & 0o777 == (0o700 if path.is_dir() else 0o600)


async def test_the_key_for_servers_elsewhere(contents: BackupContents, settings: Settings) -> None:
    await put_back(settings, OPERATOR, with_file(contents, SSH_KEY, b"a key"))
    key = DataFolder(settings.data_dir).ssh_key
    assert key.read_bytes() == b"a key"
    assert (key.stat().st_mode & 0o777, key.parent.stat().st_mode & 0o777) == (0o600, 0o700)


async def test_into_an_empty_folder_behind_a_link(contents: BackupContents, tmp_path: Path) -> None:
    real, link = tmp_path / "disk" / "vpnbot", tmp_path / "data"
    real.mkdir(parents=True)
    link.symlink_to(real)
    settings = made_settings(link)
    require_vacant(settings)
    assert (await put_back(settings, OPERATOR, contents)).folder == real
    assert link.is_symlink()
    assert (link / DATABASE).exists()


async def test_without_the_passphrase_of_the_ca(contents: BackupContents, tmp_path: Path) -> None:
    settings = made_settings(tmp_path / "data", ca_passphrase=None)
    assert (await put_back(settings, OPERATOR, contents)).servers == ("office",)


async def test_the_trail_tells_of_both(contents: BackupContents, settings: Settings) -> None:
    moment = datetime(2026, 3, 2, 9, 31, 27, tzinfo=UTC)
    await put_back(settings, OPERATOR, contents, clock=lambda: moment)
    with closing(sqlite3.connect(settings.data_dir / DATABASE)) as connection:
        rows = connection.execute("SELECT seq, actor, action, detail FROM audit").fetchall()
        restored = connection.execute("SELECT restored_at FROM servers").fetchall()
    assert [row[2] for row in rows[-2:]] == ["backup.make", "backup.restore"]
    assert rows[-2][0] == contents.manifest.audit_seq
    assert rows[-1][1] == "system:olga"
    assert contents.manifest.created_at.isoformat(timespec="seconds") in rows[-1][3]
    assert restored == [(int(moment.timestamp()) * 1_000_000,)]


@pytest.mark.parametrize("made", [0, 3])
async def test_no_number_of_a_request_comes_again(
    contents: BackupContents, settings: Settings, tmp_path: Path, made: int
) -> None:
    """A Deny button in a chat names one that was given after the backup."""
    row = (
        "INSERT INTO requests (user_id, server, duration, reason, state, asked_at, expires_at)"
        f" VALUES ({ANNA.id}, 'office', 3600, '', 'denied', 1, 1)"
    )
    changed = with_sql(contents, tmp_path, *[row] * made)
    await put_back(settings, OPERATOR, changed)
    async with open_office(settings) as office, office.database.writing() as tx:
        now = datetime(2026, 3, 2, tzinfo=UTC)
        request = await tx.requests.add(
            user_id=UserId(ANNA.id),
            server=ServerName("office"),
            duration=1,
            reason="",
            asked_at=now,
            expires_at=now,
        )
    assert request.id == 10_001 + made


# --- what is tried before -------------------------------------------------------------------------


async def test_a_newer_schema(contents: BackupContents, settings: Settings) -> None:
    newer = replace(contents, manifest=contents.manifest.model_copy(update={"revision": "9999"}))
    assert "newer version" in await fails(settings, newer, NewerSchema)


async def test_a_newer_schema_than_it_says(
    contents: BackupContents, settings: Settings, tmp_path: Path
) -> None:
    changed = with_sql(contents, tmp_path, "UPDATE alembic_version SET version_num = '9999'")
    assert "schema 9999" in await fails(settings, changed, BadBackup)


async def test_another_passphrase_of_the_ca(contents: BackupContents, tmp_path: Path) -> None:
    settings = made_settings(tmp_path / "new" / "data", ca_passphrase=Hidden("another one"))
    text = await fails(settings, contents, BadBackup)
    assert "VPNBOT_CA_PASSPHRASE_FILE doesn't open the CA" in text


async def test_a_passphrase_file_that_is_not_there(
    contents: BackupContents, tmp_path: Path
) -> None:
    gone = tmp_path / "gone"
    settings = made_settings(tmp_path / "new" / "data", ca_passphrase=None, ca_passphrase_file=gone)
    assert "can't be read" in await fails(settings, contents, BadSettings)


@pytest.mark.parametrize("name", ["ca/ca.crt", "ca/ca.p12"])
async def test_a_damaged_ca(contents: BackupContents, settings: Settings, name: str) -> None:
    damaged = with_file(contents, name, b"-----BEGIN NOTHING-----")
    assert "The CA in the backup is damaged" in await fails(settings, damaged, BadBackup)


@pytest.mark.parametrize("name", [tls_key_name("office"), EARLIER_TLS_KEY])
async def test_a_damaged_tls_key(contents: BackupContents, settings: Settings, name: str) -> None:
    damaged = with_file(contents, name, b"x" * 300)
    assert "The CA in the backup is damaged" in await fails(settings, damaged, BadBackup)


async def test_a_key_under_another_passphrase(contents: BackupContents, settings: Settings) -> None:
    other = seal(
        b"key",
        passphrase="another one",
        random_bytes=os.urandom,
        context="tls-crypt-v2 server office",
    )
    sealed = with_file(contents, tls_key_name("office"), other)
    assert "doesn't open" in await fails(settings, sealed, BadBackup)


DAMAGE: dict[str, Callable[[bytes], bytes]] = {
    "nothing": lambda _: b"",
    "no database": lambda _: b"hello " * 1000,
    "half of it": lambda content: content[: len(content) // 2],
    "a page of zeros": lambda content: content[:8192] + bytes(4096) + content[12288:],
}


@pytest.mark.parametrize("damage", DAMAGE.values(), ids=DAMAGE)
async def test_a_damaged_database(
    contents: BackupContents, settings: Settings, damage: Callable[[bytes], bytes]
) -> None:
    damaged = with_file(contents, DATABASE, damage(contents.files[DATABASE]))
    text = await fails(settings, damaged, BadBackup)
    assert text.startswith(("The database in the backup", "The audit trail in the backup"))


async def test_another_programs_database(
    contents: BackupContents, settings: Settings, tmp_path: Path
) -> None:
    path = tmp_path / "other.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE notes (text)")
    other = with_file(contents, DATABASE, path.read_bytes())
    assert "aren't vpnbot's" in await fails(settings, other, BadBackup)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE audit SET actor = 'somebody' WHERE seq = 2",
        "DELETE FROM audit WHERE seq = 2",
        "DELETE FROM audit WHERE seq = (SELECT max(seq) FROM audit)",
        "DELETE FROM audit",
    ],
)
async def test_a_changed_trail(
    contents: BackupContents, settings: Settings, tmp_path: Path, statement: str
) -> None:
    changed = with_sql(contents, tmp_path, statement)
    assert "audit trail" in await fails(settings, changed, BadBackup)


async def test_a_trail_that_was_changed_before(
    contents: BackupContents, settings: Settings, tmp_path: Path
) -> None:
    """Better a backup with a broken trail than none; that it was broken is known."""
    changed = with_sql(contents, tmp_path, "UPDATE audit SET actor = 'somebody' WHERE seq = 2")
    known = changed.manifest.model_copy(update={"audit_fault": 2})
    await put_back(settings, OPERATOR, BackupContents(known, changed.files))
    assert (settings.data_dir / DATABASE).exists()


# --- the place ------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", [DATABASE, "ca", "tls-keys", "notes.txt"])
async def test_a_folder_that_holds_something(
    contents: BackupContents, settings: Settings, name: str
) -> None:
    """Also something that was put there only after the first look."""
    data = settings.data_dir
    (data / name).mkdir(parents=True)
    with pytest.raises(NotDone, match=f"holds {name} already.*mv {data} {data}.old"):
        require_vacant(settings)
    assert "replaces nothing" in await fails(settings, contents, NotDone)


async def test_a_file_where_the_folder_would_be(
    contents: BackupContents, settings: Settings
) -> None:
    settings.data_dir.parent.mkdir()
    settings.data_dir.touch()
    with pytest.raises(NotDone, match=r"can't be used \(Not a directory"):
        require_vacant(settings)
    assert "can't be made" in await fails(settings, contents, NotDone)


async def test_a_file_where_the_folder_above_would_be(
    contents: BackupContents, settings: Settings
) -> None:
    settings.data_dir.parent.touch()
    with pytest.raises(NotDone, match="can't write"):
        await put_back(settings, OPERATOR, contents)


async def test_a_database_elsewhere(tmp_path: Path) -> None:
    settings = made_settings(
        tmp_path / "data", database_url=f"sqlite+aiosqlite:///{tmp_path}/elsewhere.db"
    )
    with pytest.raises(NotDone, match="VPNBOT_DATABASE_URL"):
        require_vacant(settings)
    inside = f"sqlite+aiosqlite:///{tmp_path}/data/{DATABASE}"
    require_vacant(made_settings(tmp_path / "data", database_url=inside))


async def test_two_at_once(contents: BackupContents, settings: Settings) -> None:
    """One of them wins, whole; the other one leaves nothing."""
    done = await asyncio.gather(
        *(put_back(settings, OPERATOR, contents) for _ in range(3)), return_exceptions=True
    )
    assert [type(each) for each in done].count(Restored) == 1
    assert [type(each) for each in done].count(NotDone) == 2
    assert [path.name for path in settings.data_dir.parent.iterdir()] == ["data"]


# --- files and disks ------------------------------------------------------------------------------


@pytest.mark.long
async def test_a_backup_that_nobody_could_read() -> None:
    with pytest.raises(NotDone, match="ordinary file"):
        read_file(Path("/dev/null"))


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Callable[[int], Path]]:
    """Makes a disk of so many KiB, in the place of the one before."""
    place = tmp_path / "disk"
    place.mkdir()
    mounted: list[int] = []

    def unmount() -> None:
        while mounted:
            subprocess.run(["umount", str(place)], check=True)
            mounted.pop()

    def make(size: int) -> Path:
        unmount()
        command = ["mount", "-t", "tmpfs", "-o", f"size={size}k", "none", str(place)]
        if subprocess.run(command, check=False, capture_output=True).returncode:
            pytest.skip("Only root can mount a small disk.")
        mounted.append(size)
        return place

    yield make
    unmount()


@pytest.mark.long
async def test_wherever_the_disk_is_full(
    contents: BackupContents, small_disk: Callable[[int], Path]
) -> None:
    """Whole, or nothing at all."""
    failed = []
    for size in range(8, 1000, 8):
        place = small_disk(size)
        try:
            await put_back(made_settings(place / "data", ca_passphrase=None), OPERATOR, contents)
        except (NotDone, BadBackup) as error:
            failed.append(str(error))
            assert not list(place.iterdir())
        else:
            assert [path.name for path in place.iterdir()] == ["data"]
            break
    assert {text.partition("(")[2].partition(")")[0] for text in failed} >= {
        "No space left on device",
        "the database couldn't be written",
    }
