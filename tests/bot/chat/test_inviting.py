"""Invitations in the chat: made, listed, withdrawn, and opened by strangers."""

from datetime import timedelta

from bot.access import groups, invitations
from bot.chat import invitations as inviting
from bot.chat import views
from bot.chat.buttons import Tap, data
from bot.texts import joining as words
from bot.texts.chat import BUTTON_BACK, BUTTON_NEXT
from bot.texts.fill import fill, moment
from storage.group_records import Group, GroupName
from storage.joining_records import InvitationId, InvitationState
from storage.records import ChatId, OutboxKind, PostedMessage
from tests.bot.chat.desk import ANNA, BORIS, CLARA, DAY, EVE, Desk
from tests.gate.gate import OPERATOR

KARL = 3002
STRANGE = "x" * 22


async def made(desk: Desk, number: int = 1) -> str:
    """What the link of an invitation carries."""
    async with desk.gate.database.writing() as tx:
        token = await invitations.new_link(desk.gate.case(tx, OPERATOR), InvitationId(number))
    assert token is not None
    return token


async def test_a_link_for_one(desk: Desk) -> None:
    assert await desk.says(BORIS, "/invite Eve Adams") == ["invitation"]
    token = await made(desk)
    assert await desk.says(EVE, f"/start {token}") == ["notice", "menu", "notice"]
    assert await desk.is_allowed(EVE)
    [said] = await desk.says(KARL, f"/start {token}")
    assert said == words.STRANGER_INVITED.format(id=KARL)
    assert not await desk.is_allowed(KARL)


async def test_whoever_is_invited_gets_in_however_often_they_asked_before(desk: Desk) -> None:
    await desk.says(BORIS, "/invite Eve")
    for _ in range(5):
        await desk.says(EVE, "/start")
    assert "notice" in await desk.says(EVE, f"/start {await made(desk)}")


async def test_two_at_once(desk: Desk) -> None:
    await desk.says(BORIS, "/invite Eve")
    token = await made(desk)
    await desk.gate.takes(*(desk.message(who, f"/start {token}") for who in (EVE, KARL)))
    assert [await desk.is_allowed(who) for who in (EVE, KARL)] == [True, False]


async def test_what_a_link_of_nobody_carries(desk: Desk) -> None:
    [said] = await desk.says(EVE, f"/start {STRANGE}")
    assert said == words.STRANGER_INVITED.format(id=EVE)
    [said] = await desk.says(ANNA, f"/start {STRANGE}")
    assert "on the list already" in said
    # What is none at all is passed over.
    assert "Hello, P1001!" in (await desk.says(ANNA, "/start promo"))[-1]


async def test_the_open_ones_and_a_way_to_take_them_back(desk: Desk) -> None:
    assert await desk.says(BORIS, "/invite") == [words.USAGE_INVITE]
    async with desk.gate.database.writing() as tx:
        await groups.add(desk.gate.case(tx, OPERATOR), Group(GroupName("dev")))
    await desk.says(BORIS, "/invite Eve Adams dev")
    await desk.says(CLARA, "/invite Karl")
    token = await made(desk)
    [said] = await desk.says(CLARA, "/invite")
    assert said.startswith("2 open invitations:\n\n<b>Eve Adams</b> (dev), until ")
    buttons = await desk.buttons()
    assert list(buttons) == ["Withdraw Eve Adams", "Withdraw Karl"]
    [said] = await desk.taps(CLARA, buttons["Withdraw Eve Adams"])
    assert said.startswith("1 open invitation:\n\n<b>Karl</b>, until ")
    await desk.says(EVE, f"/start {token}")
    assert not await desk.is_allowed(EVE)
    # A second tap changes nothing.
    assert await desk.taps(BORIS, buttons["Withdraw Eve Adams"]) == []


async def test_many_come_in_pages(desk: Desk) -> None:
    count = 2 * views.BUTTONS_SHOWN + 5
    async with desk.gate.database.writing() as tx:
        for number in range(count):
            await invitations.make(desk.gate.case(tx, OPERATOR), f"Guest {number:02}", ())
    [said] = await desk.says(BORIS, "/invite")
    seen: dict[str, str] = {}
    for first, last in ((1, 20), (21, 40), (41, 45)):
        assert f"{first}–{last} of {count}" in said
        shown = await desk.buttons()
        back, on = (shown.pop(label, None) for label in (BUTTON_BACK, BUTTON_NEXT))
        assert len(shown) == last - first + 1
        assert (back is None, on is None) == (first == 1, last == count)
        assert all(label.removeprefix("Withdraw ") in said for label in shown)
        seen |= shown
        if on is not None:
            [said] = await desk.taps(BORIS, on)
    assert len(seen) == count
    assert await desk.taps(ANNA, data(Tap.INVITATIONS, 20)) == []
    # A part that has gone since is the first one.
    [said] = await desk.taps(BORIS, data(Tap.INVITATIONS, count))
    assert f"1–20 of {count}" in said


async def test_only_admins(desk: Desk) -> None:
    [said] = await desk.says(ANNA, "/invite Eve")
    assert "Only admins" in said
    await desk.says(BORIS, "/invite Karl")
    assert await desk.taps(ANNA, "wd:1") == []
    async with desk.gate.database.reading() as tx:
        assert len(await tx.invitations.open(desk.gate.now)) == 1


async def test_an_old_command_asks_first(desk: Desk) -> None:
    [said] = await desk.says(BORIS, "/invite Eve", ago=timedelta(hours=2))
    assert "/invite Eve" in said
    async with desk.gate.database.reading() as tx:
        assert await tx.invitations.open(desk.gate.now) == []


async def test_it_is_over_after_a_day(desk: Desk) -> None:
    await desk.says(BORIS, "/invite Eve")
    token = await made(desk)
    desk.gate.now += DAY
    await desk.says(EVE, f"/start {token}")
    assert not await desk.is_allowed(EVE)


async def test_the_first_steps_begin_with_one_button(desk: Desk) -> None:
    assert "choosing" not in await desk.says(ANNA, "/start")
    [said] = await desk.taps(ANNA, "as")
    assert said == "Which server do you need?"


async def shown(desk: Desk) -> tuple[str, list[str]]:
    """What goes out for the first invitation now."""
    async with desk.gate.database.writing() as tx:
        view = await inviting.to_send(desk.gate.case(tx, OPERATOR), InvitationId(1))
    return view.text, [button.data for row in view.keyboard for button in row]


async def test_what_goes_out_is_the_link_or_what_became_of_it(desk: Desk) -> None:
    await desk.gate.add_groups()
    await desk.says(BORIS, "/invite Eve dev")
    assert await shown(desk) == (fill(words.INVITATION_NO_NAME, name="Eve"), [])
    async with desk.gate.database.writing() as tx:
        await tx.invitations.set_own_name("vpn_bot")
    text, buttons = await shown(desk)
    first, link, rest = text.split("\n\n")
    until = moment(desk.gate.now + DAY)
    assert f"{first}\n\n{link}" == fill(words.INVITATION, name="Eve", until=until, link=link)
    address, _, token = link.partition("?start=")
    assert (address, buttons) == ("https://t.me/vpn_bot", ["wd:1"])
    assert rest.splitlines() == ["It puts them into dev.", words.INVITATION_CARE]
    await desk.says(EVE, f"/start {token}")
    used = fill(
        words.INVITATION_STATES[InvitationState.USED], name="Eve", used=moment(desk.gate.now)
    )
    assert await shown(desk) == (used, [])


async def test_withdrawn_where_it_stands_it_says_so_there(desk: Desk) -> None:
    await desk.says(BORIS, "/invite Eve")
    await desk.says(BORIS, "/invite Karl")
    async with desk.gate.database.writing() as tx:
        for number, message in (("1", 5), ("2", 6)):
            place = PostedMessage(
                ChatId(BORIS), message, OutboxKind.INVITATION, number, desk.gate.now
            )
            await tx.posted.remember(place)
    # The desk taps on message 5: that of the one, and no message of the other.
    assert await desk.taps(BORIS, "wd:1") == ["edit"]
    edited, listed = await desk.taps(BORIS, "wd:2")
    assert (edited, listed) == ("edit", words.USAGE_INVITE)
    withdrawn = fill(words.INVITATION_STATES[InvitationState.WITHDRAWN], name="Eve")
    assert await shown(desk) == (withdrawn, [])
