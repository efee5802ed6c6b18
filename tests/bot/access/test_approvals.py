"""How many have to agree, who counts, and that what is approved is what the card showed."""

from collections.abc import Awaitable, Callable

import pytest

from bot.access import admins, appointing, approvals, groups, people, requests, revocation
from bot.access.admins import Change
from bot.access.hearing import hear
from bot.access.permission import THE_BOT
from bot.access.refusals import Refusal
from bot.access.requests import Agreed, Approved
from storage.group_records import Group, GroupName
from storage.records import (
    ChatId,
    GrantState,
    OutboxKind,
    PostedMessage,
    RequestId,
    RequestState,
    UserId,
    Verdict,
)
from storage.role_records import Role
from tests.bot.access.kit import (
    ANNA,
    BORIS,
    CLARA,
    DAY_S,
    EMIL,
    HOUR,
    HOUR_S,
    OPERATOR,
    WEEK_S,
    Paper,
    to,
)

DORA, FINN = UserId(2003), UserId(2004)


async def agrees(paper: Paper, admin: UserId, request_id: RequestId, seconds: int | None) -> Agreed:
    done = await paper.by(await paper.actor(admin), requests.approve, request_id, seconds)
    assert isinstance(done, Agreed)
    return done


async def test_the_second_of_two_needed_approvals_decides(paper: Paper) -> None:
    paper.approvals = 2
    request = await paper.asked()
    await paper.forget()
    async with paper.database.writing() as tx:
        card = PostedMessage(ChatId(CLARA), 7, OutboxKind.CARD, str(request.id), paper.now)
        await tx.posted.remember(card)
    assert (await agrees(paper, BORIS, request.id, None)).missing == 1
    # Nobody gets anything yet; whoever else decides sees it.
    edit = {"request": request.id, "message": 7, "kind": "card"}
    assert await paper.heard() == [to(CLARA, OutboxKind.EDIT_CARD, edit)]
    async with paper.database.reading() as tx:
        now = await tx.requests.get(request.id)
        assert now is not None
        assert now.state is RequestState.PENDING
        assert await tx.grants.all() == []

    done = await paper.yes(CLARA, request.id)
    assert done.grant.state is GrantState.RESERVED
    assert done.request.decided_by_name == f"{BORIS}, Clara"
    kinds = [said.kind for said in await paper.heard()]
    assert kinds == [OutboxKind.EDIT_CARD, OutboxKind.DELIVER]
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
    await paper.refuses(boris, Refusal.AGREED_ALREADY, requests.approve, request.id, None)


async def test_whoever_is_no_admin_any_more_has_no_say(paper: Paper) -> None:
    paper.approvals = 2
    request = await paper.asked()
    await agrees(paper, BORIS, request.id, None)
    paper.admins = (CLARA, DORA)
    assert (await agrees(paper, CLARA, request.id, None)).missing == 1
    assert isinstance(await paper.yes(DORA, request.id), Approved)


async def test_an_approval_notices_by_itself_who_was_put_back(paper: Paper) -> None:
    """Whoever was off the list in between has to say it anew, though nobody else had looked."""
    paper.approvals = 2
    first, second = await paper.asked(), await paper.asked(EMIL)
    await agrees(paper, BORIS, first.id, None)
    paper.admins = (CLARA, DORA)
    await agrees(paper, CLARA, second.id, None)
    paper.admins = (BORIS, CLARA, DORA)
    assert (await agrees(paper, CLARA, first.id, None)).missing == 1
    assert isinstance(await paper.yes(BORIS, first.id), Approved)


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
    await paper.by(OPERATOR, people.link, user_id, same_as)


async def test_nobody_decides_by_a_second_account(paper: Paper) -> None:
    await link(paper, ANNA, BORIS)
    request = await paper.asked()
    boris = await paper.actor(BORIS)
    for use_case in (requests.deny, requests.approve):
        arguments = (None,) if use_case is requests.approve else ()
        await paper.refuses(boris, Refusal.OWN_REQUEST, use_case, request.id, *arguments)  # type: ignore[arg-type]
    assert isinstance(await paper.yes(CLARA, request.id), Approved)


async def test_two_accounts_of_one_admin_have_one_say(paper: Paper) -> None:
    paper.approvals = 2
    paper.admins = (BORIS, CLARA, DORA)
    for admin in paper.admins:
        await paper.by(OPERATOR, people.allow, admin, str(admin))
    await link(paper, CLARA, BORIS)
    request = await paper.asked()
    await agrees(paper, BORIS, request.id, None)
    clara = await paper.actor(CLARA)
    await paper.refuses(clara, Refusal.AGREED_ALREADY, requests.approve, request.id, None)
    assert isinstance(await paper.yes(DORA, request.id), Approved)


async def test_accounts_that_cannot_be_linked(paper: Paper) -> None:
    await link(paper, ANNA, BORIS)
    for user_id, same_as in ((EMIL, EMIL), (EMIL, ANNA), (BORIS, EMIL)):
        await paper.by(OPERATOR, people.allow, BORIS, "Boris")
        await paper.refuses(OPERATOR, Refusal.SAME_PERSON, people.link, user_id, same_as)
    await paper.refuses(OPERATOR, Refusal.UNKNOWN_PERSON, people.link, UserId(9), ANNA)
    await paper.refuses(OPERATOR, Refusal.UNKNOWN_PERSON, people.link, EMIL, UserId(9))
    anna = await paper.actor(ANNA)
    await paper.refuses(anna, Refusal.ADMINS_ONLY, people.link, EMIL, BORIS)


async def renamed(paper: Paper) -> None:
    await paper.by(OPERATOR, people.allow, ANNA, "Somebody Else")


async def with_another_username(paper: Paper) -> None:
    async with paper.database.writing() as tx:
        await tx.people.note_username(ANNA, "ceo", paper.now)


@pytest.mark.parametrize("changed", [renamed, with_another_username])
async def test_what_changed_since_the_card_needs_a_new_look(
    paper: Paper, changed: Callable[[Paper], Awaitable[None]]
) -> None:
    request = await paper.asked()
    seen = await paper.digest(request, BORIS)
    await changed(paper)
    boris = await paper.actor(BORIS)
    values = await paper.refuses(
        boris, Refusal.CARD_CHANGED, requests.approve, request.id, None, seen=seen
    )
    assert values == {"request": request.id}
    seen = await paper.digest(request, BORIS)
    done = await paper.by(boris, requests.approve, request.id, None, seen=seen)
    assert isinstance(done, Approved)


async def test_a_card_in_a_group_is_seen_as_well_as_ones_own(paper: Paper) -> None:
    """As long as cards are there."""
    await paper.do(admins.observe)
    request = await paper.asked()
    boris = await paper.actor(BORIS)
    async with paper.database.reading() as tx:
        case = paper.case(tx, THE_BOT)
        seen = await approvals.card_digest(case, await hear(case, request), None)
    approve = requests.approve
    await paper.refuses(boris, Refusal.CARD_CHANGED, approve, request.id, None, seen=seen)
    paper.more = {"cards_group": -1001}
    await paper.refuses(boris, Refusal.CARD_CHANGED, approve, request.id, None, seen="0" * 8)
    assert isinstance(await paper.by(boris, approve, request.id, None, seen=seen), Approved)


async def test_an_approver_sees_what_they_decide_on_and_what_became_of_their_cards(
    paper: Paper,
) -> None:
    dev = GroupName("dev")
    await paper.by(OPERATOR, groups.add, Group(dev))
    await paper.by(OPERATOR, groups.join, dev, ANNA)
    await paper.by(OPERATOR, appointing.appoint, DORA, Role.APPROVER, [dev])
    await paper.by(OPERATOR, appointing.appoint, FINN, Role.AUDITOR)
    own, other = await paper.asked(ANNA), await paper.asked(EMIL)
    async with paper.database.writing() as tx:
        for number, who in enumerate((DORA, ANNA)):
            card = PostedMessage(ChatId(who), number, OutboxKind.CARD, str(other.id), paper.now)
            await tx.posted.remember(card)

    async def seen(request_id: RequestId, *viewers: UserId) -> list[UserId]:
        request = await paper.request(request_id)
        async with paper.database.reading() as tx:
            case = paper.case(tx, OPERATOR)
            heard = await hear(case, request)
            return [one for one in viewers if await approvals.may_see(case, heard, one)]

    everybody = (ANNA, EMIL, BORIS, DORA, FINN)
    assert await seen(own.id, *everybody) == [BORIS, DORA, FINN]
    assert await seen(other.id, *everybody) == [BORIS, FINN]
    await paper.yes(BORIS, other.id)
    assert await seen(other.id, *everybody) == [BORIS, DORA, FINN]
    await paper.by(OPERATOR, groups.leave, dev, ANNA)
    await paper.yes(BORIS, own.id)
    assert await seen(own.id, *everybody) == [BORIS, FINN]


# --- the settings in force bind ------------------------------------------------------------------


async def digest(paper: Paper, request_id: RequestId, admin: UserId = BORIS) -> str:
    """As it is in the buttons of the admin's card now."""
    async with paper.database.reading() as tx:
        request = await tx.requests.get(request_id)
    assert request is not None
    return await paper.digest(request, admin)


async def test_no_more_is_given_than_may_be_given_now(paper: Paper) -> None:
    request = await paper.asked(duration=30 * DAY_S)
    boris, seen = await paper.actor(BORIS), await digest(paper, request.id)
    paper.max_duration = DAY_S
    await paper.refuses(
        boris, Refusal.CARD_CHANGED, requests.approve, request.id, 30 * DAY_S, seen=seen
    )
    seen = await digest(paper, request.id)
    for seconds in (None, 30 * DAY_S, 7 * DAY_S):
        values = await paper.refuses(
            boris, Refusal.DURATION_TOO_LONG, requests.approve, request.id, seconds, seen=seen
        )
        assert values["limit"] == DAY_S
    done = await paper.by(boris, requests.approve, request.id, DAY_S, seen=seen)
    assert isinstance(done, Approved)
    assert done.request.duration == DAY_S


@pytest.mark.parametrize("limit", [HOUR_S // 2, 8 * HOUR_S, 3 * DAY_S])
async def test_the_longest_that_may_be_given_is_offered(paper: Paper, limit: int) -> None:
    request = await paper.asked(duration=WEEK_S)
    paper.max_duration = limit
    assert (await paper.yes(BORIS, request.id, limit)).request.duration == limit


async def test_more_than_was_asked_for_is_given_within_the_limit_alone(paper: Paper) -> None:
    request = await paper.asked(duration=8 * HOUR_S)
    boris, seen = await paper.actor(BORIS), await digest(paper, request.id)
    for seconds, refused in (
        (30 * DAY_S, Refusal.NOT_OFFERED),  # no more than two steps further
        (2 * DAY_S, Refusal.NOT_OFFERED),
    ):
        await paper.refuses(boris, refused, requests.approve, request.id, seconds, seen=seen)
    done = await paper.by(boris, requests.approve, request.id, WEEK_S, seen=seen)
    assert isinstance(done, Approved)
    assert done.request.duration == WEEK_S
    assert done.request.asked_duration == 8 * HOUR_S
    other = await paper.asked(EMIL, duration=8 * HOUR_S)
    paper.max_duration = DAY_S
    await paper.refuses(boris, Refusal.NOT_OFFERED, requests.approve, other.id, WEEK_S)


async def test_more_time_than_was_asked_for_takes_as_many_as_so_long_does(paper: Paper) -> None:
    paper.long_duration = 3 * DAY_S
    request = await paper.asked(duration=DAY_S)
    assert (await agrees(paper, BORIS, request.id, WEEK_S)).missing == 1
    # The shortest that anybody agreed to counts.
    assert (await paper.yes(CLARA, request.id, DAY_S)).request.duration == DAY_S


async def test_a_yes_from_before_an_end_of_their_access_counts_no_more(paper: Paper) -> None:
    grant = await paper.active()
    paper.approvals = 2
    paper.now += HOUR
    request = await paper.asked()
    await agrees(paper, BORIS, request.id, None)
    await paper.by(OPERATOR, revocation.revoke_grant, grant.id)
    paper.now += HOUR
    assert (await agrees(paper, CLARA, request.id, None)).missing == 1
    assert isinstance(await paper.yes(BORIS, request.id), Approved)


async def test_limits_do_not_bind_the_operator(paper: Paper) -> None:
    request = await paper.asked(duration=WEEK_S)
    paper.max_duration = HOUR_S
    assert (await paper.yes(OPERATOR, request.id)).request.duration == WEEK_S


async def test_an_earlier_yes_to_more_gives_no_more(paper: Paper) -> None:
    paper.approvals = 2
    request = await paper.asked(duration=30 * DAY_S)
    await agrees(paper, BORIS, request.id, 30 * DAY_S)
    paper.max_duration = DAY_S
    assert (await paper.yes(CLARA, request.id, DAY_S)).request.duration == DAY_S


async def test_a_request_waits_no_longer_than_requests_wait_now(paper: Paper) -> None:
    request = await paper.asked()
    paper.request_ttl, paper.now = HOUR_S, paper.now + HOUR
    values = await paper.refuses(
        await paper.actor(BORIS), Refusal.ALREADY_DECIDED, requests.approve, request.id, None
    )
    assert values["state"] is RequestState.EXPIRED
    assert await paper.do(requests.expire_due) == 1
    # Nor longer than was said when it was made.
    late = await paper.asked()
    paper.request_ttl, paper.now = WEEK_S, late.expires_at
    assert await paper.do(requests.expire_due) == 1


async def test_more_have_to_agree_if_the_settings_say_so_now(paper: Paper) -> None:
    request = await paper.asked()
    seen = await digest(paper, request.id)
    paper.approvals = 2
    boris = await paper.actor(BORIS)
    # The card said that one is enough.
    await paper.refuses(boris, Refusal.CARD_CHANGED, requests.approve, request.id, None, seen=seen)
    assert (await agrees(paper, BORIS, request.id, None)).missing == 1


async def test_where_fewer_have_to_agree_now_a_yes_said_again_decides(paper: Paper) -> None:
    paper.approvals = 2
    request = await paper.asked()
    await agrees(paper, BORIS, request.id, None)
    paper.approvals = 1
    assert isinstance(await paper.yes(BORIS, request.id), Approved)


async def test_an_admin_may_say_yes_to_less(paper: Paper) -> None:
    paper.long_duration = WEEK_S
    request = await paper.asked(duration=30 * DAY_S)
    await agrees(paper, BORIS, request.id, 30 * DAY_S)
    await agrees(paper, BORIS, request.id, WEEK_S)
    boris = await paper.actor(BORIS)
    await paper.refuses(boris, Refusal.AGREED_ALREADY, requests.approve, request.id, WEEK_S)
    done = await paper.yes(CLARA, request.id, 30 * DAY_S)
    assert done.request.duration == WEEK_S

    # For a day one yes is enough, and theirs is one.
    other = await paper.asked(duration=30 * DAY_S)
    await agrees(paper, BORIS, other.id, 30 * DAY_S)
    assert (await paper.yes(BORIS, other.id, DAY_S)).request.duration == DAY_S


async def test_whoever_is_put_back_begins_anew(paper: Paper) -> None:
    paper.approvals = 2
    await paper.do(admins.observe)
    request = await paper.asked()
    await agrees(paper, BORIS, request.id, None)
    old, of_clara = [await digest(paper, request.id, one) for one in (BORIS, CLARA)]
    paper.admins = (CLARA, DORA)
    assert await paper.do(admins.observe) == Change(joined=(DORA,), left=(BORIS,))
    paper.admins = (BORIS, CLARA, DORA)
    assert await paper.do(admins.observe) == Change(joined=(BORIS,), left=())
    assert await paper.do(admins.observe) == Change((), ())
    # Nobody else has to look again for that.
    assert await digest(paper, request.id, CLARA) == of_clara

    assert (await agrees(paper, CLARA, request.id, None)).missing == 1
    # A tap from before that waited with Telegram does not count, either.
    boris = await paper.actor(BORIS)
    await paper.refuses(boris, Refusal.CARD_CHANGED, requests.approve, request.id, None, seen=old)
    seen = await digest(paper, request.id)
    done = await paper.by(boris, requests.approve, request.id, None, seen=seen)
    assert isinstance(done, Approved)


async def test_the_trail_tells_who_became_an_admin(paper: Paper) -> None:
    await paper.do(admins.observe_at_start)
    await paper.forget()
    await paper.do(admins.observe_at_start)
    assert await paper.noted() == []
    paper.admins = (CLARA, DORA)
    await paper.do(admins.observe_at_start)
    [noted] = await paper.noted()
    assert (noted.actor, noted.action) == ("vpnbot", "admins.change")
    assert (noted.detail["joined"], noted.detail["left"]) == ([DORA], [BORIS])
    paper.admins = (CLARA,)
    await paper.do(admins.observe_at_start)
    [noted] = await paper.noted()
    assert (noted.detail["joined"], noted.detail["left"]) == ([], [DORA])


async def test_whoever_is_no_admin_any_more_loses_the_menu(paper: Paper) -> None:
    """Who has never written has none."""
    paper.admins = (BORIS, CLARA, DORA)
    await paper.do(admins.observe_at_start)
    async with paper.database.writing() as tx:
        await tx.people.know(BORIS, "Boris", paper.now)
    paper.admins = (CLARA,)
    await paper.do(admins.observe_at_start)
    assert await paper.heard() == [to(BORIS, OutboxKind.MENU, {})]


@pytest.mark.parametrize("end", [revocation.revoke_person, people.remove])
async def test_a_yes_from_before_an_end_of_their_access_needs_a_new_look(
    paper: Paper, end: Callable[..., Awaitable[object]]
) -> None:
    await paper.active()
    paper.now += HOUR
    request = await paper.asked()
    seen = await digest(paper, request.id)
    paper.now += HOUR
    await paper.by(OPERATOR, end, ANNA)
    boris = await paper.actor(BORIS)
    is_closed = (await paper.request(request.id)).state is RequestState.CANCELLED
    expected = Refusal.ALREADY_DECIDED if is_closed else Refusal.CARD_CHANGED
    await paper.refuses(boris, expected, requests.approve, request.id, None, seen=seen)


async def test_cards_that_offer_too_much_are_brought_up_to_date(paper: Paper) -> None:
    long, short = await paper.asked(duration=WEEK_S), await paper.asked(EMIL, duration=HOUR_S)
    async with paper.database.writing() as tx:
        for number, request in enumerate((long, short)):
            card = PostedMessage(ChatId(BORIS), number, OutboxKind.CARD, str(request.id), paper.now)
            await tx.posted.remember(card)
    await paper.forget()
    await paper.do(requests.refit)
    assert await paper.heard() == []
    paper.max_duration = DAY_S
    await paper.do(requests.refit)
    assert [said.payload["request"] for said in await paper.heard()] == [long.id]
    paper.request_ttl = HOUR_S
    await paper.do(requests.refit)
    assert [said.payload["request"] for said in await paper.heard()] == [long.id, short.id]
