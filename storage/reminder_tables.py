"""The table of when somebody is reminded that a profile of theirs ends."""

from sqlalchemy import Column, ForeignKey, Table

from storage.tables import UtcTime, metadata

# A row for each profile of which there is a reminder to come.
reminders = Table(
    "reminders",
    metadata,
    Column("grant_id", ForeignKey("grants.id"), primary_key=True),
    Column("due_at", UtcTime, nullable=False, index=True),
)
