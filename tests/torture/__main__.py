"""`make torture`: the long forms, with figures at the end.

Storms, each in a company of its own: TORTURE_ROUNDS (6) of TORTURE_SECONDS (60) each, and then as
long as it takes until everything is at rest. One more storm until TORTURE_PROFILES (100) were
delivered, with backups in the middle of it, where secrets are looked for. Then a death at each
step of every story (tests/crash; CRASH_TESTS=none leaves it out), and the gate: VPNBOT_TEST_STEPS
(100000). What failed names the seed; TORTURE_SEED plays the same chances again, not the same
instants.
"""

import asyncio
import logging
import os
import secrets
import subprocess
import sys
import tempfile
import time
from itertools import count
from pathlib import Path

from tests.gate.test_gate import Theatre, theatre
from tests.storage.kit import make_template
from tests.torture.storm import Figures, Storm, Weather, one_storm


def storms(rounds: int, seconds: float, seed: int) -> Figures:
    """Plays them one after the other."""
    total = Figures()
    for number in range(rounds):
        end = time.monotonic() + seconds

        def is_over(_storm: Storm, end: float = end) -> bool:
            return time.monotonic() >= end

        print(f"Storm {number + 1} of {rounds}, seed {seed + number} …", flush=True)
        figures = asyncio.run(one_storm(seed + number, is_over, Weather(crowd=6, flood=500)))
        _show(figures)
        total += figures
    return total


def deliveries(profiles: int, seed: int) -> Figures:
    """Plays one until so many profiles were delivered, whatever happens to them."""
    print(f"A storm of {profiles} profiles, seed {seed} …", flush=True)
    fates = ("kept", "renewed", "renewed", "revoked")
    weather = Weather(crowd=10, pauses=(1.0, 8.0), backups=30, fates=fates)
    figures = asyncio.run(one_storm(seed, lambda storm: storm.profiles >= profiles, weather))
    _show(figures)
    return figures


def deaths() -> str:
    """A death at each step of every story, by the tests; gives what they say of it."""
    if os.environ.get("CRASH_TESTS") == "none":
        return "left out"
    print("A death at each step …", flush=True)
    with tempfile.TemporaryDirectory() as home:
        tally = Path(home) / "tally"
        environment = os.environ | {"CRASH_TESTS": "all", "CRASH_TALLY": str(tally)}
        command = (sys.executable, "-m", "pytest", "-q", "--numprocesses", "2", "tests/crash")
        subprocess.run((*command, "--dist", "loadfile"), env=environment, check=True)
        kills = sum(map(int, tally.read_text().split()))
    return f"{kills} kills at chosen steps survived"


def gate(steps: int, seed: int) -> Theatre:
    """Takes so many steps through the one gate."""
    print(f"The gate, {steps} steps, from play {seed} …", flush=True)
    # Updates that cannot be read are among what is tried.
    logging.getLogger("bot").setLevel(logging.ERROR)
    memory = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else None) as home:
        folder = Path(home) / "gate"
        folder.mkdir()
        with theatre(make_template(Path(home)), folder) as stage:
            for number in count(seed):
                if stage.steps >= steps:
                    break
                stage.play(number)
        return stage


def main() -> int:
    """Exit status 1 where a secret was found; whatever else is wrong raises."""
    rounds = int(os.environ.get("TORTURE_ROUNDS", "6"))
    seconds = float(os.environ.get("TORTURE_SECONDS", "60"))
    seed = int(os.environ.get("TORTURE_SEED") or secrets.randbits(32))
    total = storms(rounds, seconds, seed)
    total += deliveries(int(os.environ.get("TORTURE_PROFILES", "100")), seed + rounds)
    died = deaths()
    stage = gate(int(os.environ.get("VPNBOT_TEST_STEPS", "100000")), seed)
    print("\nAltogether")
    _show(total)
    print(f"  A death at each step: {died}")
    print(f"  {stage.steps} steps through the gate in {stage.towns} towns, no rule broken")
    for leak in total.leaks:
        print(f"  {leak.what} in {leak.where}")
    return 1 if total.leaks else 0


def _show(figures: Figures) -> None:
    print(
        f"  {figures.kills} kills and {figures.faults} faulty calls of {figures.calls} survived\n"
        f"  {figures.requests} requests answered, {figures.profiles} profiles delivered, "
        f"{figures.ended} proved dead\n"
        f"  {figures.backups} backups made in the middle, {len(figures.leaks)} leaks found",
        flush=True,
    )


if __name__ == "__main__":
    sys.exit(main())
