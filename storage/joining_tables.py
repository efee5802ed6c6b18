"""The tables of how people come onto the allowlist, and how they left it."""

from sqlalchemy import JSON, BigInteger, Boolean, Column, Index, Integer, String, Table, text

from storage.tables import RowId, UtcTime, metadata

# Links that put one person on the allowlist.
invitations = Table(
    "invitations",
    metadata,
    Column("id", RowId, primary_key=True, autoincrement=True),
    # SHA-256 of what the link carries, in hex; the link itself is stored nowhere. None until it
    # was made.
    Column("token_hash", String(64), unique=True),
    Column("name", String(128), nullable=False),
    Column("groups", JSON, nullable=False),
    # On whose word, as the trail names them.
    Column("made_by", String(128), nullable=False),
    Column("made_by_name", String(128), nullable=False),
    Column("made_at", UtcTime, nullable=False),
    Column("ends_at", UtcTime, nullable=False, index=True),
    Column("used_by", BigInteger),
    Column("used_at", UtcTime),
    Column("withdrawn_at", UtcTime),
    sqlite_autoincrement=True,
)

# Who was taken off the allowlist last, and when; whoever is put back on it is not here any more.
removals = Table(
    "removals",
    metadata,
    Column("user_id", BigInteger, primary_key=True, autoincrement=False),
    Column("removed_at", UtcTime, nullable=False),
)

# Who was taken off the allowlist, and what they were there, for whoever takes that back.
farewells = Table(
    "farewells",
    metadata,
    Column("id", RowId, primary_key=True, autoincrement=True),
    Column("user_id", BigInteger, nullable=False),
    Column("name", String(128), nullable=False),
    # On whose word, as the trail names them.
    Column("by", String(128), nullable=False),
    Column("by_name", String(128), nullable=False),
    Column("at", UtcTime, nullable=False),
    # Until when it may be taken back; None once that is over.
    Column("undo_until", UtcTime, index=True),
    Column("undone_at", UtcTime),
    # How many profiles ended with it.
    Column("ended", Integer, nullable=False),
    Column("accounts", JSON, nullable=False),
    sqlite_autoincrement=True,
)

# Who seems to have left, and what was decided about them.
leavings = Table(
    "leavings",
    metadata,
    Column("id", RowId, primary_key=True, autoincrement=True),
    Column("user_id", BigInteger, nullable=False, index=True),
    Column("cause", String(16), nullable=False),
    Column("at", UtcTime, nullable=False),
    Column("state", String(8), nullable=False),
    # On whose word, as the trail names them; None as long as it is open.
    Column("by", String(128)),
    Column("by_name", String(128)),
    Column("settled_at", UtcTime, index=True),
    sqlite_autoincrement=True,
)
# Nobody is asked about twice, whatever is killed or noticed again.
Index(
    "ix_leavings_stands",
    leavings.c.user_id,
    leavings.c.cause,
    unique=True,
    sqlite_where=text("state IN ('open', 'kept')"),
)

# One row: what Telegram calls the bot, which links need also where Telegram cannot be asked.
own_name = Table(
    "own_name",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("username", String(64), nullable=False),
)

# Strangers who asked to be put on the allowlist: the last time of each.
knocks = Table(
    "knocks",
    metadata,
    Column("user_id", BigInteger, primary_key=True, autoincrement=False),
    # As they called themselves then.
    Column("name", String(128), nullable=False),
    Column("username", String(64)),
    Column("asked_at", UtcTime, nullable=False, index=True),
    # None until somebody has answered.
    Column("allowed", Boolean),
    Column("answered_by", String(128)),
    Column("answered_by_name", String(128)),
    Column("answered_at", UtcTime),
)
