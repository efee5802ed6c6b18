"""An undecided request comes back to whoever is asked, once by itself and once by a nudge."""

from datetime import timedelta

from bot.access import asking, changing, groups, pausing, people, reminding, requests, undoing
from bot.access.refusals import Refusal
from storage.group_records import Group, GroupName
from storage.records import ChatId, OutboxKind, PostedMessage, Request, RequestState, UserId
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
    OPERATOR,
    PARIS,
    Paper,
)


async def asked(paper: Paper) -> Request:
    """By Anna; both admins are known, and nothing of before is heard any more."""
    async with paper.database.writing() as tx:
        for admin, name in ((BORIS, "Boris"), (CLARA, "Clara")):
            await tx.people.know(admin, name, paper.now)
    request = await paper.asked()
    await paper.forget()
    return request


async def reminded(paper: Paper) -> list[int]:
    """Who gets their card anew, by a look at the clock."""
    await paper.do(reminding.remind_due)
    return await cards(paper)


async def cards(paper: Paper) -> list[int]:
    heard = await paper.heard()
    return [one.chat for one in heard if one.payload.get("again")]


async def nudged(paper: Paper, request: Request) -> list[int]:
    await paper.by(await paper.actor(ANNA), reminding.nudge, request.id)
    return await cards(paper)


async def test_half_of_the_time_brings_it_back_once(paper: Paper) -> None:
    request = await asked(paper)
    paper.now += DAY / 2 - MINUTE
    assert await reminded(paper) == []
    paper.now += MINUTE
    assert await reminded(paper) == [BORIS, CLARA]
    (noted,) = await paper.noted()
    assert (noted.actor, noted.action) == ("vpnbot", "request.remind")
    assert noted.subject == f"request:{request.id}"
    for _ in range(3):
        paper.now += HOUR
        assert await reminded(paper) == []
    assert await paper.noted() == []
    paper.now += DAY
    await paper.do(requests.expire_due)
    assert (await paper.request(request.id)).state is RequestState.EXPIRED
    assert await reminded(paper) == []


async def test_half_of_the_time_by_the_settings_of_now(paper: Paper) -> None:
    await asked(paper)
    paper.now += HOUR / 2
    assert await reminded(paper) == []
    paper.request_ttl = HOUR_S
    assert await reminded(paper) == [BORIS, CLARA]


async def test_by_a_clock_in_doubt_nobody_is_reminded(paper: Paper) -> None:
    await asked(paper)
    paper.now += DAY / 2
    paper.may_expire = False
    assert await reminded(paper) == []


async def test_whoever_has_said_yes_is_left_alone(paper: Paper) -> None:
    paper.approvals = 2
    request = await asked(paper)
    await paper.by(await paper.actor(BORIS), requests.approve, request.id, DAY_S)
    paper.now += DAY / 2
    assert await reminded(paper) == [CLARA]
    paper.now += HOUR
    assert await nudged(paper, request) == [CLARA]


async def test_whoever_cannot_help_or_must_not_is_left_alone(paper: Paper) -> None:
    request = await asked(paper)
    async with paper.database.writing() as tx:
        await tx.people.allow(BORIS, "Boris", paper.now)
        await tx.people.set_reachable(CLARA, reachable=False)
    await paper.by(OPERATOR, pausing.pause, BORIS, None)
    await paper.heard()
    anna = await paper.actor(ANNA)
    paper.now += DAY / 2
    await paper.refuses(anna, Refusal.NOBODY_TO_NUDGE, reminding.nudge, request.id)
    assert await reminded(paper) == []
    await paper.by(OPERATOR, pausing.resume, BORIS)
    await paper.heard()
    # That was its reminder; a nudge is still to be had.
    assert await reminded(paper) == []
    paper.now += HOUR
    assert await nudged(paper, request) == [BORIS]


async def test_only_those_whose_word_is_missing(paper: Paper) -> None:
    dev = Group(GroupName("dev"), approvers=(CLARA,))
    await paper.by(OPERATOR, groups.add, dev)
    await paper.by(OPERATOR, groups.join, dev.name, ANNA)
    await asked(paper)
    paper.now += DAY / 2
    assert await reminded(paper) == [CLARA]


async def test_of_people_who_are_paused_nobody_is_reminded(paper: Paper) -> None:
    request = await asked(paper)
    await paper.by(OPERATOR, pausing.pause, ANNA, None)
    await paper.heard()
    paper.now += DAY / 2
    assert await reminded(paper) == []
    anna = await paper.actor(ANNA)
    await paper.refuses(anna, Refusal.PAUSED, reminding.nudge, request.id)
    await paper.by(OPERATOR, pausing.resume, ANNA)
    await paper.heard()
    assert await reminded(paper) == [BORIS, CLARA]


async def test_of_what_is_over_nobody_is_reminded(paper: Paper) -> None:
    request = await asked(paper)
    await paper.by(OPERATOR, people.remove, ANNA)
    await paper.heard()
    paper.now += DAY / 2
    assert await reminded(paper) == []
    anna = await paper.actor(ANNA)
    await paper.refuses(anna, Refusal.NOT_ALLOWED, reminding.nudge, request.id)


async def test_a_nudge_is_once_and_not_at_once(paper: Paper) -> None:
    request = await asked(paper)
    anna, emil = await paper.actor(ANNA), await paper.actor(EMIL)
    paper.now += 9 * MINUTE
    values = await paper.refuses(anna, Refusal.NUDGE_EARLY, reminding.nudge, request.id)
    assert values == {"wait": 60}
    paper.now += MINUTE
    await paper.refuses(emil, Refusal.NOT_YOURS, reminding.nudge, request.id)
    assert await nudged(paper, request) == [BORIS, CLARA]
    (noted,) = await paper.noted()
    assert (noted.actor, noted.action) == ("telegram:1001", "request.nudge")
    paper.now += HOUR
    await paper.refuses(anna, Refusal.NUDGED_ALREADY, reminding.nudge, request.id)
    # It takes nothing from the reminder.
    paper.now += DAY / 2
    assert await reminded(paper) == [BORIS, CLARA]


async def test_a_nudge_right_after_the_reminder_waits_a_moment(paper: Paper) -> None:
    request = await asked(paper)
    paper.now += DAY / 2
    await reminded(paper)
    anna = await paper.actor(ANNA)
    await paper.refuses(anna, Refusal.NUDGE_EARLY, reminding.nudge, request.id)
    paper.now += 10 * MINUTE
    assert await nudged(paper, request) == [BORIS, CLARA]


async def test_where_there_is_little_time_a_nudge_waits_less(paper: Paper) -> None:
    paper.request_ttl = 8 * 60
    request = await asked(paper)
    paper.now += 2 * MINUTE
    assert await nudged(paper, request) == [BORIS, CLARA]
    paper.now += 6 * MINUTE
    anna = await paper.actor(ANNA)
    await paper.refuses(anna, Refusal.ALREADY_DECIDED, reminding.nudge, request.id)


async def test_the_time_begins_when_it_begins_to_wait(paper: Paper) -> None:
    """With its server, and anew when a no is taken back."""
    await asked(paper)
    await paper.add_server(PARIS, "10.9.0.0/29")
    choosing = await paper.asked(EMIL, server=None)
    paper.now += DAY / 2
    assert await reminded(paper) == [BORIS, CLARA]
    await paper.by(await paper.actor(EMIL), asking.choose, choosing.id, BERLIN)
    await paper.heard()
    assert await reminded(paper) == []
    boris = await paper.actor(BORIS)
    paper.now += 5 * HOUR
    await paper.by(boris, requests.deny, choosing.id)
    await paper.by(boris, undoing.undo, choosing.id)
    await paper.heard()
    paper.now += 2 * HOUR
    assert await reminded(paper) == []
    paper.now += 2 * HOUR
    assert await reminded(paper) == [BORIS, CLARA]


async def test_a_change_does_not_begin_it_anew(paper: Paper) -> None:
    request = await asked(paper)
    anna = await paper.actor(ANNA)
    await paper.by(anna, changing.change_duration, request.id, HOUR_S)
    await paper.heard()
    paper.now += DAY / 2
    assert await reminded(paper) == [BORIS, CLARA]


async def test_what_is_posted_elsewhere_says_so(paper: Paper) -> None:
    """The requester's own message, and the card of whoever is not asked again."""
    paper.approvals = 2
    request = await asked(paper)
    await paper.by(await paper.actor(BORIS), requests.approve, request.id, DAY_S)
    places = ((BORIS, OutboxKind.CARD), (CLARA, OutboxKind.CARD), (ANNA, OutboxKind.ASKED))
    async with paper.database.writing() as tx:
        for number, (chat, kind) in enumerate(places):
            posted = PostedMessage(ChatId(chat), number, kind, str(request.id), paper.now)
            await tx.posted.remember(posted)
    await paper.heard()
    paper.now += DAY / 2
    await paper.do(reminding.remind_due)
    heard = [(one.chat, one.kind) for one in await paper.heard()]
    edit = OutboxKind.EDIT_CARD
    assert heard == [(BORIS, edit), (ANNA, edit), (CLARA, OutboxKind.CARD)]


async def test_an_admin_is_not_reminded_of_their_own(paper: Paper) -> None:
    async with paper.database.writing() as tx:
        await tx.people.allow(BORIS, "Boris", paper.now)
        await tx.people.know(CLARA, "Clara", paper.now)
        await tx.people.allow(UserId(2009), "Boris", paper.now)
        await tx.people.link(UserId(2009), BORIS)
    paper.admins = (BORIS, CLARA, UserId(2009))
    await paper.asked(BORIS)
    await paper.heard()
    paper.now += timedelta(hours=12)
    assert await reminded(paper) == [CLARA]


async def test_who_has_never_said_anything_is_not_reminded(paper: Paper) -> None:
    """Nobody knows whether they would get a card in the place of the first."""
    async with paper.database.writing() as tx:
        await tx.people.know(BORIS, "Boris", paper.now)
    await paper.asked()
    await paper.heard()
    paper.now += DAY / 2
    assert await reminded(paper) == [BORIS]


async def test_nobody_is_asked_any_more_once_its_time_is_over(paper: Paper) -> None:
    request = await asked(paper)
    paper.now = request.expires_at - timedelta(microseconds=1)
    assert await paper.do(reminding.still_asked, request) == [BORIS, CLARA]
    paper.now = request.expires_at
    assert await paper.do(reminding.still_asked, request) == ()
    paper.now -= HOUR
    denied = await paper.by(await paper.actor(BORIS), requests.deny, request.id)
    assert await paper.do(reminding.still_asked, denied) == ()
