"""What every repository has: the connection of its transaction, and rows by their columns.

What is asked many times for one tap is a statement built once, with its values as parameters:
SQLAlchemy takes several times as long to build one as SQLite takes to answer it, and only what was
built once has its text kept (`storage.plans`).
"""

from typing import Any

from sqlalchemy import Row

from storage.connection import AsyncConnection


class Repository:
    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection


def values_of(row: Row[Any]) -> dict[str, Any]:
    """A row by the names of its columns, to be changed at will."""
    return dict(row._mapping)  # noqa: SLF001 - SQLAlchemy's documented name
