"""Requests: who wins a decision, and what is due."""

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select

from storage import tables
from storage.database import Database
from storage.pauses import PersonPause
from storage.records import Request, RequestId, RequestState, UserId, Verdict
from storage.request_notes import RequestNotes
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
    add_people,
    add_request,
)

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


async def test_what_is_as_old_as_that_is_due_as_well(database: Database) -> None:
    async with database.writing() as tx:
        await add_people(tx)
        request = await add_request(tx)
        assert await tx.requests.due(NOW, asked_by=NOW - INSTANT) == []
        assert await tx.requests.due(NOW, asked_by=NOW) == [request]
        assert await tx.requests.due(NOW + DAY, asked_by=NOW - HOUR) == [request]


async def test_what_begins_later_is_scheduled_until_then(database: Database) -> None:
    async with database.writing() as tx:
        await add_people(tx)
        request = await tx.requests.add(
            user_id=ANNA,
            server=BERLIN,
            duration=3600,
            reason="",
            asked_at=NOW,
            expires_at=NOW + DAY,
            starts_at=NOW + HOUR,
        )
        other = await add_request(tx, user_id=BORIS)
        assert not await tx.requests.begin(request.id, 60)
        assert await decide(tx, request, Verdict.APPROVE, later=True)
        (scheduled,) = await tx.requests.scheduled()
        assert (scheduled.id, scheduled.state) == (request.id, RequestState.SCHEDULED)
        assert await tx.requests.scheduled(by=NOW + HOUR - INSTANT) == []
        assert await tx.requests.scheduled(by=NOW + HOUR) == [scheduled]
        assert await tx.requests.begin(request.id, 60)
        assert not await tx.requests.begin(request.id, 30)
        begun = await tx.requests.get(request.id)
        assert begun is not None
        assert (begun.state, begun.duration) == (RequestState.APPROVED, 60)
        assert await tx.requests.get(other.id) == other


async def test_a_no_is_taken_back_once_and_settled_after_its_time(database: Database) -> None:
    async with database.writing() as tx:
        await add_people(tx)
        request, other = await add_request(tx), await add_request(tx, server=PARIS)
        assert not await tx.requests.reopen(request.id)
        for one in (request, other):
            await decide(tx, one, Verdict.DENY, undo_until=NOW + DAY)
        assert await tx.requests.reopen(request.id)
        assert not await tx.requests.reopen(request.id)
        assert await tx.requests.get(request.id) == request
        assert len(await tx.requests.decisions(request.id)) == 1
        await decide(tx, request, Verdict.DENY, undo_until=NOW + DAY)
        assert await tx.requests.settled(NOW + DAY - INSTANT) == []
        assert [one.id for one in await tx.requests.settled(NOW + DAY)] == [request.id, other.id]
        await tx.requests.settle(request.id)
        assert [one.id for one in await tx.requests.settled(NOW + DAY)] == [other.id]


async def test_what_somebody_has_asked_for_before(database: Database) -> None:
    async with database.writing() as tx:
        await add_people(tx)
        first, second, waiting = [
            await add_request(tx, server=server) for server in (BERLIN, PARIS, None)
        ]
        boriss = await add_request(tx, user_id=BORIS)
        for one in (first, second, boriss):
            await decide(tx, one, Verdict.DENY)
        await decide(tx, waiting, Verdict.CANCEL)
        last = await add_request(tx)

        async def earlier(*of: UserId, before: Request = last, limit: int = 9) -> list[int]:
            return [one.id for one in await tx.requests.earlier(of, before.id, limit=limit)]

        assert await earlier(ANNA) == [second.id, first.id]
        assert await earlier(ANNA, limit=1) == [second.id]
        assert await earlier(ANNA, before=second) == [first.id]
        assert await earlier(ANNA, BORIS) == [boriss.id, second.id, first.id]
        assert await tx.requests.ids_of(ANNA) == [first.id, second.id, waiting.id, last.id]
        assert await tx.requests.last_server(ANNA) == BERLIN
        assert await tx.requests.last_server(UserId(9)) is None
        assert await tx.requests.count_pending() == 1
        assert [one.id for one in await tx.requests.open()] == [last.id]
        parts = [part async for part in tx.requests.each(state=RequestState.DENIED, limit=2)]
        assert [[one.id for one in part] for part in parts] == [[first.id, second.id]]
        every = [one async for part in tx.requests.each() for one in part]
        assert every == await tx.requests.all()
        assert await tx.requests.last_decision() == 4
        assert len(await tx.requests.pending(offset=0, limit=0)) == 0


async def test_how_often_somebody_asked_counts_what_they_asked_themselves(
    database: Database,
) -> None:
    async with database.writing() as tx:
        await add_people(tx)
        olga = "system:olga"
        for by, at in (("telegram:7", NOW), (olga, NOW), (olga, NOW), (olga, NOW + HOUR)):
            request = await add_request(tx)
            await decide(tx, request, Verdict.DENY, by=by, at=at)
        await add_request(tx)
        await add_request(tx, user_id=BORIS)
        # All but those that an operator asked for them, decided in the same instant.
        assert await tx.requests.asked_at(ANNA, NOW - INSTANT) == [NOW] * 3
        assert await tx.requests.asked_at(ANNA, NOW) == []


async def test_a_request_is_changed_while_it_waits_and_each_reminder_comes_once(
    database: Database,
) -> None:
    async with database.writing() as tx:
        await add_people(tx)
        request, other = await add_request(tx), await add_request(tx, user_id=BORIS)
        notes = tx.request_notes
        assert await notes.of(request.id) == RequestNotes(request.id)
        await tx.requests.agree(other.id, by="telegram:7", duration=60, at=NOW)
        for number, words in enumerate(("one", "two"), start=1):
            at = NOW + number * HOUR
            assert await notes.change(request.id, duration=60, reason=words, at=at)
        assert [await notes.remind(request.id, NOW) for _ in range(2)] == [True, False]
        assert [await notes.nudge(request.id, NOW) for _ in range(2)] == [True, False]
        changed = await tx.requests.get(request.id)
        assert changed is not None
        assert (changed.duration, changed.asked_duration, changed.reason) == (60, 60, "two")
        assert await notes.of(request.id) == RequestNotes(
            request.id,
            revision=2,
            changed_at=NOW + 2 * HOUR,
            after_decision=1,
            reminded_at=NOW,
            nudged_at=NOW,
        )
        assert await notes.of(other.id) == RequestNotes(other.id)
        assert await tx.requests.get(other.id) == other
        await decide(tx, request, Verdict.DENY)
        assert not await notes.change(request.id, duration=30, reason="three", at=NOW)
        assert (await notes.of(request.id)).revision == 2


@pytest.mark.parametrize(
    ("after", "ttl", "is_due"),
    [
        (DAY / 2 - INSTANT, 10 * 86_400, False),
        (DAY / 2, 10 * 86_400, True),  # half of the time that it had
        (HOUR / 2 - INSTANT, 3600, False),
        (HOUR / 2, 3600, True),  # half of what the settings say now
    ],
)
async def test_after_half_of_its_time_whoever_is_asked_is_reminded(
    database: Database, after: timedelta, ttl: int, *, is_due: bool
) -> None:
    async with database.writing() as tx:
        await add_people(tx)
        request, decided = await add_request(tx), await add_request(tx, server=PARIS)
        paused = await add_request(tx, user_id=BORIS)
        await tx.pauses.put(PersonPause(BORIS, NOW, None, "telegram:7", "Olga"))
        await decide(tx, decided, Verdict.DENY)
        found = await tx.request_notes.to_remind(NOW + after, ttl)
        assert found == ([request] if is_due else [])
        await tx.request_notes.remind(request.id, NOW)
        assert await tx.request_notes.to_remind(NOW + after, ttl) == []
        assert paused.state is RequestState.PENDING


async def test_one_like_another_is_approved_in_the_same_instant(database: Database) -> None:
    async with database.writing() as tx:
        await add_people(tx)
        like = await add_request(tx)
        made = await tx.requests.add_approved(like, by="telegram:7", by_name="Olga", at=NOW + HOUR)
        assert await tx.requests.get(made.id) == made
        assert (made.state, made.decided_at) == (RequestState.APPROVED, NOW + HOUR)
        (decision,) = await tx.requests.decisions(made.id)
        assert (decision.actor, decision.verdict) == ("telegram:7", Verdict.APPROVE)


async def test_a_decided_request_makes_room_for_another_one(database: Database) -> None:
    async with database.writing() as tx:
        await add_people(tx)
        for verdict in Verdict:
            await decide(tx, await add_request(tx), verdict)
        assert [request.state for request in await tx.requests.all()] == [
            AFTER[verdict] for verdict in Verdict
        ]
        assert {request.state for request in await tx.requests.all()} == set(OVER)
