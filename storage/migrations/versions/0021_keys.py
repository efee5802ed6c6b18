"""How people get their keys, and which profiles are under a passphrase."""

import sqlalchemy as sa
from alembic import op

revision = "0021"
down_revision = "0020"


def upgrade() -> None:
    op.create_table(
        "locked_profiles",
        sa.Column("grant_id", sa.String(length=32), nullable=False),
        sa.Column("shown_at", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(
            ["grant_id"], ["grants.id"], name=op.f("fk_locked_profiles_grant_id")
        ),
        sa.PrimaryKeyConstraint("grant_id", name=op.f("pk_locked_profiles")),
    )
    op.create_table(
        "key_choices",
        sa.Column("user_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("way", sa.String(length=16), nullable=False),
        sa.Column("chosen_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["user_id"], ["people.id"], name=op.f("fk_key_choices_user_id")),
        sa.PrimaryKeyConstraint("user_id", name=op.f("pk_key_choices")),
    )
