"""What every repository has: the connection of its transaction, and rows by their columns."""

from typing import Any

from sqlalchemy import Row
from sqlalchemy.ext.asyncio import AsyncConnection


class Repository:
    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection


def values_of(row: Row[Any]) -> dict[str, Any]:
    """A row by the names of its columns, to be changed at will."""
    return dict(row._mapping)  # noqa: SLF001 - SQLAlchemy's documented name
