"""Groups of people, and who had which address when.

What grants had before is taken from the grants, and where they were moved from the audit trail.
"""

import json
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"


def upgrade() -> None:
    op.add_column("servers", sa.Column("network6", sa.String(length=64), nullable=True))
    op.create_table(
        "groups",
        sa.Column("name", sa.String(length=32), nullable=False),
        sa.Column("networks", sa.JSON(), nullable=False),
        sa.Column("routes", sa.JSON(), nullable=False),
        sa.Column("dns", sa.JSON(), nullable=False),
        sa.Column("servers", sa.JSON(), nullable=False),
        sa.Column("max_duration", sa.BigInteger(), nullable=True),
        sa.Column("approvers", sa.JSON(), nullable=False),
        sa.Column("approvals", sa.Integer(), nullable=True),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_groups")),
    )
    op.create_table(
        "memberships",
        sa.Column("group_name", sa.String(length=32), nullable=False),
        sa.Column("user_id", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["group_name"],
            ["groups.name"],
            name=op.f("fk_memberships_group_name"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(["user_id"], ["people.id"], name=op.f("fk_memberships_user_id")),
        sa.PrimaryKeyConstraint("group_name", "user_id", name=op.f("pk_memberships")),
    )
    op.create_index("ix_memberships_user_id", "memberships", ["user_id"])
    op.create_table(
        "addresses",
        sa.Column(
            "id",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            autoincrement=True,
            nullable=False,
        ),
        sa.Column("grant_id", sa.String(length=32), nullable=False),
        sa.Column("server", sa.String(length=32), nullable=False),
        sa.Column("address", sa.String(length=64), nullable=False),
        sa.Column("given_at", sa.BigInteger(), nullable=False),
        sa.Column("moved_at", sa.BigInteger(), nullable=True),
        sa.Column("left_at", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["grant_id"], ["grants.id"], name=op.f("fk_addresses_grant_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_addresses")),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_addresses_grant_id", "addresses", ["grant_id"])
    op.create_index("ix_addresses_address", "addresses", ["address"])
    op.create_index("ix_addresses_left", "addresses", ["server", "left_at"])
    op.create_index(
        "ix_addresses_held",
        "addresses",
        ["server", "address"],
        unique=True,
        sqlite_where=sa.text("left_at IS NULL"),
        postgresql_where=sa.text("left_at IS NULL"),
    )
    op.create_table(
        "due_files",
        sa.Column("server", sa.String(length=32), nullable=False),
        sa.Column("grant_id", sa.String(length=32), nullable=False),
        sa.Column("due_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["grant_id"], ["grants.id"], name=op.f("fk_due_files_grant_id")),
        sa.PrimaryKeyConstraint("server", "grant_id", name=op.f("pk_due_files")),
    )
    _write_down(op.get_bind())


def _write_down(connection: sa.Connection) -> None:
    """Each address that a grant had until now. Before this nobody had to wait for a moved one."""
    moves = _moves(connection)
    rows = connection.execute(
        sa.text(
            "SELECT id, server, address, not_before, CASE"
            " WHEN proved_at IS NOT NULL THEN proved_at"
            " WHEN state IN ('revoked', 'expired') THEN coalesce(revoked_at, not_after)"
            " END FROM grants"
        )
    )
    spans: list[dict[str, Any]] = []
    for grant, server, address, given_at, left_at in rows:
        at = given_at
        for moved_at, was, _ in moves.get(grant, ()):
            if was and server:
                spans.append(_span(grant, server, was, at, moved_at, moved_at))
            at = moved_at
        if address and server:
            spans.append(_span(grant, server, address, at, None, left_at))
    if spans:
        connection.execute(
            sa.text(
                "INSERT INTO addresses (grant_id, server, address, given_at, moved_at, left_at)"
                " VALUES (:grant_id, :server, :address, :given_at, :moved_at, :left_at)"
            ),
            spans,
        )


def _span(
    grant: str, server: str, address: str, given_at: int, moved_at: int | None, left_at: int | None
) -> dict[str, Any]:
    return {
        "grant_id": grant,
        "server": server,
        "address": address,
        "given_at": given_at,
        "moved_at": moved_at,
        "left_at": left_at,
    }


def _moves(connection: sa.Connection) -> dict[str, list[tuple[int, str | None, str | None]]]:
    """By grant: when it was moved, from where and where to."""
    rows = connection.execute(
        sa.text("SELECT at, subject, detail FROM audit WHERE action = 'grant.move' ORDER BY seq")
    )
    moves: dict[str, list[tuple[int, str | None, str | None]]] = {}
    for at, subject, text in rows:
        try:
            detail = json.loads(text)
            was, to = detail.get("was"), detail.get("address")
        except (ValueError, AttributeError):
            continue  # a row that somebody else wrote
        if not all(each is None or isinstance(each, str) for each in (was, to)):
            continue
        moves.setdefault(subject.removeprefix("grant:"), []).append((at, was, to))
    return moves
