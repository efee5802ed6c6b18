"""/group: what a group means, who is in it, and who changes that."""

import pytest

from bot.texts import groups as words
from storage.group_records import Group, GroupName, Reason
from storage.records import ServerName, UserId
from tests.bot.chat.desk import ANNA, BORIS, CLARA, Desk
from tests.bot.reading import shown

DEV = GroupName("dev")
IN_ALL = 30


async def add(desk: Desk, *made: Group) -> None:
    async with desk.gate.database.writing() as tx:
        for one in made:
            await tx.groups.add(one)


async def reads(desk: Desk, text: str) -> list[str]:
    [said] = await desk.says(BORIS, text)
    return shown(said).text.splitlines()


@pytest.mark.parametrize(
    ("group", "means"),
    [
        (Group(DEV), []),
        (
            Group(DEV, servers=(ServerName("berlin"), ServerName("paris"))),
            ["Servers: berlin, paris"],
        ),
        (Group(DEV, max_duration=3600), ["At most 1 hour"]),
        (Group(DEV, standing=7200), ["Up to 2 hours at once, without an admin’s yes"]),
        (Group(DEV, reason=Reason.OPTIONAL), []),
        (Group(DEV, reason=Reason.REQUIRED), ["A reason has to be given"]),
        (Group(DEV, reason=Reason.TICKET), ["A ticket number has to be given"]),
        (Group(DEV, max_profiles=2), ["At most 2 live profiles each"]),
        (Group(DEV, approvals=2), ["2 approvals"]),
        (Group(DEV, approvers=(UserId(BORIS),)), [f"1 approval of P{BORIS}"]),
        (
            Group(DEV, approvers=(UserId(BORIS), UserId(CLARA), UserId(77)), approvals=2),
            [f"2 approvals of P{BORIS}, P{CLARA}, 77"],
        ),
        (
            Group(DEV, ("10.8.0.0/29", "fd00::/64"), ("10.1.0.0/16",), ("10.1.0.53",)),
            ["Addresses: 10.8.0.0/29, fd00::/64", "Routes: 10.1.0.0/16", "DNS: 10.1.0.53"],
        ),
    ],
)
async def test_all_that_a_group_means_is_said(desk: Desk, group: Group, means: list[str]) -> None:
    await add(desk, group)
    between = [*means, ""] if means else []
    assert await reads(desk, "/group DEV") == ["Group dev", "", *between, words.NOBODY]


async def test_the_groups_and_how_many_are_in_each(desk: Desk) -> None:
    assert await desk.says(BORIS, "/group") == [words.NONE]
    await add(desk, Group(DEV), Group(GroupName("ops")))
    await desk.says(BORIS, f"/group dev add {ANNA}")
    how = shown(words.HOW).text
    assert await reads(desk, "/group") == [
        "2 groups:",
        "",
        "dev – 1 person",
        "ops – 0 people",
        "",
        how,
    ]


async def test_of_many_groups_it_is_said_how_many_more_there_are(desk: Desk) -> None:
    count = 150
    await add(desk, *(Group(GroupName(f"group-of-people-{number:03}")) for number in range(count)))
    head, _, *listed, more, _, _ = await reads(desk, "/group")
    assert head == f"{count} groups:"
    assert len(listed) < count
    assert more == shown(words.MORE).text.format(count=count - len(listed))


@pytest.mark.parametrize(("people", "more"), [(IN_ALL, ""), (IN_ALL + 1, " and 1 more")])
async def test_as_many_are_named_as_a_message_has_room_for(
    desk: Desk, people: int, more: str
) -> None:
    await add(desk, Group(DEV))
    async with desk.gate.database.writing() as tx:
        for number in range(people):
            await tx.people.allow(UserId(5000 + number), f"N{number:02}", desk.gate.now)
            await tx.groups.join(DEV, UserId(5000 + number))
    line = (await reads(desk, "/group dev"))[-1]
    assert line.partition(";")[0].removeprefix("In it: ") == (
        ", ".join(f"N{number:02}" for number in range(IN_ALL)) + more
    )


async def test_an_admin_puts_somebody_in_and_takes_them_out(desk: Desk) -> None:
    await add(desk, Group(DEV))
    assert await reads(desk, f"/group dev ADD P{ANNA}") == [f"✅ P{ANNA} is in dev now."]
    assert (await reads(desk, "/group dev"))[-1] == f"In it: P{ANNA}"
    assert await reads(desk, f"/group dev remove  {ANNA}") == [f"✅ P{ANNA} isn’t in dev any more."]
    assert (await reads(desk, "/group dev"))[-1] == words.NOBODY


async def test_what_follows_for_those_who_have_access_is_said(desk: Desk) -> None:
    await desk.gate.gives(ANNA, "berlin")
    await add(
        desk,
        Group(DEV, routes=("10.1.0.0/16",)),
        Group(GroupName("ops"), servers=(ServerName("paris"),)),
    )
    await desk.new()
    said = await reads(desk, f"/group dev add {ANNA}")
    assert said[:2] == [f"✅ P{ANNA} is in dev now.", ""]
    assert said[2].startswith("1 profile follows by itself")
    assert await reads(desk, f"/group ops add {ANNA}") == [
        f"✅ P{ANNA} is in ops now.",
        "",
        words.CLOSED,
    ]


@pytest.mark.parametrize("text", ["/group dev add", "/group dev drop P1001", "/group dev P1001"])
async def test_what_cannot_be_told_is_answered_with_how_it_is_written(
    desk: Desk, text: str
) -> None:
    await add(desk, Group(DEV))
    assert await desk.says(BORIS, text) == [words.USAGE]
    async with desk.gate.database.reading() as tx:
        assert await tx.groups.members(DEV) == []


async def test_whoever_may_not_look_learns_nothing_of_groups(desk: Desk) -> None:
    await add(desk, Group(DEV))
    for text in ("/group", "/group dev", "/group nowhere"):
        [said] = await desk.says(ANNA, text)
        assert said.startswith("Only admins")
