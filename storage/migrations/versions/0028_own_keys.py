"""Keys that people have made and keep."""

import sqlalchemy as sa
from alembic import op

revision = "0028"
down_revision = "0027"


def upgrade() -> None:
    op.add_column("key_choices", sa.Column("public_key", sa.Text(), nullable=True))
