"""A stranger asks to be put on the allowlist: once a day, and answered once."""

from datetime import timedelta

import pytest

from bot.access import joining, people
from bot.access.case import Case
from bot.access.messages import Notice
from bot.access.refusals import Refusal
from storage.joining_records import Knock
from storage.records import ChatId, OutboxKind, PostedMessage, UserId
from tests.bot.access.kit import (
    ANNA,
    BORIS,
    CLARA,
    DAY,
    MINUTE,
    MORNING,
    OPERATOR,
    Paper,
    notice,
    to,
)

EVE = UserId(3001)
ASKED = int(MORNING.timestamp())


async def asks(paper: Paper, user_id: UserId = EVE) -> None:
    async with paper.database.writing() as tx:
        await tx.people.note_newcomer(user_id, "Somebody", f"u{user_id}", paper.now)
    await paper.by(await paper.actor(user_id), joining.ask)


async def knock_of(paper: Paper, user_id: UserId = EVE) -> Knock:
    async with paper.database.reading() as tx:
        found = await tx.knocks.get(user_id)
    assert found is not None
    return found


async def test_every_admin_gets_a_card_and_one_answer_counts(paper: Paper) -> None:
    await asks(paper)
    assert await paper.heard() == [
        to(BORIS, OutboxKind.KNOCK, {"person": EVE}),
        to(CLARA, OutboxKind.KNOCK, {"person": EVE}),
    ]
    assert await knock_of(paper) == Knock(EVE, "Somebody", f"u{EVE}", MORNING)
    boris, clara = await paper.actor(BORIS), await paper.actor(CLARA)
    await paper.by(boris, joining.answer, EVE, ASKED, allowed=True)
    assert (await paper.person(EVE)).allowed
    assert await paper.heard() == [
        notice(EVE, Notice.ACCESS_GIVEN),
        to(EVE, OutboxKind.MENU, {}),
    ]
    values = await paper.refuses(
        clara, Refusal.KNOCK_ANSWERED, joining.answer, EVE, ASKED, allowed=False
    )
    assert values == {"name": "Somebody", "admin": "Boris"}
    assert [(one.actor, one.action) for one in await paper.noted()] == [
        ("telegram:3001", "user.ask"),
        ("telegram:2001", "user.allow"),
    ]


async def test_no_is_told_and_lets_nobody_in(paper: Paper) -> None:
    await asks(paper)
    async with paper.database.writing() as tx:
        await tx.posted.remember(
            PostedMessage(ChatId(CLARA), 41, OutboxKind.KNOCK, str(EVE), paper.now)
        )
    await paper.forget()
    await paper.by(await paper.actor(BORIS), joining.answer, EVE, ASKED, allowed=False)
    card = {"kind": OutboxKind.KNOCK, "subject": str(EVE), "message": 41}
    # Every admin's card says so, too.
    assert await paper.heard() == [
        to(CLARA, OutboxKind.EDIT, card),
        notice(EVE, Notice.KNOCK_REFUSED),
    ]
    assert [one.action for one in await paper.noted()] == ["user.refuse"]
    async with paper.database.reading() as tx:
        assert await tx.people.get(EVE) is None
    await paper.refuses(await paper.actor(EVE), Refusal.KNOCKED_ALREADY, joining.ask)
    clara = await paper.actor(CLARA)
    told = await paper.refuses(
        clara, Refusal.KNOCK_ANSWERED, joining.answer, EVE, ASKED, allowed=True
    )
    assert told == {"name": "Somebody", "admin": "Boris"}


async def test_who_has_no_username_asks_without_one(paper: Paper) -> None:
    done = await paper.by(await paper.actor(EVE), joining.ask)
    assert done == await knock_of(paper) == Knock(EVE, "Somebody", None, MORNING)


async def test_once_a_day(paper: Paper) -> None:
    await asks(paper)
    paper.now += DAY - MINUTE
    await paper.refuses(await paper.actor(EVE), Refusal.KNOCKED_ALREADY, joining.ask)
    paper.now += MINUTE
    await asks(paper)
    # The card of yesterday is not about today's wish.
    boris = await paper.actor(BORIS)
    for who in (EVE, UserId(3002)):
        await paper.refuses(boris, Refusal.KNOCK_OVER, joining.answer, who, ASKED, allowed=True)


async def test_many_accounts_fill_nobodys_chat(paper: Paper) -> None:
    for number in range(20):
        await asks(paper, UserId(7000 + number))
    await paper.refuses(await paper.actor(EVE), Refusal.KNOCKS_FULL, joining.ask)
    paper.now += timedelta(hours=1)
    await asks(paper)


async def test_nobody_answers_after_a_week(paper: Paper) -> None:
    await asks(paper)
    paper.now += 7 * DAY
    boris = await paper.actor(BORIS)
    await paper.refuses(boris, Refusal.KNOCK_OVER, joining.answer, EVE, ASKED, allowed=True)
    assert joining.is_over((await paper.do(_case)), await knock_of(paper))


async def _case(case: Case) -> Case:
    return case


@pytest.mark.parametrize("who", [ANNA, BORIS])
async def test_who_is_known_need_not_ask(paper: Paper, who: UserId) -> None:
    await paper.refuses(await paper.actor(who), Refusal.ON_LIST_ALREADY, joining.ask)


async def test_only_admins_answer(paper: Paper) -> None:
    await asks(paper)
    for who in (ANNA, EVE):
        await paper.refuses(
            await paper.actor(who),
            Refusal.ADMINS_ONLY,
            joining.answer,
            EVE,
            ASKED,
            allowed=True,
        )


async def test_whatever_else_lets_them_in_answers_it(paper: Paper) -> None:
    await asks(paper)
    await paper.by(OPERATOR, people.allow, EVE, "Eve Adams")
    knock = await knock_of(paper)
    assert (knock.allowed, knock.answered_by_name) == (True, "olga")
    # Taken off again, an old card lets nobody back in.
    await paper.by(OPERATOR, people.remove, EVE)
    boris = await paper.actor(BORIS)
    await paper.refuses(boris, Refusal.KNOCK_ANSWERED, joining.answer, EVE, ASKED, allowed=True)
