"""Somebody seems to have left: the card as an admin reads and taps it, in time, late, and twice."""

from dataclasses import replace

import pytest

from bot.access import leaving
from bot.access.permission import THE_BOT
from bot.chat.leaving import view_of
from bot.texts import leaving as words
from bot.texts.fill import fill, moment
from storage.joining_records import LeavingCause, LeavingId
from storage.records import ChatId, OutboxKind, PostedMessage, UserId
from tests.bot.chat.desk import ANNA, BORIS, CLARA, DAY, EVE, Desk
from tests.bot.reading import shown
from tests.gate import updates

NAME = f"P{ANNA}"
GROUP = -1001234567890


async def asks(desk: Desk, cause: LeavingCause = LeavingCause.DELETED) -> None:
    await desk.have_started(BORIS, CLARA)
    async with desk.gate.database.writing() as tx:
        await leaving.notice(desk.gate.case(tx, THE_BOT), UserId(ANNA), cause)
    await desk.new()


async def reads(desk: Desk) -> tuple[str, list[str]]:
    async with desk.gate.database.reading() as tx:
        view = await view_of(desk.gate.case(tx, THE_BOT), LeavingId(1))
    return shown(view.text).text, [button.data for row in view.keyboard for button in row]


@pytest.mark.parametrize("cause", LeavingCause)
async def test_it_says_why_and_asks(desk: Desk, cause: LeavingCause) -> None:
    await asks(desk, cause)
    text, buttons = await reads(desk)
    assert text.splitlines() == [
        shown(fill(words.CAUSES[cause], name=NAME)).text,
        words.QUESTION,
    ]
    assert buttons == ["lv:1", "lvk:1"]
    await desk.gate.gives(ANNA, "berlin")
    assert "They have 1 active profile." in (await reads(desk))[0]


async def test_remove_ends_it_with_undo_and_a_receipt(desk: Desk) -> None:
    await desk.gate.gives(ANNA, "berlin")
    await asks(desk)
    async with desk.gate.database.writing() as tx:
        for admin, number in ((BORIS, 5), (CLARA, 9)):
            at = desk.gate.now
            place = PostedMessage(ChatId(admin), number, OutboxKind.LEAVING, "1", at)
            await tx.posted.remember(place)
    desk.gate.now += DAY
    said = await desk.taps(BORIS, "lv:1")
    assert {"farewell", "receipt"} <= set(said)
    # In the place of the tapped card stands what is said with Undo.
    assert said.count("edit") == 1
    assert not await desk.is_allowed(ANNA)
    text, buttons = await reads(desk)
    assert text.startswith(f"P{BORIS} took {NAME} off the allowlist")
    assert shown(moment(desk.gate.now)).text in text
    assert buttons == []
    # Another admin, whose card has not followed yet: it does.
    (text,) = await desk.taps(CLARA, "lv:1")
    assert "off the allowlist" in text
    (text,) = await desk.taps(CLARA, "lvk:1")
    assert "off the allowlist" in text
    assert not await desk.is_allowed(ANNA)


async def test_keep_changes_nothing_and_stands(desk: Desk) -> None:
    await asks(desk)
    (text,) = await desk.taps(BORIS, "lvk:1")
    assert "stays. I won’t ask again." in text
    (text,) = await desk.taps(CLARA, "lv:1")
    assert f"P{BORIS} decided" in text
    assert await desk.is_allowed(ANNA)


async def test_a_forged_tap_does_nothing(desk: Desk) -> None:
    await asks(desk)
    for who, data in ((ANNA, "lv:1"), (EVE, "lv:1"), (ANNA, "lvk:1"), (BORIS, "lv:7")):
        assert await desk.taps(who, data) == []
        assert await desk.is_allowed(ANNA)
    assert (await reads(desk))[1] == ["lv:1", "lvk:1"]


@pytest.mark.parametrize(("group", "is_asked"), [(GROUP, True), (GROUP - 1, False)])
async def test_only_the_group_of_the_settings_counts(
    desk: Desk, group: int, is_asked: bool
) -> None:
    await desk.have_started(BORIS, CLARA)
    core = desk.gate.worker._core
    desk.gate.worker._core = replace(core, rules=replace(core.rules, group=GROUP))
    await desk.new()
    await desk.gate.takes({"update_id": 77} | updates.moves(ANNA, group, "left"))
    assert ("leaving" in {kind for kind, _ in await desk.new()}) == is_asked
    await desk.gate.takes({"update_id": 78} | updates.moves(ANNA, group, "member"))
    if is_asked:
        assert "is there again" in (await reads(desk))[0]
