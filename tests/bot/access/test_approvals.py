"""How many have to agree, who counts, and that what is approved is what the card showed."""

from collections.abc import Awaitable, Callable

import pytest

from bot.access import approvals, people, requests
from bot.access.refusals import Refusal
from bot.access.requests import Agreed, Approved
from storage.records import GrantState, OutboxKind, RequestId, RequestState, UserId, Verdict
from tests.bot.access.kit import (
    ANNA,
    BORIS,
    CLARA,
    DAY_S,
    EMIL,
    HOUR_S,
    OPERATOR,
    WEEK_S,
    Paper,
)

DORA = UserId(2003)


async def agrees(paper: Paper, admin: UserId, request_id: RequestId, seconds: int | None) -> Agreed:
    done = await paper.do(requests.approve, await paper.actor(admin), request_id, seconds)
    assert isinstance(done, Agreed)
    return done


async def test_the_second_of_two_needed_approvals_decides(paper: Paper) -> None:
    paper.approvals = 2
    request = await paper.asked()
    await paper.forget()
    assert (await agrees(paper, BORIS, request.id, None)).missing == 1
    # Nobody gets anything yet.
    assert [said.kind for said in await paper.heard()] == []
    async with paper.database.reading() as tx:
        now = await tx.requests.get(request.id)
        assert now is not None
        assert now.state is RequestState.PENDING
        assert await tx.grants.all() == []

    done = await paper.yes(CLARA, request.id)
    assert done.grant.state is GrantState.RESERVED
    assert [said.kind for said in await paper.heard()] == [OutboxKind.DELIVER]
    actions = [(noted.actor, noted.action) for noted in await paper.noted()]
    assert actions[0] == ("telegram:2001", "request.agree")
    assert ("telegram:2002", "request.approve") in actions
    async with paper.database.reading() as tx:
        said = [(d.actor, d.verdict) for d in await tx.requests.decisions(request.id)]
    assert said == [("telegram:2001", Verdict.APPROVE), ("telegram:2002", Verdict.APPROVE)]


async def test_one_admin_counts_once(paper: Paper) -> None:
    paper.approvals = 2
    paper.admins = (BORIS, BORIS, CLARA)
    request = await paper.asked()
    await agrees(paper, BORIS, request.id, None)
    boris = await paper.actor(BORIS)
    await paper.refused(Refusal.AGREED_ALREADY, requests.approve, boris, request.id, None)


async def test_whoever_is_no_admin_any_more_has_no_say(paper: Paper) -> None:
    paper.approvals = 2
    request = await paper.asked()
    await agrees(paper, BORIS, request.id, None)
    paper.admins = (CLARA, DORA)
    assert (await agrees(paper, CLARA, request.id, None)).missing == 1
    assert isinstance(await paper.yes(DORA, request.id), Approved)


async def test_the_shortest_duration_counts(paper: Paper) -> None:
    paper.approvals = 2
    request = await paper.asked(duration=WEEK_S)
    await agrees(paper, BORIS, request.id, DAY_S)
    done = await paper.yes(CLARA, request.id, WEEK_S)
    assert done.request.duration == DAY_S
    assert (done.grant.not_after - done.grant.not_before).total_seconds() == DAY_S


async def test_only_long_access_needs_a_second_one(paper: Paper) -> None:
    paper.long_duration = WEEK_S
    request = await paper.asked(duration=WEEK_S)
    await agrees(paper, BORIS, request.id, WEEK_S)
    # A shorter duration needs one approval, and this is the second.
    done = await paper.yes(CLARA, request.id, 8 * HOUR_S)
    assert done.request.duration == 8 * HOUR_S


async def test_short_access_needs_one(paper: Paper) -> None:
    paper.long_duration = WEEK_S
    request = await paper.asked(duration=WEEK_S)
    assert (await paper.yes(BORIS, request.id, DAY_S)).request.duration == DAY_S


async def test_the_operators_word_is_enough(paper: Paper) -> None:
    paper.approvals = 2
    request = await paper.asked()
    assert isinstance(await paper.yes(OPERATOR, request.id), Approved)


async def link(paper: Paper, user_id: UserId, same_as: UserId) -> None:
    await paper.do(people.link, OPERATOR, user_id, same_as)


async def test_nobody_decides_by_a_second_account(paper: Paper) -> None:
    await link(paper, ANNA, BORIS)
    request = await paper.asked()
    boris = await paper.actor(BORIS)
    for use_case in (requests.deny, requests.approve):
        arguments = (None,) if use_case is requests.approve else ()
        await paper.refused(Refusal.OWN_REQUEST, use_case, boris, request.id, *arguments)  # type: ignore[arg-type]
    assert isinstance(await paper.yes(CLARA, request.id), Approved)


async def test_two_accounts_of_one_admin_have_one_say(paper: Paper) -> None:
    paper.approvals = 2
    paper.admins = (BORIS, CLARA, DORA)
    for admin in paper.admins:
        await paper.do(people.allow, OPERATOR, admin, str(admin))
    await link(paper, CLARA, BORIS)
    request = await paper.asked()
    await agrees(paper, BORIS, request.id, None)
    clara = await paper.actor(CLARA)
    await paper.refused(Refusal.AGREED_ALREADY, requests.approve, clara, request.id, None)
    assert isinstance(await paper.yes(DORA, request.id), Approved)


async def test_accounts_that_cannot_be_linked(paper: Paper) -> None:
    await link(paper, ANNA, BORIS)
    for user_id, same_as in ((EMIL, EMIL), (EMIL, ANNA), (BORIS, EMIL)):
        await paper.do(people.allow, OPERATOR, BORIS, "Boris")
        await paper.refused(Refusal.SAME_PERSON, people.link, OPERATOR, user_id, same_as)
    await paper.refused(Refusal.UNKNOWN_PERSON, people.link, OPERATOR, UserId(9), ANNA)
    await paper.refused(Refusal.UNKNOWN_PERSON, people.link, OPERATOR, EMIL, UserId(9))
    anna = await paper.actor(ANNA)
    await paper.refused(Refusal.ADMINS_ONLY, people.link, anna, EMIL, BORIS)


async def renamed(paper: Paper) -> None:
    await paper.do(people.allow, OPERATOR, ANNA, "Somebody Else")


async def with_another_username(paper: Paper) -> None:
    async with paper.database.writing() as tx:
        await tx.people.set_username(ANNA, "ceo")


@pytest.mark.parametrize("changed", [renamed, with_another_username])
async def test_what_changed_since_the_card_needs_a_new_look(
    paper: Paper, changed: Callable[[Paper], Awaitable[None]]
) -> None:
    request = await paper.asked()
    async with paper.database.reading() as tx:
        seen = await approvals.card_digest(tx, request)
    await changed(paper)
    boris = await paper.actor(BORIS)
    values = await paper.refused(
        Refusal.CARD_CHANGED, requests.approve, boris, request.id, None, seen=seen
    )
    assert values == {"request": request.id}
    async with paper.database.reading() as tx:
        seen = await approvals.card_digest(tx, request)
    done = await paper.do(requests.approve, boris, request.id, None, seen=seen)
    assert isinstance(done, Approved)
