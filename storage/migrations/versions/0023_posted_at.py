"""Finds what was posted by its time."""

from alembic import op

revision = "0023"
down_revision = "0022"


def upgrade() -> None:
    op.create_index("ix_posted_messages_posted_at", "posted_messages", ["kind", "posted_at"])
