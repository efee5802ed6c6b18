"""Whom to choose where many may be meant: nobody is left out, and no list ends without a way on."""

from datetime import timedelta

import pytest

from bot.access import groups
from bot.access.matching import NEAR
from bot.chat import views, whom
from bot.chat.scene import Scene
from bot.texts import chat as words
from bot.texts import pausing as pause_words
from bot.texts.fill import fill
from storage.group_records import Group, GroupName
from storage.records import UserId
from tests.bot.chat.desk import BORIS, Desk
from tests.bot.chat.test_lists import fill_the_list, hire, turned
from tests.gate.gate import OPERATOR

NAME = "Anna Petrova"
MANY = NEAR + 10
LAST = 5000 + MANY - 1


async def test_whoever_has_access_is_found_among_many_who_have_none(desk: Desk) -> None:
    await fill_the_list(desk, MANY)
    [said] = await desk.says(BORIS, "/revoke person")
    assert said == fill(words.NOBODY_HAS, who="person")
    await desk.gate.gives(LAST, "berlin")
    await desk.new()
    for typed, question in (
        ("/revoke person", words.CHOOSE_NEAR),
        ("/revoke person for 2d", words.CHOOSE_NO_TIME),
    ):
        assert await desk.says(BORIS, typed) == [question]
        assert await desk.buttons() == {f"Revoke Person Number{MANY - 1:03}": f"rp:{LAST}"}
    [said] = await desk.says(BORIS, "/grants person")
    assert f"Number{MANY - 1:03}" in said
    assert words.FOUND_MANY.partition("{")[0] not in said


@pytest.mark.parametrize("typed", ["/revoke", "/remove", "/pause"])
@pytest.mark.parametrize("name", ["", " person"])
async def test_every_one_of_many_is_reached_by_turning(desk: Desk, typed: str, name: str) -> None:
    await fill_the_list(desk, MANY)
    everybody = {5000 + number for number in range(MANY)}
    if typed == "/revoke":  # whoever has anything, and as many as there are addresses
        everybody = {*sorted(everybody)[-24:]}
        for user_id in everybody:
            await desk.gate.gives(user_id, "berlin" if user_id % 2 else "paris")
    await desk.new()
    await desk.says(BORIS, typed + name)
    seen: set[str] = set()
    for _ in range(MANY):
        labels = await desk.buttons()
        seen |= {data for label, data in labels.items() if "Person Number" in label}
        assert len(labels) <= views.BUTTONS_SHOWN + 2
        if words.BUTTON_NEXT not in labels:
            break
        await turned(desk, words.BUTTON_NEXT)
    assert {int(data.split(":")[1]) for data in seen} == everybody
    await turned(desk, words.BUTTON_BACK)
    assert words.BUTTON_NEXT in await desk.buttons()


@pytest.mark.parametrize(("people", "is_whole"), [(16, True), (17, False)])
async def test_certificates_that_are_nobodys_are_beside_people_where_there_is_room(
    desk: Desk, people: int, *, is_whole: bool
) -> None:
    await desk.gate.take_over()  # four that let somebody in
    for number in range(people):
        await hire(desk, 40_001_000 + number, f"Person {number:03}")
        await desk.gate.gives(40_001_000 + number, "berlin" if number % 2 else "paris")
    await desk.new()
    await desk.says(BORIS, "/revoke")
    labels = [*await desk.buttons()]
    assert len(labels) == (20 if is_whole else 18)
    assert ("Revoke old-laptop" in labels) is is_whole


async def test_all_words_of_a_search_are_in_a_certificates_name(desk: Desk) -> None:
    await desk.gate.take_over()
    await fill_the_list(desk, MANY)
    async with desk.gate.database.reading() as tx:
        scene = Scene(desk.gate.case(tx, OPERATOR), UserId(BORIS))
        found = {
            " ".join(wanted): [one.common_name for one in await whom.nobodys_like(scene, wanted)]
            for wanted in (["old", "laptop"], ["laptop"], ["old", "phone"])
        }
    assert found == {"old laptop": ["old-laptop"], "laptop": ["old-laptop"], "old phone": []}


@pytest.mark.parametrize(("typed", "turn"), [("/remove", "rml:20"), ("/pause", "pal:20")])
async def test_a_list_that_is_turned_stays_where_it_is(desk: Desk, typed: str, turn: str) -> None:
    await fill_the_list(desk, MANY)
    await desk.new()
    for answered, place in ((desk.says(BORIS, typed), None), (desk.taps(BORIS, turn), 5)):
        await answered
        async with desk.gate.database.reading() as tx:
            rows = await tx.outbox.due(desk.gate.now, 1000)
        assert rows[-1].payload.get("edit") == place


async def test_many_of_one_name_are_told_apart_on_every_page(desk: Desk) -> None:
    count = views.BUTTONS_SHOWN + 5
    for number in range(count):
        await hire(desk, 40_001_000 + number, NAME)
        await desk.gate.gives(40_001_000 + number, "berlin" if number % 2 else "paris")
    await desk.new()
    await desk.says(BORIS, f"/revoke {NAME}")
    labels = {*await desk.buttons()}
    await turned(desk, words.BUTTON_NEXT)
    labels |= {*await desk.buttons()}
    assert {f"Revoke {NAME} (…{1000 + number})" for number in range(count)} <= labels


async def test_a_slip_that_many_fit_says_how_to_go_on(desk: Desk) -> None:
    await fill_the_list(desk, MANY)
    [said] = await desk.says(BORIS, "/remove persom")
    assert "These aren’t all" in said
    assert len(await desk.buttons()) == views.BUTTONS_SHOWN


async def test_two_of_one_name_are_brought_back_by_a_button(desk: Desk) -> None:
    for user_id in (10004711, 10000815, 10000816):
        await hire(desk, user_id, NAME)
        if user_id != 10000816:
            await desk.says(BORIS, f"/pause {user_id}")
    [said] = await desk.says(BORIS, f"/resume {NAME}")
    assert said == fill(pause_words.CHOOSE_RESUME, count=2)
    labels = await desk.buttons()
    assert set(labels) == {f"Resume {NAME} (…4711)", f"Resume {NAME} (…0815)"}
    await desk.taps(BORIS, labels[f"Resume {NAME} (…4711)"])
    async with desk.gate.database.reading() as tx:
        assert [one.user_id for one in await tx.pauses.all()] == [10000815]
    [said] = await desk.says(BORIS, "/resume Nobody")
    assert "I know nobody" in said


async def test_who_has_just_written_is_found_among_namesakes_on_the_list(desk: Desk) -> None:
    for number in range(views.BUTTONS_SHOWN + 5):
        await hire(desk, 6000 + number, NAME)
    async with desk.gate.database.writing() as tx:
        await tx.people.note_newcomer(UserId(31), NAME, None, desk.gate.now)
    await desk.says(BORIS, f"/allow {NAME}")
    assert "al:31" in (await desk.buttons()).values()


async def test_a_line_about_one_of_two_says_which(desk: Desk) -> None:
    """What stands alone in a chat: an answer, and a word to the other admins."""
    await desk.gate.add_groups()
    for user_id in (10004711, 10000815):
        await hire(desk, user_id, NAME)
        await desk.gate.gives(user_id, "berlin")
    await desk.new()
    [added] = await desk.says(BORIS, "/group dev add 10004711")
    assert f"{NAME} (…4711) is in dev" in added
    await desk.says(BORIS, "/group dev add 10000815")
    [group] = await desk.says(BORIS, "/group dev")
    assert f"{NAME} (…4711)" in group
    assert f"{NAME} (…0815)" in group
    assert f"{NAME} (…4711) is an auditor" in (await desk.says(BORIS, "/role 10004711 auditor"))[-1]
    assert (await desk.says(BORIS, "/role 10004711"))[0].startswith(f"{NAME} (…4711): auditor")
    await desk.new()
    await desk.says(BORIS, "/revoke 10000815")
    async with desk.gate.database.reading() as tx:
        rows = await tx.outbox.due(desk.gate.now + timedelta(days=1), 1000)
    lines = [row.payload["values"] for row in rows if row.payload.get("code") == "revoked_by"]
    assert [line["name"] for line in lines] == [f"{NAME} (…0815)"]
    await desk.says(BORIS, f"/users {10004711}")
    assert f"Pause {NAME} (…4711)" in await desk.buttons()


async def test_of_a_large_group_some_are_named_and_the_rest_is_counted(desk: Desk) -> None:
    await desk.gate.add_groups()
    await fill_the_list(desk, 45)
    async with desk.gate.database.writing() as tx:
        for number in range(45):
            await groups.join(desk.gate.case(tx, OPERATOR), GroupName("dev"), UserId(5000 + number))
    [said] = await desk.says(BORIS, "/group dev")
    assert said.count("Person Number") == 30
    assert "and 15 more" in said


async def test_a_group_says_how_long_its_people_may_have_access(desk: Desk) -> None:
    async with desk.gate.database.writing() as tx:
        await tx.groups.add(Group(GroupName("guests"), max_duration=2 * 86_400))
    [said] = await desk.says(BORIS, "/group guests")
    assert "At most 2 days" in said
