"""Was this you? As its owner reads it and taps, in time, late, and twice."""

from datetime import timedelta

import pytest

from bot.access import not_me, revocation, usage
from bot.access.permission import THE_BOT
from bot.access.usage import Use
from bot.chat.not_me import view_of
from bot.texts import not_me as words
from storage.records import EndReason, Grant, GrantState, ServerName, UserId
from storage.use_records import AskedUseId
from tests.bot.chat.desk import ANNA, BORIS, CLARA, EVE, Desk
from tests.bot.reading import shown
from tests.gate.gate import OPERATOR

BERLIN = ServerName("berlin")
WEEK = timedelta(days=7)
HOME, CAFE = "198.51.100.7", "203.0.113.9"
QUESTION = "Was this you?"


async def used(desk: Desk, *places: str, platform: str = "win") -> Grant:
    """Anna has a profile for berlin, and a look finds it in use."""
    await desk.gate.gives(ANNA, BERLIN)
    now = desk.gate.now
    async with desk.gate.database.writing() as tx:
        (grant,) = await tx.grants.of_user(UserId(ANNA))
        uses = [
            Use(grant.id, now, number, f"{place}:1", 1, 1) for number, place in enumerate(places)
        ]
        changes = await usage.changes(tx, now, BERLIN, uses)
        case = desk.gate.case(tx, THE_BOT)
        said = {f"{HOME}:1": platform}
        await not_me.ask(case, changes, is_told=True, server_time=now, platforms=said)
        await usage.note(case, changes, is_told=True)
    await desk.new()
    return grant


async def reads(desk: Desk, number: int = 1) -> tuple[str, dict[str, str]]:
    async with desk.gate.database.reading() as tx:
        view = await view_of(desk.gate.case(tx, THE_BOT), AskedUseId(number))
    labels = {button.text: button.data for row in view.keyboard for button in row}
    return shown(view.text).text, labels


async def state(desk: Desk, grant: Grant) -> GrantState:
    async with desk.gate.database.reading() as tx:
        found = await tx.grants.get(grant.id)
    assert found is not None
    return found.state


async def test_the_question_says_from_where_and_by_what(desk: Desk) -> None:
    await used(desk, HOME)
    text, buttons = await reads(desk)
    assert "Your profile for berlin was just used for the first time, " in text
    assert text.endswith(f"\nFrom {HOME}.\nThe device says that it runs Windows.\n\n{QUESTION}")
    assert buttons == {words.BUTTON_YES: "wm:1", words.BUTTON_NO: "nm:1"}


async def test_a_device_may_say_what_it_likes(desk: Desk) -> None:
    await used(desk, HOME, platform="king")
    assert (await reads(desk))[0].endswith(f"\nFrom {HOME}.\n\n{QUESTION}")


async def test_two_places_at_once_are_both_named(desk: Desk) -> None:
    await used(desk, HOME, CAFE)
    text, buttons = await reads(desk, 2)
    assert f"from two places at once, 2026-03-02 09:31 UTC: {HOME} and {CAFE}. " in text
    assert buttons[words.BUTTON_NO] == "nm:2"


async def test_not_me_ends_it_by_one_tap_and_offers_to_ask_anew(desk: Desk) -> None:
    grant = await used(desk, HOME)
    said = await desk.taps(ANNA, "nm:1")
    assert "receipt" in said
    assert said.count("notice") == 2
    [text] = [one for one in said if words.NO in one]
    assert QUESTION not in text
    assert await state(desk, grant) is GrantState.REVOKING
    assert (await desk.buttons()) == {"Ask for VPN access": "as"}
    # A second tap, on another device, finds it done.
    for late in ("nm:1", "wm:1"):
        [text] = await desk.taps(ANNA, late)
        assert words.NO in text


async def test_yes_leaves_everything_as_it_is(desk: Desk) -> None:
    grant = await used(desk, HOME)
    [text] = await desk.taps(ANNA, "wm:1")
    assert words.YES in text
    assert await state(desk, grant) is GrantState.ACTIVE
    assert (await reads(desk))[1] == {}


@pytest.mark.parametrize("proved", [True, False])
@pytest.mark.parametrize("tap", ["nm:1", "wm:1"])
async def test_an_answer_of_a_week_later_says_what_is_so_by_then(
    desk: Desk, tap: str, proved: bool
) -> None:
    grant = await used(desk, HOME)
    desk.gate.now += timedelta(days=1)
    async with desk.gate.database.writing() as tx:
        await revocation.begin(desk.gate.case(tx, OPERATOR), [grant], EndReason.REVOKED)
    if proved:
        await desk.gate.prove()
    await desk.new()
    text, buttons = await reads(desk)
    assert ("has ended since, 2026-03-03 09:31 UTC" in text) is proved
    assert ("The profile is being switched off." in text) is not proved
    assert buttons == {}
    desk.gate.now += WEEK
    said = await desk.taps(ANNA, tap)
    if tap == "wm:1":
        [text] = said
        assert words.YES not in text
        assert ("has ended since" in text) is proved
        return
    assert said[:-1] == ["notice", "notice"]
    assert ("had ended already, " in said[-1]) is proved
    assert ("isn’t confirmed everywhere yet" in said[-1]) is not proved


async def test_nobody_else_answers_for_them(desk: Desk) -> None:
    grant = await used(desk, HOME)
    await desk.allow(EVE)
    await desk.have_started(BORIS, CLARA, EVE)
    await desk.new()
    for who in (BORIS, CLARA, EVE):
        for tap in ("nm:1", "wm:1", "nm:2"):
            assert await desk.taps(who, tap) == []
    assert await state(desk, grant) is GrantState.ACTIVE
    assert QUESTION in (await reads(desk))[0]


async def test_whoever_is_off_the_list_by_now_is_told_nothing(desk: Desk) -> None:
    await used(desk, HOME)
    await desk.remove(ANNA)
    assert await desk.taps(ANNA, "nm:1") == []


async def test_the_word_beside_the_button_says_what_the_tap_did(desk: Desk) -> None:
    grant = await used(desk, HOME, CAFE)
    taps = ("wm:1", "wm:1", "nm:1", "nm:1", "nm:2")
    assert [await desk.pops_up(ANNA, tap) for tap in taps] == [
        *(words.YES_TOAST, words.SAID_ALREADY_TOAST, words.NO_TOAST, words.SAID_ALREADY_TOAST),
        words.NO_OVER_TOAST,
    ]
    assert await state(desk, grant) is GrantState.REVOKING


@pytest.mark.parametrize(
    ("tap", "toast"), [("nm:1", words.NO_OVER_TOAST), ("wm:1", words.OVER_TOAST)]
)
async def test_so_it_does_of_what_had_ended_before(desk: Desk, tap: str, toast: str) -> None:
    grant = await used(desk, HOME)
    desk.gate.now += timedelta(days=1)
    async with desk.gate.database.writing() as tx:
        await revocation.begin(desk.gate.case(tx, OPERATOR), [grant], EndReason.REVOKED)
    assert await desk.pops_up(ANNA, tap) == toast


async def test_of_two_questions_the_one_whose_answer_ended_it_says_so(desk: Desk) -> None:
    await used(desk, HOME, CAFE)
    await desk.taps(ANNA, "nm:2")
    desk.gate.now += timedelta(minutes=1)
    await desk.taps(ANNA, "nm:1")
    assert words.NO in (await reads(desk, 2))[0]
    text, buttons = await reads(desk, 1)
    assert words.NO not in text
    assert buttons == {}
