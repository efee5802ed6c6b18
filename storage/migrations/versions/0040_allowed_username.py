"""By which username somebody was put on the list."""

import sqlalchemy as sa
from alembic import op

revision = "0040"
down_revision = "0039"


def upgrade() -> None:
    op.add_column("people", sa.Column("allowed_username", sa.String(length=64), nullable=True))
    # What it was before nobody has noted.
    op.execute("UPDATE people SET allowed_username = username")
