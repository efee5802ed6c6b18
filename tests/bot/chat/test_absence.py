"""/away, as it is typed and tapped."""

import pytest

from tests.bot.chat.desk import ANNA, BORIS, CLARA, DAY, Desk


async def away(desk: Desk) -> int:
    async with desk.gate.database.reading() as tx:
        return len(await tx.absences.now(desk.gate.now))


@pytest.mark.parametrize("day", ["until 14 Sept", "3d", "until 2026-03-20", "Until 3d"])
async def test_until_a_day(desk: Desk, day: str) -> None:
    *_, said = await desk.says(BORIS, f"/away {day}")
    assert "You’re away until" in said
    buttons = await desk.buttons()
    assert list(buttons) == ["I’m back"]
    assert await away(desk) == 1
    await desk.says(ANNA, "/requestvpn 7d berlin")
    (said,) = await desk.says(BORIS, "/away")
    assert "You’re away until" in said
    assert "card" in await desk.taps(BORIS, buttons["I’m back"])
    assert await away(desk) == 0
    assert await desk.taps(BORIS, buttons["I’m back"]) == []


async def test_words_for_it(desk: Desk) -> None:
    (said,) = await desk.says(BORIS, "/away")
    assert "Until when" in said
    for text in ("/away sometime", "/away until 2020-01-01"):
        (said,) = await desk.says(BORIS, text)
        assert await away(desk) == 0
    await desk.says(BORIS, "/away 3d")
    *_, said = await desk.says(BORIS, "/away back")
    assert "Welcome back" in said
    assert await away(desk) == 0
    # What waited with Telegram is asked back.
    (said,) = await desk.says(BORIS, "/away 3d", ago=DAY)
    assert await away(desk) == 0


async def test_who_may(desk: Desk) -> None:
    for who, text in ((ANNA, "/away 3d"), (ANNA, "/away back"), (ANNA, "/away")):
        (said,) = await desk.says(who, text)
        assert "Only admins" in said
    assert await desk.taps(ANNA, "rt") == []
    await desk.says(CLARA, "/away 3d")
    (said,) = await desk.says(BORIS, "/away 3d")
    assert "No other admin" in said
    assert await away(desk) == 1
