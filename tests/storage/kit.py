"""Values that the storage tests share, and databases that are made in no time."""

import asyncio
import json
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from alembic import command
from sqlalchemy import create_engine, inspect, text

import storage.schema
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
# What the database tells apart.
INSTANT = timedelta(microseconds=1)
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


def on_each_connection(database: Database, note: Callable[[str], None]) -> None:
    """Has SQLite say each statement, while nothing is under way."""
    for connection in database._idle:
        connection._sqlite.set_trace_callback(note)


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


def set_back(path: Path, revision: str) -> None:
    """Makes it a database of an earlier revision, with all that it has of what was known then."""
    newer = path.rename(path.with_suffix(".newer"))
    engine = create_engine(f"sqlite:///{path}")
    config = storage.schema._config()
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, revision)
    then, now = (inspect(each) for each in (engine, create_engine(f"sqlite:///{newer}")))
    with engine.connect() as connection:
        connection.execute(text("ATTACH :newer AS newer"), {"newer": str(newer)})
        for table in set(then.get_table_names()) - {"alembic_version"}:
            kept = {column["name"] for column in now.get_columns(table)}
            both = ", ".join(c["name"] for c in then.get_columns(table) if c["name"] in kept)
            copy = f"INSERT INTO main.{table} ({both}) SELECT {both} FROM newer.{table}"
            connection.execute(text(copy))
        if "address" in {column["name"] for column in then.get_columns("grants")}:
            connection.execute(
                text(
                    "UPDATE main.grants SET address ="
                    " (SELECT address FROM newer.grant_places WHERE grant_id = grants.id)"
                )
            )
        connection.commit()
    engine.dispose()
