import asyncio
import os
import shutil
import socket
import stat
import subprocess
from collections.abc import AsyncIterator, Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest
import pytest_asyncio

from tests.sshd import NEEDS_SSHD, Sshd, run_sshd
from tests.vpn.kit import CALLER, now
from vpn.errors import HostError, ManagementGone, NotReadable
from vpn.host.interface import NO_PROGRAM, READ_LIMIT, Ran, ServerHost
from vpn.host.local import LocalHost
from vpn.host.machine import port_in_use, process_started_at, room_left
from vpn.host.permissions import (
    account_problem,
    owner_of,
    read_linked,
    real_path,
    shut_out,
    shut_out_above,
)
from vpn.host.ssh_link import close_links
from vpn.layout import MANAGEMENT_SOCKET, Reader, UnixSocket
from vpn.values import Protocol

NEEDS_ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
NOBODY = 65534
SOCKET = UnixSocket(MANAGEMENT_SOCKET)


HostAt = Callable[[Path], ServerHost]


@pytest.fixture(scope="module")
def sshd(module_folder: Path) -> Iterator[Sshd]:
    with run_sshd(module_folder) as made:
        yield made


@pytest_asyncio.fixture(params=["here", pytest.param("elsewhere", marks=NEEDS_SSHD)])
async def host_at(request: pytest.FixtureRequest) -> AsyncIterator[HostAt]:
    """All that a host promises holds for this machine, and for one that is reached by SSH."""
    if request.param == "here":
        yield LocalHost
        return
    yield request.getfixturevalue("sshd").host
    await close_links()


@pytest.fixture
def host(host_at: HostAt, open_folder: Path) -> ServerHost:
    (open_folder / "live").mkdir()
    return host_at(open_folder)


@pytest.fixture
def local(open_folder: Path) -> LocalHost:
    (open_folder / "live").mkdir()
    return LocalHost(open_folder)


@pytest.fixture(params=[0o000, 0o022, 0o077])
def umask(request: pytest.FixtureRequest) -> Iterator[None]:
    before = os.umask(request.param)
    yield
    os.umask(before)


@pytest.fixture
def program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str, str], None]:
    """Puts another program in the place of one of the machine's."""

    def put(name: str, script: str) -> None:
        (tmp_path / name).write_text(f"#!/bin/sh\n{script}\n")
        (tmp_path / name).chmod(0o755)
        monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")

    return put


def mode_of(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


async def test_what_is_written_is_read(host: ServerHost) -> None:
    assert await host.read("live/crl.pem") is None
    await host.replace("live/crl.pem", b"one", mode=0o644)
    await host.replace("live/crl.pem", b"two", mode=0o644)
    assert await host.read("live/crl.pem") == b"two"
    assert await host.listdir("live") == ("crl.pem",)


@pytest.mark.usefixtures("umask")
async def test_modes_are_exact_whatever_the_umask(host: ServerHost, open_folder: Path) -> None:
    await host.replace("public", b"", mode=0o644)
    await host.replace("secret", b"", mode=0o600)
    await host.make_folder("live/ccd", mode=0o755)
    assert mode_of(open_folder / "public") == 0o644
    assert mode_of(open_folder / "secret") == 0o600
    assert mode_of(open_folder / "live/ccd") == 0o755


async def test_each_replacement_has_a_later_second(host: ServerHost) -> None:
    """OpenVPN overlooks a new CRL of the same size in the same second."""
    seconds = []
    for content in (b"aaa", b"bbb", b"ccc"):
        await host.replace("live/crl.pem", content, mode=0o644)
        facts = await host.stat("live/crl.pem")
        assert facts is not None
        seconds.append(int(facts.modified_at.timestamp()))
    assert seconds[0] < seconds[1] < seconds[2]


async def test_a_file_from_the_future_is_followed_by_one_of_later(
    host: ServerHost, open_folder: Path
) -> None:
    crl = open_folder / "live/crl.pem"
    crl.write_bytes(b"old")
    future = (now() + timedelta(days=1)).timestamp()
    os.utime(crl, (future, future))
    await host.replace("live/crl.pem", b"new", mode=0o644)
    assert int(crl.stat().st_mtime) == int(future) + 1


async def test_a_failed_replacement_leaves_nothing_behind(
    host: ServerHost, open_folder: Path
) -> None:
    (open_folder / "live/ccd").mkdir()
    with pytest.raises(HostError, match="live/ccd"):
        await host.replace("live/ccd", b"x", mode=0o644)
    assert await host.listdir("live") == ("ccd",)


@NEEDS_ROOT
async def test_only_files_below_live_belong_to_its_owner(
    host: ServerHost, open_folder: Path
) -> None:
    os.chown(open_folder, NOBODY, NOBODY)
    os.chown(open_folder / "live", 12345, 12346)
    await host.replace("live/crl.pem", b"", mode=0o644, as_folder=True)
    await host.replace("server.conf", b"", mode=0o644)
    crl, conf = (open_folder / "live/crl.pem").stat(), (open_folder / "server.conf").stat()
    assert (crl.st_uid, crl.st_gid) == (12345, 12346)
    assert (conf.st_uid, conf.st_gid) == (0, 0)


async def test_no_link_inside_is_followed(host: ServerHost, open_folder: Path) -> None:
    elsewhere = open_folder / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "file").write_text("secret")
    (open_folder / "live/ccd").symlink_to(elsewhere)
    (open_folder / "live/crl.pem").symlink_to(elsewhere / "file")
    for attempt in (
        host.read("live/crl.pem"),
        host.read("live/ccd/file"),
        host.replace("live/ccd/file", b"x", mode=0o644),
        host.remove("live/ccd/file"),
        host.listdir("live/ccd"),
        host.make_folder("live/ccd", mode=0o777),
        host.stat("live/ccd/file"),
    ):
        with pytest.raises(HostError):
            await attempt
    await host.replace("live/crl.pem", b"ours", mode=0o644)
    assert (elsewhere / "file").read_text() == "secret"
    assert not (open_folder / "live/crl.pem").is_symlink()


async def test_a_list_is_read_as_openvpn_reads_it(
    host: ServerHost, open_folder: Path, tmp_path: Path
) -> None:
    crl, other = open_folder / "live/crl.pem", tmp_path / "other.pem"
    assert await read_linked(host, "live/crl.pem") is None
    crl.symlink_to(other)
    assert await read_linked(host, "live/crl.pem") is None
    other.write_bytes(b"list")
    assert await read_linked(host, "live/crl.pem") == b"list"
    other.unlink()
    other.mkdir()
    with pytest.raises(HostError, match="is no ordinary file"):
        await read_linked(host, "live/crl.pem")


@NEEDS_ROOT
async def test_root_reads_through_no_link_of_anothers(host: ServerHost, open_folder: Path) -> None:
    crl = open_folder / "live/crl.pem"
    crl.symlink_to("/etc/hostname")
    os.chown(crl, 12345, -1, follow_symlinks=False)
    with pytest.raises(HostError, match="root does not follow it"):
        await read_linked(host, "live/crl.pem")


@NEEDS_ROOT
async def test_what_is_closed_is_told_from_what_hangs(local: LocalHost, open_folder: Path) -> None:
    crl = open_folder / "live/crl.pem"
    crl.write_bytes(b"root's alone")
    crl.chmod(0o600)
    os.seteuid(NOBODY)
    try:
        with pytest.raises(NotReadable, match="Permission denied"):
            await read_linked(local, "live/crl.pem")
    finally:
        os.seteuid(0)


def _open_files() -> int:
    return len([*Path("/proc/self/fd").iterdir()])


async def test_what_is_in_the_way_is_named(host: ServerHost, open_folder: Path) -> None:
    """And what was opened to look at it is closed again: the bot looks for years."""
    crl, ccd = open_folder / "live/crl.pem", open_folder / "live/ccd"
    ccd.symlink_to("/tmp")
    crl.symlink_to("/etc/hostname")
    await host.caller()
    before = _open_files()
    for _ in range(3):
        with pytest.raises(HostError, match=f"^{crl} is no ordinary file; remove it"):
            await host.read("live/crl.pem")
        with pytest.raises(HostError, match=f"^{ccd} is no folder, or a link to one; remove it"):
            await host.read("live/ccd/anna")
    crl.unlink()
    crl.mkdir()
    for _ in range(3):
        with pytest.raises(HostError, match=f"^{crl} is no ordinary file; remove it"):
            await host.read("live/crl.pem")
    assert _open_files() == before


async def test_a_pipe_does_not_hang_the_reader(host: ServerHost, open_folder: Path) -> None:
    os.mkfifo(open_folder / "live/crl.pem")
    with pytest.raises(HostError, match="no ordinary file"):
        await host.read("live/crl.pem")


async def test_a_huge_file_is_not_read(host: ServerHost, open_folder: Path) -> None:
    with (open_folder / "live/crl.pem").open("wb") as file:
        file.truncate(READ_LIMIT + 1)
    with pytest.raises(HostError, match="more than"):
        await host.read("live/crl.pem")


@pytest.mark.parametrize("path", ["../x", "/etc/passwd", "live//x", "live/./x", "live/"])
async def test_paths_stay_below_the_folder(host: ServerHost, path: str) -> None:
    with pytest.raises(ValueError, match="no path below"):
        await host.read(path)


async def test_removing_says_whether_there_was_one(host: ServerHost, open_folder: Path) -> None:
    (open_folder / "live/x").touch()
    assert await host.remove("live/x") is True
    assert await host.remove("live/x") is False


async def test_a_missing_folder_has_nothing(host_at: HostAt, open_folder: Path) -> None:
    host = host_at(open_folder / "gone")
    assert await host.read("server.conf") is None
    assert await host.listdir("") is None
    assert await host.stat("") is None
    assert await host.remove("live/x") is False
    with pytest.raises(HostError, match="No such file"):
        await host.replace("live/x", b"", mode=0o644)


@pytest.mark.usefixtures("umask")
async def test_a_home_is_made_with_its_parents(host_at: HostAt, open_folder: Path) -> None:
    host = host_at(open_folder / "a/b")
    assert await host.make_folder("", mode=0o755) is True
    assert await host.make_folder("", mode=0o755) is False
    assert [mode_of(open_folder / path) for path in ("a", "a/b")] == [0o755, 0o755]
    facts = await host.stat("")
    assert facts is not None
    assert facts.mode == 0o755
    assert facts.uid == await host.caller()


@NEEDS_ROOT
async def test_a_folder_is_given_to_its_account(host: ServerHost, open_folder: Path) -> None:
    nobody = await owner_of(host, "nobody")
    assert await host.make_folder("live", mode=0o755, owner=nobody) is True
    assert await host.make_folder("live", mode=0o755, owner=nobody) is False
    assert (open_folder / "live").stat().st_uid == NOBODY


async def test_an_unknown_account_is_named(host: ServerHost) -> None:
    with pytest.raises(HostError, match="no-such-account"):
        await owner_of(host, "no-such-account")
    assert "no-such-account" in (await account_problem(host, "no-such-account") or "")
    assert await account_problem(host, CALLER) is None


@pytest.mark.parametrize(
    ("shut", "mend"),
    [
        (".", "chmod o+x {}"),
        ("home", "chmod o+x {}/home"),
        ("home/live", "chmod o+x {}/home/live"),
        ("home/live/crl.pem", "chmod o+r {}/home/live/crl.pem"),
    ],
)
async def test_whatever_shuts_nobody_out_is_named(
    host_at: HostAt, open_folder: Path, shut: str, mend: str
) -> None:
    crl = open_folder / "home/live/crl.pem"
    crl.parent.mkdir(parents=True)
    crl.touch()
    host = host_at(open_folder / "home")
    assert await shut_out(host, "live/crl.pem") is None
    (open_folder / shut).chmod(0o750)
    problem = await shut_out(host, "live/crl.pem")
    assert problem is not None
    assert problem.endswith(mend.format(open_folder))
    above = await shut_out_above(host)
    assert (above is not None) == (shut == ".")


async def test_a_link_above_is_followed_both_ways(host_at: HostAt, open_folder: Path) -> None:
    (open_folder / "shut/home").mkdir(parents=True)
    (open_folder / "shut").chmod(0o700)
    (open_folder / "link").symlink_to("shut/home")
    problem = await shut_out_above(host_at(open_folder / "link"))
    assert problem is not None
    assert problem.endswith("/shut")


def nobody_can_read(path: Path) -> bool:
    """The kernel's own word."""
    command = ["cat", str(path)]
    result = subprocess.run(command, user=NOBODY, group=NOBODY, extra_groups=[], check=False)
    return result.returncode == 0


@NEEDS_ROOT
@pytest.mark.parametrize(
    ("uid", "gid", "mode", "shut"),
    [
        (NOBODY, 0, 0o044, True),
        (NOBODY, 0, 0o400, False),
        (0, NOBODY, 0o604, True),
        (0, NOBODY, 0o640, False),
        (0, 0, 0o640, True),
    ],
)
async def test_the_bits_of_owner_and_group_count_first(
    host: ServerHost, open_folder: Path, uid: int, gid: int, mode: int, shut: bool
) -> None:
    crl = open_folder / "live/crl.pem"
    crl.touch()
    os.chown(crl, uid, gid)
    crl.chmod(mode)
    assert nobody_can_read(crl) is not shut
    assert (await shut_out(host, "live/crl.pem") is not None) is shut


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


async def test_nobody_listens_where_there_is_no_socket(
    host: ServerHost, host_at: HostAt, open_folder: Path
) -> None:
    with pytest.raises(ManagementGone, match="start the server"):
        await host.connect(SOCKET)
    (open_folder / "management.sock").write_text("")
    with pytest.raises(ManagementGone, match="no socket"):
        await host.connect(SOCKET)
    assert await host.listener_pid(SOCKET.path) is None
    with pytest.raises(ManagementGone, match="cannot be opened"):
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


async def test_a_folder_is_removed_only_where_nothing_is_in_it(
    host: ServerHost, open_folder: Path
) -> None:
    (open_folder / "live/ccd").mkdir()
    with pytest.raises(HostError, match="not empty"):
        await host.remove("live", is_folder=True)
    assert await host.remove("live/ccd", is_folder=True) is True
    assert await host.remove("live/ccd", is_folder=True) is False


@NEEDS_ROOT
async def test_what_cannot_be_looked_at_stays_as_it_is(local: LocalHost, open_folder: Path) -> None:
    """Many a key of an operator's lies in a folder of root's alone."""
    (open_folder / "link").symlink_to("shut/deep")
    (open_folder / "shut/deep").mkdir(parents=True)
    (open_folder / "shut").chmod(0o700)
    (open_folder / "shut/deep/key").symlink_to("elsewhere")
    real = f"{open_folder}/shut/deep".lstrip("/")
    assert await real_path(local, "link/key") == f"{real}/elsewhere"
    os.seteuid(NOBODY)
    try:
        assert await real_path(local, "link/key") == f"{real}/key"
        problem = await shut_out(local, "link/key")
    finally:
        os.seteuid(0)
    assert problem is not None
    assert problem.endswith(f"chmod o+x {open_folder}/shut")


async def test_links_in_a_circle_are_no_list(host: ServerHost, open_folder: Path) -> None:
    (open_folder / "live/crl.pem").symlink_to("other.pem")
    (open_folder / "live/other.pem").symlink_to("crl.pem")
    with pytest.raises(NotReadable):
        await read_linked(host, "live/crl.pem")
    with pytest.raises(NotReadable):
        await shut_out(host, "live/crl.pem")


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
        ("1 1 1 " + "9" * 5000, None),
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


@NEEDS_ROOT
async def test_a_look_needs_no_more_than_to_pass_the_folders_above(
    local: LocalHost, open_folder: Path
) -> None:
    (open_folder / "live/crl.pem").write_text("list")
    for folder in (open_folder, open_folder / "live"):
        folder.chmod(0o711)
    os.seteuid(NOBODY)
    try:
        assert await local.read("live/crl.pem") == b"list"
        assert await room_left(local, "live/crl.pem")
        with pytest.raises(NotReadable):
            await local.listdir("live")
    finally:
        os.seteuid(0)


async def test_a_machine_without_one_of_the_kernels_tables(
    local: LocalHost, program: Callable[[str, str], None]
) -> None:
    """As `cat` says it in a language that needs many words; IPv6 is off there."""
    program("cat", 'echo "cat: /proc/net/udp6: Aucun fichier ou dossier de ce type"; exit 1')
    assert await port_in_use(local, 1194, Protocol.UDP) is False


async def test_a_program_is_heard_out(host: ServerHost) -> None:
    assert await host.run(("cat",), stdin=b"word") == Ran(0, b"word")
    failed = await host.run(("/bin/sh", "-c", "pwd; echo no >&2; exit 3"))
    assert (failed.status, failed.lines) == (3, ["/", "no"])
    assert (await host.run(("no-such-program",))).status == NO_PROGRAM
    assert (await host.run(("true",), stdin=b"x" * 1_000_000)).status == 0


async def test_a_program_that_does_not_end_is_left(open_folder: Path) -> None:
    with pytest.raises(HostError, match=r"sleep does not end within 0\.2 s"):
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


async def test_an_account_of_a_directory_service_is_asked_for(
    local: LocalHost, program: Callable[[str, str], None]
) -> None:
    program("getent", "echo $2:x:4242:4343::/:/bin/sh")
    assert await owner_of(local, "anna-of-the-directory") == (4242, 4343)
    assert await owner_of(local, "root") == (0, 0)


async def test_who_openvpn_becomes_may_be_unknown(host: ServerHost) -> None:
    (named, unnamed) = (Reader("no-such-account", None), Reader(None, "no-such-group"))
    assert "names the account no-such-account" in (await shut_out(host, "live", named) or "")
    assert "names the group no-such-group" in (await shut_out(host, "live", unnamed) or "")
    assert await shut_out(host, "live", Reader(None, None)) is None
