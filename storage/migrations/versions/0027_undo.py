"""Until when a decision may be taken back."""

import sqlalchemy as sa
from alembic import op

revision = "0027"
down_revision = "0026"


def upgrade() -> None:
    op.add_column("requests", sa.Column("undo_until", sa.BigInteger(), nullable=True))
    op.create_index("ix_requests_undo_until", "requests", ["undo_until"])
