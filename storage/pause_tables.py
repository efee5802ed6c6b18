"""The tables of who is paused, and of what has to follow when somebody is resumed."""

from sqlalchemy import BigInteger, Column, ForeignKey, Index, String, Table, text

from storage.tables import UtcTime, grants, metadata

# One row for each account of a person who is paused.
pauses = Table(
    "pauses",
    metadata,
    Column("user_id", ForeignKey("people.id"), primary_key=True, autoincrement=False),
    Column("since", UtcTime, nullable=False),
    # When they are resumed by themselves; None: when an admin says so.
    Column("until", UtcTime, index=True),
    Column("by", String(128), nullable=False),
    Column("by_name", String(128), nullable=False),
)

# A server's CRL has to have a higher number than this: an earlier one lists who may come back.
crls_due = Table(
    "crls_due",
    metadata,
    Column("server", ForeignKey("servers.name", ondelete="CASCADE"), primary_key=True),
    Column("after", BigInteger, nullable=False),
)

_PAUSED = text("pause IS NOT NULL")
Index("ix_grants_paused", grants.c.pause, sqlite_where=_PAUSED)
