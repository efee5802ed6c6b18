"""Pausing and resuming, as it is typed and tapped."""

from datetime import timedelta

import pytest

from bot.access import pausing
from bot.chat import views
from bot.chat.scene import Reply
from bot.texts import chat as chat_words
from bot.texts import pausing as words
from bot.texts import questions as asking
from storage.records import UserId
from tests.bot.chat.desk import ANNA, BORIS, Desk
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


async def test_a_name_beside_a_button_is_plain_text(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown: list[object] = []

    async def answer(_query_id: str, reply: Reply) -> None:
        shown.append(reply.toast)

    monkeypatch.setattr(desk.gate.worker, "_answer", answer)
    await desk.gate.gives(ANNA, "berlin")
    await desk.says(BORIS, f"/allow {ANNA} Pat O'Brien")
    await desk.says(BORIS, f"/pause {ANNA}")
    await desk.says(BORIS, "/resume")
    [resume] = (await desk.buttons()).values()
    await desk.taps(BORIS, resume)
    assert shown == [words.RESUMING.format(name="Pat O'Brien")]
