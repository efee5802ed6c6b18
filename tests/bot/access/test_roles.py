"""Roles: who decides, who looks, and what becomes of a card when a role ends."""

import pytest

from bot.access import appointing, farewells, groups, people, requests, roles
from bot.access.messages import Notice
from bot.access.permission import Actor
from bot.access.refusals import Refusal
from bot.access.requests import Agreed
from storage.group_records import Group, GroupName
from storage.records import GrantState, OutboxKind, RequestState, UserId
from storage.role_records import Appointment, Role
from tests.bot.access.kit import ANNA, BORIS, CLARA, EMIL, OPERATOR, Paper

DORA, FINN = UserId(2003), UserId(2004)
DEV, OPS = GroupName("dev"), GroupName("ops")


@pytest.fixture
async def grouped(paper: Paper) -> Paper:
    """Anna is in dev, Emil in ops; Dora decides for dev."""
    for name, member in ((DEV, ANNA), (OPS, EMIL)):
        await paper.by(OPERATOR, groups.add, Group(name))
        await paper.by(OPERATOR, groups.join, name, member)
    await paper.by(OPERATOR, appointing.appoint, DORA, Role.APPROVER, [DEV])
    await paper.forget()
    return paper


async def cards(paper: Paper) -> list[int]:
    return [said.chat for said in await paper.heard() if said.kind is OutboxKind.CARD]


async def test_an_approver_gets_the_cards_of_their_groups_and_decides(grouped: Paper) -> None:
    request = await grouped.asked(ANNA)
    assert await cards(grouped) == [BORIS, CLARA, DORA]
    assert (await grouped.yes(DORA, request.id)).grant.state is GrantState.RESERVED


async def test_an_approver_has_no_say_on_others(grouped: Paper) -> None:
    request = await grouped.asked(EMIL)
    assert await cards(grouped) == [BORIS, CLARA]
    dora = await grouped.actor(DORA)
    for refused in (
        await grouped.refuses(dora, Refusal.OTHER_GROUP, requests.approve, request.id, None),
        await grouped.refuses(dora, Refusal.OTHER_GROUP, requests.deny, request.id),
    ):
        assert refused == {"groups": "dev"}
    await grouped.refuses(dora, Refusal.ADMINS_ONLY, people.remove, EMIL)
    await grouped.refuses(dora, Refusal.ADMINS_ONLY, appointing.appoint, DORA, Role.ADMIN)


async def test_an_approver_who_asks_does_not_decide(grouped: Paper) -> None:
    await grouped.by(OPERATOR, people.allow, DORA, "Dora")
    await grouped.by(OPERATOR, groups.join, DEV, DORA)
    request = await grouped.asked(DORA)
    dora = await grouped.actor(DORA)
    await grouped.refuses(dora, Refusal.OWN_REQUEST, requests.approve, request.id, None)


async def test_a_role_that_ends_takes_its_say_along(grouped: Paper) -> None:
    grouped.approvals = 2
    request = await grouped.asked(ANNA)
    agreed = await grouped.by(await grouped.actor(DORA), requests.approve, request.id, None)
    assert isinstance(agreed, Agreed)
    before = await grouped.actor(DORA)
    await grouped.by(await grouped.actor(BORIS), appointing.dismiss, DORA)
    # Their yes counts no more, not even when they are given the role again.
    assert isinstance(
        await grouped.by(await grouped.actor(BORIS), requests.approve, request.id, None), Agreed
    )
    gone = await grouped.actor(DORA)
    await grouped.refuses(gone, Refusal.ADMINS_ONLY, requests.approve, request.id, None)
    await grouped.by(OPERATOR, appointing.appoint, DORA, Role.APPROVER, [DEV])
    assert (await grouped.actor(DORA)).decides_for == before.decides_for
    async with grouped.database.reading() as tx:
        still = await tx.requests.get(request.id)
    assert still is not None
    assert still.state is RequestState.PENDING
    await grouped.yes(DORA, request.id)


async def test_more_groups_for_an_approver_keep_what_they_said(grouped: Paper) -> None:
    grouped.approvals = 2
    request = await grouped.asked(ANNA)
    await grouped.by(await grouped.actor(DORA), requests.approve, request.id, None)
    await grouped.by(OPERATOR, appointing.appoint, DORA, Role.APPROVER, [DEV, OPS])
    await grouped.yes(BORIS, request.id)


async def test_whoever_becomes_an_approver_gets_what_waits(grouped: Paper) -> None:
    request = await grouped.asked(EMIL)
    await grouped.forget()
    await grouped.by(OPERATOR, appointing.appoint, FINN, Role.APPROVER, [OPS])
    told = [(one.chat, one.kind, one.payload) for one in await grouped.heard()]
    assert (FINN, OutboxKind.CARD, {"request": request.id}) in told
    assert (FINN, OutboxKind.MENU, {}) in told
    codes = {(chat, payload.get("code")) for chat, _, payload in told}
    assert {(FINN, Notice.MADE_APPROVER), (BORIS, Notice.ROLE_GIVEN)} <= codes


async def test_whose_role_is_taken_hears_of_it_and_so_do_the_other_admins(grouped: Paper) -> None:
    boris = await grouped.actor(BORIS)
    await grouped.forget()
    await grouped.by(boris, appointing.dismiss, DORA)
    told = {(said.chat, said.payload.get("code")) for said in await grouped.heard()}
    assert {(DORA, Notice.ROLE_OVER), (CLARA, Notice.ROLE_TAKEN)} <= told
    assert (BORIS, Notice.ROLE_TAKEN) not in told


async def test_an_admin_by_role_is_one_in_everything_but_the_settings(paper: Paper) -> None:
    await paper.by(await paper.actor(BORIS), appointing.appoint, DORA, Role.ADMIN)
    dora = await paper.actor(DORA)
    assert dora.is_admin
    request = await paper.asked(ANNA)
    assert DORA in await cards(paper)
    await paper.by(dora, requests.deny, request.id)
    await paper.by(dora, people.allow, FINN, "Finn")
    # Nobody can take away what the settings say, nor give less than that.
    await paper.refuses(dora, Refusal.ADMIN_BY_SETTINGS, appointing.dismiss, BORIS)
    values = await paper.refuses(
        dora, Refusal.ADMIN_BY_SETTINGS, appointing.appoint, BORIS, Role.AUDITOR
    )
    assert values == {"name": "2001"}
    assert (await paper.actor(BORIS)).is_admin


async def test_the_settings_go_before_a_role(paper: Paper) -> None:
    await paper.by(OPERATOR, appointing.appoint, DORA, Role.AUDITOR)
    paper.admins = (BORIS, DORA)
    dora = await paper.actor(DORA)
    assert (dora.is_admin, dora.is_auditor, dora.decides_for) == (True, False, None)


async def test_an_auditor_sees_and_changes_nothing(paper: Paper) -> None:
    await paper.by(OPERATOR, appointing.appoint, DORA, Role.AUDITOR)
    dora = await paper.actor(DORA)
    assert dora == Actor("telegram:2003", "Somebody", DORA, is_auditor=True)
    request = await paper.asked(ANNA)
    assert DORA not in await cards(paper)
    for use_case, arguments in (
        (requests.approve, (request.id, None)),
        (requests.deny, (request.id,)),
        (people.allow, (FINN, "Finn")),
        (people.remove, (ANNA,)),
        (appointing.appoint, (DORA, Role.ADMIN)),
        (appointing.dismiss, (DORA,)),
    ):
        await paper.refuses(dora, Refusal.ADMINS_ONLY, use_case, *arguments)  # type: ignore[arg-type]


async def test_being_removed_ends_the_role_too(grouped: Paper) -> None:
    await grouped.by(OPERATOR, people.allow, DORA, "Dora")
    await grouped.by(OPERATOR, people.remove, DORA)
    assert await grouped.actor(DORA) == Actor("telegram:2003", "Somebody", DORA)
    # Somebody who had nothing but the role can be removed as well.
    await grouped.by(OPERATOR, appointing.appoint, FINN, Role.AUDITOR)
    await grouped.by(OPERATOR, people.remove, FINN)
    assert not (await grouped.actor(FINN)).is_known


async def test_a_group_that_is_gone_is_nobodys_to_decide_for(grouped: Paper) -> None:
    await grouped.by(OPERATOR, groups.remove, DEV)
    await grouped.by(OPERATOR, groups.add, Group(DEV))
    assert (await grouped.actor(DORA)).decides_for == frozenset()


async def test_a_group_may_name_its_approvers_itself(grouped: Paper) -> None:
    await grouped.by(OPERATOR, appointing.appoint, FINN, Role.APPROVER)
    await grouped.by(OPERATOR, groups.edit, Group(OPS, approvers=(FINN,)))
    request = await grouped.asked(EMIL)
    assert await cards(grouped) == [FINN]
    boris = await grouped.actor(BORIS)
    values = await grouped.refuses(boris, Refusal.NOT_APPROVER, requests.approve, request.id, None)
    assert values == {"names": ["2004"], "request": request.id}
    await grouped.yes(FINN, request.id)
    await grouped.by(OPERATOR, appointing.appoint, DORA, Role.AUDITOR)
    # Somebody who only looks is no approver.
    await grouped.refuses(
        boris, Refusal.APPROVER_NO_ADMIN, groups.edit, Group(OPS, approvers=(DORA,))
    )


async def test_what_makes_no_sense_is_refused(grouped: Paper) -> None:
    for code, arguments in (
        (Refusal.ROLE_GROUPS, (FINN, Role.AUDITOR, [DEV])),
        (Refusal.UNKNOWN_GROUP, (FINN, Role.APPROVER, [GroupName("nowhere")])),
        (Refusal.SAME_ROLE, (DORA, Role.APPROVER, [DEV, DEV])),
    ):
        await grouped.refuses(OPERATOR, code, appointing.appoint, *arguments)
    await grouped.refuses(OPERATOR, Refusal.NO_ROLE, appointing.dismiss, ANNA)
    await grouped.refuses(OPERATOR, Refusal.UNKNOWN_PERSON, appointing.dismiss, UserId(9))


async def test_every_change_is_in_the_trail(grouped: Paper) -> None:
    await grouped.noted()
    await grouped.by(OPERATOR, appointing.appoint, DORA, Role.AUDITOR)
    await grouped.by(OPERATOR, appointing.dismiss, DORA)
    assert [(one.action, one.subject, one.detail) for one in await grouped.noted()] == [
        (
            "user.role",
            "user:2003",
            {"name": "olga", "user_name": "2003", "role": "auditor", "groups": ""},
        ),
        ("user.role_end", "user:2003", {"name": "olga", "user_name": "2003", "was": "auditor"}),
    ]


async def test_the_admins_of_the_settings_come_first(paper: Paper) -> None:
    await paper.by(OPERATOR, appointing.appoint, UserId(5), Role.ADMIN)
    async with paper.database.writing() as tx:
        # Left from before the settings named them.
        await tx.people.know(CLARA, "Clara", paper.now)
        await tx.roles.set(Appointment(CLARA, Role.APPROVER, (DEV,), 0))
        assert await roles.admins(tx, paper.rules) == (BORIS, CLARA, UserId(5))
        assert await roles.deciders(tx, paper.rules, [DEV]) == ((BORIS, CLARA, UserId(5)), ())


@pytest.mark.parametrize("what", ["approvals", "long", "group"])
async def test_nobody_alone_makes_somebody_who_agrees_with_them(paper: Paper, what: str) -> None:
    """Where several have to agree: else whoever has one admin's account were several at once."""
    if what == "approvals":
        paper.approvals = 2
    if what == "long":
        paper.long_duration = 86_400
    await paper.by(OPERATOR, groups.add, Group(DEV, approvals=2 if what == "group" else None))
    boris = await paper.actor(BORIS)
    for role, names in ((Role.ADMIN, ()), (Role.APPROVER, (DEV,))):
        told = await paper.refuses(
            boris, Refusal.SEVERAL_APPOINT, appointing.appoint, DORA, role, names
        )
        assert told == {"id": DORA, "role": role}
    # Whoever only looks may, and so may whoever decides already.
    await paper.by(boris, appointing.appoint, DORA, Role.AUDITOR)
    await paper.by(OPERATOR, appointing.appoint, DORA, Role.ADMIN)
    await paper.by(boris, appointing.appoint, DORA, Role.APPROVER, [DEV])


async def test_who_is_put_back_has_their_role_again_where_several_agree(paper: Paper) -> None:
    paper.approvals = 2
    await paper.by(OPERATOR, appointing.appoint, ANNA, Role.ADMIN)
    boris = await paper.actor(BORIS)
    done = await paper.by(boris, people.remove, ANNA)
    await paper.by(boris, farewells.undo, done.farewell)
    assert (await paper.actor(ANNA)).is_admin
