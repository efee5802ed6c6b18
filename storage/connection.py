"""A connection to SQLite, for asyncio, with a thread only for what may wait.

SQLite answers within some ten microseconds, and the way to a thread and back takes a hundred. Once
a transaction has begun there is nothing to wait for: a writer has its lock since BEGIN IMMEDIATE,
readers wait for nobody, and what is written stays in memory until COMMIT. So its statements are
carried out at once, where they are asked for. Waiting for another process's lock and for the disk
happens in the thread of aiosqlite's connection.

Accepted: a page that is not in memory yet is read from the disk while the loop waits.
"""

import sqlite3
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from functools import partial
from typing import Any, TypeVar, TypeVarTuple, overload

from sqlalchemy import Connection, Executable, Result, Row, Select
from sqlalchemy.exc import DBAPIError
from sqlalchemy.sql.selectable import TypedReturnsRows

from storage.driver import Driver
from storage.plans import Plans, Rows

_Columns = TypeVarTuple("_Columns")
_Value = TypeVar("_Value")
_Made = TypeVar("_Made")


class AsyncConnection:
    """One transaction after the other.

    Args:
        driver: open.
        connection: SQLAlchemy's of the same, which leaves to this one where transactions begin and
            end.
        plans: of every connection.
    """

    def __init__(self, driver: Driver, connection: Connection, plans: Plans) -> None:
        self._driver = driver
        self._sqlite = driver.sqlite
        self._connection = connection
        self._plans = plans
        self._in_parts: set[Result[Any]] = set()

    @overload
    async def execute(
        self, statement: TypedReturnsRows[*_Columns], parameters: Any = None
    ) -> Rows[*_Columns]: ...

    @overload
    async def execute(
        self, statement: Executable, parameters: Any = None
    ) -> Rows[*tuple[Any, ...]]: ...

    async def execute(self, statement: Executable, parameters: Any = None) -> Rows[Any]:
        """Carries a statement out; its rows are there."""
        if not self._sqlite.in_transaction:
            # What came now would stay by itself, and without what came before.
            gone = sqlite3.OperationalError("SQLite has rolled the transaction back")
            raise as_said_by_sqlalchemy(gone) from None
        try:
            return self._plans.carry_out(self._connection, self._sqlite, statement, parameters)
        except sqlite3.Error as error:
            raise as_said_by_sqlalchemy(error) from error

    async def exec_driver_sql(self, statement: str, parameters: Any = None) -> Any:
        """Likewise, in the database's own words."""
        return self._connection.exec_driver_sql(statement, parameters)

    @overload
    async def scalar(
        self, statement: TypedReturnsRows[_Value], parameters: Any = None
    ) -> _Value | None: ...

    @overload
    async def scalar(self, statement: Executable, parameters: Any = None) -> Any: ...

    async def scalar(self, statement: Executable, parameters: Any = None) -> Any:
        """The first value of the first row; None where there is none."""
        return (await self.execute(statement, parameters)).scalar()

    async def partitions(self, wanted: Select[Any], size: int) -> AsyncIterator[Sequence[Row[Any]]]:
        """So many rows at a time, and no more in memory."""
        result = await self._driver.in_thread(partial(self._connection.execute, wanted))
        self._in_parts.add(result)
        try:
            while part := await self._driver.in_thread(partial(result.fetchmany, size)):
                yield part
        finally:
            self._in_parts.discard(result)
            result.close()

    def begin(self) -> None:
        """A transaction that sees one moment; nothing that is written in it stays."""
        self._say("BEGIN")

    async def begin_writing(self) -> None:
        """A transaction that has the right to write from its first statement on."""
        if not self._locked_at_once():
            await self._driver.in_thread(partial(self._say, "BEGIN IMMEDIATE"))

    async def commit(self) -> None:
        """Its end: what was written in it is on the disk."""
        await self._driver.in_thread(partial(self._say, "COMMIT"))

    def roll_back(self) -> None:
        """Its end, if it has none yet: what was written in it is undone."""
        # Whoever left in the middle of one would keep this moment for who comes next.
        while self._in_parts:
            self._in_parts.pop().close()
        if self._sqlite.in_transaction:
            self._say("ROLLBACK")

    async def close(self) -> None:
        await self.run_sync(Connection.close)
        await self._driver.close()

    async def run_sync(self, call: Callable[[Connection], _Made]) -> _Made:
        """Makes a call with SQLAlchemy's connection, in the thread."""
        return await self._driver.in_thread(partial(call, self._connection))

    @asynccontextmanager
    async def attempt(self) -> AsyncIterator[None]:
        """A savepoint."""
        self._say("SAVEPOINT attempt")
        try:
            yield
        except BaseException:
            if self._sqlite.in_transaction:  # or SQLite has undone all of it by itself
                self._say("ROLLBACK TO attempt")
                self._say("RELEASE attempt")
            raise
        self._say("RELEASE attempt")

    def _locked_at_once(self) -> bool:
        """Takes the writer's lock if no other process has it."""
        [[patience_ms]] = self._sqlite.execute("PRAGMA busy_timeout")
        self._sqlite.execute("PRAGMA busy_timeout = 0")
        try:
            self._sqlite.execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError:
            return False  # whatever it was, the thread meets it again
        finally:
            self._sqlite.execute(f"PRAGMA busy_timeout = {patience_ms}")
        return True

    def _say(self, statement: str) -> None:
        try:
            self._sqlite.execute(statement)
        except sqlite3.Error as error:
            raise as_said_by_sqlalchemy(error, statement) from error


def as_said_by_sqlalchemy(error: sqlite3.Error, statement: str = "") -> BaseException:
    """Its class for such an error, which all that it carries out itself raises."""
    return DBAPIError.instance(statement, None, error, sqlite3.Error)
