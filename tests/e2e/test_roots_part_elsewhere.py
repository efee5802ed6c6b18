"""What root does for the bot on another machine: to whom, and where, root says."""

import os
import pwd
import sqlite3
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path

import pytest

from tests.company import Company, Ran, furnish_by_copy, open_company, run
from tests.sshd import NEEDS_SSHD, Sshd, new_account, run_sshd

pytestmark = [pytest.mark.long, NEEDS_SSHD]
ACCOUNT = f"vpnbot-r{os.getpid()}"


@pytest.fixture
def sshd(folder: Path) -> Iterator[Sshd]:
    home = folder / "sshd"
    home.mkdir()
    with run_sshd(home) as made:
        yield made
    subprocess.run(["userdel", "-r", ACCOUNT], check=False, stderr=subprocess.DEVNULL)


def names(company: Company, account: str) -> None:
    """As whoever took over the bot's account can write it."""
    with closing(sqlite3.connect(company.data / "vpnbot.db")) as database, database:
        database.execute("UPDATE servers SET account = ? WHERE name = 'paris'", [account])


async def unpacks(company: Company, tar: Path) -> Ran:
    command = f"tar -xf {tar} && sh vpnbot-paris/install.sh"
    return await run(("sh", "-ec", command), company.folder, company.environment)


async def test_root_opens_no_account_and_writes_no_folder_that_the_database_chose(
    folder: Path, sshd: Sshd
) -> None:
    async with open_company(folder) as company:
        await furnish_by_copy(company)
        place = company.folder / "deep" / "paris"
        login = f"127.0.0.1:{sshd.port}"
        add = (
            *("server", "add", "paris", "--remote", "127.0.0.1:1194/udp"),
            *("--directory", str(place), "--host-key", sshd.fingerprint),
        )
        ran = await company.vpnbot(*add, "--ssh", f"root@{login}")
        assert (ran.code, "must not be root" in ran.err) == (1, True), ran
        ran = await company.vpnbot(
            *("server", "adopt", "oslo", "--config", "/etc/openvpn/oslo.conf"),
            *("--remote", "127.0.0.1:1196/udp", "--ssh", f"root@{login}"),
            *("--host-key", sshd.fingerprint, "--account", "root", "--apply"),
        )
        assert (ran.code, "must not be root" in ran.err) == (1, True), ran
        await company.done(*add, "--ssh", f"{ACCOUNT}@{login}")
        ran = await company.vpnbot(
            *("server", "ssh", "paris", "--ssh", f"root@{login}"),
            *("--host-key", sshd.fingerprint),
        )
        assert (ran.code, "must not be root" in ran.err) == (1, True), ran
        at_root = ("--ssh", f"root@{login}", "--ssh-key", str(sshd.key_file))
        deploy = ("server", "deploy", "paris", "--directory", str(place))
        tar = company.folder / "paris.tar"
        with new_account() as anna:
            names(company, "backup")
            for way in (at_root, ("--to-archive", str(tar))):
                ran = await company.vpnbot(*deploy, *way)
                assert (ran.code, "say so: --account backup" in ran.err) == (1, True), ran
                ran = await company.vpnbot(*deploy, *way, "--account", anna.pw_name)
                assert (ran.code, "say so: --account backup" in ran.err) == (1, True), ran
        names(company, "root")
        ran = await company.vpnbot(*deploy, *at_root, "--account", "root")
        assert (ran.code, "root is root" in ran.err) == (1, True), ran
        names(company, ACCOUNT)
        ran = await company.vpnbot("server", "deploy", "paris", "--to-archive", str(tar))
        assert (ran.code, f"say so: --directory {place}" in ran.err) == (1, True), ran
        await company.done(*deploy, "--to-archive", str(tar))
        await refuses_what_is_not_roots(company, tar)
        assert not place.exists()
        with pytest.raises(KeyError):
            pwd.getpwnam(ACCOUNT)
        assert (await unpacks(company, tar)).code == 0
        assert place.stat().st_uid == 0
        assert (await unpacks(company, tar)).code == 0
        await opens_no_account_that_is_there(company, deploy, at_root)


async def opens_no_account_that_is_there(
    company: Company, deploy: Sequence[str], at_root: Sequence[str]
) -> None:
    """Whatever it is called: it may have rights there. Root has to name it."""
    keys, line = keys_of_account(), keys_of_account().read_text()
    keys.write_text("# no line's end")
    tars = [company.folder / f"{number}.tar" for number in range(2)]
    await company.done(*deploy, "--to-archive", str(tars[0]))
    for ran in (await company.vpnbot(*deploy, *at_root), await unpacks(company, tars[0])):
        expected = f"deploy again with --account {ACCOUNT}"
        assert (ran.code, expected in ran.err) == (1, True), ran
    assert keys.read_text() == "# no line's end"
    await company.done(*deploy, "--to-archive", str(tars[1]), "--account", ACCOUNT)
    assert (await unpacks(company, tars[1])).code == 0
    assert keys.read_text() == f"# no line's end\n{line}"
    bounded = f'from="127.0.0.1",{line}'  # which another line beside it would undo
    keys.write_text(bounded)
    await company.done(*deploy, *at_root)
    assert keys.read_text() == bounded


def keys_of_account() -> Path:
    return Path(pwd.getpwnam(ACCOUNT).pw_dir, ".ssh/authorized_keys")


async def refuses_what_is_not_roots(company: Company, tar: Path) -> None:
    """Before it has written anything."""
    above = company.folder / "deep"
    place, nobody = above / "paris", pwd.getpwnam("nobody").pw_uid
    above.mkdir()
    os.chown(above, nobody, -1)
    await refused(company, tar, above)
    os.chown(above, 0, -1)
    above.chmod(0o777)
    await refused(company, tar, above)
    above.chmod(0o755)
    other = above.with_name("other")
    other.mkdir()
    place.symlink_to(other)
    await refused(company, tar, place)
    place.unlink()
    place.mkdir()
    os.chown(place, nobody, -1)
    await refused(company, tar, place)
    place.rmdir()


async def refused(company: Company, tar: Path, path: Path) -> None:
    ran = await unpacks(company, tar)
    assert (ran.code, ran.err) == (
        1,
        f"{path} is not root's alone, or is a link; see: ls -ld {path}\n",
    )
