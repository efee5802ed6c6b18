"""Taken off the list by mistake: Undo, as an admin reads it and taps, in time, late, and twice."""

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest
from telegram import Bot

from bot.access import people
from bot.access.permission import THE_BOT
from bot.chat.client import connect
from bot.chat.farewells import post, view_of
from bot.texts import chat as words
from bot.texts import joining as joining_words
from bot.texts.fill import fill
from demo.people import DemoPerson
from demo.server import DemoServer
from storage.joining_records import FarewellId
from storage.records import ChatId, OutboxItem, OutboxKind, UserId
from tests.bot.chat.desk import ANNA, BORIS, CLARA, Desk
from tests.bot.chat.rows import conclude
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


TOKEN = "123456789:a-token-that-opens-nothing-at-all"


@pytest.fixture
async def telegram() -> AsyncIterator[tuple[DemoServer, Bot]]:
    boris = DemoPerson(BORIS, "Boris", None, "Admin", started=True)
    async with DemoServer(TOKEN, [boris]) as server, connect(TOKEN, server.url).bot as bot:
        yield server, bot


async def to_send(desk: Desk, **more: Any) -> OutboxItem:
    """What was done, to be said to Boris."""
    async with desk.gate.database.writing() as tx:
        payload = {"farewell": 1, **more}
        await tx.outbox.add(ChatId(BORIS), OutboxKind.FAREWELL, payload, now=desk.gate.now)
        item = (await tx.outbox.open(OutboxKind.FAREWELL))[-1]
        await tx.outbox.claim(item.id)
    return item


async def known_messages(desk: Desk) -> list[int]:
    async with desk.gate.database.reading() as tx:
        found = await tx.posted.about(OutboxKind.FAREWELL, "1")
    return [one.message_id for one in found]


async def test_it_is_said_in_the_place_of_the_question_or_anew(
    desk: Desk, telegram: tuple[DemoServer, Bot]
) -> None:
    server, bot = telegram
    await desk.says(BORIS, f"/remove {ANNA}")
    question = await bot.send_message(BORIS, "Take P1001 off the allowlist?")
    item = await to_send(desk, edit=question.message_id)
    await conclude(desk.gate.core, item, await post(bot, desk.gate.core, item))
    [message] = server.person(BORIS).messages
    assert (message.message_id, message.text.splitlines()[0]) == (question.message_id, REMOVED)
    assert message.button("Undo")
    assert await known_messages(desk) == [question.message_id]

    server.person(BORIS).deletes(question.message_id)
    for more in ({"edit": question.message_id}, {}):
        item = await to_send(desk, **more)
        await conclude(desk.gate.core, item, await post(bot, desk.gate.core, item))
        assert server.person(BORIS).messages[-1].message_id == max(await known_messages(desk))
    assert len(await known_messages(desk)) == 3
    assert "edit" not in [kind for kind, _ in await desk.new()]


async def test_what_is_over_before_it_is_written_down_is_brought_up_to_date(
    desk: Desk, telegram: tuple[DemoServer, Bot]
) -> None:
    _, bot = telegram
    await desk.says(BORIS, f"/remove {ANNA}")
    item = await to_send(desk)
    decision = await post(bot, desk.gate.core, item)
    desk.gate.now += HOUR
    await conclude(desk.gate.core, item, decision)
    [number] = await known_messages(desk)
    edit = {"kind": "farewell", "subject": "1", "message": number}
    assert ("edit", edit) in await desk.new()
