"""PostgreSQL comes later; nothing that it does not know may go into the repositories.

Every table, every index and every statement that a pass over all repositories sends is compiled
for PostgreSQL. Where a PostgreSQL is installed, the pass runs there for real, through psql.
"""

import inspect
import os
import pwd
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import ClauseElement, Dialect
from sqlalchemy.dialects.postgresql.base import PGDialect
from sqlalchemy.schema import CreateIndex, CreateTable
from sqlalchemy.sql.compiler import SQLCompiler

from storage.database import Database
from storage.repository import Repository
from storage.schema import say_to_postgresql
from storage.tables import metadata
from storage.transaction import Transaction, import_repositories
from tests.storage import everything
from tests.storage.noted import Noted, Sent

# The dialect without a driver; SQLAlchemy leaves its constructor untyped.
_DIALECT: Any = PGDialect
POSTGRESQL: Dialect = _DIALECT(paramstyle="named")


def ddl() -> list[str]:
    made = []
    import_repositories()
    say_to_postgresql(metadata)
    for table in metadata.sorted_tables:
        made.append(str(CreateTable(table).compile(dialect=POSTGRESQL)))
        by_name = sorted(table.indexes, key=lambda index: str(index.name))
        made += [str(CreateIndex(index).compile(dialect=POSTGRESQL)) for index in by_name]
    return made


@pytest.fixture
async def sent(database: Database) -> Sent:
    """What a pass over all repositories sends, as it was given."""
    statements: Sent = []
    async with database.writing() as tx:
        noted: Any = Noted(tx._connection, statements)
        await everything.pass_over_everything(Transaction(noted))
    return statements


def as_sql(sent: Sent) -> list[str]:
    """The statements for PostgreSQL, their values written into them."""
    return [_filled(element, row) for element, rows in sent for row in rows]


def _filled(element: ClauseElement, row: dict[str, Any]) -> str:
    compiled = element.compile(dialect=POSTGRESQL, column_keys=list(row) or None)
    assert isinstance(compiled, SQLCompiler)
    # With its values it knows how many parameters a list of them takes.
    state = compiled.construct_expanded_state(row, escape_names=False)
    processors = {**compiled._bind_processors, **state.processors}
    values = {
        name: _literal(processors.get(name, lambda value: value)(value))
        for name, value in state.parameters.items()
    }
    return re.sub(r"(?<!:):(\w+)", lambda found: values[found[1]], state.statement)


def _literal(value: object) -> str:
    """As psql reads it, with standard_conforming_strings."""
    if value is None:
        return "NULL"
    if isinstance(value, bool | int):
        return str(value).lower()
    assert isinstance(value, str), value
    return "'" + value.replace("'", "''") + "'"


def test_every_table_and_index_can_be_made() -> None:
    made = ddl()
    assert len([sql for sql in made if "CREATE TABLE" in sql]) == len(metadata.tables)


@pytest.mark.parametrize(
    ("index", "condition"),
    [
        ("ix_grants_live", "WHERE state IN ('reserved', 'issued', 'active')"),
        ("ix_addresses_held", "WHERE left_at IS NULL"),
        ("ix_requests_open", "WHERE state = 'pending'"),
        ("ix_requests_choosing", "WHERE state = 'choosing'"),
    ],
)
def test_the_indexes_that_decide_races_are_partial_there_too(index: str, condition: str) -> None:
    [made] = [sql for sql in ddl() if f" {index} " in sql]
    assert made.startswith("CREATE UNIQUE INDEX")
    assert made.rstrip().endswith(condition)


def test_rows_are_numbered_by_the_database_and_times_are_wide() -> None:
    tables = {sql.split()[2]: sql for sql in ddl() if "CREATE TABLE" in sql}
    for table in ("requests", "decisions", "outbox"):
        assert "id BIGSERIAL NOT NULL" in tables[table]
    assert "seq BIGSERIAL NOT NULL" in tables["inbox"]
    # These are numbered by ourselves, or by Telegram.
    assert "seq BIGINT NOT NULL" in tables["audit"]
    assert "id BIGINT NOT NULL" in tables["people"]
    assert "not_after BIGINT NOT NULL" in tables["grants"]


async def test_every_statement_compiles(sent: Sent) -> None:
    kinds = {type(element).__name__ for element, _ in sent}
    assert kinds == {"Select", "Insert", "Update", "Delete"}
    for sql in as_sql(sent):
        assert "AUTOINCREMENT" not in sql
        assert "INSERT OR" not in sql


async def test_the_pass_misses_no_method(database: Database) -> None:
    """Whoever adds a method to a repository has it checked for PostgreSQL, too."""
    called = set(re.findall(r"tx\.(\w+)\.(\w+)\(", inspect.getsource(everything)))
    async with database.reading() as tx:
        rooms = {name: getattr(tx, name) for name in Transaction.__annotations__}
    assert all(isinstance(room, Repository) for room in rooms.values())
    there = {(name, method) for name, room in rooms.items() for method in _methods(room)}
    assert there - called == _INSIDE


# Called by other methods, or by the helpers of the kit.
_INSIDE = {
    ("audit", "last"),
    ("grants", "add"),
    ("grants", "get"),
    ("people", "get"),
    ("people", "allow"),
    ("posted", "forget"),
    ("requests", "add"),
    ("requests", "get"),
}


def _methods(repository: object) -> list[str]:
    return [name for name in dir(type(repository)) if not name.startswith("_")]


@pytest.fixture(scope="module")
def psql() -> Iterator[list[str]]:
    """The command that speaks to a PostgreSQL of our own: an empty cluster in a new folder."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin"))
    if not found or not (found[-1] / "initdb").exists():
        pytest.skip("no PostgreSQL server is installed")
    if os.geteuid() == 0 and not _has_account("nobody"):
        pytest.skip("PostgreSQL does not run as root, and there is no account nobody")
    # Not below pytest's own folder, which is shut for other accounts.
    folder = Path(tempfile.mkdtemp(prefix="vpnbot-pg-"))
    try:
        yield from _cluster(found[-1], folder)
    finally:
        shutil.rmtree(folder)


def _cluster(programs: Path, folder: Path) -> Iterator[list[str]]:
    as_nobody: dict[str, Any] = {"cwd": folder, "capture_output": True, "text": True}
    if os.geteuid() == 0:
        nobody = pwd.getpwnam("nobody")
        os.chown(folder, nobody.pw_uid, nobody.pw_gid)
        as_nobody |= {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}
    data = folder / "data"
    _run([programs / "initdb", "-D", data, "-N", "-A", "trust", "-U", "bot"], as_nobody)
    options = f"-c listen_addresses= -c unix_socket_directories={folder} -c fsync=off"
    control = [programs / "pg_ctl", "-D", data, "-w"]
    # Not captured: the server would keep the pipe open.
    silent = as_nobody | {"capture_output": False, "stdout": subprocess.DEVNULL}
    _run([*control, "start", "-l", folder / "log", "-o", options], silent)
    try:
        yield [
            *(str(programs / "psql"), "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1"),
            *("-h", str(folder), "-U", "bot", "-d", "postgres"),
        ]
    finally:
        _run([*control, "stop", "-m", "immediate"], silent)


def _run(command: list[Any], options: dict[str, Any]) -> None:
    done = subprocess.run([str(word) for word in command], check=False, timeout=60, **options)
    assert done.returncode == 0, done.stderr


def _has_account(name: str) -> bool:
    return any(entry.pw_name == name for entry in pwd.getpwall())


@pytest.mark.long
def test_the_whole_pass_runs_on_a_real_postgresql(psql: list[str], sent: Sent) -> None:
    done = _speak(psql, [*ddl(), *as_sql(sent)])
    assert done.returncode == 0, done.stderr
    assert _ask(psql, "SELECT name, username, allowed FROM people ORDER BY id") == [
        "Anna Petrova|anna|t",
        "Boris||f",
    ]
    assert _ask(psql, "SELECT seq FROM audit ORDER BY seq") == ["1", "2"]
    assert _ask(psql, "SELECT state, proved_at IS NULL FROM grants ORDER BY id") == [
        "revoked|f",
        "reserved|t",
    ]
    assert _ask(psql, "SELECT number FROM crl_counter") == ["9"]
    # The database refuses a second pending request for the same server there, too.
    asked = next(sql for sql in as_sql(sent) if sql.startswith("INSERT INTO requests"))
    pending = asked.replace("'choosing'", "'pending'").replace("NULL", "'berlin'", 1)
    assert "'berlin'" in pending
    refused = _speak(psql, [pending, pending])
    assert 'duplicate key value violates unique constraint "ix_requests_open"' in refused.stderr


def _speak(psql: list[str], statements: list[str]) -> "subprocess.CompletedProcess[str]":
    script = "".join(f"{sql};\n" for sql in statements)
    return subprocess.run(
        psql, input=script, check=False, capture_output=True, text=True, timeout=60
    )


def _ask(psql: list[str], sql: str) -> list[str]:
    done = _speak(psql, [sql])
    assert done.returncode == 0, done.stderr
    return done.stdout.split("\n")[:-1]
