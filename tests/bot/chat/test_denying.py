"""A no with its reason, as it is tapped and typed."""

import pytest

from bot.access import messages
from bot.access.permission import THE_BOT
from bot.texts import questions as asking
from bot.texts import requests as request_words
from storage.records import ChatId, OutboxKind, PostedMessage, RequestId, RequestState, UserId
from tests.bot.chat.desk import ANNA, BORIS, CLARA, DAY, EVE, Desk
from tests.gate import updates

MESSAGE = 5  # what every tap of the desk is on


@pytest.fixture
async def asked(desk: Desk) -> None:
    """Anna has asked, and Boris and Clara have her card."""
    await desk.says(ANNA, "/requestvpn 7d berlin")
    async with desk.gate.database.writing() as tx:
        for chat, message in ((BORIS, MESSAGE), (CLARA, 6)):
            card = PostedMessage(ChatId(chat), message, OutboxKind.CARD, "1", desk.gate.now)
            await tx.posted.remember(card)


async def state(desk: Desk) -> RequestState:
    async with desk.gate.database.reading() as tx:
        found = await tx.requests.get(RequestId(1))
    assert found is not None
    return found.state


async def reason(desk: Desk) -> tuple[str | None, str | None]:
    async with desk.gate.database.reading() as tx:
        notes = await tx.request_notes.of(RequestId(1))
    return notes.denied_why, notes.denied_words


@pytest.mark.usefixtures("asked")
async def test_the_reasons_are_below_the_card(desk: Desk) -> None:
    (said,) = await desk.taps(BORIS, "dw:1")
    assert "P1001" in said
    assert "as a reply to this card" in said
    offered = await desk.buttons()
    assert all(text.startswith("Deny: ") for text in [*offered][:-1])
    assert await desk.taps(BORIS, offered["‹ Back"]) == ["edit_card"]
    assert await state(desk) is RequestState.PENDING
    assert await desk.taps(BORIS, offered["Deny: not now"]) == ["edit_card", "edit_card", "notice"]
    assert await state(desk) is RequestState.DENIED
    assert await reason(desk) == ("later", None)
    # What was decided stands on the card of whoever asks for the reasons now.
    assert await desk.taps(CLARA, "dw:1") == ["edit_card"]
    assert "notice" in await desk.taps(BORIS, "ud:1")
    assert await reason(desk) == (None, None)


@pytest.mark.usefixtures("asked")
async def test_they_are_where_the_card_was_tapped(desk: Desk) -> None:
    await desk.taps(BORIS, "dw:1")
    await desk.taps_in_group(BORIS, "dw:1")
    async with desk.gate.database.reading() as tx:
        *_, private, in_group = await tx.outbox.due(desk.gate.now, 1000)
    assert (private.chat_id, private.payload["edit"]) == (BORIS, MESSAGE)
    assert (in_group.chat_id, in_group.payload["edit"]) == (updates.GROUP["id"], MESSAGE)


@pytest.mark.long
@pytest.mark.usefixtures("asked")
async def test_words_below_a_card_are_asked_back(desk: Desk) -> None:
    """An answer to a card may be anything: 'ok' is not to be a no."""
    (said,) = await desk.says(BORIS, "ask <b>Clara</b> first", replies_to=MESSAGE)
    assert "“ask &lt;b&gt;Clara&lt;/b&gt; first”" in said
    assert await state(desk) is RequestState.PENDING
    yes, no = (await desk.buttons()).values()
    # Nobody else says yes to words that are not theirs.
    assert await desk.taps(CLARA, yes) == []
    assert await desk.taps(ANNA, yes) == []
    assert await state(desk) is RequestState.PENDING
    *_, told, answer = await desk.taps(BORIS, yes)
    assert (told, answer) == (
        "notice",
        "Denied. I’m telling P1001: “ask &lt;b&gt;Clara&lt;/b&gt; first”",
    )
    assert await state(desk) is RequestState.DENIED
    assert await reason(desk) == (None, "ask <b>Clara</b> first")
    # It was held for one answer.
    for tap in (yes, no):
        (said,) = await desk.taps(BORIS, tap)
        assert "already" in said or "answered" in said or "gone" in said


@pytest.mark.usefixtures("asked")
async def test_or_kept_for_oneself(desk: Desk) -> None:
    await desk.says(BORIS, "hm", replies_to=MESSAGE, ago=DAY / 4)
    yes, no = (await desk.buttons()).values()
    assert await desk.taps(BORIS, no) == ["Nothing was changed."]
    await desk.taps(BORIS, yes)
    assert await state(desk) is RequestState.PENDING


@pytest.mark.usefixtures("asked")
async def test_a_request_that_changed_meanwhile_is_looked_at_again(desk: Desk) -> None:
    await desk.says(BORIS, "for what?", replies_to=MESSAGE)
    yes = next(iter((await desk.buttons()).values()))
    await desk.taps(ANNA, "ch:1:3600")
    for tap in (yes, "dn:1", "dr:1:later"):
        assert set(await desk.taps(BORIS, tap)) == {"edit_card"}
        assert await state(desk) is RequestState.PENDING
    await desk.taps(BORIS, "dr:1:later:1")
    assert await state(desk) is RequestState.DENIED
    (said,) = await desk.taps(BORIS, yes)
    assert "denied this request already" in said


@pytest.mark.usefixtures("asked")
async def test_what_is_no_word_on_a_request(desk: Desk) -> None:
    (said,) = await desk.says(BORIS, " \u202e ", replies_to=MESSAGE)
    assert "can’t read any words" in said
    await desk.says(BORIS, f"/role {EVE} auditor")
    async with desk.gate.database.writing() as tx:
        card = PostedMessage(ChatId(EVE), MESSAGE, OutboxKind.CARD, "1", desk.gate.now)
        await tx.posted.remember(card)
    await desk.new()
    assert "commands only" in (await desk.says(EVE, "what for?", replies_to=MESSAGE))[-1]
    for tap in ("dw:1", "cd:1", "dr:1:later", "ds:1:1"):
        assert await desk.taps(ANNA, tap) == []
    assert await desk.taps(BORIS, "cd:9") == []
    (said,) = await desk.taps(BORIS, "ds:1:77")
    assert await state(desk) is RequestState.PENDING
    # A message that is held, and was no answer to a card.
    await desk.says(BORIS, "/use")
    held = (await desk.buttons())["Yes, /users"].split(":")[1]
    assert await desk.taps(BORIS, f"ds:1:{held}") == []
    assert await state(desk) is RequestState.PENDING
    await desk.taps(ANNA, "cx:1")
    (said,) = await desk.says(BORIS, "for what?", replies_to=MESSAGE)
    assert "cancelled this request already" in said


@pytest.mark.usefixtures("asked")
async def test_words_below_a_card_that_a_reminder_replaced_count(desk: Desk) -> None:
    """Typed before it was gone, or where Telegram did not let it be taken out."""
    async with desk.gate.database.writing() as tx:
        newer = PostedMessage(ChatId(BORIS), 99, OutboxKind.CARD, "1", desk.gate.now)
        await messages.take_earlier(desk.gate.case(tx, THE_BOT), newer)
        await tx.posted.remember(newer)
    assert [kind for kind, _ in await desk.new()][-1:] == ["delete"]
    (said,) = await desk.says(BORIS, "ask Clara first", replies_to=MESSAGE)
    assert "“ask Clara first”" in said
    # Nothing tries to bring it up to date.
    async with desk.gate.database.writing() as tx:
        await messages.catch_up(desk.gate.case(tx, THE_BOT), UserId(BORIS))
    assert [(kind, row["message"]) for kind, row in await desk.new()] == [("edit_card", 99)]


@pytest.mark.usefixtures("asked")
async def test_words_are_said_once_and_by_whoever_wrote_them(desk: Desk) -> None:
    await desk.says(BORIS, "ask Clara first", replies_to=MESSAGE)
    yes = (await desk.buttons())[request_words.BUTTON_DENY_YES]
    assert await desk.taps(CLARA, yes) == []
    assert await state(desk) is RequestState.PENDING
    said = await desk.taps(BORIS, yes)
    assert said[-1] == "Denied. I’m telling P1001: “ask Clara first”"
    assert await reason(desk) == (None, "ask Clara first")
    assert await desk.taps(BORIS, yes) == [asking.LATE_GONE]
