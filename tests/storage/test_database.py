"""Opening, and what a transaction keeps or undoes."""

import asyncio
import sqlite3
import threading
from contextlib import AsyncExitStack, suppress
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from storage.database import BUSY_TIMEOUT_MS, Database, open_database, sqlite_url
from storage.errors import DatabaseBusy, ForeignDatabase, NewerSchema, StorageError
from storage.records import ServerName
from tests.storage.kit import ANNA, BORIS, NOW, add_people, add_request, open_copy


class Stop(Exception):
    """Raised by a test in the middle of a transaction."""


async def pragma(database: Database, name: str) -> Any:
    async with database.reading() as tx:
        return (await tx._connection.execute(text(f"PRAGMA {name}"))).scalar()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("journal_mode", "wal"),
        ("synchronous", 2),  # FULL: what was committed survives a power cut
        ("temp_store", 2),  # MEMORY: what is sorted lies in no folder that others see
        ("foreign_keys", 1),
        ("busy_timeout", BUSY_TIMEOUT_MS),
    ],
)
async def test_sqlite_is_set_up_to_keep_what_was_committed(
    database: Database, name: str, value: object
) -> None:
    assert await pragma(database, name) == value


async def test_what_was_written_is_there_after_opening_again(
    template: Path, tmp_path: Path
) -> None:
    first = await open_copy(template, tmp_path)
    async with first.writing() as tx:
        await add_people(tx)
    await first.close()

    again = await open_database(sqlite_url(tmp_path / "vpnbot.db"))
    async with again.reading() as tx:
        assert [person.id for person in await tx.people.all()] == [ANNA, BORIS]
    await again.close()


async def test_a_connection_in_use_is_closed_when_it_is_not_any_more(
    template: Path, tmp_path: Path
) -> None:
    database = await open_copy(template, tmp_path)
    async with database.reading() as tx:
        await database.close()
        assert await tx.people.all() == []
        connection = tx._connection._sqlite
    with pytest.raises(sqlite3.ProgrammingError, match="closed"):
        connection.execute("SELECT 1")


async def test_of_many_connections_at_once_some_stay_open(database: Database) -> None:
    async with AsyncExitStack() as stack:
        for _ in range(18):
            tx = await stack.enter_async_context(database.reading())
            assert await tx.people.all() == []
    assert len(database._idle) == 16


async def test_an_error_undoes_the_whole_transaction(database: Database) -> None:
    with suppress(Stop):
        async with database.writing() as tx:
            await add_people(tx)
            await tx.audit.append(at=NOW, actor="x", action="y", subject="z", detail={})
            raise Stop

    async with database.reading() as tx:
        assert await tx.people.all() == []
        assert await tx.audit.last() is None


async def test_a_failed_attempt_is_undone_and_what_came_before_it_stays(database: Database) -> None:
    async with database.writing() as tx:
        await tx.people.allow(ANNA, "Anna", NOW)
        with suppress(Stop):
            async with tx.attempt():
                await tx.people.allow(BORIS, "Boris", NOW)
                raise Stop
        await tx.people.note_username(ANNA, "anna", NOW)

    async with database.reading() as tx:
        [anna] = await tx.people.all()
    assert (anna.id, anna.username) == (ANNA, "anna")


async def test_an_attempt_that_succeeds_is_kept(database: Database) -> None:
    async with database.writing() as tx:
        async with tx.attempt():
            await tx.people.allow(BORIS, "Boris", NOW)
        await tx.people.allow(ANNA, "Anna", NOW)

    async with database.reading() as tx:
        assert {person.id for person in await tx.people.all()} == {ANNA, BORIS}


async def test_an_attempt_may_fail_by_an_index_and_the_transaction_goes_on(
    database: Database,
) -> None:
    async with database.writing() as tx:
        await add_people(tx)
        await add_request(tx)
        with pytest.raises(IntegrityError):
            async with tx.attempt():
                await add_request(tx)
        await add_request(tx, server=ServerName("paris"))

    async with database.reading() as tx:
        assert [request.server for request in await tx.requests.all()] == ["berlin", "paris"]


async def test_what_is_written_while_reading_does_not_stay(database: Database) -> None:
    async with database.reading() as tx:
        await add_people(tx)
        assert len(await tx.people.all()) == 2

    async with database.reading() as tx:
        assert await tx.people.all() == []


async def test_a_reader_sees_one_moment_while_somebody_writes(database: Database) -> None:
    async with database.reading() as before:
        assert await before.people.all() == []
        async with database.writing() as tx:
            await add_people(tx)
        assert await before.people.all() == []
    async with database.reading() as after:
        assert len(await after.people.all()) == 2


async def test_a_writer_has_the_lock_before_its_first_statement(
    database: Database, tmp_path: Path
) -> None:
    async with database.writing():
        other = sqlite3.connect(tmp_path / "vpnbot.db", timeout=0, isolation_level=None)
        with pytest.raises(sqlite3.OperationalError, match="locked"):
            other.execute("BEGIN IMMEDIATE")
        other.close()


async def test_a_reader_holds_up_no_writer(database: Database, tmp_path: Path) -> None:
    async with database.reading() as tx:
        await tx.people.all()
        other = sqlite3.connect(tmp_path / "vpnbot.db", timeout=0, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        other.execute("COMMIT")
        other.close()


async def test_the_schema_of_a_newer_version_is_refused_and_left_as_it_is(
    template: Path, tmp_path: Path
) -> None:
    await (await open_copy(template, tmp_path)).close()
    path = tmp_path / "vpnbot.db"
    _run(path, "UPDATE alembic_version SET version_num = '9999'")

    line = await not_opened(NewerSchema, path)

    assert line == (
        "The database has schema 9999, which this vpnbot doesn't know; "
        "install the newer version again."
    )
    assert _run(path, "SELECT version_num FROM alembic_version") == [("9999",)]


async def test_a_text_file_is_no_database(tmp_path: Path) -> None:
    path = tmp_path / "vpnbot.db"
    content = "Dear diary, this is not SQLite.\n" * 200
    path.write_text(content)

    assert "restore it from a backup" in await not_opened(ForeignDatabase, path)
    assert path.read_text() == content


async def test_a_database_with_tables_of_another_program_is_not_touched(tmp_path: Path) -> None:
    path = tmp_path / "vpnbot.db"
    _run(path, "CREATE TABLE bookmarks (url TEXT)")

    assert "VPNBOT_DATABASE_URL" in await not_opened(ForeignDatabase, path)
    assert _run(path, "SELECT name FROM sqlite_master") == [("bookmarks",)]


async def test_a_folder_that_is_missing_is_said_so(tmp_path: Path) -> None:
    line = await not_opened(ForeignDatabase, tmp_path / "missing" / "vpnbot.db")
    assert "can't be opened" in line


async def test_a_database_that_another_process_keeps_locked_is_busy(
    template: Path, tmp_path: Path
) -> None:
    await (await open_copy(template, tmp_path)).close()
    path = tmp_path / "vpnbot.db"
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    try:
        assert "end that process" in await not_opened(DatabaseBusy, path)
    finally:
        other.close()


async def test_a_new_file_that_another_process_keeps_locked_is_busy(tmp_path: Path) -> None:
    """SQLite itself does not wait here: it refuses at once to change the journal."""
    path = tmp_path / "vpnbot.db"
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    try:
        assert "end that process" in await not_opened(DatabaseBusy, path, wait_ms=20)
    finally:
        other.close()


async def not_opened(why: type[StorageError], path: Path, wait_ms: int = 1) -> str:
    """The one line that says why not."""
    before = set(threading.enumerate())
    with pytest.raises(why) as caught:
        await open_database(sqlite_url(path), busy_timeout_ms=wait_ms)
    # The driver's thread says good-bye to the loop, which must still be there then.
    while set(threading.enumerate()) - before:  # noqa: ASYNC110
        await asyncio.sleep(0.001)
    line = str(caught.value)
    assert "\n" not in line
    return line


def _run(path: Path, statement: str) -> list[Any]:
    connection = sqlite3.connect(path)
    try:
        rows = connection.execute(statement).fetchall()
        connection.commit()
    finally:
        connection.close()
    return rows
