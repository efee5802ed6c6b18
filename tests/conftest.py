"""What every test may rely on: an interrupt interrupts; long tests run only on request.

A shell that starts the tests in the background has Ctrl-C ignored, and every child inherits that.
"""

import signal
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

_HERE = Path(__file__).parent
# Rooms where every test is long.
_LONG_ROOMS = {"crash", "torture"}

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--long", action="store_true", help="runs the tests marked as long, too")


def pytest_configure(config: pytest.Config) -> None:
    """How many examples hypothesis tries where a test does not say; no machine is too slow."""
    settings.register_profile(
        "ours",
        deadline=None,
        max_examples=100 if config.getoption("--long") else 25,
        suppress_health_check=[HealthCheck.too_slow],
    )
    settings.load_profile("ours")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if config.getoption("--long"):
        return
    long = [item for item in items if _is_long(item)]
    config.hook.pytest_deselected(items=long)
    items[:] = [item for item in items if not _is_long(item)]


def _is_long(item: pytest.Item) -> bool:
    room = item.path.relative_to(_HERE).parts[0]
    return room in _LONG_ROOMS or item.get_closest_marker("long") is not None
