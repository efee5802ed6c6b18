"""`vpnbot backup` and `vpnbot restore`: what they refuse, in one line, and what they ask."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from bot.backup.archive import DATABASE
from bot.backup.restore import read_file
from tests.bot.backup.backups import SECRET
from tests.bot.newcomer import Newcomer, Terminal
from tests.company import (
    Company,
    Ran,
    keep_secret,
)
from tests.folders import open_folder
from tests.forks import VPNBOT

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest.fixture
def empty() -> Iterator[Path]:
    with open_folder() as folder:
        yield folder / "data"


@pytest.fixture
def bare(empty: Path) -> Path:
    """A data folder in which nothing was made yet."""
    empty.mkdir(mode=0o700)
    return empty


async def refuses(company: Company, *arguments: str, words: str, **extra: str) -> Ran:
    ran = await company.vpnbot(*arguments, **extra)
    assert (ran.code, ran.out, ran.err.count("\n")) == (1, "", 1), ran
    assert words in ran.err, ran
    assert SECRET not in ran.err
    return ran


@pytest.mark.long
async def test_what_is_no_new_file(company: Company, backup: Path) -> None:
    flag = ("--passphrase-file", str(company.folder / "secret"))
    link = company.folder / "link"
    link.symlink_to(company.folder / "nowhere")
    rows = len(company.query("SELECT 1 FROM audit"))
    await refuses(company, "backup", str(backup), *flag, words="exists already")
    await refuses(company, "backup", str(link), *flag, words="exists already")
    await refuses(company, "backup", "no/such/folder.age", *flag, words="There is no folder")
    await refuses(company, "backup", "new.age", words="--passphrase-file is missing")
    short = ("--passphrase-file", str(keep_secret(company.folder / "short", "12345678901")))
    await refuses(company, "backup", "new.age", *short, words="at least 12 characters")
    gone = ("--passphrase-file", "gone")
    await refuses(company, "backup", "new.age", *gone, words="--passphrase-file names a file")
    assert len(company.query("SELECT 1 FROM audit")) == rows
    assert not (company.folder / "new.age").exists()
    assert not list(company.folder.glob(".vpnbot-*"))


@pytest.mark.long
async def test_what_cannot_be_restored(company: Company, backup: Path, empty: Path) -> None:
    flag = ("--passphrase-file", str(company.folder / "secret"))
    there = {"VPNBOT_DATA_DIR": str(empty)}
    pipe = company.folder / "pipe"
    os.mkfifo(pipe)
    await refuses(company, "restore", str(backup), *flag, words="holds ")
    await refuses(company, "restore", str(backup), words="--passphrase-file is", **there)
    await refuses(company, "restore", "gone.age", *flag, words="can't be read", **there)
    await refuses(company, "restore", str(pipe), *flag, words="ordinary file", **there)
    await refuses(company, "restore", str(empty.parent), *flag, words="can't be read", **there)
    token = str(company.folder / "token")
    await refuses(company, "restore", token, *flag, words="isn't a backup", **there)
    half = company.folder / "half.age"
    half.write_bytes(read_file(backup)[:-5000])
    await refuses(company, "restore", str(half), *flag, words="doesn't open", **there)
    wrong = ("--passphrase-file", str(company.folder / "passphrase"))
    await refuses(company, "restore", str(backup), *wrong, words="doesn't open", **there)
    assert not list(empty.parent.iterdir())


# Where no file may grow, the measurement of coverage could not be written either.
# Nor may it compile what it imports: Python would take half a file for a whole one ever after.
NOT_MEASURED = (
    *("env", "-u", "COVERAGE_PROCESS_CONFIG", "-u", "COVERAGE_PROCESS_START"),
    "PYTHONDONTWRITEBYTECODE=1",
)


@pytest.mark.long
async def test_where_there_is_no_room(company: Company, backup: Path, empty: Path) -> None:
    flag = ("--passphrase-file", str(company.folder / "secret"))
    company.program = (*NOT_MEASURED, "prlimit", "--fsize=4096", VPNBOT)
    there = {"VPNBOT_DATA_DIR": str(empty)}
    try:
        await refuses(company, "restore", str(backup), *flag, words="(File too large)", **there)
    finally:
        company.program = (VPNBOT,)
    assert not list(empty.parent.iterdir())


@pytest.mark.long
async def test_a_backup_where_there_is_no_room(company: Company) -> None:
    flag = ("--passphrase-file", str(company.folder / "secret"))
    company.program = (*NOT_MEASURED, "prlimit", "--fsize=150000", VPNBOT)
    try:
        await refuses(company, "backup", "full.age", *flag, words="can't be written (File too")
    finally:
        company.program = (VPNBOT,)
    assert not list(company.folder.glob("full.age"))
    assert not list(company.folder.glob(".vpnbot-*"))


@pytest.mark.long
async def test_at_a_terminal(company: Company, empty: Path) -> None:
    """A new passphrase is asked for twice, a known one once; neither is shown."""
    file = empty.parent / "typed.age"
    person = Newcomer(company.folder, company.folder, company.telegram.url)
    (company.folder / ".env").write_text(
        f"VPNBOT_DATA_DIR={company.data}\nVPNBOT_CA_PASSPHRASE_FILE={company.folder}/passphrase\n"
    )
    wrong = (("", None, "is empty"), ("12345678901", None, "12 char"), (SECRET, "other", "differ"))
    for first, second, words in wrong:
        async with Terminal(person, str(file), command="backup") as terminal:
            await terminal.answers("Passphrase of the backup", f"{first}\n")
            if second is not None:
                await terminal.answers("Once more", f"{second}\n")
            assert await terminal.ends() == 1
            assert words in terminal.said
        assert not file.exists()
    async with Terminal(person, str(file), command="backup") as terminal:
        await terminal.answers("Passphrase of the backup", f" {SECRET} \n")
        await terminal.answers("Once more", f"{SECRET}\n")
        assert await terminal.ends() == 0, terminal.said
        assert SECRET not in terminal.said
    (company.folder / ".env").write_text(f"VPNBOT_DATA_DIR={empty}\n")
    async with Terminal(person, str(file), command="restore") as terminal:
        await terminal.answers("Passphrase of the backup", f"{SECRET}\n")
        assert await terminal.ends() == 0, terminal.said
        assert "vpnbot server deploy office" in terminal.said
    (company.folder / ".env").unlink()
    assert (empty / DATABASE).exists()


@pytest.mark.long
async def test_without_a_ca_there_is_nothing_to_back_up(company: Company, bare: Path) -> None:
    flag = ("--passphrase-file", str(company.folder / "secret"))
    there = {"VPNBOT_DATA_DIR": str(bare)}
    await refuses(company, "backup", "new.age", *flag, words="vpnbot ca init", **there)
