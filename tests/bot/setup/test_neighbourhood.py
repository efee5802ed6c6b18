"""What a machine sees around itself: real interfaces in a network namespace."""

import asyncio
import os
import secrets
import subprocess
from collections.abc import Iterator
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path

import pytest

from bot.setup.neighbourhood import Neighbourhood, look_around
from tests.netns import inside
from vpn.host.interface import Ran
from vpn.host.local import LocalHost

NEEDS_ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="Only root can make namespaces.")
_LINES = """\
link add eth0 type veth peer name far0
link add eth1 type veth peer name far1
link add docker0 type veth peer name far2
link add wg0 type veth peer name far3
link set far0 up
link set far1 up
link set far2 up
link set far3 up
address add 203.0.114.7/24 dev eth0
address add 192.168.7.2/24 dev eth1
address add 172.17.0.1/16 dev docker0
address add 10.99.0.1/24 dev wg0
link set eth0 up
link set eth1 up
link set docker0 up
link set wg0 up
route add default via 203.0.114.1
route add 10.20.0.0/16 via 192.168.7.1
route add 8.8.8.0/24 via 192.168.7.1
route add 10.30.0.1/32 via 192.168.7.1
"""


@pytest.fixture
def namespace() -> Iterator[str]:
    name = f"vpnbot-test-{secrets.token_hex(4)}"
    subprocess.run(["ip", "netns", "add", name], check=True)
    subprocess.run(["ip", "-n", name, "-batch", "-"], input=_LINES, text=True, check=True)
    yield name
    subprocess.run(["ip", "netns", "delete", name], check=True)


@NEEDS_ROOT
def test_what_is_likely_is_proposed(namespace: str, tmp_path: Path) -> None:
    stub, real = tmp_path / "stub", tmp_path / "real"
    stub.write_text("nameserver 127.0.0.53\noptions edns0\n")
    real.write_text("# resolvers\nnameserver fe80::1\nnameserver 10.20.0.53\nnameserver 9.9.9.9\n")
    with inside(namespace):
        seen = asyncio.run(look_around(LocalHost(Path("/")), (stub, real)))
    lan, behind = IPv4Network("192.168.7.0/24"), IPv4Network("10.20.0.0/16")
    assert set(seen.networks) == {lan, behind}
    assert seen.remote == "203.0.114.7:1194/udp"
    assert seen.resolvers == (IPv4Address("10.20.0.53"), IPv4Address("9.9.9.9"))
    assert seen.resolvers_within((lan,)) == ()
    # A public one is reached anyhow.
    everything = IPv4Network("0.0.0.0/0")
    assert seen.resolvers_within((everything,)) == (IPv4Address("10.20.0.53"),)


class _Says(LocalHost):
    output = b""

    async def run(self, _command: object, *, stdin: bytes = b"") -> Ran:
        assert stdin == b""
        return Ran(0, self.output)


@pytest.mark.parametrize(
    "output", [b"", b"{", b"[7]", b'[{"dst": "default"}]', b'[{"dst": "x", "dev": "eth0"}]']
)
def test_what_cannot_be_seen_is_not_proposed(output: bytes, tmp_path: Path) -> None:
    host = _Says(Path("/"))
    host.output = output
    assert asyncio.run(look_around(host, (tmp_path / "none",))) == Neighbourhood()


def test_behind_a_router_no_address_is_proposed() -> None:
    assert Neighbourhood().remote == ""
