"""The bot's systemd unit: well formed, strict, and not too strict for the real program."""

import os
import re
import shutil
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.company import company_with_stand_in
from tests.folders import open_folder
from tests.forks import VPNBOT

UNIT = Path(__file__).parent.parent.parent / "deploy" / "vpnbot.service"
ANALYZE = shutil.which("systemd-analyze")
STRACE = shutil.which("strace")
WORST_EXPOSURE = 2.0
# Asked for so often that tracing them slows the program down; nobody would forbid them.
_HARMLESS = (
    *("futex", "epoll_wait", "epoll_ctl", "getpid", "gettid", "read", "write", "close", "lseek"),
    *("pread64", "pwrite64", "newfstatat", "recvfrom", "brk", "ioctl", "getdents64", "readlink"),
)

needs_systemd = pytest.mark.skipif(ANALYZE is None, reason="systemd-analyze is not installed")


@pytest.fixture
def folder() -> Iterator[Path]:
    with open_folder() as path:
        yield path


@needs_systemd
def test_the_unit_is_well_formed() -> None:
    ran = subprocess.run(
        [str(ANALYZE), "verify", "--man=no", str(UNIT)], capture_output=True, text=True, check=False
    )
    # The program itself is not installed where the tests run.
    complaints = [
        line for line in ran.stderr.splitlines() if "vpnbot" in line and "executable" not in line
    ]

    assert complaints == []


@needs_systemd
def test_the_unit_leaves_little_exposed() -> None:
    ran = subprocess.run(
        [str(ANALYZE), "security", "--offline=true", str(UNIT)],
        capture_output=True,
        text=True,
        check=False,
    )
    found = re.search(r"Overall exposure level for \S+: ([0-9.]+)", ran.stdout)

    assert found is not None, ran
    assert float(found[1]) <= WORST_EXPOSURE


def test_the_unit_takes_the_secrets_as_credentials() -> None:
    text = UNIT.read_text()

    for name, setting in (("bot-token", "BOT_TOKEN"), ("ca-passphrase", "CA_PASSPHRASE")):
        assert re.search(rf"^LoadCredential={name}:/", text, re.MULTILINE)
        assert f"Environment=VPNBOT_{setting}_FILE=%d/{name}" in text


@pytest.mark.long
@needs_systemd
@pytest.mark.skipif(STRACE is None, reason="strace is not installed")
async def test_the_real_program_needs_no_system_call_that_the_unit_forbids(folder: Path) -> None:
    trace = folder / "trace"
    async with company_with_stand_in(folder) as (company, _):
        hot = f"trace=!{','.join(_HARMLESS)}"
        await company.start(
            *(str(STRACE), "-f", "-qq", "--seccomp-bpf", "-e", hot, "-o", str(trace)),
            *(VPNBOT, "run"),
        )
        try:
            await company.anna.says("/requestvpn")
            await company.boris.hears("asks for VPN access", timeout=60)
            await company.boris.taps("Approve")
            await company.anna.receives_document(timeout=60)
            await company.boris.says("/revoke Anna Petrova")
            await company.boris.hears("Revoked:", timeout=60)
        finally:
            # strace itself takes no signal while it writes to a file.
            _end_traced(trace)
            await company.ended()
    calls = trace.read_text()

    used = set(re.findall(r"^\d+ +([a-z0-9_]+)\(", calls, re.MULTILINE))
    assert {"openat", "connect", "renameat"} <= used
    assert used - _allowed() == set()
    # MemoryDenyWriteExecute=
    assert not re.search(r"(mmap|mprotect)\(.*PROT_WRITE\|PROT_EXEC", calls)
    # RestrictAddressFamilies=; a netlink socket is only asked for, and done without.
    families = set(re.findall(r"socket\((AF_[A-Z0-9]+)", calls))
    assert families <= {"AF_INET", "AF_INET6", "AF_UNIX", "AF_NETLINK"}


def _end_traced(trace: Path) -> None:
    """Ends the program inside strace: the process that the first line of the trace names."""
    with trace.open() as lines:
        pid = int(lines.readline().split()[0])
    os.kill(pid, signal.SIGTERM)


def _allowed() -> set[str]:
    """What SystemCallFilter= lets through, by systemd's own lists."""
    allowed: set[str] = set()
    for line in re.findall(r"^SystemCallFilter=(.*)$", UNIT.read_text(), re.MULTILINE):
        listed: set[str] = set()
        for group in line.removeprefix("~").split():
            listed |= _group(group)
        allowed = allowed - listed if line.startswith("~") else allowed | listed
    # systemd lets a service end and be started whatever the filter says.
    return allowed | _group("@default") | {"execve"}


def _group(name: str) -> set[str]:
    ran = subprocess.run(
        [str(ANALYZE), "syscall-filter", name], capture_output=True, text=True, check=True
    )
    found: set[str] = set()
    for line in ran.stdout.splitlines()[1:]:
        word = line.strip()
        if word.startswith("@"):
            found |= _group(word)
        elif word and not word.startswith("#"):
            found.add(word)
    return found
