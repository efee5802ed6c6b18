"""Names that nobody knows on an operator's own server: cut one, or have them cut."""

import asyncio

from bot.chat import buttons, strangers
from bot.chat.buttons import Tap
from bot.texts import strangers as words
from bot.texts.fill import fill
from storage.records import SeenAs, ServerName
from tests.bot.chat.desk import ANNA, BORIS, Desk

BERLIN = ServerName("berlin")


def test_each_has_a_button_as_far_as_there_is_room() -> None:
    choices = [[number, f"name-{number}"] for number in range(1, 12)]
    rows = strangers.keyboard({"choices": choices, "server": "berlin"})
    data = [button.data for row in rows for button in row]
    assert data == [
        *(buttons.data(Tap.CUT, number) for number in range(1, 9)),
        buttons.data(Tap.CUT_ALWAYS, BERLIN),
    ]


async def cuts(desk: Desk) -> bool:
    async with desk.gate.database.reading() as tx:
        server = await tx.servers.get(BERLIN)
    assert server is not None
    return server.cuts_unknown


async def test_one_is_cut_by_an_admin_and_by_nobody_else(desk: Desk) -> None:
    async with desk.gate.database.writing() as tx:
        number = await tx.strangers.note(BERLIN, "eve", SeenAs.UNKNOWN, desk.gate.now)
    assert await desk.taps(ANNA, f"ct:{number}") == []
    assert await desk.taps(BORIS, f"ct:{number + 1}") == []
    assert await desk.taps(BORIS, f"ct:{number}") == ["cut"]
    await asyncio.gather(*desk.gate.worker._answers)
    assert desk.gate.telegram.last["text"] == words.CUTTING_TOAST


async def test_an_admin_has_them_cut_or_is_asked_again(desk: Desk) -> None:
    always, yes, ask = (
        buttons.data(tap, BERLIN) for tap in (Tap.CUT_ALWAYS, Tap.CUT_ALWAYS_YES, Tap.CUT_ASK)
    )
    for data in (always, yes, ask):
        assert await desk.taps(ANNA, data) == []
    assert not await cuts(desk)
    assert await desk.taps(BORIS, always) == [fill(words.CONFIRM_ALWAYS, server="berlin")]
    assert not await cuts(desk), "it is asked first"
    assert (await desk.buttons())[words.BUTTON_ALWAYS_YES] == yes
    assert (await desk.taps(BORIS, yes))[-1] == fill(words.ALWAYS, server="berlin")
    assert await cuts(desk)
    assert await desk.buttons() == {words.BUTTON_ASK: ask}
    assert (await desk.taps(BORIS, ask))[-1] == fill(words.ASK, server="berlin")
    assert not await cuts(desk)
