"""People who are kept out for a while, and what is left of them on the servers."""

import sqlalchemy as sa
from alembic import op

revision = "0029"
down_revision = "0028"

_PAUSED = sa.text("pause IS NOT NULL")


def upgrade() -> None:
    op.add_column("grants", sa.Column("pause", sa.String(length=8), nullable=True))
    op.add_column("grants", sa.Column("paused_at", sa.BigInteger(), nullable=True))
    op.create_index(
        "ix_grants_paused", "grants", ["pause"], sqlite_where=_PAUSED, postgresql_where=_PAUSED
    )
    op.create_table(
        "pauses",
        sa.Column("user_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("since", sa.BigInteger(), nullable=False),
        sa.Column("until", sa.BigInteger(), nullable=True),
        sa.Column("by", sa.String(length=128), nullable=False),
        sa.Column("by_name", sa.String(length=128), nullable=False),
        sa.ForeignKeyConstraint(["user_id"], ["people.id"], name=op.f("fk_pauses_user_id")),
        sa.PrimaryKeyConstraint("user_id", name=op.f("pk_pauses")),
    )
    op.create_index(op.f("ix_pauses_until"), "pauses", ["until"])
    op.create_table(
        "crls_due",
        sa.Column("server", sa.String(length=32), nullable=False),
        sa.Column("after", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["server"], ["servers.name"], name=op.f("fk_crls_due_server"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("server", name=op.f("pk_crls_due")),
    )
