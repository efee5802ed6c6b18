"""Whatever was made in a grant's place is asked for whenever one ends."""

from alembic import op

revision = "0020"
down_revision = "0019"


def upgrade() -> None:
    op.create_index("ix_grants_replaces", "grants", ["replaces"])
