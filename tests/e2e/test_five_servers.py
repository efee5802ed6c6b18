"""Five servers elsewhere, each an OpenVPN behind an sshd and an account of its own.

One is well. Of the others one is cut off, one shows another host key, one hangs, and one is started
anew in the middle: what is proved where, and that all of it is in the end.
"""

import asyncio
import os
import signal
import subprocess
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
import pytest_asyncio

from demo.lab.network import NetLab, lab_missing
from demo.lab.processes import Child
from demo.testing import DemoMessage
from tests.company import ANNA, CROWD, PEOPLE, Company, open_company, until
from tests.e2e.refusing import gets_in, is_turned_away, only
from tests.sshd import NEEDS_SSHD, Sshd, run_sshd
from tests.wire import Wire, run_wire
from vpn.deploy import CLOCK_TICK_S

pytestmark = [
    pytest.mark.long,
    pytest.mark.waits,
    pytest.mark.skipif(lab_missing() is not None, reason=lab_missing() or ""),
    NEEDS_SSHD,
]

NAMES = ("berlin", "lisbon", "oslo", "paris", "rome")
# Of a cut, whose words are some thirty: in the middle of it.
_SOME_WORDS = 9


@dataclass
class Site:
    """One of them.

    Attributes:
        inside: its own address in the VPN.
        wire: what leads to its sshd.
    """

    name: str
    number: int
    folder: Path
    sshd: Sshd
    wire: Wire
    vpn: Child | None = None

    @property
    def port(self) -> int:
        return 1194 + self.number

    @property
    def inside(self) -> str:
        return f"10.8.{4 * self.number}.1"

    @property
    def account(self) -> str:
        return f"vpnbot-w{os.getpid()}x{self.number}"

    @property
    def log(self) -> Child:
        assert self.vpn is not None
        return self.vpn

    async def start_vpn(self, lab: NetLab) -> None:
        await asyncio.sleep(CLOCK_TICK_S)
        self.vpn = await lab.start_beside(self.folder)

    async def lose_power(self) -> None:
        """With all that runs there; its files stay."""
        os.kill(self.log.pid, signal.SIGKILL)
        await self.log.end()
        self.sshd.stop()


@dataclass
class World:
    company: Company
    lab: NetLab
    sites: dict[str, Site]


@contextmanager
def a_site(folder: Path, number: int, name: str) -> Iterator[Site]:
    """Its sshd lets in root and the account that will be there."""
    home = folder / f"sshd-{name}"
    home.mkdir()
    account = f"vpnbot-w{os.getpid()}x{number}"
    with ExitStack() as stack:
        stack.callback(subprocess.run, ["userdel", "-r", account], capture_output=True, check=False)
        sshd = stack.enter_context(run_sshd(home, f"AllowUsers root {account}"))
        wire = stack.enter_context(run_wire(sshd.port))
        yield Site(name, number, folder / name, sshd, wire)


@pytest_asyncio.fixture
async def world(folder: Path) -> AsyncIterator[World]:
    async with AsyncExitStack() as stack:
        lab = await stack.enter_async_context(NetLab("five", handshake_s=15))
        company = await stack.enter_async_context(
            open_company(folder, host=lab.server_address, people=(*PEOPLE, *CROWD))
        )
        await company.done("ca", "init")
        sites = {
            name: stack.enter_context(a_site(folder, number, name))
            for number, name in enumerate(NAMES)
        }
        for site in sites.values():
            home = ("--directory", str(site.folder))
            await company.done(
                *("server", "add", site.name, "--remote", f"{company.host}:{site.port}/udp", *home),
                *("--ssh", f"{site.account}@127.0.0.1:{site.wire.port}"),
                *("--host-key", site.sshd.fingerprint),
            )
            root = f"root@127.0.0.1:{site.wire.port}"
            key = str(site.sshd.key_file)
            await company.done(
                "server", "deploy", site.name, *home, "--ssh", root, "--ssh-key", key
            )
            await site.start_vpn(lab)
        await company.done("server", "group", "add", "eu", *NAMES)
        await company.done("user", "allow", str(ANNA.id), "--name", "Anna Petrova")
        await company.start()
        yield World(company, lab, sites)
        await company.stop()


async def receipt(company: Company, first_word: str) -> DemoMessage:
    while True:
        message = await company.boris.hears("Anna Petrova can’t connect any more")
        if message.text.startswith(first_word):
            return message


async def test_whatever_is_wrong_with_four_of_them(world: World) -> None:
    company, lab, sites = world.company, world.lab, world.sites
    profiles = {name: await company.approved(f"/requestvpn 2d {name}") for name in NAMES}
    shared = await company.approved("/requestvpn 2d eu")
    colleague = await company.hires()
    theirs = await company.approved("/requestvpn 2d eu", colleague)
    tunnels = {name: await lab.connect(profile) for name, profile in profiles.items()}
    for name, tunnel in tunnels.items():
        assert await tunnel.ping(sites[name].inside), name

    berlin, lisbon, oslo, paris, rome = sites.values()
    paris.sshd.stop()
    rome.sshd.stop()
    rome.sshd.new_host_key()
    rome.sshd.start()
    os.kill(oslo.log.pid, signal.SIGSTOP)
    lisbon.wire.cut_after = lisbon.wire.passed + _SOME_WORDS
    await company.boris.says("/revoke Anna Petrova")
    await until(lambda: lisbon.wire.is_cut)
    await lisbon.lose_power()
    said = (await company.boris.hears("Not proved")).text

    assert said.startswith(
        "Not proved yet: Anna Petrova may still get in on lisbon, oslo, paris, rome"
    )
    blocks = {block.partition(":")[0]: block for block in said.split("\n\n")}
    assert blocks["berlin"].startswith("berlin: proved"), said
    assert "The server’s machine can’t be reached." in blocks["paris"]
    assert "shows another host key, so nothing is done there" in blocks["rome"]
    assert "its management socket is busy or hangs" in blocks["oslo"]
    assert "The server’s machine can’t be reached." in blocks["lisbon"]
    cut = tunnels.pop("berlin")
    assert not await cut.ping(berlin.inside, timeout=1)
    await cut.close()
    assert await tunnels["paris"].ping(paris.inside), "nobody could cut that"
    # Nobody else waits for any of it: neither who is in nor who asks.
    assert await gets_in(lab, only(berlin.port, theirs), berlin.inside)
    newcomer = await company.hires()
    fresh = await company.approved("/requestvpn 2d berlin", newcomer)
    assert await gets_in(lab, fresh, berlin.inside)

    paris.sshd.start()
    await company.done("server", "ssh", "rome", "--host-key", rome.sshd.fingerprint)
    os.kill(oslo.log.pid, signal.SIGCONT)
    lisbon.wire.mend()
    lisbon.sshd.start()
    await lisbon.start_vpn(lab)
    company.look_again()
    told = await company.boris.hears("Revoked: Anna Petrova can’t connect any more", timeout=180)
    assert "with any of 6 profiles. Checked on all 5 servers" in told.text
    for name, tunnel in tunnels.items():
        assert not await tunnel.ping(sites[name].inside, timeout=1), name
        await tunnel.close()
    for name, site in sites.items():
        assert await is_turned_away(lab, site.log, profiles[name]), name
        assert await is_turned_away(lab, site.log, only(site.port, shared)), name
        assert await gets_in(lab, only(site.port, theirs), site.inside), name
