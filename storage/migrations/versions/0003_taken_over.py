"""Room for what was there before us: certificates of an easy-rsa CA, which nobody asked for here
and which may share a name, and servers with a configuration of the operator's own.

Written for SQLite, the only database that earlier revisions were ever written to.
"""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"

_LIVE = sa.text("state IN ('reserved', 'issued', 'active')")
_HOLDS_ADDRESS = sa.text("state IN ('reserved', 'issued', 'active', 'revoking')")
_OURS = sa.text("imported_at IS NULL")
_KEPT = (
    "id, request_id, user_id, server, common_name, serial, address, state, not_before, not_after, "
    "revoked_at, end_reason, replaces, proved_at"
)


def upgrade() -> None:
    _rebuild_grants()
    op.add_column("servers", sa.Column("adopted", sa.JSON(), nullable=True))
    op.add_column("proofs", sa.Column("crl_seen_at", sa.BigInteger(), nullable=True))
    op.add_column(
        "foreign_revocations", sa.Column("crl_reason", sa.String(length=32), nullable=True)
    )
    op.create_table(
        "end_warnings",
        sa.Column("subject", sa.String(length=128), nullable=False),
        sa.Column("ends_at", sa.BigInteger(), nullable=False),
        sa.Column("days", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("subject", name=op.f("pk_end_warnings")),
    )


def _rebuild_grants() -> None:
    """SQLite changes no column; so the rows go out and come back into a new table.

    Foreign keys are on, and inside a transaction they stay on. Deferred, they are counted: each
    row that comes back takes away what its absence had added, and the commit finds none.
    """
    op.execute("PRAGMA defer_foreign_keys = ON")
    op.execute("CREATE TABLE grants_before AS SELECT * FROM grants")
    op.drop_table("grants")
    _grants()
    op.execute(f"INSERT INTO grants ({_KEPT}) SELECT {_KEPT} FROM grants_before")  # noqa: S608
    op.drop_table("grants_before")


def _grants() -> None:
    op.create_table(
        "grants",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("request_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite")),
        sa.Column("user_id", sa.BigInteger()),
        sa.Column("server", sa.String(length=32)),
        sa.Column("common_name", sa.String(length=128), nullable=False),
        sa.Column("serial", sa.String(length=40), nullable=False),
        sa.Column("address", sa.String(length=64)),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("not_before", sa.BigInteger(), nullable=False),
        sa.Column("not_after", sa.BigInteger(), nullable=False),
        sa.Column("revoked_at", sa.BigInteger()),
        sa.Column("end_reason", sa.String(length=16)),
        sa.Column("replaces", sa.String(length=32)),
        sa.Column("proved_at", sa.BigInteger()),
        sa.Column("imported_at", sa.BigInteger()),
        sa.Column("crl_reason", sa.String(length=32)),
        sa.Column("for_server", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.CheckConstraint(
            "imported_at IS NOT NULL OR (request_id IS NOT NULL AND user_id IS NOT NULL "
            "AND server IS NOT NULL)",
            name=op.f("ck_grants_has_owner"),
        ),
        sa.ForeignKeyConstraint(["replaces"], ["grants.id"], name=op.f("fk_grants_replaces")),
        sa.ForeignKeyConstraint(["request_id"], ["requests.id"], name=op.f("fk_grants_request_id")),
        sa.ForeignKeyConstraint(["user_id"], ["people.id"], name=op.f("fk_grants_user_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_grants")),
        sa.UniqueConstraint("serial", name=op.f("uq_grants_serial")),
    )
    op.create_index("ix_grants_name", "grants", ["common_name"], unique=True, sqlite_where=_OURS)
    op.create_index(op.f("ix_grants_common_name"), "grants", ["common_name"])
    op.create_index(
        "ix_grants_address",
        "grants",
        ["server", "address"],
        unique=True,
        sqlite_where=_HOLDS_ADDRESS,
    )
    op.create_index("ix_grants_live", "grants", ["request_id"], unique=True, sqlite_where=_LIVE)
    op.create_index(op.f("ix_grants_state"), "grants", ["state"])
    op.create_index(op.f("ix_grants_user_id"), "grants", ["user_id"])
