"""Whole tables, as they are printed: each row with what belongs to it, and with nothing else's."""

from dataclasses import replace
from typing import Any

import pytest

from storage.database import Database
from storage.listings import GrantsWanted
from storage.records import GrantState, Place, ServerName
from storage.use_records import Usage
from tests.storage.kit import ANNA, BERLIN, BORIS, HOUR, NOW, PARIS, add_grant, add_people

EU = ServerName("eu")


@pytest.fixture
async def listed(database: Database) -> Database:
    """Anna's live one for two servers, one that is being revoked, and one of Boris that is over."""
    both = (Place(PARIS, "10.9.0.2"), Place(BERLIN, "10.8.0.2"))
    async with database.writing() as tx:
        await add_people(tx)
        first = await add_grant(tx, 1, server=EU, places=both, state=GrantState.ACTIVE)
        await add_grant(tx, 2, state=GrantState.REVOKING, not_before=NOW + HOUR)
        last = await add_grant(tx, 3, state=GrantState.REVOKED, user_id=BORIS)
        used = Usage(first.id, BERLIN, NOW, "198.51.100.7", 3, 5, {})
        elsewhere = replace(used, server=PARIS, received=7)
        await tx.usages.add([used, elsewhere, replace(used, grant_id=last.id, sent=9)])
    return database


async def test_what_belongs_to_a_grant_is_listed_with_it(listed: Database) -> None:
    at = round(NOW.timestamp() * 1_000_000)
    async with listed.reading() as tx:
        (part,) = [part async for part in tx.listings.grants(GrantsWanted())]
    assert [(row.id, row.user_name, row.not_before - at) for row in part.rows] == [
        ("g-00000001", "Anna Petrova", 0),
        ("g-00000003", "Boris", 0),
        ("g-00000002", "Anna Petrova", 3_600_000_000),
    ]
    assert part.places == {
        "g-00000001": [(PARIS, "10.9.0.2"), (BERLIN, "10.8.0.2")],
        "g-00000002": [(BERLIN, "10.8.0.3")],
        "g-00000003": [(BERLIN, "10.8.0.4")],
    }
    assert {of: sorted(uses) for of, uses in part.usages.items()} == {
        "g-00000001": [(at, BERLIN, "198.51.100.7", 3, 5), (at, PARIS, "198.51.100.7", 7, 5)],
        "g-00000003": [(at, BERLIN, "198.51.100.7", 3, 9)],
    }


@pytest.mark.parametrize(
    ("wanted", "numbers"),
    [
        ({"state": GrantState.ACTIVE}, [1]),
        ({"state": GrantState.ACTIVE, "also": frozenset({"g-00000001"})}, []),
        ({"state": GrantState.REVOKING}, [2]),
        # One that can be proved no more counts as being revoked, and as nothing else.
        ({"state": GrantState.REVOKING, "also": frozenset({"g-00000003"})}, [3, 2]),
        ({"state": GrantState.REVOKED, "also": frozenset({"g-00000003"})}, []),
        ({"accounts": [BORIS]}, [3]),
        ({"accounts": []}, []),
        ({"server": PARIS}, [1]),
        ({"server": EU}, [1]),
        ({"server": BERLIN}, [1, 3, 2]),
        ({"limit": 2}, [1, 3]),
    ],
)
async def test_which_grants_are_listed(
    listed: Database, wanted: dict[str, Any], numbers: list[int]
) -> None:
    async with listed.reading() as tx:
        parts = [part async for part in tx.listings.grants(GrantsWanted(**wanted))]
    assert [int(row.id[2:]) for part in parts for row in part.rows] == numbers


@pytest.mark.parametrize(
    ("allowed", "accounts", "found"),
    [
        (None, None, [ANNA, BORIS]),
        (True, None, [ANNA]),
        (False, None, [BORIS]),
        (None, [BORIS], [BORIS]),
        (True, [], []),
    ],
)
async def test_which_people_are_listed(
    listed: Database, allowed: bool | None, accounts: list[Any] | None, found: list[int]
) -> None:
    async with listed.writing() as tx:
        await tx.people.disallow(BORIS)
        people = tx.listings.people(allowed=allowed, accounts=accounts, limit=None)
        assert [row.id async for part in people for row in part] == found
