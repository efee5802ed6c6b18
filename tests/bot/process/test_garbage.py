"""When Python looks for garbage."""

import gc
from collections.abc import Iterator

import pytest

from bot.process import garbage


@pytest.fixture(autouse=True)
def as_before() -> Iterator[None]:
    before = gc.get_threshold()
    yield
    gc.set_threshold(*before)
    gc.unfreeze()


def test_a_command_looks_seldom_and_not_once_more_as_it_ends() -> None:
    usual = gc.get_threshold()[0]
    with garbage.seldom_looked_for():
        assert gc.get_threshold()[0] > usual * 10
        assert gc.isenabled()
    assert gc.get_freeze_count() > 0


def test_what_runs_on_looks_as_ever_but_for_what_is_there() -> None:
    usual = gc.get_threshold()
    with garbage.seldom_looked_for():
        garbage.looked_for_as_usual()
        assert gc.get_threshold() == usual
        assert gc.get_freeze_count() > 0
