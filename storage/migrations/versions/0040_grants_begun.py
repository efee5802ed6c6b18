"""Grants in the order of their beginning, which is how they are listed."""

from alembic import op

revision = "0040"
down_revision = "0039"


def upgrade() -> None:
    op.create_index("ix_grants_not_before", "grants", ["not_before", "id"])
