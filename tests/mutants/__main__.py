"""`make mutants`: whether the tests notice what is made wrong.

Picks MUTANTS (200) changes at random in the rooms below, makes one after the other in a copy of the
project, and runs the tests of its room and the neighbours' until one of them fails. MUTANTS_SEED
picks the same again. A change that no test notices is printed, unless `harmless.txt` says in a line
why it changes nothing that matters. Exit status 1 where less than 95 % of the others were noticed,
or more than one in ten is called harmless.
"""

import os
import random
import secrets
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from queue import SimpleQueue

from tests.mutants.points import Point, points

ROOT = Path(__file__).resolve().parents[2]
HARMLESS = Path(__file__).with_name("harmless.txt")
_COPIED = ("bot", "demo", "deploy", "docs", "pki", "storage", "tests", "vpn", "pyproject.toml")
_WORKERS = 2
# Only a change that makes a test wait for ever takes as long.
_HANGS_S = 1800
_NOTICED_AT_LEAST = 0.95
_HARMLESS_AT_MOST = 0.10
# The CRL is read by a parser of cryptography's; what is proved is `vpn`'s.
_PROOF = (
    *("live", "sessions", "management", "strangers", "crl_look", "locks", "findings", "standing"),
    *("restart", "client_files"),
)


@dataclass(frozen=True)
class Room:
    """What is changed, and which tests have to notice: the room's own first."""

    sources: Sequence[str]
    tests: Sequence[str]


ROOMS = (
    Room(
        ("bot/access/*.py",),
        (
            "tests/bot/access",
            "tests/bot/chat",
            "tests/storage",
            "tests/bot/test_keeper.py",
            "tests/e2e/test_commands.py",
            "tests/e2e/test_cli.py",
            "tests/gate",
        ),
    ),
    Room(
        tuple(f"vpn/{name}.py" for name in _PROOF),
        (
            "tests/vpn",
            "tests/bot/test_fleet.py",
            "tests/bot/test_keeper.py",
            "tests/e2e/test_receipts.py",
        ),
    ),
    Room(
        ("bot/chat/*.py",),
        (
            "tests/bot/chat",
            "tests/e2e/test_commands.py",
            "tests/e2e/test_delivery.py",
            "tests/e2e/test_bad_telegram.py",
            "tests/e2e/test_several_admins.py",
            "tests/gate",
        ),
    ),
    Room(("pki/**/*.py",), ("tests/pki", "tests/vpn/test_profile.py", "tests/bot/test_keyring.py")),
    Room(
        ("storage/*.py",),
        (
            "tests/storage",
            "tests/bot/access",
            "tests/bot/test_keeper.py",
            "tests/bot/test_backup.py",
        ),
    ),
)


def main() -> int:
    """Exit status 1 where too much goes unnoticed."""
    seed = int(os.environ.get("MUTANTS_SEED") or secrets.randbits(32))
    wanted = int(os.environ.get("MUTANTS", "200"))
    print(f"{wanted} mutants, seed {seed}", flush=True)
    every = [(point, room) for room in ROOMS for point in _points(room)]
    chosen = random.Random(seed).sample(every, wanted)
    harmless = _harmless()
    clean = _without_changes()
    if clean:
        print(clean)
        return 1
    begin = time.monotonic()
    with _copies() as copies, ThreadPoolExecutor(_WORKERS) as pool:

        def try_one(case: tuple[Point, Room]) -> str | None:
            point, room = case
            copy = copies.get()
            try:
                return _noticed_by(copy, point, room)
            finally:
                copies.put(copy)

        excused, missed = [], []
        for (point, _), noticed in zip(chosen, pool.map(try_one, chosen), strict=True):
            where = f"{point.path}:{point.line} {point.within}: {point.what}"
            if noticed is not None:
                print(f"noticed   {where}\n          {noticed}", flush=True)
            elif point.key in harmless:
                excused.append(point)
                print(f"harmless  {where}\n          {harmless[point.key]}", flush=True)
            else:
                missed.append(point)
                print(f"MISSED    {where}", flush=True)
    that_matter = len(chosen) - len(excused)
    share = 1 - len(missed) / that_matter
    print(
        f"\nSeed {seed}, {time.monotonic() - begin:.0f} s: {that_matter - len(missed)} of", end=" "
    )
    print(
        f"{that_matter} noticed ({share:.1%}), {len(excused)} change nothing, {len(missed)} missed"
    )
    for point in missed:
        print(f"  {point.key}")
    fails = share < _NOTICED_AT_LEAST or len(excused) > _HARMLESS_AT_MOST * len(chosen)
    return int(fails)


def _points(room: Room) -> Iterator[Point]:
    for pattern in room.sources:
        for path in sorted(ROOT.glob(pattern)):
            yield from points(ROOT, str(path.relative_to(ROOT)))


def _harmless() -> dict[str, str]:
    """Which changes nobody has to notice, and why: two lines each, the second indented."""
    lines = [line for line in HARMLESS.read_text().splitlines() if line[:1] not in ("", "#")]
    return {key: reason.strip() for key, reason in zip(lines[::2], lines[1::2], strict=True)}


def _without_changes() -> str:
    """What the tests say before anything is changed: if they fail then, they notice nothing."""
    tests = dict.fromkeys(test for room in ROOMS for test in room.tests)
    ran = _pytest(ROOT, tuple(tests))
    return "" if ran.returncode == 0 else f"The tests fail without any change:\n{ran.stdout}"


def _noticed_by(copy: Path, point: Point, room: Room) -> str | None:
    """The line that names the first test which fails; None where all pass."""
    path = copy / point.path
    source = path.read_text()
    try:
        path.write_text(point.applied(source))
        # Compiled files go by time and size, and two changes can be made within a second.
        os.utime(path, (moment := next(_moments), moment))
        ran = _pytest(copy, room.tests)
    except subprocess.TimeoutExpired:
        return "no end"
    finally:
        path.write_text(source)
        os.utime(path, (moment := next(_moments), moment))
    if ran.returncode == 0:
        return None
    lines = ran.stdout.splitlines()
    named = (line for line in lines if line.startswith(("FAILED", "ERROR")))
    return next(named, lines[-1] if lines else f"exit status {ran.returncode}")[:150]


_moments = count(1_000_000_000)


def _pytest(root: Path, tests: Sequence[str]) -> "subprocess.CompletedProcess[str]":
    command = (sys.executable, "-m", "pytest", "-x", "-q", "--no-header", "--tb=no")
    return subprocess.run(
        (*command, "-p", "no:cacheprovider", *tests),
        cwd=root,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=_HANGS_S,
        check=False,
    )


@contextmanager
def _copies() -> Iterator["SimpleQueue[Path]"]:
    """A copy of the project for each of those that work beside each other."""
    free: SimpleQueue[Path] = SimpleQueue()
    with tempfile.TemporaryDirectory(prefix="vpnbot-mutants-") as home:
        # OpenVPN's account has to pass.
        Path(home).chmod(0o755)
        for number in range(_WORKERS):
            copy = Path(home) / str(number)
            for name in _COPIED:
                if (ROOT / name).is_dir():
                    shutil.copytree(ROOT / name, copy / name)
                else:
                    shutil.copy2(ROOT / name, copy / name)
            free.put(copy)
        yield free


if __name__ == "__main__":
    sys.exit(main())
