"""SQLite for asyncio, with a thread only for what may wait.

aiosqlite hands every call to the connection's thread, four of them for one statement. SQLite
itself needs some ten microseconds; the way there and back takes a hundred, and on a busy machine
milliseconds. Within a transaction there is nothing to wait for: a writer has its lock since BEGIN
IMMEDIATE, readers wait for nobody, and what is written stays in memory until COMMIT. So those
calls are made at once. Waiting for another process's lock and for the disk happens in the thread.

Accepted: a page that is not in memory yet is read from the disk while the loop waits.
"""

import sqlite3
from collections import deque
from collections.abc import Callable
from functools import partial
from types import BuiltinMethodType
from typing import Any

import aiosqlite

_ROWS_AT_ONCE = 64
_QUICK = frozenset({"cursor", "rollback"})
# It takes no lock.
_BEGIN = "BEGIN"


class Connection(aiosqlite.Connection):
    """aiosqlite's connection, but for where its calls are made."""

    def __init__(self, connector: Callable[[], sqlite3.Connection]) -> None:
        super().__init__(connector, _ROWS_AT_ONCE)
        # A process that ends without closing the database must not wait for it.
        self._thread.daemon = True
        self._waiting: deque[None] = deque()

    async def _execute(self, fn: BuiltinMethodType, *args: Any, **kwargs: Any) -> Any:
        # Whoever is cancelled while the thread is at work leaves it at that: what comes next
        # queues behind it.
        if not self._waiting and not self._may_wait(fn, args):
            return fn(*args, **kwargs)
        self._waiting.append(None)
        call = partial(fn, *args, **kwargs)
        return await super()._execute(self._in_thread, call)  # type: ignore[no-untyped-call]

    def _in_thread(self, call: Callable[[], Any]) -> Any:
        try:
            return call()
        finally:
            self._waiting.pop()

    def _may_wait(self, fn: BuiltinMethodType, args: tuple[Any, ...]) -> bool:
        connection = self._conn
        if fn.__self__ is connection:
            return fn.__name__ not in _QUICK
        is_statement = fn.__name__.startswith("execute")
        return is_statement and not connection.in_transaction and args[0] != _BEGIN


async def connect(path: str, **options: Any) -> Connection:
    """Opens a database file; the options are those of sqlite3.connect."""
    connection = Connection(partial(sqlite3.connect, path, **options))
    await connection
    return connection
