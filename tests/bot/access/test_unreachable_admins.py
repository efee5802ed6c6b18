"""Nobody may decide on a request because no admin can be reached: who is told, and when."""

import pytest

from bot.access import appointing, groups, requests
from bot.access.permission import THE_BOT
from storage.group_records import Group, GroupName
from storage.outbox import Later, SetAside
from storage.records import (
    ChatId,
    OutboxKind,
    PostedMessage,
    RequestId,
    UserId,
)
from storage.role_records import Role
from tests.bot.access.kit import (
    ANNA,
    BERLIN,
    BORIS,
    CLARA,
    EMIL,
    MORNING,
    OPERATOR,
    Paper,
    notice,
    to,
)


async def set_reachable(paper: Paper, **by_name: bool) -> None:
    ids = {"boris": BORIS, "clara": CLARA}
    async with paper.database.writing() as tx:
        for name, reachable in by_name.items():
            await tx.people.know(ids[name], name, MORNING)
            await tx.people.set_reachable(ids[name], reachable=reachable)


@pytest.mark.parametrize(
    ("known", "reachable"),
    [
        ({}, True),  # nobody has tried yet
        ({"boris": False}, True),
        ({"boris": False, "clara": True}, True),
        ({"boris": False, "clara": False}, False),
    ],
)
async def test_admins_can_be_reached_until_all_of_them_cannot(
    paper: Paper, known: dict[str, bool], reachable: bool
) -> None:
    await set_reachable(paper, **known)
    assert await paper.do(requests.admin_reachable) is reachable


async def give_up_cards(paper: Paper, *, tries: int = 0) -> None:
    """One card after the other does not reach its admin: for good, or it was tried so often."""
    async with paper.database.reading() as tx:
        cards = await tx.outbox.open(OutboxKind.CARD)
    for card in cards:
        async with paper.database.writing() as tx:
            await tx.outbox.claim(card.id)
            if tries:
                await tx.outbox.conclude(card, Later(paper.now, attempts=tries))
            else:
                await tx.outbox.conclude(card, SetAside(None))
            await requests.card_undelivered(
                paper.case(tx, THE_BOT), card.payload["request"], card.chat_id
            )


@pytest.mark.parametrize("tries", [0, 3])
async def test_the_requester_is_told_once_when_no_card_reaches_an_admin(
    paper: Paper, tries: int
) -> None:
    await paper.asked()
    await paper.asked(EMIL)
    await paper.forget()
    await give_up_cards(paper, tries=tries)
    said = [notice(ANNA, "no_card", server=BERLIN), notice(EMIL, "no_card", server=BERLIN)]
    assert await paper.heard() == said


async def test_who_cannot_reach_any_admin_is_told_why(paper: Paper) -> None:
    await paper.asked()
    await set_reachable(paper, boris=False, clara=False)
    await paper.forget()
    await give_up_cards(paper)
    assert await paper.heard() == [notice(ANNA, "no_admin_reachable", server=BERLIN)]


async def test_one_card_that_arrived_is_enough(paper: Paper) -> None:
    request = await paper.asked()
    await paper.forget()
    async with paper.database.writing() as tx:
        place = PostedMessage(ChatId(CLARA), 5, OutboxKind.CARD, str(request.id), paper.now)
        await tx.posted.remember(place)
    await give_up_cards(paper)
    assert await paper.heard() == []


async def test_nobody_is_told_about_a_request_that_is_over(paper: Paper) -> None:
    request = await paper.asked()
    await paper.by(await paper.actor(ANNA), requests.cancel, request.id)
    await set_reachable(paper, boris=False, clara=False)
    await paper.forget()
    await paper.do(requests.card_undelivered, request.id, ChatId(BORIS))
    await paper.do(requests.card_undelivered, RequestId(99), ChatId(BORIS))
    assert await paper.heard() == []


async def test_an_approver_who_can_be_reached_is_enough(paper: Paper) -> None:
    """Whoever gets the card counts, and nobody else."""
    dora = UserId(2003)
    async with paper.database.writing() as tx:
        case = paper.case(tx, OPERATOR)
        await groups.add(case, Group(GroupName("sales")))
        await groups.join(case, GroupName("sales"), ANNA)
        await appointing.appoint(case, dora, Role.APPROVER, [GroupName("sales")])
    request = await paper.asked()
    of_emil = await paper.asked(EMIL)
    await set_reachable(paper, boris=False, clara=False)
    assert not await paper.do(requests.admin_reachable)
    assert await paper.do(requests.reachable, request)
    assert not await paper.do(requests.reachable, of_emil)
    async with paper.database.writing() as tx:
        await tx.people.set_reachable(dora, reachable=False)
    assert not await paper.do(requests.reachable, request)


async def test_the_card_that_a_group_does_not_take_goes_to_each_admin(paper: Paper) -> None:
    group = ChatId(-100500)
    paper.more = {"cards_group": group}
    request = await paper.asked()
    await paper.forget()
    await paper.do(requests.card_undelivered, request.id, group)
    cards = [to(admin, OutboxKind.CARD, {"request": request.id}) for admin in (BORIS, CLARA)]
    assert await paper.heard() == cards
    await paper.by(await paper.actor(ANNA), requests.cancel, request.id)
    await paper.do(requests.card_undelivered, request.id, group)
    assert await paper.heard() == []
