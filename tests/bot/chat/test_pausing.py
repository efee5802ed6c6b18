"""Pausing and resuming, as it is typed and tapped."""

from datetime import timedelta

from bot.access import appointing, pausing
from bot.chat import views
from bot.texts import chat as chat_words
from bot.texts import pausing as words
from bot.texts import questions as asking
from storage.records import Payload, UserId
from storage.role_records import Role
from tests.bot.chat.desk import ANNA, BORIS, EVE, Desk
from tests.bot.chat.test_lists import fill_the_list
from tests.gate.gate import OPERATOR


async def is_paused(desk: Desk) -> bool:
    async with desk.gate.database.reading() as tx:
        return await tx.pauses.of(UserId(ANNA)) is not None


async def test_a_button_ends_the_pause_that_it_was_shown_for_and_no_later_one(desk: Desk) -> None:
    """It was tapped before the newer decision, maybe, and waited with Telegram."""
    await desk.says(BORIS, f"/pause {ANNA}")
    [resume] = (await desk.buttons()).values()
    async with desk.gate.database.writing() as tx:
        case = desk.gate.case(tx, OPERATOR)
        await pausing.resume(case, UserId(ANNA))
    desk.gate.now += timedelta(minutes=1)
    async with desk.gate.database.writing() as tx:
        case = desk.gate.case(tx, OPERATOR)
        await pausing.pause(case, UserId(ANNA), None)
    await desk.new()
    for outdated in (resume, f"rs:{ANNA}"):
        [said] = await desk.taps(BORIS, outdated)
        assert said.startswith(asking.QUESTION_CHANGED)
        assert await is_paused(desk)
    [resume] = (await desk.buttons()).values()
    await desk.taps(BORIS, resume)
    assert not await is_paused(desk)


async def test_so_it_is_where_only_the_day_has_changed(desk: Desk) -> None:
    await desk.says(BORIS, f"/pause {ANNA} until 2d")
    [resume] = (await desk.buttons()).values()
    await desk.says(BORIS, f"/pause {ANNA} until 5d")
    await desk.taps(BORIS, resume)
    assert await is_paused(desk)


async def test_each_way_to_the_button_works(desk: Desk) -> None:
    for way in (f"/pause {ANNA}", "/resume", f"/users {ANNA}"):
        await desk.says(BORIS, f"/pause {ANNA}")
        await desk.says(BORIS, way)
        data = next(data for text, data in (await desk.buttons()).items() if "Resume" in text)
        await desk.taps(BORIS, data)
        assert not await is_paused(desk)


async def test_whoever_has_no_button_can_be_resumed_by_a_word(desk: Desk) -> None:
    for number in range(5001, 5001 + views.BUTTONS_SHOWN + 2):
        await desk.allow(number)
        await desk.says(BORIS, f"/pause {number}")
        desk.gate.now += timedelta(minutes=1)
    [said] = await desk.says(BORIS, "/resume")
    assert said.startswith("22 people are paused:")
    assert "These aren’t all. Write more of the name, or <code>/resume ID</code>" in said
    assert len(await desk.buttons()) == views.BUTTONS_SHOWN


async def test_paused_is_not_proved_yet(desk: Desk) -> None:
    """Whoever has a profile may be connected until each server has shown that they aren't."""
    await desk.gate.gives(ANNA, "berlin")
    await desk.new()
    said = await desk.says(BORIS, f"/pause {ANNA}")
    assert any(text.endswith(chat_words.WORKING) for text in said)
    assert "receipt" in said


async def test_a_name_beside_a_button_is_plain_text(desk: Desk) -> None:
    await desk.gate.gives(ANNA, "berlin")
    await desk.says(BORIS, f"/allow {ANNA} Pat O'Brien")
    await desk.says(BORIS, f"/pause {ANNA}")
    await desk.says(BORIS, "/resume")
    [resume] = (await desk.buttons()).values()
    assert await desk.pops_up(BORIS, resume) == words.RESUMING.format(name="Pat O'Brien")


async def test_a_tap_asks_and_pauses_on_a_yes_to_just_that(desk: Desk) -> None:
    [asked] = await desk.taps(BORIS, f"pa:{ANNA}")
    assert asked.startswith("Pause <b>P1001</b> until you resume them?")
    assert not await is_paused(desk)
    old = (await desk.buttons())[words.BUTTON_PAUSE_YES]
    await desk.gate.gives(ANNA, "berlin")
    await desk.new()
    [again] = await desk.taps(BORIS, old)
    assert again.startswith(asking.QUESTION_CHANGED)
    assert not await is_paused(desk)
    yes = (await desk.buttons())[words.BUTTON_PAUSE_YES]
    assert await desk.taps(ANNA, yes) == []
    said = await desk.taps(BORIS, yes)
    assert said[-1].startswith(words.PAUSED_OPEN.format(name="P1001"))
    assert await is_paused(desk)


async def test_whom_nobody_knows_is_neither_paused_nor_resumed(desk: Desk) -> None:
    await desk.allow(EVE)
    await desk.remove(EVE)
    for typed in ("/pause Nobody", "/resume Nobody"):
        [said] = await desk.says(BORIS, typed)
        assert said.startswith("I know nobody called “Nobody”")
    assert await desk.says(BORIS, "/resume") == [words.NOBODY_PAUSED]
    await desk.remove(ANNA)
    assert await desk.says(BORIS, "/pause") == [chat_words.USERS_NONE]


async def test_the_day_is_told_and_so_is_who_comes_back(desk: Desk) -> None:
    await desk.gate.gives(ANNA, "berlin")
    said = await desk.says(BORIS, f"/pause {ANNA} until 2d")
    assert said[-1].startswith("P1001 is paused until <")
    [listed] = await desk.says(BORIS, f"/users {ANNA}")
    assert "paused until" in listed
    assert await desk.says(BORIS, f"/resume {ANNA}") == ["notice", "menu", "resume"]
    await desk.says(BORIS, f"/pause {ANNA}")
    [listed] = await desk.says(BORIS, "/users")
    assert "<b>P1001</b>, <code>1001</code>, paused since" in listed


async def test_the_list_to_tap_turns_in_its_place(desk: Desk) -> None:
    for number in range(views.BUTTONS_SHOWN):
        await desk.allow(5000 + number)
    await desk.new()
    [said] = await desk.says(BORIS, "/pause")
    assert said == f"{words.CHOOSE_PAUSE}\n\n{words.USAGE}"
    labels = await desk.buttons()
    assert len(labels) == views.BUTTONS_SHOWN + 1
    assert "edit" not in await newest(desk)
    await desk.taps(BORIS, labels[chat_words.BUTTON_NEXT])
    assert (await newest(desk))["edit"] == 5
    assert chat_words.BUTTON_BACK in await desk.buttons()
    assert await desk.taps(ANNA, labels[chat_words.BUTTON_NEXT]) == []


async def newest(desk: Desk) -> Payload:
    async with desk.gate.database.reading() as tx:
        return (await tx.outbox.due(desk.gate.now, 1000))[-1].payload


async def test_only_who_manages_people_is_shown_whom_they_could_pause(desk: Desk) -> None:
    """An auditor may look at everybody, and no further."""
    async with desk.gate.database.writing() as tx:
        case = desk.gate.case(tx, OPERATOR)
        await appointing.appoint(case, UserId(EVE), Role.AUDITOR, ())
    await desk.have_started(EVE)
    await desk.new()
    for paused in (False, True):
        for typed in ("/pause", "/pause Nobody", "/resume", "/resume Nobody"):
            [refused] = await desk.says(EVE, typed)
            assert refused.startswith("Only admins can do this.")
        for tap in (f"pa:{ANNA}", f"rs:{ANNA}", "pal:0"):
            assert await desk.taps(EVE, tap) == []
        assert await is_paused(desk) is paused
        await desk.says(BORIS, f"/pause {ANNA}")


async def test_of_more_than_a_message_holds_all_can_be_turned_to(desk: Desk) -> None:
    await fill_the_list(desk, views.BUTTONS_SHOWN + 1)
    assert await desk.says(BORIS, "/pause person") == [words.CHOOSE_PAUSE]
    assert chat_words.BUTTON_NEXT in await desk.buttons()
