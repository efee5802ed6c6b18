"""Grants in the order of their beginning, which is how they are listed."""

from alembic import op

revision = "0041"
down_revision = "0040"


def upgrade() -> None:
    op.create_index("ix_grants_not_before", "grants", ["not_before", "id"])
