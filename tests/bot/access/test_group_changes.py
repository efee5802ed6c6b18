"""Who may change groups, what is refused of them, and what cards and the trail say of it."""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

import pytest

from bot.access import appointing, groups
from bot.access.groups import Changed
from bot.access.refusals import Refusal
from storage.group_records import Group, GroupName, Reason
from storage.records import ChatId, OutboxKind, PostedMessage, UserId
from storage.role_records import Role
from tests.bot.access.kit import (
    ANNA,
    BERLIN,
    BORIS,
    CLARA,
    EMIL,
    HOUR_S,
    OPERATOR,
    PARIS,
    Noted,
    Paper,
    make_server,
)

DORA = UserId(2003)
DEV, OPS = GroupName("dev"), GroupName("ops")
RANGED = Group(DEV, networks=("10.8.0.4/31",))


async def made(paper: Paper, group: Group, *members: UserId) -> None:
    await paper.by(OPERATOR, groups.add, group)
    for member in members:
        await paper.by(OPERATOR, groups.join, group.name, member)
    await paper.forget()


@pytest.mark.parametrize(
    ("change", "about"),
    [
        (groups.add, (Group(OPS),)),
        (groups.edit, (Group(DEV),)),
        (groups.remove, (DEV,)),
        (groups.join, (DEV, EMIL)),
        (groups.leave, (DEV, ANNA)),
    ],
)
async def test_only_admins_change_groups(
    paper: Paper, change: Callable[..., Awaitable[Any]], about: tuple[Any, ...]
) -> None:
    await made(paper, Group(DEV), ANNA)
    await paper.refuses(await paper.actor(ANNA), Refusal.ADMINS_ONLY, change, *about)
    await paper.by(await paper.actor(BORIS), change, *about)


async def test_the_trail_says_what_became_of_a_group(paper: Paper) -> None:
    said: dict[str, object] = {
        "networks": [],
        "routes": [],
        "dns": [],
        "servers": [BERLIN],
        "max_duration": "1h",
        "approvers": [BORIS],
        "approvals": 1,
        "reason": Reason.TICKET,
        "max_profiles": 2,
        "standing": None,
    }
    full = Group(
        DEV,
        servers=(BERLIN,),
        max_duration=HOUR_S,
        approvers=(BORIS,),
        approvals=1,
        reason=Reason.TICKET,
        max_profiles=2,
    )
    await paper.by(OPERATOR, groups.add, full)
    await paper.by(OPERATOR, groups.edit, full)
    await paper.by(OPERATOR, groups.join, DEV, ANNA)
    await paper.by(OPERATOR, groups.leave, DEV, ANNA)
    await paper.by(OPERATOR, groups.join, DEV, EMIL)
    await paper.by(OPERATOR, groups.remove, DEV)
    anna, emil = "Anna Petrova", "Emil"
    about: list[tuple[str, str, dict[str, object]]] = [
        ("group.add", "group:dev", said),
        ("group.edit", "group:dev", said),
        ("group.join", f"user:{ANNA}", {"user_name": anna, "group": DEV}),
        ("group.leave", f"user:{ANNA}", {"user_name": anna, "group": DEV}),
        ("group.join", f"user:{EMIL}", {"user_name": emil, "group": DEV}),
        ("group.remove", "group:dev", {"members": [EMIL]}),
    ]
    assert await paper.noted() == [
        Noted(OPERATOR.key, action, subject, {"name": "olga", **detail})
        for action, subject, detail in about
    ]


async def test_where_it_decides_for_nobody_an_admin_takes_people_out(paper: Paper) -> None:
    await made(paper, Group(DEV, approvals=1), ANNA)
    assert await paper.by(await paper.actor(CLARA), groups.leave, DEV, ANNA) == Changed({})


async def test_on_the_machine_one_may_join_what_gives_at_once(paper: Paper) -> None:
    """Whoever acts there could do anything."""
    await made(paper, Group(DEV, standing=HOUR_S))
    word = replace(OPERATOR, user_id=ANNA)
    await paper.by(word, groups.join, DEV, ANNA)


# --- What is refused --------------------------------------------------------------------------


async def test_a_change_is_refused_for_the_same_reasons_as_a_new_group(paper: Paper) -> None:
    await made(paper, RANGED)
    values = await paper.refuses(
        OPERATOR, Refusal.UNKNOWN_SERVER, groups.edit, Group(DEV, servers=(PARIS,))
    )
    assert values == {"server": PARIS}
    # A range of its own is nobody else's.
    assert await paper.by(OPERATOR, groups.edit, RANGED) == Changed({})


async def test_a_range_is_on_a_server_of_the_group(paper: Paper) -> None:
    async with paper.database.writing() as tx:
        await tx.servers.add(replace(make_server(PARIS, "10.9.0.0/29"), network6="fd00:9::/64"))
    ranged = replace(RANGED, servers=(PARIS,))
    values = await paper.refuses(OPERATOR, Refusal.RANGE_NOWHERE, groups.add, ranged)
    networks = "10.9.0.0/29 (paris), fd00:9::/64 (paris)"
    assert values == {"network": "10.8.0.4/31", "networks": networks}
    await paper.by(OPERATOR, groups.add, replace(RANGED, servers=(BERLIN,)))
    # As many as the IPv4 network has, and not the first of them.
    await paper.by(OPERATOR, groups.add, Group(OPS, networks=("fd00:9::8/125",)))
    values = await paper.refuses(
        OPERATOR, Refusal.RANGE_TAKEN, groups.edit, replace(RANGED, networks=("fd00:9::8/126",))
    )
    assert values == {"network": "fd00:9::8/126", "group": OPS, "range": "fd00:9::8/125"}


async def test_whoever_decides_for_a_group_has_a_role(paper: Paper) -> None:
    await paper.by(OPERATOR, appointing.appoint, DORA, Role.AUDITOR)
    named = Group(DEV, approvers=(BORIS, DORA))
    values = await paper.refuses(OPERATOR, Refusal.APPROVER_NO_ADMIN, groups.add, named)
    assert values == {"id": DORA}
    await paper.by(OPERATOR, appointing.appoint, DORA, Role.APPROVER)
    await paper.by(OPERATOR, groups.add, named)
    # A command may run without knowing the admins.
    paper.admins = ()
    await paper.by(OPERATOR, groups.add, Group(OPS, approvers=(CLARA,), approvals=1))


# --- Addresses --------------------------------------------------------------------------------


async def test_whom_a_change_does_not_concern_keeps_what_they_have(paper: Paper) -> None:
    """Also what would not be given any more: that is looked at elsewhere."""
    emil = await paper.active(EMIL)
    pool = [emil.address, emil.address]
    plan = {"network": "10.8.0.0/29", "own": "10.8.0.1", "pool": pool, "one_each": True}
    async with paper.database.writing() as tx:
        server = await tx.servers.get(BERLIN)
        assert server is not None
        await tx.servers.set_adopted(replace(server, adopted={"addresses": plan, "taken": []}))
    await paper.by(OPERATOR, groups.add, Group(DEV))
    assert await paper.by(OPERATOR, groups.join, DEV, ANNA) == Changed({})
    assert (await paper.grant(emil.id)).address == emil.address


async def test_whoever_is_in_their_own_range_stays_there(paper: Paper) -> None:
    await made(paper, RANGED, ANNA)
    anna = await paper.active(ANNA)
    other = Group(OPS, networks=("10.8.0.6/32",))
    assert await paper.by(OPERATOR, groups.add, other) == Changed({})
    assert (await paper.grant(anna.id)).address == anna.address == "10.8.0.4"


async def test_a_new_address_takes_the_one_of_ipv6_along(empty: Paper) -> None:
    paper = empty
    async with paper.database.writing() as tx:
        await tx.people.allow(ANNA, "Anna Petrova", paper.now)
        await tx.servers.add(replace(make_server(BERLIN), network6="fd00:8::/64"))
    anna = await paper.active(ANNA)
    await made(paper, RANGED, ANNA)
    async with paper.database.reading() as tx:
        now = [span.address for span in await tx.addresses.now_of(anna.id, BERLIN)]
    assert sorted(now) == ["10.8.0.4", "fd00:8::4"]


# --- Cards ------------------------------------------------------------------------------------


async def test_cards_of_those_it_concerns_say_what_counts_now(paper: Paper) -> None:
    """Whoever has one gets no second one; nobody else's are touched."""
    await made(paper, Group(DEV, approvers=(CLARA,)), ANNA)
    asked, other = await paper.asked(ANNA), await paper.asked(EMIL)
    async with paper.database.writing() as tx:
        for number, request in enumerate((asked, other)):
            card = PostedMessage(ChatId(CLARA), number, OutboxKind.CARD, str(request.id), paper.now)
            await tx.posted.remember(card)
    await paper.heard()
    await paper.by(OPERATOR, groups.edit, Group(DEV))
    heard = [(one.chat, one.kind, one.payload["request"]) for one in await paper.heard()]
    assert heard == [
        (CLARA, OutboxKind.EDIT_CARD, asked.id),
        (BORIS, OutboxKind.CARD, asked.id),
    ]
