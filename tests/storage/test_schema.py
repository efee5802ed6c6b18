"""The migrations build what storage.tables describes."""

import re
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.operations import Operations
from alembic.script import ScriptDirectory
from sqlalchemy import JSON, Column, MetaData, Table, create_engine, func, inspect, select

import storage.schema
from storage.tables import metadata
from storage.transaction import import_repositories

import_repositories()  # and all tables with them
_MIGRATIONS = Path(storage.schema.__file__).parent / "migrations"


def definitions(path: Path) -> dict[str, str]:
    """What SQLite was told for each table and index, without layout and order."""
    connection = sqlite3.connect(path)
    rows = connection.execute(
        "SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL AND name NOT LIKE 'sqlite_%'"
    ).fetchall()
    connection.close()
    return {name: _normal(sql) for name, sql in rows if name != "alembic_version"}


def _normal(sql: str) -> str:
    head, _, body = " ".join(sql.split()).partition("(")
    # The order of columns and constraints is no difference; commas in brackets divide nothing.
    parts = re.split(r",\s*(?![^()]*\))", body)
    return f"{head}({sorted(part.strip(' )') for part in parts)}"


def test_the_newest_revision_is_the_one_that_a_start_expects() -> None:
    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS))
    assert ScriptDirectory.from_config(config).get_heads() == [storage.schema.HEAD]


def test_alembic_sees_no_difference_between_the_migrations_and_the_tables(template: Path) -> None:
    engine = create_engine(f"sqlite:///{template}")
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, metadata) == []
    engine.dispose()


def test_the_migrations_write_the_same_definitions_as_the_tables(
    template: Path, tmp_path: Path
) -> None:
    # Alembic compares neither checks nor the WHERE of an index.
    direct = tmp_path / "direct.db"
    engine = create_engine(f"sqlite:///{direct}")
    metadata.create_all(engine)
    engine.dispose()

    migrated = definitions(template)
    assert migrated == definitions(direct)
    assert "WHERE state IN ('reserved'" in migrated["ix_grants_live"]


def test_each_migration_takes_a_database_with_rows_along(template: Path, tmp_path: Path) -> None:
    """From the first revision on: each table gets a row as soon as it is there."""
    path = tmp_path / "old.db"
    engine = create_engine(f"sqlite:///{path}")
    revisions = ScriptDirectory.from_config(storage.schema._config()).walk_revisions()
    filled: set[str] = set()
    with (
        engine.begin() as connection,
        Operations.context(MigrationContext.configure(connection)),
    ):
        for script in reversed(list(revisions)):
            script.module.upgrade()
            new = set(inspect(connection).get_table_names()) - filled
            tables = MetaData()
            tables.reflect(connection, only=sorted(new))
            for table in tables.sorted_tables:
                if connection.scalar(select(func.count()).select_from(table)) == 0:
                    connection.exec_driver_sql(*_a_row(table))
            filled |= new
    engine.dispose()

    assert definitions(path) == definitions(template)
    with closing(sqlite3.connect(path)) as now:
        for name in filled:
            assert now.execute(f"SELECT count(*) FROM {name}").fetchone() != (0,), name
        assert now.execute("PRAGMA foreign_key_check").fetchall() == []
        assert now.execute("PRAGMA integrity_check").fetchall() == [("ok",)]


def _a_row(table: Table) -> tuple[str, tuple[str | int, ...]]:
    """All in it is 1, so that every reference leads somewhere."""
    names = ", ".join(f'"{column.name}"' for column in table.columns)
    values = tuple(_a_value(column) for column in table.columns)
    return f"INSERT INTO {table.name} ({names}) VALUES ({', '.join('?' * len(values))})", values


def _a_value(column: Column[Any]) -> str | int:
    is_number = issubclass(column.type.python_type, int)
    return 1 if is_number else "[]" if isinstance(column.type, JSON) else "1"
