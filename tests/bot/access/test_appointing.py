"""Whoever gets a role, or loses it: what they and the others read, and which cards they get."""

from typing import Any

import pytest

from bot.access import appointing, groups, requests
from bot.access.appointing import Appointed
from bot.access.messages import Notice
from bot.access.refusals import Refusal
from bot.access.requests import Agreed
from storage.group_records import Group, GroupName
from storage.records import ChatId, OutboxKind, PostedMessage, ServerName, UserId
from storage.role_records import Role
from tests.bot.access.kit import (
    ANNA,
    BERLIN,
    BORIS,
    CLARA,
    EMIL,
    OPERATOR,
    PARIS,
    Paper,
    notice,
    to,
)

DORA = UserId(2003)
DEV = GroupName("dev")
BY_BORIS: dict[str, Any] = {"admin": "Boris", "by": f"telegram:{BORIS}"}


@pytest.fixture
async def grouped(two_servers: Paper) -> Paper:
    """Anna is in dev."""
    await two_servers.by(OPERATOR, groups.add, Group(DEV))
    await two_servers.by(OPERATOR, groups.join, DEV, ANNA)
    await two_servers.forget()
    return two_servers


@pytest.mark.parametrize(
    ("role", "names", "code"),
    [
        (Role.ADMIN, (), Notice.MADE_ADMIN),
        (Role.APPROVER, (DEV,), Notice.MADE_APPROVER),
        (Role.AUDITOR, (), Notice.MADE_AUDITOR),
    ],
)
async def test_they_read_what_they_are_by_whom_and_the_other_admins_too(
    grouped: Paper, role: Role, names: tuple[GroupName, ...], code: Notice
) -> None:
    async with grouped.database.writing() as tx:
        await tx.people.note_newcomer(DORA, "Dora", None, grouped.now)
    done = await grouped.by(await grouped.actor(BORIS), appointing.appoint, DORA, role, names)
    assert done == Appointed(await grouped.person(DORA), role, names)
    assert done.person.name == "Dora"
    shown = ", ".join(names)
    assert await grouped.heard() == [
        to(DORA, OutboxKind.MENU, {}),
        notice(DORA, code, groups=shown, **BY_BORIS),
        notice(CLARA, Notice.ROLE_GIVEN, name="Dora", role=role, groups=shown, **BY_BORIS),
    ]

    done = await grouped.by(await grouped.actor(BORIS), appointing.dismiss, DORA)
    assert done == Appointed(await grouped.person(DORA), None)
    assert await grouped.heard() == [
        to(DORA, OutboxKind.MENU, {}),
        notice(DORA, Notice.ROLE_OVER, **BY_BORIS),
        notice(CLARA, Notice.ROLE_TAKEN, name="Dora", **BY_BORIS),
    ]


async def test_who_may_not_appoint_does_not_learn_who_is_an_admin(grouped: Paper) -> None:
    emil = await grouped.actor(EMIL)
    for use_case in (appointing.appoint, appointing.restore):
        for who in (BORIS, DORA):
            await grouped.refuses(emil, Refusal.ADMINS_ONLY, use_case, who, Role.AUDITOR)
    await grouped.refuses(emil, Refusal.ADMINS_ONLY, appointing.dismiss, BORIS)


async def test_what_the_settings_say_goes_before_how_many_have_to_agree(grouped: Paper) -> None:
    grouped.approvals = 2
    clara = await grouped.actor(CLARA)
    for use_case in (appointing.appoint, appointing.restore):
        await grouped.refuses(clara, Refusal.ADMIN_BY_SETTINGS, use_case, BORIS, Role.ADMIN)


async def test_a_yes_counts_no_more_once_they_had_no_say_in_between(grouped: Paper) -> None:
    grouped.approvals = 2
    await grouped.by(OPERATOR, appointing.appoint, DORA, Role.APPROVER, [DEV])
    request = await grouped.asked(ANNA)
    await grouped.by(await grouped.actor(DORA), requests.approve, request.id, None)
    await grouped.by(OPERATOR, appointing.appoint, DORA, Role.AUDITOR)
    await grouped.by(OPERATOR, appointing.appoint, DORA, Role.APPROVER, [DEV])
    done = await grouped.by(await grouped.actor(BORIS), requests.approve, request.id, None)
    assert isinstance(done, Agreed)


async def test_they_get_the_cards_they_lack_and_all_others_are_brought_up_to_date(
    grouped: Paper,
) -> None:
    has, lacks = await grouped.asked(ANNA), await grouped.asked(ANNA, server=PARIS)
    others = await grouped.asked(EMIL, server=BERLIN)
    async with grouped.database.writing() as tx:
        for chat, request in ((BORIS, has), (DORA, has), (BORIS, lacks), (BORIS, others)):
            number = request.id + 10 * chat
            card = PostedMessage(
                ChatId(chat), number, OutboxKind.CARD, str(request.id), grouped.now
            )
            await tx.posted.remember(card)
    await grouped.forget()
    await grouped.by(OPERATOR, appointing.appoint, DORA, Role.APPROVER, [DEV])
    heard = [one for one in await grouped.heard() if "request" in one.payload]
    assert [(one.chat, one.kind, one.payload["request"]) for one in heard] == [
        (BORIS, OutboxKind.EDIT_CARD, has.id),
        (DORA, OutboxKind.EDIT_CARD, has.id),
        (BORIS, OutboxKind.EDIT_CARD, lacks.id),
        (DORA, OutboxKind.CARD, lacks.id),
        (BORIS, OutboxKind.EDIT_CARD, others.id),
    ]


async def test_nobody_gets_more_than_fifty_cards_at_once(grouped: Paper) -> None:
    said: dict[str, Any] = {"reason": "", "asked_at": grouped.now, "expires_at": grouped.now}
    async with grouped.database.writing() as tx:
        for number in range(51):
            server = ServerName(f"server-{number}")
            await tx.requests.add(user_id=EMIL, server=server, duration=60, **said)
    await grouped.by(OPERATOR, appointing.appoint, DORA, Role.ADMIN)
    cards = [one for one in await grouped.heard() if one.kind is OutboxKind.CARD]
    assert [one.chat for one in cards] == [DORA] * 50
