"""The way by sudo: what root has to do on another machine is done by an account that may use it.

With a real sshd and a real sudo. What else a host promises is tried by sudo in `tests/vpn/host`.
"""

import asyncio
import os
import pwd
import re
import shutil
import subprocess
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import pytest_asyncio

from tests.company import Company, Ran, furnish_by_copy, open_company
from tests.sshd import NEEDS_SSHD, NEEDS_SUDO, Sshd, may_use_sudo, new_account, run_sshd
from tests.vpn.operator_kit import beside_ours, static_key
from vpn.deploy_archive import account_script
from vpn.host.ssh_address import sudoers_line

pytestmark = [pytest.mark.long, NEEDS_SSHD, NEEDS_SUDO]
BOTS = f"vpnbot-s{os.getpid()}"


@dataclass
class Rig:
    """A company, a machine elsewhere, and the account of an operator there."""

    company: Company
    sshd: Sshd
    olga: str

    @property
    def place(self) -> Path:
        return self.company.folder / "deep" / "paris"

    def login(self, user: str) -> tuple[str, ...]:
        return ("--ssh", f"{user}@127.0.0.1:{self.sshd.port}")

    async def adds(self, *more: str) -> Ran:
        return await self.company.done(
            *("server", "add", "paris", "--remote", "127.0.0.1:1194/udp"),
            *("--directory", str(self.place), "--host-key", self.sshd.fingerprint),
            *(*self.login(BOTS), *more),
        )

    async def deploys(self, *more: str, by: str = "") -> Ran:
        key = ("--ssh-key", str(self.sshd.key_file))
        command = ("server", "deploy", "paris", "--directory", str(self.place))
        return await self.company.vpnbot(
            *command, *self.login(by or self.olga), *(more or key), "--sudo"
        )

    def line(self, *, hours: int = 1) -> str:
        return sudoers_line(self.olga, datetime.now(UTC) + timedelta(hours=hours))


@pytest_asyncio.fixture
async def rig(folder: Path) -> AsyncIterator[Rig]:
    home = folder / "sshd"
    home.mkdir()
    with new_account() as account, run_sshd(home, users=(account.pw_name, BOTS)) as sshd:
        async with open_company(folder) as company:
            await furnish_by_copy(company)
            yield Rig(company, sshd, account.pw_name)
    remove = ["userdel", "-r", BOTS]
    await asyncio.to_thread(subprocess.run, remove, check=False, stderr=subprocess.DEVNULL)


@pytest.fixture
def evil(folder: Path) -> Iterator[Path]:
    """Programs that whoever has them on their PATH would start."""
    made = folder / "evil"
    made.mkdir()
    for name in ("id", "stat", "sync", "openvpn", "useradd"):
        path = made / name
        path.write_text(
            f'#!/bin/sh\n[ "$(/usr/bin/id -u)" != 0 ] || touch {folder}/owned\n'
            f'PATH=/usr/sbin:/usr/bin exec {name} "$@"\n'
        )
        path.chmod(0o755)
    yield made
    assert not (folder / "owned").exists()


async def test_a_server_is_deployed_as_root_by_an_account_that_may_use_sudo(rig: Rig) -> None:
    said = (await rig.adds("--sudo")).out
    assert re.search(
        r"^  \w+ ALL=\(root\) NOTAFTER=\d{14}Z NOPASSWD: /bin/sh -s vpnbot$", said, re.MULTILINE
    )
    assert "--sudo --directory" in said
    # 1. Nothing without it; and what is said then is what lets it.
    ran = await rig.deploys()
    assert ran.code == 1
    assert "doesn't become root by sudo ('sudo: a password is required')" in ran.err
    line = ran.err.strip().rpartition("need it: ")[2]
    assert line.startswith(f"{rig.olga} ALL=(root) NOTAFTER=")
    assert not rig.place.exists()
    # 2. One that is over lets nobody.
    with may_use_sudo(rig.line(hours=-1)):
        assert (await rig.deploys()).code == 1
    # 3. However sudo is set up, it does.
    with may_use_sudo(line, f"Defaults:{rig.olga} use_pty, log_output"):
        ran = await rig.deploys()
        assert ran.code == 0, ran
        assert "systemctl enable --now" in ran.out
        owners = {
            path.relative_to(rig.place).as_posix(): path.owner() for path in rig.place.rglob("*")
        }
        bots = {path for path, owner in owners.items() if owner != "root"}
        assert bots == {"live", "live/ccd", "live/crl.pem", "live/members"}
        assert {owners[path] for path in bots} == {BOTS}
        assert (rig.place / "server.key").stat().st_mode & 0o777 == 0o600
        home = Path(pwd.getpwnam(BOTS).pw_dir)
        assert len((home / ".ssh/authorized_keys").read_text().splitlines()) == 1
        # 4. Its certificate is made anew the same way.
        before = (rig.place / "server.crt").read_bytes()
        (rig.place / "server.crt").unlink()
        ran = await rig.deploys()
        assert ran.code == 0, ran
        assert (rig.place / "server.crt").read_bytes() != before
    # 5. From then on the bot needs none of it.
    await rig.company.done("server", "deploy", "paris")


async def test_the_bot_itself_is_never_root_there(rig: Rig, evil: Path) -> None:
    """Neither by its account, nor by its key; and root goes by no PATH of anybody's."""
    await rig.adds()
    with may_use_sudo(rig.line()):
        ran = await rig.deploys(by=BOTS)
        assert (ran.code, f"{BOTS} is the bot's account" in ran.err) == (1, True), ran
        own = rig.company.data / "ssh" / "id_ed25519"
        (own,) = [path for path in own.parent.iterdir() if path.suffix != ".pub"]
        ran = await rig.deploys("--ssh-key", str(own))
        assert (ran.code, "is the bot's own key" in ran.err) == (1, True), ran
        ran = await rig.company.vpnbot(
            *("server", "adopt", "oslo", "--config", "/etc/openvpn/oslo.conf"),
            *("--remote", "127.0.0.1:1196/udp", *rig.login(BOTS), "--sudo"),
            *("--host-key", rig.sshd.fingerprint, "--account", BOTS, "--apply"),
        )
        assert (ran.code, f"{BOTS} is the bot's account" in ran.err) == (1, True), ran
    path = f"PATH={evil}:/usr/sbin:/usr/bin:/sbin:/bin"
    rig.sshd.stop()
    rig.sshd.options.append(f"SetEnv {path} SHLVL=1")
    rig.sshd.start()
    keeps = f'Defaults:{rig.olga} !secure_path, env_keep += "PATH"'
    with may_use_sudo(rig.line(), keeps):
        ran = await rig.deploys()
        assert ran.code == 0, ran


def test_an_account_that_became_root_by_sudo_is_none_for_the_bot() -> None:
    """Under whatever name: by its number."""
    with new_account() as account:
        script = account_script(account.pw_name, "restrict ssh-ed25519 AAAA", is_named=True)
        done = subprocess.run(
            ["/bin/sh", "-euc", script],
            env=os.environ | {"SUDO_UID": str(account.pw_uid)},
            capture_output=True,
            text=True,
            check=False,
        )
    assert done.returncode == 1
    assert done.stderr == (
        f"{account.pw_name} may become root by sudo; the bot needs an account without rights.\n"
    )


async def test_a_server_that_runs_is_adopted_changed_and_renewed(rig: Rig) -> None:
    oslo = rig.company.folder / "oslo"
    oslo.mkdir()
    for name in ("ca.crt", "server.crt", "server.key", "live/crl.pem"):
        shutil.copy(rig.company.folder / "office" / name, oslo)
    (oslo / "ta.key").write_text(static_key())
    (oslo / "server.conf").write_text(beside_ours(1196))
    before = (oslo / "server.crt").read_bytes()
    with may_use_sudo(rig.line()):
        ran = await rig.company.vpnbot(
            *("server", "adopt", "oslo", "--config", str(oslo / "server.conf")),
            *("--remote", "127.0.0.1:1196/udp", "--host-key", rig.sshd.fingerprint),
            *(*rig.login(rig.olga), "--ssh-key", str(rig.sshd.key_file), "--sudo"),
            *("--account", BOTS, "--apply", "--renew-certificate"),
        )
    assert ran.code == 0, ran
    conf = (oslo / "server.conf").read_text()
    assert f"management-client-user {BOTS}" in conf
    assert "ccd-exclusive" in conf
    assert (oslo / "server.conf").stat().st_uid == 0
    assert (oslo / "server.crt").read_bytes() != before
    (row,) = [
        row
        for row in (await rig.company.done("server", "list", "--json")).rows
        if row["name"] == "oslo"
    ]
    # Every day it is entered by the account without rights.
    assert row["ssh"] == f"{BOTS}@127.0.0.1:{rig.sshd.port}"
