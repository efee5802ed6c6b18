"""Who seems to have left, and what was decided about them."""

import sqlalchemy as sa
from alembic import op

revision = "0039"
down_revision = "0038"

_STANDS = sa.text("state IN ('open', 'kept')")


def upgrade() -> None:
    number = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    op.create_table(
        "leavings",
        sa.Column("id", number, autoincrement=True, nullable=False),
        sa.Column("user_id", sa.BigInteger(), nullable=False),
        sa.Column("cause", sa.String(length=16), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.String(length=8), nullable=False),
        sa.Column("by", sa.String(length=128), nullable=True),
        sa.Column("by_name", sa.String(length=128), nullable=True),
        sa.Column("settled_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_leavings")),
        sqlite_autoincrement=True,
    )
    op.create_index(
        "ix_leavings_stands",
        "leavings",
        ["user_id", "cause"],
        unique=True,
        sqlite_where=_STANDS,
        postgresql_where=_STANDS,
    )
    op.create_index(op.f("ix_leavings_user_id"), "leavings", ["user_id"])
    op.create_index(op.f("ix_leavings_settled_at"), "leavings", ["settled_at"])
