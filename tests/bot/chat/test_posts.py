"""What is sent, edited and remembered for each kind of row, at a look-alike of Telegram."""

import asyncio
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from telegram.error import TelegramError

from bot.access import extending, importing, linking, not_me, pausing, requests, revocation, usage
from bot.access.importing import Certificate
from bot.access.permission import THE_BOT
from bot.access.usage import Use
from bot.chat import soon_over
from bot.chat.sender import Handler
from bot.texts import chat as words
from demo.api.faults import Fault, status
from demo.testing import DemoMessage
from storage.outbox import Done
from storage.records import (
    CanaryLook,
    CanaryTrouble,
    ChatId,
    EndReason,
    Grant,
    OutboxKind,
    Payload,
    PostedMessage,
    Server,
)
from tests.bot.access.kit import (
    ANNA,
    BERLIN,
    BORIS,
    DAY,
    HOUR,
    MORNING,
    OPERATOR,
    Paper,
    seen,
)
from tests.bot.chat.posting import Desk, empty_outbox
from tests.bot.chat.rows import conclude
from tests.bot.chat.test_views import status as answered
from vpn.findings import ServerStatus

GONE = status(400, "Bad Request: message to edit not found")
SAME = status(
    400,
    "Bad Request: message is not modified: specified new message content and reply markup are "
    "exactly the same as a current content and reply markup of the message",
)


@pytest.fixture
def desk(posting: Desk) -> Desk:
    return posting


async def test_a_reply_changes_its_message_or_is_a_new_one(desk: Desk) -> None:
    first: Payload = {"text": "one", "keyboard": []}
    await desk.does(desk.posts.reply, await desk.row(OutboxKind.REPLY, first))
    assert desk.calls() == ["sendMessage"]
    number = desk.server.person(BORIS).messages[-1].message_id
    await desk.does(
        desk.posts.reply, await desk.row(OutboxKind.REPLY, {**first, "text": "2", "edit": number})
    )
    assert desk.calls() == ["editMessageText"]
    desk.server.faults.append(Fault("editMessageText", 1, SAME))
    await desk.does(desk.posts.reply, await desk.row(OutboxKind.REPLY, {**first, "edit": number}))
    assert desk.calls() == ["editMessageText"]
    desk.server.faults.append(Fault("editMessageText", 1, GONE))
    await desk.does(desk.posts.reply, await desk.row(OutboxKind.REPLY, {**first, "edit": number}))
    assert desk.calls() == ["editMessageText", "sendMessage"]
    assert "request_users" not in str(desk.server.calls[-1].params)
    await desk.does(desk.posts.reply, await desk.row(OutboxKind.REPLY, {**first, "picks": True}))
    assert "request_users" in str(desk.server.calls[-1].params)
    assert await desk.states() == {"done": 5}


async def test_of_an_answer_that_stays_as_it_is_nothing_is_remembered(desk: Desk) -> None:
    said: Payload = {"text": "one", "keyboard": [[{"text": "Help", "data": "help", "style": None}]]}
    assert await desk.posts.reply(await desk.row(OutboxKind.REPLY, said)) == Done()
    assert desk.server.person(BORIS).messages[-1].button("Help")


async def test_a_card_is_remembered_and_brought_up_to_date(desk: Desk) -> None:
    request = await desk.paper.asked()
    await empty_outbox(desk)
    about: Payload = {"request": request.id}
    await desk.does(desk.posts.card, await desk.row(OutboxKind.CARD, about))
    [(chat, number)] = await desk.posted(OutboxKind.CARD, request.id)
    assert chat == BORIS
    assert desk.calls() == ["sendMessage"]
    # Nothing happened meanwhile, so there is nothing to edit.
    assert await desk.states() == {"done": 1}
    edit = {**about, "kind": OutboxKind.CARD, "message": number}
    await desk.does(desk.posts.edit_card, await desk.row(OutboxKind.EDIT_CARD, edit))
    desk.server.faults.append(Fault("editMessageText", 1, SAME))
    await desk.does(desk.posts.edit_card, await desk.row(OutboxKind.EDIT_CARD, edit))
    assert await desk.posted(OutboxKind.CARD, request.id) == [(BORIS, number)]
    desk.calls()
    # Where it is gone a new one takes its place.
    desk.server.faults.append(Fault("editMessageText", 1, GONE))
    await desk.does(desk.posts.edit_card, await desk.row(OutboxKind.EDIT_CARD, edit))
    assert desk.calls() == ["editMessageText", "sendMessage"]
    [(_, other)] = await desk.posted(OutboxKind.CARD, request.id)
    assert other != number
    assert await desk.states() == {"done": 4}


async def test_what_happened_while_a_card_was_on_its_way_is_shown(desk: Desk) -> None:
    request = await desk.paper.asked()
    await empty_outbox(desk)
    item = await desk.row(OutboxKind.CARD, {"request": request.id})
    desk.server.faults.append(Fault("sendMessage", 1, status(500, "Internal Server Error")))
    with pytest.raises(TelegramError):
        await desk.posts.card(item)
    assert await desk.states() == {"sending": 1}
    boris = await desk.paper.actor(BORIS)

    async def decided() -> None:
        while not desk.server.person(BORIS).messages:  # noqa: ASYNC110
            await asyncio.sleep(0)
        await desk.paper.by(boris, requests.deny, request.id)

    await asyncio.gather(desk.does(desk.posts.card, item), decided())
    async with desk.paper.database.reading() as tx:
        edits = await tx.outbox.open(OutboxKind.EDIT_CARD)
    assert [int(one.chat_id) for one in edits] == [int(BORIS)]


async def test_a_question_about_a_use_loses_its_buttons_with_what_they_would_end(
    desk: Desk,
) -> None:
    grant = await desk.paper.active()
    number = await asked_about(desk.paper, grant)
    await empty_outbox(desk)
    row = await desk.row(OutboxKind.ASKED_USE, {"use": number}, ANNA)
    await desk.does(ask(desk), row)
    [message] = desk.server.person(ANNA).messages
    assert message.button("Yes, that was me")
    assert "a Mac" in message.text
    await empty_outbox(desk)
    await desk.paper.do(revocation.begin, [grant], EndReason.REVOKED)
    [edit] = await edits_of_questions(desk)
    await desk.does(desk.posts.edit, await desk.row(OutboxKind.EDIT, edit, ANNA))
    [message] = desk.server.person(ANNA).messages
    assert not message.button("Not me")
    assert "being switched off" in message.text
    await desk.paper.do(revocation.record_proofs, [seen(grant)])
    await desk.does(desk.posts.edit, await desk.row(OutboxKind.EDIT, edit, ANNA))
    assert "has ended since" in desk.server.person(ANNA).messages[0].text


async def test_what_ended_while_the_question_was_on_its_way_is_shown(desk: Desk) -> None:
    grant = await desk.paper.active()
    number = await asked_about(desk.paper, grant)
    await empty_outbox(desk)
    row = await desk.row(OutboxKind.ASKED_USE, {"use": number}, ANNA)
    remember = await ask(desk)(row)
    await desk.paper.do(revocation.begin, [grant], EndReason.REVOKED)
    assert await edits_of_questions(desk) == []
    await conclude(desk.posts._core, row, remember)
    assert len(await edits_of_questions(desk)) == 1


def ask(desk: Desk) -> Handler:
    return desk.posts.question


async def edits_of_questions(desk: Desk) -> list[Payload]:
    async with desk.paper.database.reading() as tx:
        edits = await tx.outbox.open(OutboxKind.EDIT)
    return [one.payload for one in edits if one.payload["kind"] == OutboxKind.ASKED_USE]


async def asked_about(paper: Paper, grant: Grant) -> int:
    """Its owner is asked about its first use."""
    place = "198.51.100.7:40000"
    use = Use(grant.id, paper.now, 0, place, 1, 1)
    async with paper.database.writing() as tx:
        changes = await usage.changes(tx, paper.now, BERLIN, [use])
        case = paper.case(tx, THE_BOT)
        said = {place: "mac"}
        await not_me.ask(case, changes, is_told=False, server_time=None, platforms=said)
        (asked,) = await tx.asked_uses.open_of(grant.id)
    return asked.id


async def test_what_the_requester_was_told_is_not_said_again(desk: Desk) -> None:
    request = await desk.paper.asked()
    await empty_outbox(desk)
    about: Payload = {"request": request.id}
    await desk.does(desk.posts.asked, await desk.row(OutboxKind.ASKED, about, ANNA))
    [(_, number)] = await desk.posted(OutboxKind.ASKED, request.id)
    desk.calls()
    await desk.does(
        desk.posts.asked, await desk.row(OutboxKind.ASKED, {**about, "edit": number}, ANNA)
    )
    assert desk.calls() == ["editMessageText"]
    desk.server.faults.append(Fault("editMessageText", 2, GONE))
    edit = {**about, "kind": OutboxKind.ASKED, "message": number}
    await desk.does(desk.posts.edit_card, await desk.row(OutboxKind.EDIT_CARD, edit, ANNA))
    assert desk.calls() == ["editMessageText"], "the decision comes by another message"
    await desk.does(
        desk.posts.asked, await desk.row(OutboxKind.ASKED, {**about, "edit": number}, ANNA)
    )
    assert desk.calls() == ["editMessageText", "sendMessage"]
    assert await desk.states() == {"done": 4}


async def test_instructions_of_a_server_that_is_gone(desk: Desk) -> None:
    grant = await desk.paper.active()
    await empty_outbox(desk)
    topics = desk.posts._handover.topics()
    for topic, is_known in ((topics[0].id, True), ("nonsense", False)):
        payload = {"grant": grant.id, "topic": topic}
        await desk.does(desk.posts.how_to, await desk.row(OutboxKind.HOW_TO, payload, ANNA))
        text = desk.server.person(ANNA).messages[-1].text
        assert (words.HOW_TO_GONE not in text) == is_known
    async with desk.paper.database.writing() as tx:
        await tx._connection.exec_driver_sql("DELETE FROM servers")
    payload = {"grant": grant.id, "topic": topics[0].id}
    await desk.does(desk.posts.how_to, await desk.row(OutboxKind.HOW_TO, payload, ANNA))
    assert desk.server.person(ANNA).messages[-1].text == words.HOW_TO_GONE
    assert await desk.states() == {"done": 3}


class Answering:
    """Servers that can be asked."""

    async def status(self, server: Server) -> ServerStatus:
        return answered(server.name, reachable=True)


async def test_a_try_from_outside_counts_only_while_it_is_new(desk: Desk) -> None:
    answering: Any = Answering()
    desk.posts._fleet = answering
    for age, said in ((15, "⚠️ tried from outside"), (16, "⚠️ not tried from outside since")):
        at = desk.paper.now - timedelta(minutes=age)
        look = CanaryLook(BERLIN, at, (CanaryTrouble.UNREACHABLE,))
        async with desk.paper.database.writing() as tx:
            await tx.canaries.see(look)
        await desk.does(desk.posts.servers, await desk.row(OutboxKind.SERVERS, {}))
        assert said in desk.server.person(BORIS).messages[-1].text


class NothingWaits:
    """A fleet on which everybody is let in already."""

    async def let_in_waiting(self, name: str) -> None:
        pass

    async def publish(self, name: str) -> None:
        pass


async def test_who_is_back_is_said_as_it_is_by_then(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They may be paused again, or have lost what they had, while the servers were asked."""
    monkeypatch.setattr(desk.posts, "_fleet", NothingWaits())
    paper = desk.paper
    boris = await paper.actor(BORIS)
    grant = await paper.active()

    async def said() -> list[str]:
        before = len(desk.server.person(BORIS).messages)
        await desk.does(desk.posts.resume, await desk.row(OutboxKind.RESUME, {"person": ANNA}))
        return [message.text for message in desk.server.person(BORIS).messages[before:]]

    assert await said() == ["Anna Petrova isn’t paused any more: 1 profile works again."]
    await paper.by(boris, pausing.pause, ANNA, None)
    assert await said() == []
    await paper.by(boris, pausing.resume, ANNA)
    await paper.by(boris, revocation.revoke_grant, grant.id)
    [text] = await said()
    assert text.endswith("They have no profile to come back to.")


async def reminds(desk: Desk, grant: Grant) -> None:
    row = await desk.row(OutboxKind.REMINDER, {"grant": grant.id}, chat=ANNA)
    send = partial(soon_over.send, desk.posts._bot, desk.posts._core)
    await desk.does(send, row)


async def test_a_reminder_takes_the_place_of_the_one_before(desk: Desk) -> None:
    grant = await desk.paper.active()
    desk.paper.now = grant.not_after - DAY
    await reminds(desk, grant)
    assert desk.calls() == ["sendMessage"]
    first = desk.server.person(ANNA).messages[-1]
    assert first.text.startswith(f"⏳ Your access to {BERLIN} ends in 1 day")
    assert first.button("More time")
    desk.paper.now = grant.not_after - HOUR
    await empty_outbox(desk)

    await reminds(desk, grant)

    second = desk.server.person(ANNA).messages[-1]
    assert "ends in 1 hour" in second.text
    async with desk.paper.database.reading() as tx:
        left = await tx.posted.about(OutboxKind.REMINDER, grant.id)
        (gone,) = await tx.outbox.open(OutboxKind.DELETE)
        assert not await tx.outbox.open(OutboxKind.EDIT)
    assert [one.message_id for one in left] == [second.message_id]
    assert gone.payload == {"message": first.message_id}


async def test_a_reminder_that_was_overtaken_on_its_way_is_edited(desk: Desk) -> None:
    paper, core = desk.paper, desk.posts._core
    grant = await paper.active()
    paper.now = grant.not_after - DAY
    row = await desk.row(OutboxKind.REMINDER, {"grant": grant.id}, chat=ANNA)
    sent = await soon_over.send(desk.posts._bot, core, row)
    await paper.by(await paper.actor(ANNA), extending.ask, grant.id)
    await conclude(core, row, sent)
    async with paper.database.reading() as tx:
        (edit,) = await tx.outbox.open(OutboxKind.EDIT)
    assert edit.payload["kind"] == "reminder"


async def test_a_reminder_follows_what_becomes_of_its_profile(desk: Desk) -> None:
    """Asked for, given, over: its button goes with the wish."""
    paper = desk.paper
    grant = await paper.active()
    paper.now = grant.not_after - DAY
    await reminds(desk, grant)
    number = desk.server.person(ANNA).messages[-1].message_id
    request = await paper.by(await paper.actor(ANNA), extending.ask, grant.id)
    edit: Payload = {"kind": "reminder", "subject": grant.id, "message": number}

    async def now() -> DemoMessage:
        await desk.does(desk.posts.edit, await desk.row(OutboxKind.EDIT, edit, chat=ANNA))
        return desk.server.person(ANNA).messages[-1]

    waits = await now()
    assert "nobody has decided yet" in waits.text
    assert not waits.button("More time")
    fresh = (await paper.yes(BORIS, request.id)).grant
    assert (await now()).text.startswith(f"You have a newer profile for {BERLIN}")
    # Of what has more time nobody is reminded, whatever waited to be sent.
    desk.calls()
    await reminds(desk, grant)
    assert desk.calls() == []
    await paper.by(await paper.actor(BORIS), revocation.revoke_grant, fresh.id)
    await paper.by(await paper.actor(BORIS), pausing.pause, ANNA, None)
    assert "once your VPN access is back" in (await now()).text
    await paper.by(await paper.actor(BORIS), revocation.revoke_grant, grant.id)
    assert (await now()).text == "This profile has ended."


async def test_a_reminder_of_a_certificate_from_before_offers_to_ask(desk: Desk) -> None:
    paper = desk.paper
    ends = paper.now + DAY
    old = Certificate("deed01", "anna", paper.now - DAY, ends)
    await paper.by(OPERATOR, importing.take_in, [old])
    (grant,) = await paper.by(OPERATOR, linking.link, "anna", ANNA)
    await reminds(desk, grant)
    said = desk.server.person(ANNA).messages[-1]
    assert said.text.startswith("⏳ Your earlier VPN profile anna ends in 1 day")
    assert said.button("Ask for VPN")


async def test_what_somebody_was_sending_when_they_were_killed_is_not_sent_again(
    desk: Desk,
) -> None:
    row = await desk.row(OutboxKind.REMINDER, {"grant": "g-1"})
    assert await soon_over.dropped(row) == Done()


@pytest.mark.parametrize("asked", [False, True])
async def test_the_last_word_has_a_way_to_ask_again(desk: Desk, asked: bool) -> None:
    paper = desk.paper
    grant = await paper.active()
    paper.now = grant.not_after
    await paper.do(revocation.expire_due)
    if asked:
        await paper.asked()
    values = {"server": BERLIN, "reason": "ended", "admin": "", "by": "vpnbot"}
    row = await desk.row(OutboxKind.NOTICE, {"code": "access_ended", "values": values}, chat=ANNA)
    await desk.does(desk.posts.notice, row)
    said = desk.server.person(ANNA).messages[-1]
    assert "has reached its end" in said.text
    assert bool(said.button("Ask again")) is not asked


async def test_a_reminder_takes_the_place_of_the_card(desk: Desk) -> None:
    async with desk.paper.database.writing() as tx:
        await tx.people.know(BORIS, "Boris", MORNING)
    request = await desk.paper.asked()
    await empty_outbox(desk)
    about: Payload = {"request": request.id}
    await desk.does(desk.posts.card, await desk.row(OutboxKind.CARD, about))
    [(_, first)] = await desk.posted(OutboxKind.CARD, request.id)
    again = about | {"again": True}
    await desk.does(desk.posts.card, await desk.row(OutboxKind.CARD, again))
    [(_, second)] = await desk.posted(OutboxKind.CARD, request.id)
    async with desk.paper.database.reading() as tx:
        [taken] = await tx.outbox.open(OutboxKind.DELETE)
    assert (int(taken.chat_id), taken.payload) == (BORIS, {"message": first})
    assert second != first
    # Telegram lets a bot delete what is younger than two days: an older one stays as it is.
    long_ago = PostedMessage(
        ChatId(BORIS), second, OutboxKind.CARD, str(request.id), MORNING - timedelta(hours=47)
    )
    async with desk.paper.database.writing() as tx:
        await tx.posted.remember(long_ago)
    await desk.does(desk.posts.card, await desk.row(OutboxKind.CARD, again))
    assert len(await desk.posted(OutboxKind.CARD, request.id)) == 2
    # What was decided while it was on its way is no reminder any more.
    await desk.paper.by(await desk.paper.actor(BORIS), requests.deny, request.id)
    desk.calls()
    await desk.does(desk.posts.card, await desk.row(OutboxKind.CARD, again))
    assert desk.calls() == []


async def test_a_card_that_somebody_has_deleted_comes_back_for_a_decision_only(desk: Desk) -> None:
    request = await desk.paper.asked()
    edit: Payload = {"request": request.id, "kind": OutboxKind.CARD, "message": 77}
    stays: tuple[Payload, list[str]] = ({"afresh": False}, [])
    for more, methods in (stays, ({}, ["sendMessage"])):
        desk.calls()
        desk.server.faults.append(Fault("editMessageText", 1, GONE))
        row = await desk.row(OutboxKind.EDIT_CARD, {**edit, **more})
        await desk.does(desk.posts.edit_card, row)
        assert desk.calls() == ["editMessageText", *methods]


async def test_a_group_is_reminded_as_long_as_anybody_is_asked(desk: Desk) -> None:
    async with desk.paper.database.writing() as tx:
        await tx.people.know(BORIS, "Boris", MORNING)
    request = await desk.paper.asked()
    group = desk.server.add_group("Staff", [BORIS])
    again: Payload = {"request": request.id, "again": True}
    await desk.does(desk.posts.card, await desk.row(OutboxKind.CARD, again, group.id))
    assert len(group.messages) == 1
    await desk.paper.by(await desk.paper.actor(BORIS), requests.deny, request.id)
    await desk.does(desk.posts.card, await desk.row(OutboxKind.CARD, again, group.id))
    assert len(group.messages) == 1
