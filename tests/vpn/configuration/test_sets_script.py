"""Root's script against whatever the bot's account could put in the place of what it writes."""

import os
import secrets
import shutil
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import replace
from ipaddress import IPv6Network, ip_address
from pathlib import Path

import pytest

from tests.accounts import DAEMON
from tests.vpn.kit import make_spec
from vpn.configuration.address_sets import AddressSet, SetKind, membership_lines
from vpn.configuration.forwarding import render_rules
from vpn.configuration.sets_script import render_sets_script

PATH = "/usr/sbin:/sbin:/usr/bin:/bin"
pytestmark = pytest.mark.skipif(
    os.geteuid() != 0 or shutil.which("nft", path=PATH) is None,
    reason="Only root can make namespaces, and nftables has to be installed.",
)
SETS = tuple(AddressSet(SetKind.GROUP, name, name) for name in ("dev", "ops"))
V6 = "fd12:3456:0000:0000:0800:0000:0000:"
BEFORE = {"group-dev": {"10.77.0.5"}, "group6-dev": {"fd12:3456::800:0:0:5"}}
BEFORE_LINES = f"group-dev 10.77.0.5\ngroup6-dev {V6}0005\nend\n"


class Folder:
    """A server's folder: root's, but for live/."""

    def __init__(self, namespace: str, home: Path) -> None:
        self.namespace = namespace
        self.home = home
        self.members = home / "live/members"

    def nft(self, *arguments: str, text: str = "") -> str:
        command = ("ip", "netns", "exec", self.namespace, "nft", *arguments)
        return subprocess.run(
            command, input=text, text=True, check=True, capture_output=True
        ).stdout

    def run(self) -> subprocess.CompletedProcess[str]:
        """As the unit runs it; a minute is more than it ever takes."""
        command = ("ip", "netns", "exec", self.namespace, "/bin/sh", f"{self.home}/network-sets.sh")
        return subprocess.run(
            command, text=True, capture_output=True, check=False, timeout=60, cwd="/"
        )

    def writes(self, content: str | bytes) -> None:
        """As the bot's account."""
        self.members.unlink(missing_ok=True)
        self.members.write_bytes(content if isinstance(content, bytes) else content.encode())
        os.chown(self.members, DAEMON.pw_uid, DAEMON.pw_gid)

    def sets(self) -> dict[str, set[str]]:
        """What has an address in it."""
        found: dict[str, set[str]] = {}
        listed = self.nft("list", "table", "inet", "vpnbot-main")
        for part in listed.split("\tset ")[1:]:
            name, _, rest = part.partition(" {")
            elements = rest.partition("\n\t}")[0].partition("elements = {")[2]
            if inside := elements.partition("}")[0].replace(",", " ").split():
                found[name] = set(inside)
        return found


@pytest.fixture(scope="module")
def namespace() -> Iterator[str]:
    name = f"vpnbot-test-{secrets.token_hex(4)}"
    subprocess.run(["ip", "netns", "add", name], check=True)
    yield name
    subprocess.run(["ip", "netns", "delete", name], check=True)


@pytest.fixture
def folder(namespace: str, open_folder: Path) -> Folder:
    """With sets that have something in them."""
    spec = replace(make_spec(open_folder), network6=IPv6Network("fd12:3456:0:0:800::/69"))
    (open_folder / "live").mkdir()
    os.chown(open_folder / "live", DAEMON.pw_uid, DAEMON.pw_gid)
    (open_folder / "network-sets.sh").write_text(render_sets_script(spec))
    made = Folder(namespace, open_folder)
    made.nft("--file", "-", text=render_rules(spec, SETS))
    made.writes(BEFORE_LINES)
    assert made.run().returncode == 0
    assert made.sets() == BEFORE
    return made


def test_what_the_bot_writes_is_what_is_loaded(folder: Folder) -> None:
    dev = AddressSet(
        SetKind.GROUP,
        "dev",
        "dev",
        tuple(map(ip_address, ("10.77.0.2", "10.77.3.254", "fd12:3456:0:0:fff::1"))),
    )
    anna = AddressSet(SetKind.USER, "1001", "Anna", (ip_address("10.77.0.2"),))
    folder.writes(membership_lines((dev, anna)))
    ran = folder.run()
    # Nobody has declared a set of Anna's.
    assert (ran.returncode, ran.stderr[:6]) == (0, "1 line")
    assert folder.sets() == {
        "group-dev": {"10.77.0.2", "10.77.3.254"},
        "group6-dev": {"fd12:3456::fff:0:0:1"},
    }
    folder.nft("add set inet vpnbot-main user-1001 { type ipv4_addr; }")
    assert folder.run().stderr == ""
    assert folder.sets()["user-1001"] == {"10.77.0.2"}
    folder.writes("end\n")
    assert folder.run().returncode == 0
    assert folder.sets() == {}


LEFT_OUT = (
    # Of nobody's network, the server's own, and what is no address.
    "group-dev 10.78.0.5",
    "group-dev 10.76.255.255",
    "group-dev 0.0.0.0",
    "group-dev 10.77.0.0",
    "group-dev 10.77.0.1",
    "group-dev 10.77.3.255",
    "group-dev 10.77.0.256",
    "group-dev 10.77.0.05",
    "group-dev 10.77.5",
    "group-dev 10.77.0.5.6",
    "group-dev 172818437",
    "group-dev 10.77.0.2-10.77.0.9",
    "group-dev fd12:3456::5",
    f"group-dev {V6}0005",
    "group6-dev 10.77.0.5",
    "group6-dev fd12:3456::800:0:0:5",
    "group6-dev fd12:3456:0000:0000:0000:0000:0000:0005",
    "group6-dev fd12:3456:0000:0000:1000:0000:0000:0005",
    "group6-dev fd13:3456:0000:0000:0800:0000:0000:0005",
    f"group6-dev {V6}0000",
    f"group6-dev {V6}0001",
    f"group6-dev {V6}000g",
    f"group6-dev {V6}5",
    # Of a set that nobody has declared, or that is not for this.
    "group-admins 10.77.0.5",
    "servers 10.77.0.5",
    "dev 10.77.0.5",
    "user-1001 10.77.0.5",
    "group-dev",
    "group-dev 10.77.0.5 10.77.0.6",
    "",
    "10.77.0.5 group-dev",
)


def test_lines_that_are_left_out(folder: Folder) -> None:
    """The others count."""
    folder.nft("add set inet vpnbot-main servers { type ipv4_addr; elements = { 10.1.0.1 }; }")
    folder.writes("\n".join(("group-ops 10.77.0.7", *LEFT_OUT, "group-ops 10.77.0.8", "end\n")))
    ran = folder.run()
    assert (ran.returncode, ran.stderr.split()[0]) == (0, str(len(LEFT_OUT)))
    assert folder.sets() == {
        "group-ops": {"10.77.0.7", "10.77.0.8"},
        "servers": {"10.1.0.1"},
    }


NOT_WHOLE_OR_NOT_OURS: tuple[str | bytes, ...] = (
    "",
    "group-ops 10.77.0.7\ngroup-ops 10.77.0.1",
    "group-ops 10.77.0.7\nen",
    "group-ops 10.77.0.7\nend\ngroup-ops 10.77.0.8\n",
    "group-ops 10.77.0.7; reboot\nend\n",
    "group-ops $(touch pwned)\nend\n",
    "group-ops 10.77.0.7 }\nflush ruleset\nend\n",
    'include "/etc/shadow"\nend\n',
    "group-ops 10.77.0.7\r\nend\r\n",
    "group-ops 10.77.0.7\x00\nend\n",
    "group-ops\t10.77.0.7\nend\n",
    "group-ops `id`\nend\n",
    b"group-ops \xff\xfe\nend\n",
    "group-ops 10.77.0.7\n" * 100_001 + "end\n",
    "group-ops 10.77.0.7\n" + "a" * 5_000_000 + "\nend\n",
)


def test_a_file_that_is_not_whole_or_not_ours_changes_nothing(folder: Folder) -> None:
    for content in NOT_WHOLE_OR_NOT_OURS:
        folder.writes(content)
        ran = folder.run()
        assert ran.returncode != 0, content[:40]
        assert ran.stderr.endswith("the sets stay as they are.\n")
        # What may have been a secret of somebody else's is not repeated.
        assert len(ran.stderr) < 100
        assert folder.sets() == BEFORE, content[:40]
    assert sorted(each.name for each in folder.home.iterdir()) == ["live", "network-sets.sh"]


def _link(path: Path) -> None:
    (path.parent / "elsewhere").write_text("group-ops 10.77.0.7\nend\n")
    path.symlink_to(path.parent / "elsewhere")


def _pipe(path: Path) -> None:
    os.mkfifo(path)


def _folder(path: Path) -> None:
    path.mkdir()


def _endless(path: Path) -> None:
    path.symlink_to("/dev/zero")


def _sparse(path: Path) -> None:
    with path.open("wb") as file:
        file.truncate(1 << 40)


def _nothing(path: Path) -> None:
    assert not path.exists()


@pytest.mark.parametrize("put", [_link, _pipe, _folder, _endless, _sparse, _nothing])
def test_what_is_no_file_is_not_waited_for(folder: Folder, put: Callable[[Path], None]) -> None:
    folder.members.unlink()
    put(folder.members)
    assert folder.run().returncode != 0
    assert folder.sets() == BEFORE


def test_a_pipe_that_somebody_holds_open(folder: Folder) -> None:
    folder.members.unlink()
    os.mkfifo(folder.members)
    held = os.open(folder.members, os.O_RDWR)
    try:
        os.write(held, b"group-ops 10.77.0.7\n")
        assert folder.run().returncode != 0
    finally:
        os.close(held)
    assert folder.sets() == BEFORE


def test_a_server_that_is_stopped_has_no_table(folder: Folder) -> None:
    folder.nft("delete", "table", "inet", "vpnbot-main")
    ran = folder.run()
    assert (ran.returncode, "the server's unit loads it" in ran.stderr) == (0, True)


def test_roots_own_rules_come_with_the_servers(folder: Folder, open_folder: Path) -> None:
    """They may name the sets, also those of people who had no set yet."""
    spec = make_spec(open_folder)
    (open_folder / "network.d").mkdir()
    (open_folder / "network.d/own.nft").write_text(
        "table inet vpnbot-main {\n set user-7 { type ipv4_addr; }\n"
        " chain own { type filter hook forward priority filter; ip saddr != @user-7 drop; }\n}\n"
    )
    for _ in range(2):
        folder.nft("--file", "-", text=render_rules(spec, SETS))
    assert folder.nft("list", "table", "inet", "vpnbot-main").count("@user-7 drop") == 1
    folder.writes("user-7 10.77.0.9\nend\n")
    assert folder.run().returncode == 0
    assert folder.sets() == {"user-7": {"10.77.0.9"}}


def test_an_earlier_versions_table_goes(folder: Folder, open_folder: Path) -> None:
    folder.nft("add", "table", "ip", "vpnbot-main")
    folder.nft("--file", "-", text=render_rules(make_spec(open_folder)))
    assert folder.nft("list", "tables") == "table inet vpnbot-main\n"
