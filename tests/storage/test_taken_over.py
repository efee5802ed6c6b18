"""What came from another CA software: stored beside our own grants, by rules of its own."""

import asyncio
import sqlite3
from pathlib import Path

import pytest
from alembic import command
from sqlalchemy import Connection, create_engine, event
from sqlalchemy.exc import IntegrityError

import storage.schema
from storage.clock_records import EndWarning
from storage.database import Database, open_database, sqlite_url
from storage.records import EndReason, ForeignRevocation, GrantId, GrantRevocation, GrantState
from storage.transaction import Transaction
from tests.storage.kit import (
    ANNA,
    BERLIN,
    BORIS,
    DAY,
    NOW,
    PARIS,
    add_grant,
    add_people,
    make_grant,
)


async def add_imported(tx: Transaction, *numbers: int, **changes: object) -> None:
    values = {"user_id": None, "server": None, "imported_at": NOW, **changes}
    await tx.grants.add_many([make_grant(number, None, **values) for number in numbers])


async def test_several_may_have_one_name(database: Database) -> None:
    async with database.writing() as tx:
        await add_people(tx)
        await add_imported(tx, 1, 2, common_name="John Smith", state=GrantState.ACTIVE)
        await add_imported(tx, 3, common_name="John Smith", state=GrantState.EXPIRED)
        await add_imported(tx, 5, state=GrantState.ACTIVE, for_server=True)
        await add_grant(tx, 4)
        assert await tx.grants.imported_names() == ["John Smith"] * 2


async def test_what_is_ours_has_an_owner(database: Database) -> None:
    async with database.writing() as tx:
        with pytest.raises(IntegrityError, match="has_owner"):
            await add_imported(tx, 1, imported_at=None)


async def test_they_are_linked_to_people(database: Database) -> None:
    async with database.writing() as tx:
        await add_people(tx)
        await add_imported(tx, 1, 2, state=GrantState.ACTIVE)
        await add_imported(tx, 3, state=GrantState.ACTIVE, for_server=True)
        await add_imported(tx, 4, state=GrantState.REVOKED)
        assert await tx.grants.link(GrantId("g-00000001"), ANNA)
        ours = await add_grant(tx, 9, user_id=BORIS)
        assert not await tx.grants.link(ours.id, ANNA)
        assert [grant.id for grant in await tx.grants.unlinked()] == ["g-00000002"]
        assert [grant.id for grant in await tx.grants.live_of_user(ANNA)] == ["g-00000001"]
        assert len(await tx.grants.imported()) == 4


async def test_they_are_live_for_every_server_and_on_none(database: Database) -> None:
    async with database.writing() as tx:
        await add_people(tx)
        ours = await add_grant(tx, 1)
        await add_imported(tx, 2, state=GrantState.ACTIVE)
        [imported] = await tx.grants.imported()
        assert await tx.grants.live_on(BERLIN) == [ours]
        assert await tx.grants.live_for(BERLIN) == [ours, imported]
        assert await tx.grants.live_for(PARIS) == [imported]
        await add_imported(tx, 3, state=GrantState.ACTIVE, for_server=True)
        assert await tx.grants.live_for(PARIS) == [imported]
        assert [g.id for g in await tx.grants.known_on(PARIS)] == ["g-00000002"]
        await add_imported(tx, 4, state=GrantState.REVOKED)
        await add_imported(tx, 5, state=GrantState.REVOKING)
        known = [g.id for g in await tx.grants.known_on(BERLIN)]
        assert known == [ours.id, "g-00000002", "g-00000005"]
        assert await tx.grants.addresses_held(BERLIN, NOW) == frozenset({ours.address_on(BERLIN)})


async def test_an_earlier_reason_stays_on_the_crl(database: Database) -> None:
    over = {"state": GrantState.REVOKED, "revoked_at": NOW, "end_reason": EndReason.EARLIER}
    async with database.writing() as tx:
        await add_imported(tx, 1, crl_reason="certificate_hold", **over)
        serial = (await tx.grants.all())[0].serial
        assert await tx.crl.entries(None) == [
            GrantRevocation(serial, NOW, EndReason.EARLIER, "certificate_hold")
        ]
        foreign = ForeignRevocation("c0ffee", NOW, EndReason.EARLIER, NOW, "ca_compromise")
        await tx.crl.add_foreign([foreign])
        assert await tx.crl.foreign() == [foreign]


async def test_the_last_warning_about_an_end_is_kept(database: Database) -> None:
    async with database.writing() as tx:
        for days in (60, 30):
            await tx.end_warnings.record(EndWarning("ca", NOW + DAY, days))
        await tx.end_warnings.record(EndWarning("server:berlin", NOW, 7))
        assert await tx.end_warnings.all() == {
            "ca": EndWarning("ca", NOW + DAY, 30),
            "server:berlin": EndWarning("server:berlin", NOW, 7),
        }


# --- from the schema before ----------------------------------------------------------------------

_BEFORE = """
INSERT INTO people (id, name, allowed, added_at) VALUES (1001, 'Anna', 1, 5);
INSERT INTO requests (id, user_id, server, duration, reason, state, asked_at, expires_at)
VALUES (1, 1001, 'berlin', 60, '', 'approved', 5, 6);
INSERT INTO grants VALUES ('g-1', 1, 1001, 'berlin', 'anna-1', 'a1', '10.8.0.2', 'revoking', 5, 9,
 7, 'replaced', NULL, NULL);
INSERT INTO grants VALUES ('g-0', 1, 1001, 'berlin', 'anna-0', 'a0', '10.8.0.3', 'active', 5, 9,
 NULL, NULL, 'g-1', NULL);
INSERT INTO proofs (grant_id, server, proved, attempts, next_try_at, findings)
VALUES ('g-1', 'berlin', 0, 1, 7, '[]');
"""


def make_earlier(path: Path) -> None:
    engine = create_engine(f"sqlite:///{path}")

    @event.listens_for(engine, "connect")
    def _on_connect(connection: sqlite3.Connection, _record: object) -> None:
        connection.executescript("PRAGMA journal_mode = WAL")

    def upgrade(connection: Connection) -> None:
        config = storage.schema._config()
        config.attributes["connection"] = connection
        command.upgrade(config, "0002")

    with engine.begin() as connection:
        upgrade(connection)
    engine.dispose()
    database = sqlite3.connect(path)
    database.executescript(_BEFORE)
    database.close()


def rows(path: Path, sql: str) -> list[tuple[object, ...]]:
    database = sqlite3.connect(path)
    try:
        return database.execute(sql).fetchall()
    finally:
        database.close()


def test_what_was_there_before_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "earlier.db"
    make_earlier(path)
    sql = "SELECT id, request_id, common_name, replaces, revoked_at FROM grants"
    before, proofs = rows(path, sql), rows(path, "SELECT grant_id, server FROM proofs")
    assert len(before) == 2
    there = rows(path, "SELECT id, server, 0, address FROM grants ORDER BY id")

    async def open_and_end() -> None:
        database = await open_database(sqlite_url(path))
        async with database.writing() as tx:
            assert await tx.grants.end(GrantId("g-0"), EndReason.REVOKED, NOW)
        await database.close()

    asyncio.run(open_and_end())
    assert rows(path, "SELECT version_num FROM alembic_version") == [(storage.schema.HEAD,)]
    assert rows(path, "PRAGMA foreign_key_check") == []
    assert (
        rows(path, "SELECT grant_id, server, position, address FROM grant_places ORDER BY 1")
        == there
    )
    assert rows(path, "SELECT grant_id, server FROM proofs") == proofs
    after = {row[0]: row for row in rows(path, sql)}
    assert after["g-1"] in before
    assert after["g-0"][:4] in [row[:4] for row in before]
