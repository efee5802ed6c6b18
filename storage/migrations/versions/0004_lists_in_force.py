"""Room for what lies on an adopted server beside our own CRL, and for what we put there."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    op.add_column("servers", sa.Column("crl_digest", sa.String(length=64), nullable=True))
    op.create_table(
        "kept_crls",
        sa.Column("server", sa.String(length=32), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("pem", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["server"], ["servers.name"], name=op.f("fk_kept_crls_server"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("server", "position", name=op.f("pk_kept_crls")),
    )
