"""Requests for more time and for other devices, and when people are reminded of ends to come: of
profiles that are there, soon looked at."""

import sqlalchemy as sa
from alembic import op

revision = "0035"
down_revision = "0034"


def upgrade() -> None:
    number = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    op.add_column("requests", sa.Column("extends", number, nullable=True))
    op.add_column("requests", sa.Column("device", sa.String(length=16), nullable=True))
    op.create_table(
        "reminders",
        sa.Column("grant_id", sa.String(length=32), nullable=False),
        sa.Column("due_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["grant_id"], ["grants.id"], name=op.f("fk_reminders_grant_id")),
        sa.PrimaryKeyConstraint("grant_id", name=op.f("pk_reminders")),
    )
    op.create_index(op.f("ix_reminders_due_at"), "reminders", ["due_at"])
    op.execute(
        "INSERT INTO reminders (grant_id, due_at) SELECT id, 0 FROM grants "
        "WHERE state = 'active' AND user_id IS NOT NULL"
    )
