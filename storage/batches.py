"""Splits long lists of parameters: SQLite before 3.32 takes 999 in one statement."""

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import TypeVar

_AT_ONCE = 500
_Value = TypeVar("_Value")


def batches(values: Iterable[_Value], most: int = _AT_ONCE) -> Iterator[list[_Value]]:
    """The values in order, some hundreds at a time."""
    left = iter(values)
    while batch := list(islice(left, most)):
        yield batch
