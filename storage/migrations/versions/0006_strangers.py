"""Who was found on a server without having access there, and ends that are proved anew."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"

_HOLDS_ADDRESS = sa.text(
    "state IN ('reserved', 'issued', 'active', 'revoking') AND proved_at IS NULL"
)


def upgrade() -> None:
    op.drop_index("ix_grants_address", "grants")
    op.create_index(
        "ix_grants_address",
        "grants",
        ["server", "address"],
        unique=True,
        sqlite_where=_HOLDS_ADDRESS,
    )
    op.add_column(
        "servers",
        sa.Column("cuts_unknown", sa.Boolean(), server_default=sa.false(), nullable=False),
    )
    op.create_table(
        "strangers",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True),
        sa.Column("server", sa.String(length=32), nullable=False),
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("seen_as", sa.String(length=16), nullable=False),
        sa.Column("seen_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_strangers")),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_strangers_name", "strangers", ["server", "name"], unique=True)
