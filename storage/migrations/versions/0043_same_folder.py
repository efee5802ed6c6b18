"""Servers on different machines may have one and the same folder there."""

import sqlalchemy as sa
from alembic import op

revision = "0043"
down_revision = "0042"

# What goes with a server that is deleted, as all are where their table is dropped.
_WITH_IT = ("kept_crls", "crls_due")


def upgrade() -> None:
    """SQLite drops no constraint; so the rows go out and come back into a new table."""
    for table in ("servers", *_WITH_IT):
        op.execute(f"CREATE TABLE {table}_before AS SELECT * FROM {table}")  # noqa: S608
    for table in _WITH_IT:
        op.execute(f"DELETE FROM {table}")  # noqa: S608
    op.drop_table("servers")
    _servers()
    names = ", ".join(column["name"] for column in sa.inspect(op.get_bind()).get_columns("servers"))
    op.execute(f"INSERT INTO servers ({names}) SELECT {names} FROM servers_before")  # noqa: S608
    for table in _WITH_IT:
        op.execute(f"INSERT INTO {table} SELECT * FROM {table}_before")  # noqa: S608
    for table in ("servers", *_WITH_IT):
        op.drop_table(f"{table}_before")


def _servers() -> None:
    op.create_table(
        "servers",
        sa.Column("name", sa.String(length=32), nullable=False),
        sa.Column("remote_host", sa.String(length=255), nullable=False),
        sa.Column("remote_port", sa.Integer(), nullable=False),
        sa.Column("protocol", sa.String(length=8), nullable=False),
        sa.Column("listen_port", sa.Integer(), nullable=False),
        sa.Column("directory", sa.Text(), nullable=False),
        sa.Column("network", sa.String(length=64), nullable=False),
        sa.Column("routes", sa.JSON(), nullable=False),
        sa.Column("dns", sa.JSON(), nullable=False),
        sa.Column("account", sa.String(length=64), nullable=False),
        sa.Column("added_at", sa.BigInteger(), nullable=False),
        sa.Column("crl_published_at", sa.BigInteger(), nullable=True),
        sa.Column("crl_number", sa.BigInteger(), nullable=True),
        sa.Column("crl_digest", sa.String(length=64), nullable=True),
        sa.Column("restored_at", sa.BigInteger(), nullable=True),
        sa.Column("open_since", sa.BigInteger(), nullable=True),
        sa.Column("adopted", sa.JSON(), nullable=True),
        sa.Column("cuts_unknown", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("ssh", sa.JSON(), nullable=True),
        sa.Column("network6", sa.String(length=64), nullable=True),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_servers")),
    )
