"""When a request is to begin that does not begin at once."""

import sqlalchemy as sa
from alembic import op

revision = "0038"
down_revision = "0037"


def upgrade() -> None:
    op.add_column("requests", sa.Column("starts_at", sa.BigInteger(), nullable=True))
