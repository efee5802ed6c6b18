"""Which test files come past a change, noted before anything is changed.

`make mutants` runs the tests once with `here(N)` (see `here.py`) wherever it is going to change
something, and with this module as a plugin of pytest. A change is then tried with those files alone
that came past it, whichever process did: the test's own, a command or a bot.
"""

import json
import time
from pathlib import Path

_ROOT = Path(__file__).resolve().parents[2] / ".reached"
_NOW = _ROOT / "now"
_SECONDS = _ROOT / "seconds.json"

_seconds: dict[str, float] = {}
_began = ""


def pytest_runtest_logstart(location: tuple[str, int | None, str]) -> None:
    """Called by pytest before each test, with the file that it stands in."""
    global _began  # noqa: PLW0603
    if (file := location[0]) == _began:
        return
    _end()
    _began = file
    _seconds[file] = _seconds.get(file, 0) - time.monotonic()
    folder = _folder(_ROOT, file)
    folder.mkdir(parents=True, exist_ok=True)
    for parent in (_ROOT, folder):
        parent.chmod(0o777)  # commands run under several accounts
    next_one = _ROOT / "next"
    next_one.symlink_to(folder)
    next_one.replace(_NOW)


def pytest_sessionfinish() -> None:
    """Called by pytest at the end."""
    _end()
    _ROOT.mkdir(exist_ok=True)
    _SECONDS.write_text(json.dumps(_seconds))


def _end() -> None:
    if _began:
        _seconds[_began] += time.monotonic()


def _folder(root: Path, file: str) -> Path:
    return root / file.replace("/", ":")


def reached(copy: Path) -> dict[str, tuple[float, set[int]]]:
    """For each test file that ran in a copy of the project: its seconds, what it came past."""
    root = copy / _ROOT.name
    return {
        file: (seconds, {int(mark.name) for mark in _folder(root, file).iterdir()})
        for file, seconds in json.loads((root / _SECONDS.name).read_text()).items()
    }
