"""What another profile is for."""

import sqlalchemy as sa
from alembic import op

revision = "0034"
down_revision = "0033"


def upgrade() -> None:
    op.add_column("requests", sa.Column("device", sa.String(length=16), nullable=True))
