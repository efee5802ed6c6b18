"""SQLite for asyncio, with a thread only for what may wait.

aiosqlite hands every call to the connection's thread, four of them for one statement. SQLite
itself needs some ten microseconds; the way there and back takes a hundred, and on a busy machine
milliseconds. Within a transaction there is nothing to wait for: a writer has its lock since BEGIN
IMMEDIATE, readers wait for nobody, and what is written stays in memory until COMMIT. So those
statements are carried out at once, without SQLAlchemy's bridge between its functions and asyncio,
which takes twice as long as all the rest. Waiting for another process's lock and for the disk
happens in the thread.

Accepted: a page that is not in memory yet is read from the disk while the loop waits.
"""

import sqlite3
from collections import deque
from collections.abc import Callable
from functools import partial
from types import BuiltinMethodType
from typing import Any

import aiosqlite
from sqlalchemy.dialects.sqlite.aiosqlite import (
    AsyncAdapt_aiosqlite_connection,
    AsyncAdapt_aiosqlite_cursor,
)
from sqlalchemy.util import await_only

_ROWS_AT_ONCE = 64
_QUICK = frozenset({"cursor", "rollback"})
# It takes no lock.
_BEGIN = "BEGIN"


class Driver(aiosqlite.Connection):
    """aiosqlite's connection, but for where its calls are made."""

    def __init__(self, connector: Callable[[], sqlite3.Connection]) -> None:
        super().__init__(connector, _ROWS_AT_ONCE)
        # A process that ends without closing the database must not wait for it.
        self._thread.daemon = True
        self._waiting: deque[None] = deque()

    @property
    def is_waiting(self) -> bool:
        """Whether the thread is at work, or about to be."""
        return bool(self._waiting)

    def may_wait(self, statement: str | None = None) -> bool:
        """Whether a statement has something to wait for; None is any but BEGIN."""
        # Whoever is cancelled while the thread is at work leaves it at that: what comes next
        # queues behind it.
        return self.is_waiting or not (self._conn.in_transaction or statement == _BEGIN)

    def own_cursor(self) -> sqlite3.Cursor:
        """The library's, whose calls are made where they are."""
        return self._conn.cursor()

    async def in_thread(self, call: Callable[[], Any]) -> Any:
        """Makes a call in the thread, after all that is to be done there before."""
        self._waiting.append(None)
        return await super()._execute(partial(self._done, call))  # type: ignore[no-untyped-call]

    def _done(self, call: Callable[[], Any]) -> Any:
        try:
            return call()
        finally:
            self._waiting.pop()

    async def _execute(self, fn: BuiltinMethodType, *args: Any, **kwargs: Any) -> Any:
        is_statement = fn.__name__.startswith("execute")
        is_quick = fn.__self__ is not self._conn or fn.__name__ in _QUICK
        if self._waiting or not is_quick or (is_statement and self.may_wait(args[0])):
            return await self.in_thread(partial(fn, *args, **kwargs))
        return fn(*args, **kwargs)


class _Cursor(AsyncAdapt_aiosqlite_cursor):
    """One statement, as SQLAlchemy sees it."""

    __slots__ = ()
    _awaitable_cursor_close = False

    def _make_new_cursor(self, connection: Any) -> Any:
        return connection.own_cursor()

    def _aenter_cursor(self, cursor: Any) -> Any:
        return cursor

    def execute(self, operation: str, parameters: Any = None) -> Any:
        return self._carry_out(self._cursor.execute, operation, parameters or ())

    def executemany(self, operation: str, seq_of_parameters: Any) -> Any:
        return self._carry_out(self._cursor.executemany, operation, seq_of_parameters)

    def _carry_out(self, call: Callable[..., Any], operation: str, parameters: Any) -> Any:
        driver: Any = self._connection

        def made() -> Any:
            call(operation, parameters)
            return self._cursor.fetchall()

        try:
            rows = await_only(driver.in_thread(made)) if driver.may_wait(operation) else made()
        except Exception as error:  # noqa: BLE001 - SQLAlchemy says which ones it takes for what
            self._adapt_connection._handle_exception(error)  # noqa: SLF001 - of its own kind
        self._rows = deque(rows)


class _Adapted(AsyncAdapt_aiosqlite_connection):
    __slots__ = ()
    _cursor_cls = _Cursor


def connect(dbapi: Any, path: str, **options: Any) -> Any:
    """Opens a database file for SQLAlchemy, which calls this where it makes a connection.

    Args:
        dbapi: of SQLAlchemy's.
        options: of sqlite3.connect.
    """
    driver: Any = Driver(partial(sqlite3.connect, path, **options))
    await_only(driver)
    return _Adapted(dbapi, driver)
