"""Whoever decides is away until a day: who gets their cards, and when they get their own again."""

from datetime import datetime

from bot.access import absences, appointing, approvals, groups, reminding, requests
from bot.access.hearing import hear
from bot.access.refusals import Refusal
from storage.group_records import Group, GroupName
from storage.records import ChatId, OutboxKind, PostedMessage, RequestState, UserId
from storage.role_records import Role
from tests.bot.access.kit import (
    ANNA,
    BORIS,
    CLARA,
    DAY,
    EMIL,
    HOUR,
    OPERATOR,
    PARIS,
    Noted,
    Paper,
    notice,
)

DORA = UserId(2004)
DEV = GroupName("dev")


async def known(paper: Paper) -> None:
    async with paper.database.writing() as tx:
        for admin, name in ((BORIS, "Boris"), (CLARA, "Clara"), (DORA, "Dora")):
            await tx.people.know(admin, name, paper.now)


async def goes(paper: Paper, who: UserId, until: datetime) -> None:
    await paper.by(await paper.actor(who), absences.go, who, until)


async def cards(paper: Paper) -> list[int]:
    return [one.chat for one in await paper.heard() if one.kind is OutboxKind.CARD]


async def test_new_cards_go_to_the_others_until_that_day(paper: Paper) -> None:
    await known(paper)
    until = paper.now + 3 * DAY
    await goes(paper, BORIS, until)
    heard = await paper.heard()
    assert [(one.chat, one.payload) for one in heard] == [
        (CLARA, {"code": "away", "values": {"name": "Boris", "until": until.isoformat()}})
    ]
    about = {"name": "Boris", "user_name": "Boris", "until": until.isoformat()}
    assert await paper.noted() == [Noted("telegram:2001", "absence.begin", "user:2001", about)]
    request = await paper.asked()
    assert await cards(paper) == [CLARA]
    # Nor is he reminded; what he may do stays his.
    paper.now += DAY / 2
    await paper.do(reminding.remind_due)
    assert await cards(paper) == [CLARA]
    await paper.by(await paper.actor(BORIS), requests.deny, request.id)
    assert (await paper.request(request.id)).state is RequestState.DENIED


async def test_back_by_itself_with_what_still_waits(paper: Paper) -> None:
    await known(paper)
    paper.request_ttl *= 10
    await goes(paper, BORIS, paper.now + 3 * DAY)
    await paper.asked()
    await paper.forget()
    paper.now += 3 * DAY - HOUR
    assert await paper.do(absences.return_due) == 0
    paper.now += HOUR
    paper.may_expire = False
    assert await paper.do(absences.return_due) == 0
    paper.may_expire = True
    assert await paper.do(absences.return_due) == 1
    heard = [(one.chat, one.kind) for one in await paper.heard()]
    assert heard == [(BORIS, OutboxKind.NOTICE), (BORIS, OutboxKind.CARD)]
    assert [(one.actor, one.action) for one in await paper.noted()] == [("vpnbot", "absence.end")]
    assert await paper.do(absences.return_due) == 0


async def test_back_before_that_day(paper: Paper) -> None:
    await known(paper)
    boris = await paper.actor(BORIS)
    await paper.refuses(boris, Refusal.NOT_AWAY, absences.come_back, BORIS)
    await goes(paper, BORIS, paper.now + 3 * DAY)
    await paper.asked()
    await paper.forget()
    await paper.by(boris, absences.come_back, BORIS)
    # He knows that he is back.
    assert [(one.chat, one.kind) for one in await paper.heard()] == [(BORIS, OutboxKind.CARD)]
    about = {"name": "Boris", "user_name": "Boris"}
    assert await paper.noted() == [Noted("telegram:2001", "absence.end", "user:2001", about)]


async def test_an_admin_whom_the_bot_does_not_know_may_be_away_too(paper: Paper) -> None:
    """By the name that they have in the chat."""
    async with paper.database.writing() as tx:
        await tx.people.know(CLARA, "Clara", paper.now)
    until = paper.now + DAY
    await goes(paper, BORIS, until)
    assert await paper.heard() == [notice(CLARA, "away", name="Boris", until=until.isoformat())]
    assert (await paper.person(BORIS)).name == "Boris"


async def test_whoever_waits_reads_who_is_asked_by_now(paper: Paper) -> None:
    await known(paper)
    request = await paper.asked()
    asked = PostedMessage(ChatId(ANNA), 7, OutboxKind.ASKED, str(request.id), paper.now)
    async with paper.database.writing() as tx:
        await tx.posted.remember(asked)
    await paper.heard()
    await goes(paper, BORIS, paper.now + DAY)
    assert (ANNA, OutboxKind.EDIT_CARD) in [(one.chat, one.kind) for one in await paper.heard()]
    await paper.by(await paper.actor(BORIS), absences.come_back, BORIS)
    assert (ANNA, OutboxKind.EDIT_CARD) in [(one.chat, one.kind) for one in await paper.heard()]


async def test_the_last_one_stays(paper: Paper) -> None:
    await known(paper)
    until = paper.now + DAY
    await goes(paper, BORIS, until)
    clara, anna = await paper.actor(CLARA), await paper.actor(ANNA)
    await paper.refuses(clara, Refusal.NOBODY_ELSE_DECIDES, absences.go, CLARA, until)
    await paper.refuses(anna, Refusal.ADMINS_ONLY, absences.go, ANNA, until)
    await paper.refuses(anna, Refusal.ADMINS_ONLY, absences.come_back, ANNA)
    # Another day is no second absence.
    await goes(paper, BORIS, until + DAY)
    async with paper.database.reading() as tx:
        assert [one.until for one in await tx.absences.now(paper.now)] == [until + DAY]
    # Whoever blocked the bot reads no cards, and by another account nobody stays for oneself.
    await paper.by(await paper.actor(BORIS), absences.come_back, BORIS)
    async with paper.database.writing() as tx:
        await tx.people.set_reachable(BORIS, reachable=False)
    await paper.refuses(clara, Refusal.NOBODY_ELSE_DECIDES, absences.go, CLARA, until)
    async with paper.database.writing() as tx:
        await tx.people.set_reachable(BORIS, reachable=True)
        await tx.people.link(BORIS, CLARA)
    await paper.refuses(clara, Refusal.NOBODY_ELSE_DECIDES, absences.go, CLARA, until)


async def test_who_stayed_and_left_since_leaves_nobody_without_cards(paper: Paper) -> None:
    await known(paper)
    await goes(paper, BORIS, paper.now + DAY)
    paper.admins = (BORIS,)
    await paper.heard()
    await paper.asked()
    assert await cards(paper) == [BORIS]


async def test_the_cards_of_a_groups_only_approver_go_to_the_admins(paper: Paper) -> None:
    """Also those that wait already."""
    await known(paper)
    await paper.add_server(PARIS, "10.9.0.0/29")
    await paper.by(OPERATOR, groups.add, Group(DEV))
    await paper.by(OPERATOR, groups.join, DEV, ANNA)
    await paper.by(OPERATOR, appointing.appoint, DORA, Role.APPROVER, (DEV,))
    await paper.by(OPERATOR, groups.edit, Group(DEV, approvers=(DORA,)))
    await paper.heard()
    await paper.asked()
    assert await cards(paper) == [DORA]
    await goes(paper, DORA, paper.now + DAY)
    assert await cards(paper) == [BORIS, CLARA]
    await paper.asked(server=PARIS)
    assert await cards(paper) == [BORIS, CLARA]
    await paper.asked(EMIL)
    assert await cards(paper) == [BORIS, CLARA]


async def test_where_the_others_are_too_few_who_is_away_is_asked_too(paper: Paper) -> None:
    """Nobody would decide on it until then."""
    await known(paper)
    paper.admins, paper.approvals = (BORIS, CLARA, DORA), 2
    await goes(paper, CLARA, paper.now + 3 * DAY)
    await paper.heard()
    first = await paper.asked()
    assert await cards(paper) == [BORIS, DORA]
    await goes(paper, DORA, paper.now + 3 * DAY)
    assert await cards(paper) == [CLARA]
    # Who said yes before they left need not be there.
    await paper.by(await paper.actor(CLARA), absences.come_back, CLARA)
    await paper.by(await paper.actor(CLARA), requests.approve, first.id, None)
    await goes(paper, CLARA, paper.now + 3 * DAY)
    async with paper.database.reading() as tx:
        case = paper.case(tx, OPERATOR)
        assert await approvals.asked(case, await hear(case, first)) == [BORIS]
    await paper.asked(EMIL)
    assert await cards(paper) == [BORIS, CLARA, DORA]


async def test_nobody_is_asked_about_their_own_request_alone(paper: Paper) -> None:
    await known(paper)
    async with paper.database.writing() as tx:
        await tx.people.allow(CLARA, "Clara", paper.now)
    await goes(paper, BORIS, paper.now + 3 * DAY)
    await paper.heard()
    await paper.asked(CLARA)
    assert await cards(paper) == [BORIS, CLARA]


async def test_a_person_with_two_accounts_is_away_once(paper: Paper) -> None:
    """By whichever they say it, and whichever they come back by."""
    await known(paper)
    paper.admins = (BORIS, CLARA, DORA)
    async with paper.database.writing() as tx:
        await tx.people.link(DORA, BORIS)
    await goes(paper, BORIS, paper.now + DAY)
    await goes(paper, DORA, paper.now + 2 * DAY)
    async with paper.database.reading() as tx:
        (away,) = await tx.absences.now(paper.now)
        assert await absences.until(paper.case(tx, OPERATOR), BORIS) == away.until
    assert (away.user_id, away.until) == (DORA, paper.now + 2 * DAY)
    await paper.by(await paper.actor(BORIS), absences.come_back, BORIS)
    async with paper.database.reading() as tx:
        assert await absences.until(paper.case(tx, OPERATOR), DORA) is None


async def test_whose_role_ended_meanwhile_is_not_called_back(paper: Paper) -> None:
    await known(paper)
    await paper.by(OPERATOR, appointing.appoint, DORA, Role.ADMIN, ())
    await goes(paper, DORA, paper.now + DAY)
    await paper.by(OPERATOR, appointing.dismiss, DORA)
    paper.now += DAY
    await paper.heard()
    assert await paper.do(absences.return_due) == 1
    assert await paper.heard() == []


async def test_whoever_is_on_the_machine_says_it_of_others(paper: Paper) -> None:
    """Of the last one, too; they are told by whom."""
    await known(paper)
    paper.admins = (BORIS,)
    until = paper.now + DAY
    await paper.by(OPERATOR, absences.go, BORIS, until)
    values = {"admin": "olga", "by": "system:olga", "until": until.isoformat()}
    assert [(one.chat, one.payload) for one in await paper.heard()] == [
        (BORIS, {"code": "away_by", "values": values})
    ]
    await paper.asked()
    assert await cards(paper) == [BORIS]
    (begun,) = [row for row in await paper.noted() if row.action == "absence.begin"]
    assert begun.detail == {"name": "olga", "user_name": "Boris", "until": until.isoformat()}
    await paper.by(OPERATOR, absences.come_back, BORIS)
    assert await paper.heard() == [notice(BORIS, "back")]
    await paper.refuses(OPERATOR, Refusal.NOT_AWAY, absences.come_back, BORIS)
    await paper.refuses(OPERATOR, Refusal.DECIDES_NOTHING, absences.go, ANNA, until)


async def test_nobody_sends_a_colleague_away(paper: Paper) -> None:
    await known(paper)
    boris = await paper.actor(BORIS)
    await paper.refuses(boris, Refusal.NOT_YOURS, absences.go, CLARA, paper.now + DAY)
    await paper.refuses(boris, Refusal.NOT_YOURS, absences.come_back, CLARA)
