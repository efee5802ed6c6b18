"""When whoever is asked was reminded of a request."""

import sqlalchemy as sa
from alembic import op

revision = "0033"
down_revision = "0032"


def upgrade() -> None:
    for name in ("waits_since", "reminded_at", "nudged_at"):
        op.add_column("request_notes", sa.Column(name, sa.BigInteger(), nullable=True))
