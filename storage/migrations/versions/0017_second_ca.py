"""Which CA signs what, and how one takes another's place."""

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"


def upgrade() -> None:
    # All that is there is the first one's.
    for table in ("grants", "canaries"):
        number = sa.Column("authority", sa.Integer(), server_default="1", nullable=False)
        op.add_column(table, number)
    op.create_table(
        "ca_rotation",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("authority", sa.Integer(), nullable=False),
        sa.Column("step", sa.String(length=16), nullable=False),
        sa.Column("begun_at", sa.BigInteger(), nullable=False),
        sa.Column("since", sa.BigInteger(), nullable=False),
        sa.Column("move_all_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_ca_rotation")),
    )
