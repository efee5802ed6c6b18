"""What can go wrong with a machine elsewhere: each has words of its own, and nothing is by half."""

import asyncio
import os
import shutil
import socket
import subprocess
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from pathlib import Path

import pytest
import pytest_asyncio

from bot.fleet.elsewhere import authorized_line, use_key
from tests.company import run
from tests.sshd import NEEDS_SSHD, Sshd, new_account, run_sshd
from tests.vpn.kit import Company, codes, make_spec, now
from vpn.errors import (
    ForwardingForbidden,
    HostError,
    HostKeyChanged,
    KeyRefused,
    ManagementGone,
    NoShell,
    NotReadable,
    SshLost,
    SshSilent,
    SshUnreachable,
)
from vpn.host.interface import FileFacts, Process
from vpn.host.machine import process_started_at, room_left, tcp_listener_uid
from vpn.host.ssh import SshHost
from vpn.host.ssh_link import close_links, link_to
from vpn.layout import MANAGEMENT_SOCKET, TcpPort, UnixSocket
from vpn.proof.live import LiveServer
from vpn.proof.management import open_management

pytestmark = NEEDS_SSHD
SOCKET = UnixSocket(MANAGEMENT_SOCKET)
_SOON_S, _LONG_S = 1.0, 60.0


@pytest.fixture(scope="module")
def account() -> Iterator[str]:
    with new_account() as made:
        yield made.pw_name


@pytest.fixture(scope="module")
def kept(module_folder: Path, account: str) -> Iterator[Sshd]:
    with run_sshd(module_folder, users=("root", account)) as made:
        yield made


@pytest_asyncio.fixture
async def sshd(kept: Sshd, account: str) -> AsyncIterator[Sshd]:
    """As it was, whatever the test before did to it."""
    yield kept
    await close_links()
    kept.stop()
    kept.options.clear()
    kept.allow(account)
    kept.start()


@pytest.fixture
def home(open_folder: Path, account: str) -> Path:
    live = open_folder / "live"
    live.mkdir()

    shutil.chown(live, account)
    return open_folder


def again(sshd: Sshd, *options: str) -> None:
    sshd.stop()
    sshd.options[:] = options
    sshd.start()


def call(*command: str) -> None:
    subprocess.run(command, check=True)


def files_in(folder: Path) -> list[Path]:
    return [*folder.iterdir()]


async def test_another_host_key_stops_everything(sshd: Sshd, home: Path) -> None:
    target = sshd.target("root")
    sshd.new_host_key()
    again(sshd)
    changed = SshHost(target, sshd.host(home).home)
    for attempt in (changed.read("x"), changed.listdir(""), changed.caller()):
        with pytest.raises(HostKeyChanged, match=r"has changed: SHA256:.* shows SHA256:"):
            await attempt
    with pytest.raises(HostKeyChanged):
        await changed.replace("x", b"secret", mode=0o600)
    with pytest.raises(ManagementGone, match="has changed"):
        await changed.connect(SOCKET)
    assert "Accepted" not in sshd.log.rpartition("Server listening")[2]
    assert await sshd.host(home).listdir("") == ("live",)


async def test_a_refused_key_and_a_locked_account_have_their_mend(
    sshd: Sshd, home: Path, account: str
) -> None:
    sshd.allow(account, "# nobody")
    with pytest.raises(KeyRefused, match="vpnbot server key"):
        await sshd.host(home, account).read("x")
    sshd.allow(account)
    call("usermod", "-p", "!", account)
    try:
        await close_links()
        with pytest.raises(KeyRefused, match=f"usermod -p '\\*' {account}"):
            await sshd.host(home, account).read("x")
    finally:
        call("usermod", "-p", "*", account)
    await close_links()
    assert await sshd.host(home, account).listdir("") == ("live",)


async def test_a_key_that_others_can_read_is_not_used(sshd: Sshd, home: Path) -> None:
    sshd.key_file.chmod(0o644)
    try:
        with pytest.raises(KeyRefused, match="chmod 600"):
            await sshd.host(home).read("x")
    finally:
        sshd.key_file.chmod(0o600)


async def test_an_account_that_runs_no_programs_is_told(
    sshd: Sshd, home: Path, account: str
) -> None:
    again(sshd, "ForceCommand internal-sftp")
    with pytest.raises(NoShell, match="ForceCommand"):
        await sshd.host(home).read("x")
    again(sshd)
    call("usermod", "-s", "/usr/sbin/nologin", account)
    try:
        with pytest.raises(NoShell, match=f"usermod -s /bin/sh {account}"):
            await sshd.host(home, account).read("x")
    finally:
        call("usermod", "-s", "/bin/sh", account)


async def test_nobody_there_is_told(sshd: Sshd, home: Path) -> None:
    sshd.stop()
    with pytest.raises(SshUnreachable, match="can't be reached by SSH"):
        await sshd.host(home).read("x")
    sshd.start()
    # For a moment the same is said without a new attempt; then there is one.
    host = sshd.host(home)
    link_to(host.target)._not_before = 0.0
    assert await host.listdir("") == ("live",)


@pytest.mark.parametrize(
    "forbids", ["AllowTcpForwarding no", "AllowStreamLocalForwarding no", "restrict"]
)
async def test_what_sshd_forbids_is_told_from_nobody_there(
    sshd: Sshd, home: Path, account: str, forbids: str
) -> None:
    if forbids == "restrict":
        public = sshd.public_line
        sshd.allow(account, f"restrict {public}")
    else:
        again(sshd, forbids)
    host = sshd.host(home, account)
    with pytest.raises(ManagementGone, match="start the server"):
        await host.connect(SOCKET)
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(home / "management.sock"))
        (home / "management.sock").chmod(0o777)
        server.listen()
        with pytest.raises(ForwardingForbidden, match="AllowStreamLocalForwarding"):
            await host.connect(SOCKET)
        if forbids == "restrict":
            sshd.allow(account, f"restrict,port-forwarding {public}")
            await close_links()
            _, writer = await host.connect(SOCKET)
            writer.close()
    with pytest.raises(ManagementGone, match="start the server"):
        await host.connect(SOCKET)


async def test_a_port_is_reached_as_from_there(sshd: Sshd, home: Path) -> None:
    host = sshd.host(home)
    with socket.create_server(("127.0.0.1", 0)) as server:
        place = TcpPort("127.0.0.1", server.getsockname()[1])
        _, writer = await host.connect(place)
        writer.close()
    with pytest.raises(ManagementGone, match="start the server"):
        await host.connect(place)


async def test_nothing_listens_there_for_a_copied_key(
    sshd: Sshd, home: Path, account: str, tmp_path: Path
) -> None:
    """And the bot is let through, with the very line that root puts there."""
    use_key(sshd.key_file)
    sshd.allow(account, authorized_line())
    host = sshd.host(home, account)
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(home / "management.sock"))
        (home / "management.sock").chmod(0o777)
        server.listen()
        _, writer = await host.connect(SOCKET)
        writer.close()
    with socket.create_server(("127.0.0.1", 0)) as server:
        _, writer = await host.connect(TcpPort("127.0.0.1", server.getsockname()[1]))
        writer.close()
    ssh = ("ssh", "-F", "/dev/null", "-i", str(sshd.key_file), "-p", str(sshd.port))
    options = ("-o", "StrictHostKeyChecking=no", "-o", f"UserKnownHostsFile={tmp_path}/known")
    listens = ("-o", "ExitOnForwardFailure=yes", "-N", "-R", "127.0.0.1:0:127.0.0.1:1")
    command = (*ssh, *options, *listens, f"{account}@127.0.0.1")
    refused = await run(command, tmp_path, {"PATH": os.environ["PATH"]})
    assert "remote port forwarding failed" in refused.err


async def test_sftp_is_not_needed(sshd: Sshd, home: Path, account: str) -> None:
    again(sshd, "Subsystem sftp /bin/false")
    host = sshd.host(home, account)
    await host.replace("live/crl.pem", b"list", mode=0o644)
    assert await host.read("live/crl.pem") == b"list"


async def test_the_account_may_write_below_live_only(sshd: Sshd, home: Path, account: str) -> None:
    (home / "server.key").write_text("secret")
    (home / "server.key").chmod(0o600)
    host = sshd.host(home, account)
    for attempt in (
        host.replace("server.conf", b"up /bin/sh", mode=0o644),
        host.remove("live", is_folder=True),
        host.make_folder("more", mode=0o755),
        host.rename("server.key", "live/key"),
        host.read("server.key"),
    ):
        with pytest.raises(NotReadable, match="Permission denied"):
            await attempt
    await host.replace("live/anna", b"", mode=0o644)
    facts = await host.stat("live/anna")
    assert facts is not None
    assert facts.uid == await host.caller() != 0


async def test_no_room_leaves_what_was_there(sshd: Sshd, home: Path) -> None:
    small = home / "small"
    small.mkdir()
    call("mount", "-t", "tmpfs", "-o", "size=64k", "none", str(small))
    try:
        host = sshd.host(home)
        await host.replace("small/crl.pem", b"old", mode=0o644)
        with pytest.raises(HostError, match="No space left on device"):
            await host.replace("small/crl.pem", b"x" * 100_000, mode=0o644)
        assert await host.read("small/crl.pem") == b"old"
        assert await host.listdir("small") == ("crl.pem",)
        call("mount", "-o", "remount,ro", str(small))
        for attempt in (
            host.replace("small/crl.pem", b"new", mode=0o644),
            host.remove("small/crl.pem"),
        ):
            with pytest.raises(HostError, match="Read-only file system"):
                await attempt
    finally:
        call("umount", str(small))


async def test_a_connection_that_is_cut_leaves_nothing_half_written(sshd: Sshd, home: Path) -> None:
    host = sshd.host(home)
    await host.replace("live/crl.pem", b"old", mode=0o644)
    writing = asyncio.create_task(host.replace("live/crl.pem", b"x" * 30_000_000, mode=0o644))
    while len(files_in(home / "live")) == 1:  # noqa: ASYNC110 - a folder has no event
        await asyncio.sleep(0.001)
    sshd.cut()
    with pytest.raises(SshLost, match="nothing was changed"):
        await writing
    while len(files_in(home / "live")) > 1:  # noqa: ASYNC110 - a folder has no event
        await asyncio.sleep(0.01)
    assert (home / "live/crl.pem").read_bytes() == b"old"
    # And it is made anew by whoever asks next.
    await host.replace("live/crl.pem", b"new", mode=0o644)
    assert await host.read("live/crl.pem") == b"new"


async def test_a_machine_that_hangs_is_given_up_in_time(sshd: Sshd, home: Path) -> None:
    host = sshd.host(home)
    link = link_to(host.target)
    link.first_pause_s = 600
    await host.caller()
    link.answer_s = link.connect_s = link.change_s = _SOON_S
    sshd.signal("STOP")
    try:
        given_up = f"gives no answer within {_SOON_S:g} s"
        with pytest.raises(SshSilent, match=given_up):
            await host.read("live/crl.pem")
        # The first one waits; the others are told what it was told, and wait for nothing.
        link.answer_s = link.connect_s = link.change_s = _LONG_S
        for attempt in (host.read("live/crl.pem"), host.stat(""), host.run(("true",))):
            with pytest.raises(SshSilent, match=given_up):
                await attempt
        with pytest.raises(ManagementGone, match=given_up):
            async with open_management(host, _LONG_S):
                pass
        await close_links()
        link_to(host.target).connect_s = _SOON_S
        with pytest.raises(SshSilent, match="doesn't let anybody in"):
            await host.caller()
    finally:
        with suppress(ProcessLookupError):
            sshd.signal("CONT")


async def test_what_was_given_up_does_nothing_later(sshd: Sshd, home: Path) -> None:
    """An older list in the place of a newer one would let people in."""
    host = sshd.host(home)
    await host.replace("live/crl.pem", b"old", mode=0o644)
    link_to(host.target).change_s = _SOON_S
    sshd.signal("STOP")
    with pytest.raises(SshSilent):
        await host.replace("live/crl.pem", b"late", mode=0o644)
    sshd.signal("CONT")
    link_to(host.target)._not_before = 0.0
    link_to(host.target).change_s = 60
    await host.replace("live/crl.pem", b"newer", mode=0o644)
    assert await host.listdir("live") == ("crl.pem",)
    assert (home / "live/crl.pem").read_bytes() == b"newer"


async def test_while_sshd_is_away_nothing_is_proved(
    sshd: Sshd, open_folder: Path, account: str
) -> None:
    company = Company(make_spec(open_folder / "home", account=account))
    company.host = sshd.host(open_folder / "home")  # type: ignore[assignment]
    await company.deploy()
    company.live = LiveServer(company.spec, sshd.host(open_folder / "home", account))
    await company.publish()
    issued = await company.admit()
    sshd.stop()
    proof = await company.cut(issued)
    assert not proof.proved
    assert {"ccd_not_removed", "crl_not_written", "management_gone"} <= set(codes(proof))
    assert (open_folder / "home/live/ccd" / issued.target.common_name).exists()
    sshd.start()
    link_to(sshd.target(account))._not_before = 0.0
    (proof,) = await company.live.cut(
        [issued.target], crl_pem=company.crl(), issuers=[company.issuer], now=now
    )
    assert set(codes(proof)) == {"management_gone"}
    assert not (open_folder / "home/live/ccd" / issued.target.common_name).exists()


@pytest.mark.parametrize("start", ["yes vpnbot", "echo vpnbot 99999999999", "echo vpnbot none 0"])
async def test_a_shell_that_says_anything_is_no_shell(sshd: Sshd, home: Path, start: str) -> None:
    again(sshd, f"ForceCommand {start}")
    with pytest.raises(NoShell, match="take away"):
        await sshd.host(home).read("x")


def lies(sshd: Sshd, said: str, how: str = "") -> None:
    """A machine that lets us in as any would, and says this to whatever is asked.

    Args:
        how: what follows that in its script.
    """
    liar = sshd.folder / "liar"
    answer = f"(printf '{said}' {how}); printf '\\n%s %s\\n\\n%s.\\n' $mark $? $mark"
    liar.write_text(
        "#!/bin/sh\necho vpnbot 0\nwhile read -r mark count; do\n"
        f'[ "$count" ] || continue\nread -r line\n{answer}\ndone\n'
    )
    liar.chmod(0o755)
    again(sshd, f"ForceCommand {liar}")


@pytest.mark.parametrize(
    "facts",
    ["x", "41ed 0 0 1e400 1.0", "41ed 0 0 nan 1.0", "zz 0 0 1.0 1.0", "\\377"],
)
async def test_facts_that_cannot_be_are_told(sshd: Sshd, home: Path, facts: str) -> None:
    lies(sshd, facts)
    with pytest.raises(HostError, match="doesn't tell what lies at"):
        await sshd.host(home).stat("x")


@pytest.mark.parametrize("output", [1, 2])
async def test_a_machine_that_says_much_gets_into_no_message(
    sshd: Sshd, home: Path, output: int
) -> None:
    """What is found goes into the log, and into the database for each profile."""
    lies(sshd, "x" * 60_000, f">&{output}; exit 3")
    host = sshd.host(home)
    for attempt in (host.read("x"), host.remove("x"), room_left(Roomy(host.target, host.home), "")):
        with pytest.raises(HostError) as told:
            await attempt
        assert len(str(told.value)) < 500


class Roomy(SshHost):
    async def stat(self, path: str) -> FileFacts | None:  # noqa: ARG002
        moment = now()
        return FileFacts(0o755, 0, 0, is_folder=True, modified_at=moment, changed_at=moment)


async def test_a_link_that_cannot_be_is_not_followed(sshd: Sshd, home: Path) -> None:
    """To go through the folders on the way takes the more time the longer it is."""
    link = "a1ff 0 0 1.0 1.0\\0>{0}\\0" + "x/" * 3000 + "\\0"
    lies(sshd, "".join(f"={path}\\0{link.format(path)}" for path in (home, *home.parents)))
    with pytest.raises(HostError, match="File name too long"):
        list(await sshd.host(home).resolve(""))


@pytest.mark.parametrize("shown", ["9" * 400 + ".0 1.0", "1.0 " + "9" * 30 + ".0", "1.0"])
async def test_a_boot_that_cannot_be_is_told(sshd: Sshd, home: Path, shown: str) -> None:
    lies(sshd, f"{shown}\\n")
    with pytest.raises(HostError, match="since when it runs"):
        await sshd.host(home).process(1)


@pytest.mark.parametrize(
    "said", ["", "7 (x) S", "7 (x)" + " x" * 30, "7 (x)" + f" {'9' * 400}" * 30]
)
async def test_a_process_of_nonsense_has_no_beginning(sshd: Sshd, home: Path, said: str) -> None:
    host = sshd.host(home)

    class Liar(SshHost):
        async def process(self, pid: int) -> Process | None:  # noqa: ARG002
            return Process(said.encode(), now())

    assert await process_started_at(Liar(host.target, host.home), 7) is None


async def test_an_account_of_nonsense_in_the_kernels_table(sshd: Sshd, home: Path) -> None:
    lies(sshd, "0: 0100007F:1D95 00000000:0000 0A 0:0 0:0 0 x 0 7\\n")
    with pytest.raises(HostError, match="names no account"):
        await tcp_listener_uid(sshd.host(home), TcpPort("127.0.0.1", 7573))
