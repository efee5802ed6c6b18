"""What begins later: asked for, approved, taken back, given at its time or not at all."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import pytest

from bot.access import (
    admins,
    asking,
    beginning,
    changing,
    clock,
    grants,
    groups,
    pausing,
    people,
    requests,
    restored,
    revocation,
    undoing,
)
from bot.access.refusals import Refusal, Refused
from bot.access.starts import LEAD
from bot.texts.refusals import in_toast
from storage.group_records import Group, GroupName, Reason
from storage.records import (
    ChatId,
    EndReason,
    GrantState,
    OutboxKind,
    PostedMessage,
    Request,
    RequestState,
    UserId,
)
from tests.bot.access.kit import (
    ANNA,
    BERLIN,
    BORIS,
    CLARA,
    DAY,
    DAY_S,
    HOUR,
    HOUR_S,
    MINUTE,
    MORNING,
    OPERATOR,
    PARIS,
    Paper,
    notice,
    to,
)

START = MORNING + 3 * DAY
TWO_DAYS = 2 * DAY_S


async def ask(paper: Paper, starts_at: datetime = START, **said: Any) -> Request:
    wanted: dict[str, Any] = {"duration": TWO_DAYS, "server": BERLIN, "reason": "fair", **said}
    anna = await paper.actor(ANNA)
    return (await paper.by(anna, asking.ask, starts_at=starts_at, **wanted)).request


async def scheduled(paper: Paper, starts_at: datetime = START, **said: Any) -> Request:
    request = await ask(paper, starts_at, **said)
    done = await paper.by(await paper.actor(BORIS), requests.approve, request.id, None)
    assert isinstance(done, requests.Scheduled)
    await paper.forget()
    return done.request


async def begins(paper: Paper) -> int:
    return await paper.do(beginning.begin_due)


async def test_it_is_asked_for_like_anything(paper: Paper) -> None:
    request = await ask(paper)
    assert (request.state, request.starts_at) == (RequestState.PENDING, START)
    assert await paper.request(request.id) == request
    assert request.expires_at == MORNING + DAY
    assert {said.kind for said in await paper.heard()} == {OutboxKind.CARD}


async def test_an_approval_gives_nothing_yet(paper: Paper) -> None:
    request = await ask(paper)
    await paper.forget()
    done = await paper.by(await paper.actor(BORIS), requests.approve, request.id, DAY_S)
    assert isinstance(done, requests.Scheduled)
    assert done.request.state is RequestState.SCHEDULED
    assert (done.request.duration, done.request.undo_until) == (DAY_S, None)
    async with paper.database.reading() as tx:
        assert await tx.grants.all() == []
        assert await tx.requests.scheduled() == [done.request]
    assert [row.action for row in await paper.noted()] == ["request.approve"]
    # Nobody decides in the meantime, and nothing ends by itself.
    paper.now = START - LEAD - MINUTE
    assert await paper.do(requests.expire_due) == 0
    assert await begins(paper) == 0


async def test_it_begins_minutes_after_its_profile_has_come(paper: Paper) -> None:
    request = await scheduled(paper)
    card = PostedMessage(ChatId(BORIS), 9, OutboxKind.CARD, str(request.id), paper.now)
    async with paper.database.writing() as tx:
        await tx.posted.remember(card)
    paper.now = START - LEAD
    assert await begins(paper) == 1
    async with paper.database.reading() as tx:
        [grant] = await tx.grants.all()
    assert (grant.state, grant.request_id) == (GrantState.RESERVED, request.id)
    assert (grant.not_before, grant.not_after) == (START, START + 2 * DAY)
    assert (await paper.request(request.id)).state is RequestState.APPROVED
    deliver = {"grant": grant.id, "note": "first", "round": 0}
    edit = {"request": request.id, "message": 9, "kind": OutboxKind.CARD}
    assert await paper.heard() == [
        to(ANNA, OutboxKind.DELIVER, deliver, paper.now),
        to(BORIS, OutboxKind.EDIT_CARD, edit, paper.now),
    ]
    noted = [(row.actor, row.action) for row in await paper.noted()]
    assert noted == [("vpnbot", "request.begin"), ("vpnbot", "grant.reserve")]
    assert await begins(paper) == 0


async def test_what_takes_the_place_of_a_lost_one_begins_no_earlier(paper: Paper) -> None:
    await scheduled(paper)
    paper.now = START - LEAD
    await begins(paper)
    async with paper.database.reading() as tx:
        [grant] = await tx.grants.all()
    await paper.do(grants.issued, grant)
    await paper.do(grants.replace_lost, await paper.grant(grant.id), round_=1, wait_s=0)
    async with paper.database.reading() as tx:
        [fresh] = await tx.grants.live_of_user(ANNA)
    assert (fresh.not_before, fresh.not_after) == (START, START + 2 * DAY)


async def test_a_bot_that_was_down_gives_what_is_left(paper: Paper) -> None:
    await scheduled(paper)
    paper.now = START + DAY
    assert await begins(paper) == 1
    async with paper.database.reading() as tx:
        [grant] = await tx.grants.all()
    assert (grant.not_before, grant.not_after) == (paper.now, START + 2 * DAY)


async def test_what_was_approved_late_is_given_at_once_until_its_end(paper: Paper) -> None:
    request = await ask(paper, MORNING + HOUR)
    paper.now = MORNING + 2 * HOUR
    done = await paper.yes(BORIS, request.id)
    assert (done.grant.not_before, done.grant.not_after) == (
        paper.now,
        MORNING + HOUR + 2 * DAY,
    )


async def test_minutes_before_it_is_given_at_once_and_begins_then(paper: Paper) -> None:
    request = await ask(paper, MORNING + 5 * MINUTE)
    done = await paper.yes(BORIS, request.id)
    assert done.grant.not_before == MORNING + 5 * MINUTE


async def test_when_its_time_is_over_nothing_is_given(paper: Paper) -> None:
    request = await ask(paper, MORNING + MINUTE, duration=HOUR_S)
    boris = await paper.actor(BORIS)
    paper.now = MORNING + HOUR + MINUTE
    await paper.refuses(boris, Refusal.START_OVER, requests.approve, request.id, None)


async def test_several_have_to_agree_as_ever(paper: Paper) -> None:
    paper.approvals = 2
    request = await ask(paper)
    done = await paper.by(await paper.actor(BORIS), requests.approve, request.id, None)
    assert isinstance(done, requests.Agreed)
    done = await paper.by(await paper.actor(CLARA), requests.approve, request.id, None)
    assert isinstance(done, requests.Scheduled)


async def test_its_end_is_within_the_authoritys(paper: Paper) -> None:
    paper.authority_ends_at = START + DAY
    anna = await paper.actor(ANNA)
    await paper.refuses(
        anna,
        Refusal.OUTLIVES_AUTHORITY,
        asking.ask,
        duration=TWO_DAYS,
        server=BERLIN,
        reason="",
        starts_at=START,
    )
    paper.authority_ends_at = None
    request = await ask(paper)
    paper.authority_ends_at = START + DAY
    boris = await paper.actor(BORIS)
    await paper.refuses(boris, Refusal.OUTLIVES_AUTHORITY, requests.approve, request.id, None)


async def test_another_duration_ends_within_it_too(paper: Paper) -> None:
    request = await ask(paper)
    paper.authority_ends_at = MORNING + 8 * DAY
    anna = await paper.actor(ANNA)
    change = changing.change_duration
    await paper.refuses(anna, Refusal.OUTLIVES_AUTHORITY, change, request.id, 7 * DAY_S)
    await paper.by(anna, change, request.id, DAY_S)


async def test_what_was_cannot_begin(paper: Paper) -> None:
    anna = await paper.actor(ANNA)
    wanted: dict[str, Any] = {"duration": None, "server": BERLIN, "reason": ""}
    await paper.refuses(anna, Refusal.START_PAST, asking.ask, **wanted, starts_at=MORNING)


async def test_the_server_may_be_chosen_afterwards(two_servers: Paper) -> None:
    request = await ask(two_servers, server=None)
    anna = await two_servers.actor(ANNA)
    chosen = await two_servers.by(anna, asking.choose, request.id, PARIS)
    assert (chosen.request.starts_at, chosen.request.state) == (START, RequestState.PENDING)


async def test_nothing_that_begins_later_is_given_by_a_standing_approval(paper: Paper) -> None:
    await paper.by(OPERATOR, groups.add, Group(GroupName("oncall"), standing=8 * HOUR_S))
    await paper.by(OPERATOR, groups.join, GroupName("oncall"), ANNA)
    request = await ask(paper, duration=HOUR_S)
    assert request.state is RequestState.PENDING


async def test_something_for_now_can_be_asked_for_beside_it(paper: Paper) -> None:
    await scheduled(paper)
    await paper.approved()


# --- Taken back before it begins --------------------------------------------------------------


async def test_whoever_asked_takes_it_back(paper: Paper) -> None:
    request = await scheduled(paper)
    done = await paper.by(await paper.actor(ANNA), requests.cancel, request.id)
    assert done.state is RequestState.CANCELLED
    paper.now = START
    assert await begins(paper) == 0


async def test_an_admin_takes_it_back(paper: Paper) -> None:
    request = await scheduled(paper)
    anna = await paper.actor(ANNA)
    await paper.refuses(anna, Refusal.ADMINS_ONLY, requests.deny, request.id)
    done = await paper.by(await paper.actor(CLARA), requests.deny, request.id)
    assert done.state is RequestState.DENIED
    assert OutboxKind.NOTICE in {said.kind for said in await paper.heard()}
    paper.now = START
    assert await begins(paper) == 0


async def test_a_no_is_taken_back_as_long_as_it_could_be_decided(paper: Paper) -> None:
    """Then it waits for a yes again; no card offers what would be refused."""
    request, boris = await scheduled(paper), await paper.actor(BORIS)
    paper.now += HOUR
    await paper.by(boris, requests.deny, request.id)
    await paper.by(boris, undoing.undo, request.id)
    assert (await paper.request(request.id)).state is RequestState.PENDING
    await paper.by(boris, requests.approve, request.id, None)
    paper.now += DAY
    done = await paper.by(boris, requests.deny, request.id)
    assert done.undo_until is None
    await paper.refuses(boris, Refusal.UNDO_LATE, undoing.undo, request.id)


async def test_a_revocation_of_nothing_says_what_is_to_come(paper: Paper) -> None:
    request = await scheduled(paper)
    clara = await paper.actor(CLARA)
    told = await paper.refuses(clara, Refusal.NOTHING_LIVE, revocation.revoke_person, ANNA)
    assert told["later"] == [request.id]
    said = in_toast(Refused(Refusal.NOTHING_LIVE, **told))
    assert said.endswith(f"with request {request.id} begins later: Deny takes that back.")


async def test_it_is_approved_once(paper: Paper) -> None:
    request = await scheduled(paper)
    clara = await paper.actor(CLARA)
    told = await paper.refuses(clara, Refusal.ALREADY_DECIDED, requests.approve, request.id, None)
    assert told == {"state": RequestState.SCHEDULED, "by": "telegram:2001", "admin": "Boris"}


async def test_who_is_removed_gets_nothing(paper: Paper) -> None:
    request = await scheduled(paper)
    await paper.by(OPERATOR, people.remove, ANNA)
    assert (await paper.request(request.id)).state is RequestState.CANCELLED
    await paper.by(OPERATOR, people.allow, ANNA, "Anna")
    paper.now = START
    assert await begins(paper) == 0


async def test_a_restore_closes_it(paper: Paper) -> None:
    """Nobody knows what was decided after the backup."""
    request = await scheduled(paper)
    await paper.do(restored.begin_again, made_at=MORNING.isoformat())
    assert (await paper.request(request.id)).state is RequestState.CANCELLED


# --- What may not be given any more -----------------------------------------------------------


async def not_given(
    paper: Paper, request: Request, why: Refusal, *, told: Sequence[UserId] = (BORIS, CLARA)
) -> None:
    paper.now = START - LEAD
    await paper.forget()
    assert await begins(paper) == 1
    after = await paper.request(request.id)
    assert (after.state, after.decided_by) == (RequestState.CANCELLED, "vpnbot")
    async with paper.database.reading() as tx:
        assert await tx.grants.live_of_user(ANNA) == []
    about = {"server": BERLIN, "refusal": why, "name": "Anna Petrova"}
    assert await paper.heard() == [
        notice(ANNA, "not_begun", paper.now, **about),
        *(notice(admin, "not_begun_admins", paper.now, **about) for admin in told),
    ]
    assert [row.action for row in await paper.noted()] == ["request.cancel"]
    assert await begins(paper) == 0


async def test_who_is_paused_gets_nothing(paper: Paper) -> None:
    request = await scheduled(paper)
    await paper.by(OPERATOR, pausing.pause, ANNA, START + DAY)
    await not_given(paper, request, Refusal.REQUESTER_PAUSED)


async def test_who_is_back_from_a_pause_gets_it(paper: Paper) -> None:
    await scheduled(paper)
    await paper.by(OPERATOR, pausing.pause, ANNA, START - DAY)
    paper.now = START - LEAD
    await paper.do(pausing.resume_due)
    await begins(paper)
    async with paper.database.reading() as tx:
        assert len(await tx.grants.live_of_user(ANNA)) == 1


@pytest.mark.parametrize("reason", [EndReason.REVOKED, EndReason.STOLEN])
async def test_whose_access_was_ended_since_gets_nothing(
    two_servers: Paper, reason: EndReason
) -> None:
    """An admin who says /revoke means what is to come, too; so does who says ‘Not me’."""
    paper = two_servers
    grant = await paper.active(ANNA, PARIS)
    request = await scheduled(paper)
    paper.now += HOUR
    await paper.by(await paper.actor(CLARA), revocation.begin, [grant], reason)
    await not_given(paper, request, Refusal.REVOKED_SINCE)


async def test_what_was_ended_before_it_was_approved_is_no_reason(paper: Paper) -> None:
    """Nor is what they gave up themselves."""
    grant, own = await paper.active(ANNA), await paper.active(ANNA)
    request = await ask(paper)
    paper.now += HOUR
    await paper.by(await paper.actor(CLARA), revocation.begin, [grant], EndReason.REVOKED)
    await paper.by(OPERATOR, requests.approve, request.id, None)
    paper.now += HOUR
    await paper.by(await paper.actor(ANNA), revocation.give_up, own.id)
    paper.now = START - LEAD
    await begins(paper)
    async with paper.database.reading() as tx:
        assert len(await tx.grants.live_of_user(ANNA)) == 1


async def test_the_groups_of_then_bind(paper: Paper) -> None:
    request = await scheduled(paper)
    await paper.add_server(PARIS, "10.9.0.0/29")
    await paper.by(OPERATOR, groups.add, Group(GroupName("dev"), servers=(PARIS,)))
    await paper.by(OPERATOR, groups.join, GroupName("dev"), ANNA)
    await not_given(paper, request, Refusal.SERVER_NOT_OPEN)


async def test_so_does_what_is_demanded_then(paper: Paper) -> None:
    request = await scheduled(paper)
    paper.more = {"reason": Reason.TICKET}
    await not_given(paper, request, Refusal.TICKET_MISSING)


async def test_and_the_longest_duration_of_then(paper: Paper) -> None:
    request = await scheduled(paper)
    paper.max_duration = DAY_S
    paper.now = START - LEAD
    await begins(paper)
    async with paper.database.reading() as tx:
        [grant] = await tx.grants.all()
    assert grant.not_after == START + DAY
    assert (await paper.request(request.id)).duration == DAY_S


async def test_whose_approver_may_not_decide_any_more_gets_nothing(paper: Paper) -> None:
    """Nobody can give for months ahead what they may not give by then."""
    request = await scheduled(paper)
    paper.admins = (CLARA,)
    await paper.do(admins.observe)
    await not_given(paper, request, Refusal.APPROVAL_OVER, told=(CLARA,))


async def test_nor_by_the_yes_of_an_admin_who_was_put_back(paper: Paper) -> None:
    await paper.do(admins.observe)
    request = await scheduled(paper)
    for listed in ((CLARA,), (BORIS, CLARA)):
        paper.admins = listed
        await paper.do(admins.observe)
    await not_given(paper, request, Refusal.APPROVAL_OVER)


async def test_as_many_as_it_takes_then_have_to_have_agreed(paper: Paper) -> None:
    request = await scheduled(paper)
    paper.approvals = 2
    await not_given(paper, request, Refusal.APPROVAL_OVER)


async def test_what_two_agreed_on_needs_two(paper: Paper) -> None:
    paper.approvals = 2
    request = await ask(paper)
    for admin in (BORIS, CLARA):
        await paper.by(await paper.actor(admin), requests.approve, request.id, None)
    paper.now = START - LEAD
    assert await begins(paper) == 1
    assert (await paper.request(request.id)).state is RequestState.APPROVED


async def test_an_operators_word_stands(paper: Paper) -> None:
    request = await ask(paper)
    await paper.by(OPERATOR, requests.approve, request.id, None)
    paper.approvals, paper.now = 2, START - LEAD
    await begins(paper)
    assert (await paper.request(request.id)).state is RequestState.APPROVED


async def test_a_full_network_gives_nothing(paper: Paper) -> None:
    request = await scheduled(paper)
    for number in range(5):
        async with paper.database.writing() as tx:
            await tx.people.allow(UserId(3000 + number), f"Guest {number}", MORNING)
        await paper.approved(UserId(3000 + number))
    await not_given(paper, request, Refusal.NETWORK_FULL)


async def test_a_bot_that_was_down_for_all_of_it_gives_nothing(paper: Paper) -> None:
    await scheduled(paper)
    paper.now = START + 2 * DAY
    await paper.forget()
    assert await begins(paper) == 1
    said = [said.payload["values"]["refusal"] for said in await paper.heard()]
    assert said == [Refusal.START_OVER] * 3


async def test_one_that_cannot_be_given_holds_up_no_other(two_servers: Paper) -> None:
    paper = two_servers
    first = await scheduled(paper)
    await scheduled(paper, server=PARIS)
    async with paper.database.writing() as tx:
        await tx.servers.remove(BERLIN)
    paper.now = START
    assert await begins(paper) == 2
    assert (await paper.request(first.id)).state is RequestState.CANCELLED
    async with paper.database.reading() as tx:
        [grant] = await tx.grants.live_of_user(ANNA)
    assert grant.server == PARIS


async def test_a_clock_in_doubt_gives_nothing_and_closes_nothing(paper: Paper) -> None:
    request = await scheduled(paper)
    paper.now, paper.may_give = START, False
    assert await begins(paper) == 0
    paper.may_give = True
    assert await begins(paper) == 1
    assert (await paper.request(request.id)).state is RequestState.APPROVED


async def test_a_clock_that_was_set_back_brings_it_no_earlier(paper: Paper) -> None:
    await scheduled(paper)
    paper.now = START - HOUR
    await paper.do(clock.went_back, timedelta(hours=2))
    assert await begins(paper) == 0
