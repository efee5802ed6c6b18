"""Requests: who wins a decision, and what is due."""

from typing import Any

import pytest
from sqlalchemy import select

from storage import tables
from storage.database import Database
from storage.records import Request, RequestId, RequestState, Verdict
from storage.transaction import Transaction
from tests.storage.kit import ANNA, BERLIN, BORIS, DAY, HOUR, NOW, PARIS, add_people, add_request

OVER = [RequestState.APPROVED, RequestState.DENIED, RequestState.CANCELLED, RequestState.EXPIRED]
AFTER = {
    Verdict.APPROVE: RequestState.APPROVED,
    Verdict.DENY: RequestState.DENIED,
    Verdict.CANCEL: RequestState.CANCELLED,
    Verdict.EXPIRE: RequestState.EXPIRED,
}


async def decide(tx: Transaction, request: Request, verdict: Verdict, **changes: Any) -> bool:
    values: dict[str, Any] = {"by": "telegram:7", "by_name": "Olga", "at": NOW + HOUR}
    return await tx.requests.decide(request.id, verdict, **values | changes)


async def decisions(tx: Transaction) -> list[tuple[Any, ...]]:
    table = tables.decisions
    columns = (table.c.request_id, table.c.actor, table.c.verdict, table.c.duration, table.c.at)
    return [tuple(row) for row in await tx._connection.execute(select(*columns))]


async def test_a_request_comes_back_as_it_was_stored(database: Database) -> None:
    async with database.writing() as tx:
        await add_people(tx)
        request = await add_request(tx)
        assert request == Request(
            id=request.id,
            user_id=ANNA,
            server=BERLIN,
            duration=7 * 86_400,
            reason="visiting a customer",
            state=RequestState.PENDING,
            asked_at=NOW,
            expires_at=NOW + DAY,
            asked_duration=7 * 86_400,
        )
        assert await tx.requests.get(request.id) == request
        assert await tx.requests.of_user(ANNA) == [request]
        assert await tx.requests.of_user(BORIS) == []
        assert await tx.requests.get(RequestId(request.id + 1)) is None


async def test_numbers_of_requests_rise(database: Database) -> None:
    async with database.writing() as tx:
        await add_people(tx)
        first = await add_request(tx)
        second = await add_request(tx, server=PARIS)
        assert second.id > first.id
        assert [request.id for request in await tx.requests.all()] == [first.id, second.id]


async def test_a_request_without_a_server_waits_for_its_owner(database: Database) -> None:
    async with database.writing() as tx:
        await add_people(tx)
        request = await add_request(tx, server=None)
        assert request.state is RequestState.CHOOSING
        assert await tx.requests.pending() == []

        assert await tx.requests.choose(request.id, PARIS)
        [pending] = await tx.requests.pending()
        assert (pending.id, pending.server) == (request.id, PARIS)


async def test_a_second_choice_changes_nothing(database: Database) -> None:
    async with database.writing() as tx:
        await add_people(tx)
        request = await add_request(tx, server=None)
        assert await tx.requests.choose(request.id, PARIS)
        assert not await tx.requests.choose(request.id, BERLIN)
        after = await tx.requests.get(request.id)
        assert after is not None
        assert after.server == PARIS


@pytest.mark.parametrize("verdict", list(Verdict))
async def test_a_decision_is_stored_with_its_author(database: Database, verdict: Verdict) -> None:
    async with database.writing() as tx:
        await add_people(tx)
        request = await add_request(tx)
        assert await decide(tx, request, verdict)

        after = await tx.requests.get(request.id)
        assert after is not None
        assert after.state is AFTER[verdict]
        assert (after.decided_by, after.decided_by_name) == ("telegram:7", "Olga")
        assert after.decided_at == NOW + HOUR
        assert after.duration == request.duration
        assert await decisions(tx) == [(request.id, "telegram:7", verdict, None, NOW + HOUR)]


async def test_an_approval_may_be_for_less(database: Database) -> None:
    async with database.writing() as tx:
        await add_people(tx)
        request = await add_request(tx)
        assert await decide(tx, request, Verdict.APPROVE, duration=3600)
        after = await tx.requests.get(request.id)
        assert after is not None
        assert after.duration == 3600
        assert [row[3] for row in await decisions(tx)] == [3600]


@pytest.mark.parametrize("second", list(Verdict))
@pytest.mark.parametrize("first", list(Verdict))
async def test_the_loser_of_a_race_changes_nothing(
    database: Database, first: Verdict, second: Verdict
) -> None:
    async with database.writing() as tx:
        await add_people(tx)
        request = await add_request(tx)
        assert await decide(tx, request, first)
        won = await tx.requests.get(request.id)

        later = {"by": "telegram:8", "by_name": "Pavel", "at": NOW + DAY, "duration": 60}
        assert not await decide(tx, request, second, **later)

        assert await tx.requests.get(request.id) == won
        assert len(await decisions(tx)) == 1


@pytest.mark.parametrize("verdict", [Verdict.APPROVE, Verdict.DENY])
async def test_a_request_without_a_server_cannot_be_decided_by_an_admin(
    database: Database, verdict: Verdict
) -> None:
    async with database.writing() as tx:
        await add_people(tx)
        request = await add_request(tx, server=None)
        assert not await decide(tx, request, verdict)
        assert await tx.requests.get(request.id) == request
        assert await decisions(tx) == []


@pytest.mark.parametrize("verdict", [Verdict.CANCEL, Verdict.EXPIRE])
async def test_a_request_without_a_server_can_end(database: Database, verdict: Verdict) -> None:
    async with database.writing() as tx:
        await add_people(tx)
        request = await add_request(tx, server=None)
        assert await decide(tx, request, verdict)
        after = await tx.requests.get(request.id)
        assert after is not None
        assert after.state is AFTER[verdict]


async def test_a_decision_concerns_one_request(database: Database) -> None:
    async with database.writing() as tx:
        await add_people(tx)
        first = await add_request(tx)
        second = await add_request(tx, server=PARIS)
        await decide(tx, first, Verdict.DENY)
        assert await tx.requests.get(second.id) == second


async def test_open_requests_are_found_by_person_and_by_server(database: Database) -> None:
    async with database.writing() as tx:
        await add_people(tx)
        berlin = await add_request(tx)
        choosing = await add_request(tx, server=None)
        other = await add_request(tx, user_id=BORIS)
        decided = await add_request(tx, server=PARIS)
        await decide(tx, decided, Verdict.DENY)

        assert await tx.requests.open_of(ANNA) == [berlin, choosing]
        assert await tx.requests.open_on(BERLIN) == [berlin, other]
        assert await tx.requests.open_on(PARIS) == []
        assert await tx.requests.pending() == [berlin, other]


async def test_what_nobody_decided_in_time_is_due(database: Database) -> None:
    async with database.writing() as tx:
        await add_people(tx)
        pending = await add_request(tx)
        choosing = await add_request(tx, server=None)
        decided = await add_request(tx, server=PARIS)
        await decide(tx, decided, Verdict.APPROVE)

        assert await tx.requests.due(NOW + DAY - HOUR) == []
        assert await tx.requests.due(NOW + DAY) == [pending, choosing]


async def test_a_decided_request_makes_room_for_another_one(database: Database) -> None:
    async with database.writing() as tx:
        await add_people(tx)
        for verdict in Verdict:
            await decide(tx, await add_request(tx), verdict)
        assert [request.state for request in await tx.requests.all()] == [
            AFTER[verdict] for verdict in Verdict
        ]
        assert {request.state for request in await tx.requests.all()} == set(OVER)
