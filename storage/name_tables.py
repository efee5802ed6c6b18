"""The tables by which people and old certificates are searched, and of strangers who wrote lately.

A search for words is a range of an index, which both engines have. What each has of its own for
searching texts knows neither all languages nor the other engine.
"""

from sqlalchemy import BigInteger, Column, ForeignKey, Index, String, Table

from storage.tables import UtcTime, metadata

# PostgreSQL sorts by the customs of a language unless it is told otherwise, and then a beginning
# is no range of an index. SQLite compares bytes anyway.
_Word = String(64).with_variant(String(64, collation="C"), "postgresql")

person_words = Table(
    "person_words",
    metadata,
    Column("word", _Word, primary_key=True),
    Column("user_id", ForeignKey("people.id"), primary_key=True, autoincrement=False),
    Index("ix_person_words_user_id", "user_id", "word"),
)

# Strangers who wrote lately, so that an admin can name them by what they are called.
newcomers = Table(
    "newcomers",
    metadata,
    Column("id", BigInteger, primary_key=True, autoincrement=False),
    Column("name", String(128), nullable=False),
    Column("username", String(64)),
    Column("name_key", String(160), nullable=False, index=True),
    Column("username_key", String(160), index=True),
    Column("seen_at", UtcTime, nullable=False, index=True),
)

# Of imported certificates.
certificate_words = Table(
    "certificate_words",
    metadata,
    Column("word", _Word, primary_key=True),
    Column("grant_id", ForeignKey("grants.id"), primary_key=True),
)
