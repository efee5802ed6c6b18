"""Brings a database's schema up to date, inside the caller's transaction."""

from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import Connection, MetaData, inspect, text

from storage.errors import ForeignDatabase, NewerSchema

if TYPE_CHECKING:
    from alembic.config import Config

_MIGRATIONS = Path(__file__).parent / "migrations"
# The newest revision in storage/migrations/versions; a test compares the two. Knowing it here
# spares every start the import of Alembic.
HEAD = "0043"


def bring_up_to_date(connection: Connection) -> None:
    """Runs the migrations that are missing.

    The caller's transaction holds the write lock, so of two processes that start at once the
    second finds the work done.

    Raises:
        NewerSchema: the schema's revision is not known here.
        ForeignDatabase: there are tables, but none of ours.
    """
    revision = _revision(connection)
    if revision == HEAD:
        return
    require_known(revision)
    # Slow to import, and needed only after an update.
    from alembic import command  # noqa: PLC0415

    config = _config()
    config.attributes["connection"] = connection
    command.upgrade(config, "head")


def say_to_postgresql(metadata: MetaData) -> None:
    """Says of which rows the indexes are that are not of all: in PostgreSQL's words, too.

    Not where the tables are: SQLAlchemy imports a dialect for each word of its own.
    """
    for table in metadata.tables.values():
        for index in table.indexes:
            index.dialect_options["postgresql"]["where"] = index.dialect_options["sqlite"]["where"]


def _revision(connection: Connection) -> str | None:
    tables = inspect(connection).get_table_names()
    if not tables:
        return None
    if "alembic_version" not in tables:
        raise ForeignDatabase(
            "The database has tables that aren't vpnbot's; set VPNBOT_DATABASE_URL or "
            "VPNBOT_DATA_DIR to a place of its own."
        )
    return connection.execute(text("SELECT version_num FROM alembic_version")).scalar()


def require_known(revision: str | None) -> None:
    """Raises NewerSchema where a newer version wrote the database; None is an empty one."""
    from alembic.script import ScriptDirectory  # noqa: PLC0415
    from alembic.util import CommandError  # noqa: PLC0415

    if revision is None:
        return
    try:
        ScriptDirectory.from_config(_config()).get_revision(revision)
    except CommandError as error:
        raise NewerSchema(
            f"The database has schema {revision}, which this vpnbot doesn't know; "
            "install the newer version again."
        ) from error


def _config() -> "Config":
    from alembic.config import Config  # noqa: PLC0415

    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS))
    return config
