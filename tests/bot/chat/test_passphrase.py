"""A passphrase goes from memory into the pop-up, once."""

import asyncio
import json

import pytest

from bot.chat.scene import Reply
from bot.texts import keys as words
from bot.texts.fill import plain_in_chat
from storage.records import ChatId, Grant, OutboxKind, PostedMessage, UserId
from tests.bot.chat.desk import ANNA, Desk
from tests.gate import updates

SECRET = "seven-odd-words"
SHOWN = plain_in_chat(words.SHOWN, passphrase=SECRET)


@pytest.fixture
async def grant(desk: Desk) -> Grant:
    """Anna's, under a passphrase that she has not seen yet; its message is the tapped one."""
    await desk.gate.gives(ANNA, "berlin")
    async with desk.gate.database.writing() as tx:
        (grant,) = await tx.grants.of_user(UserId(ANNA))
        await tx.keys.lock(grant.id)
        posted = PostedMessage(ChatId(ANNA), 5, OutboxKind.DELIVER, grant.id, desk.gate.now)
        await tx.posted.remember(posted)
    desk.gate.core.passphrases.keep(grant.id, SECRET)
    await desk.new()
    return grant


async def tap(desk: Desk, grant: Grant) -> None:
    desk._number += 1
    tapped = updates.tap(ANNA, f"pw:{grant.id}")
    await desk.gate.takes({"update_id": desk._number, "callback_query": tapped})


async def popped_up(desk: Desk) -> tuple[object, object]:
    """What the pop-up says, and whether it waits for an OK."""
    await asyncio.gather(*desk.gate.worker._answers)
    assert not desk.gate.worker._answers, "nothing is kept of it"
    return desk.gate.telegram.last.get("text"), desk.gate.telegram.last.get("show_alert")


async def test_it_is_shown_once_and_its_button_goes(desk: Desk, grant: Grant) -> None:
    sent = []
    desk.gate.worker._on_done = lambda: sent.append("soon")
    await tap(desk, grant)
    assert await popped_up(desk) == (SHOWN, True)
    assert sent == ["soon"] * 2, "once for the tap, and once for the edit"
    edit = {"kind": "deliver", "subject": grant.id, "message": 5}
    assert await desk.new() == [("edit", edit)]
    assert grant.id not in desk.gate.core.passphrases
    await tap(desk, grant)
    said, is_alert = await popped_up(desk)
    assert str(said).startswith("I showed the passphrase once")
    assert is_alert
    assert SECRET not in json.dumps([*await desk.new()])


async def test_whoever_taps_twice_at_once_reads_that_it_was_shown(desk: Desk, grant: Grant) -> None:
    for said in (SHOWN, words.SHOWN_JUST_NOW):
        await desk.gate.worker._reveal("77", Reply(reveals=grant.id, alert=True))
        assert desk.gate.telegram.last["text"] == said
    assert [kind for kind, _ in await desk.new()] == ["edit"]


@pytest.mark.parametrize(
    ("answer", "stays"),
    [
        # Nobody has seen it.
        ((400, b'{"ok":false,"error_code":400,"description":"query is too old"}'), True),
        # Somebody may have.
        ((502, b'{"ok":false,"error_code":502,"description":"Bad Gateway"}'), False),
    ],
)
async def test_what_telegram_did_not_take_is_shown_by_the_next_tap(
    desk: Desk, grant: Grant, answer: tuple[int, bytes], stays: bool
) -> None:
    yes, desk.gate.telegram.answer = desk.gate.telegram.answer, answer
    await tap(desk, grant)
    await asyncio.gather(*desk.gate.worker._answers)
    assert (grant.id in desk.gate.core.passphrases) is stays
    assert [kind for kind, _ in await desk.new()] == ([] if stays else ["edit"])
    if stays:
        desk.gate.telegram.answer = yes
        await tap(desk, grant)
        assert await popped_up(desk) == (SHOWN, True)
