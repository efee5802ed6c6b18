"""What has happened to a request beside the decisions on it: its requester has changed it."""

import sqlalchemy as sa
from alembic import op

revision = "0030"
down_revision = "0029"

_ROW = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "request_notes",
        sa.Column("request_id", _ROW, autoincrement=False, nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("changed_at", sa.BigInteger(), nullable=True),
        sa.Column("after_decision", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["request_id"], ["requests.id"], name=op.f("fk_request_notes_request_id")
        ),
        sa.PrimaryKeyConstraint("request_id", name=op.f("pk_request_notes")),
    )
