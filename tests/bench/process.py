"""The bot as a process: how soon it polls, how much memory it takes, how long its imports take."""

import asyncio
import os
import sys
import time
from pathlib import Path

from tests.bench.others import timed
from tests.company import Company
from tests.forks import VPNBOT

IDLE_S = 10.0
_KIB_IN_MIB = 1024


async def start_to_first_poll(company: Company) -> float:
    """From the start of the process to its first getUpdates: the seconds. It runs on."""
    calls = company.telegram.calls
    seen = len(calls)
    began = time.time()
    # A program of its own: the tests' forked ones have their imports, and share their memory.
    await company.start(sys.executable, VPNBOT, "run")
    return next(call.at for call in calls[seen:] if call.method == "getUpdates") - began


async def idle_memory(company: Company) -> tuple[float, float]:
    """RSS and PSS of the running bot after it has had nothing to do for a while: MiB."""
    await asyncio.sleep(IDLE_S)
    assert company.bot is not None
    return memory_of(company.bot.pid)


async def python_that_runs(statement: str) -> float:
    """A new interpreter that does this and ends: the seconds."""
    return await timed((sys.executable, "-c", statement), Path.cwd(), dict(os.environ))


def memory_of(pid: int) -> tuple[float, float]:
    """RSS and PSS: MiB."""
    kib = _rollup(pid)
    return kib["Rss:"] / _KIB_IN_MIB, kib["Pss:"] / _KIB_IN_MIB


def own_memory_of(pid: int) -> float:
    """What it shares with no other process, whatever others run: MiB."""
    kib = _rollup(pid)
    return (kib["Private_Clean:"] + kib["Private_Dirty:"]) / _KIB_IN_MIB


def _rollup(pid: int) -> dict[str, int]:
    rollup = Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii")
    return {line.split()[0]: int(line.split()[1]) for line in rollup.splitlines()[1:]}


def processor_s(pid: int) -> float:
    """What a process has used so far: by /proc/pid/stat, see proc(5)."""
    cells = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(cells[11]) + int(cells[12])) / os.sysconf("SC_CLK_TCK")
