"""The tables. Only what SQLite and PostgreSQL both know.

Of which rows an index is is said to SQLite only, see `storage.schema.say_to_postgresql`.
"""

from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    ColumnElement,
    Dialect,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    TypeDecorator,
    false,
    literal_column,
    text,
    true,
)

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


class UtcTime(TypeDecorator[datetime]):
    """An aware datetime, kept as whole microseconds since 1970 in UTC.

    SQLite has no type for times and drops the zone of a datetime; a number compares and sorts
    the same way everywhere.
    """

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> int | None:  # noqa: ARG002
        return None if value is None else (value - _EPOCH) // _MICROSECOND

    def process_result_value(self, value: Any | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        return None if value is None else moment(int(value))


class Microseconds(TypeDecorator[timedelta]):
    """A duration, kept as whole microseconds."""

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: timedelta | None, dialect: Dialect) -> int | None:  # noqa: ARG002
        return None if value is None else value // _MICROSECOND

    def process_result_value(self, value: Any | None, dialect: Dialect) -> timedelta | None:  # noqa: ARG002
        return None if value is None else int(value) * _MICROSECOND


def moment(microseconds: int) -> datetime:
    """Raises OverflowError where no calendar goes that far."""
    return _EPOCH + microseconds * _MICROSECOND


metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)

# SQLite numbers rows by itself only where the key's type is INTEGER.
RowId = BigInteger().with_variant(Integer, "sqlite")

people = Table(
    "people",
    metadata,
    Column("id", BigInteger, primary_key=True, autoincrement=False),
    Column("name", String(128), nullable=False),
    Column("username", String(64)),
    Column("allowed", Boolean, nullable=False),
    Column("reachable", Boolean),
    # Another account of a person who is known by this one.
    Column("same_as", ForeignKey("people.id")),
    Column("added_at", UtcTime, nullable=False),
    # How often an admin has decided about them.
    Column("revision", Integer, nullable=False, server_default="0"),
    # What they are looked up by, see `storage.name_keys`.
    Column("name_key", String(160), nullable=False, server_default=""),
    Column("username_key", String(160), index=True),
    # When they last wrote with that username: it may be somebody else's since.
    Column("username_seen_at", UtcTime),
    # The one they had when they were put on the list, or the first one they wrote with since.
    Column("allowed_username", String(64)),
    Index("ix_people_name_key", "name_key", "id"),
    Index("ix_people_listed", "allowed", "name_key", "id"),
    Index("ix_people_same_as", "same_as"),
)

# As the settings named them when they were last looked at.
admins = Table(
    "admins",
    metadata,
    Column("id", BigInteger, primary_key=True, autoincrement=False),
    # The last decision that was there when they became one: theirs before that do not count.
    Column("after_decision", BigInteger, nullable=False),
)

servers = Table(
    "servers",
    metadata,
    Column("name", String(32), primary_key=True),
    Column("remote_host", String(255), nullable=False),
    Column("remote_port", Integer, nullable=False),
    Column("protocol", String(8), nullable=False),
    Column("listen_port", Integer, nullable=False),
    Column("directory", Text, nullable=False),
    Column("network", String(64), nullable=False),
    Column("routes", JSON, nullable=False),
    Column("dns", JSON, nullable=False),
    Column("account", String(64), nullable=False),
    Column("added_at", UtcTime, nullable=False),
    Column("crl_published_at", UtcTime),
    Column("crl_number", BigInteger),
    Column("crl_digest", String(64)),
    Column("restored_at", UtcTime),
    Column("open_since", UtcTime),
    Column("adopted", JSON(none_as_null=True)),  # read from the operator's own configuration
    Column("cuts_unknown", Boolean, nullable=False, server_default=false()),
    # How another machine is reached; None where the server is on the bot's.
    Column("ssh", JSON(none_as_null=True)),
    Column("network6", String(64)),
)

requests = Table(
    "requests",
    metadata,
    Column("id", RowId, primary_key=True, autoincrement=True),
    Column("user_id", ForeignKey("people.id"), nullable=False),
    # No foreign key: a server's requests outlive the server.
    Column("server", String(32)),
    Column("duration", BigInteger, nullable=False),
    Column("reason", String(512), nullable=False),
    Column("state", String(16), nullable=False, index=True),
    Column("asked_at", UtcTime, nullable=False),
    Column("expires_at", UtcTime, nullable=False),
    # What was asked for, where `duration` is what was given; None in requests of before.
    Column("asked_duration", BigInteger),
    Column("decided_by", String(128)),
    Column("decided_by_name", String(128)),
    Column("decided_at", UtcTime),
    # Until when whoever decided may take it back; None once that is over.
    Column("undo_until", UtcTime, index=True),
    Column("starts_at", UtcTime),  # None: at once
    # Whose profile gets more time by it, see `bot.access.lineage`.
    Column("extends", RowId),
    Column("device", String(16)),
    CheckConstraint(
        "state NOT IN ('pending', 'approved') OR server IS NOT NULL", name="has_server"
    ),
    sqlite_autoincrement=True,
)
Index("ix_requests_user_id", requests.c.user_id, requests.c.asked_at)
Index(
    "ix_requests_open",
    requests.c.user_id,
    requests.c.server,
    unique=True,
    sqlite_where=text("state = 'pending'"),
)
Index(
    "ix_requests_choosing",
    requests.c.user_id,
    unique=True,
    sqlite_where=text("state = 'choosing'"),
)

decisions = Table(
    "decisions",
    metadata,
    Column("id", RowId, primary_key=True, autoincrement=True),
    Column("request_id", ForeignKey("requests.id"), nullable=False, index=True),
    Column("actor", String(128), nullable=False),
    Column("verdict", String(16), nullable=False),
    Column("duration", BigInteger),
    Column("at", UtcTime, nullable=False),
    sqlite_autoincrement=True,
)

grants = Table(
    "grants",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("request_id", ForeignKey("requests.id")),
    Column("user_id", ForeignKey("people.id"), index=True),
    # What was asked for: a server, or a set of them. `grant_places` has what it opens. None:
    # wherever the CA is trusted, as far as the server's own rules let it in.
    Column("server", String(32)),
    Column("common_name", String(128), nullable=False, index=True),
    Column("serial", String(40), nullable=False, unique=True),
    Column("state", String(16), nullable=False, index=True),
    Column("not_before", UtcTime, nullable=False),
    Column("not_after", UtcTime, nullable=False),
    Column("revoked_at", UtcTime),
    Column("end_reason", String(16)),
    # On whose word, as the trail names them; None for grants that ended before this was noted.
    Column("ended_by", String(128)),
    Column("ended_by_name", String(128)),
    Column("replaces", ForeignKey("grants.id")),
    Column("proved_at", UtcTime),
    # When it was taken over from another CA software; what is ours has an owner and a request.
    Column("imported_at", UtcTime),
    Column("crl_reason", String(32)),
    Column("for_server", Boolean, nullable=False, server_default=false()),
    Column("end_known", Boolean, nullable=False, server_default=true()),
    # The number of the CA that signs it, see storage.rotation.
    Column("authority", Integer, nullable=False, server_default="1"),
    Column("pause", String(8)),  # of a live one, see `storage.pauses`
    Column("paused_at", UtcTime),
    # Of an imported one, see `storage.name_keys`; ours have their common name for it.
    Column("name_key", String(160)),
    CheckConstraint(
        "imported_at IS NOT NULL OR (request_id IS NOT NULL AND user_id IS NOT NULL "
        "AND server IS NOT NULL)",
        name="has_owner",
    ),
)
_OURS = text("imported_at IS NULL")
_LIVE = text("state IN ('reserved', 'issued', 'active')")


def is_live(table: Table) -> ColumnElement[bool]:
    """The condition of the indexes of what is live, word for word."""
    # Without a type: of a Boolean, SQLAlchemy would add that it is 1, and no index would fit.
    return literal_column(f"{table.name}.{_LIVE.text}")


# The database, not the code, keeps one approval from giving two live certificates.
Index(
    "ix_grants_live",
    grants.c.request_id,
    unique=True,
    sqlite_where=_LIVE,
)
Index("ix_grants_replaces", grants.c.replaces)
# easy-rsa may give several certificates one name; we never do.
Index(
    "ix_grants_name",
    grants.c.common_name,
    unique=True,
    sqlite_where=_OURS,
)

# The servers that a grant of ours opens, in the order in which its profile names them.
grant_places = Table(
    "grant_places",
    metadata,
    Column("grant_id", ForeignKey("grants.id"), primary_key=True),
    # No foreign key: a grant outlives its servers.
    Column("server", String(32), primary_key=True),
    Column("position", Integer, nullable=False),
    # None where the server gives one from a pool of its own.
    Column("address", String(64)),
    # Since when the profile is out without that this server has taken it in.
    Column("waiting_since", UtcTime),
)
Index("ix_grant_places_server", grant_places.c.server)

# Servers that share one profile; `servers` in the order in which it names them.
server_sets = Table(
    "server_sets",
    metadata,
    Column("name", String(32), primary_key=True),
    Column("servers", JSON, nullable=False),
    Column("random", Boolean, nullable=False),
    Column("added_at", UtcTime, nullable=False),
)

# Whatever is listed by its end.
Index(
    "ix_grants_ending",
    # First, since it is compared: by the states alone SQLite would rather sort all that are live.
    grants.c.for_server,
    grants.c.not_after,
    grants.c.id,
    sqlite_where=_LIVE,
)
# And by its beginning: all of a million would have to fit into memory to be sorted.
Index("ix_grants_not_before", grants.c.not_before, grants.c.id)
_HAS_KEY = text("name_key IS NOT NULL")
Index(
    "ix_grants_name_key",
    grants.c.name_key,
    sqlite_where=_HAS_KEY,
)

proofs = Table(
    "proofs",
    metadata,
    Column("grant_id", ForeignKey("grants.id"), primary_key=True),
    Column("server", String(32), primary_key=True),
    Column("proved", Boolean, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("next_try_at", UtcTime, nullable=False),
    Column("crl_number", BigInteger),
    Column("sessions_cut", Integer),
    Column("checked_at", UtcTime),
    # When the CRL with the entry was first seen in place.
    Column("crl_seen_at", UtcTime),
    Column("findings", JSON, nullable=False),
    # When its server was taken out before it had proved anything.
    Column("dropped_at", UtcTime),
)
Index("ix_proofs_open", proofs.c.proved, proofs.c.next_try_at)

crl_counter = Table(
    "crl_counter",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("number", BigInteger, nullable=False),
)

# Serials on a CRL of ours that no grant has: of grants that a restored backup does not know.
foreign_revocations = Table(
    "foreign_revocations",
    metadata,
    Column("serial", String(40), primary_key=True),
    Column("revoked_at", UtcTime, nullable=False),
    Column("reason", String(16), nullable=False),
    Column("first_seen_at", UtcTime, nullable=False),
    Column("crl_reason", String(32)),
)

# Of certificates to come: on each CRL before they are given out, see `bot.access.takeover`.
spare_serials = Table(
    "spare_serials",
    metadata,
    Column("id", RowId, primary_key=True, autoincrement=True),
    Column("serial", String(40), nullable=False, unique=True),
    sqlite_autoincrement=True,
)

# Who was found on a server without having access there, as far as admins were told.
strangers = Table(
    "strangers",
    metadata,
    Column("id", RowId, primary_key=True, autoincrement=True),
    Column("server", String(32), nullable=False),
    Column("name", String(64), nullable=False),
    Column("seen_as", String(16), nullable=False),
    Column("seen_at", UtcTime, nullable=False),
    Index("ix_strangers_name", "server", "name", unique=True),
    sqlite_autoincrement=True,
)

# The bot's own certificates, with which it tries the servers: they are nobody's access.
canaries = Table(
    "canaries",
    metadata,
    Column("serial", String(40), primary_key=True),
    Column("server", String(32), nullable=False),
    Column("role", String(16), nullable=False),
    Column("common_name", String(64), nullable=False),
    Column("address", String(64)),
    Column("not_before", UtcTime, nullable=False),
    Column("not_after", UtcTime, nullable=False),
    # When its key was given up, and its address file taken away.
    Column("retired_at", UtcTime),
    Column("authority", Integer, nullable=False, server_default="1"),
    Index("ix_canaries_server", "server"),
)

# What came of the last try of each server.
canary_looks = Table(
    "canary_looks",
    metadata,
    Column("server", String(32), primary_key=True),
    Column("at", UtcTime, nullable=False),
    Column("troubles", JSON, nullable=False),
    # Those that admins were told of.
    Column("told", JSON, nullable=False),
    # Why nothing was tried.
    Column("untried", String(32)),
)

# What was seen of each grant on each server, at most once a minute while it is on.
usages = Table(
    "usages",
    metadata,
    Column("grant_id", ForeignKey("grants.id"), primary_key=True),
    Column("server", String(32), primary_key=True),
    Column("seen_at", UtcTime, nullable=False),
    Column("address", String(64), nullable=False),
    Column("received", BigInteger, nullable=False),
    Column("sent", BigInteger, nullable=False),
    Column("sessions", JSON, nullable=False),
    Column("moves", JSON, nullable=False),
    Column("twice_at", UtcTime),
)

# The lists of other CAs that a server's CRL file has to hold behind ours, in their order.
kept_crls = Table(
    "kept_crls",
    metadata,
    Column("server", ForeignKey("servers.name", ondelete="CASCADE"), primary_key=True),
    Column("position", Integer, primary_key=True, autoincrement=False),
    Column("pem", Text, nullable=False),
)

posted_messages = Table(
    "posted_messages",
    metadata,
    Column("chat_id", BigInteger, primary_key=True, autoincrement=False),
    Column("message_id", BigInteger, primary_key=True, autoincrement=False),
    Column("kind", String(16), nullable=False),
    Column("subject", String(64), nullable=False),
    Column("posted_at", UtcTime, nullable=False),
    Index("ix_posted_messages_subject", "kind", "subject"),
    Index("ix_posted_messages_posted_at", "kind", "posted_at"),
)

inbox = Table(
    "inbox",
    metadata,
    # In the order of arrival: update ids start again at random after a quiet week.
    Column("seq", RowId, primary_key=True, autoincrement=True),
    Column("update_id", BigInteger, nullable=False, unique=True),
    Column("chat_id", BigInteger, nullable=False),
    Column("payload", Text, nullable=False),
    Column("state", String(16), nullable=False, index=True),
    Column("error", String(256)),
    Column("received_at", UtcTime, nullable=False),
    sqlite_autoincrement=True,
)

outbox = Table(
    "outbox",
    metadata,
    Column("id", RowId, primary_key=True, autoincrement=True),
    Column("chat_id", BigInteger, nullable=False),
    Column("kind", String(16), nullable=False),
    Column("payload", JSON, nullable=False),
    Column("state", String(16), nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("due_at", UtcTime, nullable=False),
    Column("created_at", UtcTime, nullable=False),
    # Why it was not sent, the last time or for good.
    Column("error", String(256)),
    Index("ix_outbox_due", "state", "due_at"),
    sqlite_autoincrement=True,
)

audit = Table(
    "audit",
    metadata,
    Column("seq", BigInteger, primary_key=True, autoincrement=False),
    Column("at", UtcTime, nullable=False),
    Column("actor", String(128), nullable=False),
    Column("action", String(64), nullable=False),
    Column("subject", String(128), nullable=False),
    Column("detail", Text, nullable=False),
    Column("previous", String(64), nullable=False),
    Column("digest", String(64), nullable=False),
    Index("ix_audit_action", "action", "seq"),
    Index("ix_audit_actor", "actor", "seq"),
    Index("ix_audit_subject", "subject", "seq"),
)

# Where the trail ends: what a chain alone cannot tell is that its last rows are missing.
audit_head = Table(
    "audit_head",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("seq", BigInteger, nullable=False),
    Column("digest", String(64), nullable=False),
)
