"""The migrations build what storage.tables describes."""

import re
import sqlite3
from pathlib import Path

from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine

import storage.schema
from storage.tables import metadata

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
