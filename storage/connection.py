"""A connection to the database, for asyncio.

SQLAlchemy has one of its own, which imports all of its ORM, and goes over its bridge between
functions and asyncio for each statement. This one does so only for what waits.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager
from typing import Any, TypeVar, TypeVarTuple, overload

from sqlalchemy import Connection, CursorResult, Engine, Executable, Row, Select, Transaction
from sqlalchemy.sql.selectable import TypedReturnsRows
from sqlalchemy.util import greenlet_spawn

from storage.driver import Driver

_Columns = TypeVarTuple("_Columns")
_Value = TypeVar("_Value")
_Made = TypeVar("_Made")


class AsyncConnection:
    """One transaction's.

    Args:
        connection: of SQLAlchemy's, in a transaction.
    """

    def __init__(self, connection: Connection) -> None:
        self._at_once = connection
        self._driver: Any = connection.connection.driver_connection
        # Another database's may always wait.
        self._is_ours = isinstance(self._driver, Driver)

    @overload
    async def execute(
        self, statement: TypedReturnsRows[*_Columns], parameters: Any = None
    ) -> CursorResult[*_Columns]: ...

    @overload
    async def execute(
        self, statement: Executable, parameters: Any = None
    ) -> CursorResult[*tuple[Any, ...]]: ...

    async def execute(self, statement: Executable, parameters: Any = None) -> CursorResult[Any]:
        """Carries a statement out; its rows are there."""
        return await self._do(self._at_once.execute, statement, parameters)

    async def exec_driver_sql(self, statement: str, parameters: Any = None) -> CursorResult[Any]:
        """Likewise, in the database's own words."""
        return await self._do(self._at_once.exec_driver_sql, statement, parameters)

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
        options = {"stream_results": True, "yield_per": size}
        result = await greenlet_spawn(self._at_once.execute, wanted, execution_options=options)
        try:
            while part := await greenlet_spawn(result.fetchmany, size):
                yield part
        finally:
            await _to_its_end(greenlet_spawn(result.close))

    @asynccontextmanager
    async def begin_nested(self) -> AsyncIterator[None]:
        """A savepoint."""
        async with _ended(await greenlet_spawn(self._at_once.begin_nested)):
            yield

    async def _do(self, call: Callable[..., _Made], *args: Any) -> _Made:
        if self._is_ours and not self._driver.may_wait():
            return call(*args)
        return await greenlet_spawn(call, *args)


@asynccontextmanager
async def connected(engine: Engine) -> AsyncIterator[Connection]:
    """A connection from the pool; what was not committed is rolled back at the end."""
    connection = await greenlet_spawn(engine.connect)
    driver = connection.connection.driver_connection
    try:
        yield connection
    finally:
        closing = greenlet_spawn(connection.close)
        is_at_once = isinstance(driver, Driver) and not driver.is_waiting
        await (closing if is_at_once else _to_its_end(closing))


@asynccontextmanager
async def committed(
    connection: Connection, begin: Callable[[Connection], Transaction]
) -> AsyncIterator[None]:
    """A transaction, which is committed unless something is raised."""
    async with _ended(await greenlet_spawn(begin, connection)):
        yield


@asynccontextmanager
async def _ended(transaction: Transaction) -> AsyncIterator[None]:
    try:
        yield
    except BaseException as error:
        await greenlet_spawn(transaction.__exit__, type(error), error, error.__traceback__)
        raise
    else:
        await greenlet_spawn(transaction.__exit__, None, None, None)


async def _to_its_end(work: Coroutine[Any, Any, None]) -> None:
    """Whoever is cancelled meanwhile goes only once it is done."""
    task = asyncio.create_task(work)
    try:
        await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait([task])
        raise
