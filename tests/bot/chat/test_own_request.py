"""What somebody does with a request of theirs that waits, as it is tapped and typed."""

from bot.access.permission import THE_BOT
from bot.chat import cards
from bot.chat.buttons import Tap
from storage.records import ChatId, OutboxKind, PostedMessage, Request, RequestId
from tests.bot.chat.desk import ANNA, BORIS, CLARA, DAY, Desk

MESSAGE = 5  # what every tap of the desk is on


async def ask(desk: Desk, *, is_remembered: bool = True) -> None:
    await desk.says(ANNA, "/requestvpn 7d berlin")
    if is_remembered:
        async with desk.gate.database.writing() as tx:
            posted = PostedMessage(ChatId(ANNA), MESSAGE, OutboxKind.ASKED, "1", desk.gate.now)
            await tx.posted.remember(posted)


async def request(desk: Desk) -> Request:
    async with desk.gate.database.reading() as tx:
        found = await tx.requests.get(RequestId(1))
    assert found is not None
    return found


async def shown(desk: Desk) -> tuple[str, list[list[str]]]:
    async with desk.gate.database.reading() as tx:
        view = await cards.asked(desk.gate.case(tx, THE_BOT), await request(desk))
    return view.text, [[one.text for one in row] for row in view.keyboard]


async def test_it_says_who_was_asked(desk: Desk) -> None:
    await ask(desk)
    text, keyboard = await shown(desk)
    assert "waits for the admins" in text
    assert text.endswith("Asked: P2001 and P2002.")
    assert keyboard == [
        ["Another duration", "Add a reason"],
        ["Nudge the admins", "Cancel request"],
    ]
    async with desk.gate.database.writing() as tx:
        await tx.people.set_reachable(BORIS, reachable=False)  # type: ignore[arg-type]
    assert (await shown(desk))[0].endswith("Asked: P2002.")
    # Where nobody can be reached there is nobody to nudge.
    async with desk.gate.database.reading() as tx:
        case = desk.gate.case(tx, THE_BOT)
        view = await cards.asked(case, await request(desk), admin_reachable=False)
    assert [one.text for one in view.keyboard[-1]] == ["Cancel request"]


async def test_whoever_has_two_accounts_is_named_once(desk: Desk) -> None:
    await desk.allow(BORIS)
    await desk.allow(CLARA)
    await desk.gate.link(CLARA, same_as=BORIS)
    await desk.new()
    await ask(desk)
    assert (await shown(desk))[0].endswith(("Asked: P2001.", "Asked: P2002."))


async def test_another_duration_is_two_taps(desk: Desk) -> None:
    await ask(desk)
    (said,) = await desk.taps(ANNA, "ch:1")
    assert "waits for the admins" in said
    assert "For how long" in said
    offered = await desk.buttons()
    assert list(offered) == ["1 hour", "8 hours", "1 day", "30 days", "‹ Back"]
    assert await desk.taps(ANNA, offered["‹ Back"]) == ["edit_card"]
    assert await desk.taps(ANNA, offered["1 day"]) == ["edit_card"]
    assert (await request(desk)).duration == 86_400
    # What is decided meanwhile is said, and the message brought up to date.
    await desk.taps(BORIS, "dn:1:1")
    assert await desk.taps(ANNA, offered["1 hour"]) == ["edit_card"]
    assert (await request(desk)).duration == 86_400


async def test_a_message_that_nobody_remembers_is_brought_up_to_date_too(desk: Desk) -> None:
    await ask(desk, is_remembered=False)
    assert await desk.taps(ANNA, "ch:1:3600") == ["edit_card"]


async def test_a_reason_is_a_reply_to_the_request(desk: Desk) -> None:
    await ask(desk)
    (said,) = await desk.taps(ANNA, "wy:1")
    assert "as a reply to this message" in said
    assert list(await desk.buttons()) == ["‹ Back"]
    answers = await desk.says(ANNA, "night <b>shift</b>", replies_to=MESSAGE)
    assert answers == ["edit_card", "Noted. I’m adding it to the admins’ cards."]
    assert (await request(desk)).reason == "night <b>shift</b>"
    text, keyboard = await shown(desk)
    assert "Your reason: night &lt;b&gt;shift&lt;/b&gt;" in text
    assert keyboard[0] == ["Another duration", "Another reason"]
    # However long it waited with Telegram: it says itself what it is about.
    await desk.says(ANNA, "late shift", replies_to=MESSAGE, ago=DAY / 4)
    assert (await request(desk)).reason == "late shift"


async def test_other_words_are_no_reason(desk: Desk) -> None:
    await ask(desk)
    async with desk.gate.database.writing() as tx:
        profile = PostedMessage(ChatId(ANNA), 78, OutboxKind.DELIVER, "g-1", desk.gate.now)
        await tx.posted.remember(profile)
    plain = await desk.says(ANNA, "night shift")
    for replies_to in (77, 78):
        assert await desk.says(ANNA, "night shift", replies_to=replies_to) == plain
    await desk.says(ANNA, "/help me", replies_to=MESSAGE)
    # Nor is what somebody else writes: their message of that number is another one.
    await desk.says(CLARA, "night shift", replies_to=MESSAGE)
    assert (await request(desk)).reason == ""
    await desk.says(ANNA, "  \u202e ", replies_to=MESSAGE)
    assert (await request(desk)).reason == ""
    await desk.taps(ANNA, "cx:1")
    (said,) = await desk.says(ANNA, "night shift", replies_to=MESSAGE)
    assert "cancelled this request already" in said


async def test_nobody_changes_anothers(desk: Desk) -> None:
    await ask(desk)
    await desk.allow(CLARA)
    await desk.new()
    for tap in (Tap.CHANGE, Tap.REASON, Tap.MINE):
        assert await desk.taps(CLARA, f"{tap}:1") == []
    assert await desk.taps(CLARA, "ch:1:3600") == []
    assert (await request(desk)).duration == 7 * 86_400


async def test_a_nudge_brings_the_cards_back(desk: Desk) -> None:
    await ask(desk)
    assert await desk.taps(ANNA, "nu:1") == []
    desk.gate.now += DAY / 4
    assert await desk.taps(ANNA, "nu:1") == ["edit_card", "card", "card", "edit_card"]
    text, keyboard = await shown(desk)
    assert "You nudged those" in text
    assert keyboard[1] == ["Cancel request"]
    assert await desk.taps(ANNA, "nu:1") == []
    # Whoever is paused meanwhile reads what is true of them.
    await desk.taps(ANNA, "cx:1")
    assert await desk.taps(ANNA, "nu:1") == ["edit_card"]
