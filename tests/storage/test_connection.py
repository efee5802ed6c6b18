"""Where a statement is carried out, and what happens to whoever stops waiting for it."""

import asyncio
import sqlite3
import threading
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError, OperationalError

from storage.database import Database, open_database, sqlite_url
from storage.tables import people
from storage.transaction import Transaction
from tests.storage.kit import ANNA, NOW, add_people, open_copy


def sqlite_of(tx: Transaction) -> Any:
    return tx._connection._sqlite


async def test_only_what_may_wait_leaves_the_thread_of_the_loop(database: Database) -> None:
    said: list[tuple[str, bool]] = []

    def note(statement: str) -> None:
        is_here = threading.current_thread() is threading.main_thread()
        said.append((statement, is_here))

    async with database.reading() as tx:
        sqlite_of(tx).set_trace_callback(note)
    async with database.reading() as tx:
        await tx.people.all()
    async with database.writing() as tx:
        await add_people(tx)
        async with tx.attempt():
            await tx.people.note_username(ANNA, "anna", NOW)

    here = {statement.split(maxsplit=1)[0] for statement, is_here in said if is_here}
    assert here == {
        "PRAGMA",  # how long a writer waits for its lock, which is tried at once, too
        "BEGIN",
        "SELECT",
        "ROLLBACK",
        "INSERT",
        "SAVEPOINT",
        "UPDATE",
        "RELEASE",
        "DELETE",
    }
    elsewhere = [statement.strip() for statement, is_here in said if not is_here]
    assert elsewhere == ["COMMIT"]


async def test_a_writer_waits_for_another_process_elsewhere(
    database: Database, tmp_path: Path
) -> None:
    other = sqlite3.connect(tmp_path / "vpnbot.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")

    async def write() -> None:
        async with database.writing() as tx:
            await add_people(tx)

    waiting = asyncio.create_task(write())
    await asyncio.sleep(0.05)  # the loop goes on
    assert not waiting.done()
    other.execute("ROLLBACK")
    other.close()
    await waiting

    async with database.reading() as tx:
        assert len(await tx.people.all()) == 2


async def test_who_stops_waiting_for_the_lock_leaves_a_database_that_works(
    template: Path, tmp_path: Path
) -> None:
    await (await open_copy(template, tmp_path)).close()
    database = await open_database(sqlite_url(tmp_path / "vpnbot.db"))
    other = sqlite3.connect(tmp_path / "vpnbot.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")

    async def write() -> None:
        async with database.writing() as tx:
            await tx.people.allow(ANNA, "Anna", NOW)

    waiting = asyncio.create_task(write())
    await asyncio.sleep(0.05)
    assert not waiting.done()
    # More than once: as a process is told to end, and then again.
    for _ in range(3):
        waiting.cancel()
        await asyncio.sleep(0.01)
    other.execute("ROLLBACK")
    await asyncio.wait([waiting])

    assert waiting.cancelled()
    other.execute("BEGIN IMMEDIATE")  # nobody has it
    other.execute("ROLLBACK")
    other.close()
    async with database.writing() as tx:
        assert await tx.people.all() == []
        await add_people(tx)
    async with database.reading() as tx:
        assert len(await tx.people.all()) == 2
    await database.close()


async def test_of_what_sqlite_rolled_back_by_itself_nothing_stays(database: Database) -> None:
    async with database.writing() as tx:
        await tx._connection.exec_driver_sql(
            "CREATE TRIGGER never BEFORE INSERT ON people WHEN NEW.name = 'Anna' "
            "BEGIN SELECT RAISE(ROLLBACK, 'no'); END"
        )

    async def write() -> None:
        async with database.writing() as tx:
            with pytest.raises(IntegrityError):
                async with tx.attempt():
                    await tx.people.allow(ANNA, "Anna", NOW)
            await tx.people.allow(ANNA, "Another Anna", NOW)

    with pytest.raises(OperationalError, match="rolled the transaction back"):
        await write()

    async with database.reading() as tx:
        assert await tx.people.all() == []


async def test_nor_is_it_taken_for_committed(database: Database) -> None:
    async def write() -> None:
        async with database.writing() as tx:
            await tx.people.allow(ANNA, "Anna", NOW)
            sqlite_of(tx).execute("ROLLBACK")

    with pytest.raises(OperationalError, match="no transaction is active"):
        await write()

    async with database.reading() as tx:
        assert await tx.people.all() == []


async def test_who_leaves_in_the_middle_of_many_rows_leaves_no_old_moment_behind(
    database: Database, tmp_path: Path
) -> None:
    async with database.writing() as tx:
        await add_people(tx)

    async def leave() -> None:
        async with database.reading() as tx:
            parts = tx._connection.partitions(select(people.c.id), 1)
            assert await anext(parts)
            raise BrokenPipeError

    with pytest.raises(BrokenPipeError):
        await leave()
    with closing(sqlite3.connect(tmp_path / "vpnbot.db")) as other, other:
        other.execute("DELETE FROM people WHERE id = ?", [ANNA])

    async with database.reading() as tx:
        assert await tx.people.get(ANNA) is None
