"""A duration that could be one of several is asked back: one tap, and nothing before it."""

import pytest

from bot.access import roles
from bot.access.refusals import Refusal, Refused
from bot.chat.buttons import Meant, Tap
from bot.chat.how_long import answered
from bot.chat.scene import Scene
from bot.texts import chat as words
from bot.texts import questions as asking
from storage.records import RequestState, UserId
from tests.bot.chat.desk import ANNA, BORIS, DAY, EVE, Desk

DAY_S = 86_400
WEEK_S = 7 * DAY_S


async def requests(desk: Desk) -> list[tuple[str | None, int, str]]:
    async with desk.gate.database.reading() as tx:
        return [(one.server, one.duration, one.reason) for one in await tx.requests.all()]


@pytest.mark.parametrize(
    ("typed", "tapped", "duration", "reason"),
    [
        ("-1d berlin", "1 day", DAY_S, "-1d berlin"),
        ("berlin -1d", "1 day", DAY_S, "-1d"),
        ("2 printers", "2 days", 2 * DAY_S, "2 printers"),
        ("2 printers", "7 days, as usual", WEEK_S, "2 printers"),
        ("until friday", "1 day", DAY_S, "until friday"),
        ("1 year", "30 days", 30 * DAY_S, "1 year"),
        ("a customer, for 2 days", "2 days", 2 * DAY_S, "a customer, for 2 days"),
    ],
)
async def test_one_tap_says_for_how_long(
    desk: Desk, typed: str, tapped: str, duration: int, reason: str
) -> None:
    [said] = await desk.says(ANNA, f"/requestvpn {typed}")
    assert said.startswith("How long do you need it?")
    assert await requests(desk) == []
    said = (await desk.taps(ANNA, (await desk.buttons())[tapped]))[-1]
    server = "berlin" if typed.startswith("berlin") else None
    assert said == ("asked" if server else words.CHOOSE_SERVER)
    assert await requests(desk) == [(server, duration, reason)]
    async with desk.gate.database.reading() as tx:
        last = (await tx.outbox.due(desk.gate.now, 1000))[-1]
    assert last.payload["edit"] == 5, "in the place of the question"


@pytest.mark.parametrize(
    ("typed", "offered"),
    [
        ("2 printers", ["2 hours", "2 days", "14 days"]),
        # As usual has a button of its own, and what is longer than the settings allow has none.
        ("7 printers", ["7 hours"]),
        ("30 printers", ["30 hours", "30 days"]),
        ("31 printers", ["31 hours"]),
        ("1 year", ["30 days"]),
        ("until friday", ["8 hours", "1 day", "30 days"]),
    ],
)
async def test_what_may_have_been_meant_is_offered(
    desk: Desk, typed: str, offered: list[str]
) -> None:
    await desk.says(ANNA, f"/requestvpn {typed}")
    assert list(await desk.buttons()) == [*offered, "7 days, as usual", asking.BUTTON_LATE_NO]


async def test_it_is_answered_once_by_whoever_asked_and_as_it_was_offered(desk: Desk) -> None:
    await desk.says(ANNA, "/requestvpn berlin -1d")
    yes = (await desk.buttons())["1 day"]
    await desk.allow(BORIS)
    await desk.taps(BORIS, yes)
    await desk.taps(ANNA, yes.rpartition(":")[0] + ":7200")
    assert await requests(desk) == []
    await desk.taps(ANNA, yes)
    assert await desk.taps(ANNA, yes) == [asking.LATE_GONE]
    assert len(await requests(desk)) == 1


async def test_it_can_be_forgotten_and_nobody_else_may_ask_by_it(desk: Desk) -> None:
    await desk.says(ANNA, "/requestvpn -1d")
    buttons = await desk.buttons()
    assert await desk.taps(EVE, buttons["1 day"]) == []
    assert await desk.taps(ANNA, buttons[asking.BUTTON_LATE_NO]) == [words.KEPT]
    assert await desk.taps(ANNA, buttons["1 day"]) == [asking.LATE_GONE]
    await desk.says(ANNA, "/requestvpn -1d")
    yes = (await desk.buttons())["1 day"]
    await desk.remove(ANNA)
    await desk.taps(ANNA, yes)
    assert await requests(desk) == []


async def test_what_is_refused_can_be_answered_again(desk: Desk) -> None:
    await desk.says(ANNA, "/requestvpn berlin 2d")
    await desk.says(ANNA, "/requestvpn berlin -1d")
    yes = (await desk.buttons())["1 day"]
    await desk.taps(ANNA, yes)
    assert len(await requests(desk)) == 1
    async with desk.gate.database.reading() as tx:
        [request] = await tx.requests.all()
        assert request.state is RequestState.PENDING
    await desk.taps(ANNA, f"cx:{request.id}")
    assert (await desk.taps(ANNA, yes))[-1] == "asked"


async def test_what_waited_is_asked_twice(desk: Desk) -> None:
    await desk.says(ANNA, "/requestvpn berlin -1d", ago=DAY)
    *_, question = await desk.taps(ANNA, (await desk.buttons())[asking.BUTTON_LATE_YES])
    assert question.startswith("How long")
    assert (await desk.taps(ANNA, (await desk.buttons())["1 day"]))[-1] == "asked"


async def test_only_what_is_unclear_is_answered_by_a_duration(desk: Desk) -> None:
    await desk.says(ANNA, "/requestvpn berlin 2d", ago=DAY)
    held = (await desk.buttons())[asking.BUTTON_LATE_YES].partition(":")[2]
    for data in (f"hl:{held}", f"hl:{held}:3600"):
        assert await desk.taps(ANNA, data) == []
    assert await requests(desk) == []


async def test_who_may_not_ask_is_told_so_before_anything_else(desk: Desk) -> None:
    await desk.says(ANNA, "/requestvpn -1d")
    update = int((await desk.buttons())["1 day"].split(":")[1])
    await desk.remove(ANNA)
    async with desk.gate.database.writing() as tx:
        stranger = await roles.identify(tx, desk.gate.core.rules, UserId(ANNA), "Anna")
        scene = Scene(desk.gate.case(tx, stranger), UserId(ANNA), 5)
        with pytest.raises(Refused) as caught:
            await answered(scene, Meant(Tap.HOW_LONG, update=update, duration=7200))
    assert caught.value.code is Refusal.NOT_ALLOWED


async def test_tomorrow_is_the_day_after_it_was_written(desk: Desk) -> None:
    await desk.says(ANNA, "/requestvpn berlin from tomorrow 14:00", ago=DAY)
    await desk.taps(ANNA, (await desk.buttons())[asking.BUTTON_LATE_YES])
    async with desk.gate.database.reading() as tx:
        [request] = await tx.requests.all()
    assert request.starts_at == desk.gate.now.replace(hour=14, minute=0, second=0)


@pytest.mark.parametrize("typed", ["１００１ Anna", "Anna 1001", "1001, Anna", "<1001> Anna"])
async def test_an_id_is_read_however_it_is_written(desk: Desk, typed: str) -> None:
    await desk.remove(ANNA)
    await desk.says(BORIS, f"/allow {typed}")
    assert await desk.is_allowed(ANNA)
    async with desk.gate.database.reading() as tx:
        assert await tx.people.name_of(UserId(ANNA)) == "Anna"


@pytest.mark.parametrize("typed", ["3001 for 2d", "3001 Eve two days", "@eve 2d"])
async def test_the_allowlist_has_no_end(desk: Desk, typed: str) -> None:
    [said] = await desk.says(BORIS, f"/allow {typed}")
    assert "has no end" in said


@pytest.mark.parametrize("typed", ["Eve 2d", "Eve Maier for 2 days"])
async def test_nor_does_an_invitation_to_it(desk: Desk, typed: str) -> None:
    [said] = await desk.says(BORIS, f"/invite {typed}")
    assert "has no end" in said
    assert said.endswith("without the time.")
    async with desk.gate.database.reading() as tx:
        assert await tx.invitations.open(desk.gate.now) == []
    assert not await desk.is_allowed(EVE)


@pytest.mark.parametrize("command", ["revoke", "remove"])
async def test_an_end_for_a_time_is_asked_back(desk: Desk, command: str) -> None:
    await desk.gate.gives(ANNA, "berlin")
    await desk.new()
    [said] = await desk.says(BORIS, f"/{command} {ANNA} for 2d")
    assert said == words.CHOOSE_NO_TIME
    assert await desk.counts() == (1, 1)
    [button] = (await desk.buttons()).values()
    assert str(ANNA) in button
    await desk.says(BORIS, f"/{command} １００１")
    assert (await desk.counts())[1] == 0
