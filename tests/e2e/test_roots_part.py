"""What root does for the bot: where root says, whatever the bot's account has written."""

import os
import shutil
import sqlite3
from collections.abc import AsyncIterator, Iterator

import pytest
import pytest_asyncio

from demo.server import DemoServer
from tests.accounts import give, program_for_all
from tests.bot.newcomer import ADMIN, Newcomer
from tests.company import PASSPHRASE, TOKEN, Ran, keep_secret, run
from tests.folders import open_folder

pytestmark = [
    pytest.mark.long,
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.skipif(os.geteuid() != 0, reason="Only root can act as another account."),
]
REMOTE = ("--remote", "127.0.0.1:47121/udp")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def telegram() -> AsyncIterator[DemoServer]:
    async with DemoServer(TOKEN, [ADMIN]) as server:
        yield server


@pytest.fixture
def newcomer(telegram: DemoServer) -> Iterator[Newcomer]:
    """Root, in the daemon account's home."""
    with open_folder() as keep:
        home = keep / "home"
        home.mkdir(mode=0o755)
        for name, secret in (("token", TOKEN), ("passphrase", PASSPHRASE)):
            keep_secret(keep / name, secret)
            give(keep / name)
        give(home)
        yield Newcomer(home, keep, telegram.url)


async def types(newcomer: Newcomer, *arguments: str) -> Ran:
    return await run([*program_for_all(), *arguments], newcomer.home, newcomer.environment)


def writes(newcomer: Newcomer, sql: str) -> None:
    """As whoever took over the bot's account can."""
    with sqlite3.connect(newcomer.home / "data" / "vpnbot.db") as database:
        database.execute(sql)
    database.close()
    give(newcomer.home / "data")


async def test_root_writes_a_server_where_root_says(newcomer: Newcomer) -> None:
    flags = [part for flag in newcomer.flags.items() for part in flag]
    ran = await types(newcomer, "init", *flags, "--yes")
    assert (ran.code, ran.err) == (0, ""), ran
    office = newcomer.keep / "office"
    assert (office / "server.conf").stat().st_uid == 0
    ran = await types(newcomer, "server", "deploy", "office")  # root has been there
    assert ran.code == 0, ran

    # Another folder in the database, where a system keeps the CAs that it trusts.
    trusted = newcomer.keep / "ca-certificates"
    writes(newcomer, f"UPDATE servers SET directory = '{trusted}'")
    ran = await types(newcomer, "server", "deploy", "office", "--directory", str(office))
    assert (ran.code, f"is {trusted}, and not" in ran.err, trusted.exists()) == (1, True, False)
    ran = await types(newcomer, "doctor")
    assert "vpnbot server deploy office\n" in ran.out
    assert "--directory" not in ran.out  # that would be the attacker's word again
    # A folder that the account made to look like root's.
    shutil.copytree(office, trusted)
    give(trusted)
    os.chown(trusted, 0, 0)
    ran = await types(newcomer, "server", "deploy", "office")
    assert (ran.code, "Root hasn't deployed" in ran.err) == (1, True), ran

    # Another CA than the one that root knows there.
    writes(newcomer, f"UPDATE servers SET directory = '{office}'")
    known = (office / "ca.crt").read_bytes()
    other = trusted / "ca.crt"
    (office / "ca.crt").write_bytes((office / "server.crt").read_bytes())
    ran = await types(newcomer, "server", "deploy", "office")
    assert "with this CA" in ran.err
    ran = await types(newcomer, "server", "deploy", "office", "--directory", f"{office}/")
    assert (ran.code, (office / "ca.crt").read_bytes()) == (0, known), ran
    assert other.read_bytes() == known

    # What is added is deployed where root has said so twice: nothing is taken from the database.
    paris = newcomer.keep / "paris"
    ran = await types(newcomer, "server", "add", "paris", *REMOTE, "--directory", str(paris))
    assert f"Next: vpnbot server deploy paris --directory {paris}" in ran.out
    ran = await types(newcomer, "server", "deploy", "paris")
    assert (ran.code, "--directory DIR" in ran.err, paris.exists()) == (1, True, False), ran
    ran = await types(newcomer, "server", "deploy", "paris", "--directory", str(paris))
    assert ran.code == 0, ran
    assert (paris / "server.conf").stat().st_uid == 0
