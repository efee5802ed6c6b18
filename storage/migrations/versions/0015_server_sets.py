"""Sets of servers that share one profile: a grant has an address on each of its servers."""

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"

_COPY = """
INSERT INTO grant_places (grant_id, server, position, address)
SELECT id, server, 0, address FROM grants WHERE server IS NOT NULL
"""


def upgrade() -> None:
    op.create_table(
        "grant_places",
        sa.Column("grant_id", sa.String(length=32), nullable=False),
        sa.Column("server", sa.String(length=32), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("address", sa.String(length=64), nullable=True),
        sa.ForeignKeyConstraint(["grant_id"], ["grants.id"], name=op.f("fk_grant_places_grant_id")),
        sa.PrimaryKeyConstraint("grant_id", "server", name=op.f("pk_grant_places")),
    )
    op.execute(_COPY)
    op.create_index("ix_grant_places_server", "grant_places", ["server"])
    op.drop_index("ix_grants_address", table_name="grants")
    op.drop_column("grants", "address")
    op.create_table(
        "server_sets",
        sa.Column("name", sa.String(length=32), nullable=False),
        sa.Column("servers", sa.JSON(), nullable=False),
        sa.Column("random", sa.Boolean(), nullable=False),
        sa.Column("added_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_server_sets")),
    )
