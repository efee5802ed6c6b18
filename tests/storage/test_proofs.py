"""What each server still has to prove."""

from dataclasses import replace

from storage.database import Database
from storage.records import Grant, GrantId, Proof
from storage.transaction import Transaction
from tests.storage.kit import BERLIN, HOUR, NOW, PARIS, add_grant, add_people


async def two_grants(tx: Transaction) -> tuple[Grant, Grant]:
    await add_people(tx)
    return await add_grant(tx, 1), await add_grant(tx, 2)


def opened(grant: Grant, server: str) -> Proof:
    name = BERLIN if server == BERLIN else PARIS
    return Proof(grant.id, name, proved=False, attempts=0, next_try_at=NOW)


async def test_each_server_has_to_prove_by_itself(database: Database) -> None:
    async with database.writing() as tx:
        first, second = await two_grants(tx)
        await tx.proofs.open(first.id, [PARIS, BERLIN], NOW)
        await tx.proofs.open(second.id, [BERLIN], NOW)

        assert await tx.proofs.of([first.id]) == [opened(first, BERLIN), opened(first, PARIS)]
        assert len(await tx.proofs.of([first.id, second.id])) == 3
        assert await tx.proofs.of([]) == []
        assert await tx.proofs.of([GrantId("g-missing")]) == []
        assert len(await tx.proofs.unproved()) == 3


async def test_one_server_has_to_prove_anew(database: Database) -> None:
    """Whatever it has proved; and what it was never asked for."""
    async with database.writing() as tx:
        first, second = await two_grants(tx)
        await tx.proofs.open(first.id, [BERLIN, PARIS], NOW)
        for server in (BERLIN, PARIS):
            done = replace(opened(first, server), proved=True, attempts=3, crl_seen_at=NOW)
            await tx.proofs.record(done)
        await tx.proofs.reopen([first.id, second.id], BERLIN, NOW)
        assert await tx.proofs.unproved() == [opened(first, BERLIN), opened(second, BERLIN)]
        assert len(await tx.proofs.of([first.id, second.id])) == 3


async def test_without_servers_there_is_nothing_to_prove(database: Database) -> None:
    async with database.writing() as tx:
        first, _ = await two_grants(tx)
        await tx.proofs.open(first.id, [], NOW)
        assert await tx.proofs.unproved() == []


async def test_an_attempt_is_stored_with_all_that_it_found(database: Database) -> None:
    async with database.writing() as tx:
        first, second = await two_grants(tx)
        await tx.proofs.open(first.id, [BERLIN, PARIS], NOW)
        await tx.proofs.open(second.id, [BERLIN], NOW)
        attempt = replace(
            opened(first, BERLIN),
            attempts=1,
            next_try_at=NOW + HOUR,
            crl_number=7,
            sessions_cut=2,
            checked_at=NOW,
            findings=(("session_live", "two of them"), ("crl_old", "")),
        )
        await tx.proofs.record(attempt)

        assert await tx.proofs.of([first.id]) == [attempt, opened(first, PARIS)]
        assert await tx.proofs.of([second.id]) == [opened(second, BERLIN)]


async def test_what_is_proved_is_neither_due_nor_unproved(database: Database) -> None:
    async with database.writing() as tx:
        first, _ = await two_grants(tx)
        await tx.proofs.open(first.id, [BERLIN], NOW)
        await tx.proofs.record(replace(opened(first, BERLIN), proved=True, attempts=1))
        assert await tx.proofs.unproved() == []
        assert await tx.proofs.due(NOW + HOUR) == []


async def test_what_was_proved_once_stays_proved(database: Database) -> None:
    async with database.writing() as tx:
        first, _ = await two_grants(tx)
        await tx.proofs.open(first.id, [BERLIN], NOW)
        proved = replace(opened(first, BERLIN), proved=True, attempts=1, crl_number=7)
        await tx.proofs.record(proved)
        await tx.proofs.record(
            replace(opened(first, BERLIN), attempts=2, findings=(("crl_old", ""),))
        )
        assert await tx.proofs.of([first.id]) == [proved]


async def test_an_attempt_is_due_at_its_time(database: Database) -> None:
    async with database.writing() as tx:
        first, second = await two_grants(tx)
        await tx.proofs.open(first.id, [BERLIN], NOW)
        await tx.proofs.open(second.id, [BERLIN], NOW + HOUR)
        assert await tx.proofs.due(NOW - HOUR) == []
        assert [proof.grant_id for proof in await tx.proofs.due(NOW)] == [first.id]
        assert len(await tx.proofs.due(NOW + HOUR)) == 2


async def test_what_waits_for_a_moment_too_far_ahead_is_due_now(database: Database) -> None:
    """And what was seen by a clock that was ahead was not seen yet."""
    async with database.writing() as tx:
        first, second = await two_grants(tx)
        await tx.proofs.open(first.id, [BERLIN, PARIS], NOW)
        await tx.proofs.open(second.id, [BERLIN], NOW + HOUR)
        soon = replace(opened(first, BERLIN), crl_seen_at=NOW)
        late = replace(opened(first, PARIS), next_try_at=NOW + 2 * HOUR, crl_seen_at=NOW + HOUR)
        for proof in (soon, late):
            await tx.proofs.record(proof)
        await tx.proofs.hasten_beyond(NOW + HOUR, NOW)
        assert await tx.proofs.of([first.id]) == [
            soon,
            replace(late, next_try_at=NOW, crl_seen_at=None),
        ]
        assert [proof.grant_id for proof in await tx.proofs.due(NOW)] == [first.id] * 2


async def test_a_server_that_was_taken_out_has_nothing_to_prove_any_more(
    database: Database,
) -> None:
    async with database.writing() as tx:
        first, second = await two_grants(tx)
        await tx.proofs.open(first.id, [BERLIN, PARIS], NOW)
        await tx.proofs.open(second.id, [BERLIN], NOW)
        proved = replace(opened(second, BERLIN), proved=True, attempts=1)
        await tx.proofs.record(proved)
        await tx.proofs.drop_open(BERLIN, NOW + HOUR)
        # What was proved there stays for the receipt, and that the other was not.
        dropped = replace(opened(first, BERLIN), dropped_at=NOW + HOUR)
        paris = opened(first, PARIS)
        assert await tx.proofs.of([first.id, second.id]) == [dropped, paris, proved]
        assert [proof.is_open for proof in (dropped, paris, proved)] == [False, True, False]
        assert await tx.proofs.unproved() == await tx.proofs.due(NOW + HOUR) == [paris]

        await tx.proofs.record(replace(opened(first, BERLIN), proved=True, attempts=1))
        await tx.proofs.drop_open(BERLIN, NOW + 2 * HOUR)
        assert dropped in await tx.proofs.of([first.id])


async def test_a_server_that_comes_back_is_asked_anew(database: Database) -> None:
    async with database.writing() as tx:
        first, _ = await two_grants(tx)
        await tx.proofs.open(first.id, [BERLIN], NOW)
        await tx.proofs.drop_open(BERLIN, NOW)
        await tx.proofs.open(first.id, [BERLIN, PARIS], NOW)
        assert await tx.proofs.of([first.id]) == [opened(first, BERLIN), opened(first, PARIS)]
