"""Why a request was denied."""

import sqlalchemy as sa
from alembic import op

revision = "0032"
down_revision = "0031"


def upgrade() -> None:
    op.add_column("request_notes", sa.Column("denied_why", sa.String(length=16), nullable=True))
    op.add_column("request_notes", sa.Column("denied_words", sa.String(length=256), nullable=True))
