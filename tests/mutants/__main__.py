"""`make mutants`: whether the tests notice what is made wrong.

Picks MUTANTS (200) changes at random in the rooms below. First the tests of all rooms run without
any, and each says which of the changes it comes past (see `reach.py`); right after that, each
change is tried with those of its room's tests and the neighbours' (see `forked.py`). What they did
not notice is made in a copy of the project, where whole files run that begin processes, or whose
tests go on from one another: first those that name the changed module, then all others, the quick
ones first. MUTANTS_SEED picks the same again, MUTANTS_WORKERS (3) says how many copies work beside
each other. A change that no test notices is printed, unless `harmless.txt` says in a line why it
changes nothing that matters. Exit status 1 where less than 95 % of the others were noticed, or more
than one in ten is called harmless.
"""

import os
import random
import re
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from queue import SimpleQueue
from types import MappingProxyType

import pytest

from tests.mutants import forked
from tests.mutants.points import Point, marked, points
from tests.mutants.reach import reached

ROOT = Path(__file__).resolve().parents[2]
HARMLESS = Path(__file__).with_name("harmless.txt")
_COPIED = ("bot", "demo", "deploy", "docs", "pki", "storage", "tests", "vpn", "pyproject.toml")
# A test that takes so much longer than its whole file without the change waits for ever.
_TIMES_LONGER = 3
_AT_LEAST_S = 60
# Only what waits for ever takes as long.
_HANGS_S = 1800
_NOTICED_AT_LEAST = 0.95
_HARMLESS_AT_MOST = 0.10
# A file may hold nothing but long tests.
_PASSES = (pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED)
# The last one comes from a test that waits for ever.
_SAYS_WHY = ("FAILED", "ERROR", "Timeout (")
# The CRL is read by a parser of cryptography's; what is proved is `vpn`'s.
_PROOF = (
    *("vpn/proof/*.py", "vpn/host/machine.py", "vpn/host/permissions.py"),
    *("vpn/findings.py", "vpn/adopt/outlook.py"),
)


@dataclass(frozen=True)
class Room:
    """What is changed, and which tests have to notice."""

    sources: Sequence[str]
    tests: Sequence[str]

    def files(self, root: Path) -> Iterator[str]:
        for test in self.tests:
            files = sorted((root / test).rglob("test_*.py")) or [root / test]
            yield from (str(file.relative_to(root)) for file in files)


ROOMS = (
    Room(
        ("bot/access/*.py",),
        (
            "tests/bot/access",
            "tests/bot/chat",
            "tests/storage",
            "tests/bot/rounds/test_keeper.py",
            "tests/bot/rounds/test_crl_watch.py",
            "tests/bot/test_shut_out.py",
            "tests/bot/test_receipts.py",
            "tests/bot/fleet/test_presence.py",
            "tests/bot/fleet/test_others.py",
            "tests/bot/process/test_clock.py",
            "tests/bot/rounds/test_clock_in_doubt.py",
            "tests/bot/fleet/test_catching_up.py",
            "tests/bot/backup/test_restore.py",
            "tests/e2e/test_commands.py",
            "tests/e2e/test_other_companies.py",
            "tests/e2e/test_cli.py",
            "tests/e2e/test_audit.py",
            "tests/e2e/test_who_is_on.py",
            "tests/e2e/test_import_command.py",
            "tests/gate",
        ),
    ),
    Room(
        _PROOF,
        (
            "tests/vpn",
            "tests/bot/fleet/test_fleet.py",
            "tests/bot/rounds/test_keeper.py",
            "tests/bot/rounds/test_crl_watch.py",
            "tests/bot/test_shut_out.py",
            "tests/bot/fleet/test_others.py",
            "tests/bot/fleet/test_presence.py",
            "tests/bot/health/test_health_servers.py",
            "tests/bot/health/test_health_adopted.py",
            "tests/e2e/test_receipts.py",
            "tests/e2e/test_who_is_on.py",
            "tests/e2e/test_other_servers.py",
            "tests/e2e/test_adopt.py",
        ),
    ),
    Room(
        ("bot/chat/*.py", "bot/handover/delivery.py"),
        (
            "tests/bot/chat",
            "tests/bot/handover/test_delivery.py",
            "tests/bot/handover/test_sets.py",
            "tests/bot/texts/test_texts.py",
            "tests/bot/texts/test_fill.py",
            "tests/bot/test_receipts.py",
            "tests/bot/process/test_reserve.py",
            "tests/e2e/test_commands.py",
            "tests/e2e/test_other_companies.py",
            "tests/e2e/test_delivery.py",
            "tests/e2e/test_bad_telegram.py",
            "tests/e2e/test_several_admins.py",
            "tests/e2e/test_strangers.py",
            "tests/e2e/test_takeover.py",
            "tests/e2e/test_receipts.py",
            "tests/e2e/test_who_is_on.py",
            "tests/e2e/test_run.py",
            "tests/gate",
        ),
    ),
    Room(
        ("pki/**/*.py",),
        (
            "tests/pki",
            "tests/vpn/configuration/test_profile.py",
            "tests/bot/test_keyring.py",
            "tests/bot/fleet/test_catching_up.py",
            "tests/e2e/test_import_command.py",
            "tests/e2e/test_wrong_books.py",
        ),
    ),
    Room(
        ("storage/*.py",),
        (
            "tests/storage",
            "tests/bot/access",
            "tests/bot/chat",
            "tests/bot/rounds/test_keeper.py",
            "tests/bot/rounds/test_crl_watch.py",
            "tests/bot/test_shut_out.py",
            "tests/bot/backup/test_backup.py",
            "tests/bot/fleet/test_catching_up.py",
            "tests/bot/fleet/test_presence.py",
            "tests/e2e/test_cli.py",
            "tests/e2e/test_commands.py",
            "tests/e2e/test_other_companies.py",
        ),
    ),
)


def main() -> int:
    """Exit status 1 where too much goes unnoticed."""
    seed = int(os.environ.get("MUTANTS_SEED") or secrets.randbits(32))
    wanted = int(os.environ.get("MUTANTS") or 200)
    workers = int(os.environ.get("MUTANTS_WORKERS") or 3)
    every = [(point, room) for room in ROOMS for point in _points(room)]
    chosen = dict(enumerate(random.Random(seed).sample(every, wanted), 1))
    harmless = _harmless()
    begin = time.monotonic()
    print(f"{wanted} mutants, seed {seed}; first the tests without any", flush=True)
    with _copies(workers) as copies, _folder() as tried, ThreadPoolExecutor(workers) as pool:
        forked.prepare(
            tried, ROOT, {number: (at, room.files(ROOT)) for number, (at, room) in chosen.items()}
        )

        def come_past(share: int) -> dict[str, tuple[float, set[int]]]:
            with _taken(copies) as copy:
                tests = list(dict.fromkeys(file for room in ROOMS for file in room.files(copy)))
                with _marked(copy, {number: point for number, (point, _) in chosen.items()}):
                    status, said = _pytest(
                        copy,
                        tests[share::workers],
                        *("-p", "tests.mutants.reach"),
                        environment=forked.environment(tried, backwards=share % 2 == 1),
                    )
                if status:
                    # If the tests fail without a change, they notice nothing.
                    sys.exit(f"The tests fail without any change:\n{said}")
                return reached(copy)

        past: dict[str, tuple[float, set[int]]] = {}
        for found in pool.map(come_past, range(workers)):
            past |= found
        at_once = forked.noticed(tried)
        print(f"        {time.monotonic() - begin:5.0f} s: {len(at_once)} noticed", flush=True)

        def try_one(number: int) -> str | None:
            point, room = chosen[number]
            if number in at_once:
                return at_once[number]
            with _taken(copies) as copy:
                seconds = {
                    file: past[file][0]
                    for file in room.files(copy)
                    if file in past and (number in past[file][1] or not point.within)
                }
                return _noticed_by(copy, point, seconds)

        excused, missed = [], []
        for number, noticed in zip(chosen, pool.map(try_one, chosen), strict=True):
            point, _ = chosen[number]
            if noticed is not None:
                verdict, why = "noticed ", noticed
            elif point.key in harmless:
                verdict, why = "harmless", harmless[point.key]
                excused.append(point)
            else:
                verdict, why = "MISSED  ", "no test"
                missed.append(point)
            print(
                f"{number:3}/{wanted} {time.monotonic() - begin:5.0f} s  {verdict}  {point}\n"
                f"                       {why}",
                flush=True,
            )
    that_matter = wanted - len(excused)
    share = 1 - len(missed) / that_matter
    print(
        f"\nSeed {seed}, {time.monotonic() - begin:.0f} s: {that_matter - len(missed)} of"
        f" {that_matter} noticed ({share:.1%}), {len(excused)} change nothing,"
        f" {len(missed)} missed"
    )
    for point in missed:
        print(f"  {point.key}")
    return int(share < _NOTICED_AT_LEAST or len(excused) > _HARMLESS_AT_MOST * wanted)


def _points(room: Room) -> Iterator[Point]:
    for pattern in room.sources:
        for path in sorted(ROOT.glob(pattern)):
            yield from points(ROOT, str(path.relative_to(ROOT)))


def _harmless() -> dict[str, str]:
    """Which changes nobody has to notice, and why: two lines each, the second indented."""
    lines = [line for line in HARMLESS.read_text().splitlines() if line[:1] not in ("", "#")]
    return {key: reason.strip() for key, reason in zip(lines[::2], lines[1::2], strict=True)}


def _by_likelihood(
    copy: Path, source: str, seconds: Mapping[str, float]
) -> tuple[Sequence[str], Sequence[str]]:
    """The tests that name a module, the one that is named after it first; and all others."""
    package, _, name = source.removesuffix(".py").replace("/", ".").rpartition(".")
    imports = re.compile(
        rf"^\s*(from {package}\.{name} import |import {package}\.{name}\b"
        rf"|from {package} import [^\n]*\b{name}\b)",
        re.MULTILINE,
    )
    named: list[str] = []
    others: list[str] = []
    for test in sorted(seconds, key=seconds.__getitem__):
        if Path(test).stem in {f"test_{name}", f"test_{package.split('.')[-1]}_{name}"}:
            named.insert(0, test)
        elif imports.search((copy / test).read_text()):
            named.append(test)
        else:
            others.append(test)
    return named, others


def _noticed_by(copy: Path, point: Point, seconds: Mapping[str, float]) -> str | None:
    """The line that names the first test which fails; None where all pass.

    Args:
        seconds: what each file of tests takes that comes past the change.
    """
    path = copy / point.path
    source = path.read_text()
    try:
        path.write_text(point.applied(source))
        _date_anew(path)
        for files in _by_likelihood(copy, point.path, seconds):
            tests, failed_before = list(files), ""
            while tests:
                longest = max(seconds[test] for test in tests)
                hangs_s = int(_AT_LEAST_S + _TIMES_LONGER * longest)
                status, said = _pytest(copy, tests, hangs_s=hangs_s)
                if status == pytest.ExitCode.USAGE_ERROR:
                    # Nothing can be imported any more; or there is no such test.
                    assert "ImportError while loading conftest" in said, said
                if status in _PASSES:
                    break
                lines = said.splitlines()
                named = (line for line in lines if line.startswith(_SAYS_WHY))
                line = next(named, lines[-1] if lines else f"status {status}")
                failed = re.search(r"tests/(?:e2e|vpn)/\w+\.py", line)
                # Where a whole company or an OpenVPN runs, it may have been too slow for once.
                if not failed or failed[0] == failed_before:
                    return line[:150]
                failed_before = failed[0]
                tests = tests[tests.index(failed_before) :]
    except subprocess.TimeoutExpired:
        return "no end"
    finally:
        path.write_text(source)
        _date_anew(path)
    return None


@contextmanager
def _marked(copy: Path, points: Mapping[int, Point]) -> Iterator[None]:
    """Says, while it lasts, which tests come past these."""
    before: dict[Path, str] = {}
    for file in {point.path for point in points.values()}:
        path = copy / file
        before[path] = path.read_text()
        its_own = {number: point for number, point in points.items() if point.path == file}
        path.write_text(marked(before[path], its_own))
        _date_anew(path)
    try:
        yield
    finally:
        for path, source in before.items():
            path.write_text(source)
            _date_anew(path)


_moments = count(1_000_000_000)


def _date_anew(path: Path) -> None:
    """Compiled files go by time and size, and two changes can be made within a second."""
    os.utime(path, (moment := next(_moments), moment))


def _pytest(
    root: Path,
    tests: Sequence[str],
    *options: str,
    hangs_s: int = _HANGS_S,
    environment: Mapping[str, str] = MappingProxyType({}),
) -> tuple[int, str]:
    """Its exit status, and what it said.

    Args:
        hangs_s: a test that takes as long has failed.
    """
    command = (
        *(sys.executable, "-m", "pytest", "-x", "-q", "--no-header", "--tb=no"),
        *("-p", "no:cacheprovider", "-o", f"faulthandler_timeout={hangs_s}"),
        *("-o", "faulthandler_exit_on_timeout=true"),
    )
    # A file, since a pipe stays open for whatever a test leaves behind.
    with tempfile.TemporaryFile("w+") as out:
        process = subprocess.Popen(
            (*command, *options, *tests),
            cwd=root,
            env={**os.environ, "PYTHONDONTWRITEBYTECODE": "", **environment},
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            status = process.wait(_HANGS_S)
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        out.seek(0)
        return status, out.read()


@contextmanager
def _copies(workers: int) -> Iterator["SimpleQueue[Path]"]:
    """A copy of the project for each of those that work beside each other."""
    free: SimpleQueue[Path] = SimpleQueue()
    with _folder() as home:
        # OpenVPN's account has to pass.
        home.chmod(0o755)
        for number in range(workers):
            copy = home / str(number)
            for name in _COPIED:
                if (ROOT / name).is_dir():
                    shutil.copytree(ROOT / name, copy / name)
                else:
                    shutil.copy2(ROOT / name, copy / name)
            free.put(copy)
        yield free


@contextmanager
def _folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="vpnbot-mutants-") as home:
        yield Path(home)


@contextmanager
def _taken(copies: "SimpleQueue[Path]") -> Iterator[Path]:
    copy = copies.get()
    try:
        yield copy
    finally:
        copies.put(copy)


if __name__ == "__main__":
    sys.exit(main())
