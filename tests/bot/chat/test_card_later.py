"""What became of a request: on its card, in its requester's message, and below the profile."""

from datetime import timedelta

import pytest

from bot.access import (
    asking,
    beginning,
    extending,
    grants,
    groups,
    pausing,
    people,
    reminding,
    requests,
    revocation,
)
from bot.access.messages import DeliverNote
from bot.access.permission import THE_BOT
from bot.access.requests import Why
from bot.chat import back, cards, choosing
from bot.handover.profiles import Profile
from bot.texts import chat as words
from bot.texts import keys as key_words
from bot.texts import life, policy
from bot.texts import more_time as time_words
from bot.texts import pausing as pause_words
from bot.texts import requests as request_words
from bot.texts.fill import fill, moment
from storage.devices import Device
from storage.group_records import Group, GroupName
from storage.records import EndReason, GrantId, OutboxKind, Request
from tests.bot.access.kit import (
    ANNA,
    BERLIN,
    BORIS,
    CLARA,
    DAY,
    DAY_S,
    EMIL,
    HOUR,
    MINUTE,
    MORNING,
    OPERATOR,
    PARIS,
    Paper,
    seen,
)
from tests.bot.chat.test_card import asked, card, labels, said


async def last_line(paper: Paper, request: Request) -> str:
    return (await card(paper, request))[0].splitlines()[-1]


async def below(paper: Paper, grant_id: GrantId) -> list[str]:
    """What stands below a profile that has ended."""
    async with paper.database.reading() as tx:
        grant = await tx.grants.get(grant_id)
        assert grant is not None
        view = await cards.caption_over(paper.case(tx, THE_BOT), grant)
    return view.text.splitlines()


async def test_the_device_is_said_where_it_is_asked_for_and_not_with_more_time(
    paper: Paper,
) -> None:
    anna, line = await paper.actor(ANNA), "For another device: phone"
    done = await paper.by(
        anna, asking.ask, duration=DAY_S, server=BERLIN, reason="", device=Device.PHONE
    )
    assert line in (await card(paper, done.request))[0].splitlines()
    grant = (await paper.yes(BORIS, done.request.id)).grant
    await paper.do(grants.issued, grant)
    await paper.do(grants.delivered, grant)
    paper.now += 20 * HOUR
    more = await paper.by(anna, extending.ask, grant.id)
    assert more.device is Device.PHONE

    text, _ = await card(paper, more)
    assert line not in text
    about = {"common_name": grant.common_name, "until": moment(grant.not_after)}
    assert text.splitlines()[0] == said(time_words.CARD_TITLE, id=more.id, name="Anna Petrova")
    assert said(time_words.CARD, **about) in text
    await paper.by(await paper.actor(BORIS), revocation.revoke_grant, grant.id)
    assert said(time_words.CARD_OVER, **about) in (await card(paper, more))[0]


async def test_in_a_group_a_decision_can_be_taken_back_for_its_minute(paper: Paper) -> None:
    """By whoever decided; the card is there for all."""
    approved, denied = await paper.asked(), await paper.asked(EMIL)
    for request in (approved, denied):
        if request is approved:
            await paper.yes(BORIS, request.id)
        else:
            await paper.by(await paper.actor(BORIS), requests.deny, request.id)
        choices = [(await card(paper, request, viewer))[1] for viewer in (None, BORIS, CLARA)]
        assert choices == [["Undo"], ["Undo"], []]
        paper.now += MINUTE
        assert (await card(paper, request, None))[1] == []


async def test_a_card_that_was_brought_back_says_at_whose_wish(paper: Paper) -> None:
    request = await paper.asked()
    waits = said(words.CARD_WAITS, until=moment(request.expires_at))
    assert await last_line(paper, request) == waits
    paper.now += 12 * HOUR
    await paper.do(reminding.remind_due)
    reminded = said(request_words.CARD_REMINDED, at=moment(paper.now))
    assert (await card(paper, request))[0].splitlines()[-2:] == [waits, reminded]
    paper.now += HOUR
    async with paper.database.writing() as tx:
        await tx.people.know(BORIS, "Boris", paper.now)
        await tx.people.set_reachable(BORIS, reachable=True)
    await paper.by(await paper.actor(ANNA), reminding.nudge, request.id)
    nudged = said(request_words.CARD_NUDGED, at=moment(paper.now))
    assert (await card(paper, request))[0].splitlines()[-3:] == [waits, reminded, nudged]


async def test_who_closed_a_request_and_why_is_said(paper: Paper) -> None:
    boris, at = await paper.actor(BORIS), moment(paper.now)
    taken_back, closed = await paper.asked(), await paper.asked(server=PARIS)
    await paper.by(await paper.actor(ANNA), requests.cancel, taken_back.id)
    cancelled = said(words.CARD_STATES[taken_back.state.CANCELLED], admin="Anna", at=at)
    assert await last_line(paper, taken_back) == cancelled
    await paper.by(boris, requests.withdraw, closed, tell=False)
    assert await last_line(paper, closed) == said(life.CARD_CLOSED, admin="Boris", at=at)
    view = await asked(paper, closed)
    about = {"Admin": "Boris", "server": PARIS, "duration": "7 days"}
    assert (view.text, labels(view)) == (fill(life.ASKED_CLOSED, **about), [])

    removed = await paper.asked(EMIL)
    await paper.by(boris, people.remove, EMIL)
    line = said(life.CARD_CLOSED_REMOVED, admin="Boris", name="Emil", at=at)
    assert await last_line(paper, removed) == line


async def test_what_somebody_closed_before_it_began_is_no_failure_of_its(paper: Paper) -> None:
    done = await paper.by(
        await paper.actor(ANNA),
        asking.ask,
        duration=DAY_S,
        server=BERLIN,
        reason="",
        starts_at=MORNING + DAY,
    )
    await paper.by(await paper.actor(BORIS), requests.withdraw, done.request, tell=False)
    text = (await asked(paper, done.request)).text
    assert text == fill(life.ASKED_CLOSED, Admin="Boris", server=BERLIN, duration="1 day")


async def test_what_was_to_begin_later_and_did_not_is_said_as_that(paper: Paper) -> None:
    begins = MORNING + 3 * DAY
    done = await paper.by(
        await paper.actor(ANNA),
        asking.ask,
        duration=DAY_S,
        server=BERLIN,
        reason="",
        starts_at=begins,
    )
    await paper.by(await paper.actor(BORIS), requests.approve, done.request.id, None)
    waits = await asked(paper, done.request)
    about = {"server": BERLIN, "duration": "1 day", "start": moment(begins)}
    assert waits.text == fill(policy.ASKED_SCHEDULED, Admin="Boris", **about)
    assert labels(waits) == [words.BUTTON_CANCEL]
    paper.now = begins
    await paper.by(await paper.actor(BORIS), pausing.pause, ANNA, None)
    await paper.do(beginning.begin_due)
    assert (await asked(paper, done.request)).text == fill(policy.ASKED_NOT_BEGUN, **about)
    assert await last_line(paper, done.request) == said(
        life.CARD_CLOSED, admin=life.BOT, at=moment(begins)
    )


async def test_what_became_of_the_profile_is_on_the_card(paper: Paper) -> None:
    boris, name = await paper.actor(BORIS), "Anna Petrova"
    done = await paper.approved()
    decided, coming = (await card(paper, done.request))[0].splitlines()[-2:]
    assert decided.startswith("✅ Approved by Boris for 7 days, ")
    assert coming == life.CARD_ON_ITS_WAY
    await paper.do(grants.issued, done.grant)
    await paper.do(grants.delivered, done.grant)
    has = said(life.CARD_DELIVERED, name=name, until=moment(done.grant.not_after))
    assert await last_line(paper, done.request) == has
    await paper.by(boris, pausing.pause, ANNA, None)
    paused = said(pause_words.CARD_PROFILE, name=name)
    assert (await card(paper, done.request))[0].splitlines()[-2:] == [has, paused]

    paper.now += HOUR
    at = moment(paper.now)
    await paper.by(await paper.actor(CLARA), revocation.revoke_grant, done.grant.id)
    text, choices = await card(paper, done.request)
    approved, ended, unsure = text.splitlines()[-3:]
    assert approved.startswith("Approved by Boris for 7 days")
    assert ended == said(life.CARD_ENDED[EndReason.REVOKED], Admin="Clara", at=at)
    assert (unsure, choices) == (life.CARD_UNCONFIRMED, [])
    await paper.do(revocation.record_proofs, [seen(done.grant), seen(done.grant, PARIS)])
    assert await last_line(paper, done.request) == ended


async def test_undo_goes_with_the_profile_that_it_would_end(paper: Paper) -> None:
    done = await paper.approved()
    assert (await card(paper, done.request))[1] == ["Undo"]
    await paper.by(await paper.actor(CLARA), revocation.revoke_grant, done.grant.id)
    assert (await card(paper, done.request))[1] == []


async def test_whoever_asked_reads_what_became_of_it(paper: Paper) -> None:
    anna, boris = await paper.actor(ANNA), await paper.actor(BORIS)
    done = await paper.approved()
    about = {"server": BERLIN, "duration": "7 days", "Admin": "Boris", "group": ""}
    coming = fill(words.ASKED_STATES[done.request.state.APPROVED], **about)
    assert (await asked(paper, done.request)).text == coming
    await paper.do(grants.issued, done.grant)
    await paper.do(grants.delivered, done.grant)
    assert (await asked(paper, done.request)).text == fill(life.ASKED_DELIVERED, **about)
    paper.now += HOUR
    await paper.by(await paper.actor(CLARA), revocation.revoke_grant, done.grant.id)
    view = await asked(paper, done.request)
    ended = {"server": BERLIN, "Ender": "Clara", "at": moment(paper.now)}
    assert view.text == fill(life.ASKED_ENDED[EndReason.REVOKED], **ended)
    assert labels(view) == [], "nobody is to ask again at once whose access was ended"

    second = await paper.active(server=PARIS)
    await paper.by(anna, revocation.give_up, second.id)
    assert second.request_id is not None
    view = await asked(paper, await paper.request(second.request_id))
    ended = {"server": PARIS, "at": moment(paper.now)}
    assert view.text == fill(life.ASKED_ENDED[EndReason.BY_OWNER], **ended)
    assert labels(view) == [life.BUTTON_AGAIN]
    # Below the newest request only, and of nobody who may not ask any more.
    newest = await paper.asked()
    assert labels(await asked(paper, await paper.request(second.request_id))) == []
    await paper.by(boris, requests.deny, newest.id, why=Why.NOT_NOW)
    assert (await asked(paper, newest)).text.splitlines() == [
        "Boris denied your request for <b>berlin</b>, 7 days.",
        f"The reason: “{request_words.WHY[Why.NOT_NOW]}”",
    ]
    reason = said(request_words.CARD_DENIED_WHY, reason=request_words.WHY[Why.NOT_NOW])
    assert await last_line(paper, newest) == reason


async def test_whoever_asked_by_a_tap_reads_whether_it_waits_or_is_given(paper: Paper) -> None:
    oncall = GroupName("oncall")
    await paper.by(OPERATOR, groups.add, Group(oncall, standing=2 * DAY_S))
    await paper.by(OPERATOR, groups.join, oncall, ANNA)
    for who, toast in ((ANNA, policy.GIVEN_TOAST), (EMIL, words.CHOSEN_TOAST)):
        actor = await paper.actor(who)
        done = await paper.by(actor, asking.ask, duration=DAY_S, server=BERLIN, reason="")
        assert choosing.toast(done) == toast


async def test_nobody_is_offered_to_ask_again_who_is_off_the_list(paper: Paper) -> None:
    grant = await paper.active()
    await paper.by(await paper.actor(ANNA), revocation.give_up, grant.id)
    assert grant.request_id is not None
    request = await paper.request(grant.request_id)
    assert labels(await asked(paper, request)) == [life.BUTTON_AGAIN]
    await paper.by(await paper.actor(BORIS), people.remove, ANNA)
    assert labels(await asked(paper, request)) == []


async def test_what_was_given_and_what_was_asked_for_are_both_said(paper: Paper) -> None:
    request = await paper.asked()
    await paper.yes(BORIS, request.id, DAY_S)
    assert "<b>berlin</b>, 1 day (asked: 7 days)." in (await asked(paper, request)).text
    other = await paper.asked(EMIL)
    await paper.yes(BORIS, other.id)
    assert "<b>berlin</b>, 7 days." in (await asked(paper, other)).text


async def test_a_profile_that_never_came_is_said_anew_to_whoever_is_back(paper: Paper) -> None:
    """With the way to ask again, and not of one that they had."""
    had = await paper.active(EMIL)
    await paper.by(await paper.actor(BORIS), revocation.revoke_grant, had.id)
    lost = await paper.approved()
    await paper.do(grants.undeliverable, lost.grant, closed=True)
    async with paper.database.writing() as tx:
        await tx.people.know(CLARA, "Clara", MORNING)
    for one in (ANNA, EMIL, CLARA):
        await paper.do(people.unreachable, one)
    await paper.forget()
    for one in (ANNA, EMIL, CLARA):
        await paper.do(back.reached, one)
    told = [(row.chat, row.payload) for row in await paper.heard() if row.kind is OutboxKind.ASKED]
    assert told == [(ANNA, {"request": lost.request.id})]
    assert labels(await asked(paper, lost.request)) == [life.BUTTON_AGAIN]
    # Once.
    await paper.do(back.reached, ANNA)
    assert await paper.heard() == []


async def test_below_a_profile_stands_why_it_is_over_and_whether_that_is_sure(
    paper: Paper,
) -> None:
    grant = await paper.active()
    paper.now += HOUR
    await paper.by(await paper.actor(CLARA), revocation.revoke_grant, grant.id)
    why = fill(life.DEAD_WHY[EndReason.REVOKED], server=BERLIN, Admin="Clara", at=moment(paper.now))
    assert await below(paper, grant.id) == [life.DYING, why, life.DEAD_DELETE]
    # Once its time is over nobody gets in anew, proved or not.
    before, paper.now = paper.now, grant.not_after
    assert (await below(paper, grant.id))[0] == life.DEAD
    paper.now = before
    await paper.do(revocation.record_proofs, [seen(grant), seen(grant, PARIS)])
    assert await below(paper, grant.id) == [life.DEAD, why, life.DEAD_DELETE]


async def test_a_profile_that_ran_out_says_until_when_it_worked(paper: Paper) -> None:
    grant = await paper.active()
    paper.now = grant.not_after + timedelta(minutes=5)
    await paper.do(revocation.expire_due)
    at = moment((await paper.grant(grant.id)).revoked_at or grant.not_after)
    why = fill(life.DEAD_WHY[EndReason.ENDED], server=BERLIN, at=at)
    assert (await below(paper, grant.id))[:2] == [life.DEAD, why]


@pytest.mark.parametrize(
    ("profile", "below_it"),
    [
        (Profile("anna.ovpn", b""), [words.CAPTION_USE, words.CAPTION_OPEN]),
        (
            Profile("anna.zip", b"", is_archive=True),
            [words.CAPTION_USE_ARCHIVE, words.CAPTION_OPEN_ARCHIVE],
        ),
        (
            Profile("anna.ovpn", b"", is_locked=True),
            [words.CAPTION_USE, key_words.CAPTION_LOCKED, words.CAPTION_OPEN],
        ),
        (
            Profile("anna.ovpn", b"", has_key=False),
            [words.CAPTION_USE, key_words.CAPTION_OWN, words.CAPTION_OPEN],
        ),
    ],
)
async def test_what_stands_below_a_profile_says_how_it_is_used(
    paper: Paper, profile: Profile, below_it: list[str]
) -> None:
    grant = await paper.active()
    view = cards.caption(grant, profile, DeliverNote.FIRST, None, earlier_dead=True)
    about = {"server": BERLIN, "file": "anna.ovpn", "until": moment(grant.not_after)}
    texts = [words.CAPTIONS[DeliverNote.FIRST], *below_it]
    assert view.text == "\n\n".join(fill(text, **about) for text in texts)
