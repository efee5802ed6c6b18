"""Ask, choose a server, cancel: what is stored, who is told, what is refused."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from bot.access import asking, requests
from bot.access.refusals import Refusal
from storage.key_records import KeyWay
from storage.records import (
    OutboxKind,
    RequestId,
    RequestState,
    ServerName,
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
    HOUR,
    HOUR_S,
    MINUTE,
    MORNING,
    OPERATOR,
    PARIS,
    WEEK_S,
    Noted,
    Paper,
    make_server,
    notice,
    to,
)

ASK: dict[str, Any] = {"duration": None, "server": None, "reason": ""}


async def test_a_request_goes_to_every_admin(paper: Paper) -> None:
    anna = await paper.actor(ANNA)
    done = await paper.by(
        anna, asking.ask, duration=2 * HOUR_S, server=BERLIN, reason="visiting\na customer"
    )

    request = await paper.request(done.request.id)
    assert done.request == request
    assert (request.user_id, request.server) == (ANNA, BERLIN)
    assert (request.duration, request.reason) == (2 * HOUR_S, "visiting a customer")
    assert request.state is RequestState.PENDING
    assert (request.asked_at, request.expires_at) == (MORNING, MORNING + DAY)
    assert done.servers == ()
    assert await paper.heard() == [
        to(BORIS, OutboxKind.CARD, {"request": request.id}),
        to(CLARA, OutboxKind.CARD, {"request": request.id}),
    ]
    assert await paper.noted() == [
        Noted(
            "telegram:1001",
            "request.ask",
            f"request:{request.id}",
            {"name": "Anna", "server": "berlin", "duration": "2h", "reason": "visiting a customer"},
        )
    ]


async def test_without_a_duration_the_default_one_is_asked_for(paper: Paper) -> None:
    request = await paper.asked()
    assert request.duration == WEEK_S


async def test_the_only_server_needs_no_name(paper: Paper) -> None:
    done = await paper.by(await paper.actor(ANNA), asking.ask, **ASK)
    assert (done.request.server, done.request.state) == (BERLIN, RequestState.PENDING)


async def test_with_several_servers_one_is_chosen_first(two_servers: Paper) -> None:
    paper = two_servers
    done = await paper.by(await paper.actor(ANNA), asking.ask, **ASK)
    assert done.servers == (BERLIN, PARIS)
    assert (done.request.server, done.request.state) == (None, RequestState.CHOOSING)
    assert await paper.heard() == []
    await paper.noted()

    chosen = await paper.by(await paper.actor(ANNA), asking.choose, done.request.id, PARIS)

    assert (chosen.request.server, chosen.request.state) == (PARIS, RequestState.PENDING)
    assert chosen.servers == ()
    assert [said.chat for said in await paper.heard()] == [BORIS, CLARA]
    [noted] = await paper.noted()
    assert (noted.action, noted.detail["server"]) == ("request.ask", "paris")


async def test_a_long_reason_is_cut(paper: Paper) -> None:
    done = await paper.by(
        await paper.actor(ANNA), asking.ask, duration=None, server=None, reason="x" * 5000
    )
    assert done.request.reason == "x" * 199 + "…"


async def test_who_is_not_on_the_list_cannot_ask(paper: Paper) -> None:
    stranger = await paper.actor(UserId(9))
    await paper.refuses(stranger, Refusal.NOT_ALLOWED, asking.ask, **ASK)


async def test_an_admin_must_be_on_the_list_like_anyone(paper: Paper) -> None:
    await paper.refuses(await paper.actor(BORIS), Refusal.NOT_ALLOWED, asking.ask, **ASK)
    async with paper.database.writing() as tx:
        await tx.people.allow(BORIS, "Boris", MORNING)
    assert (await paper.asked(BORIS)).user_id == BORIS


async def test_who_has_left_the_list_cannot_ask_any_more(paper: Paper) -> None:
    async with paper.database.writing() as tx:
        await tx.people.disallow(ANNA)
    await paper.refuses(await paper.actor(ANNA), Refusal.NOT_ALLOWED, asking.ask, **ASK)


async def test_nobody_asks_for_longer_than_the_limit(paper: Paper) -> None:
    anna = await paper.actor(ANNA)
    ask = ASK | {"duration": 31 * DAY_S}
    values = await paper.refuses(anna, Refusal.DURATION_TOO_LONG, asking.ask, **ask)
    assert values == {"seconds": 31 * DAY_S, "limit": 30 * DAY_S}
    assert (await paper.asked(duration=30 * DAY_S)).duration == 30 * DAY_S


async def test_the_limit_binds_before_a_server_is_chosen(two_servers: Paper) -> None:
    """Also one that is new since, and for whom no duration was named."""
    paper = two_servers
    anna = await paper.actor(ANNA)
    ask = ASK | {"duration": 31 * DAY_S}
    await paper.refuses(anna, Refusal.DURATION_TOO_LONG, asking.ask, **ask)
    request = await paper.asked(server=None)
    paper.max_duration = DAY_S
    code = Refusal.DURATION_TOO_LONG
    values = await paper.refuses(anna, code, asking.choose, request.id, PARIS)
    assert values == {"seconds": WEEK_S, "limit": DAY_S}


async def test_whose_key_is_to_be_their_own_sends_it_before_they_ask(paper: Paper) -> None:
    paper.key_ways = (KeyWay.OWN,)
    await paper.refuses(await paper.actor(ANNA), Refusal.NO_OWN_KEY, asking.ask, **ASK)


async def test_what_waited_for_its_server_waits_for_a_decision_from_then_on(
    two_servers: Paper,
) -> None:
    paper = two_servers
    early, late = await paper.asked(server=None), await paper.asked(EMIL, server=None)
    paper.now += HOUR
    await paper.by(await paper.actor(ANNA), asking.choose, early.id, PARIS)
    async with paper.database.reading() as tx:
        assert (await tx.request_notes.of(early.id)).waits_since == paper.now
    paper.now = late.expires_at
    emil = await paper.actor(EMIL)
    values = await paper.refuses(emil, Refusal.ALREADY_DECIDED, asking.choose, late.id, PARIS)
    assert values == {"state": RequestState.EXPIRED, "admin": ""}


async def test_without_a_server_there_is_nothing_to_ask_for(empty: Paper) -> None:
    async with empty.database.writing() as tx:
        await tx.people.allow(ANNA, "Anna", MORNING)
    await empty.refuses(await empty.actor(ANNA), Refusal.NO_SERVER, asking.ask, **ASK)


async def test_a_server_that_does_not_exist_is_refused_by_its_name(paper: Paper) -> None:
    ask = ASK | {"server": ServerName("rome")}
    values = await paper.refuses(await paper.actor(ANNA), Refusal.UNKNOWN_SERVER, asking.ask, **ask)
    assert values == {"server": "rome"}


async def test_a_second_request_for_a_server_names_the_first(two_servers: Paper) -> None:
    paper = two_servers
    first = await paper.asked(server=BERLIN)
    ask = ASK | {"server": BERLIN}
    values = await paper.refuses(await paper.actor(ANNA), Refusal.ALREADY_OPEN, asking.ask, **ask)
    assert values == {"server": BERLIN, "request": first.id}
    # For another server, or by somebody else, it is no second one.
    assert (await paper.asked(server=PARIS)).state is RequestState.PENDING
    assert (await paper.asked(EMIL, server=BERLIN)).state is RequestState.PENDING


async def test_a_newer_request_takes_the_place_of_one_without_a_server(two_servers: Paper) -> None:
    paper = two_servers
    first = await paper.asked(server=None)
    second = await paper.asked(server=None)
    assert (await paper.request(first.id)).state is RequestState.CANCELLED
    assert (await paper.request(second.id)).state is RequestState.CHOOSING
    actions = [(noted.action, noted.subject) for noted in await paper.noted()]
    assert ("request.cancel", f"request:{first.id}") in actions


async def test_choosing_is_only_for_the_owner(two_servers: Paper) -> None:
    paper = two_servers
    request = await paper.asked(server=None)
    emil = await paper.actor(EMIL)
    await paper.refuses(emil, Refusal.NOT_YOURS, asking.choose, request.id, PARIS)
    await paper.refuses(emil, Refusal.NOT_YOURS, asking.choosing, request.id)
    anna = await paper.actor(ANNA)
    assert await paper.by(anna, asking.choosing, request.id) == request


async def test_choosing_is_only_for_who_is_on_the_list(two_servers: Paper) -> None:
    paper = two_servers
    request = await paper.asked(server=None)
    async with paper.database.writing() as tx:
        await tx.people.disallow(ANNA)
    anna = await paper.actor(ANNA)
    await paper.refuses(anna, Refusal.NOT_ALLOWED, asking.choose, request.id, PARIS)
    await paper.refuses(anna, Refusal.NOT_ALLOWED, asking.choosing, request.id)


async def test_choosing_a_server_that_has_gone_is_refused(two_servers: Paper) -> None:
    paper = two_servers
    request = await paper.asked(server=None)
    async with paper.database.writing() as tx:
        await tx.servers.remove(PARIS)
    anna = await paper.actor(ANNA)
    values = await paper.refuses(anna, Refusal.UNKNOWN_SERVER, asking.choose, request.id, PARIS)
    assert values == {"server": PARIS}


async def test_choosing_for_a_request_that_does_not_exist(paper: Paper) -> None:
    anna = await paper.actor(ANNA)
    missing = RequestId(99)
    values = await paper.refuses(anna, Refusal.UNKNOWN_REQUEST, asking.choose, missing, BERLIN)
    assert values == {"request": 99}


async def test_a_second_tap_on_a_server_changes_nothing(two_servers: Paper) -> None:
    paper = two_servers
    request = await paper.asked(server=None)
    anna = await paper.actor(ANNA)
    await paper.by(anna, asking.choose, request.id, PARIS)
    await paper.refuses(anna, Refusal.ALREADY_OPEN, asking.choose, request.id, PARIS)
    await paper.refuses(anna, Refusal.ALREADY_DECIDED, asking.choosing, request.id)
    values = await paper.refuses(anna, Refusal.ALREADY_DECIDED, asking.choose, request.id, BERLIN)
    assert values["state"] is RequestState.PENDING


async def test_choosing_a_server_that_was_asked_for_already(two_servers: Paper) -> None:
    paper = two_servers
    choosing = await paper.asked(server=None)
    async with paper.database.writing() as tx:  # another chat was faster
        await tx.requests.add(
            user_id=ANNA,
            server=PARIS,
            duration=60,
            reason="",
            asked_at=MORNING,
            expires_at=MORNING,
        )
    anna = await paper.actor(ANNA)
    await paper.refuses(anna, Refusal.ALREADY_OPEN, asking.choose, choosing.id, PARIS)


@pytest.mark.parametrize("server", [BERLIN, None])
async def test_the_owner_takes_a_request_back(
    two_servers: Paper, server: ServerName | None
) -> None:
    paper = two_servers
    request = await paper.asked(server=server)
    await paper.forget()

    done = await paper.by(await paper.actor(ANNA), requests.cancel, request.id)

    assert done == await paper.request(request.id)
    assert done.state is RequestState.CANCELLED
    assert (done.decided_by, done.decided_by_name) == ("telegram:1001", "Anna")
    assert done.decided_at == MORNING
    assert await paper.heard() == []  # nobody has seen a card yet
    [noted] = await paper.noted()
    assert (noted.actor, noted.action) == ("telegram:1001", "request.cancel")


async def test_taking_back_needs_no_place_on_the_list(paper: Paper) -> None:
    request = await paper.asked()
    async with paper.database.writing() as tx:
        await tx.people.disallow(ANNA)
    done = await paper.by(await paper.actor(ANNA), requests.cancel, request.id)
    assert done.state is RequestState.CANCELLED


@pytest.mark.parametrize("who", [EMIL, BORIS])
async def test_nobody_takes_back_what_is_not_theirs(paper: Paper, who: UserId) -> None:
    request = await paper.asked()
    await paper.refuses(await paper.actor(who), Refusal.NOT_YOURS, requests.cancel, request.id)


async def test_taking_back_twice_is_too_late(paper: Paper) -> None:
    request = await paper.asked()
    anna = await paper.actor(ANNA)
    await paper.by(anna, requests.cancel, request.id)
    values = await paper.refuses(anna, Refusal.ALREADY_DECIDED, requests.cancel, request.id)
    assert values == {"state": RequestState.CANCELLED, "admin": "Anna", "by": f"telegram:{ANNA}"}


async def test_taking_back_what_does_not_exist(paper: Paper) -> None:
    anna = await paper.actor(ANNA)
    await paper.refuses(anna, Refusal.UNKNOWN_REQUEST, requests.cancel, RequestId(99))


async def test_a_request_that_nobody_decides_ends_after_its_time(paper: Paper) -> None:
    request = await paper.asked()
    decided = await paper.asked(EMIL)
    await paper.by(await paper.actor(BORIS), requests.deny, decided.id)
    await paper.forget()

    paper.now = MORNING + DAY - timedelta(seconds=1)
    assert await paper.do(requests.expire_due) == 0
    paper.now = MORNING + DAY
    # Not by a clock that is in doubt.
    paper.may_expire = False
    assert await paper.do(requests.expire_due) == 0
    paper.may_expire = True
    assert await paper.do(requests.expire_due) == 1
    assert await paper.do(requests.expire_due) == 0

    after = await paper.request(request.id)
    assert (after.state, after.decided_by) == (RequestState.EXPIRED, "vpnbot")
    assert await paper.heard() == [notice(ANNA, "request_expired", paper.now, server=BERLIN)]
    [noted] = await paper.noted()
    assert (noted.actor, noted.action) == ("vpnbot", "request.expire")


async def test_a_request_without_a_server_ends_in_silence(two_servers: Paper) -> None:
    paper = two_servers
    request = await paper.asked(server=None)
    await paper.forget()
    paper.now = MORNING + DAY
    assert await paper.do(requests.expire_due) == 1
    assert (await paper.request(request.id)).state is RequestState.EXPIRED
    assert await paper.heard() == []


@pytest.mark.parametrize("tell", [True, False])
async def test_a_request_is_withdrawn_with_or_without_a_word(paper: Paper, tell: bool) -> None:
    request = await paper.asked()
    await paper.forget()
    await paper.by(await paper.actor(BORIS), requests.withdraw, request, tell=tell)
    assert (await paper.request(request.id)).state is RequestState.CANCELLED
    expected = [notice(ANNA, "request_withdrawn", server=BERLIN)] if tell else []
    assert await paper.heard() == expected


async def test_the_servers_are_offered_in_the_order_they_were_added(empty: Paper) -> None:
    async with empty.database.writing() as tx:
        await tx.people.allow(ANNA, "Anna", MORNING)
        await tx.servers.add(make_server(PARIS, "10.9.0.0/29"))
        await tx.servers.add(make_server(BERLIN))
    done = await empty.by(await empty.actor(ANNA), asking.ask, **ASK)
    assert done.servers == (BERLIN, PARIS)  # added at the same moment: by name


async def ask_and_cancel(paper: Paper) -> None:
    anna = await paper.actor(ANNA)
    done = await paper.by(anna, asking.ask, **ASK)
    await paper.by(anna, requests.cancel, done.request.id)


async def test_what_an_operator_asks_for_somebody_is_not_counted_against_them(paper: Paper) -> None:
    """Nor do the limits bind the operator; the person's own requests count as before."""
    for _ in range(2):
        for number in range(12):
            word = replace(OPERATOR, user_id=ANNA, is_allowed=True)
            ask = ASK | {"duration": 60 * DAY_S}
            asked = await paper.by(word, asking.ask, **ask)
            await paper.by(OPERATOR, requests.deny, asked.request.id)
            paper.now += timedelta(seconds=number)
        for _ in range(5):
            await ask_and_cancel(paper)
    await paper.refuses(await paper.actor(ANNA), Refusal.ASKED_TOO_OFTEN, asking.ask, **ASK)
    request = await paper.asked(EMIL)
    paper.now += MINUTE
    await paper.by(OPERATOR, requests.approve_without_delivery, request.id)
    async with paper.database.reading() as tx:
        # What somebody asked for themselves counts, whoever decided on it.
        assert await tx.requests.asked_at(EMIL, MORNING - HOUR) == [request.asked_at]


async def test_who_asks_too_often_is_told_when_to_come_again(paper: Paper) -> None:
    """Also after a restart: what counts is what is stored."""
    for _ in range(10):
        await ask_and_cancel(paper)
        paper.now += 2 * MINUTE
    anna = await paper.actor(ANNA)
    values = await paper.refuses(anna, Refusal.ASKED_TOO_OFTEN, asking.ask, **ASK)
    assert values == {"count": 10, "wait": 40 * 60}  # the first one was twenty minutes ago
    await paper.by(await paper.actor(EMIL), asking.ask, **ASK)
    paper.now = MORNING + HOUR - timedelta(seconds=1)
    values = await paper.refuses(anna, Refusal.ASKED_TOO_OFTEN, asking.ask, **ASK)
    assert values["wait"] == 60
    paper.now = MORNING + HOUR
    await ask_and_cancel(paper)


async def test_an_operator_is_held_back_by_no_pace(paper: Paper) -> None:
    for _ in range(10):
        await ask_and_cancel(paper)
    word = replace(OPERATOR, user_id=ANNA, is_allowed=True)
    await paper.by(word, asking.ask, **ASK)


async def test_a_clock_that_went_back_shuts_nobody_out(paper: Paper) -> None:
    for _ in range(10):
        await ask_and_cancel(paper)
    paper.now -= DAY
    await ask_and_cancel(paper)


async def test_nobody_asks_for_what_would_outlive_the_ca(paper: Paper) -> None:
    paper.authority_ends_at = MORNING + 2 * DAY
    anna = await paper.actor(ANNA)
    values = await paper.refuses(anna, Refusal.OUTLIVES_AUTHORITY, asking.ask, **ASK)
    assert values == {"until": paper.authority_ends_at}
    await paper.asked(duration=2 * DAY_S)


async def test_nobody_asks_once_the_ca_is_over(paper: Paper) -> None:
    """No shorter duration would help."""
    paper.authority_ends_at = MORNING
    anna = await paper.actor(ANNA)
    values = await paper.refuses(anna, Refusal.AUTHORITY_OVER, asking.ask, **ASK)
    assert values == {"until": paper.authority_ends_at}


async def test_nobody_asks_by_a_clock_that_is_before_the_ca(paper: Paper) -> None:
    paper.authority_begins_at = MORNING + MINUTE
    anna = await paper.actor(ANNA)
    values = await paper.refuses(anna, Refusal.AUTHORITY_AHEAD, asking.ask, **ASK)
    assert values == {"begins": paper.authority_begins_at}
    paper.now += MINUTE
    await paper.asked()


async def close(paper: Paper, name: ServerName) -> None:
    """By its operator's own configuration no new profile would work there."""
    async with paper.database.writing() as tx:
        server = await tx.servers.get(name)
        assert server is not None
        await tx.servers.set_adopted(replace(server, adopted={"closed": "It has no pool."}))


async def test_a_server_on_which_no_profile_would_work_is_not_offered(two_servers: Paper) -> None:
    paper = two_servers
    anna, boris = await paper.actor(ANNA), await paper.actor(BORIS)
    waiting = await paper.asked(server=None)
    asked = await paper.asked(server=PARIS)
    await close(paper, PARIS)
    values = await paper.refuses(anna, Refusal.SERVER_CLOSED, asking.ask, **ASK | {"server": PARIS})
    assert values == {"server": PARIS}
    await paper.refuses(boris, Refusal.SERVER_CLOSED, requests.approve, asked.id, None)
    await paper.refuses(anna, Refusal.SERVER_CLOSED, asking.choose, waiting.id, PARIS)
    done = await paper.by(anna, asking.ask, **ASK)
    assert (done.servers, done.request.server) == ((), BERLIN)
    await close(paper, BERLIN)
    emil = await paper.actor(EMIL)
    values = await paper.refuses(emil, Refusal.SERVER_CLOSED, asking.ask, **ASK)
    assert values == {"server": BERLIN}


async def test_a_server_that_was_never_deployed_is_not_offered(paper: Paper) -> None:
    async with paper.database.writing() as tx:
        await tx.servers.add(replace(make_server(PARIS, "10.9.0.0/29"), crl_published_at=None))
    assert (await paper.asked(server=None)).server == BERLIN
    await paper.refuses(
        await paper.actor(EMIL), Refusal.SERVER_CLOSED, asking.ask, **ASK | {"server": PARIS}
    )
