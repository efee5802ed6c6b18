"""A cable that is cut at any moment of a cut: what is not proved is not said to be."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path, PurePosixPath

import pytest
import pytest_asyncio

from demo.lab.stand_in import StandIn
from pki.crl import read_crl
from tests.company import until
from tests.sshd import NEEDS_SSHD, NEEDS_SUDO, Sshd, run_sshd
from tests.vpn.kit import Company, Issued, make_spec, now
from tests.wire import Wire, run_wire
from vpn.errors import HostError, SshLost
from vpn.findings import ServerProof
from vpn.host.ssh import SshHost
from vpn.host.ssh_address import SshAddress, SshTarget
from vpn.host.ssh_link import SshLink, close_links, link_to
from vpn.proof.live import LiveServer

pytestmark = NEEDS_SSHD
# A cut takes some twenty; in the short run a few moments of it are tried.
_FEW = (5, 13)
_WAYS = 8


class Far:
    """A server at the other end of a wire, whose stand-in is really there."""

    def __init__(self, folder: Path, sshd: Sshd, wire: Wire) -> None:
        self.folder, self.wire = folder, wire
        self.company = Company(make_spec(folder, account="root"))
        self.vpn = StandIn()
        address = SshAddress("root", "127.0.0.1", wire.port)
        self.target = SshTarget(address, sshd.host_key, sshd.key_file)
        self.host = SshHost(self.target, PurePosixPath(folder))

    @property
    def link(self) -> SshLink:
        return link_to(self.target)

    async def begin(self) -> None:
        await self.company.ready()
        await self.vpn.start(self.folder)
        self.company.live = LiveServer(self.company.spec, self.host)
        await self.host.caller()

    async def connected(self) -> Issued:
        """Somebody who is in."""
        while True:
            try:
                issued = await self.company.admit()
                break
            except SshLost:  # the cable that was cut before may be noticed only now
                continue
        assert await self.vpn.connect(issued.target.common_name)
        return issued

    def mend(self) -> None:
        self.wire.mend()
        self.link._not_before = 0.0

    def is_out(self, issued: Issued) -> bool:
        """As it is on that machine, whatever was said of it."""
        name = issued.target.common_name
        crl = read_crl((self.folder / "live/crl.pem").read_bytes(), self.company.issuer)
        has_file = (self.folder / "live/ccd" / name).exists()
        return issued.target.serial in crl.serials and not has_file and not self.is_on(name)

    def is_on(self, name: str) -> bool:
        return name in self.vpn.sessions

    async def cut_with(self, issued: Issued, words: int) -> ServerProof:
        """Cuts somebody off by a wire that ends after so many words."""
        self.wire.cut_after = self.wire.passed + words
        return await self.company.cut(issued)


@pytest_asyncio.fixture
async def far(open_folder: Path) -> AsyncIterator[Far]:
    (open_folder / "sshd").mkdir()
    with run_sshd(open_folder / "sshd") as sshd, run_wire(sshd.port) as wire:
        made = Far(open_folder / "home", sshd, wire)
        await made.begin()
        yield made
        await close_links()
        await made.vpn.stop()


async def all_gone(folder: Path, but: set[str]) -> None:
    """What was begun and not ended is taken away by the shell, once it sees that."""
    await until(lambda: {path.name for path in folder.iterdir()} == but)


async def cut_in_the_middle(far: Far, words: int) -> bool:
    """Whether the wire was cut before the end; then it is mended, and the next try proves it."""
    issued = await far.connected()
    proof = await far.cut_with(issued, words)
    # The list is the one of before or the new one, whole; and nothing of another name is left.
    assert not proof.proved or far.is_out(issued), (words, proof)
    was_cut = far.wire.is_cut
    far.mend()
    await all_gone(far.folder / "live", {"crl.pem", "ccd"})
    async with asyncio.timeout(60):
        while not proof.proved:
            far.link._not_before = 0.0  # what was on its way when the wire was cut is lost, too
            (proof,) = await far.company.live.cut(
                [issued.target], crl_pem=far.company.crl(), issuers=[far.company.issuer], now=now
            )
            assert not proof.proved or far.is_out(issued), (words, proof)
    return was_cut


@pytest.mark.parametrize("words", _FEW)
async def test_a_few_moments(far: Far, words: int) -> None:
    assert await cut_in_the_middle(far, words)


@pytest.mark.long
async def test_every_moment(far: Far) -> None:
    words = 0
    while await cut_in_the_middle(far, words):
        words += 1
    assert words > max(_FEW)


async def test_a_cut_takes_few_ways_there_and_back(far: Far) -> None:
    """By their number, since a busy machine is slow by itself; it was 42. And no new shell."""
    await far.company.cut(await far.connected())
    issued = await far.connected()
    shells = [*far.link._shells]
    far.wire.delay_s, far.wire.turns = 0.1, 0
    assert (await far.company.cut(issued)).proved
    assert far.wire.turns / 2 <= _WAYS
    assert far.link._shells == shells


async def test_a_shell_that_is_ended_there_is_replaced(far: Far) -> None:
    (shell,) = far.link._shells
    await far.host.run(("sh", "-c", "kill -9 $(ps -o ppid= -p $PPID)"))
    for _ in range(3):
        assert await far.host.listdir("live") == ("ccd", "crl.pem")
    assert shell not in far.link._shells


async def test_what_was_left_of_a_failed_write_is_no_question(far: Far) -> None:
    """Else what is written could be run."""
    made = far.folder / "made-by-content"
    content = f"x 1\ntouch {made}\n".encode() * 10_000
    with pytest.raises(HostError, match="No such file"):
        await far.host.replace("nowhere/file", content, mode=0o600)
    (far.folder / "live/folder").mkdir()
    with pytest.raises(HostError, match="Is a directory"):
        await far.host.replace("live/folder", content, mode=0o600)
    assert await far.host.listdir("live") == ("ccd", "crl.pem", "folder")
    assert not made.exists()


async def test_one_that_says_too_much_takes_no_answer_from_the_others(far: Far) -> None:
    (far.folder / "live/much").write_bytes(b"x" * 300_000)
    asked = [
        far.link.look(f"head -c {size} {far.folder}/live/much", limit=100_000)
        for size in (10, 300_000, 20)
    ]
    few, much, more = await asyncio.gather(*asked, return_exceptions=True)
    assert isinstance(much, HostError)
    assert not isinstance(few, BaseException)
    assert not isinstance(more, BaseException)
    assert (len(few.output), len(more.output)) == (10, 20)


@pytest.mark.long
@NEEDS_SUDO
async def test_every_moment_of_a_write_by_sudo(open_folder: Path, sshd: Sshd, sudoer: str) -> None:
    """What sudo has started sees the end of the connection, and leaves all as it was."""
    live = open_folder / "live"
    live.mkdir()
    with run_wire(sshd.port) as wire:
        address = SshAddress(sudoer, "127.0.0.1", wire.port)
        target = SshTarget(address, sshd.host_key, sshd.key_file, sudo=True)
        host = SshHost(target, PurePosixPath(open_folder))
        before, words, is_cut = b"", 0, True
        await host.replace("live/crl.pem", before, mode=0o644)
        while is_cut:
            content = b"%d" % words * 10_000
            wire.cut_after = wire.passed + words
            with suppress(HostError):
                await host.replace("live/crl.pem", content, mode=0o644)
            is_cut = wire.is_cut
            wire.mend()
            await all_gone(live, {"crl.pem"})
            async with asyncio.timeout(60):
                found = None
                while found is None:
                    link_to(target)._not_before = 0.0
                    with suppress(SshLost):
                        found = await host.read("live/crl.pem")
            assert found in (before, content), words
            before, words = found, words + 1
        assert found == content
        assert words > 2  # how many it takes is up to TCP
        await close_links()
