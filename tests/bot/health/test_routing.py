"""Forwarding, masquerading and the firewall: real ones, and each of them broken."""

import os
import re
import secrets
import shlex
import shutil
import subprocess
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
import pytest_asyncio

from bot.fleet.live_servers import spec_of
from bot.health.look import Routing
from bot.health.routing import look_at_machine
from bot.health.servers import look_at_server
from demo.lab.stand_in import StandIn
from storage.records import Server
from tests.bot.health.kit import troubles
from tests.bot.health.test_health_servers import office, surroundings
from tests.company import Company
from tests.netns import inside
from vpn.configuration.forwarding import render_forwarding, render_rules
from vpn.configuration.server import unit_name

pytestmark = [
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.skipif(
        os.geteuid() != 0 or shutil.which("nft", path="/usr/sbin") is None,
        reason="Only root can make namespaces, and nftables has to be installed.",
    ),
]

_FILTER = (
    "table inet filter {{\nchain {0} {{\ntype filter hook {0} priority 0; policy {1};\n}}\n}}\n"
)


@dataclass
class Machine:
    """A network of its own, in which the server's unit is started and stopped by its lines."""

    namespace: str
    server: Server

    @property
    def home(self) -> Path:
        return Path(self.server.directory)

    def runs(self, *command: str, text: str = "") -> None:
        inside_it = ("ip", "netns", "exec", self.namespace, *command)
        subprocess.run(inside_it, input=text, text=True, check=True, cwd=self.home)

    def systemd(self, name: str) -> None:
        """Runs these lines of the unit, in its folder, as systemd would."""
        unit = (self.home / unit_name(self.server.name)).read_text()
        lines = re.findall(rf"^{name}=-?(.+)$", unit, re.MULTILINE)
        assert lines
        for line in lines:
            self.runs(*shlex.split(line))

    async def seen(self) -> Routing:
        with inside(self.namespace):
            return (await look_at_machine([self.server]))[self.server.name]

    async def says(self, wrong: str) -> str:
        """The mend of the only finding, which is this one."""
        (found,) = (await self.seen()).troubles
        assert wrong in found.wrong
        return found.mend


@pytest.fixture(scope="module")
def namespace() -> Iterator[str]:
    name = f"vpnbot-test-{secrets.token_hex(4)}"
    subprocess.run(["ip", "netns", "add", name], check=True)
    yield name
    subprocess.run(["ip", "netns", "delete", name], check=True)


@pytest_asyncio.fixture(loop_scope="module")
async def machine(namespace: str, company: Company) -> AsyncIterator[Machine]:
    async with surroundings(company) as around:
        server = replace(await office(around), routes=("192.168.1.0/24",))
    made = Machine(namespace, server)
    made.runs("nft", "flush", "ruleset")
    made.runs("sysctl", "-qw", "net.ipv4.ip_forward=0")
    made.systemd("ExecStartPre")
    yield made


async def test_what_the_unit_loads_is_all_that_is_needed(machine: Machine) -> None:
    """Also a second time, and after the rules were typed in by hand in an earlier version."""
    assert await machine.seen() == Routing((), is_seen=True)
    machine.systemd("ExecReload")
    assert await machine.seen() == Routing((), is_seen=True)


async def test_a_stopped_server_leaves_no_rules(machine: Machine) -> None:
    machine.systemd("ExecStopPost")
    assert "vpnbot-office is gone" in (await machine.seen()).troubles[0].wrong


async def test_no_forwarding(machine: Machine) -> None:
    machine.runs("sysctl", "-qw", "net.ipv4.ip_forward=0")
    mend = await machine.says("doesn't forward (net.ipv4.ip_forward is 0)")
    _mended_by(machine, mend.partition("; or: ")[2])
    assert (await machine.seen()).troubles == ()


async def test_the_rules_are_flushed(machine: Machine) -> None:
    """As a restart of nftables.service does."""
    machine.runs("nft", "flush", "ruleset")
    mend = await machine.says("nothing masquerades for its clients")
    _mended_by(machine, mend.removeprefix("Run as root: ").partition("; ")[0])
    assert (await machine.seen()).troubles == ()


async def test_the_port_is_shut(machine: Machine) -> None:
    machine.runs("nft", "-f", "-", text=_FILTER.format("input", "drop"))
    mend = await machine.says(f"the firewall drops {machine.server.listen_port}/udp")
    _mended_by(machine, mend.removeprefix("Run as root: ").partition("; ")[0])
    assert (await machine.seen()).troubles == ()


async def test_what_clients_send_on_is_dropped(machine: Machine) -> None:
    machine.runs("nft", "-f", "-", text=_FILTER.format("forward", "drop"))
    mend = await machine.says("the firewall drops what its clients send on")
    for command in re.findall(r"nft insert rule [^;]+", mend):
        _mended_by(machine, command)
    assert (await machine.seen()).troubles == ()


async def test_ipv6_is_looked_at_as_well(machine: Machine) -> None:
    machine.server = replace(machine.server, network6="fd00:8::/64")
    spec, rules, forwarding = (
        spec_of(machine.server),
        *map(machine.home.joinpath, ("network.nft", "network.sysctl")),
    )
    before = [(path, path.read_text()) for path in (rules, forwarding)]
    machine.runs("sysctl", "-qw", "net.ipv6.conf.all.forwarding=0")
    one, other = (each.wrong for each in (await machine.seen()).troubles)
    assert "doesn't forward (net.ipv6.conf.all.forwarding is 0)" in one
    assert "nothing masquerades for its clients in fd00:8::/64" in other
    rules.write_text(render_rules(spec))
    forwarding.write_text(render_forwarding(spec))
    try:
        machine.systemd("ExecReload")
    finally:
        for path, text in before:
            path.write_text(text)
    assert (await machine.seen()).troubles == ()
    machine.runs("nft", "-f", "-", text=_FILTER.format("forward", "drop"))
    found = (await machine.seen()).troubles
    assert ["ip6 saddr fd00:8::/64" in each.mend for each in found] == [False, True]
    for each in found:
        for command in re.findall(r"nft insert rule [^;]+", each.mend):
            _mended_by(machine, command)
    assert (await machine.seen()).troubles == ()


async def test_rules_that_name_a_set_shut_out_nobody_for_certain(machine: Machine) -> None:
    """Also while nobody is in it."""
    machine.runs(
        *("nft", "-f", "-"),
        text="table inet vpnbot-office {\nset group-dev { type ipv4_addr; }\nchain own {\n"
        "type filter hook forward priority 0;\nip saddr != @group-dev drop;\n}\n}\n",
    )
    assert (await machine.seen()).troubles == ()


async def test_nothing_is_needed_where_nothing_is_pushed(machine: Machine) -> None:
    machine.server = replace(machine.server, routes=())
    machine.runs("nft", "-f", "-", text=f"flush ruleset\n{_FILTER.format('forward', 'drop')}")
    machine.runs("sysctl", "-qw", "net.ipv4.ip_forward=0")
    assert await machine.seen() == Routing((), is_seen=True)


async def test_it_is_told_with_all_else(machine: Machine, staffed: tuple[Company, StandIn]) -> None:
    machine.runs("sysctl", "-qw", "net.ipv4.ip_forward=0")
    async with surroundings(staffed[0]) as around:
        seen = {machine.server.name: await machine.seen()}
        (found,) = troubles(await look_at_server(machine.server, replace(around, routing=seen)))
    assert found.wrong.startswith("Server office: its machine doesn't forward")


def _mended_by(machine: Machine, command: str) -> None:
    machine.runs(*shlex.split(command))
