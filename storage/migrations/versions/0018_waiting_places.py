"""Which servers have not taken in a grant whose profile is out."""

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"


def upgrade() -> None:
    op.add_column("grant_places", sa.Column("waiting_since", sa.BigInteger(), nullable=True))
