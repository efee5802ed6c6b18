"""aiosqlite's connection, as `storage.connection` uses it.

aiosqlite hands every call to the connection's thread, four of them for one statement; the way there
and back takes a hundred microseconds, on a busy machine milliseconds, and SQLite itself ten. So the
thread has what may wait, and the rest is done on SQLite's own connection.
"""

import asyncio
import sqlite3
from collections.abc import Callable
from contextlib import suppress
from typing import TypeVar

import aiosqlite

_Made = TypeVar("_Made")
# Of a cursor of aiosqlite's; there are none.
_ROWS_AT_ONCE = 64


class Driver(aiosqlite.Connection):
    """A connection, and its thread. Awaited, it opens."""

    def __init__(self, connector: Callable[[], sqlite3.Connection]) -> None:
        super().__init__(connector, _ROWS_AT_ONCE)
        # A process that ends without closing the database must not wait for it.
        self._thread.daemon = True

    @property
    def sqlite(self) -> sqlite3.Connection:
        """The library's, whose calls are made where they are."""
        return self._conn

    async def in_thread(self, call: Callable[[], _Made]) -> _Made:
        """Makes a call in the thread. Whoever is cancelled meanwhile goes only once it is done."""
        work: asyncio.Task[_Made] = asyncio.create_task(
            self._execute(call)  # type: ignore[no-untyped-call]
        )
        try:
            return await asyncio.shield(work)
        except asyncio.CancelledError:
            # Nobody may touch the connection meanwhile, however often one is told to stop.
            while not work.done():
                with suppress(asyncio.CancelledError):
                    await asyncio.wait([work])
            if not work.cancelled():
                work.exception()  # nobody else asks for it
            raise
