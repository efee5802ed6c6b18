"""Whether a packet filter lets clients in: real rules, in a network namespace."""

import asyncio
import os
import secrets
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from ipaddress import IPv4Network
from pathlib import Path

import pytest

from tests.netns import inside
from vpn.host.firewall import Packet, Ruleset, forwards, read_ruleset, shut_port
from vpn.host.interface import Ran
from vpn.host.local import LocalHost
from vpn.values import Protocol

pytestmark = pytest.mark.skipif(
    os.geteuid() != 0 or shutil.which("nft", path="/usr/sbin") is None,
    reason="Only root can make namespaces, and nftables has to be installed.",
)

CLIENTS = IPv4Network("10.8.0.0/22")
KNOCK = Packet("input", Protocol.UDP, 1194)
THROUGH = Packet("forward", source=CLIENTS, device="tun")


@pytest.fixture(scope="module")
def namespace() -> Iterator[str]:
    name = f"vpnbot-test-{secrets.token_hex(4)}"
    subprocess.run(["ip", "netns", "add", name], check=True)
    yield name
    subprocess.run(["ip", "netns", "delete", name], check=True)


def rules_of(namespace: str, text: str) -> Ruleset:
    subprocess.run(
        ["ip", "netns", "exec", namespace, "nft", "-f", "-"],
        input=f"flush ruleset\n{text}\n",
        text=True,
        check=True,
    )
    with inside(namespace):
        found = asyncio.run(read_ruleset(LocalHost(Path("/"))))
    assert found is not None
    return found


def table(rules: str, *, hook: str = "input", policy: str = "drop", more: str = "") -> str:
    kind = f"type filter hook {hook} priority 0; policy {policy};"
    return f"table inet filter {{\n{more}\nchain base {{\n{kind}\n{rules}\n}}\n}}"


USUAL = "ct state established,related accept\n iif lo accept\n tcp dport 22 accept"


@pytest.mark.parametrize(
    ("rules", "policy"),
    [
        (USUAL, "drop"),
        (f"{USUAL}\n counter drop", "accept"),
        ("udp dport 1194 drop", "accept"),
        ("meta l4proto udp th dport 1000-2000 reject", "accept"),
        ("udp dport { 53, 1190-1200 } drop", "accept"),
        ("udp dport @closed drop", "accept"),
        ("udp dport != 53 drop", "accept"),
        # For some only.
        ("ip saddr 192.0.2.7 udp dport 1194 accept", "drop"),
        ("udp dport 1195 accept", "drop"),
        ("tcp dport 1194 accept", "drop"),
        ("ip6 saddr ::/0 accept", "drop"),
        ("ip protocol tcp accept", "drop"),
        ("meta nfproto ipv6 accept", "drop"),
        ("jump inner", "drop"),
        ("ip protocol udp goto inner", "drop"),
        ("udp dport 1194 jump closing", "accept"),
    ],
)
def test_a_port_that_is_shut(namespace: str, rules: str, policy: str) -> None:
    more = (
        "set closed { type inet_service; elements = { 7, 1194 }; }\n"
        "chain inner { tcp dport 80 accept; }\nchain closing { drop; }"
    )
    found = rules_of(namespace, table(rules, policy=policy, more=more))
    assert found.dropped_by(KNOCK) == "inet filter base"


@pytest.mark.parametrize(
    ("rules", "policy"),
    [
        ("", "accept"),
        (f"{USUAL}\n udp dport 1194 accept", "drop"),
        (f"{USUAL}\n udp dport {{ 53, 1190-1200 }} accept\n drop", "drop"),
        ("udp dport @open accept", "drop"),
        ("ct state new udp dport 1194 accept", "drop"),
        ("meta l4proto { tcp, udp } th dport 1194 accept", "drop"),
        ("ip saddr 0.0.0.0/0 udp dport 1194 accept", "drop"),
        ("udp dport != 53 accept", "drop"),
        ("jump inner", "drop"),
        ("tcp dport 1194 drop", "accept"),
        ("ct state established drop", "accept"),
        ("ip saddr 192.0.2.7 drop", "accept"),
        # Nobody can tell, so nothing is said.
        ('iifname "eth*" udp dport 1194 accept', "drop"),
        ("udp dport vmap { 53 : accept, 1194 : accept }", "drop"),
        ("limit rate 10/second accept", "drop"),
        ("udp dport 1194 limit rate 10/second drop", "accept"),
        ("ip saddr 192.0.2.0-192.0.2.9 accept", "drop"),
    ],
)
def test_a_port_that_is_open_or_may_be(namespace: str, rules: str, policy: str) -> None:
    more = (
        "set open { type inet_service; flags interval; elements = { 7, 1190-1200 }; }\n"
        "chain inner { udp dport 1194 accept; }"
    )
    assert rules_of(namespace, table(rules, policy=policy, more=more)).dropped_by(KNOCK) is None


@pytest.mark.parametrize(
    ("rules", "is_shut"),
    [
        ("", True),
        ("ct state established,related accept", True),
        ('iifname "docker0" accept', True),
        ("ip saddr 192.168.0.0/16 accept", True),
        ('iifname "tun0" accept', False),
        ('iifname "tun*" accept', False),
        ("ip saddr 10.8.0.0/16 accept", False),
        ("ip saddr 10.8.1.7 accept", False),
        ('oifname "eth0" accept', False),
        ("tcp dport 443 accept", False),
    ],
)
def test_what_clients_send_on(namespace: str, rules: str, is_shut: bool) -> None:
    found = rules_of(namespace, table(rules, hook="forward"))
    assert (found.dropped_by(THROUGH) is not None) == is_shut


def test_who_masquerades(namespace: str) -> None:
    rule = "ip saddr {} ip daddr != 10.8.0.0/22 masquerade"
    chain = "table ip vpnbot-x {{\nchain p {{\ntype nat hook postrouting priority 100;\n{}\n}}\n}}"
    for network, covers in (("10.8.0.0/22", True), ("10.0.0.0/8", True), ("10.8.1.0/24", False)):
        found = rules_of(namespace, chain.format(rule.format(network)))
        assert found.masquerades("vpnbot-x", CLIENTS) == covers
        assert not found.masquerades("vpnbot-y", CLIENTS)
    assert not rules_of(namespace, "").masquerades("vpnbot-x", CLIENTS)


def test_whether_it_forwards(namespace: str) -> None:
    for value in (False, True):
        with inside(namespace):
            subprocess.run(["sysctl", "-qw", f"net.ipv4.ip_forward={value:d}"], check=True)
            assert asyncio.run(forwards(LocalHost(Path("/")))) is value


class _Says(LocalHost):
    """A machine with programs that say this."""

    said: tuple[int, bytes]

    async def run(self, _command: Sequence[str], *, stdin: bytes = b"") -> Ran:
        assert stdin == b""
        return Ran(*self.said)


def says(status: int, output: str) -> _Says:
    host = _Says(Path("/"))
    host.said = (status, output.encode())
    return host


@pytest.mark.parametrize("output", ["", "{", '{"nftables": 7}', "[" * 5000, "[]", '{"x": []}'])
async def test_nonsense_is_no_ruleset(output: str) -> None:
    assert await read_ruleset(says(0, output)) is None


async def test_who_may_not_look_sees_nothing() -> None:
    assert await read_ruleset(says(1, "Operation not permitted (you must be root)")) is None
    assert await forwards(says(1, "")) is None


UFW = Ruleset(({"chain": {"family": "ip", "table": "filter", "name": "ufw-user-input"}},))
ACTIVE = "Status: active\nDefault: deny (incoming), allow (outgoing), disabled (routed)\n\n"


@pytest.mark.parametrize(
    ("said", "opening"),
    [
        (f"{ACTIVE}22/tcp   ALLOW IN   Anywhere\n", "ufw allow 1194/udp"),
        (f"{ACTIVE}1194/udp   DENY IN   Anywhere\n", "ufw allow 1194/udp"),
        (f"{ACTIVE}1194/udp   ALLOW IN   Anywhere\n", None),
        (f"{ACTIVE}1194   ALLOW IN   Anywhere\n", None),
        ("Status: inactive\n", None),
        (ACTIVE.replace("deny (in", "allow (in"), None),
    ],
)
async def test_ufw_is_asked_itself(said: str, opening: str | None) -> None:
    assert await shut_port(says(0, said), UFW, 1194, Protocol.UDP) == opening


@pytest.mark.parametrize(
    ("said", "is_shut"), [("no", True), ("yes", False), ("not running", False)]
)
async def test_firewalld_is_asked_itself(said: str, is_shut: bool) -> None:
    rules = Ruleset(({"table": {"family": "inet", "name": "firewalld"}},))
    opening = await shut_port(says(1, said), rules, 1194, Protocol.TCP)
    assert (opening is not None) == is_shut
    if opening:
        assert "--permanent --add-port=1194/tcp" in opening
