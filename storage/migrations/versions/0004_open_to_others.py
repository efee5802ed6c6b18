"""Since when nobody has seen that a server keeps out profiles for other servers."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    op.add_column("servers", sa.Column("open_since", sa.BigInteger(), nullable=True))
