"""`vpnbot demo` leaves nothing behind, however it ends."""

import asyncio
import os
import pty
import re
import shutil
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest

from bot.cli.demo import way_over_ssh
from demo.lab.elsewhere import elsewhere_missing
from demo.lab.network import clear_left, lab_missing
from tests.company import until
from tests.forks import VPNBOT

needs_lab = pytest.mark.skipif(lab_missing() is not None, reason=str(lab_missing()))


def spaces(name: str) -> list[str]:
    listed = subprocess.run(["ip", "netns", "list"], capture_output=True, text=True, check=True)
    return [line.split()[0] for line in listed.stdout.splitlines() if line.startswith(f"{name}-")]


@pytest.mark.parametrize(
    ("environment", "way"),
    [
        ({}, None),
        (
            {"SSH_CONNECTION": "198.51.100.7 50000 203.0.113.5 22", "USER": "root"},
            "    ssh -L 8123:127.0.0.1:8123 root@203.0.113.5",
        ),
        (
            {
                "SSH_CONNECTION": "2001:db8::7 50000 2001:db8::5 2222",
                "USER": "root",
                "SUDO_USER": "olga",
            },
            "    ssh -L 8123:127.0.0.1:8123 -p 2222 olga@2001:db8::5",
        ),
        ({"SSH_CONNECTION": "nonsense"}, None),
    ],
)
def test_over_ssh_the_way_to_the_page_is_told(environment: dict[str, str], way: str | None) -> None:
    assert way_over_ssh(environment, "http://127.0.0.1:8123") == way


def lab(name: str) -> "subprocess.Popen[str]":
    """A process that has a lab of this name, with something that runs in it."""
    script = (
        "import asyncio\n"
        "from demo.lab.network import NetLab\n"
        "async def main():\n"
        f"    async with NetLab({name!r}) as lab:\n"
        "        await lab._start(lab._server_space, 'sleep', '1000')\n"
        "        print('there', flush=True)\n"
        "        await asyncio.sleep(1000)\n"
        "asyncio.run(main())\n"
    )
    process = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    with process.stdout:
        assert process.stdout.readline() == "there\n"
    return process


def runs(pid: str) -> bool:
    stat = Path(f"/proc/{pid}/stat")
    return stat.exists() and ") Z " not in stat.read_text()


@needs_lab
def test_what_a_killed_one_left_goes_at_the_next_start_and_nothing_else() -> None:
    name = f"vpnbot-left{os.getpid()}"
    killed, other = lab(name), lab(name)
    try:
        before = spaces(name)
        asyncio.run(clear_left(name))
        assert spaces(name) == before, "both of them live"
        left = [one for one in before if f"-{killed.pid}-" in one]
        pids = [
            pid
            for space in left
            for pid in subprocess.run(
                ["ip", "netns", "pids", space], capture_output=True, text=True, check=True
            ).stdout.split()
        ]
        killed.kill()
        killed.wait()
        assert any(map(runs, pids))
        third = lab(name)
        third.send_signal(signal.SIGINT)
        third.wait()
        assert set(before) - set(spaces(name)) == set(left)
        assert not any(map(runs, pids))
    finally:
        for process in (killed, other):
            process.kill()
            process.wait()
        asyncio.run(clear_left(name))
    assert spaces(name) == []


@needs_lab
def test_what_is_still_on_its_way_into_a_killed_lab_ends_too(tmp_path: Path) -> None:
    """`ip netns exec` opens the namespace before it is in it: this one stays in between."""
    name = f"vpnbot-way{os.getpid()}"
    killed = lab(name)
    (space, *_) = spaces(name)
    (tmp_path / "netns").write_text('exec 3< "/run/netns/$2"; echo there; read -r _\n')
    # A shell by the name of `ip`, whose script is called `netns`.
    slow = subprocess.Popen(
        ["ip", "netns", "exec", space, "openvpn"],
        executable="/bin/sh",
        cwd=tmp_path,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        with slow:
            assert slow.stdout is not None
            assert slow.stdout.readline() == "there\n"
            killed.kill()
            killed.wait()
            asyncio.run(clear_left(name))
            assert slow.wait(60) == -signal.SIGKILL
    finally:
        for process in (killed, slow):
            process.kill()
            process.wait()
        asyncio.run(clear_left(name))
    assert spaces(name) == []


def bots_accounts() -> list[str]:
    """What others do to the accounts of this machine meanwhile is no matter."""
    listed = [Path("/etc", name).read_text() for name in ("passwd", "group", "shadow")]
    return [line for text in listed for line in text.splitlines() if line.startswith("vpnbot:")]


def mounts() -> str:
    return Path("/proc/mounts").read_text()


def homes_of(space: str) -> tuple[set[Path], set[str]]:
    """The demo's folders that what runs in a namespace has as its own, and the processes."""
    command = ["ip", "netns", "pids", space]
    listed = subprocess.run(command, capture_output=True, text=True, check=True)
    pids = set(listed.stdout.split())
    found = set()
    for pid in pids:
        with suppress(FileNotFoundError):  # what serves a connection may just have ended
            found.add(Path(f"/proc/{pid}/cwd").readlink().parent)
    return {home for home in found if home.name.startswith("vpnbot-demo-")}, pids


@needs_lab
@pytest.mark.long
@pytest.mark.parametrize("to_all", [False, True], ids=["to it alone", "its terminal is closed"])
async def test_closing_its_terminal_ends_all_of_it(tmp_path: Path, to_all: bool) -> None:
    before = bots_accounts()
    said = tmp_path / "said"
    errors = said.open("wb")
    ours, theirs = pty.openpty()
    # However these tests were started: under nohup, the demo would go on.
    process = await asyncio.create_subprocess_exec(
        *("setsid", "--ctty", "env", "--default-signal=HUP", str(VPNBOT), "demo", "--no-browser"),
        stdin=theirs,
        stdout=asyncio.subprocess.PIPE,
        stderr=errors,
    )
    os.close(theirs)
    errors.close()
    assert process.stdout is not None
    try:
        async with asyncio.timeout(180):
            line = await process.stdout.readline()
            assert re.match(rb"http://127\.0\.0\.1:\d+", line), said.read_text()
            mine = [one for one in spaces("vpnbot-demo") if f"-{process.pid}-" in one]
            assert len(mine) == (2 if elsewhere_missing() else 3)
            looks = [homes_of(space) for space in mine]
            homes = set().union(*(found for found, _ in looks))
            pids = set().union(*(running for _, running in looks))
            assert len(homes) == 1
            assert pids
            if to_all:
                os.close(ours)  # what the kernel then sends goes to all that the terminal has
            else:
                process.send_signal(signal.SIGHUP)
            await process.wait()
            await until(lambda: not any(map(runs, pids)))
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    assert process.returncode == 0
    assert not set(mine) & set(spaces("vpnbot-demo"))
    assert not any(home.exists() for home in homes)
    assert not any(str(home) in mounts() for home in homes)
    assert bots_accounts() == before


@needs_lab
@pytest.mark.long
@pytest.mark.parametrize(
    ("program", "instead", "reason"),
    [
        ("sshd", "", "sshd isn't installed"),
        ("sshd", "echo no hostkeys available >&2; exit 1", "no hostkeys available"),
        ("mount", "echo may not >&2; exit 1", "No second machine could be made: may not"),
    ],
)
async def test_without_a_second_machine_it_says_so_and_goes_on(
    tmp_path: Path, program: str, instead: str, reason: str
) -> None:
    real = shutil.which(program, path="/usr/sbin:/usr/bin")
    if real is None:
        pytest.skip(f"{program} isn't installed.")
    other = tmp_path / program
    other.write_text(f"#!/bin/sh\n{instead}\n")
    other.chmod(0o755 if instead else 0o644)
    shadow = 'mount --bind "$1" "$2"; shift 2; exec "$@"'
    process = await asyncio.create_subprocess_exec(
        *("unshare", "--mount", "sh", "-euc", shadow, "sh", str(other), real),
        *(str(VPNBOT), "demo", "--no-browser"),
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdout is not None
    try:
        async with asyncio.timeout(180):
            await process.stdout.readline()
            banner = (await process.stdout.readline()).decode()
            assert banner.startswith("Real OpenVPN in network namespaces of this machine; no ")
            assert reason in banner
            process.terminate()
            await process.wait()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    assert process.returncode == 0
