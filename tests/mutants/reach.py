"""Which test files come past a change, noted before anything is changed.

`make mutants` runs the tests once with `here(N)` (see `here.py`) wherever it is going to change
something, and with this module as a plugin of pytest. A change is then tried with those files alone
that came past it, whichever process did: the test's own, a command or a bot.
"""

import json
import time
from pathlib import Path

from tests.mutants.here import said

_ROOT = Path(__file__).resolve().parents[2] / ".reached"
_NOW = _ROOT / "now"
_SECONDS = _ROOT / "seconds.json"

# What runs when a module is imported is come past by whatever imports it, and noted but once.
_IMPORTS = "imports"

_seconds: dict[str, float] = {}
_began = ""


def pytest_configure() -> None:
    """Called by pytest at the beginning, before it imports any test."""
    _note_in(_IMPORTS)


def pytest_runtest_logstart(location: tuple[str, int | None, str]) -> None:
    """Called by pytest before each test, with the file that it stands in."""
    global _began  # noqa: PLW0603
    if (file := location[0]) == _began:
        return
    _end()
    _began = file
    _seconds[file] = _seconds.get(file, 0) - time.monotonic()
    _note_in(file)


def pytest_sessionfinish() -> None:
    """Called by pytest at the end."""
    _end()
    _SECONDS.write_text(json.dumps(_seconds))


def _note_in(file: str) -> None:
    folder = _folder(_ROOT, file)
    folder.mkdir(parents=True, exist_ok=True)
    for each in (_ROOT, folder):
        each.chmod(0o777)  # commands run under several accounts
    next_one = _ROOT / "next"
    next_one.symlink_to(folder)
    next_one.replace(_NOW)
    said.clear()


def _end() -> None:
    if _began:
        _seconds[_began] += time.monotonic()


def _folder(root: Path, file: str) -> Path:
    return root / file.replace("/", ":")


def _marks(folder: Path) -> set[int]:
    return {int(mark.name) for mark in folder.iterdir()}


def reached(copy: Path) -> dict[str, tuple[float, set[int]]]:
    """For each test file that ran in a copy of the project: its seconds, what it came past."""
    root = copy / _ROOT.name
    by_all = _marks(_folder(root, _IMPORTS))
    return {
        file: (seconds, by_all | _marks(_folder(root, file)))
        for file, seconds in json.loads((root / _SECONDS.name).read_text()).items()
    }
