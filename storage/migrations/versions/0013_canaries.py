"""The bot's own certificates, with which it tries each server, and what came of that."""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"


def upgrade() -> None:
    op.create_table(
        "canaries",
        sa.Column("serial", sa.String(length=40), nullable=False),
        sa.Column("server", sa.String(length=32), nullable=False),
        sa.Column("role", sa.String(length=16), nullable=False),
        sa.Column("common_name", sa.String(length=64), nullable=False),
        sa.Column("address", sa.String(length=64), nullable=True),
        sa.Column("not_before", sa.BigInteger(), nullable=False),
        sa.Column("not_after", sa.BigInteger(), nullable=False),
        sa.Column("retired_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("serial", name=op.f("pk_canaries")),
    )
    op.create_index("ix_canaries_server", "canaries", ["server"])
    op.create_table(
        "canary_looks",
        sa.Column("server", sa.String(length=32), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("troubles", sa.JSON(), nullable=False),
        sa.Column("told", sa.JSON(), nullable=False),
        sa.Column("untried", sa.String(length=32), nullable=True),
        sa.PrimaryKeyConstraint("server", name=op.f("pk_canary_looks")),
    )
