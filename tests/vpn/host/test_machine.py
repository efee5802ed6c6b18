"""Processes, ports, sockets, programs and the room on the disk, here and elsewhere."""

import asyncio
import os
import shutil
import socket
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.vpn.host.kit import NEEDS_ROOT, NOBODY, HostAt
from tests.vpn.kit import now
from vpn.errors import HostError, ManagementGone
from vpn.findings import Finding, FindingCode
from vpn.host.interface import NO_PROGRAM, Process, Ran, ServerHost
from vpn.host.local import LocalHost
from vpn.host.machine import (
    LITTLE_ROOM,
    ccd_findings,
    changed_since_start,
    clock_findings,
    port_in_use,
    process_started_at,
    room_findings,
    room_left,
    syntax_problem,
    tcp_listener_uid,
)
from vpn.layout import DEPLOYED, MANAGEMENT_SOCKET, TcpPort, UnixSocket
from vpn.values import Protocol

SOCKET = UnixSocket(MANAGEMENT_SOCKET)


async def test_a_process_has_a_beginning(host: ServerHost) -> None:
    before = now()
    process = await asyncio.create_subprocess_exec("sleep", "60")
    started = await process_started_at(host, process.pid)
    process.kill()
    await process.wait()
    assert started is not None
    # The kernel counts in hundredths of a second, and so does what tells the time elsewhere.
    assert before - timedelta(seconds=0.05) <= started <= now()
    assert await process_started_at(host, process.pid) is None
    assert await process_started_at(host, 0) is None


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (80, "80 seconds ahead of"),
        (-121, "2 minutes behind"),
        (5 * 3600 - 0.4, "5 hours ahead of"),
        (-2 * 86_400 + 1, "2 days behind"),
        (8 * 86_400 - 2, "8 days ahead of"),
    ],
)
def test_how_far_a_clock_is_off_does_not_hang_on_a_second(seconds: float, words: str) -> None:
    noon = datetime(2026, 3, 1, 12, tzinfo=UTC)
    (finding,) = clock_findings(noon + timedelta(seconds=seconds), noon)
    assert words in finding.detail


@pytest.mark.parametrize(
    ("seconds", "is_said", "lets_in"),
    [
        (60, False, True),
        (61, True, True),
        (-60, False, True),
        (-61, True, True),
        # A list begins a day before it is signed, holds for seven, and is a day old at most.
        (-86_400, True, True),
        (-86_401, True, False),
        (6 * 86_400, True, True),
        (6 * 86_400 + 1, True, False),
    ],
)
def test_what_a_clock_that_is_off_does(seconds: int, is_said: bool, lets_in: bool) -> None:
    noon = datetime(2026, 3, 1, 12, tzinfo=UTC)
    said = [finding.detail for finding in clock_findings(noon + timedelta(seconds=seconds), noon)]
    assert len(said) == is_said
    assert all(("lets nobody in" in detail) is not lets_in for detail in said)
    assert clock_findings(None, noon) == []


@pytest.mark.parametrize(
    ("protocol", "kind"),
    [(Protocol.UDP, socket.SOCK_DGRAM), (Protocol.TCP, socket.SOCK_STREAM)],
)
async def test_a_taken_port_is_seen(
    host: ServerHost, protocol: Protocol, kind: socket.SocketKind
) -> None:
    with socket.socket(socket.AF_INET, kind) as other:
        other.bind(("127.0.0.1", 0))
        if protocol is Protocol.TCP:
            other.listen()
        port = other.getsockname()[1]
        assert await port_in_use(host, port, protocol) is True
    assert await port_in_use(host, port, protocol) is False


async def test_a_machine_without_one_of_the_kernels_tables(
    local: LocalHost, program: Callable[[str, str], None]
) -> None:
    """As `cat` says it in a language that needs many words; IPv6 is off there."""
    program("cat", 'echo "cat: /proc/net/udp6: Aucun fichier ou dossier de ce type"; exit 1')
    assert await port_in_use(local, 1194, Protocol.UDP) is False


HERE, ANYWHERE = "0100007F:1D51", "00000000:1D51"


@pytest.mark.parametrize(
    ("row", "udp", "tcp", "uid"),
    [
        (f"0: {HERE} 0:0 0A 0:0 0:0 0 1000", True, True, 1000),
        # Nobody listens there: a connection, or one that has just ended.
        (f"0: {HERE} 0:0 06 0:0 0:0 0 1000", True, False, None),
        (f"0: {ANYWHERE} 0:0 0A 0:0 0:0 0 1000", True, True, None),
        ("0: 0100007F:1D52 0:0 0A 0:0 0:0 0 1000", False, False, None),
        ("12 0100007F:1D51 0:0 0A 0:0 0:0 0 1000", True, True, 1000),
        # What has too few words, or begins with no number, is no row.
        (f"0: {HERE} 0:0 0A 0:0 0:0 0", False, False, None),
        (f"sl {HERE} 0:0 0A 0:0 0:0 0 1000", False, False, None),
    ],
)
async def test_a_port_is_found_in_the_kernels_tables(
    local: LocalHost,
    program: Callable[[str, str], None],
    row: str,
    udp: bool,
    tcp: bool,
    uid: int | None,
) -> None:
    program("cat", f"echo {row}")
    assert await port_in_use(local, 7505, Protocol.UDP) is udp
    assert await port_in_use(local, 7505, Protocol.TCP) is tcp
    assert await tcp_listener_uid(local, TcpPort("127.0.0.1", 7505)) == uid


async def test_nobody_listens_where_there_is_no_socket(
    host: ServerHost, host_at: HostAt, open_folder: Path
) -> None:
    with pytest.raises(ManagementGone, match="start the server"):
        await host.connect(SOCKET)
    (open_folder / "management.sock").write_text("")
    with pytest.raises(ManagementGone, match="isn't a socket"):
        await host.connect(SOCKET)
    assert await host.listener_pid(SOCKET.path) is None
    with pytest.raises(ManagementGone, match="can't be opened"):
        await host_at(open_folder / "gone").connect(SOCKET)


async def test_a_stale_socket_is_no_listener(host: ServerHost, open_folder: Path) -> None:
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(open_folder / "management.sock"))
        server.listen()
        assert await host.listener_pid(SOCKET.path) == os.getpid()
    assert await host.listener_pid(SOCKET.path) is None
    with pytest.raises(ManagementGone, match="Connection refused"):
        await host.connect(SOCKET)


async def test_a_full_queue_is_waited_out(host: ServerHost, open_folder: Path) -> None:
    path = str(open_folder / "management.sock")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(path)
        os.chmod(path, 0o777)  # noqa: PTH101 - like OpenVPN's
        server.listen(0)
        with socket.socket(socket.AF_UNIX) as first:
            first.connect(path)
            assert await host.listener_pid(SOCKET.path) in {0, os.getpid()}
            waiting = asyncio.create_task(host.connect(SOCKET))
            done, _ = await asyncio.wait([waiting], timeout=0.2)
            assert not done
        server.accept()[0].close()
        _, writer = await waiting
        writer.close()
        await writer.wait_closed()


async def test_a_long_path_can_be_connected(open_folder: Path) -> None:
    """A unix socket's own path has 107 bytes at most."""
    folder = open_folder / ("x" * 120)
    folder.mkdir()
    with socket.socket(socket.AF_UNIX) as server:
        handle = os.open(folder, os.O_PATH)
        server.bind(f"/proc/self/fd/{handle}/management.sock")
        os.close(handle)
        server.listen()
        _, writer = await LocalHost(folder).connect(SOCKET)
        writer.close()
        await writer.wait_closed()


async def test_the_room_on_a_disk_is_told(host: ServerHost, open_folder: Path) -> None:
    left = await room_left(host, "live")
    assert left is not None
    assert left == pytest.approx(shutil.disk_usage(open_folder).free, rel=0.1)
    assert await room_left(host, "gone") is None


@pytest.mark.parametrize(
    ("said", "left"),
    [
        ("100 3 5 4096", 20_480),
        ("100 0 5 4096", 0),
        ("0 0 5 4096", 20_480),
        ("? ? 5 4096", None),
        ("1 1 -1 -1", None),
        ("1 1 1 " + "9" * 5000, None),
        ("1 1 4096", None),
        ("100 3 5 4096; exit 1", None),
    ],
)
async def test_without_room_for_a_file_there_is_none(
    local: LocalHost, program: Callable[[str, str], None], said: str, left: int | None
) -> None:
    """Btrfs has no count of files."""
    program("stat", f"echo {said}")
    if left is None:
        with pytest.raises(HostError, match="how much room is left"):
            await room_left(local, "live")
    else:
        assert await room_left(local, "live") == left


@pytest.mark.parametrize(("missing", "said"), [(0, []), (1, [f"{LITTLE_ROOM // 1_000_000} MB"])])
async def test_little_room_is_told(
    local: LocalHost, program: Callable[[str, str], None], missing: int, said: list[str]
) -> None:
    program("stat", f"echo 100 3 {LITTLE_ROOM - missing} 1")
    found = await room_findings(local, DEPLOYED)
    details = [f"Only {room} are left on the disk of live; make room there." for room in said]
    assert found == [Finding(FindingCode.DISK_NEARLY_FULL, detail) for detail in details]
    assert await room_findings(local, replace(DEPLOYED, crl=None)) == []
    assert await room_findings(local, replace(DEPLOYED, crl="gone/crl.pem")) == []


async def test_nobody_connects_without_the_folder_of_all(
    local: LocalHost, open_folder: Path
) -> None:
    ccd = open_folder / "live/ccd"
    open_to_all = replace(DEPLOYED, exclusive=False)
    for _ in ("missing", "a file"):
        (found,) = await ccd_findings(local, DEPLOYED)
        detail = "There is no folder live/ccd, so nobody can connect."
        assert (found.code, found.detail) == (FindingCode.CCD_MISSING, detail)
        (found,) = await ccd_findings(local, open_to_all)
        assert found.detail.endswith("so nobody has an own address.")
        assert await ccd_findings(local, replace(DEPLOYED, ccd=None)) == []
        ccd.touch()
    ccd.unlink()
    ccd.mkdir()
    assert await ccd_findings(local, DEPLOYED) == []
    ccd.chmod(0o700)
    (found,) = await ccd_findings(local, DEPLOYED)
    assert f"chmod o+x {ccd}" in found.detail


async def test_a_file_that_changed_at_a_process_beginning_was_read_by_it(
    open_folder: Path,
) -> None:
    """Later it was not, and neither was one that went."""
    (open_folder / "server.conf").touch()
    facts = await LocalHost(open_folder).stat("server.conf")
    assert facts is not None
    changed_at = facts.changed_at

    class Started(LocalHost):
        at = changed_at

        async def process(self, pid: int) -> Process:
            return Process(f"{pid} (a) b) {'0 ' * 30}".encode(), self.at)

    host = Started(open_folder)
    paths = ("server.conf", "gone")
    assert await changed_since_start(host, 4711, paths) == ("gone",)
    host.at -= timedelta(microseconds=1)
    assert await changed_since_start(host, 4711, paths) == paths


async def test_a_program_is_heard_out(host: ServerHost) -> None:
    assert await host.run(("cat",), stdin=b"word") == Ran(0, b"word")
    failed = await host.run(("/bin/sh", "-c", "pwd; echo no >&2; exit 3"))
    assert (failed.status, failed.lines) == (3, ["/", "no"])
    assert (await host.run(("no-such-program",))).status == NO_PROGRAM
    assert (await host.run(("true",), stdin=b"x" * 1_000_000)).status == 0


async def test_a_program_that_does_not_end_is_left(open_folder: Path) -> None:
    with pytest.raises(HostError, match=r"sleep doesn't end within 0\.2 s"):
        await LocalHost(open_folder, answer_s=0.2).run(("sleep", "60"))


async def test_a_program_that_says_too_much_is_left(host: ServerHost) -> None:
    with pytest.raises(HostError, match="says more than"):
        await host.run(("yes",))


@NEEDS_ROOT
async def test_a_program_cannot_take_root_back(local: LocalHost) -> None:
    os.seteuid(NOBODY)
    try:
        told = await local.run(("/bin/sh", "-c", "id -u; id -ru"))
    finally:
        os.seteuid(0)
    assert told.lines == [str(NOBODY), str(NOBODY)]


async def test_of_what_openvpn_says_the_error_is_told(
    local: LocalHost, program: Callable[[str, str], None]
) -> None:
    program("openvpn", "echo Note: x; echo Options error: y; echo Use --help; exit 1")
    assert await syntax_problem(local, "live", "") == "Options error: y"
    program("openvpn", "echo Note: x; echo Use --help; exit 1")
    assert await syntax_problem(local, "live", "") == "Use --help"
    program("openvpn", "echo Options error: y")
    assert await syntax_problem(local, "live", "") is None
