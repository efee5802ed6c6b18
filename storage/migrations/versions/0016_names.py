"""What people and old certificates are looked up by; strangers who wrote lately; and an index by
which what is live is listed by its end."""

from collections.abc import Iterable
from typing import Any

import sqlalchemy as sa
from alembic import op

from storage.name_keys import name_key, person_words, username_key, words_of

revision = "0016"
down_revision = "0015"

_LIVE = sa.text("state IN ('reserved', 'issued', 'active')")
_HAS_KEY = sa.text("name_key IS NOT NULL")
_AT_ONCE = 5000


def upgrade() -> None:
    _add_columns()
    _add_tables()
    _fill_people()
    _fill_certificates()
    op.create_index("ix_people_name_key", "people", ["name_key", "id"])
    op.create_index("ix_people_username_key", "people", ["username_key"])
    op.create_index("ix_people_listed", "people", ["allowed", "name_key", "id"])
    op.create_index("ix_people_same_as", "people", ["same_as"])
    op.create_index("ix_person_words_user_id", "person_words", ["user_id", "word"])
    op.create_index(
        "ix_grants_ending",
        "grants",
        ["for_server", "not_after", "id"],
        sqlite_where=_LIVE,
        postgresql_where=_LIVE,
    )
    op.create_index("ix_requests_state", "requests", ["state"])
    op.create_index("ix_requests_user_id", "requests", ["user_id", "asked_at"])
    for column in ("action", "actor", "subject"):
        op.create_index(f"ix_audit_{column}", "audit", [column, "seq"])
    op.create_index(
        "ix_grants_name_key",
        "grants",
        ["name_key"],
        sqlite_where=_HAS_KEY,
        postgresql_where=_HAS_KEY,
    )


def _add_columns() -> None:
    op.add_column(
        "people",
        sa.Column("name_key", sa.String(length=160), server_default="", nullable=False),
    )
    op.add_column("people", sa.Column("username_key", sa.String(length=160), nullable=True))
    op.add_column("people", sa.Column("username_seen_at", sa.BigInteger(), nullable=True))
    op.add_column("grants", sa.Column("name_key", sa.String(length=160), nullable=True))


def _add_tables() -> None:
    word = sa.String(length=64).with_variant(sa.String(length=64, collation="C"), "postgresql")
    op.create_table(
        "person_words",
        sa.Column("word", word, nullable=False),
        sa.Column("user_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.ForeignKeyConstraint(["user_id"], ["people.id"], name=op.f("fk_person_words_user_id")),
        sa.PrimaryKeyConstraint("word", "user_id", name=op.f("pk_person_words")),
    )
    op.create_table(
        "certificate_words",
        sa.Column("word", word, nullable=False),
        sa.Column("grant_id", sa.String(length=32), nullable=False),
        sa.ForeignKeyConstraint(
            ["grant_id"], ["grants.id"], name=op.f("fk_certificate_words_grant_id")
        ),
        sa.PrimaryKeyConstraint("word", "grant_id", name=op.f("pk_certificate_words")),
    )
    op.create_table(
        "newcomers",
        sa.Column("id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("name", sa.String(length=128), nullable=False),
        sa.Column("username", sa.String(length=64), nullable=True),
        sa.Column("name_key", sa.String(length=160), nullable=False),
        sa.Column("username_key", sa.String(length=160), nullable=True),
        sa.Column("seen_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_newcomers")),
    )
    for column in ("name_key", "username_key", "seen_at"):
        op.create_index(f"ix_newcomers_{column}", "newcomers", [column])


def _fill_people() -> None:
    connection = op.get_bind()
    last = -1
    while rows := connection.execute(
        sa.text("SELECT id, name, username FROM people WHERE id > :last ORDER BY id LIMIT :count"),
        {"last": last, "count": _AT_ONCE},
    ).all():
        last = rows[-1].id
        _many(
            "UPDATE people SET name_key = :key, username_key = :username WHERE id = :id",
            (
                {
                    "id": row.id,
                    "key": name_key(row.name),
                    "username": username_key(row.username),
                }
                for row in rows
            ),
        )
        _many(
            "INSERT INTO person_words (word, user_id) VALUES (:word, :id)",
            (
                {"id": row.id, "word": word}
                for row in rows
                for word in person_words(row.name, row.username)
            ),
        )


def _fill_certificates() -> None:
    connection = op.get_bind()
    last = ""
    while rows := connection.execute(
        sa.text(
            "SELECT id, common_name FROM grants WHERE imported_at IS NOT NULL AND id > :last "
            "ORDER BY id LIMIT :count"
        ),
        {"last": last, "count": _AT_ONCE},
    ).all():
        last = rows[-1].id
        _many(
            "UPDATE grants SET name_key = :key WHERE id = :id",
            ({"id": row.id, "key": name_key(row.common_name)} for row in rows),
        )
        _many(
            "INSERT INTO certificate_words (word, grant_id) VALUES (:word, :id)",
            (
                {"id": row.id, "word": word}
                for row in rows
                for word in frozenset(words_of(row.common_name.partition("@")[0]))
            ),
        )


def _many(statement: str, rows: Iterable[dict[str, Any]]) -> None:
    values = list(rows)
    if values:
        op.get_bind().execute(sa.text(statement), values)
