"""Taken off the allowlist, and put back: as they were, without what has ended."""

from datetime import timedelta

import pytest

from bot.access import appointing, farewells, groups, pausing, people, requests
from bot.access.messages import Notice
from bot.access.people import Removed
from bot.access.refusals import Refusal
from storage.group_records import Group, GroupName
from storage.joining_records import FarewellId
from storage.records import (
    ChatId,
    GrantState,
    OutboxKind,
    PostedMessage,
    RequestState,
    UserId,
)
from storage.role_records import Role
from tests.bot.access.kit import ANNA, BORIS, CLARA, EMIL, HOUR, Paper, notice, to

DEV, OPS = GroupName("dev"), GroupName("ops")
ONE = FarewellId(1)
SECOND = timedelta(seconds=1)


async def removed(paper: Paper, who: UserId = ANNA) -> Removed:
    return await paper.by(await paper.actor(BORIS), people.remove, who)


async def undone(paper: Paper, number: FarewellId = ONE) -> None:
    await paper.by(await paper.actor(BORIS), farewells.undo, number)


async def refused(paper: Paper, code: Refusal, admin: UserId = BORIS) -> dict[str, object]:
    return await paper.refuses(await paper.actor(admin), code, farewells.undo, ONE)


async def furnished(paper: Paper) -> None:
    """Anna belongs to both groups, and decides for one."""
    for group in (DEV, OPS):
        await paper.do(groups.add, Group(group))
        await paper.do(groups.join, group, ANNA)
    await paper.do(appointing.appoint, ANNA, Role.APPROVER, [DEV])


async def test_they_are_back_as_they_were_and_what_ended_stays_ended(paper: Paper) -> None:
    await furnished(paper)
    grant = await paper.active()
    asked = await paper.asked(EMIL)
    own = await paper.asked(ANNA)
    done = await removed(paper)
    assert done.farewell == ONE
    assert not (await paper.actor(ANNA)).is_known
    async with paper.database.reading() as tx:
        assert await tx.groups.of_accounts([ANNA]) == []
    await paper.forget()
    paper.now += HOUR - SECOND
    await undone(paper)
    anna = await paper.actor(ANNA)
    assert anna.is_allowed
    assert anna.decides_for == frozenset({DEV})
    async with paper.database.reading() as tx:
        assert {one.name for one in await tx.groups.of_accounts([ANNA])} == {DEV, OPS}
        assert await tx.invitations.removed_at(ANNA) is None
    assert (await paper.grant(grant.id)).state is GrantState.REVOKING
    assert (await paper.request(own.id)).state is RequestState.CANCELLED
    told = [one for one in await paper.heard() if one.chat == ANNA]
    by = {"admin": "Boris", "by": f"telegram:{BORIS}"}
    assert notice(ANNA, Notice.ON_LIST_AGAIN, paper.now, **by) in told
    assert told[-1] == to(ANNA, OutboxKind.MENU, {}, paper.now)
    assert asked.state is RequestState.PENDING
    acts = [row.action for row in await paper.noted()]
    assert acts == ["user.restore", "group.join", "group.join", "user.role"]
    # Once.
    await refused(paper, Refusal.NOTHING_TO_UNDO)


async def test_whoever_was_paused_is_paused_again(paper: Paper) -> None:
    await paper.do(pausing.pause, ANNA, paper.now + 3 * HOUR)
    async with paper.database.reading() as tx:
        before = await tx.pauses.of(ANNA)
    await removed(paper)
    await undone(paper)
    async with paper.database.reading() as tx:
        assert await tx.pauses.of(ANNA) == before
    assert (await paper.actor(ANNA)).is_paused


async def test_by_all_of_their_accounts_that_were_on_it(paper: Paper) -> None:
    await paper.do(people.link, EMIL, ANNA)
    await removed(paper, EMIL)
    assert not (await paper.actor(ANNA)).is_allowed
    await undone(paper)
    assert (await paper.actor(ANNA)).is_allowed
    assert (await paper.actor(EMIL)).is_allowed


async def test_an_admin_who_never_was_on_the_list_gets_the_role_only(paper: Paper) -> None:
    await paper.do(appointing.appoint, UserId(3001), Role.AUDITOR)
    await removed(paper, UserId(3001))
    await paper.heard()
    await undone(paper)
    actor = await paper.actor(UserId(3001))
    assert (actor.is_auditor, actor.is_allowed) == (True, False)
    codes = [one.payload.get("code") for one in await paper.heard()]
    assert Notice.MADE_AUDITOR in codes
    assert Notice.ON_LIST_AGAIN not in codes


async def test_who_put_themselves_back_need_not_be_told(paper: Paper) -> None:
    await paper.do(people.allow, BORIS, "Boris")
    await removed(paper, BORIS)
    await paper.heard()
    await undone(paper)
    assert await paper.heard() == [to(BORIS, OutboxKind.MENU, {})]


async def test_late_it_stands(paper: Paper) -> None:
    await removed(paper)
    paper.now += HOUR
    assert await refused(paper, Refusal.FAREWELL_LATE) == {"name": "Anna Petrova", "id": ANNA}


@pytest.mark.parametrize("what", ["allowed", "removed again", "appointed", "linked"])
async def test_a_newer_decision_about_them_counts(paper: Paper, what: str) -> None:
    await removed(paper)
    if what in {"allowed", "removed again"}:
        await paper.do(people.allow, ANNA, "Anna")
    if what == "removed again":
        await paper.do(people.remove, ANNA)
    if what == "appointed":
        await paper.do(appointing.appoint, ANNA, Role.AUDITOR)
    if what == "linked":
        await paper.do(people.link, ANNA, EMIL)
    await refused(paper, Refusal.FAREWELL_OVERTAKEN)


async def test_without_a_group_of_theirs_they_are_not_put_back(paper: Paper) -> None:
    await furnished(paper)
    await removed(paper)
    await paper.do(groups.remove, OPS)
    assert (await refused(paper, Refusal.FAREWELL_GROUP_GONE))["group"] == OPS
    # One that is called so by now is another one.
    await paper.do(groups.add, Group(OPS, standing=3600))
    assert (await refused(paper, Refusal.FAREWELL_GROUP_GONE))["group"] == OPS


async def test_only_whoever_did_it_takes_it_back_and_only_as_an_admin(paper: Paper) -> None:
    await removed(paper)
    await refused(paper, Refusal.UNDO_NOT_YOURS, CLARA)
    await refused(paper, Refusal.ADMINS_ONLY, EMIL)
    paper.admins = (CLARA,)
    await refused(paper, Refusal.ADMINS_ONLY)
    paper.admins = (BORIS, CLARA)
    boris = await paper.actor(BORIS)
    await paper.refuses(boris, Refusal.NOTHING_TO_UNDO, farewells.undo, FarewellId(9))


async def test_a_yes_from_before_does_not_count_again(paper: Paper) -> None:
    """Whoever is an approver once more says it anew."""
    paper.approvals = 2
    await furnished(paper)
    await paper.do(groups.join, DEV, EMIL)
    request = await paper.asked(EMIL)
    await paper.by(await paper.actor(ANNA), requests.approve, request.id, None)
    await removed(paper)
    await undone(paper)
    agreed = await paper.by(await paper.actor(BORIS), requests.approve, request.id, None)
    assert isinstance(agreed, requests.Agreed)


async def test_undo_goes_from_the_message_after_an_hour(paper: Paper) -> None:
    await removed(paper)
    async with paper.database.writing() as tx:
        posted = PostedMessage(ChatId(BORIS), 500, OutboxKind.FAREWELL, "1", paper.now)
        await tx.posted.remember(posted)
    await paper.do(farewells.settle_due)
    await paper.forget()
    paper.now += HOUR
    await paper.do(farewells.settle_due)
    edit = {"kind": "farewell", "subject": "1", "message": 500}
    assert [one.payload for one in await paper.heard()] == [edit]
    await paper.do(farewells.settle_due)
    assert await paper.heard() == []
    await refused(paper, Refusal.FAREWELL_LATE)
