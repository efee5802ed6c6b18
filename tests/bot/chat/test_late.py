"""Words that waited with Telegram are asked back before they undo what was decided since."""

from datetime import timedelta

import pytest

from tests.bot.chat.desk import ANNA, BORIS, CLARA, DAY, EVE, Desk
from tests.gate.case import Laws


async def test_a_removal_is_not_undone_by_an_allow_from_before_it(desk: Desk) -> None:
    """The bot was down; meanwhile the same person was removed on the machine."""
    await desk.remove(ANNA)
    [question] = await desk.says(BORIS, f"/allow {ANNA} Anna Petrova", ago=timedelta(hours=20))
    assert question.startswith("You wrote this 20 hours ago")
    assert f"/allow {ANNA} Anna Petrova" in question
    assert not await desk.is_allowed(ANNA)
    yes = (await desk.buttons())["Do it now"]

    # By nobody else, and by nobody who may not any more.
    assert await desk.taps(CLARA, yes) == []
    desk.gate.settle(Laws((CLARA,)))
    assert await desk.taps(BORIS, yes) == []
    assert not await desk.is_allowed(ANNA)
    desk.gate.settle(Laws((BORIS, CLARA)))

    said = await desk.taps(BORIS, yes)
    assert said[0].startswith("You still want this")
    assert await desk.is_allowed(ANNA)
    # Once.
    await desk.remove(ANNA)
    [gone] = await desk.taps(BORIS, yes)
    assert "answered already" in gone
    assert not await desk.is_allowed(ANNA)


@pytest.mark.parametrize(
    ("who", "text"),
    [
        (BORIS, f"/allow {EVE} Eve"),
        (BORIS, f"/ALLOW@vpn_bot\n{EVE} Eve"),
        (BORIS, f"/remove {ANNA}"),
        (BORIS, f"/revoke {ANNA}"),
        (ANNA, "/requestvpn paris"),
        (ANNA, "/requestvpn 2h paris urgent"),
    ],
)
async def test_what_changes_anything_does_nothing_until_it_is_still_wanted(
    desk: Desk, who: int, text: str
) -> None:
    await desk.gate.gives(ANNA, "berlin")
    await desk.new()
    before = await desk.counts(), await desk.is_allowed(ANNA), await desk.is_allowed(EVE)
    for answer in ("Forget it", "Do it now"):
        [question] = await desk.says(who, text, ago=timedelta(minutes=6))
        assert question.startswith("You wrote this 6 minutes ago")
        data = (await desk.buttons())[answer]
        now = await desk.counts(), await desk.is_allowed(ANNA), await desk.is_allowed(EVE)
        assert now == before
        said = await desk.taps(who, data)
        assert (said == ["Nothing was changed."]) == (answer == "Forget it")
        assert "answered already" in (await desk.taps(who, data))[0]
    now = await desk.counts(), await desk.is_allowed(ANNA), await desk.is_allowed(EVE)
    assert now != before


@pytest.mark.parametrize(
    ("who", "text", "ago"),
    [
        (BORIS, f"/allow {EVE} Eve", timedelta(minutes=5)),
        (BORIS, f"/allow {EVE} Eve", timedelta(minutes=-30)),
        (BORIS, "/allow", DAY),
        (BORIS, "/remove", DAY),
        (BORIS, "/revoke", DAY),
        (BORIS, "/grants", DAY),
        (BORIS, "/start", DAY),
        (BORIS, "hello", DAY),
        (ANNA, "/myvpn", DAY),
        (ANNA, f"/allow {EVE} Eve", DAY),
        (EVE, "/requestvpn", DAY),
    ],
)
async def test_what_is_fresh_or_shows_only_or_is_refused_is_not_asked_back(
    desk: Desk, who: int, text: str, ago: timedelta
) -> None:
    said = await desk.says(who, text, ago=ago)
    assert not any(text.startswith("You wrote this") for text in said)
    assert await desk.is_allowed(EVE) == (ago < DAY)


async def test_a_refusal_is_an_answer_too(desk: Desk) -> None:
    await desk.says(BORIS, "/revoke Nobody", ago=DAY)
    said = await desk.taps(BORIS, (await desk.buttons())["Do it now"])
    assert said[1].startswith("I know nobody called “Nobody”")
    # The question is answered by it.
    assert "answered already" in (await desk.taps(BORIS, "ly:1"))[0]


@pytest.mark.parametrize(
    ("ago", "text"),
    [
        (timedelta(seconds=301), "5 minutes ago"),
        (timedelta(minutes=90), "90 minutes ago"),
        (timedelta(hours=20, minutes=40), "20 hours ago"),
        (timedelta(hours=47), "47 hours ago"),
        (timedelta(days=2, hours=5), "2 days ago"),
    ],
)
async def test_the_age_is_told(desk: Desk, ago: timedelta, text: str) -> None:
    [question] = await desk.says(ANNA, "/requestvpn", ago=ago)
    assert f"You wrote this {text}" in question


async def test_what_nobody_held_is_nothing(desk: Desk) -> None:
    for data in ("ly:0", "ln:77", f"ly:{10**17}"):
        [said] = await desk.taps(BORIS, data)
        assert "answered already" in said


@pytest.mark.parametrize(
    ("typed", "tap"),
    [
        (f"/revoke {ANNA}", "lr"),
        (f"/remove {ANNA}", "lr"),
        (f"/pause {ANNA}", "lr"),
        (f"/allow {EVE} Eve", "ly"),
        (f"/resume {ANNA}", "ly"),
    ],
)
async def test_a_yes_that_takes_access_away_is_known_by_its_button(
    desk: Desk, typed: str, tap: str
) -> None:
    """It is taken on with a full disk, too."""
    await desk.says(BORIS, typed, ago=DAY)
    assert (await desk.buttons())["Do it now"].partition(":")[0] == tap


async def test_a_command_that_there_is_no_more_is_refused(desk: Desk) -> None:
    """It was held by another version."""
    await desk.says(BORIS, "/revoke 7", ago=DAY)
    async with desk.gate.database.writing() as tx:
        await tx._connection.exec_driver_sql(
            "UPDATE inbox SET payload = replace(payload, '/revoke', '/gone')"
        )
    assert await desk.taps(BORIS, "ly:1") == []
    async with desk.gate.database.reading() as tx:
        found = await tx._connection.exec_driver_sql(
            "SELECT state FROM inbox WHERE state = 'quarantined'"
        )
        assert found.all() == []
