"""Who ended a grant, and what was asked for where less was given."""

import sqlalchemy as sa
from alembic import op

revision = "0019"
down_revision = "0018"


def upgrade() -> None:
    op.add_column("grants", sa.Column("ended_by", sa.String(length=128), nullable=True))
    op.add_column("grants", sa.Column("ended_by_name", sa.String(length=128), nullable=True))
    op.add_column("requests", sa.Column("asked_duration", sa.BigInteger(), nullable=True))
