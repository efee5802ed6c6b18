"""More time: another profile that lasts for longer, and the earlier one until it was used."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from bot.access import (
    asking,
    extending,
    grants,
    importing,
    linking,
    moving,
    requests,
    revocation,
    undoing,
)
from bot.access.importing import Certificate
from bot.access.lineage import Lineage, extended_by
from bot.access.messages import DeliverNote
from bot.access.permission import THE_BOT
from bot.access.refusals import Refusal
from storage.devices import Device
from storage.outbox import Done
from storage.records import (
    LIVE_STATES,
    ChatId,
    EndReason,
    Grant,
    GrantId,
    GrantState,
    OutboxKind,
    PostedMessage,
    Request,
    RequestState,
    ServerName,
    UserId,
)
from storage.rotation import Rotation, RotationStep
from tests.bot.access.kit import (
    ANNA,
    BERLIN,
    BORIS,
    DAY,
    DAY_S,
    EMIL,
    HOUR,
    MORNING,
    OPERATOR,
    PARIS,
    WEEK_S,
    Paper,
    to,
)

SIX_DAYS = 6 * DAY


async def asks(paper: Paper, grant: Grant) -> Request:
    return await paper.by(await paper.actor(ANNA), extending.ask, grant.id)


async def delivered(paper: Paper, grant: Grant) -> Grant:
    assert await paper.do(grants.issued, grant)
    assert await paper.by(OPERATOR, grants.delivered, grant)
    return await paper.grant(grant.id)


async def two(paper: Paper) -> tuple[Grant, Grant]:
    """A profile with a day left, and the one that gives it more time."""
    old = await paper.active()
    paper.now += SIX_DAYS
    asked = await asks(paper, old)
    done = await paper.yes(BORIS, asked.id)
    return await paper.grant(old.id), await delivered(paper, done.grant)


async def live(paper: Paper) -> set[GrantId]:
    async with paper.database.reading() as tx:
        return {one.id for one in await tx.grants.all() if one.state in LIVE_STATES}


async def test_it_is_a_request_of_its_own_with_an_approval_of_its_own(paper: Paper) -> None:
    old = await paper.active()
    paper.now += SIX_DAYS
    await paper.forget()

    request = await asks(paper, old)

    assert (request.state, request.server) == (RequestState.PENDING, BERLIN)
    assert (request.extends, request.duration, request.reason) == (old.request_id, WEEK_S, "work")
    assert {one.chat for one in await paper.heard() if one.kind is OutboxKind.CARD} == {
        2001,
        2002,
    }
    (noted,) = await paper.noted()
    assert (noted.action, noted.detail["more_time_for"]) == ("request.ask", old.common_name)
    assert (await paper.grant(old.id)) == old

    done = await paper.yes(BORIS, request.id)

    assert done.grant.request_id == request.id != old.request_id
    assert done.grant.replaces is None
    # By the approval, as everything that is given.
    assert done.grant.not_after == paper.now + timedelta(seconds=WEEK_S) > old.not_after
    assert {done.grant.address} != {old.address}
    said = [one.payload for one in await paper.heard() if one.kind is OutboxKind.DELIVER]
    assert [one["note"] for one in said] == [DeliverNote.MORE_TIME]


async def test_the_old_one_works_until_the_new_one_was_used(paper: Paper) -> None:
    old, fresh = await two(paper)
    assert await live(paper) == {old.id, fresh.id}
    assert not await paper.do(extending.used, [old.id])
    assert await live(paper) == {old.id, fresh.id}
    await paper.heard()

    assert await paper.do(extending.used, [fresh.id])

    receipt = {"grants": [old.id], "look": False, "if_unproved": True}
    assert await paper.heard() == [to(ANNA, OutboxKind.RECEIPT, receipt, paper.now)]

    ended = await paper.grant(old.id)
    assert (ended.state, ended.end_reason) == (GrantState.REVOKING, EndReason.REPLACED)
    assert ended.ended_by == THE_BOT.key
    assert await live(paper) == {fresh.id}
    # Once is enough.
    await paper.forget()
    assert not await paper.do(extending.used, [fresh.id])
    assert await paper.heard() == []


async def test_or_until_its_own_end_of_which_nobody_needs_to_hear(paper: Paper) -> None:
    old, fresh = await two(paper)
    paper.now = old.not_after
    await paper.forget()

    assert [one.id for one in await paper.do(revocation.expire_due)] == [old.id]

    assert await live(paper) == {fresh.id}
    assert [one for one in await paper.heard() if one.kind is OutboxKind.NOTICE] == []


async def test_a_second_tap_finds_it_asked_for_or_given(paper: Paper) -> None:
    old = await paper.active()
    paper.now += SIX_DAYS
    anna = await paper.actor(ANNA)
    request = await asks(paper, old)
    await paper.refuses(anna, Refusal.ALREADY_OPEN, extending.ask, old.id)
    done = await paper.yes(BORIS, request.id)
    given = await paper.refuses(anna, Refusal.MORE_TIME_GIVEN, extending.ask, old.id)
    assert given["until"] == done.grant.not_after
    await paper.refuses(anna, Refusal.GRANT_BUSY, extending.ask, done.grant.id)


async def test_what_ends_last_ends_all_before_it(paper: Paper) -> None:
    """Nobody used the second one; the third one takes the place of both."""
    old, fresh = await two(paper)
    paper.now += HOUR
    asked = await asks(paper, fresh)
    third = await delivered(paper, (await paper.yes(BORIS, asked.id)).grant)
    assert await live(paper) == {old.id, fresh.id, third.id}
    assert (await lineage(paper)).later(old) == third
    assert await paper.do(extending.used, [third.id])
    assert await live(paper) == {third.id}


async def lineage(paper: Paper) -> Lineage:
    async with paper.database.reading() as tx:
        return await Lineage.of(tx, ANNA)


async def test_the_last_one_goes_on_for_the_first_where_the_second_is_over(paper: Paper) -> None:
    old, fresh = await two(paper)
    paper.now += HOUR
    third = await delivered(paper, (await paper.yes(BORIS, (await asks(paper, fresh)).id)).grant)
    await paper.by(await paper.actor(BORIS), revocation.revoke_grant, fresh.id)
    assert (await lineage(paper)).later(old) == third


async def test_it_lasts_from_the_wish_on(paper: Paper) -> None:
    old = await paper.active()
    paper.now += SIX_DAYS
    assert not (await lineage(paper)).lasts(old)
    request = await asks(paper, old)
    asked = await lineage(paper)
    assert (asked.lasts(old), asked.asked_for(old), asked.later(old)) == (True, request, None)
    done = await paper.yes(BORIS, request.id)
    given = await lineage(paper)
    assert (given.lasts(old), given.asked_for(old), given.later(old)) == (True, None, done.grant)
    assert not given.lasts(done.grant)


async def test_what_more_time_is_for_is_told_when_it_is_over_too(paper: Paper) -> None:
    """By what was last given for it, lost and renewed profiles included."""
    first = await paper.active()
    paper.now += SIX_DAYS
    request = await asks(paper, first)
    anna = await paper.actor(ANNA)
    renewed = await delivered(paper, await paper.by(anna, grants.renew, first.id))
    await paper.by(anna, revocation.give_up, renewed.id)
    async with paper.database.reading() as tx:
        found = await extended_by(tx, request)
    assert found == await paper.grant(renewed.id)


async def test_no_request_but_one_for_more_time_is_about_a_profile(paper: Paper) -> None:
    """Though they have one from before the bot, for which nobody has asked."""
    before = Certificate("01", "anna", paper.now - DAY, paper.now + 90 * DAY)
    await paper.by(OPERATOR, importing.take_in, [before])
    await paper.by(OPERATOR, linking.link, "anna", ANNA)
    request = await paper.asked()
    async with paper.database.reading() as tx:
        assert await extended_by(tx, request) is None
        [imported] = await tx.grants.imported()
    found = await lineage(paper)
    assert (found.later(imported), found.asked_for(imported)) == (None, None)


async def test_what_a_profile_is_for_is_what_was_said_when_it_was_asked_for(paper: Paper) -> None:
    anna = await paper.actor(ANNA)
    wanted: dict[str, Any] = {"duration": None, "server": BERLIN, "reason": ""}
    asked = await paper.by(anna, asking.ask, **wanted, device=Device.PHONE)
    grant = (await paper.yes(BORIS, asked.request.id)).grant
    other = await paper.active()
    assert (await lineage(paper)).devices() == {grant.id: Device.PHONE}
    assert other.id != grant.id


async def test_early_on_it_is_twice_as_long(paper: Paper) -> None:
    old = await paper.active()
    request = await asks(paper, old)
    assert request.duration == 2 * WEEK_S


async def test_with_half_of_the_time_left_it_is_as_long_as_before(paper: Paper) -> None:
    old = await paper.active()
    paper.now += timedelta(seconds=WEEK_S / 2)
    assert (await asks(paper, old)).duration == WEEK_S


async def test_a_time_and_a_reason_may_be_named(paper: Paper) -> None:
    """The time as far as the limits allow, which do not bind whoever acts on the machine."""
    old = await paper.active()
    anna, ask = await paper.actor(ANNA), extending.ask
    named = await paper.by(anna, ask, old.id, duration=8 * DAY_S, reason="the fair")
    assert (named.duration, named.reason) == (8 * DAY_S, "the fair")
    await paper.by(anna, requests.cancel, named.id)
    longer = await paper.by(anna, ask, old.id, duration=60 * DAY_S)
    assert (longer.duration, longer.reason) == (30 * DAY_S, "work")
    await paper.by(anna, requests.cancel, longer.id)
    word = replace(OPERATOR, user_id=ANNA, is_allowed=True)
    given = await paper.by(word, ask, old.id, duration=60 * DAY_S)
    assert given.duration == 60 * DAY_S
    await paper.by(anna, requests.cancel, given.id)
    paper.max_duration = 10 * DAY_S
    assert (await paper.by(word, ask, old.id)).duration == 10 * DAY_S


async def test_what_has_ended_takes_the_place_of_nothing(paper: Paper) -> None:
    """A session of it may still be there."""
    old, fresh = await two(paper)
    await paper.by(OPERATOR, revocation.revoke_grant, fresh.id)
    assert not await paper.do(extending.used, [fresh.id])
    assert await live(paper) == {old.id}


async def test_no_more_than_the_settings_allow(paper: Paper) -> None:
    paper.max_duration = WEEK_S
    old = await paper.active()
    anna = await paper.actor(ANNA)
    values = await paper.refuses(anna, Refusal.NO_MORE_TIME, extending.ask, old.id)
    assert values["until"] == old.not_after
    paper.now += HOUR
    assert (await asks(paper, old)).duration == WEEK_S


async def test_nothing_is_offered_that_would_end_before_what_there_is(paper: Paper) -> None:
    old = await paper.active()
    paper.now += SIX_DAYS
    request = await asks(paper, old)
    assert old.not_after - paper.now == DAY
    # A day of seven is a choice of any other request.
    await paper.refuses(
        await paper.actor(BORIS), Refusal.NOT_OFFERED, requests.approve, request.id, DAY_S
    )
    done = await paper.yes(BORIS, request.id)
    assert done.grant.not_after > old.not_after


async def test_what_was_lost_on_its_way_comes_again_and_the_old_one_stays(paper: Paper) -> None:
    old = await paper.active()
    paper.now += SIX_DAYS
    fresh = (await paper.yes(BORIS, (await asks(paper, old)).id)).grant
    assert await paper.do(grants.issued, fresh)
    await paper.do(grants.replace_lost, fresh, round_=1, wait_s=0)
    (again,) = await live(paper) - {old.id}
    assert await live(paper) == {old.id, again}
    third = await delivered(paper, await paper.grant(again))
    assert await live(paper) == {old.id, third.id}
    assert await paper.do(extending.used, [third.id])
    assert await live(paper) == {third.id}


async def test_a_new_profile_for_a_lost_one_keeps_the_ties(paper: Paper) -> None:
    old, fresh = await two(paper)
    anna = await paper.actor(ANNA)
    renewed = await delivered(paper, await paper.by(anna, grants.renew, old.id))
    assert renewed.not_after == old.not_after
    await paper.refuses(anna, Refusal.MORE_TIME_GIVEN, extending.ask, renewed.id)
    assert await paper.do(extending.used, [fresh.id])
    assert await live(paper) == {fresh.id}


async def test_so_does_another_ca(paper: Paper) -> None:
    old, fresh = await two(paper)
    async with paper.database.writing() as tx:
        await tx.rotation.begin(Rotation(2, RotationStep.MOVE, paper.now, paper.now))
    await paper.by(OPERATOR, moving.begin)
    assert await paper.do(moving.move_some) == 2
    async with paper.database.reading() as tx:
        found = [one for one in await tx.grants.all() if one.authority == 2]
    both = {one.replaces: await delivered(paper, one) for one in found}
    assert await live(paper) == {one.id for one in both.values()}
    anna = await paper.actor(ANNA)
    await paper.refuses(anna, Refusal.MORE_TIME_GIVEN, extending.ask, both[old.id].id)
    assert await paper.do(extending.used, [both[fresh.id].id])
    assert await live(paper) == {both[fresh.id].id}


async def test_an_end_by_an_admin_is_of_that_profile_alone(paper: Paper) -> None:
    old, fresh = await two(paper)
    await paper.by(await paper.actor(BORIS), revocation.revoke_grant, old.id)
    assert await live(paper) == {fresh.id}


async def test_to_take_the_yes_back_ends_the_new_one_only(paper: Paper) -> None:
    old, fresh = await two(paper)
    assert fresh.request_id is not None
    await paper.by(await paper.actor(BORIS), undoing.undo, fresh.request_id)
    assert await live(paper) == {old.id}
    # Then it may be asked for again.
    assert (await asks(paper, old)).extends == old.request_id


async def test_when_the_old_one_is_over_it_is_an_ordinary_request(paper: Paper) -> None:
    old = await paper.active()
    paper.now = old.not_after - HOUR
    request = await asks(paper, old)
    paper.now = old.not_after
    await paper.do(revocation.expire_due)
    done = await paper.yes(BORIS, request.id)
    fresh = await delivered(paper, done.grant)
    assert not await paper.do(extending.used, [fresh.id])
    assert await live(paper) == {fresh.id}


async def test_after_a_no_it_may_be_asked_again(paper: Paper) -> None:
    old = await paper.active()
    paper.now += SIX_DAYS
    request = await asks(paper, old)
    await paper.by(await paper.actor(BORIS), requests.deny, request.id)
    anna = await paper.actor(ANNA)
    again = await paper.by(anna, extending.ask_again, await paper.request(request.id))
    assert again is not None
    assert again.extends == old.request_id
    await paper.by(anna, requests.cancel, again.id)
    await paper.by(anna, revocation.give_up, old.id)
    assert await paper.by(anna, extending.ask_again, again) is None
    assert await paper.by(anna, extending.ask_again, await paper.asked()) is None


async def test_only_for_ones_own(paper: Paper) -> None:
    old = await paper.active()
    emil = await paper.actor(EMIL)
    await paper.refuses(emil, Refusal.NOT_YOURS, extending.ask, old.id)
    stranger = await paper.actor(UserId(9))
    await paper.refuses(stranger, Refusal.NOT_ALLOWED, extending.ask, old.id)


async def test_what_was_taken_over_gets_no_more_time_and_no_instructions(paper: Paper) -> None:
    books = [Certificate("01", "anna", MORNING, MORNING + 9 * DAY)]
    await paper.by(OPERATOR, importing.take_in, books)
    await paper.by(OPERATOR, linking.link, "anna", ANNA)
    async with paper.database.reading() as tx:
        [own] = await tx.grants.live_of_user(ANNA)
    anna = await paper.actor(ANNA)
    await paper.refuses(anna, Refusal.NO_BUTTON, extending.ask, own.id)
    await paper.refuses(anna, Refusal.NO_BUTTON, grants.how_to, own.id, "iphone")


async def test_the_profile_and_the_list_are_brought_up_to_date(paper: Paper) -> None:
    """With the wish, with the no, and with what is given: none has a dead button."""
    old = await paper.active()
    paper.now += SIX_DAYS
    posted = [(OutboxKind.DELIVER, old.id), (OutboxKind.REPLY, str(ANNA))]
    async with paper.database.writing() as tx:
        for number, (kind, subject) in enumerate(posted):
            await tx.posted.remember(PostedMessage(ChatId(ANNA), number, kind, subject, paper.now))
    await paper.forget()
    request = await asks(paper, old)
    assert await edited(paper) == {"deliver", "reply"}
    await paper.by(await paper.actor(BORIS), requests.deny, request.id)
    assert await edited(paper) == {"deliver", "reply"}


async def edited(paper: Paper) -> set[str]:
    """What is to be brought up to date; it is done then."""
    async with paper.database.writing() as tx:
        rows = await tx.outbox.open(OutboxKind.EDIT)
        for item in rows:
            await tx.outbox.claim(item.id)
            await tx.outbox.conclude(item, Done())
    return {item.payload["kind"] for item in rows}


@pytest.mark.parametrize("other", [BERLIN, PARIS])
async def test_another_profile_is_none_of_it(two_servers: Paper, other: ServerName) -> None:
    """A second device, or another server."""
    paper = two_servers
    old, fresh = await two(paper)
    beside = await paper.active(server=other)
    assert not await paper.do(extending.used, [beside.id])
    assert await paper.do(extending.used, [fresh.id])
    assert await live(paper) == {fresh.id, beside.id}
    async with paper.database.reading() as tx:
        lineage = await Lineage.of(tx, ANNA)
    assert not lineage.lasts(beside)
    assert lineage.earlier(beside) == []
    assert old.id not in await live(paper)


async def test_more_time_is_no_second_profile(paper: Paper) -> None:
    """Where people may have so many only; a second device is one."""
    paper.more = {"max_profiles": 1}
    old, fresh = await two(paper)
    anna = await paper.actor(ANNA)
    await paper.refuses(
        anna, Refusal.TOO_MANY_PROFILES, asking.ask, duration=None, server=BERLIN, reason=""
    )
    paper.now += HOUR
    asked = await asks(paper, fresh)
    third = await delivered(paper, (await paper.yes(BORIS, asked.id)).grant)
    assert await live(paper) == {old.id, fresh.id, third.id}
