"""docs/several-servers.md, command by command: the other machines are this one, by loopback."""

import asyncio
import os
import pwd
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from demo.lab.network import NetLab, lab_missing
from tests.company import ANNA, Company, Ran, furnish_by_copy, open_company, run
from tests.sshd import NEEDS_SSHD, NEEDS_SUDO, Sshd, may_use_sudo, new_account, run_sshd
from tests.vpn.operator_kit import beside_ours, static_key
from vpn.deploy import CLOCK_TICK_S

pytestmark = [
    pytest.mark.skipif(lab_missing() is not None, reason=lab_missing() or ""),
    NEEDS_SSHD,
    NEEDS_SUDO,
]

PAGE = Path(__file__).parents[2] / "docs" / "several-servers.md"
# What stands alone in a line, in either way that Markdown has for it.
COMMANDS = re.findall(r"^(?: {4}|(?=vpnbot ))(\S.*)$", PAGE.read_text(), re.MULTILINE)
ACCOUNT = f"vpnbot-d{os.getpid()}"


@pytest.fixture
def sshd(folder: Path) -> Iterator[Sshd]:
    """Root there knows the operator's own key, which is in no folder of the bot's."""
    home = folder / "sshd"
    home.mkdir()
    with run_sshd(home) as made:
        keys = folder / ".ssh"
        keys.mkdir(mode=0o700)
        made.key_file.rename(keys / "id_ed25519")
        yield made
    subprocess.run(["userdel", "-r", ACCOUNT], check=False, stderr=subprocess.DEVNULL)


class Page:
    """Types what the page says, with the paths and names of this machine."""

    def __init__(self, company: Company, sshd: Sshd, olga: str) -> None:
        self.company, self.sshd, self.olga = company, sshd, olga
        self.left = iter(COMMANDS)

    def here(self, command: str) -> str:
        folder = str(self.company.folder)
        changes = {
            "cd /var/lib/vpnbot": f"cd {folder}",
            "vpnbot@paris.example.com": f"{ACCOUNT}@127.0.0.1:{self.sshd.port}",
            "vpnbot@rome.example.com": f"{ACCOUNT}@127.0.0.1:{self.sshd.port}",
            "olga@paris.example.com": f"{self.olga}@127.0.0.1:{self.sshd.port}",
            "root@paris.example.com": f"root@127.0.0.1:{self.sshd.port}",
            "root@oslo.example.com": f"root@127.0.0.1:{self.sshd.port}",
            "--account vpnbot": f"--account {ACCOUNT}",
            "/etc/openvpn/server": f"{folder}/oslo",
            "oslo.example.com": NetLab.server_address,
            "paris.example.com": NetLab.server_address,
            "rome.example.com": NetLab.server_address,
            "/srv/openvpn": folder,
            "/root/": f"{folder}/",
            "SHA256:fingerprint": self.sshd.fingerprint,
        }
        for text, there in changes.items():
            command = command.replace(text, there)
        return command

    async def types(self, begin: str) -> Ran:
        command = next(self.left)
        assert command.startswith(begin), command
        typed = self.here(command)
        environment = self.company.environment
        if typed.startswith("vpnbot "):
            ran = await self.company.vpnbot(*typed.split()[1:])
        else:
            ran = await run(("sh", "-ec", typed), self.company.folder, environment)
        assert ran.code == 0, (typed, ran)
        return ran


@pytest.fixture
def olga(sshd: Sshd) -> Iterator[str]:
    """An operator, who becomes root there by the page's line."""
    with new_account() as account:
        sshd.allow(account.pw_name)
        (line,) = re.findall(r"^olga (ALL=.*)$", PAGE.read_text(), re.MULTILINE)
        later = re.sub(r"\d{14}Z", "20990101000000Z", line)
        with may_use_sudo(f"{account.pw_name} {later}"):
            yield account.pw_name


@pytest.mark.long
async def test_the_page_works_as_it_stands(folder: Path, sshd: Sshd, olga: str) -> None:
    async with (
        NetLab("pages", handshake_s=15) as lab,
        open_company(folder, host=lab.server_address) as company,
    ):
        await furnish_by_copy(company)
        page = Page(company, sshd, olga)
        await page.types("cd ")
        line = (await page.types("vpnbot server key")).out.strip()
        assert line.startswith("restrict,port-forwarding,permitlisten=")
        assert line in (await page.types("vpnbot server add paris")).out
        assert "systemctl enable --now" in (await page.types("vpnbot server deploy paris")).out
        by_sudo = await page.types("vpnbot server deploy paris --ssh olga")
        assert "are as they should be" in by_sudo.out
        home = Path(pwd.getpwnam(ACCOUNT).pw_dir)
        assert (home / ".ssh/authorized_keys").read_text() == f"{line}\n"
        await lab.start_server(company.folder / "paris")
        await page.types("vpnbot server add rome")
        await page.types("vpnbot server deploy rome --to-archive")
        assert (company.folder / "rome.tar").stat().st_mode & 0o777 == 0o600
        assert "systemctl enable --now" in (await page.types("tar -xf")).out
        rome = company.folder / "rome"
        owners = {path.relative_to(rome).as_posix(): path.owner() for path in rome.rglob("*")}
        assert {path for path, owner in owners.items() if owner == ACCOUNT} == {"live", "live/ccd"}
        assert (rome / "server.key").stat().st_mode & 0o777 == 0o600
        assert "A new CRL is in place" in (await page.types("vpnbot server deploy rome")).out
        await lab.stop_server()
        await adopts(page, lab)
        await lab.start_server(rome)
        await page_ends(page)


async def adopts(page: Page, lab: NetLab) -> None:
    """An operator's own server: it runs, is taken in, restarted once, and proves an end."""
    company = page.company
    oslo = company.folder / "oslo"
    oslo.mkdir()
    for name in ("ca.crt", "server.crt", "server.key"):
        shutil.copy(company.folder / "office" / name, oslo)
    shutil.copy(company.folder / "office" / "live" / "crl.pem", oslo)
    (oslo / "ta.key").write_text(static_key())
    (oslo / "server.conf").write_text(beside_ours(1196))
    await lab.start_server(oslo)
    said = (await page.types("vpnbot server adopt oslo")).out
    assert "restart" in said
    assert "ReadWritePaths" not in said
    await asyncio.sleep(CLOCK_TICK_S)
    await lab.restart_server(oslo)
    file = company.folder / "oslo.ovpn"
    await company.done("grant", "issue", str(ANNA.id), "--output", str(file), "--server", "oslo")
    tunnel = await lab.connect(file.read_text())
    assert await tunnel.ping("10.81.0.1")
    receipt = (await company.vpnbot("revoke", str(ANNA.id))).out
    assert "oslo: proved" in receipt, receipt
    assert "1 session was cut" in receipt
    assert not await tunnel.ping("10.81.0.1", timeout=1)
    await tunnel.close()
    await lab.stop_server()


async def page_ends(page: Page) -> None:
    """The status tells of servers that are down, too: that is exit status 1."""
    command = next(page.left)
    assert command == "vpnbot server status"
    rows = (await page.company.vpnbot(*command.split()[1:], "--json")).rows
    states = {row["name"]: (row["reachable"], row["restart_pending"]) for row in rows}
    down = (False, None)
    assert states == {"office": down, "paris": down, "rome": (True, False), "oslo": down}
    said = (await page.types("vpnbot server group add")).out
    assert "A profile for eu opens paris, office" in said
    assert next(page.left, None) is None
    # What stands in a sentence.
    (edits,) = re.findall(r"`(vpnbot server group edit .*?)`", PAGE.read_text())
    said = (await page.company.done(*edits.split()[1:])).out
    assert "A profile for eu opens paris, rome" in said
    # Again on a machine where all is in place: nothing is asked of root.
    again = page.company.folder / "vpnbot-rome" / "install.sh"
    done = await run(("sh", str(again)), page.company.folder, page.company.environment)
    assert done.code == 0, done
