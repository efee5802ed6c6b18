"""Values that the storage tests share, and databases that are made in no time."""

import asyncio
import json
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, text

from storage.database import Database, open_database, sqlite_url
from storage.records import (
    Grant,
    GrantId,
    GrantState,
    Place,
    Request,
    RequestId,
    Server,
    ServerName,
    UserId,
)
from storage.transaction import Transaction

# With microseconds, so that a lost digit shows; in no zone's summer time.
NOW = datetime(2026, 3, 2, 9, 31, 27, 654_321, tzinfo=UTC)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
WEEK = timedelta(days=7)

ANNA = UserId(1001)
BORIS = UserId(1002)
BERLIN = ServerName("berlin")
PARIS = ServerName("paris")


def make_template(folder: Path) -> Path:
    """A database with its schema and nothing in it: migrated once, copied for each test."""
    path = folder / "template.db"

    async def migrate() -> None:
        database = await open_database(sqlite_url(path))
        await database.close()

    asyncio.run(migrate())
    return path


async def open_copy(template: Path, folder: Path) -> Database:
    """A test's own database, as a real file."""
    path = folder / "vpnbot.db"
    shutil.copyfile(template, path)
    return await open_database(sqlite_url(path))


def make_server(name: ServerName = BERLIN, network: str = "10.8.0.0/22") -> Server:
    return Server(
        name=name,
        remote_host=f"{name}.example.com",
        remote_port=1194,
        protocol="udp",
        listen_port=1194,
        directory=f"/srv/{name}",
        network=network,
        routes=("10.0.0.0/8",),
        dns=("10.8.0.1",),
        account="vpnbot",
        added_at=NOW,
    )


def make_grant(number: int, request_id: RequestId | None, **changes: Any) -> Grant:
    """A reserved grant of Anna's; all that has to differ between two of them does."""
    server: ServerName | None = changes.get("server", BERLIN)
    address = changes.pop("address", f"10.8.0.{number + 1}")
    grant = Grant(
        id=GrantId(f"g-{number:08}"),
        request_id=request_id,
        user_id=ANNA,
        server=BERLIN,
        common_name=f"anna-{number:08}",
        serial=f"a{number:039x}",
        places=() if server is None else (Place(server, address),),
        state=GrantState.RESERVED,
        not_before=NOW,
        not_after=NOW + WEEK,
    )
    return replace(grant, **changes)


async def add_request(
    tx: Transaction, user_id: UserId = ANNA, server: ServerName | None = BERLIN
) -> Request:
    return await tx.requests.add(
        user_id=user_id,
        server=server,
        duration=7 * 86_400,
        reason="visiting a customer",
        asked_at=NOW,
        expires_at=NOW + DAY,
    )


async def add_people(tx: Transaction) -> None:
    await tx.people.allow(ANNA, "Anna Petrova", NOW)
    await tx.people.allow(BORIS, "Boris", NOW + HOUR)


async def add_grant(tx: Transaction, number: int = 1, **changes: Any) -> Grant:
    """A grant on a request of its own, already approved as far as the indexes care."""
    request = await tx.requests.add(
        user_id=changes.get("user_id", ANNA),
        server=ServerName(f"for-{number}"),
        duration=3600,
        reason="",
        asked_at=NOW,
        expires_at=NOW + DAY,
    )
    grant = make_grant(number, request.id, **changes)
    await tx.grants.add(grant)
    return grant


def start_python(program: str, *arguments: str) -> "subprocess.Popen[str]":
    """A process of its own, with nothing shared but the file."""
    return subprocess.Popen(
        [sys.executable, "-c", program, *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def start_together(processes: Sequence["subprocess.Popen[str]"]) -> None:
    """Each process prints a line when it is ready; then all are let go at once."""
    for process in processes:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n", process.communicate()[1]
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()


def answers(processes: Sequence["subprocess.Popen[str]"]) -> list[Any]:
    """What each of them printed, as JSON; all of them must have ended well."""
    found = []
    for process in processes:
        out, err = process.communicate(timeout=60)
        assert process.returncode == 0, err
        found.append(json.loads(out))
    return found


def take_names_back(connection: Connection) -> None:
    """Undoes the migration that made the keys of names, and those after it."""
    connection.execute(text("DROP INDEX ix_grants_paused"))
    for table in (
        *("pauses", "crls_due", "silent_servers", "chat_holds", "speaking_bot", "knocks", "roles"),
        *("own_name", "removals", "invitations", "key_choices", "locked_profiles"),
    ):
        connection.execute(text(f"DROP TABLE {table}"))
    for name in ("pause", "paused_at"):
        connection.execute(text(f"ALTER TABLE grants DROP COLUMN {name}"))
    for index in ("grants_replaces", "requests_undo_until", "posted_messages_posted_at"):
        connection.execute(text(f"DROP INDEX ix_{index}"))
    for column in (
        "grants.ended_by",
        "grants.ended_by_name",
        "requests.asked_duration",
        "requests.undo_until",
    ):
        table, _, name = column.partition(".")
        connection.execute(text(f"ALTER TABLE {table} DROP COLUMN {name}"))
    connection.execute(text("ALTER TABLE grant_places DROP COLUMN waiting_since"))
    connection.execute(text("DROP TABLE ca_rotation"))
    for table in ("grants", "canaries"):
        connection.execute(text(f"ALTER TABLE {table} DROP COLUMN authority"))
    indexes = (
        *("people_name_key", "people_username_key", "people_listed", "people_same_as"),
        *("grants_ending", "grants_name_key", "requests_state", "requests_user_id"),
        *("audit_action", "audit_actor", "audit_subject"),
    )
    for index in indexes:
        connection.execute(text(f"DROP INDEX ix_{index}"))
    for table in ("person_words", "certificate_words", "newcomers"):
        connection.execute(text(f"DROP TABLE {table}"))
    for column in ("name_key", "username_key", "username_seen_at"):
        connection.execute(text(f"ALTER TABLE people DROP COLUMN {column}"))
    connection.execute(text("ALTER TABLE grants DROP COLUMN name_key"))
    connection.execute(text("UPDATE alembic_version SET version_num = '0015'"))
