"""Which tests come past a change, noted before anything is changed; then each is tried at once.

`make mutants` runs the tests once with `here(N)` (see `here.py`) wherever it is going to change
something, and with this module as a plugin of pytest. For a test that shares nothing with others it
is noted what this process came past, and the changes are tried in it when all have run (see
`forked.py`). For the others, and for every other process, a command or a bot, it is noted in which
file of tests they came past: those files are to be run again with the change.
"""

import json
import time
from collections import defaultdict
from collections.abc import Generator
from pathlib import Path
from typing import cast

import pytest

from tests.conftest import shares
from tests.mutants import forked, here

_ROOT = Path(__file__).resolve().parents[2] / ".reached"
_NOW = _ROOT / "now"
_SECONDS = _ROOT / "seconds.json"

# What runs when a module is imported is come past by whatever imports it, and noted but once.
_IMPORTS = "imports"

_seconds: dict[str, float] = {}
_began = ""
_past: dict[int, list[pytest.Item]] = defaultdict(list)


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


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    """Called by pytest for each test."""
    here.passed.clear()
    here.reach_notes = not shares(item)
    result = yield
    if here.reach_notes:
        for number in here.passed:
            _past[number].append(item)
    here.reach_notes = False
    return result


@pytest.hookimpl(wrapper=True)
def pytest_fixture_setup(fixturedef: pytest.FixtureDef[object]) -> Generator[None, object, object]:
    """Called by pytest for what a test has; in a fork, what a whole run has is there already."""
    its_own, before = here.reach_notes, {*here.passed}
    if fixturedef.scope in {"session", "package"}:
        here.reach_notes = False
        here.passed.clear()
    try:
        return (yield)
    finally:
        here.reach_notes = its_own
        here.passed.update(before)


@pytest.hookimpl(tryfirst=True)
def pytest_runtestloop(session: pytest.Session) -> bool:
    """Called by pytest for all tests. What all of them share is still there when changes are tried.

    Raises:
        session.Failed: one fails without any change.
    """
    global _began  # noqa: PLW0603
    for item, following in zip(session.items, session.items[1:] + session.items[:1], strict=True):
        item.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
        if session.shouldfail:
            raise session.Failed(session.shouldfail)
    # Whatever the last test shares with the first is not shared by all that are tried next.
    session._setupstate.teardown_exact(cast("pytest.Item", session))
    _end()
    _began = ""
    for number, item in forked.try_all(_past):
        (_folder(_ROOT, item.location[0]) / str(number)).touch()
    session._setupstate.teardown_exact(None)
    return True


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


def _end() -> None:
    if _began:
        _seconds[_began] += time.monotonic()


def _folder(root: Path, file: str) -> Path:
    return root / file.replace("/", ":")


def _marks(folder: Path) -> set[int]:
    return {int(mark.name) for mark in folder.iterdir()}


def reached(copy: Path) -> dict[str, tuple[float, set[int]]]:
    """For each test file that ran in a copy of the project: its seconds, and what is left to it."""
    root = copy / _ROOT.name
    by_all = _marks(_folder(root, _IMPORTS))
    return {
        file: (seconds, by_all | _marks(_folder(root, file)))
        for file, seconds in json.loads((root / _SECONDS.name).read_text()).items()
    }
