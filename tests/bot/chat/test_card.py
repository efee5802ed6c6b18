"""A request as it looks: to the admins who decide on it, and to whoever asked."""

from dataclasses import replace
from datetime import UTC, timedelta

from bot.access import appointing, asking, groups, pausing, requests, revocation, usage
from bot.access.messages import private_chat
from bot.access.permission import THE_BOT
from bot.access.policy import TICKETS, Hours
from bot.access.refusals import Refusal
from bot.access.usage import Use
from bot.chat import cards
from bot.chat.buttons import Style
from bot.chat.views import View
from bot.texts import chat as words
from bot.texts import groups as group_words
from bot.texts import pausing as pause_words
from bot.texts import policy
from bot.texts import roles as role_words
from bot.texts.fill import Template, fill, moment
from demo.api.markup import parse_html
from storage.group_records import Group, GroupName, Reason
from storage.records import EndReason, OutboxKind, PostedMessage, Request, RequestState, UserId
from storage.role_records import Role
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
    Paper,
)

DORA = UserId(2003)


NO = ["Deny", "Deny with a reason"]


async def card(
    paper: Paper, request: Request, viewer: UserId | None = BORIS
) -> tuple[str, list[str]]:
    """What is to be read, and the labels of the buttons."""
    async with paper.database.reading() as tx:
        now = await tx.requests.get(request.id)
        assert now is not None
        view = await cards.card(paper.case(tx, THE_BOT), now, viewer)
    return parse_html(view.text).text, labels(view)


async def asked(paper: Paper, request: Request, *, reachable: bool = True) -> View:
    """The requester's own message, as it reads now."""
    async with paper.database.reading() as tx:
        now = await tx.requests.get(request.id)
        assert now is not None
        return await cards.asked(paper.case(tx, THE_BOT), now, admin_reachable=reachable)


async def latest(paper: Paper) -> Request:
    async with paper.database.reading() as tx:
        return (await tx.requests.all())[-1]


def said(template: Template, **values: object) -> str:
    return parse_html(fill(template, **values)).text


def labels(view: View) -> list[str]:
    return [button.text for row in view.keyboard for button in row]


async def test_a_username_that_changed_since_they_were_allowed_is_said(paper: Paper) -> None:
    request = await paper.asked()
    for username, is_said in (("anna", False), ("annas_brother", True), (None, True)):
        async with paper.database.writing() as tx:
            await tx.people.note_username(ANNA, username, paper.now)
        text, _ = await card(paper, request)
        assert ("Was @anna when they were put on the allowlist" in text) is is_said


async def test_what_became_of_earlier_requests_is_said(paper: Paper) -> None:
    approved = await paper.asked(duration=8 * HOUR_S)
    await paper.yes(BORIS, approved.id)
    paper.now += HOUR
    taken_back = await paper.asked(server=PARIS)
    await paper.by(await paper.actor(ANNA), requests.cancel, taken_back.id)
    denied = await paper.asked(server=PARIS)
    await paper.by(await paper.actor(CLARA), requests.deny, denied.id)
    text, _ = await card(paper, await paper.asked())
    assert "Before: berlin for 8 hours, approved" in text
    assert "Before: paris for 7 days, taken back" in text
    # Of a no the card says more already.
    assert text.count("denied") == 0
    assert "said no to this person for paris" in text
    # Once that is long ago, it is one of those before.
    await paper.by(await paper.actor(ANNA), requests.cancel, (await latest(paper)).id)
    paper.now += 8 * DAY
    text, _ = await card(paper, await paper.asked())
    assert "said no to this person" not in text
    assert "Before: paris for 7 days, denied" in text


async def test_in_a_group_it_is_for_whoever_has_a_say(paper: Paper) -> None:
    paper.approvals = 2
    request = await paper.asked(duration=8 * HOUR_S)
    text, choices = await card(paper, request, None)
    assert "Anna Petrova" in text
    assert choices == ["Approve 8 hours", "Approve 1 hour", "Longer …", *NO]
    await paper.by(await paper.actor(BORIS), requests.approve, request.id, None)
    text, choices = await card(paper, request, None)
    assert "approves 8 hours" in text
    assert choices[0] == "Approve 8 hours"


async def test_what_is_to_be_decided_on(paper: Paper) -> None:
    text, choices = await card(paper, await paper.asked())
    assert "Anna Petrova" in text
    assert "work" in text
    assert "Server: berlin" in text.splitlines()
    assert choices[0] == "Approve 7 days"
    assert choices[-1].startswith("Deny")
    assert "@" not in text
    assert "your own" not in text
    assert "profile" not in text
    async with paper.database.writing() as tx:
        await tx.people.note_username(ANNA, "anna", paper.now)
    assert "@anna" in (await card(paper, await paper.asked(server=PARIS)))[0]


async def test_the_longest_that_may_be_approved_now(paper: Paper) -> None:
    request = await paper.asked(duration=WEEK_S)
    paper.max_duration = WEEK_S
    text, choices = await card(paper, request)
    limit = said(words.CARD_LIMIT, duration="1 day")
    assert (limit in text, choices[0]) == (False, "Approve 7 days")
    paper.max_duration = DAY_S
    text, choices = await card(paper, request)
    assert (limit in text, choices[0]) == (True, "Approve 1 day")
    await paper.by(await paper.actor(BORIS), requests.deny, request.id)
    assert limit not in (await card(paper, request))[0]


async def test_nobody_gets_buttons_for_their_own(paper: Paper) -> None:
    async with paper.database.writing() as tx:
        await tx.people.allow(BORIS, "Boris", MORNING)
    request = await paper.asked(BORIS)
    async with paper.database.writing() as tx:
        await tx.people.know(CLARA, "Clara", MORNING)
    text, choices = await card(paper, request)
    assert (said(words.CARD_OWN, names="Clara") in text, choices) == (True, [])
    text, choices = await card(paper, request, CLARA)
    assert ("your own" in text, len(choices) > 1) == (False, True)
    # Whoever can't be reached is named only where nobody else is.
    async with paper.database.writing() as tx:
        await tx.people.set_reachable(CLARA, reachable=False)
    text, _ = await card(paper, request)
    assert said(words.CARD_OWN, names="Clara") in text
    async with paper.database.writing() as tx:
        await tx.people.set_reachable(CLARA, reachable=True)
    # A second account of his own is nobody else.
    async with paper.database.writing() as tx:
        await tx.people.link(CLARA, BORIS)
    text, choices = await card(paper, request)
    assert (said(words.CARD_OWN_ALONE, id=request.id) in text, choices) == (True, [])
    assert f"vpnbot request approve {request.id}" in text
    await paper.by(await paper.actor(BORIS), requests.cancel, request.id)
    assert "your own" not in (await card(paper, request))[0]


async def test_a_server_where_nobody_answers_is_warned_of(paper: Paper) -> None:
    request = await paper.asked()
    async with paper.database.writing() as tx:
        await tx.servers.set_silent(PARIS, paper.now)
    assert "hasn’t answered" not in (await card(paper, request))[0]
    async with paper.database.writing() as tx:
        await tx.servers.set_silent(BERLIN, paper.now)
    text, choices = await card(paper, request)
    assert "OpenVPN on berlin hasn’t answered since" in text
    assert len(choices) > 1
    async with paper.database.writing() as tx:
        assert await tx.servers.heard(BERLIN)
    assert "hasn’t answered" not in (await card(paper, request))[0]


async def test_what_the_person_has_already(paper: Paper) -> None:
    grant = await paper.active(ANNA, PARIS)
    request = await paper.asked()
    text, _ = await card(paper, request)
    has, unproved = said(words.CARD_HAS, count=1), said(words.CARD_HAS_UNPROVED, count=1)
    ended = "Clara ended this person’s access to paris"
    assert has in text
    assert ended not in text
    paper.now += HOUR
    await paper.by(await paper.actor(CLARA), revocation.revoke_grant, grant.id)
    text, _ = await card(paper, request)
    assert has not in text
    assert ended in text
    assert unproved in text
    await paper.by(await paper.actor(BORIS), requests.deny, request.id)
    text, _ = await card(paper, request)
    assert ended not in text
    assert unproved not in text


async def test_when_the_person_was_last_connected(paper: Paper) -> None:
    """By whatever grant, also one that is over."""
    grant = await paper.active(ANNA, PARIS)
    request = await paper.asked()
    assert "Last connected" not in (await card(paper, request))[0]
    use = Use(grant.id, MORNING, 0, "198.51.100.7:1", 1, 1)
    async with paper.database.reading() as tx:
        changes = await usage.changes(tx, paper.now, PARIS, [use])
    await paper.do(usage.note, changes, is_told=False)
    used_at = moment(paper.now)
    paper.now += HOUR
    await paper.by(await paper.actor(CLARA), revocation.revoke_grant, grant.id)
    assert said(words.CARD_LAST_USE, at=used_at) in (await card(paper, request))[0]
    await paper.by(await paper.actor(BORIS), requests.deny, request.id)
    assert "Last connected" not in (await card(paper, request))[0]


async def test_which_other_servers_it_would_open(paper: Paper) -> None:
    request = await paper.asked()
    opens = said(words.CARD_OPENS, servers="paris")
    assert opens not in (await card(paper, request))[0]
    async with paper.database.writing() as tx:
        await tx.servers.set_open(BERLIN, MORNING)
    assert opens not in (await card(paper, request))[0]
    async with paper.database.writing() as tx:
        await tx.servers.set_open(PARIS, MORNING)
    assert opens in (await card(paper, request))[0]
    await paper.yes(BORIS, request.id)
    assert opens in (await card(paper, request))[0], "as long as it does"
    await paper.by(await paper.actor(CLARA), revocation.revoke_person, ANNA)
    assert opens not in (await card(paper, request))[0]
    denied = await paper.asked(EMIL)
    await paper.by(await paper.actor(BORIS), requests.deny, denied.id)
    assert opens not in (await card(paper, denied))[0]


async def test_where_one_decides_nobody_is_counted(paper: Paper) -> None:
    text, _ = await card(paper, await paper.asked())
    assert said(words.CARD_NEEDS, count=1) not in text


async def test_who_has_agreed_where_two_have_to(paper: Paper) -> None:
    paper.approvals = 2
    request = await paper.asked()
    text, _ = await card(paper, request)
    needs_two, needs_one = said(words.CARD_NEEDS, count=2), said(words.CARD_NEEDS, count=1)
    assert needs_two in text
    await paper.by(await paper.actor(BORIS), requests.approve, request.id, None)
    text, _ = await card(paper, request, CLARA)
    assert needs_one in text
    assert needs_two not in text
    # One who has agreed is one too many no more; their yes is still to be read.
    paper.approvals = 1
    text, _ = await card(paper, request, CLARA)
    assert needs_one in text
    assert said(words.CARD_AGREED, admin=BORIS, duration="7 days") in text
    await paper.by(await paper.actor(CLARA), requests.deny, request.id)
    assert needs_one not in (await card(paper, request))[0]


async def test_whose_yes_counts_finds_a_button_for_it(paper: Paper) -> None:
    """In a group of theirs it is there as long as anybody's does."""
    dev = Group(GroupName("dev"), approvers=(CLARA,), approvals=1)
    await paper.by(OPERATOR, groups.add, dev)
    await paper.by(OPERATOR, groups.join, dev.name, ANNA)
    request = await paper.asked()
    found = [(await card(paper, request, viewer))[1] for viewer in (BORIS, CLARA, None)]
    assert ["Approve 7 days" in buttons for buttons in found] == [False, True, True]


async def test_what_was_decided(paper: Paper) -> None:
    request = await paper.asked()
    waits = said(words.CARD_WAITS, until=moment(request.expires_at))
    assert waits in (await card(paper, request))[0]
    await paper.yes(BORIS, request.id)
    text, choices = await card(paper, request)
    assert waits not in text
    assert "Boris" in text
    # Whoever decided may take it back for a minute.
    assert choices == ["Undo"]
    paper.now += MINUTE
    assert (await card(paper, request))[1] == []


async def test_it_waits_no_longer_than_the_settings_let_it(paper: Paper) -> None:
    request = await paper.asked()
    paper.request_ttl = HOUR_S
    text, _ = await card(paper, request)
    assert f"{MORNING + timedelta(hours=1):%Y-%m-%d %H:%M} UTC" in text


async def test_what_the_requester_sees(paper: Paper) -> None:
    request = await paper.asked()
    for reachable, template in ((True, words.ASKED), (False, words.ASKED_NOBODY)):
        view = await asked(paper, request, reachable=reachable)
        first = fill(template, server=BERLIN, duration="7 days", count=1)
        # Nobody has written yet, so nobody has a name.
        assert view.text == f"{first}\nYour reason: work"
        nudge = ["Nudge the admins"] if reachable else []
        also = ["Another duration", "Another reason", *nudge]
        assert labels(view) == [*also, words.BUTTON_CANCEL]
    anna = await paper.actor(ANNA)
    await paper.by(anna, requests.cancel, request.id)
    view = await asked(paper, request)
    assert "berlin" in view.text
    assert labels(view) == ["Ask again"]
    choosing = await paper.asked(server=None)
    assert choosing.state is RequestState.CHOOSING
    await paper.by(anna, requests.cancel, choosing.id)
    view = await asked(paper, choosing)
    assert view.text == words.CANCELLED_WITHOUT_SERVER


async def test_the_yes_to_the_whole_is_green_unless_somebody_said_no_lately(paper: Paper) -> None:
    async def styles(request: Request) -> list[Style | None]:
        async with paper.database.reading() as tx:
            view = await cards.card(paper.case(tx, THE_BOT), request, BORIS)
        return [button.style for row in view.keyboard for button in row]

    first = await paper.asked()
    assert (await styles(first))[:2] == [Style.GOOD, None]
    await paper.by(await paper.actor(CLARA), requests.deny, first.id)
    assert (await styles(await paper.asked()))[:2] == [None, None]


async def test_whoever_only_looks_is_told_so_and_finds_no_button(paper: Paper) -> None:
    await paper.by(OPERATOR, appointing.appoint, DORA, Role.AUDITOR, ())
    request = await paper.asked()
    text, offered = await card(paper, request, DORA)
    assert (role_words.CARD_LOOK in text, offered) == (True, [])
    assert role_words.CARD_LOOK not in (await card(paper, request))[0]


async def test_of_somebody_who_is_paused_nothing_is_approved(paper: Paper) -> None:
    request = await paper.asked()
    assert pause_words.CARD not in (await card(paper, request))[0]
    await paper.by(OPERATOR, pausing.pause, ANNA, None)
    text, offered = await card(paper, request)
    assert (pause_words.CARD in text.splitlines(), offered) == (True, NO)


async def test_what_the_requesters_groups_say(paper: Paper) -> None:
    """And no button that would only be refused."""
    dev = Group(GroupName("dev"), approvers=(CLARA,), max_duration=HOUR_S)
    await paper.by(OPERATOR, groups.add, dev)
    await paper.by(OPERATOR, groups.join, dev.name, ANNA)
    request = await paper.asked()
    text, buttons = await card(paper, request)
    assert said(group_words.CARD_GROUPS, groups="dev") in text
    assert said(group_words.CARD_QUORUM, group="dev", count=1, names=str(CLARA)) in text
    assert buttons == NO
    _, buttons = await card(paper, request, CLARA)
    assert buttons == ["Approve 1 hour", "Deny", "Deny with a reason"]
    await paper.by(OPERATOR, groups.edit, replace(dev, servers=(PARIS,)))
    text, buttons = await card(paper, request, CLARA)
    assert said(group_words.CARD_NOT_OPEN, server="berlin") in text
    assert buttons == NO


async def test_a_tickets_number_leads_to_it(paper: Paper) -> None:
    paper.more = {"tickets": replace(TICKETS, link="https://example.com/{ticket}")}
    anna = await paper.actor(ANNA)
    reason = "<b>mail</b> OPS-17 & more"
    done = await paper.by(anna, asking.ask, duration=None, server=BERLIN, reason=reason)
    request = done.request
    async with paper.database.reading() as tx:
        text = parse_html((await cards.card(paper.case(tx, THE_BOT), request, BORIS)).text)
    assert "Reason: <b>mail</b> OPS-17 & more" in text.text
    assert [one["url"] for one in text.entities if "url" in one] == ["https://example.com/OPS-17"]
    for tickets in (replace(TICKETS, link=""), TICKETS):
        paper.more = {"tickets": tickets}
        text_now, _ = await card(paper, request)
        assert "Reason: <b>mail</b> OPS-17 & more" in text_now.splitlines()


async def test_what_is_missing_is_said_and_not_offered(paper: Paper) -> None:
    request = await paper.asked()
    await paper.active(EMIL)
    other = await paper.asked(EMIL, server=PARIS)
    for more, code in (
        ({"reason": Reason.TICKET}, Refusal.TICKET_MISSING),
        ({"reason": Reason.REQUIRED}, None),
    ):
        paper.more = more
        text, buttons = await card(paper, request)
        assert (buttons == NO) == (code is not None)
        assert code is None or said(policy.CARD[code]) in text
    paper.more = {"max_profiles": 1}
    text, buttons = await card(paper, other)
    assert said(policy.CARD[Refusal.PROFILES_FULL], count=1) in text
    assert buttons == NO


async def test_what_was_given_at_once_can_be_ended_from_its_card(paper: Paper) -> None:
    await paper.by(OPERATOR, groups.add, Group(GroupName("oncall"), standing=8 * HOUR_S))
    await paper.by(OPERATOR, groups.join, GroupName("oncall"), ANNA)
    await paper.by(OPERATOR, appointing.appoint, DORA, Role.APPROVER, (GroupName("oncall"),))
    anna = await paper.actor(ANNA)
    done = await paper.by(anna, asking.ask, duration=HOUR_S, server=BERLIN, reason="")
    request = done.request
    async with paper.database.reading() as tx:
        [grant] = await tx.grants.of_user(ANNA)

    text, buttons = await card(paper, request)
    assert "Given at once for 1 hour, by the standing approval of oncall" in text
    assert buttons == [f"Revoke {grant.common_name}"]
    # Who decides for the group sees it, too, and ends nothing.
    for viewer in (DORA, None):
        text, buttons = await card(paper, request, viewer)
        assert ("standing approval" in text, buttons) == (True, [])
    assert "was granted by the standing approval of oncall" in (await asked(paper, request)).text

    await paper.by(await paper.actor(BORIS), revocation.begin, [grant], EndReason.REVOKED)
    assert (await card(paper, request))[1] == []


async def test_outside_working_hours_it_is_said_when_to_expect_an_answer(paper: Paper) -> None:
    paper.more = {"hours": Hours.parse("Mon 10:00-12:00", UTC)}
    request = await paper.asked()
    opens = MORNING.replace(hour=10, minute=0, second=0)
    line = said(policy.CLOSED_NOW, hours="Mon 10:00-12:00", at=moment(opens))
    assert line in parse_html((await asked(paper, request)).text).text
    paper.now += HOUR
    assert "outside" not in (await asked(paper, request)).text


async def test_who_approved_what_begins_later_is_said_and_may_still_be_told_no(
    paper: Paper,
) -> None:
    anna = await paper.actor(ANNA)
    begins = MORNING + timedelta(days=3)
    done = await paper.by(
        anna, asking.ask, duration=None, server=BERLIN, reason="work", starts_at=begins
    )
    paper.now += HOUR
    await paper.by(await paper.actor(BORIS), requests.approve, done.request.id, None)
    about = {"start": moment(begins), "end": moment(begins + timedelta(days=7))}
    decided = said(policy.CARD_SCHEDULED, admin="Boris", at=moment(paper.now))
    paper.now += HOUR

    for viewer in (BORIS, CLARA, None):
        text, offered = await card(paper, done.request, viewer)
        assert said(policy.CARD_FROM, duration="7 days", **about) in text.splitlines()
        assert text.endswith(decided)
        assert offered == ["Deny"]
    # Nor does whoever has no say, or whose own it is.
    assert (await card(paper, done.request, ANNA))[1] == []
    async with paper.database.writing() as tx:
        await tx.people.allow(CLARA, "Clara", MORNING)
        await tx.people.link(ANNA, CLARA)
    assert (await card(paper, done.request, CLARA))[1] == []


async def test_of_what_others_decide_on_an_approver_sees_the_end_alone(paper: Paper) -> None:
    """Whoever had its card before: it went to others, since a group was changed for example."""
    dev, closed = GroupName("dev"), role_words.CARD_CLOSED
    async with paper.database.writing() as tx:
        await tx.groups.add(Group(dev))
        await appointing.appoint(paper.case(tx, OPERATOR), DORA, Role.APPROVER, (dev,))
    request = await paper.asked()
    async with paper.database.writing() as tx:
        card_of_dora = PostedMessage(
            private_chat(DORA), 7, OutboxKind.CARD, str(request.id), MORNING
        )
        await tx.posted.remember(card_of_dora)

    assert await card(paper, request, DORA) == (said(closed, id=request.id), [])

    await paper.by(await paper.actor(BORIS), requests.deny, request.id)
    text, offered = await card(paper, request, DORA)
    assert "Denied by Boris" in text
    assert offered == []
    assert (await card(paper, request, UserId(2004)))[0] == said(closed, id=request.id)
