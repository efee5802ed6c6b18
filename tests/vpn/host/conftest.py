"""A host, which is this machine and then one elsewhere; and programs in the place of its own."""

import os
from collections.abc import AsyncIterator, Callable, Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import pytest
import pytest_asyncio

from tests.sshd import NEEDS_SSHD, NEEDS_SUDO, Sshd, may_use_sudo, new_account, run_sshd
from tests.vpn.host.kit import HostAt
from vpn.host.interface import ServerHost
from vpn.host.local import LocalHost
from vpn.host.ssh_address import sudoers_line
from vpn.host.ssh_link import close_links


@pytest.fixture(scope="module")
def sshd(module_folder: Path) -> Iterator[Sshd]:
    with run_sshd(module_folder) as made:
        yield made


@pytest.fixture(scope="module")
def sudoer(sshd: Sshd) -> Iterator[str]:
    """An account that becomes root by the line that we print, and has no other rights."""
    with new_account() as account:
        line = sudoers_line(account.pw_name, datetime.now(UTC) + timedelta(hours=1))
        sshd.allow(account.pw_name)
        with may_use_sudo(line):
            yield account.pw_name


@pytest_asyncio.fixture(
    params=[
        "here",
        pytest.param("elsewhere", marks=NEEDS_SSHD),
        pytest.param("elsewhere by sudo", marks=[NEEDS_SSHD, NEEDS_SUDO, pytest.mark.long]),
    ]
)
async def host_at(request: pytest.FixtureRequest) -> AsyncIterator[HostAt]:
    """All that a host promises holds for this machine, and for one that is reached by SSH."""
    if request.param == "here":
        yield LocalHost
        return
    sshd: Sshd = request.getfixturevalue("sshd")
    if request.param == "elsewhere":
        yield sshd.host
    else:
        yield partial(sshd.host, user=request.getfixturevalue("sudoer"), sudo=True)
    await close_links()


@pytest.fixture
def host(host_at: HostAt, open_folder: Path) -> ServerHost:
    (open_folder / "live").mkdir()
    return host_at(open_folder)


@pytest.fixture
def local(open_folder: Path) -> LocalHost:
    (open_folder / "live").mkdir()
    return LocalHost(open_folder)


@pytest.fixture
def program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str, str], None]:
    """Puts another program in the place of one of the machine's."""

    def put(name: str, script: str) -> None:
        (tmp_path / name).write_text(f"#!/bin/sh\n{script}\n")
        (tmp_path / name).chmod(0o755)
        monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")

    return put
