"""What was seen of each grant on each server."""

from dataclasses import replace

from storage.database import Database
from storage.records import GrantId
from storage.use_records import Usage
from tests.storage.kit import ANNA, BERLIN, BORIS, DAY, HOUR, NOW, PARIS, add_grant, add_people


async def test_a_row_for_each_grant_and_server(database: Database) -> None:
    async with database.writing() as tx:
        await add_people(tx)
        first, second = await add_grant(tx, 1), await add_grant(tx, 2)
        here = Usage(first.id, BERLIN, NOW, "198.51.100.7", 2**40, 5, {"17:0": (3, 5)})
        there = replace(here, server=PARIS, moves=(("198.51.100.7", 17),), twice_at=NOW)
        other = replace(here, grant_id=second.id, seen_at=NOW + HOUR)
        await tx.usages.add([])
        await tx.usages.add([here, there, other])
        assert await tx.usages.of([first.id, GrantId("g-nobody")]) == [here, there]
        assert await tx.usages.last_of([ANNA]) == NOW + HOUR
        assert await tx.usages.last_of([BORIS]) is None
        later = replace(there, seen_at=NOW + DAY, received=2**62, sessions={}, moves=())
        await tx.usages.change([])
        await tx.usages.change([later, replace(here, sent=6)])
        assert await tx.usages.of([first.id]) == [replace(here, sent=6), later]
        assert await tx.usages.of([second.id]) == [other]
        assert await tx.usages.last_of([BORIS, ANNA]) == NOW + DAY
