"""Approve and deny: who may, for how long, and what the loser of a race reads."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from bot.access import people, requests
from bot.access.permission import Actor
from bot.access.refusals import Refusal
from storage.records import (
    ChatId,
    GrantState,
    OutboxKind,
    PostedMessage,
    RequestId,
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
    EMIL,
    HOUR_S,
    MINUTE,
    MORNING,
    OPERATOR,
    PARIS,
    WEEK_S,
    Noted,
    Paper,
    notice,
    to,
)

NOON = MORNING + timedelta(hours=2, minutes=30)


async def test_an_approval_reserves_a_grant_and_sends_the_profile(paper: Paper) -> None:
    request = await paper.asked()
    await paper.forget()
    paper.now = NOON

    done = await paper.yes(BORIS, request.id)

    assert done.request == await paper.request(request.id)
    assert done.request == replace(
        request,
        state=RequestState.APPROVED,
        decided_by="telegram:2001",
        decided_by_name="Boris",
        decided_at=NOON,
        undo_until=NOON + MINUTE,
    )
    assert done.requester == await paper.person(ANNA)
    grant = await paper.grant(done.grant.id)
    assert done.grant == grant
    assert grant.state is GrantState.RESERVED
    assert (grant.id, grant.common_name) == ("g-code0001", "anna-petrova-code0001")
    assert grant.serial == f"c0ffee{2:034x}"
    assert (grant.user_id, grant.request_id, grant.server) == (ANNA, request.id, BERLIN)
    assert grant.address == "10.8.0.2"
    # The time runs from the approval, not from the request.
    assert (grant.not_before, grant.not_after) == (NOON, NOON + timedelta(seconds=WEEK_S))
    assert grant.replaces is None
    assert await paper.heard() == [
        to(ANNA, OutboxKind.DELIVER, {"grant": grant.id, "note": "first", "round": 0}, NOON)
    ]
    assert await paper.noted() == [
        Noted(
            "telegram:2001",
            "request.approve",
            f"request:{request.id}",
            {"name": "Boris", "user_id": ANNA, "server": "berlin", "duration": "1w"},
        ),
        Noted(
            "telegram:2001",
            "grant.reserve",
            "grant:g-code0001",
            {
                "name": "Boris",
                "user_id": ANNA,
                "serial": grant.serial,
                "common_name": "anna-petrova-code0001",
                "server": "berlin",
                "address": "10.8.0.2",
                "until": "2026-03-09T12:01:27+00:00",
            },
        ),
    ]


async def test_no_grant_and_no_key_exists_before_an_approval(paper: Paper) -> None:
    await paper.asked()
    async with paper.database.reading() as tx:
        assert await tx.grants.all() == []


async def test_less_may_be_given_than_was_asked_for(paper: Paper) -> None:
    request = await paper.asked(duration=WEEK_S)
    done = await paper.yes(BORIS, request.id, 8 * HOUR_S)
    assert done.request.duration == 8 * HOUR_S
    assert done.grant.not_after == MORNING + timedelta(hours=8)


@pytest.mark.parametrize("seconds", [0, 60, 2 * HOUR_S, WEEK_S + 1, 29 * DAY_S, 31 * DAY_S, 10**30])
async def test_a_duration_that_was_not_offered_is_forged(paper: Paper, seconds: int) -> None:
    request = await paper.asked(duration=WEEK_S)
    boris = await paper.actor(BORIS)
    await paper.refuses(boris, Refusal.NOT_OFFERED, requests.approve, request.id, seconds)


async def test_on_the_command_line_a_profile_is_brought_by_hand(paper: Paper) -> None:
    request = await paper.asked()
    await paper.forget()
    grant = await paper.by(OPERATOR, requests.approve_without_delivery, request.id)
    assert (grant.user_id, grant.state) == (ANNA, GrantState.RESERVED)
    assert await paper.heard() == []
    assert {noted.actor for noted in await paper.noted()} == {"system:olga"}


async def test_a_denial_is_told_to_the_requester(paper: Paper) -> None:
    request = await paper.asked()
    await paper.forget()

    done = await paper.by(await paper.actor(CLARA), requests.deny, request.id)

    assert done == await paper.request(request.id)
    assert (done.state, done.decided_by_name) == (RequestState.DENIED, "Clara")
    clara: dict[str, Any] = {"admin": "Clara", "by": "telegram:2002"}
    assert await paper.heard() == [notice(ANNA, "request_denied", server=BERLIN, **clara)]
    [noted] = await paper.noted()
    assert (noted.actor, noted.action) == ("telegram:2002", "request.deny")
    async with paper.database.reading() as tx:
        assert await tx.grants.all() == []


@pytest.mark.parametrize("who", [ANNA, EMIL, UserId(9)])
async def test_only_admins_decide(paper: Paper, who: UserId) -> None:
    request = await paper.asked()
    actor = await paper.actor(who)
    await paper.refuses(actor, Refusal.ADMINS_ONLY, requests.approve, request.id, None)
    await paper.refuses(actor, Refusal.ADMINS_ONLY, requests.deny, request.id)


async def test_who_is_no_admin_does_not_even_learn_whether_a_request_exists(paper: Paper) -> None:
    emil = await paper.actor(EMIL)
    await paper.refuses(emil, Refusal.ADMINS_ONLY, requests.approve, RequestId(99), None)


async def test_an_admin_who_was_taken_out_of_the_settings_decides_no_more(paper: Paper) -> None:
    request = await paper.asked()
    paper.admins = (CLARA,)
    boris = await paper.actor(BORIS)
    await paper.refuses(boris, Refusal.ADMINS_ONLY, requests.approve, request.id, None)


@pytest.fixture
async def own(paper: Paper) -> tuple[Paper, RequestId, Actor]:
    """A request of Boris, who is an admin and on the allowlist."""
    async with paper.database.writing() as tx:
        await tx.people.allow(BORIS, "Boris", MORNING)
    request = await paper.asked(BORIS)
    return paper, request.id, await paper.actor(BORIS)


async def test_nobody_approves_their_own_request(own: tuple[Paper, RequestId, Actor]) -> None:
    paper, request_id, boris = own
    values = await paper.refuses(boris, Refusal.OWN_REQUEST, requests.approve, request_id, None)
    assert values == {"request": request_id}
    await paper.refuses(boris, Refusal.OWN_REQUEST, requests.deny, request_id)


async def test_another_admin_approves_it(own: tuple[Paper, RequestId, Actor]) -> None:
    paper, request_id, _ = own
    done = await paper.yes(CLARA, request_id)
    assert done.grant.user_id == BORIS


async def test_a_lone_admin_does_it_on_the_machine_and_the_audit_says_so(
    own: tuple[Paper, RequestId, Actor],
) -> None:
    paper, request_id, _ = own
    await paper.forget()
    done = await paper.yes(OPERATOR, request_id)
    assert done.grant.user_id == BORIS
    assert (await paper.noted())[0].actor == "system:olga"
    assert (await paper.request(request_id)).decided_by == "system:olga"


async def test_a_request_that_does_not_exist(paper: Paper) -> None:
    boris = await paper.actor(BORIS)
    missing = RequestId(99)
    values = await paper.refuses(boris, Refusal.UNKNOWN_REQUEST, requests.approve, missing, None)
    assert values == {"request": 99}
    await paper.refuses(boris, Refusal.UNKNOWN_REQUEST, requests.deny, missing)


async def test_nobody_approves_a_request_that_is_over_and_not_swept_up(paper: Paper) -> None:
    """Where no bot runs, nothing sweeps; denying it is the way to be rid of it."""
    request = await paper.asked()
    paper.now = request.expires_at
    for actor in (await paper.actor(BORIS), OPERATOR):
        values = await paper.refuses(
            actor, Refusal.ALREADY_DECIDED, requests.approve, request.id, None
        )
        assert values == {"state": RequestState.EXPIRED, "admin": ""}
    await paper.by(OPERATOR, requests.deny, request.id)


@pytest.mark.parametrize("first", ["approve", "deny", "cancel", "expire"])
async def test_the_second_decision_learns_who_was_first(paper: Paper, first: str) -> None:
    request = await paper.asked()
    boris, clara = await paper.actor(BORIS), await paper.actor(CLARA)
    match first:
        case "approve":
            await paper.by(boris, requests.approve, request.id, None)
        case "deny":
            await paper.by(boris, requests.deny, request.id)
        case "cancel":
            await paper.by(await paper.actor(ANNA), requests.cancel, request.id)
        case _:
            paper.now = request.expires_at
            await paper.do(requests.expire_due)
    expected = {
        "approve": {"state": RequestState.APPROVED, "admin": "Boris", "by": f"telegram:{BORIS}"},
        "deny": {"state": RequestState.DENIED, "admin": "Boris", "by": f"telegram:{BORIS}"},
        "cancel": {"state": RequestState.CANCELLED, "admin": "Anna", "by": f"telegram:{ANNA}"},
        "expire": {"state": RequestState.EXPIRED, "admin": "vpnbot", "by": "vpnbot"},
    }[first]

    code = Refusal.ALREADY_DECIDED
    assert await paper.refuses(clara, code, requests.approve, request.id, None) == expected
    assert await paper.refuses(clara, code, requests.deny, request.id) == expected


async def test_a_second_tap_of_the_same_admin_gives_no_second_grant(paper: Paper) -> None:
    request = await paper.asked()
    boris = await paper.actor(BORIS)
    await paper.by(boris, requests.approve, request.id, None)
    await paper.refuses(boris, Refusal.ALREADY_DECIDED, requests.approve, request.id, None)
    async with paper.database.reading() as tx:
        assert len(await tx.grants.all()) == 1


async def test_a_request_without_a_server_cannot_be_decided(paper: Paper) -> None:
    await paper.add_server(PARIS, "10.9.0.0/29")
    request = await paper.asked(server=None)
    boris = await paper.actor(BORIS)
    values = await paper.refuses(boris, Refusal.ALREADY_DECIDED, requests.approve, request.id, None)
    assert values == {"state": RequestState.CHOOSING, "admin": "", "by": None}


async def test_who_was_taken_off_the_list_gets_nothing(paper: Paper) -> None:
    request = await paper.asked()
    async with paper.database.writing() as tx:
        await tx.people.disallow(ANNA)
    boris = await paper.actor(BORIS)
    await paper.refuses(boris, Refusal.REQUESTER_REMOVED, requests.approve, request.id, None)
    # Saying no is still possible.
    assert (await paper.by(boris, requests.deny, request.id)).state is RequestState.DENIED


async def test_removing_somebody_withdraws_what_they_asked_for(paper: Paper) -> None:
    request = await paper.asked()
    await paper.by(await paper.actor(BORIS), people.remove, ANNA)
    clara = await paper.actor(CLARA)
    values = await paper.refuses(clara, Refusal.ALREADY_DECIDED, requests.approve, request.id, None)
    assert values == {"state": RequestState.CANCELLED, "admin": "Boris", "by": f"telegram:{BORIS}"}


async def test_a_server_that_has_gone_gives_no_access(paper: Paper) -> None:
    request = await paper.asked()
    async with paper.database.writing() as tx:
        await tx.servers.remove(BERLIN)
    boris = await paper.actor(BORIS)
    values = await paper.refuses(boris, Refusal.UNKNOWN_SERVER, requests.approve, request.id, None)
    assert values == {"server": BERLIN}


async def test_a_full_network_leaves_the_request_as_it_was(empty: Paper) -> None:
    paper = empty
    await paper.add_server(BERLIN, "10.8.0.0/30")  # room for one
    async with paper.database.writing() as tx:
        for user_id, name in ((ANNA, "Anna"), (EMIL, "Emil")):
            await tx.people.allow(user_id, name, MORNING)
    await paper.approved(ANNA)
    request = await paper.asked(EMIL)
    boris = await paper.actor(BORIS)
    values = await paper.refuses(boris, Refusal.NETWORK_FULL, requests.approve, request.id, None)
    assert values == {"server": BERLIN}
    assert (await paper.request(request.id)).state is RequestState.PENDING


async def test_every_posted_message_about_a_request_is_brought_up_to_date(paper: Paper) -> None:
    request = await paper.asked()
    other = await paper.asked(EMIL)
    async with paper.database.writing() as tx:
        for chat, number, subject in ((BORIS, 50, request.id), (CLARA, 60, request.id)):
            await tx.posted.remember(
                PostedMessage(ChatId(chat), number, OutboxKind.CARD, str(subject), MORNING)
            )
        await tx.posted.remember(
            PostedMessage(ChatId(ANNA), 70, OutboxKind.ASKED, str(request.id), MORNING)
        )
        await tx.posted.remember(
            PostedMessage(ChatId(BORIS), 51, OutboxKind.CARD, str(other.id), MORNING)
        )
    await paper.forget()

    await paper.by(await paper.actor(BORIS), requests.deny, request.id)

    edits = [said for said in await paper.heard() if said.kind is OutboxKind.EDIT_CARD]
    assert [(said.chat, said.payload) for said in edits] == [
        (BORIS, {"request": request.id, "message": 50, "kind": "card"}),
        (CLARA, {"request": request.id, "message": 60, "kind": "card"}),
        (ANNA, {"request": request.id, "message": 70, "kind": "asked"}),
    ]


async def test_only_a_yes_and_a_no_in_the_chat_can_be_taken_back(paper: Paper) -> None:
    """What somebody has cancelled they ask for again; the command line asks before."""
    anna, boris = await paper.actor(ANNA), await paper.actor(BORIS)
    cancelled = await paper.by(anna, requests.cancel, (await paper.asked()).id)
    approved = (await paper.yes(OPERATOR, (await paper.asked()).id)).request
    denied = await paper.by(boris, requests.deny, (await paper.asked()).id)
    untils = [one.undo_until for one in (cancelled, approved, denied)]
    assert untils == [None, None, MORNING + MINUTE]


async def test_a_no_shows_on_the_cards_of_what_else_they_ask_for(two_servers: Paper) -> None:
    paper = two_servers
    request, other = await paper.asked(), await paper.asked(server=PARIS)
    async with paper.database.writing() as tx:
        card = PostedMessage(ChatId(CLARA), 7, OutboxKind.CARD, str(other.id), MORNING)
        await tx.posted.remember(card)
    await paper.forget()
    await paper.by(await paper.actor(BORIS), requests.deny, request.id)
    edit = {"request": other.id, "message": 7, "kind": "card", "afresh": False}
    assert to(CLARA, OutboxKind.EDIT_CARD, edit) in await paper.heard()


async def test_nothing_is_approved_by_a_clock_that_is_before_the_ca(paper: Paper) -> None:
    """Such a profile would work for nobody."""
    request = await paper.asked()
    paper.authority_begins_at = paper.now + MINUTE
    boris = await paper.actor(BORIS)
    await paper.refuses(boris, Refusal.AUTHORITY_AHEAD, requests.approve, request.id, None)
    assert (await paper.request(request.id)).state is RequestState.PENDING


async def test_what_would_outlive_the_ca_is_not_approved_and_still_waits(paper: Paper) -> None:
    """It could when it was asked for; a shorter time is approved."""
    paper.authority_ends_at = MORNING + 2 * DAY
    request = await paper.asked(duration=2 * DAY_S)
    paper.now += MINUTE
    boris = await paper.actor(BORIS)
    values = await paper.refuses(
        boris, Refusal.OUTLIVES_AUTHORITY, requests.approve, request.id, None
    )
    assert values == {"until": paper.authority_ends_at}
    assert (await paper.request(request.id)).state is RequestState.PENDING
    done = await paper.yes(BORIS, request.id, DAY_S)
    assert done.grant.not_after == paper.now + DAY
