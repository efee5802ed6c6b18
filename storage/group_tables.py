"""The tables of groups, of roles, and of who had which address when."""

from sqlalchemy import JSON, BigInteger, Column, ForeignKey, Index, Integer, String, Table, text

from storage.tables import RowId, UtcTime, metadata

groups = Table(
    "groups",
    metadata,
    Column("name", String(32), primary_key=True),
    # Ranges of servers' networks, of both families.
    Column("networks", JSON, nullable=False),
    Column("routes", JSON, nullable=False),
    Column("dns", JSON, nullable=False),
    Column("servers", JSON, nullable=False),
    Column("max_duration", BigInteger),
    Column("approvers", JSON, nullable=False),
    Column("approvals", Integer),
    Column("reason", String(16)),
    Column("max_profiles", Integer),
    Column("standing", BigInteger),
)

memberships = Table(
    "memberships",
    metadata,
    Column("group_name", ForeignKey("groups.name", ondelete="CASCADE"), primary_key=True),
    Column("user_id", ForeignKey("people.id"), primary_key=True, index=True),
)

# Beside the admins that the settings name.
roles = Table(
    "roles",
    metadata,
    Column("user_id", ForeignKey("people.id"), primary_key=True, autoincrement=False),
    Column("role", String(16), nullable=False),
    # The groups that an approver decides for.
    Column("groups", JSON, nullable=False),
    # The last decision that was there when they got it: theirs before that do not count.
    Column("after_decision", BigInteger, nullable=False),
)

# Each address that a grant was given, on each server: a row is there for good.
addresses = Table(
    "addresses",
    metadata,
    Column("id", RowId, primary_key=True, autoincrement=True),
    Column("grant_id", ForeignKey("grants.id"), nullable=False, index=True),
    Column("server", String(32), nullable=False),
    Column("address", String(64), nullable=False, index=True),
    Column("given_at", UtcTime, nullable=False),
    # When the grant was given another one; a session may still use this one until `left_at`.
    Column("moved_at", UtcTime),
    # When nobody used it any more, as far as that was proved.
    Column("left_at", UtcTime),
    Index("ix_addresses_left", "server", "left_at"),
    sqlite_autoincrement=True,
)
# Clients' files that may not say any more what is stored here, until somebody has written them.
due_files = Table(
    "due_files",
    metadata,
    Column("server", String(32), primary_key=True),
    Column("grant_id", ForeignKey("grants.id"), primary_key=True),
    Column("due_at", UtcTime, nullable=False),
)

_HELD = text("left_at IS NULL")
# Never two people on one address.
Index(
    "ix_addresses_held",
    addresses.c.server,
    addresses.c.address,
    unique=True,
    sqlite_where=_HELD,
)
