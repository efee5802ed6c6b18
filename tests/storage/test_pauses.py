"""Who is paused, and what their grants and the servers' lists still have to show."""

from dataclasses import replace

from storage.database import Database
from storage.pauses import PersonPause
from storage.records import EndReason, Grant, GrantState, Pause
from storage.transaction import Transaction
from tests.storage.kit import (
    ANNA,
    BERLIN,
    BORIS,
    DAY,
    HOUR,
    INSTANT,
    NOW,
    PARIS,
    add_grant,
    add_people,
    make_server,
)

ANNAS = PersonPause(ANNA, NOW + HOUR, NOW + DAY, "telegram:7", "Olga")
BORISS = PersonPause(BORIS, NOW, None, "telegram:7", "Olga")


async def test_people_are_paused_until_their_time(database: Database) -> None:
    async with database.writing() as tx:
        await add_people(tx)
        await tx.pauses.put(replace(ANNAS, until=NOW))
        await tx.pauses.put(ANNAS)
        await tx.pauses.put(BORISS)
        assert await tx.pauses.all() == [BORISS, ANNAS]
        assert (await tx.pauses.of(ANNA), await tx.pauses.of(BORIS)) == (ANNAS, BORISS)
        assert await tx.pauses.some([ANNA]) == {ANNA: ANNAS}
        assert await tx.pauses.over(NOW + DAY - INSTANT) == []
        assert await tx.pauses.over(NOW + DAY) == [ANNAS]
        await tx.pauses.end(ANNA)
        assert await tx.pauses.all() == [BORISS]


async def one(tx: Transaction, grant: Grant) -> Grant:
    found = await tx.grants.get(grant.id)
    assert found is not None
    return found


async def test_a_grant_is_held_proved_and_released_once_each(database: Database) -> None:
    async with database.writing() as tx:
        await add_people(tx)
        grant, other = [await add_grant(tx, n, state=GrantState.ACTIVE) for n in (1, 2)]
        over = await add_grant(tx, 3, state=GrantState.REVOKED)
        assert not await tx.pauses.prove(grant.id, NOW)
        assert not await tx.pauses.release(grant.id)
        assert await tx.pauses.hold(grant.id, NOW)
        assert not await tx.pauses.hold(grant.id, NOW + HOUR)
        assert not await tx.pauses.hold(over.id, NOW)
        pausing = replace(grant, pause=Pause.PAUSING, paused_at=NOW)
        assert await one(tx, grant) == pausing
        assert await tx.pauses.unproved() == await tx.pauses.held() == [grant.id]
        assert await tx.grants.known_on(BERLIN) == [pausing, other]
        assert await tx.grants.known_on(BERLIN, [grant.common_name]) == [pausing]
        assert await tx.pauses.prove(grant.id, NOW + HOUR)
        assert not await tx.pauses.prove(grant.id, NOW + DAY)
        paused = replace(pausing, pause=Pause.PAUSED, proved_at=NOW + HOUR)
        assert await one(tx, grant) == paused
        assert (await tx.pauses.unproved(), await tx.pauses.held()) == ([], [grant.id])
        assert await tx.pauses.serials() == [grant.serial]
        assert await tx.grants.known_on(BERLIN) == [other]
        assert await tx.grants.known_on(BERLIN, [grant.common_name]) == []
        # It has to be proved once more, and keeps when that was the first time.
        await tx.grants.reopen([grant.id, other.id], NOW + DAY)
        assert await one(tx, grant) == replace(paused, pause=Pause.PAUSING)
        assert await one(tx, other) == other
        assert await tx.pauses.prove(grant.id, NOW + DAY)
        assert await one(tx, grant) == paused
        assert await tx.pauses.release(grant.id)
        assert await tx.grants.all() == [grant, other, over]


async def test_what_has_ended_is_not_released(database: Database) -> None:
    async with database.writing() as tx:
        await add_people(tx)
        grant = await add_grant(tx, 1, state=GrantState.ACTIVE)
        await tx.pauses.hold(grant.id, NOW)
        await tx.pauses.prove(grant.id, NOW)
        await tx.grants.end(grant.id, EndReason.REVOKED, NOW)
        assert not await tx.pauses.release(grant.id)
        assert not await tx.pauses.prove(grant.id, NOW)
        ended = await one(tx, grant)
        assert (ended.state, ended.pause, ended.proved_at) == (GrantState.REVOKING, None, None)


async def test_which_lists_still_have_who_comes_back(database: Database) -> None:
    async with database.writing() as tx:
        for server in (make_server(), make_server(PARIS)):
            await tx.servers.add(server)
        # One that never had a list keeps nobody out.
        await tx.servers.set_crl_published(BERLIN, NOW, 7, "a1")
        for after in (6, 7):
            await tx.pauses.want_crls(after)
            assert await tx.pauses.crls_due() == ({BERLIN} if after == 7 else frozenset())
        await tx.servers.set_crl_published(BERLIN, NOW, 8, "a2")
        assert await tx.pauses.crls_due() == frozenset()
