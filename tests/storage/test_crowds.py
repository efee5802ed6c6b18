"""What is read where there are very many: no more than what is asked for."""

import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event

from storage.database import Database
from storage.records import GrantId, GrantState, UserId
from tests.bench.crowd import fill
from tests.storage.kit import BERLIN, NOW, make_server, open_copy

PEOPLE = 6000
ANNAS = PEOPLE // 20
FIRST = 100_000
AT = round(NOW.timestamp()) * 1_000_000


@pytest.fixture
async def crowd(template: Path, tmp_path: Path) -> AsyncIterator[Database]:
    """So many that a first name tells nobody apart; each has a live grant and one that is over."""
    database = await open_copy(template, tmp_path)
    async with database.writing() as tx:
        await tx.servers.add(make_server())
    fill(tmp_path / "vpnbot.db", PEOPLE, 2 * PEOPLE, AT)
    yield database
    await database.close()


def number_of(person: int) -> str:
    return f"{1000 + person:08}"


async def test_of_a_common_name_some_are_found_and_each_once(crowd: Database) -> None:
    async with crowd.writing() as tx:
        # Whoever has two words that begin like this, and whoever has nothing any more.
        await tx.people.note_username(UserId(FIRST), "annabel", NOW)
        out = GrantId(f"g-{number_of(20)}")
        await tx.grants.move(out, GrantState.ACTIVE, GrantState.EXPIRED)
        some = await tx.people.some_with_access(NOW, ["anna"], limit=51)
        every = await tx.people.some_with_access(NOW, ["anna"], limit=PEOPLE)
        by_name = await tx.people.with_access(NOW, ["anna"], offset=0, limit=PEOPLE)
        [one] = await tx.people.some_with_access(NOW, ["anna", "adler000180"], limit=51)
    # As the index has them: to put them in order by name, all would have to be read.
    assert {person.id for person in some} == set(sorted(person.id for person in every)[:51])
    assert all(person.name.startswith("Anna ") for person in some)
    assert len(every) == ANNAS - 1
    assert {person.id for person in every} == {person.id for person in by_name}
    assert one.name == "Anna Adler000180"


async def test_what_few_have_is_not_looked_for_among_all_that_is_live(
    crowd: Database, tmp_path: Path
) -> None:
    asked: list[tuple[str, Any]] = []

    def note(_: Any, __: Any, statement: str, values: Any, *___: Any) -> None:
        asked.append((statement, values))

    for each in crowd._idle:
        event.listen(each._connection, "before_cursor_execute", note)
    async with crowd.reading() as tx:
        of_users = await tx.grants.of_users([UserId(FIRST + n) for n in range(50)], NOW)
        names = [f"person-{number_of(n)}" for n in (7, 8, PEOPLE + 7)]
        known = await tx.grants.known_on(BERLIN, names)
    assert [grant.id for grant in of_users] == [f"g-{number_of(n)}" for n in reversed(range(50))]
    assert {grant.common_name for grant in known} == {*names[:2]}
    with closing(sqlite3.connect(tmp_path / "vpnbot.db")) as connection:
        plans = [
            "\n".join(row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {sql}", values))
            for sql, values in asked
        ]
    assert [plan.partition("\n")[0] for plan in plans] == [
        "SEARCH grants USING INDEX ix_grants_user_id (user_id=?)",
        "SEARCH grants USING INDEX ix_grants_common_name (common_name=?)",
    ]
    assert not any("grant_places_server" in plan for plan in plans)
