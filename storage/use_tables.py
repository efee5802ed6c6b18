"""The table of the uses of profiles that their owners are asked about."""

from sqlalchemy import JSON, Boolean, Column, ForeignKey, Index, String, Table, text

from storage.tables import RowId, UtcTime, metadata

asked_uses = Table(
    "asked_uses",
    metadata,
    Column("id", RowId, primary_key=True, autoincrement=True),
    Column("grant_id", ForeignKey("grants.id"), nullable=False, index=True),
    Column("kind", String(8), nullable=False),
    Column("server", String(32), nullable=False),
    Column("used_at", UtcTime, nullable=False),
    Column("addresses", JSON, nullable=False),
    Column("asked_at", UtcTime, nullable=False),
    Column("platform", String(16)),
    Column("is_familiar", Boolean),
    # What the owner said; None until then.
    Column("was_owner", Boolean),
    Column("answered_at", UtcTime),
    sqlite_autoincrement=True,
)
_FIRST = text("kind = 'first'")
# Of its first use the owner of a profile is asked once, whatever is killed or looked at twice.
Index(
    "ix_asked_uses_first",
    asked_uses.c.grant_id,
    unique=True,
    sqlite_where=_FIRST,
)
