"""Opens the database and hands out transactions."""

import asyncio
import sqlite3
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import cache
from pathlib import Path

from sqlalchemy import URL, Connection, Engine, NullPool, create_engine, make_url
from sqlalchemy.exc import DatabaseError, OperationalError

from storage.connection import AsyncConnection, as_said_by_sqlalchemy
from storage.driver import Driver
from storage.errors import DatabaseBusy, ForeignDatabase
from storage.plans import Plans
from storage.schema import bring_up_to_date
from storage.transaction import Transaction

BUSY_TIMEOUT_MS = 15_000
_WAL_RETRY_S = 0.005
# All servers are asked at once. Each connection beyond these is opened for one transaction.
_KEPT_OPEN = 16


def sqlite_url(path: Path) -> URL:
    """The address of an SQLite file."""
    return URL.create("sqlite+aiosqlite", database=str(path))


class Database:
    """An open database. Made by `open_database`.

    Args:
        opening: opens a connection.
        first: one of them.
    """

    def __init__(
        self, opening: Callable[[], Awaitable[AsyncConnection]], first: AsyncConnection
    ) -> None:
        self._opening = opening
        self._idle = [first]
        self._is_closed = False
        # SQLite has one writer. Queueing here costs nothing; queueing in SQLite means sleeping.
        self._writer = asyncio.Lock()

    @asynccontextmanager
    async def writing(self) -> AsyncIterator[Transaction]:
        """A transaction that has the right to write from its first statement on.

        With SQLite's default, deferred, two processes read the same last row of the audit trail
        and both append to it; IMMEDIATE makes the second wait.
        """
        async with self._writer, self._connection() as connection:
            await connection.begin_writing()
            yield Transaction(connection)
            await connection.commit()

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[Transaction]:
        """A consistent view; nothing that is written in it stays."""
        async with self._connection() as connection:
            connection.begin()
            yield Transaction(connection)

    @asynccontextmanager
    async def _connection(self) -> AsyncIterator[AsyncConnection]:
        """What was not committed is rolled back at the end. Who came back last goes out first."""
        connection = self._idle.pop() if self._idle else await self._opening()
        try:
            yield connection
        finally:
            connection.roll_back()
            if self._is_closed or len(self._idle) >= _KEPT_OPEN:
                await connection.close()
            else:
                self._idle.append(connection)

    async def close(self) -> None:
        """Whatever is still in use is closed when it is not any more."""
        self._is_closed = True
        while self._idle:
            await self._idle.pop().close()


async def open_database(url: str | URL, *, busy_timeout_ms: int = BUSY_TIMEOUT_MS) -> Database:
    """Opens the database and brings its schema up to date.

    Args:
        busy_timeout_ms: how long SQLite waits for another process.

    Raises:
        NewerSchema: a newer version wrote it. Nothing is touched.
        ForeignDatabase: the file is no database, or not one of ours.
        DatabaseBusy: another process kept it locked for too long.
    """
    opening = _Opening(make_url(url), busy_timeout_ms)
    try:
        first = await opening()
        try:
            await first.run_sync(_bring_up_to_date)
        except BaseException:
            await first.close()
            raise
    except OperationalError as error:
        if "locked" in str(error.orig):
            raise DatabaseBusy(
                "The database is locked by another process; end that process and try again."
            ) from error
        raise ForeignDatabase(f"The database can't be opened: {error.orig}") from error
    except DatabaseError as error:
        raise ForeignDatabase(
            f"The database can't be read ({error.orig}); restore it from a backup."
        ) from error
    return Database(opening, first)


def _bring_up_to_date(connection: Connection) -> None:
    with connection.begin():
        connection.exec_driver_sql("BEGIN IMMEDIATE")
        bring_up_to_date(connection)


# What SQLAlchemy and we find out about a statement is the same for every file.
_plans = Plans()
_handed_over = threading.local()


@cache
def _engine() -> Engine:
    """Of every database: it takes the connection that this thread has just opened.

    The pool is ours: it knows when a connection is idle, and asks nothing of it.
    """
    return create_engine("sqlite://", creator=lambda: _handed_over.sqlite, poolclass=NullPool)


class _Opening:
    """Opens connections to one database."""

    def __init__(self, url: URL, busy_timeout_ms: int) -> None:
        self._path = url.database or ""
        self._busy_timeout_ms = busy_timeout_ms

    async def __call__(self) -> AsyncConnection:
        driver = Driver(self._connect)
        try:
            await driver
        except sqlite3.Error as error:
            raise as_said_by_sqlalchemy(error) from error
        _handed_over.sqlite = driver.sqlite
        return AsyncConnection(driver, _engine().connect(), _plans)

    def _connect(self) -> sqlite3.Connection:
        """In the thread."""
        # Transactions begin where `storage.connection` says so, and not by themselves.
        sqlite = sqlite3.connect(self._path, isolation_level=None, check_same_thread=False)
        try:
            sqlite.execute(f"PRAGMA busy_timeout = {self._busy_timeout_ms}")
            _use_wal(sqlite, self._busy_timeout_ms)
            sqlite.execute("PRAGMA synchronous = FULL")
            sqlite.execute("PRAGMA foreign_keys = ON")
            # What is sorted would else lie in a folder for temporary files, for a while at least.
            sqlite.execute("PRAGMA temp_store = MEMORY")
        except BaseException:
            sqlite.close()
            raise
        return sqlite


def _use_wal(connection: sqlite3.Connection, busy_timeout_ms: int) -> None:
    """SQLite waits for no lock here, whatever its busy_timeout is, so this does.

    It meets one only where another process makes the same file at this moment, or closes it.
    """
    give_up_at = time.monotonic() + busy_timeout_ms / 1000
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError:
            if time.monotonic() >= give_up_at:
                raise
            time.sleep(_WAL_RETRY_S)
        else:
            return
