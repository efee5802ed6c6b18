"""Tries changes where all tests have just run: in forks of that process, which has all imported.

In a fork the changed function has other code, and the tests that came past it run until one fails.
That takes a second where a pytest of its own takes ten. Several such processes, each with other
tests, share the changes: what one has noticed the others leave.
"""

import gc
import importlib
import json
import os
import select
import signal
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from types import CodeType, FunctionType
from typing import Any

import pytest

from tests.mutants.points import Point

# What to try, and for each number a file with the test that noticed it, in this folder.
_WHERE = "VPNBOT_MUTANTS_TRIED"
_CHANGES = "changes.json"
# Those that come past the fewest of the changes, before all others.
_CLOSEST = 20
# A test that is as long at it has been made to wait for ever, if it is quicker without the change.
_HANGS_S = 20


def prepare(folder: Path, root: Path, changes: Mapping[int, tuple[Point, Iterable[str]]]) -> None:
    """Says what is to be tried: each with the files of tests that may notice it.

    Args:
        root: of the project, as it is without any marks.
    """
    listed = {number: (asdict(point), [*files]) for number, (point, files) in changes.items()}
    (folder / _CHANGES).write_text(json.dumps([str(root), listed]))


def environment(folder: Path, *, backwards: bool) -> dict[str, str]:
    """What tells a pytest of the folder, and from which end it begins."""
    return {_WHERE: f"{'-' if backwards else '+'}{folder}"}


def noticed(folder: Path) -> dict[int, str]:
    """The test that failed, for each that was noticed."""
    return {int(path.name): path.read_text() for path in folder.iterdir() if path.name.isdecimal()}


def try_all(past: Mapping[int, Sequence[pytest.Item]]) -> Iterator[tuple[int, pytest.Item]]:
    """Tries each change; gives each with the tests that can't be asked so.

    Args:
        past: the tests that come past each.
    """
    # Files with a test that fails in a fork without any change, too.
    unfit: set[str] = set()
    gc.collect()
    gc.freeze()  # or each fork would look through all that is there
    order, folder = os.environ[_WHERE][0], Path(os.environ[_WHERE][1:])
    root, listed = json.loads((folder / _CHANGES).read_text())
    many: dict[str, int] = {}
    for item in (item for items in past.values() for item in items):
        many[item.nodeid] = many.get(item.nodeid, 0) + 1
    for text, (fields, files) in sorted(listed.items(), reverse=order == "-"):
        point = Point(**fields | {key: tuple(fields[key]) for key in ("node", "span")})
        items = [item for item in past.get(int(text), ()) if item.location[0] in files]
        function = _function(point)
        source = (Path(root) / point.path).read_text()
        code = function and _code_of(point.applied(source), function)
        if function is None or code is None:
            yield from ((int(text), item) for item in items)
            continue
        closest = sorted(items, key=lambda item: many[item.nodeid])[:_CLOSEST]
        in_turn = sorted(items, key=lambda item: item not in closest)
        left = [item for item in in_turn if item.location[0] not in unfit]
        verdict = folder / text
        while left and not verdict.exists():
            failed = _failing(left, function, code)
            if failed is None:
                break
            without = _failing(left[: failed + 1], function, function.__code__)
            if without is None:
                verdict.write_text(f"FAILED {left[failed].nodeid}")
            else:
                unfit.add(left[without].location[0])
            left = [item for item in left[failed + 1 :] if item.location[0] not in unfit]
        yield from ((int(text), item) for item in items if item.location[0] in unfit)


def _failing(items: Sequence[pytest.Item], function: FunctionType, code: CodeType) -> int | None:
    """Which of these tests fails first with the function as it is told here."""
    reading, writing = os.pipe()
    pid = os.fork()
    if not pid:
        status = 1
        with suppress(BaseException):
            os.setsid()
            function.__code__ = code
            status = _run(items, writing)
        os._exit(status)
    os.close(writing)
    begun = 0
    while select.select([reading], [], [], _HANGS_S)[0] and (said := os.read(reading, 1000)):
        begun += len(said)
    os.close(reading)
    with suppress(ProcessLookupError):
        os.killpg(pid, signal.SIGKILL)  # also what the tests have left behind
    _, status = os.waitpid(pid, 0)
    return None if status == 0 else max(begun - 1, 0)


def _run(items: Sequence[pytest.Item], writing: int) -> int:
    """One byte for each test that begins; 0 where none fails."""
    for descriptor in (1, 2):
        os.dup2(os.open(os.devnull, os.O_RDWR), descriptor)
    for number, item in enumerate(items):
        os.write(writing, b".")
        before = item.session.testsfailed
        following = items[number + 1] if number + 1 < len(items) else None
        item.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
        if item.session.testsfailed > before:
            return 1
    return 0


def _function(point: Point) -> FunctionType | None:
    """The function that a change is made in; None where it is in none, or in one out of reach."""
    found: Any = importlib.import_module(point.path.removesuffix(".py").replace("/", "."))
    for name in point.within.split("."):
        found = vars(found).get(name)
        if not isinstance(found, type):
            break
    for inner in ("__func__", "fget", "func", "__wrapped__"):
        found = getattr(found, inner, found)
    return found if isinstance(found, FunctionType) else None


def _code_of(source: str, function: FunctionType) -> CodeType | None:
    """What a function is in another version of its file, whose lines are the same."""
    old = function.__code__

    def walk(code: CodeType) -> Iterator[CodeType]:
        for constant in code.co_consts:
            if isinstance(constant, CodeType):
                yield constant
                yield from walk(constant)

    for code in walk(compile(source, old.co_filename, "exec", dont_inherit=True)):
        if (code.co_qualname, code.co_firstlineno) == (old.co_qualname, old.co_firstlineno):
            return code if code.co_freevars == old.co_freevars else None
    return None
