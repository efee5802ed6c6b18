"""The one button of a stranger, and the card that admins answer."""

from bot.access import people
from bot.chat import joining as asking
from bot.texts import chat as chat_words
from bot.texts import joining as words
from bot.texts.fill import fill
from storage.records import UserId
from tests.bot.chat.desk import ANNA, BORIS, CLARA, DAY, EVE, Desk
from tests.gate.gate import OPERATOR


async def card(desk: Desk) -> str:
    async with desk.gate.database.reading() as tx:
        return (await asking.card(desk.gate.case(tx, OPERATOR), UserId(EVE))).text


async def answers(desk: Desk) -> dict[str, str]:
    async with desk.gate.database.reading() as tx:
        view = await asking.card(desk.gate.case(tx, OPERATOR), UserId(EVE))
    return {button.text: button.data for row in view.keyboard for button in row}


async def test_one_tap_each(desk: Desk) -> None:
    await desk.says(EVE, "/start")
    ask = (await desk.buttons())["Ask to join"]
    # The answer to it comes, although a stranger has one a minute.
    said = await desk.taps(EVE, ask)
    assert said == ["knock", "knock", words.KNOCKED.format(id=EVE)]
    assert await card(desk) == (
        "<b>P3001</b> asks to be put on the allowlist.\n"
        "Telegram: @u3001, id <code>3001</code>. The name is their own choice."
    )
    yes = (await answers(desk))["Allow"]
    assert await desk.taps(ANNA, yes) == []
    assert await desk.taps(CLARA, yes) == ["notice", "menu"]
    assert await desk.is_allowed(EVE)
    assert "<b>P3001</b> asked to join: P2002 allowed it" in await card(desk)
    # Whoever taps late reads so in the place of the card.
    [said_late] = await desk.taps(BORIS, yes)
    assert said_late == "P2002 has answered P3001 already. Nothing was changed."


async def test_after_a_no_there_is_no_button_for_a_day(desk: Desk) -> None:
    await desk.says(EVE, "/start")
    await desk.taps(EVE, "jn")
    desk.gate.now += DAY / 24
    [said] = await desk.says(EVE, "/start")
    assert said == words.KNOCKED.format(id=EVE)
    await desk.taps(BORIS, (await answers(desk))["Deny"])
    desk.gate.now += DAY / 24
    [said] = await desk.says(EVE, "/start")
    assert said == chat_words.STRANGER.format(id=EVE)
    assert await desk.buttons() == {}
    desk.gate.now += DAY
    await desk.says(EVE, "/start")
    assert "Ask to join" in await desk.buttons()


async def test_who_is_known_learns_what_to_know(desk: Desk) -> None:
    assert await desk.taps(ANNA, "jn") == []
    async with desk.gate.database.reading() as tx:
        assert await tx.knocks.get(UserId(ANNA)) is None


async def test_where_no_admin_can_be_reached_they_read_so(desk: Desk) -> None:
    async with desk.gate.database.writing() as tx:
        for admin in (BORIS, CLARA):
            await people.unreachable(desk.gate.case(tx, OPERATOR), UserId(admin))
    await desk.says(EVE, "/start")
    assert (await desk.taps(EVE, "jn"))[-1] == words.KNOCKED_NOBODY.format(id=EVE)


async def test_who_was_removed_is_known_by_it(desk: Desk) -> None:
    await desk.allow(EVE)
    await desk.remove(EVE)
    await desk.says(EVE, "/start")
    await desk.taps(EVE, "jn")
    assert "Was on the list before as <b>P3001</b>, and taken off" in await card(desk)


async def test_a_wish_that_nobody_answered_lapses(desk: Desk) -> None:
    await desk.says(EVE, "/start")
    await desk.taps(EVE, "jn")
    yes = (await answers(desk))["Allow"]
    desk.gate.now += 7 * DAY
    assert await card(desk) == fill(words.KNOCK_LAPSED, name="P3001")
    [said] = await desk.taps(BORIS, yes)
    assert "too old to answer" in said
    assert not await desk.is_allowed(EVE)
