"""What each server still has to prove."""

from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import update

from storage import tables
from storage.batches import AT_ONCE
from storage.database import Database
from storage.records import EndReason, Grant, GrantId, GrantState, Proof
from storage.transaction import Transaction
from tests.storage.kit import BERLIN, HOUR, NOW, PARIS, WEEK, add_grant, add_people


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


async def test_open_proofs_of_one_server_are_due_at_once(database: Database) -> None:
    async with database.writing() as tx:
        first, second = await two_grants(tx)
        for grant in (first, second):
            await tx.proofs.open(grant.id, [BERLIN, PARIS], NOW + HOUR)
        soon = replace(opened(first, PARIS), next_try_at=NOW - HOUR)
        await tx.proofs.record(soon)
        await tx.proofs.hasten([first.id], BERLIN, NOW)
        assert [(one.grant_id, one.server) for one in await tx.proofs.due(NOW)] == [
            (first.id, BERLIN),
            (first.id, PARIS),
        ]
        assert soon in await tx.proofs.due(NOW)
        await tx.proofs.hasten([first.id], PARIS, NOW)
        later = [replace(opened(second, name), next_try_at=NOW + HOUR) for name in (BERLIN, PARIS)]
        assert await tx.proofs.of([first.id, second.id]) == [opened(first, BERLIN), soon, *later]
        assert await tx.proofs.of([first.id, second.id], PARIS) == [soon, later[1]]
        # Of a pause that is over nothing has to be shown; what never will be is still known.
        await tx.proofs.drop_open(PARIS, NOW)
        await tx.proofs.forget([first.id])
        dropped = [replace(one, dropped_at=NOW) for one in (soon, later[1])]
        assert await tx.proofs.of([first.id, second.id]) == [dropped[0], later[0], dropped[1]]
        assert await tx.proofs.dropped() == dropped


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


OVER: dict[str, Any] = {
    "state": GrantState.REVOKED,
    "not_before": NOW - 9 * WEEK,
    "not_after": NOW - 2 * WEEK,
    "revoked_at": NOW - 3 * WEEK,
    "end_reason": EndReason.REVOKED,
}


async def seen(tx: Transaction, grant: Grant, server: str, **changes: Any) -> None:
    """A proof of that time, by a week and a half ago."""
    name = BERLIN if server == BERLIN else PARIS
    await tx.proofs.open(grant.id, [name], NOW - 2 * WEEK)
    done: dict[str, Any] = {"proved": True, "attempts": 1, "next_try_at": NOW - 3 * WEEK / 2}
    await tx.proofs.record(replace(opened(grant, server), **(done | changes)))


@pytest.mark.parametrize(
    ("changes", "is_kept"),
    [
        ({}, False),
        ({"state": GrantState.EXPIRED}, False),
        ({"state": GrantState.REVOKING}, True),  # its end is in doubt again
        ({"state": GrantState.ACTIVE, "revoked_at": None, "end_reason": None}, True),  # a pause
        # With a list that was put in the place of ours it may come to be in doubt.
        ({"not_after": NOW - WEEK + HOUR}, True),
        ({"not_after": NOW - WEEK}, True),
        ({"not_after": NOW - WEEK - HOUR}, False),
    ],
)
async def test_what_is_long_over_is_forgotten(
    database: Database, changes: dict[str, Any], *, is_kept: bool
) -> None:
    async with database.writing() as tx:
        await add_people(tx)
        grant = await add_grant(tx, 1, **(OVER | changes))
        for server in (BERLIN, PARIS):
            await seen(tx, grant, server)
        assert not await tx.proofs.prune(NOW - WEEK)
        assert len(await tx.proofs.of([grant.id])) == (2 if is_kept else 0)


@pytest.mark.parametrize(
    "changes",
    [
        {"next_try_at": NOW - HOUR},
        {"next_try_at": NOW - WEEK},
        {"proved": False, "next_try_at": NOW - HOUR},
    ],
)
async def test_what_one_server_has_shown_lately_keeps_all(
    database: Database, changes: dict[str, Any]
) -> None:
    """Else it would read as if that had been the only one."""
    async with database.writing() as tx:
        await add_people(tx)
        grant = await add_grant(tx, 1, **OVER)
        await seen(tx, grant, BERLIN)
        await seen(tx, grant, PARIS, **changes)
        await tx.proofs.prune(NOW - WEEK)
        assert len(await tx.proofs.of([grant.id])) == 2


async def test_what_never_came_goes_a_while_after_its_server(database: Database) -> None:
    async with database.writing() as tx:
        await add_people(tx)
        grant = await add_grant(tx, 1, **OVER)
        await seen(tx, grant, BERLIN, proved=False)
        await tx.proofs.drop_open(BERLIN, NOW - HOUR)
        for before in (NOW - WEEK, NOW - HOUR):
            await tx.proofs.prune(before)
            assert len(await tx.proofs.of([grant.id])) == 1
        await tx.proofs.prune(NOW)
        assert await tx.proofs.of([grant.id]) == []


async def test_a_little_at_a_time(database: Database) -> None:
    async with database.writing() as tx:
        await add_people(tx)
        one = await add_grant(tx, 1, **OVER)
        grants = [
            replace(
                one, id=GrantId(f"g-{n}"), serial=f"{n:x}", common_name=f"n-{n}", imported_at=NOW
            )
            for n in range(AT_ONCE + 1)
        ]
        await tx.grants.add_many(grants)
        ids = [grant.id for grant in grants]
        await tx.proofs.reopen(ids, BERLIN, NOW - WEEK)
        await tx._connection.execute(update(tables.proofs).values(proved=True))
        assert await tx.proofs.prune(NOW)
        assert len(await tx.proofs.of(ids)) == 1
        assert not await tx.proofs.prune(NOW)
        assert await tx.proofs.of(ids) == []
