"""Where a server is reached by SSH: the account there, the host key that is pinned, our key."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    op.add_column("servers", sa.Column("ssh", sa.JSON(), nullable=True))
