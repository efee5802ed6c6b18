"""Since which decision each admin has been one, and how often an admin has decided about a person:
what was tapped before that does not count after it.
"""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    op.create_table(
        "admins",
        sa.Column("id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("after_decision", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_admins")),
    )
    op.add_column("people", sa.Column("revision", sa.Integer(), server_default="0", nullable=False))
