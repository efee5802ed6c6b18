"""What a group demands of its people's requests, and what it gives them at once."""

import sqlalchemy as sa
from alembic import op

revision = "0031"
down_revision = "0030"


def upgrade() -> None:
    op.add_column("groups", sa.Column("reason", sa.String(length=16), nullable=True))
    op.add_column("groups", sa.Column("max_profiles", sa.Integer(), nullable=True))
    op.add_column("groups", sa.Column("standing", sa.BigInteger(), nullable=True))
