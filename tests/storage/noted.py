"""What the repositories send, as they give it to their connection."""

from typing import Any

from sqlalchemy import Select
from sqlalchemy.sql.dml import UpdateBase

from storage.connection import AsyncConnection

# A statement with its rows of values.
Sent = list[tuple[Any, Any]]


class Noted:
    """A connection that notes what it is given."""

    def __init__(self, connection: AsyncConnection, sent: Sent) -> None:
        self._connection = connection
        self._sent = sent

    def __getattr__(self, name: str) -> Any:
        return getattr(self._connection, name)

    async def execute(self, statement: Any, parameters: Any = None) -> Any:
        if isinstance(statement, Select | UpdateBase):
            rows = parameters if isinstance(parameters, list) else [parameters or {}]
            self._sent.append((statement, rows))
        return await self._connection.execute(statement, parameters)

    async def scalar(self, statement: Any, parameters: Any = None) -> Any:
        return (await self.execute(statement, parameters)).scalar()

    def partitions(self, wanted: Any, size: int) -> Any:
        self._sent.append((wanted, [{}]))
        return self._connection.partitions(wanted, size)
