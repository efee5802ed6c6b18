"""People picked from an admin's contacts: named, confirmed, and put on the allowlist."""

from datetime import timedelta
from typing import Any

from bot.texts import chat as words
from bot.texts import joining as joining_words
from bot.texts import questions as asking
from tests.bot.chat.desk import ANNA, BORIS, CLARA, EVE, Desk
from tests.bot.reading import shown
from tests.gate import updates
from tests.gate.case import Laws

DORA, FINN = 3002, 3003


async def picks(desk: Desk, who: int, *people: dict[str, Any]) -> list[str]:
    message = updates.message(who, "", users_shared={"request_id": 1, "users": list(people)})
    del message["text"]
    message["date"] = int(desk.gate.now.timestamp())
    return await desk._takes({"message": message})


def contact(user_id: int, first_name: str, **more: str) -> dict[str, Any]:
    return {"user_id": user_id, "first_name": first_name, **more}


PEOPLE = (
    contact(DORA, "Dora", last_name="Dorn", username="dora"),
    contact(FINN, "<b>Finn"),
    contact(DORA, "Dora again"),
)


async def test_the_button_comes_with_the_command(desk: Desk) -> None:
    [said] = await desk.says(BORIS, "/allow")
    assert said == f"{words.USAGE_ALLOW}\n\n{joining_words.PICK_HINT}"
    async with desk.gate.database.reading() as tx:
        row = (await tx.outbox.due(desk.gate.now, 100))[-1]
    assert row.payload["picks"] is True


async def test_each_is_named_and_one_yes_puts_them_on_the_list(desk: Desk) -> None:
    [asked] = await picks(desk, BORIS, *PEOPLE)
    text = shown(asked).text
    assert text.startswith("Put these 2 people from your contacts on the allowlist?")
    assert f"• Dora again, id {DORA}" in text
    assert f"• <b>Finn, id {FINN}" in text
    assert not await desk.is_allowed(DORA)
    [yes] = [data for data in (await desk.buttons()).values() if data.startswith("pk")]
    said = await desk.taps(BORIS, yes)
    assert "2 people are on the allowlist now:" in said[-1]
    assert joining_words.PICKED_UNSEEN in said[-1]
    assert await desk.is_allowed(DORA)
    assert await desk.is_allowed(FINN)
    # Nobody who has never written is written to, and a second tap does nothing.
    assert "notice" not in said
    [late] = await desk.taps(BORIS, yes)
    assert late == asking.LATE_GONE


async def test_whoever_is_on_it_is_left_out(desk: Desk) -> None:
    assert await picks(desk, BORIS, contact(ANNA, "Anna")) == [joining_words.PICKED_KNOWN]
    assert await picks(desk, BORIS) == [words.USAGE_ALLOW]
    [asked] = await picks(desk, BORIS, contact(ANNA, "Anna"), PEOPLE[0])
    assert "Anna" not in asked
    assert "Put 1 person" in asked
    [yes] = [data for data in (await desk.buttons()).values() if data.startswith("pk")]
    await desk.allow(DORA)
    await desk.new()
    assert await desk.taps(BORIS, yes) == [joining_words.PICKED_KNOWN]


async def test_a_yes_to_what_has_changed_asks_anew(desk: Desk) -> None:
    await picks(desk, BORIS, *PEOPLE)
    [yes] = [data for data in (await desk.buttons()).values() if data.startswith("pk")]
    await desk.allow(DORA)
    await desk.remove(DORA)
    desk.gate.now += timedelta(minutes=1)
    [again] = await desk.taps(BORIS, yes)
    assert again.startswith(asking.QUESTION_CHANGED)
    assert not await desk.is_allowed(DORA)
    [yes] = [data for data in (await desk.buttons()).values() if data.startswith("pk")]
    await desk.taps(BORIS, yes)
    assert await desk.is_allowed(DORA)


async def test_nobody_else_may(desk: Desk) -> None:
    await desk.have_started(CLARA)
    [refused] = await picks(desk, ANNA, *PEOPLE)
    assert "Only admins can do this" in refused
    [stranger] = await picks(desk, EVE, *PEOPLE)
    assert "not on it yet" in stranger
    await picks(desk, BORIS, *PEOPLE)
    [yes] = [data for data in (await desk.buttons()).values() if data.startswith("pk")]
    for who in (CLARA, ANNA, EVE):
        assert await desk.taps(who, yes) == []
    [gone] = await desk.taps(BORIS, "pk:77:0123abcd")
    assert gone == asking.LATE_GONE
    assert not await desk.is_allowed(DORA)


async def test_whoever_is_no_admin_by_then_is_not_even_asked_again(desk: Desk) -> None:
    await picks(desk, BORIS, *PEOPLE)
    [yes] = [data for data in (await desk.buttons()).values() if data.startswith("pk")]
    await desk.allow(DORA)
    await desk.remove(DORA)
    desk.gate.settle(Laws((CLARA,)))
    assert await desk.taps(BORIS, yes) == []


async def test_what_is_no_person_is_set_aside(desk: Desk) -> None:
    for wrong in (contact(-5, "x"), {"first_name": "x"}, contact(2**60, "x")):
        assert await picks(desk, BORIS, wrong) == []
