"""The table of what has happened to requests beside the decisions on them."""

from sqlalchemy import BigInteger, Column, ForeignKey, Integer, Table

from storage.tables import UtcTime, metadata

# A row for each request to which anything has happened.
request_notes = Table(
    "request_notes",
    metadata,
    Column("request_id", ForeignKey("requests.id"), primary_key=True, autoincrement=False),
    # How often its requester has changed it, and when the last time.
    Column("revision", Integer, nullable=False),
    Column("changed_at", UtcTime),
    # The last decision on any request before that change: earlier ones were about something else.
    Column("after_decision", BigInteger, nullable=False),
)
