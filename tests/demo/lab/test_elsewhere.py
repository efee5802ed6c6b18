"""The lab's second machine: a real sshd, whose accounts are of its own."""

import pwd
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from demo.errors import LabError
from demo.lab.elsewhere import Elsewhere, elsewhere_missing
from demo.lab.network import NetLab, lab_missing, run
from tests.sshd import new_account

MISSING = lab_missing() or elsewhere_missing()
pytestmark = pytest.mark.skipif(MISSING is not None, reason=MISSING or "")
ACCOUNT = "vpnbot-elsewhere"


def _key(path: Path) -> None:
    command = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "test", "-f", str(path)]
    subprocess.run(command, check=True)


@pytest.fixture
def keys(tmp_path: Path) -> Path:
    _key(tmp_path / "host")
    _key(tmp_path / "roots")
    return tmp_path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "machine"
    made.mkdir()
    return made


@pytest_asyncio.fixture
async def lab() -> AsyncIterator[NetLab]:
    async with NetLab("vpnbot-test") as made:
        yield made


def machine(lab: NetLab, folder: Path, keys: Path) -> Elsewhere:
    return Elsewhere(
        lab,
        folder,
        account=ACCOUNT,
        host_key=(keys / "host").read_bytes(),
        roots_line=(keys / "roots.pub").read_text(),
    )


async def test_its_accounts_and_its_network_are_its_own(
    lab: NetLab, folder: Path, keys: Path
) -> None:
    there = machine(lab, folder, keys)
    options = ("-o", "BatchMode=yes", "-o", "StrictHostKeyChecking=yes")
    host = f"[127.0.0.1]:{{port}} {(keys / 'host.pub').read_text()}"
    try:
        await there.start()
        (keys / "known").write_text(host.format(port=there.port))
        login = (*options, "-o", f"UserKnownHostsFile={keys / 'known'}", "-i", str(keys / "roots"))
        with new_account():
            pass  # which puts other files in the place of this machine's accounts, twice
        ask = f"id -un; id -un {ACCOUNT}; ip -o address show; ls /run; echo $HOME"
        code, said = await run("ssh", *login, "-p", str(there.port), "root@127.0.0.1", ask)
        assert code == 0, said
        lines = said.splitlines()
        assert lines[:2] == ["root", ACCOUNT]
        assert f"inet {there.address}/24" in said
        assert lines[-2:] == ["sshd", str(folder / "root")]
        with pytest.raises(LabError, match=r"server didn't start: .*server\.conf"):
            await there.start_server(keys)
        # No key opens the account, and it is not there for this machine.
        code, said = await run("ssh", *login, "-p", str(there.port), f"{ACCOUNT}@127.0.0.1", "id")
        assert code != 0
        assert "Permission denied" in said
        with pytest.raises(KeyError):
            pwd.getpwnam(ACCOUNT)
    finally:
        await there.close()
    _, listed = await run("ip", "netns", "pids", lab._elsewhere)
    assert listed == ""


async def test_an_sshd_that_cannot_be_used(lab: NetLab, folder: Path, keys: Path) -> None:
    (keys / "host").write_text("no key at all")
    there = machine(lab, folder, keys)
    with pytest.raises(LabError, match=r"sshd can't be used: .*host key"):
        await there.start()
    await there.close()
