"""Opens the database and hands out transactions."""

import asyncio
import sqlite3
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url
from sqlalchemy import Transaction as Begun
from sqlalchemy.exc import DatabaseError, OperationalError
from sqlalchemy.util import greenlet_spawn

from storage import driver
from storage.connection import AsyncConnection, committed, connected
from storage.errors import DatabaseBusy, ForeignDatabase
from storage.schema import bring_up_to_date
from storage.transaction import Transaction

BUSY_TIMEOUT_MS = 15_000
_WAL_RETRY_S = 0.005
# All servers are asked at once. Each connection beyond these would be opened for one transaction,
# with a thread, and closed after it. The one that came back last goes out first.
_KEPT_OPEN = 16


def sqlite_url(path: Path) -> URL:
    """The address of an SQLite file."""
    return URL.create("sqlite+aiosqlite", database=str(path))


class Database:
    """An open database. Made by `open_database`."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        # SQLite has one writer. Queueing here costs nothing; queueing in SQLite means sleeping.
        self._writer = asyncio.Lock()

    @asynccontextmanager
    async def writing(self) -> AsyncIterator[Transaction]:
        """A transaction that has the right to write from its first statement on.

        With SQLite's default, deferred, two processes read the same last row of the audit trail
        and both append to it; IMMEDIATE makes the second wait.
        """
        async with (
            self._writer,
            connected(self._engine) as connection,
            committed(connection, _begin_writing),
        ):
            yield Transaction(AsyncConnection(connection))

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[Transaction]:
        """A consistent view; nothing that is written in it stays."""
        async with connected(self._engine) as connection:
            await greenlet_spawn(_begin_reading, connection)
            yield Transaction(AsyncConnection(connection))

    async def close(self) -> None:
        await greenlet_spawn(self._engine.dispose)


async def open_database(url: str | URL, *, busy_timeout_ms: int = BUSY_TIMEOUT_MS) -> Database:
    """Opens the database and brings its schema up to date.

    Args:
        busy_timeout_ms: how long SQLite waits for another process.

    Raises:
        NewerSchema: a newer version wrote it. Nothing is touched.
        ForeignDatabase: the file is no database, or not one of ours.
        DatabaseBusy: another process kept it locked for too long.
    """
    engine = create_engine(make_url(url), pool_size=_KEPT_OPEN, pool_use_lifo=True)
    if engine.dialect.name == "sqlite":
        _prepare_sqlite(engine, busy_timeout_ms)
    try:
        async with (
            connected(engine) as connection,
            committed(connection, _begin_writing),
        ):
            await greenlet_spawn(bring_up_to_date, connection)
    except OperationalError as error:
        await greenlet_spawn(engine.dispose)
        if "locked" in str(error.orig):
            raise DatabaseBusy(
                "The database is locked by another process; end that process and try again."
            ) from error
        raise ForeignDatabase(f"The database can't be opened: {error.orig}") from error
    except DatabaseError as error:
        await greenlet_spawn(engine.dispose)
        raise ForeignDatabase(
            f"The database can't be read ({error.orig}); restore it from a backup."
        ) from error
    except BaseException:
        await greenlet_spawn(engine.dispose)
        raise
    return Database(engine)


def _prepare_sqlite(engine: Engine, busy_timeout_ms: int) -> None:
    @event.listens_for(engine, "do_connect")
    def _on_opening(dialect: Any, _record: Any, where: list[str], options: dict[str, Any]) -> Any:
        return driver.connect(dialect.loaded_dbapi, *where, **options)

    @event.listens_for(engine, "connect")
    def _on_connect(connection: Any, _record: Any) -> None:
        # The driver must not begin transactions by itself: _begin_writing and _begin_reading do.
        connection.isolation_level = None
        cursor = connection.cursor()
        cursor.execute(f"PRAGMA busy_timeout = {busy_timeout_ms}")
        _use_wal(cursor, busy_timeout_ms)
        cursor.execute("PRAGMA synchronous = FULL")
        cursor.execute("PRAGMA foreign_keys = ON")
        # What is sorted would else lie in a folder for temporary files, for a while at least.
        cursor.execute("PRAGMA temp_store = MEMORY")
        cursor.close()


def _begin_writing(connection: Connection) -> Begun:
    begun = connection.begin()
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql("BEGIN IMMEDIATE")
    return begun


def _begin_reading(connection: Connection) -> None:
    connection.begin()
    if connection.dialect.name == "sqlite":
        connection.connection.cursor().execute("BEGIN")  # which cannot fail


def _use_wal(cursor: Any, busy_timeout_ms: int) -> None:
    """SQLite waits for no lock here, whatever its busy_timeout is, so this does.

    It meets one only where another process makes the same file at this moment, or closes it.
    """
    give_up_at = time.monotonic() + busy_timeout_ms / 1000
    while True:
        try:
            cursor.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError:
            if time.monotonic() >= give_up_at:
                raise
            time.sleep(_WAL_RETRY_S)
        else:
            return
