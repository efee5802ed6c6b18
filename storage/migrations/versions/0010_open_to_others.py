"""What keeps a profile from opening other servers: since when nobody has seen that a server does,
and the serials of certificates to come, which each CRL lists beforehand.
"""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    op.add_column("servers", sa.Column("open_since", sa.BigInteger(), nullable=True))
    op.create_table(
        "spare_serials",
        sa.Column("id", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("serial", sa.String(length=40), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_spare_serials")),
        sa.UniqueConstraint("serial", name=op.f("uq_spare_serials_serial")),
        sqlite_autoincrement=True,
    )
