"""The tables of how people get their keys. No key and no passphrase is in any of them."""

from sqlalchemy import Column, ForeignKey, String, Table, Text

from storage.tables import UtcTime, metadata

locked_profiles = Table(
    "locked_profiles",
    metadata,
    Column("grant_id", ForeignKey("grants.id"), primary_key=True),
    Column("shown_at", UtcTime),
)

key_choices = Table(
    "key_choices",
    metadata,
    Column("user_id", ForeignKey("people.id"), primary_key=True, autoincrement=False),
    Column("way", String(16), nullable=False),
    Column("chosen_at", UtcTime, nullable=False),
    # Of a key of their own, see `pki.own_key`.
    Column("public_key", Text),
)
