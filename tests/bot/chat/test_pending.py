"""/pending: whose cards come, how many at a time, and in which order."""

from datetime import datetime

import pytest

from bot.access import appointing, groups, requests, roles
from bot.chat import lists
from bot.texts import chat as words
from bot.texts import policy
from bot.texts.fill import fill
from storage.group_records import GroupName
from storage.records import OutboxKind, RequestState, UserId
from storage.role_records import Role
from tests.bot.chat.desk import ANNA, BORIS, CLARA, EVE, Desk
from tests.gate.gate import OPERATOR

DORA, DEV = 2003, GroupName("dev")


async def approve(desk: Desk) -> None:
    """All that wait."""
    async with desk.gate.database.writing() as tx:
        boris = await roles.identify(tx, desk.gate.core.rules, UserId(BORIS), "P2001")
        for one in await tx.requests.all():
            if one.state is RequestState.PENDING:
                await requests.approve(desk.gate.case(tx, boris), one.id, None)
    await desk.new()


async def cards(desk: Desk, who: int, typed: str = "/pending") -> tuple[list[str], list[int]]:
    """The words, and the requests whose cards come."""
    await desk.new()
    before = desk._read
    said = await desk.says(who, typed)
    async with desk.gate.database.reading() as tx:
        rows = await tx.outbox.due(desk.gate.now, 1000)
    found = [one.payload["request"] for one in rows if one.id > before and one.kind == "card"]
    return [one for one in said if one != OutboxKind.CARD], found


async def test_nothing_waits(desk: Desk) -> None:
    assert await cards(desk, BORIS) == ([words.PENDING_NONE], [])
    [refused] = await desk.says(ANNA, "/pending")
    assert refused.startswith("Only admins can do this.")


async def test_they_come_ten_at_a_time(desk: Desk) -> None:
    count = lists.CARDS_SHOWN + 1
    for number in range(count):
        await desk.allow(5000 + number)
        await desk.says(5000 + number, "/requestvpn berlin")
    said, found = await cards(desk, BORIS)
    head, more = said
    assert head == f"{count} requests wait for a decision:\n\n1–10 of 11"
    assert (more, found) == ("1 more request waits.", [*range(1, count)])
    [following] = (await desk.buttons()).values()
    assert await desk.taps(ANNA, following) == []
    assert await desk.taps(BORIS, following) == [
        f"{count} requests wait for a decision:\n\n11–11 of 11",
        "card",
    ]


@pytest.mark.parametrize(("who", "expected"), [(BORIS, [2, 1]), (DORA, [1]), (CLARA, [2, 1])])
async def test_what_begins_later_comes_by_its_beginning_to_those_it_concerns(
    desk: Desk, who: int, expected: list[int]
) -> None:
    await desk.gate.add_groups()
    await desk.allow(EVE)
    async with desk.gate.database.writing() as tx:
        case = desk.gate.case(tx, OPERATOR)
        await groups.join(case, DEV, UserId(ANNA))
        await appointing.appoint(case, UserId(DORA), Role.APPROVER, (DEV,))
    await desk.have_started(DORA)
    # Anna has asked first, for a later day.
    for asker, day in ((ANNA, "fri"), (EVE, "wed")):
        assert "card" in await desk.says(asker, f"/requestvpn from {day} 9:00 for 2d berlin")
    await approve(desk)
    head = fill(policy.SCHEDULED_COUNT, count=len(expected))
    assert await cards(desk, who) == ([head], expected)
    async with desk.gate.database.reading() as tx:
        first, second = await tx.requests.all()
    assert isinstance(first.starts_at, datetime)
    assert isinstance(second.starts_at, datetime)
    assert second.starts_at < first.starts_at
