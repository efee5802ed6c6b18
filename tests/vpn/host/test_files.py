"""The files of a host: read, replaced, removed and made, here and elsewhere."""

import os
import stat
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from tests.vpn.host.kit import NEEDS_ROOT, NOBODY, HostAt
from tests.vpn.kit import now
from vpn.errors import HostError, NotReadable
from vpn.host.interface import READ_LIMIT, ServerHost
from vpn.host.local import LocalHost
from vpn.host.machine import room_left
from vpn.host.permissions import (
    owner_of,
)


@pytest.fixture(params=[0o000, 0o022, 0o077])
def umask(request: pytest.FixtureRequest) -> Iterator[None]:
    before = os.umask(request.param)
    yield
    os.umask(before)


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
        with pytest.raises(HostError, match=f"^{crl} isn't an ordinary file; remove it"):
            await host.read("live/crl.pem")
        with pytest.raises(HostError, match=f"^{ccd} isn't a folder, or a link to one; remove it"):
            await host.read("live/ccd/anna")
    crl.unlink()
    crl.mkdir()
    for _ in range(3):
        with pytest.raises(HostError, match=f"^{crl} isn't an ordinary file; remove it"):
            await host.read("live/crl.pem")
    assert _open_files() == before


async def test_a_pipe_does_not_hang_the_reader(host: ServerHost, open_folder: Path) -> None:
    os.mkfifo(open_folder / "live/crl.pem")
    with pytest.raises(HostError, match="an ordinary file"):
        await host.read("live/crl.pem")


async def test_a_huge_file_is_not_read(host: ServerHost, open_folder: Path) -> None:
    with (open_folder / "live/crl.pem").open("wb") as file:
        file.truncate(READ_LIMIT + 1)
    with pytest.raises(HostError, match="more than"):
        await host.read("live/crl.pem")


@pytest.mark.parametrize("path", ["../x", "/etc/passwd", "live//x", "live/./x", "live/"])
async def test_paths_stay_below_the_folder(host: ServerHost, path: str) -> None:
    with pytest.raises(ValueError, match="isn't a path below"):
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


async def test_a_folder_is_removed_only_where_nothing_is_in_it(
    host: ServerHost, open_folder: Path
) -> None:
    (open_folder / "live/ccd").mkdir()
    with pytest.raises(HostError, match="not empty"):
        await host.remove("live", is_folder=True)
    assert await host.remove("live/ccd", is_folder=True) is True
    assert await host.remove("live/ccd", is_folder=True) is False


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
