"""Who has access, as a firewall knows it: real nftables between real hosts."""

import os
import re
import secrets
import shlex
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.company import ANNA, EMIL, company_with_stand_in, until
from tests.folders import open_folder

PATH = "/usr/sbin:/sbin:/usr/bin:/bin"
HOST = "10.1.0.5"
OFFICE = "vpnbot-openvpn-office.service"
RULES = """\
table inet vpnbot-office {
    chain developers {
        type filter hook forward priority filter; policy accept;
        ip daddr 10.1.0.5 ip saddr != @group-dev drop
    }
}
"""
needs_nft = pytest.mark.skipif(
    os.geteuid() != 0 or shutil.which("nft", path=PATH) is None,
    reason="Only root can make namespaces, and nftables has to be installed.",
)


class Site:
    """Clients' addresses, the server's machine, and a host behind it."""

    def __init__(self, token: str, home: Path) -> None:
        self.home = home
        self.clients, self.router, self.host = (f"vpnbot-{token}-{end}" for end in "crh")

    def ip(self, *arguments: str) -> None:
        subprocess.run(("ip", *arguments), check=True)

    def build(self) -> None:
        for space in (self.clients, self.router, self.host):
            self.ip("netns", "add", space)
        ends = (
            (self.clients, ("10.8.0.2/22", "10.8.0.3/22"), "10.8.0.1"),
            (self.host, (f"{HOST}/24",), "10.1.0.1"),
        )
        for number, (space, addresses, router) in enumerate(ends):
            prefix = addresses[0].partition("/")[2]
            self.ip(
                *("-n", self.router, "link", "add", f"to{number}", "type", "veth"),
                *("peer", "name", "up", "netns", space),
            )
            self.ip("-n", self.router, "address", "add", f"{router}/{prefix}", "dev", f"to{number}")
            self.ip("-n", self.router, "link", "set", f"to{number}", "up")
            for address in addresses:
                self.ip("-n", space, "address", "add", address, "dev", "up")
            self.ip("-n", space, "link", "set", "dev", "up", "up")
        self.ip("-n", self.clients, "route", "add", "default", "via", "10.8.0.1")

    def inside(self, space: str, *command: str) -> int:
        inside_it = ("ip", "netns", "exec", space, *command)
        return subprocess.run(
            inside_it, cwd=self.home, check=False, stdout=subprocess.DEVNULL
        ).returncode

    def unit(self, name: str, lines: str) -> None:
        """Runs these lines of a unit in the server's folder, as systemd would."""
        for line in re.findall(rf"^{lines}=-?(.+)$", (self.home / name).read_text(), re.MULTILINE):
            assert self.inside(self.router, *shlex.split(line)) == 0

    def told(self) -> None:
        """What the unit that waits for the bot's lines does then."""
        self.unit("vpnbot-firewall-office.service", "ExecStart")

    def passes(self, source: str) -> bool:
        ping = ("ping", "-n", "-q", "-c", "1", "-W", "1", "-I", source, HOST)
        return self.inside(self.clients, *ping) == 0


@contextmanager
def built(home: Path) -> Iterator[Site]:
    site = Site(secrets.token_hex(4), home)
    try:
        site.build()
        yield site
    finally:
        for space in (site.clients, site.router, site.host):
            subprocess.run(("ip", "netns", "delete", space), check=False)


@pytest.mark.long
@needs_nft
async def test_a_developer_may_pass_until_their_access_ends() -> None:
    with open_folder() as folder, built(folder / "office") as site:
        async with company_with_stand_in(folder) as (company, _):
            members = folder / "office/live/members"
            await company.done("group", "add", "dev")
            annas = ("user", "allow", str(ANNA.id), "--name", "Anna Petrova", "--group", "dev")
            await company.done(*annas)
            await company.done("user", "allow", str(EMIL.id), "--name", "Emil")
            for number, who in enumerate((ANNA, EMIL)):
                await company.done("grant", "issue", str(who.id), "--output", f"{folder}/{number}")
            (folder / "office/network.d").mkdir()
            (folder / "office/network.d/developers.nft").write_text(RULES)
            said = (await company.done("server", "deploy", "office")).out
            assert "wrote" in said
            assert members.read_text().splitlines() == [
                "group-dev 10.8.0.2",
                f"user-{ANNA.id} 10.8.0.2",
                f"user-{EMIL.id} 10.8.0.3",
                "end",
            ]
            site.unit(OFFICE, "ExecStartPre")
            assert site.passes("10.8.0.2")
            assert not site.passes("10.8.0.3")

            # Nothing but the group changes, so no client's file does.
            await company.start()
            boris = company.boris
            await boris.says("/group dev add Emil")
            await boris.hears("Emil is in dev now.")
            await until(lambda: "group-dev 10.8.0.3" in members.read_text())
            site.told()
            assert site.passes("10.8.0.3")
            site.unit(OFFICE, "ExecReload")
            assert site.passes("10.8.0.3")

            await boris.says("/revoke Anna Petrova")
            await boris.hears("Revoked")
            # The receipt waits for the firewall's lines, too.
            assert "10.8.0.2" not in members.read_text()
            site.told()
            assert not site.passes("10.8.0.2")
            assert site.passes("10.8.0.3")
            site.unit(OFFICE, "ExecStopPost")


async def test_it_is_written_for_other_firewalls() -> None:
    with open_folder() as folder:
        async with company_with_stand_in(folder) as (company, _):
            await company.done("group", "add", "dev")
            await company.done("group", "add", "ops")
            await company.done("group", "remove", "ops")
            await company.done("user", "allow", str(ANNA.id), "--name", "Anna", "--group", "dev")
            await company.done("grant", "issue", str(ANNA.id), "--output", f"{folder}/anna.ovpn")
            show = ("server", "firewall", "office")
            dev = {"set": "group-dev", "kind": "group", "group": "dev", "user_id": None}
            ops = {**dev, "set": "group-ops", "group": "ops"}
            anna = {"set": f"user-{ANNA.id}", "kind": "user", "group": None, "user_id": ANNA.id}
            assert (await company.done(*show, "--format", "json")).rows == [
                {**dev, "user_name": None, "addresses": ["10.8.0.2"]},
                {**ops, "user_name": None, "addresses": []},
                {**anna, "user_name": "Anna", "addresses": ["10.8.0.2"]},
            ]
            plain = (await company.done(*show)).out
            assert "add element inet vpnbot-office group-dev { 10.8.0.2 }" in plain
            # Who was told of it has to be told of its end.
            assert "flush set inet vpnbot-office group-ops\n" in plain
            other = (await company.done(*show, "--table", "filter")).out
            assert "add element inet filter group-dev { 10.8.0.2 }" in other
            ipset = (await company.done(*show, "--format", "ipset")).out
            assert "swap vpnbot-new office.group-dev\n" in ipset
            pf = (await company.done(*show, "--format", "pf")).out
            assert "table <office.group-dev> persist { 10.8.0.2 }\n" in pf
            for wrong in (("--table", "a b"), ("--table", "filter", "--format", "pf")):
                ran = await company.vpnbot(*show, *wrong)
                assert (ran.code, "--table" in ran.err) == (1, True)
            # What somebody else puts there is put right at the next deploy, or look.
            members = folder / "office/live/members"
            members.unlink()
            members.symlink_to("/etc/passwd")
            await company.done("server", "deploy", "office")
            assert members.read_text().splitlines()[0] == "group-dev 10.8.0.2"
            assert not members.is_symlink()
            await company.done("revoke", str(ANNA.id))
            assert members.read_text() == "end\n"
