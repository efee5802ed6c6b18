"""What every test may rely on: an interrupt interrupts; long tests run only on request.

A test that hangs fails. A shell that starts the tests in the background has Ctrl-C ignored, and
every child inherits that.
"""

import asyncio
import gc
import os
import signal
import sys
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from tests import folders, hanging

_HERE = Path(__file__).parent
# Rooms where every test is long.
_LONG_ROOMS = {"crash", "torture"}
# Of these no coverage is measured, so that none of their tests is done with the short ones.
_STORMS = _LONG_ROOMS | {"gate"}

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--long", action="store_true", help="runs the tests marked as long, too")
    parser.addoption(
        "--rest",
        action="store_true",
        help="runs what the short run leaves out: files with long tests, more examples, storms",
    )


def pytest_configure(config: pytest.Config) -> None:
    """How many examples hypothesis tries where a test does not say; no machine is too slow."""
    gc.disable()  # whatever is collected stays
    settings.register_profile(
        "ours",
        deadline=None,
        max_examples=100 if config.getoption("--long") or config.getoption("--rest") else 25,
        suppress_health_check=[HealthCheck.too_slow],
    )
    settings.load_profile("ours")
    stderr = os.fdopen(os.dup(2), "w")  # a test's own is captured, and lost with the process

    def give_up(*_: object) -> None:
        for task in gc.get_objects():
            if isinstance(task, asyncio.Task) and not task.done():
                task.print_stack(file=stderr)
        stderr.flush()
        pytest.fail("It hangs.")

    signal.signal(signal.SIGALRM, give_up)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol() -> Iterator[None]:
    hanging.watch()
    try:
        return (yield)
    finally:
        hanging.stop_watching()


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """Writes down what was measured: xdist gives a worker ten seconds to end, however busy."""
    coverage = sys.modules.get("coverage") if hasattr(session.config, "workerinput") else None
    if coverage and (measuring := coverage.Coverage.current()):
        measuring.save()


@pytest.hookimpl(trylast=True)  # after hypothesis, which marks what is tried with examples
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    waiting = {item.path for item in items if item.get_closest_marker("waits")}
    at = _spread(items)
    items.sort(key=lambda item: (item.path not in waiting, at[item.path]))
    if config.getoption("--long"):
        return
    # Tests that share a company go on from what the ones before have left.
    with_long = {item.path for item in items if not _is_short(item)}
    shared = {item.path for item in items if shares(item)}

    def is_wanted(item: pytest.Item) -> bool:
        if not config.getoption("--rest"):
            return _is_short(item)
        tries_more = item.get_closest_marker("hypothesis") is not None
        goes_before = item.path in with_long & shared
        return tries_more or _room(item) in _STORMS or goes_before or not _is_short(item)

    config.hook.pytest_deselected(items=[item for item in items if not is_wanted(item)])
    items[:] = filter(is_wanted, items)


def _spread(items: list[pytest.Item]) -> dict[Path, float]:
    """When each file begins, each room's over the whole run: some wait while others compute."""
    rooms: dict[str, dict[Path, None]] = defaultdict(dict)
    for item in items:
        rooms[_room(item)][item.path] = None
    return {
        path: number / len(paths) for paths in rooms.values() for number, path in enumerate(paths)
    }


def pytest_collection_finish() -> None:
    """What is there now stays: it is looked through no more for what nobody needs."""
    gc.collect()
    gc.freeze()
    gc.enable()


def shares(item: pytest.Item) -> bool:
    """Whether it has something that other tests of its file have had before."""
    used = item._fixtureinfo.name2fixturedefs.values() if isinstance(item, pytest.Function) else ()
    return any(one.scope in {"module", "class"} for each in used for one in each)


def _is_short(item: pytest.Item) -> bool:
    return _room(item) not in _LONG_ROOMS and item.get_closest_marker("long") is None


def _room(item: pytest.Item) -> str:
    return item.path.relative_to(_HERE).parts[0]


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database with its schema and nothing in it, for `open_copy`."""
    # Slow to import: whoever needs no database does not wait for it.
    from tests.storage.kit import make_template

    return make_template(tmp_path_factory.mktemp("template"))


@pytest.fixture
def open_folder() -> Iterator[Path]:
    with folders.open_folder() as folder:
        yield folder


@pytest.fixture(scope="module")
def module_folder() -> Iterator[Path]:
    with folders.open_folder() as folder:
        yield folder
