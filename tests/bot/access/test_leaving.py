"""Who seems to have left: asked once, answered by an admin, and nothing ends by itself."""

import pytest

from bot.access import appointing, farewells, leaving, people, staff
from bot.access.refusals import Refusal
from storage.joining_records import FarewellId, Leaving, LeavingCause, LeavingId, LeavingState
from storage.records import ChatId, OutboxKind, PostedMessage, UserId
from storage.role_records import Role
from tests.bot.access.kit import (
    ANNA,
    BORIS,
    CLARA,
    DAY,
    EMIL,
    HOUR,
    OPERATOR,
    Noted,
    Paper,
    notice,
    to,
)

ONE, TWO = LeavingId(1), LeavingId(2)
SECOND = UserId(4001)
EVE = UserId(3001)


async def noticed(
    paper: Paper, who: UserId = ANNA, cause: LeavingCause = LeavingCause.DELETED
) -> bool:
    return await paper.do(leaving.notice, who, cause)


async def found(paper: Paper, number: LeavingId = ONE) -> Leaving:
    async with paper.database.reading() as tx:
        one = await tx.leavings.get(number)
    assert one is not None
    return one


async def cards(paper: Paper) -> list[tuple[int, object]]:
    """Whom the admins were asked about since the last call."""
    heard = await paper.heard()
    return [(one.chat, one.payload["leaving"]) for one in heard if one.kind == OutboxKind.LEAVING]


@pytest.mark.parametrize("cause", LeavingCause)
async def test_the_admins_are_asked_once_and_nothing_ends(
    paper: Paper, cause: LeavingCause
) -> None:
    grant = await paper.active()
    await paper.forget()
    assert await noticed(paper, cause=cause)
    assert await paper.heard() == [
        to(BORIS, OutboxKind.LEAVING, {"leaving": ONE}),
        to(CLARA, OutboxKind.LEAVING, {"leaving": ONE}),
    ]
    (row,) = await paper.noted()
    assert (row.actor, row.action, row.subject) == ("vpnbot", "user.seems_gone", f"user:{ANNA}")
    assert row.detail["cause"] == cause
    assert not await noticed(paper, cause=cause)
    assert await paper.heard() == []
    assert (await paper.actor(ANNA)).is_allowed
    assert await paper.grant(grant.id) == grant


async def test_who_is_kept_is_not_asked_about_again(paper: Paper) -> None:
    await noticed(paper)
    await paper.forget()
    boris = await paper.actor(BORIS)
    await paper.by(boris, leaving.keep, ONE)
    assert (await found(paper)).state is LeavingState.KEPT
    (row,) = await paper.noted()
    assert (row.actor, row.action) == (f"telegram:{BORIS}", "user.keep")
    paper.now += 100 * DAY
    async with paper.database.writing() as tx:
        await tx.leavings.prune(paper.now)
    assert not await noticed(paper)
    values = await paper.refuses(boris, Refusal.LEAVING_KEPT, leaving.keep, ONE)
    assert values == {"name": "Anna Petrova", "admin": "Boris", "id": ANNA}
    # Another cause is another matter.
    assert await noticed(paper, cause=LeavingCause.NOT_LISTED)


async def test_every_card_follows(paper: Paper) -> None:
    await noticed(paper)
    async with paper.database.writing() as tx:
        for admin in (BORIS, CLARA):
            posted = PostedMessage(ChatId(admin), 7, OutboxKind.LEAVING, "1", paper.now)
            await tx.posted.remember(posted)
    await paper.forget()
    await paper.by(await paper.actor(BORIS), leaving.keep, ONE)
    edits = [one for one in await paper.heard() if one.kind == OutboxKind.EDIT]
    assert [one.chat for one in edits] == [BORIS, CLARA]
    async with paper.database.reading() as tx:
        assert await tx.posted.about(OutboxKind.LEAVING, "1") == []


async def test_who_is_taken_off_is_settled_by_whatever_way(paper: Paper) -> None:
    await noticed(paper)
    await noticed(paper, cause=LeavingCause.LEFT_GROUP)
    await paper.by(OPERATOR, people.remove, ANNA)
    for number in (ONE, TWO):
        one = await found(paper, number)
        assert (one.state, one.by_name) == (LeavingState.REMOVED, "olga")
    boris = await paper.actor(BORIS)
    values = await paper.refuses(boris, Refusal.LEAVING_OVER, leaving.keep, ONE)
    assert values == {"name": "Anna Petrova", "id": ANNA}
    assert not await noticed(paper), "there is nothing to end"
    # Back on the list some day, and gone again.
    await paper.by(OPERATOR, people.allow, ANNA, "Anna Petrova")
    assert await noticed(paper)
    async with paper.database.writing() as tx:
        await tx.leavings.prune(paper.now + DAY)
        assert [one.id for one in await tx.leavings.of(ANNA)] == [3]


async def test_who_took_that_back_has_kept_them(paper: Paper) -> None:
    await noticed(paper)
    boris = await paper.actor(BORIS)
    await paper.by(boris, people.remove, ANNA)
    paper.now += HOUR * 2
    await paper.by(boris, people.allow, ANNA, "Anna Petrova")
    await noticed(paper)
    await paper.by(boris, people.remove, ANNA)
    await paper.by(boris, farewells.undo, FarewellId(2))
    one = await found(paper, TWO)
    assert (one.state, one.by_name) == (LeavingState.KEPT, "Boris")
    assert (await found(paper)).state is LeavingState.REMOVED
    assert not await noticed(paper)


async def test_who_is_there_again_is_no_question_any_more(paper: Paper) -> None:
    await paper.do(leaving.in_group, ANNA, is_member=False)
    await noticed(paper)
    await paper.forget()
    await paper.do(leaving.in_group, ANNA, is_member=True)
    detail = {"name": "vpnbot", "cause": LeavingCause.LEFT_GROUP}
    assert await paper.noted() == [Noted("vpnbot", "user.is_back", f"user:{ANNA}", detail)]
    assert (await found(paper)).state is LeavingState.BACK
    assert (await found(paper, TWO)).state is LeavingState.OPEN
    await paper.do(people.unreachable, ANNA)
    await paper.do(people.reached, ANNA)
    assert (await found(paper, TWO)).state is LeavingState.BACK
    await paper.forget()
    await paper.do(leaving.in_group, ANNA, is_member=False)
    assert await cards(paper) == [(BORIS, 3), (CLARA, 3)]


async def test_to_block_the_bot_is_not_to_leave(paper: Paper) -> None:
    await paper.do(people.unreachable, ANNA)
    assert await cards(paper) == []
    await paper.do(people.unreachable, ANNA, is_deleted=True)
    assert await cards(paper) == [(BORIS, 1), (CLARA, 1)]


async def test_nobody_decides_about_themselves(paper: Paper) -> None:
    await paper.by(OPERATOR, people.allow, BORIS, "Boris")
    await paper.forget()
    await noticed(paper, BORIS, LeavingCause.LEFT_GROUP)
    assert await cards(paper) == [(CLARA, 1)]
    boris = await paper.actor(BORIS)
    await paper.refuses(boris, Refusal.LEAVING_OWN, leaving.keep, ONE)
    await paper.by(await paper.actor(CLARA), leaving.keep, ONE)


async def test_only_who_may_remove_answers(paper: Paper) -> None:
    await noticed(paper)
    await paper.by(OPERATOR, appointing.appoint, EMIL, Role.AUDITOR)
    for who in (ANNA, EMIL, EVE):
        await paper.refuses(await paper.actor(who), Refusal.ADMINS_ONLY, leaving.keep, ONE)
    await paper.refuses(await paper.actor(BORIS), Refusal.NO_BUTTON, leaving.keep, LeavingId(9))


async def test_who_has_nothing_here_is_not_asked_about(paper: Paper) -> None:
    assert not await noticed(paper, EVE)
    assert not await noticed(paper, BORIS), "an admin of the settings who is not on the list"
    await paper.by(OPERATOR, appointing.appoint, EVE, Role.APPROVER)
    assert await noticed(paper, EVE)


async def test_somebody_with_two_accounts_leaves_by_both(paper: Paper) -> None:
    await paper.by(OPERATOR, people.allow, SECOND, "Anna at home")
    await paper.by(OPERATOR, people.link, SECOND, ANNA)
    await paper.forget()
    assert not await noticed(paper)
    assert await cards(paper) == []
    assert await noticed(paper, SECOND)
    assert await cards(paper) == [(BORIS, 2), (CLARA, 2)]


async def test_a_list_of_the_staff_proposes_within_bounds(paper: Paper) -> None:
    many = [UserId(5000 + number) for number in range(21)]
    for who in many:
        await paper.by(OPERATOR, people.allow, who, f"P{who}")
    await paper.forget()
    assert await paper.by(OPERATOR, staff.propose, many, {ANNA}) == 20
    assert len(await cards(paper)) == 40
    assert await paper.by(OPERATOR, staff.propose, many, {ANNA}) == 1
    assert await paper.by(OPERATOR, staff.propose, [], {many[0]}) == 0
    assert (await found(paper)).state is LeavingState.BACK
    await paper.refuses(await paper.actor(ANNA), Refusal.ADMINS_ONLY, staff.propose, [], [])


OLD, NEW = ChatId(-500), ChatId(-100500)


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({"group": OLD}, ["ADMIN_GROUP"]),
        ({"group": -7, "cards_group": OLD}, ["CARDS_GROUP"]),
        ({"group": OLD, "cards_group": OLD}, ["ADMIN_GROUP", "CARDS_GROUP"]),
        ({"group": -7}, []),
    ],
)
async def test_admins_hear_once_which_setting_names_a_group_that_moved(
    paper: Paper, settings: dict[str, int], named: list[str]
) -> None:
    paper.more = dict(settings)
    await paper.do(leaving.group_moved, OLD, NEW)
    assert await paper.heard() == [
        notice(admin, "group_moved", setting=setting, number=NEW)
        for setting in named
        for admin in (BORIS, CLARA)
    ]
    moved = Noted("vpnbot", "admin_group.move", f"chat:{NEW}", {"name": "vpnbot", "before": OLD})
    assert await paper.noted() == [moved] * bool(named)
    async with paper.database.reading() as tx:
        assert await tx.leavings.group_now(OLD) == (NEW if named else OLD)
    await paper.do(leaving.group_moved, OLD, NEW)
    assert (await paper.heard(), await paper.noted()) == ([], [])
