"""What is typed and is no command of ours: the nearest one, and buttons."""

from datetime import timedelta

import pytest

from bot.texts import chat as words
from bot.texts import questions as asking
from tests.bot.chat.desk import ANNA, BORIS, CLARA, EVE, Desk
from tests.bot.chat.test_worker import kept
from tests.gate import updates


@pytest.mark.parametrize(
    "typed", ["hi", "vpn pls", "привет", "", "🙂", "/xyz", "/x@vpn_bot", "/us", "/requxxtvpn"]
)
async def test_nonsense_gets_buttons(desk: Desk, typed: str) -> None:
    [said] = await desk.says(ANNA, typed)
    assert said == (words.UNKNOWN_COMMAND if typed.startswith("/") else words.NOT_A_COMMAND)
    assert list(await desk.buttons()) == ["Ask for VPN", "My VPN", "Help"]
    await desk.says(BORIS, typed)
    assert list(await desk.buttons()) == ["Open requests", "Who has access", "Help"]


async def test_so_do_pictures_voices_and_forwarded_words(desk: Desk) -> None:
    for content in ({"voice": {"file_id": "x", "file_unique_id": "y", "duration": 1}}, {}):
        sent = updates.message(ANNA, "", **content)
        del sent["text"]
        assert await desk._takes({"message": sent}) == [words.NOT_A_COMMAND]
        assert "My VPN" in await desk.buttons()
    assert await desk._takes(updates.forwarded(ANNA, "/help", 0)) == [words.ONLY_NEW_MESSAGES]
    assert "My VPN" in await desk.buttons()
    await desk.says(ANNA, "/revoke anna")
    assert "My VPN" in await desk.buttons()


async def test_the_buttons_do_what_they_say(desk: Desk) -> None:
    await desk.says(ANNA, "hi")
    buttons = await desk.buttons()
    assert await desk.taps(ANNA, buttons["My VPN"]) == [words.MY_NOTHING]
    [said] = await desk.taps(ANNA, buttons["Help"])
    assert words.HELP_MEMBER in said
    assert await desk.taps(ANNA, buttons["Ask for VPN"]) == [words.CHOOSE_SERVER]
    # What is not on the buttons is not theirs to forge.
    assert await desk.taps(BORIS, f"do:{'remove'}") == []
    assert await desk.taps(ANNA, "do:pending") == []
    assert await desk.taps(EVE, buttons["My VPN"]) == []
    assert await desk.taps(EVE, buttons["Help"]) == []


@pytest.mark.parametrize(
    "typed",
    ["help", "Help!", "/", "/help.", "aide", "/hilfe", "?", "помощь", "help me please", "start"],
)
async def test_a_cry_for_help_is_heard(desk: Desk, typed: str) -> None:
    [said] = await desk.says(ANNA, typed)
    assert words.HELP_MEMBER in said


@pytest.mark.parametrize(
    "typed",
    [
        *("/requestvpm", "/requestvp", "/rrequestvpn", "/requsetvpn", "/request_vpn", "requestvpn"),
        *("/rеquestvpn", "/request", "/openvpn", "/estvpn", "requesvpn"),
    ],
)
async def test_one_slip_away_is_asked_and_a_tap_does_it(desk: Desk, typed: str) -> None:
    [said] = await desk.says(ANNA, f"{typed} 2d berlin visiting")
    assert "Did you mean /requestvpn?" in said
    assert (await desk.taps(ANNA, (await desk.buttons())["Yes, /requestvpn"]))[-1] == "asked"
    async with desk.gate.database.reading() as tx:
        [request] = await tx.requests.all()
    assert (request.duration, request.server, request.reason) == (2 * 86_400, "berlin", "visiting")
    yes = f"mc:{desk._number - 1}:requestvpn"
    assert await desk.taps(ANNA, yes) == [asking.LATE_GONE]


async def test_what_changes_something_for_others_is_typed_again(desk: Desk) -> None:
    await desk.gate.gives(ANNA, "berlin")
    await desk.new()
    [said] = await desk.says(BORIS, "/revok 1001")
    assert "<code>/revoke 1001</code>" in said
    assert list(await desk.buttons()) == ["Open requests", "Who has access", "Help"]
    # Whoever may not do it is not told of it.
    assert await desk.says(ANNA, "/revok 1001") == [words.UNKNOWN_COMMAND]
    await desk.taps(BORIS, f"mc:{desk._number - 1}:revoke")
    assert (await desk.counts())[1] == 1
    assert {state for _, state, _ in await kept(desk)} == {"done"}, "none of it is held"


async def test_a_guess_is_its_writers_for_a_few_minutes(desk: Desk) -> None:
    await desk.allow(CLARA)
    await desk.says(ANNA, "/requestvpm berlin")
    yes = (await desk.buttons())["Yes, /requestvpn"]
    await desk.taps(CLARA, yes)
    desk.gate.now += timedelta(minutes=6)
    assert await desk.taps(ANNA, yes) == [asking.LATE_GONE]
    assert (await desk.counts())[0] == 0
    assert {state for _, state, _ in await kept(desk)} == {"done"}
    await desk.says(ANNA, "/requestvpm berlin")
    desk.gate.now += timedelta(minutes=5)
    assert (await desk.taps(ANNA, (await desk.buttons())["Yes, /requestvpn"]))[-1] == "asked"


async def test_of_what_was_meant_only_what_was_offered_is_done(desk: Desk) -> None:
    [said] = await desk.says(BORIS, "/use")
    assert said == "I don’t know /use. Did you mean /users?"
    yes = (await desk.buttons())["Yes, /users"]
    # The one is near and changes something, the other is far from it.
    for other in ("pause", "grants"):
        assert await desk.taps(BORIS, yes.replace("users", other)) == []
    # What only shows something is shown however late it is.
    desk.gate.now += timedelta(hours=1)
    assert "1 person on the allowlist" in (await desk.taps(BORIS, yes))[-1]
    [said] = await desk.says(BORIS, "/usersnow")
    assert "Did you mean /users?" in said


async def test_a_command_without_its_slash_may_be_all_that_is_written(desk: Desk) -> None:
    [said] = await desk.says(ANNA, "requestvpn")
    assert said == "Did you mean /requestvpn? Commands begin with a slash."
    *_, said = await desk.taps(ANNA, (await desk.buttons())["Yes, /requestvpn"])
    assert said == words.CHOOSE_SERVER


async def test_a_duration_that_is_unclear_is_asked_after_the_guess(desk: Desk) -> None:
    await desk.says(ANNA, "/requestvpm berlin -1d")
    *_, said = await desk.taps(ANNA, (await desk.buttons())["Yes, /requestvpn"])
    assert said.startswith("How long")
    assert (await desk.taps(ANNA, (await desk.buttons())["1 day"]))[-1] == "asked"


async def test_a_stranger_hears_the_same_of_everything(desk: Desk) -> None:
    for typed in ("hi", "/requestvpm", "help"):
        [said] = await desk.says(EVE, typed)
        assert said.startswith("Hello! I give VPN access")
        assert list(await desk.buttons()) == ["Ask to join"]


@pytest.mark.parametrize(
    ("typed", "answers"),
    [("/start", 1), ("/start@VPN_bot", 1), ("/start@other_bot", 0), ("/ban", 0), ("/ban@x", 0)],
)
async def test_a_group_may_have_other_bots(desk: Desk, typed: str, answers: int) -> None:
    assert len(await desk._takes(updates.in_group(ANNA, typed, 1))) == answers


async def test_a_forum_is_answered_in_its_topic(desk: Desk) -> None:
    asked = updates.in_group(ANNA, "/start", 1)
    asked["message"] |= {"message_thread_id": 7, "is_topic_message": True}
    await desk._takes(asked)
    async with desk.gate.database.reading() as tx:
        rows = await tx.outbox.due(desk.gate.now, 1000)
    assert rows[-1].payload["topic"] == 7
