"""What a request has to say, how many profiles are enough, when it waits, what's given at once."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from bot.access import asking, changing, groups, pausing, people, requests, revocation, undoing
from bot.access.asking import Asked
from bot.access.policy import TICKETS, Hours
from bot.access.refusals import Refusal
from bot.access.terms import Terms
from storage.group_records import Group, GroupName, Reason
from storage.records import EndReason, GrantState, OutboxKind, RequestId, RequestState, UserId
from tests.bot.access.kit import (
    ANNA,
    BERLIN,
    BORIS,
    CLARA,
    DAY,
    DAY_S,
    EMIL,
    HOUR,
    HOUR_S,
    MORNING,
    OPERATOR,
    PARIS,
    WEEK_S,
    Noted,
    Paper,
    to,
)

DORA = UserId(2003)
ONCALL, DEV = GroupName("oncall"), GroupName("dev")


async def made(paper: Paper, group: Group, *members: UserId) -> None:
    await paper.by(OPERATOR, groups.add, group)
    for member in members:
        await paper.by(OPERATOR, groups.join, group.name, member)
    await paper.forget()


async def ask(paper: Paper, user_id: UserId = ANNA, **said: Any) -> Asked:
    wanted: dict[str, Any] = {"duration": None, "server": BERLIN, "reason": "", **said}
    return await paper.by(await paper.actor(user_id), asking.ask, **wanted)


async def refused(paper: Paper, code: Refusal, **said: Any) -> dict[str, Any]:
    wanted: dict[str, Any] = {"duration": None, "server": BERLIN, "reason": "", **said}
    return await paper.refuses(await paper.actor(ANNA), code, asking.ask, **wanted)


# --- The rules of several groups, which are pure ----------------------------------------------


def test_the_most_is_demanded_and_the_fewest_allowed() -> None:
    theirs = Terms(
        (
            Group(DEV, reason=Reason.REQUIRED, max_profiles=3),
            Group(ONCALL, reason=Reason.OPTIONAL),
            Group(GroupName("silent")),
        )
    )
    assert theirs.reason(Reason.OPTIONAL) is Reason.REQUIRED
    assert theirs.reason(Reason.TICKET) is Reason.TICKET
    assert Terms().reason(Reason.OPTIONAL) is Reason.OPTIONAL
    assert (theirs.profiles(None), theirs.profiles(5), theirs.profiles(2)) == (3, 3, 2)
    assert Terms().profiles(None) is None


@pytest.mark.parametrize(
    ("theirs", "seconds"),
    [
        ([], None),
        ([Group(DEV)], None),
        ([Group(ONCALL, standing=8 * HOUR_S), Group(DEV)], 8 * HOUR_S),
        ([Group(ONCALL, standing=8 * HOUR_S), Group(DEV, standing=HOUR_S)], HOUR_S),
        # Who says on whose word wants it; also for what the same group does not give at once.
        ([Group(ONCALL, standing=8 * HOUR_S), Group(DEV, approvals=2)], None),
        ([Group(ONCALL, standing=8 * HOUR_S), Group(DEV, approvers=(BORIS,))], None),
        ([Group(ONCALL, standing=8 * HOUR_S, approvers=(BORIS,))], 8 * HOUR_S),
    ],
)
def test_the_shortest_is_given_at_once_where_nobody_has_to_agree(
    theirs: list[Group], seconds: int | None
) -> None:
    group = Terms(tuple(theirs)).standing()
    assert (None if group is None else group.standing) == seconds


# --- A reason, a ticket -----------------------------------------------------------------------


async def test_a_reason_is_demanded(paper: Paper) -> None:
    paper.more = {"reason": Reason.REQUIRED}
    await refused(paper, Refusal.REASON_NEEDED)
    # Nothing is seen of that.
    await refused(paper, Refusal.REASON_NEEDED, reason=" \u200b\n ")
    assert (await ask(paper, reason="work")).request.state is RequestState.PENDING


async def test_a_ticket_is_demanded_with_a_hint(paper: Paper) -> None:
    paper.more = {"reason": Reason.TICKET, "tickets": replace(TICKETS, hint="a number")}
    for reason in ("", "work", "OPS"):
        assert await refused(paper, Refusal.TICKET_NEEDED, reason=reason) == {"hint": "a number"}
    done = await ask(paper, reason="the mail server, ops-17")
    assert done.request.reason == "the mail server, ops-17"


async def test_a_number_that_was_cut_off_is_none(paper: Paper) -> None:
    paper.more = {"reason": Reason.TICKET}
    await refused(paper, Refusal.TICKET_NEEDED, reason="x " * 200 + "OPS-1")


async def test_a_groups_demand_is_seen_when_the_server_is_chosen(two_servers: Paper) -> None:
    paper = two_servers
    await made(paper, Group(DEV, servers=(PARIS, BERLIN), reason=Reason.TICKET), ANNA)
    request = (await ask(paper, server=None, reason="work")).request
    anna = await paper.actor(ANNA)
    await paper.refuses(anna, Refusal.TICKET_NEEDED, asking.choose, request.id, PARIS)
    await ask(paper, server=None, reason="OPS-1")


async def test_it_binds_when_the_request_is_approved(paper: Paper) -> None:
    request = (await ask(paper, reason="work")).request
    other = (await ask(paper, EMIL)).request
    boris = await paper.actor(BORIS)
    paper.more = {"reason": Reason.TICKET}
    await paper.refuses(boris, Refusal.TICKET_MISSING, requests.approve, request.id, None)
    paper.more = {"reason": Reason.REQUIRED}
    await paper.refuses(boris, Refusal.REASON_MISSING, requests.approve, other.id, None)
    await paper.yes(BORIS, request.id)
    # Whoever acts on the machine is bound by no limit for people.
    await paper.yes(OPERATOR, other.id)


async def test_it_can_be_added_and_not_taken_away(paper: Paper) -> None:
    request = (await ask(paper, reason="work")).request
    paper.more = {"reason": Reason.TICKET}
    anna = await paper.actor(ANNA)
    await paper.refuses(anna, Refusal.TICKET_NEEDED, changing.change_reason, request.id, "more")
    await paper.by(anna, changing.change_reason, request.id, "work, OPS-1")
    await paper.refuses(anna, Refusal.TICKET_NEEDED, changing.change_reason, request.id, "work")
    await paper.yes(BORIS, request.id)


# --- How many profiles ------------------------------------------------------------------------


async def test_so_many_profiles_and_no_more(two_servers: Paper) -> None:
    paper = two_servers
    paper.more = {"max_profiles": 1}
    before = (await ask(paper, server=PARIS)).request
    grant = await paper.active(ANNA)
    assert await refused(paper, Refusal.TOO_MANY_PROFILES) == {"name": "Anna Petrova", "count": 1}
    boris = await paper.actor(BORIS)
    told = await paper.refuses(boris, Refusal.PROFILES_FULL, requests.approve, before.id, None)
    assert told == {"name": "Anna Petrova", "count": 1}

    await paper.by(boris, revocation.begin, [grant], EndReason.REVOKED)
    await paper.yes(BORIS, before.id)


async def test_accounts_of_one_person_share_the_number(two_servers: Paper) -> None:
    paper = two_servers
    await paper.by(OPERATOR, people.link, EMIL, ANNA)
    await paper.active(EMIL)
    await made(paper, Group(DEV, max_profiles=1), EMIL)
    await refused(paper, Refusal.TOO_MANY_PROFILES, server=PARIS)


async def test_who_has_fewer_than_allowed_may_ask(two_servers: Paper) -> None:
    paper = two_servers
    paper.more = {"max_profiles": 2}
    await paper.active(ANNA)
    await paper.yes(BORIS, (await ask(paper, server=PARIS)).request.id)
    await refused(paper, Refusal.TOO_MANY_PROFILES)


# --- Working hours ----------------------------------------------------------------------------

OFFICE = Hours.parse("Mon-Fri 8:00-18:00", UTC)
FRIDAY = datetime(2026, 3, 6, 19, 0, tzinfo=UTC)
MONDAY = datetime(2026, 3, 9, 8, 0, tzinfo=UTC)


async def test_what_is_asked_on_a_friday_night_waits_from_monday_on(paper: Paper) -> None:
    paper.now, paper.more = FRIDAY, {"hours": OFFICE}
    request = (await ask(paper)).request
    assert request.expires_at == MONDAY + DAY
    paper.now = MONDAY + DAY - timedelta(seconds=1)
    assert await paper.do(requests.expire_due) == 0
    paper.now += timedelta(seconds=1)
    assert await paper.do(requests.expire_due) == 1


async def test_other_hours_bind_requests_that_are_there(paper: Paper) -> None:
    paper.now, paper.more = FRIDAY, {"hours": OFFICE}
    request = (await ask(paper)).request
    paper.now, paper.more = FRIDAY + DAY, {}
    boris = await paper.actor(BORIS)
    told = await paper.refuses(boris, Refusal.ALREADY_DECIDED, requests.approve, request.id, None)
    assert told["state"] is RequestState.EXPIRED
    assert await paper.do(requests.expire_due) == 1


# --- Standing approval ------------------------------------------------------------------------

EIGHT = Group(ONCALL, standing=8 * HOUR_S)


async def test_it_is_given_at_once_and_everybody_is_told(paper: Paper) -> None:
    await made(paper, EIGHT, ANNA)

    request = (await ask(paper, duration=2 * HOUR_S, reason="alarm")).request

    assert request == await paper.request(request.id)
    assert (request.state, request.duration) == (RequestState.APPROVED, 2 * HOUR_S)
    assert (request.decided_by, request.decided_by_name) == ("group:oncall", "oncall")
    assert request.undo_until is None
    async with paper.database.reading() as tx:
        [grant] = await tx.grants.of_user(ANNA)
        [decision] = await tx.requests.decisions(request.id)
    assert (grant.state, grant.request_id) == (GrantState.RESERVED, request.id)
    assert (grant.not_before, grant.not_after) == (MORNING, MORNING + 2 * HOUR)
    assert (decision.actor, decision.verdict) == ("group:oncall", "approve")
    assert await paper.heard() == [
        to(ANNA, OutboxKind.DELIVER, {"grant": grant.id, "note": "first", "round": 0}),
        to(BORIS, OutboxKind.CARD, {"request": request.id}),
        to(CLARA, OutboxKind.CARD, {"request": request.id}),
    ]
    assert [(row.actor, row.action) for row in await paper.noted()] == [
        ("telegram:1001", "request.ask"),
        ("group:oncall", "request.approve"),
        ("group:oncall", "grant.reserve"),
    ]


async def test_what_nobody_named_is_shortened_to_it(two_servers: Paper) -> None:
    paper = two_servers
    await made(paper, EIGHT, ANNA)
    request = (await ask(paper)).request
    assert (request.state, request.duration) == (RequestState.APPROVED, 8 * HOUR_S)
    assert request.asked_duration == 8 * HOUR_S
    waiting = (await ask(paper, server=None)).request
    chosen = await paper.by(await paper.actor(ANNA), asking.choose, waiting.id, PARIS)
    assert (chosen.request.state, chosen.request.duration) == (RequestState.APPROVED, 8 * HOUR_S)
    assert chosen.request.asked_duration == 8 * HOUR_S


async def pending(paper: Paper, user_id: UserId = ANNA, **said: Any) -> None:
    request = (await ask(paper, user_id, **said)).request
    assert request.state is RequestState.PENDING
    cards = [said.chat for said in await paper.heard() if said.kind is OutboxKind.CARD]
    assert {BORIS, CLARA} == set(cards)


async def test_a_longer_time_is_asked_for(paper: Paper) -> None:
    await made(paper, EIGHT, ANNA)
    await pending(paper, duration=9 * HOUR_S)


async def test_nobody_else_gets_it(paper: Paper) -> None:
    await made(paper, EIGHT, ANNA)
    await pending(paper, EMIL, duration=HOUR_S)


async def test_it_ends_with_the_group_and_with_belonging_to_it(paper: Paper) -> None:
    """What counts is what is so when it's asked for."""
    await made(paper, EIGHT, ANNA, EMIL)
    await paper.by(OPERATOR, groups.leave, ONCALL, ANNA)
    await pending(paper, duration=HOUR_S)
    await paper.by(OPERATOR, groups.edit, Group(ONCALL))
    await pending(paper, EMIL, duration=HOUR_S)


async def test_one_profile_for_a_server_and_no_second_one_by_itself(two_servers: Paper) -> None:
    paper = two_servers
    await made(paper, EIGHT, ANNA)
    assert (await ask(paper)).request.state is RequestState.APPROVED
    await paper.forget()
    await pending(paper)
    assert (await ask(paper, server=PARIS)).request.state is RequestState.APPROVED


async def test_a_persons_number_of_profiles_holds(two_servers: Paper) -> None:
    paper = two_servers
    await made(paper, replace(EIGHT, max_profiles=1), ANNA)
    await ask(paper)
    await refused(paper, Refusal.TOO_MANY_PROFILES, server=PARIS)


async def test_what_it_has_to_say_is_demanded_of_it_too(paper: Paper) -> None:
    await made(paper, replace(EIGHT, reason=Reason.TICKET), ANNA)
    await refused(paper, Refusal.TICKET_NEEDED)
    assert (await ask(paper, reason="OPS-1")).request.state is RequestState.APPROVED


async def test_who_asks_too_often_waits(paper: Paper) -> None:
    await made(paper, EIGHT, ANNA)
    for _ in range(10):
        request = (await ask(paper, duration=DAY_S)).request
        await paper.by(await paper.actor(ANNA), requests.cancel, request.id)
    await refused(paper, Refusal.ASKED_TOO_OFTEN, duration=HOUR_S)


async def test_who_is_paused_or_removed_gets_nothing(paper: Paper) -> None:
    await made(paper, EIGHT, ANNA)
    await paper.by(OPERATOR, pausing.pause, ANNA, None)
    await refused(paper, Refusal.PAUSED, duration=HOUR_S)
    await paper.by(OPERATOR, people.remove, ANNA)
    await refused(paper, Refusal.NOT_ALLOWED, duration=HOUR_S)


@pytest.mark.parametrize("by_account", [ANNA, EMIL])
async def test_whose_access_an_admin_has_just_ended_asks_the_admins(
    paper: Paper, by_account: UserId
) -> None:
    """Else they had it back a second later."""
    await made(paper, EIGHT, ANNA)
    await paper.by(OPERATOR, people.link, EMIL, ANNA)
    assert (await ask(paper, by_account)).request.state is RequestState.APPROVED
    await paper.by(await paper.actor(BORIS), revocation.revoke_person, ANNA)
    await paper.forget()
    await pending(paper, duration=HOUR_S)
    await paper.by(await paper.actor(ANNA), requests.cancel, RequestId(2))
    paper.now += DAY
    assert (await ask(paper, duration=HOUR_S)).request.state is RequestState.APPROVED


async def test_so_does_whom_an_admin_has_just_told_no(paper: Paper) -> None:
    await made(paper, EIGHT, ANNA)
    request = (await ask(paper, duration=9 * HOUR_S)).request
    boris = await paper.actor(BORIS)
    await paper.by(boris, requests.deny, request.id)
    await paper.forget()
    await pending(paper, duration=HOUR_S)
    anna = await paper.actor(ANNA)
    await paper.by(anna, requests.cancel, RequestId(2))
    # For a day.
    paper.now += DAY
    later = (await ask(paper, duration=9 * HOUR_S)).request
    await paper.by(boris, requests.deny, later.id)
    paper.now += DAY - timedelta(seconds=1)
    await pending(paper, duration=HOUR_S)
    await paper.by(anna, requests.cancel, RequestId(4))
    paper.now += timedelta(seconds=1)
    assert (await ask(paper, duration=HOUR_S)).request.state is RequestState.APPROVED


async def test_a_no_that_was_taken_back_is_none(paper: Paper) -> None:
    await made(paper, EIGHT, ANNA)
    request = (await ask(paper, duration=9 * HOUR_S)).request
    boris = await paper.actor(BORIS)
    await paper.by(boris, requests.deny, request.id)
    await paper.by(boris, undoing.undo, request.id)
    await paper.by(await paper.actor(ANNA), requests.cancel, request.id)
    assert (await ask(paper, duration=HOUR_S)).request.state is RequestState.APPROVED


async def test_who_gave_their_own_up_gets_it_again(paper: Paper) -> None:
    await made(paper, EIGHT, ANNA)
    await ask(paper)
    async with paper.database.reading() as tx:
        [grant] = await tx.grants.of_user(ANNA)
    await paper.by(await paper.actor(ANNA), revocation.give_up, grant.id)
    assert (await ask(paper)).request.state is RequestState.APPROVED


async def test_what_needs_several_admins_needs_them_all_the_same(paper: Paper) -> None:
    await made(paper, EIGHT, ANNA)
    paper.approvals = 2
    paper.long_duration = 4 * HOUR_S
    paper.more = {"long_approvals": 3}
    await pending(paper, duration=4 * HOUR_S)
    await paper.by(await paper.actor(ANNA), requests.cancel, RequestId(1))
    assert (await ask(paper, duration=HOUR_S)).request.state is RequestState.APPROVED


async def test_what_cannot_be_given_now_is_asked_for(paper: Paper) -> None:
    await made(paper, EIGHT, ANNA)
    for number in range(5):
        async with paper.database.writing() as tx:
            await tx.people.allow(UserId(3000 + number), f"Guest {number}", MORNING)
        await paper.approved(UserId(3000 + number))
    await paper.forget()
    request = (await ask(paper)).request
    # As if there had been nothing: nobody named a duration, so it's the usual one.
    assert (request.state, request.duration) == (RequestState.PENDING, WEEK_S)
    assert [noted.action for noted in await paper.noted()] == ["request.ask"]
    assert {said.kind for said in await paper.heard()} == {OutboxKind.CARD}


async def test_who_asks_on_the_machine_is_asked_nothing_and_given_nothing_by_it(
    paper: Paper,
) -> None:
    await made(paper, replace(EIGHT, reason=Reason.TICKET), ANNA)
    word = replace(OPERATOR, user_id=ANNA, is_allowed=True)
    done = await paper.by(word, asking.ask, duration=HOUR_S, server=BERLIN, reason="")
    assert done.request.state is RequestState.PENDING


async def test_an_admin_who_gets_something_at_once_is_not_told_of_it(paper: Paper) -> None:
    async with paper.database.writing() as tx:
        await tx.people.allow(BORIS, "Boris", MORNING)
    await made(paper, EIGHT, BORIS)
    await ask(paper, BORIS)
    cards = [said.chat for said in await paper.heard() if said.kind is OutboxKind.CARD]
    assert cards == [CLARA]


async def test_nobody_puts_themselves_into_such_a_group(paper: Paper) -> None:
    """Nor another account of theirs: that would be a yes to their own request."""
    async with paper.database.writing() as tx:
        await tx.people.allow(BORIS, "Boris", MORNING)
        await tx.people.allow(DORA, "Boris at home", MORNING)
        await tx.people.link(DORA, BORIS)
    await made(paper, EIGHT)
    boris = await paper.actor(BORIS)
    for account in (BORIS, DORA):
        told = await paper.refuses(boris, Refusal.OWN_STANDING, groups.join, ONCALL, account)
        assert told == {"group": "oncall", "id": account}
    await paper.by(await paper.actor(CLARA), groups.join, ONCALL, BORIS)
    assert (await ask(paper, BORIS)).request.state is RequestState.APPROVED


async def test_into_another_group_they_may_put_themselves(paper: Paper) -> None:
    async with paper.database.writing() as tx:
        await tx.people.allow(BORIS, "Boris", MORNING)
    await made(paper, Group(DEV))
    await paper.by(await paper.actor(BORIS), groups.join, DEV, BORIS)


async def test_a_group_says_it_in_the_trail(paper: Paper) -> None:
    await paper.by(OPERATOR, groups.add, replace(EIGHT, reason=Reason.TICKET, max_profiles=2))
    [noted] = await paper.noted()
    assert isinstance(noted, Noted)
    assert (noted.detail["standing"], noted.detail["reason"]) == ("8h", "ticket")
    assert noted.detail["max_profiles"] == 2
