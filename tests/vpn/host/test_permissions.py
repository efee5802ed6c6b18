"""Whom a path shuts out, whose links are followed, and who is who on a machine."""

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.vpn.host.kit import NEEDS_ROOT, NOBODY, HostAt
from tests.vpn.kit import CALLER
from vpn.errors import HostError, NotReadable
from vpn.host.interface import ServerHost
from vpn.host.local import LocalHost
from vpn.host.permissions import (
    account_problem,
    may_pass,
    may_read,
    may_write,
    owner_of,
    read_linked,
    real_path,
    shut_out,
    shut_out_above,
    write_problem,
)
from vpn.layout import Reader


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
    with pytest.raises(HostError, match="isn't an ordinary file"):
        await read_linked(host, "live/crl.pem")


@NEEDS_ROOT
async def test_root_reads_through_no_link_of_anothers(host: ServerHost, open_folder: Path) -> None:
    crl = open_folder / "live/crl.pem"
    crl.symlink_to("/etc/hostname")
    os.chown(crl, 12345, -1, follow_symlinks=False)
    with pytest.raises(HostError, match="root doesn't follow it"):
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


async def test_an_account_of_a_directory_service_is_asked_for(
    local: LocalHost, program: Callable[[str, str], None]
) -> None:
    program("getent", "echo $2:x:4242:4343::/:/bin/sh")
    assert await owner_of(local, "anna-of-the-directory") == (4242, 4343)
    assert await owner_of(local, "root") == (0, 0)


@pytest.mark.parametrize(
    ("said", "ids"),
    [
        ("echo anna:x:4294967294:4343::/:/bin/sh", (4294967294, 4343)),
        ("echo anna:x:42949672940:4343::/:/bin/sh", None),
        ("echo anna:x:4242:gone::/:/bin/sh", None),
        ("echo anna:x:-1:4343::/:/bin/sh", None),
        ("echo bob:x:4242:4343::/:/bin/sh", None),
        ("echo anna:x:4242:4343::/:/bin/sh; exit 2", None),
        ("echo anna", None),
        ("exit 0", None),
    ],
)
async def test_what_names_no_account_by_its_numbers_is_none(
    local: LocalHost, program: Callable[[str, str], None], said: str, ids: tuple[int, int] | None
) -> None:
    program("getent", said)
    if ids is not None:
        assert await owner_of(local, "anna") == ids
        return
    with pytest.raises(HostError, match="There is no account anna"):
        await owner_of(local, "anna")


async def test_a_line_without_numbers_in_the_machines_own_file_is_passed_over(
    local: LocalHost, program: Callable[[str, str], None]
) -> None:
    program("cat", "echo anna; echo anna:x:4242:4343::/:/bin/sh")
    assert await owner_of(local, "anna") == (4242, 4343)


async def test_who_openvpn_becomes_may_be_unknown(host: ServerHost) -> None:
    (named, unnamed) = (Reader("no-such-account", None), Reader(None, "no-such-group"))
    assert "names the account no-such-account" in (await shut_out(host, "live", named) or "")
    assert "names the group no-such-group" in (await shut_out(host, "live", unnamed) or "")


async def test_what_stays_root_is_shut_out_by_nothing(host: ServerHost, open_folder: Path) -> None:
    for path, mode in (("live/crl.pem", 0o000), ("live", 0o000)):
        assert await shut_out(host, path, Reader(None, None)) is None
        (open_folder / "live/crl.pem").touch()
        (open_folder / path).chmod(mode)
        assert await shut_out(host, path, Reader(None, None)) is None


@NEEDS_ROOT
async def test_who_is_not_root_can_try_for_themselves_only(
    local: LocalHost, open_folder: Path
) -> None:
    (open_folder / "live/crl.pem").touch()
    os.chown(open_folder / "live", NOBODY, NOBODY)
    os.seteuid(NOBODY)
    try:
        assert await may_write(local, "live", "nobody")
        assert not await may_write(local, "", "nobody")
        assert await may_read(local, "live/crl.pem", "nobody")
        assert await write_problem(local, "live", "nobody") is None
        refused = "Only root can try what daemon may do."
        assert await write_problem(local, "live", "daemon") == refused
        assert not await may_pass(local, "", "daemon")
        assert await account_problem(local, "nobody") is None
        refused = "Only root can give a folder to daemon; run this as root."
        assert await account_problem(local, "daemon") == refused
    finally:
        os.seteuid(0)


@NEEDS_ROOT
async def test_what_cannot_be_tried_is_not_called_shut(
    local: LocalHost, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("cat", "getent"):
        (tmp_path / name).symlink_to(f"/usr/bin/{name}")
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(HostError, match=r"what daemon may do with .*: setpriv is missing"):
        await may_read(local, "live", "daemon")


async def test_where_all_may_pass_nobody_asks_who_openvpn_becomes(
    local: LocalHost, open_folder: Path, program: Callable[[str, str], None]
) -> None:
    asked = open_folder / "asked"
    program("cat", f"touch {asked}; exit 1")
    program("getent", f"touch {asked}; exit 1")
    (open_folder / "live/crl.pem").touch(0o644)
    assert await shut_out(local, "live/crl.pem") is None
    assert not asked.exists()

    (open_folder / "live/crl.pem").chmod(0o640)
    assert await shut_out(local, "live/crl.pem") is not None
    assert asked.exists()
