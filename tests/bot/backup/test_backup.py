"""Making a backup: what is in it, and what becomes of its file where something is in the way."""

import os
import sqlite3
import stat
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path

import pytest
import pytest_asyncio

from bot.access.permission import Actor
from bot.backup.archive import DATABASE, SSH_KEY, BackupContents, unpack
from bot.backup.backup import Made, make_backup, require_new, write_new
from bot.backup.restore import read_file
from bot.errors import NotDone
from bot.office import Office, open_office
from bot.settings import Settings
from storage.schema import HEAD
from tests.bot.backup.backups import SECRET
from tests.company import PASSPHRASE, Company, furnish_by_copy, keep_secret, open_company
from tests.folders import open_folder

pytestmark = pytest.mark.asyncio(loop_scope="module")

OPERATOR = Actor(key="system:olga", name="olga", is_operator=True)


@pytest_asyncio.fixture(loop_scope="module")
async def company() -> AsyncIterator[Company]:
    with open_folder() as folder:
        async with open_company(folder) as made:
            await furnish_by_copy(made)
            yield made


@pytest_asyncio.fixture(loop_scope="module")
async def office(company: Company) -> AsyncIterator[Office]:
    async with open_office(Settings(data_dir=company.data), passphrase=lambda: PASSPHRASE) as made:
        yield made


async def backed_up(office: Office, target: Path) -> tuple[Made, BackupContents]:
    made = await make_backup(office, OPERATOR, target, SECRET)
    return made, unpack(read_file(target), SECRET, target.name)


async def test_it_tells_of_itself(company: Company, office: Office) -> None:
    """The row about a backup is in it, and is the last one."""
    made, contents = await backed_up(office, company.folder / "monday.age")
    manifest = contents.manifest
    assert made == Made(manifest, without=())
    assert (manifest.revision, manifest.audit_fault) == (HEAD, None)
    ((seq, digest, actor, action, detail),) = company.query(
        "SELECT seq, digest, actor, action, detail FROM audit ORDER BY seq DESC LIMIT 1"
    )
    assert (manifest.audit_seq, manifest.audit_digest) == (seq, digest)
    assert (actor, action) == ("system:olga", "backup.make")
    assert "monday.age" in detail
    assert str(company.folder) not in detail
    assert list(contents.tls_keys) == ["office"]
    assert SSH_KEY not in contents.files


@pytest.mark.long
async def test_the_key_for_servers_elsewhere_is_in_it(company: Company, office: Office) -> None:
    key = office.folder.ssh_key
    key.parent.mkdir(mode=0o700)
    key.write_bytes(b"a key")
    _, contents = await backed_up(office, company.folder / "a.age")
    assert contents.files[SSH_KEY] == b"a key"


@pytest.mark.long
async def test_what_is_in_the_log_only_is_in_it(company: Company, office: Office) -> None:
    """Rows that SQLite has not moved into the file itself yet, and none that is not committed."""
    with closing(sqlite3.connect(company.data / DATABASE)) as other:
        other.execute("PRAGMA wal_autocheckpoint = 0")
        with other:
            other.execute("UPDATE people SET name = 'Committed'")
        assert b"Committed" not in (company.data / DATABASE).read_bytes()
        (company.data / "new.db").write_bytes(b"")
        _, contents = await backed_up(office, company.folder / "a.age")
        copy = company.folder / "copy.db"
        copy.write_bytes(contents.files[DATABASE])
        with closing(sqlite3.connect(copy)) as found:
            assert found.execute("SELECT name FROM people").fetchall() == [("Committed",)]


@pytest.mark.long
async def test_its_file_is_closed_whatever_the_mask(company: Company, office: Office) -> None:
    target = company.folder / "a.age"
    before = os.umask(0)
    try:
        await make_backup(office, OPERATOR, target, SECRET)
    finally:
        os.umask(before)
    assert stat.S_IMODE(target.stat().st_mode) == 0o600
    assert not list(company.folder.glob(".vpnbot-*"))


@pytest.mark.long
async def test_a_lost_key_of_a_server(company: Company, office: Office) -> None:
    """Better a backup without it than none."""
    (company.data / "tls-keys/office.sealed").unlink()
    made, contents = await backed_up(office, company.folder / "a.age")
    assert made.without == ("office",)
    assert contents.tls_keys == {}


@pytest.mark.long
async def test_a_key_that_cannot_be_read(company: Company, office: Office) -> None:
    key = company.data / "tls-keys/office.sealed"
    key.unlink()
    key.mkdir()
    with pytest.raises(NotDone, match=r"office.sealed can't be read \(Is a directory\)"):
        await make_backup(office, OPERATOR, company.folder / "a.age", SECRET)
    assert not (company.folder / "a.age").exists()


@pytest.mark.long
async def test_a_broken_trail_is_no_obstacle(company: Company, office: Office) -> None:
    company.tamper("UPDATE audit SET actor = 'somebody' WHERE seq = 2")
    made, _ = await backed_up(office, company.folder / "a.age")
    assert made.manifest.audit_fault == 2


@pytest.mark.long
@pytest.mark.parametrize(
    ("statement", "word"),
    [
        ("DROP TABLE servers", "no such table"),
        # An index that says other than its table: rows are counted by the check.
        ("PRAGMA writable_schema = 1", "malformed"),
    ],
)
async def test_a_damaged_database(
    company: Company, office: Office, statement: str, word: str
) -> None:
    with closing(sqlite3.connect(company.data / DATABASE, isolation_level=None)) as other:
        other.execute(statement)
        if "writable" in statement:
            other.execute("UPDATE sqlite_master SET rootpage = 2 WHERE name = 'ix_grants_state'")
    with pytest.raises(NotDone, match="run: vpnbot doctor") as caught:
        await make_backup(office, OPERATOR, company.folder / "a.age", SECRET)
    assert "\n" not in str(caught.value)
    assert not (company.folder / "a.age").exists()


async def test_the_commands_say_what_is_missing(company: Company) -> None:
    (company.data / "tls-keys/office.sealed").unlink()
    company.tamper("UPDATE audit SET actor = 'somebody' WHERE seq = 2")
    keep_secret(company.folder / "secret", SECRET)
    ran = await company.done("backup", "a.age", "--passphrase-file", "secret")
    assert str(company.folder / "a.age") in ran.out
    assert "Without the lost keys of office" in ran.out
    assert "vpnbot audit verify" in ran.out
    assert "not the bot's token" in ran.out


# --- the file -------------------------------------------------------------------------------------


async def test_a_file_that_came_meanwhile_stays(tmp_path: Path) -> None:
    target = tmp_path / "a.age"
    require_new(target)
    target.write_text("mine")
    with pytest.raises(NotDone, match="exists already"):
        write_new(target, b"backup")
    assert target.read_text() == "mine"
    assert os.listdir(tmp_path) == ["a.age"]  # noqa: PTH208 - a test that waits for nothing


async def test_a_link_is_not_followed(tmp_path: Path) -> None:
    target = tmp_path / "a.age"
    target.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(NotDone, match="exists already"):
        write_new(target, b"backup")
    assert not (tmp_path / "elsewhere").exists()


async def test_a_folder_that_went_meanwhile(tmp_path: Path) -> None:
    with pytest.raises(NotDone, match=r"can't be written \(No such file or directory\)"):
        write_new(tmp_path / "gone" / "a.age", b"backup")


@pytest.mark.long
async def test_a_disk_that_is_full() -> None:
    """/dev/full's neighbour: a folder where no file can be made."""
    with pytest.raises(NotDone, match="can't be written"):
        write_new(Path("/proc/a.age"), b"backup")
