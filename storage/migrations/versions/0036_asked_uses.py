"""The uses of profiles that their owners are asked about."""

import sqlalchemy as sa
from alembic import op

revision = "0036"
down_revision = "0035"

_FIRST = sa.text("kind = 'first'")


def upgrade() -> None:
    number = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    op.create_table(
        "asked_uses",
        sa.Column("id", number, autoincrement=True, nullable=False),
        sa.Column("grant_id", sa.String(length=32), nullable=False),
        sa.Column("kind", sa.String(length=8), nullable=False),
        sa.Column("server", sa.String(length=32), nullable=False),
        sa.Column("used_at", sa.BigInteger(), nullable=False),
        sa.Column("addresses", sa.JSON(), nullable=False),
        sa.Column("asked_at", sa.BigInteger(), nullable=False),
        sa.Column("platform", sa.String(length=16), nullable=True),
        sa.Column("is_familiar", sa.Boolean(), nullable=True),
        sa.Column("was_owner", sa.Boolean(), nullable=True),
        sa.Column("answered_at", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["grant_id"], ["grants.id"], name=op.f("fk_asked_uses_grant_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_asked_uses")),
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_asked_uses_grant_id"), "asked_uses", ["grant_id"])
    op.create_index(
        "ix_asked_uses_first",
        "asked_uses",
        ["grant_id"],
        unique=True,
        sqlite_where=_FIRST,
        postgresql_where=_FIRST,
    )
