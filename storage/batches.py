"""Splits what is long: SQLite before 3.32 takes 999 parameters in one statement, and what deletes
much at once holds up all other writers."""

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any, TypeVar

from sqlalchemy import Column, ColumnElement, Delete, delete, select

AT_ONCE = 500
_Value = TypeVar("_Value")


def some_where(key: Column[Any], condition: ColumnElement[bool]) -> Delete:
    """Deletes at most AT_ONCE of the rows that this is true of."""
    return delete(key.table).where(key.in_(select(key).where(condition).limit(AT_ONCE)))


def batches(values: Iterable[_Value], most: int = AT_ONCE) -> Iterator[list[_Value]]:
    """The values in order, some hundreds at a time."""
    left = iter(values)
    while batch := list(islice(left, most)):
        yield batch
