"""The tables of what is kept of the machine's clock and of ends to come."""

from sqlalchemy import Column, Integer, String, Table

from storage.tables import Microseconds, UtcTime, metadata

# The last warning that went out about the end of a certificate.
end_warnings = Table(
    "end_warnings",
    metadata,
    Column("subject", String(128), primary_key=True),
    Column("ends_at", UtcTime, nullable=False),
    Column("days", Integer, nullable=False),
)

# One row: what a process has to know of the machine's clock that starts later.
clock_anchor = Table(
    "clock_anchor",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("boot_id", String(64), nullable=False),
    Column("agreed_at", UtcTime, nullable=False),
    Column("since_boot", Microseconds, nullable=False),
    Column("doubted_since_boot", Microseconds),
)
