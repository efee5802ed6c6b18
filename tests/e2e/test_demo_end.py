"""`vpnbot demo` leaves nothing behind, however it ends."""

import asyncio
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from bot.cli.demo import way_over_ssh
from demo.lab.network import clear_left, lab_missing
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
@pytest.mark.long
async def test_closing_its_terminal_ends_all_of_it() -> None:
    # However these tests were started: under nohup, the demo would go on.
    process = await asyncio.create_subprocess_exec(
        *("env", "--default-signal=HUP", str(VPNBOT), "demo", "--no-browser"),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    assert process.stdout is not None
    try:
        async with asyncio.timeout(120):
            assert re.match(rb"http://127\.0\.0\.1:\d+", await process.stdout.readline())
            mine = [one for one in spaces("vpnbot-demo") if f"-{process.pid}-" in one]
            assert len(mine) == 2
            process.send_signal(signal.SIGHUP)
            await process.wait()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    assert process.returncode == 0
    assert not set(mine) & set(spaces("vpnbot-demo"))
