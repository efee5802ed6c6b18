"""What a restored database has to find out: which server was not looked through yet, and the
revocations that it does not know.
"""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.add_column("servers", sa.Column("restored_at", sa.BigInteger(), nullable=True))
    op.create_table(
        "foreign_revocations",
        sa.Column("serial", sa.String(length=40), nullable=False),
        sa.Column("revoked_at", sa.BigInteger(), nullable=False),
        sa.Column("reason", sa.String(length=16), nullable=False),
        sa.Column("first_seen_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("serial", name=op.f("pk_foreign_revocations")),
    )
