"""The tables of what has happened to requests beside the decisions on them, and of who is away."""

from sqlalchemy import BigInteger, Column, ForeignKey, Integer, String, Table

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
    # Since when it waits for a decision, where that is not when it was asked.
    Column("waits_since", UtcTime),
    # When whoever is asked was reminded of it, by the bot and by its requester.
    Column("reminded_at", UtcTime),
    Column("nudged_at", UtcTime),
    # Why it was denied: one of the ready-made reasons by its name, or the words that were typed.
    Column("denied_why", String(16)),
    Column("denied_words", String(256)),
)

# Whoever decides and is away until then.
absences = Table(
    "absences",
    metadata,
    Column("user_id", ForeignKey("people.id"), primary_key=True, autoincrement=False),
    Column("since", UtcTime, nullable=False),
    Column("until", UtcTime, nullable=False, index=True),
)
