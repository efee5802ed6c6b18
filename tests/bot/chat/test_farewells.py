"""Taken off the list by mistake: Undo, as an admin reads it and taps, in time, late, and twice."""

from datetime import timedelta

from bot.access import people
from bot.access.permission import THE_BOT
from bot.chat.farewells import view_of
from bot.texts import chat as words
from bot.texts import joining as joining_words
from bot.texts.fill import fill
from storage.joining_records import FarewellId
from storage.records import UserId
from tests.bot.chat.desk import ANNA, BORIS, CLARA, Desk
from tests.bot.reading import shown
from tests.gate.gate import OPERATOR

HOUR = timedelta(hours=1)
REMOVED = fill(words.REMOVED, name=f"P{ANNA}")
UNDONE = fill(joining_words.FAREWELL_UNDONE, name=f"P{ANNA}")


async def reads(desk: Desk) -> tuple[str, list[str]]:
    async with desk.gate.database.reading() as tx:
        view = await view_of(desk.gate.case(tx, THE_BOT), FarewellId(1))
    return shown(view.text).text, [button.data for row in view.keyboard for button in row]


async def test_one_tap_puts_them_back(desk: Desk) -> None:
    await desk.says(BORIS, f"/remove {ANNA}")
    text, buttons = await reads(desk)
    assert text == f"{REMOVED}\n\n{joining_words.FAREWELL_HINT}"
    assert buttons == ["ur:1"]
    said = await desk.taps(BORIS, "ur:1")
    assert UNDONE in said
    assert await desk.is_allowed(ANNA)
    # The same button once more, on another device.
    assert await desk.taps(BORIS, "ur:1") == [UNDONE]
    assert (await reads(desk)) == (UNDONE, [])


async def test_so_it_is_after_a_question(desk: Desk) -> None:
    await desk.says(BORIS, "/remove")
    await desk.taps(BORIS, f"rm:{ANNA}")
    yes = next(data for data in (await desk.buttons()).values() if data.startswith("rmy"))
    assert "farewell" in await desk.taps(BORIS, yes)
    assert UNDONE in await desk.taps(BORIS, "ur:1")


async def test_late_or_overtaken_the_button_goes_and_nothing_is_done(desk: Desk) -> None:
    await desk.says(BORIS, f"/remove {ANNA}")
    desk.gate.now += HOUR
    assert await desk.taps(BORIS, "ur:1") == [REMOVED]
    assert not await desk.is_allowed(ANNA)
    assert (await reads(desk)) == (REMOVED, [])

    await desk.allow(ANNA)
    await desk.says(BORIS, f"/remove {ANNA}")
    await desk.allow(ANNA)
    async with desk.gate.database.writing() as tx:
        await people.remove(desk.gate.case(tx, OPERATOR), UserId(ANNA))
    await desk.new()
    assert await desk.taps(BORIS, "ur:2") == [REMOVED]
    assert not await desk.is_allowed(ANNA)


async def test_nobody_else_takes_it_back(desk: Desk) -> None:
    await desk.have_started(CLARA)
    await desk.says(BORIS, f"/remove {ANNA}")
    for who, tap in ((CLARA, "ur:1"), (ANNA, "ur:1"), (BORIS, "ur:7")):
        assert await desk.taps(who, tap) == []
    assert not await desk.is_allowed(ANNA)
    assert (await reads(desk))[1] == ["ur:1"]
