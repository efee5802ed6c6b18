"""What stands in a chat already follows what becomes of it: lists, links, profiles."""

import pytest

from bot.access import extending, invitations, requests, revocation
from bot.access.permission import THE_BOT
from bot.chat.buttons import to_payload
from bot.chat.member_commands import my_vpn_now
from bot.texts import joining as joining_words
from bot.texts import keys as key_words
from bot.texts import life
from bot.texts import more_time as time_words
from bot.texts.fill import fill
from demo.api.faults import Fault, status
from demo.testing import DemoMessage
from storage.joining_records import InvitationId, InvitationState
from storage.records import OutboxKind, Payload
from tests.bot.access.kit import ANNA, BORIS, DAY
from tests.bot.chat.posting import Desk, empty_outbox
from tests.bot.chat.rows import conclude
from tests.bot.reading import shown


@pytest.fixture
def desk(posting: Desk) -> Desk:
    return posting


async def edits(desk: Desk) -> list[Payload]:
    """Those that wait to be sent."""
    async with desk.paper.database.reading() as tx:
        return [one.payload for one in await tx.outbox.open(OutboxKind.EDIT)]


async def own_list(desk: Desk) -> Payload:
    """Anna's answer to /myvpn, as it is now."""
    async with desk.paper.database.reading() as tx:
        view = await my_vpn_now(desk.paper.case(tx, THE_BOT), ANNA)
    return {"text": view.text, "keyboard": to_payload(view.keyboard), "about": str(ANNA)}


async def reply(desk: Desk, payload: Payload) -> None:
    await desk.does(desk.posts.reply, await desk.row(OutboxKind.REPLY, payload, ANNA))


async def edit(desk: Desk, payload: Payload, chat: int = ANNA) -> list[str]:
    """The methods that it takes."""
    desk.calls()
    await desk.does(desk.posts.edit, await desk.row(OutboxKind.EDIT, payload, chat))
    return desk.calls()


async def test_of_two_lists_of_ones_own_the_newer_alone_can_be_tapped(desk: Desk) -> None:
    await desk.paper.active()
    await empty_outbox(desk)
    now = await own_list(desk)
    await reply(desk, now)
    await reply(desk, now)
    first, second = [one.message_id for one in desk.server.person(ANNA).messages]
    assert await desk.posted(OutboxKind.REPLY, ANNA) == [(ANNA, second)]
    outdated = {"kind": "reply", "subject": str(ANNA), "message": first, "outdated": True}
    assert await edits(desk) == [outdated]
    # One that is shown anew in its own place has nothing above it.
    await reply(desk, {**now, "edit": second})
    assert await edits(desk) == [outdated]
    assert await desk.posted(OutboxKind.REPLY, ANNA) == [(ANNA, second)]

    assert await edit(desk, outdated) == ["editMessageText"]

    old, new = desk.server.person(ANNA).messages
    assert (old.text, old.buttons) == (life.MY_OUTDATED, [])
    assert new.buttons != []


async def test_a_list_without_buttons_is_left_as_it_is(desk: Desk) -> None:
    await reply(desk, await own_list(desk))
    assert await desk.posted(OutboxKind.REPLY, ANNA) == []
    assert await desk.states() == {"done": 1}


async def test_what_ended_while_a_list_was_on_its_way_is_shown(desk: Desk) -> None:
    grant = await desk.paper.active()
    await empty_outbox(desk)
    item = await desk.row(OutboxKind.REPLY, await own_list(desk), ANNA)
    came = await desk.posts.reply(item)
    await desk.paper.by(await desk.paper.actor(BORIS), revocation.revoke_grant, grant.id)
    assert await edits(desk) == []
    await conclude(desk.posts._core, item, came)
    [message] = desk.server.person(ANNA).messages
    payload = {"kind": "reply", "subject": str(ANNA), "message": message.message_id}
    assert await edits(desk) == [payload]

    assert await edit(desk, payload) == ["editMessageText"]

    [message] = desk.server.person(ANNA).messages
    assert message.text == shown((await own_list(desk))["text"]).text
    assert message.buttons == []


async def invite(desk: Desk) -> InvitationId:
    async with desk.paper.database.writing() as tx:
        await tx.invitations.set_own_name("vpn_bot")
    boris = await desk.paper.actor(BORIS)
    return (await desk.paper.by(boris, invitations.make, "Eve Adams", [])).id


async def withdraw(desk: Desk, number: InvitationId) -> None:
    await desk.paper.by(await desk.paper.actor(BORIS), invitations.withdraw, number)


async def test_an_invitation_keeps_its_link_while_it_is_open(desk: Desk) -> None:
    number = await invite(desk)
    row = await desk.row(OutboxKind.INVITATION, {"invitation": number})
    await desk.does(desk.posts.invitation, row)
    [sent] = desk.server.person(BORIS).messages
    assert "https://t.me/vpn_bot?start=" in sent.text
    assert await desk.posted(OutboxKind.INVITATION, number) == [(BORIS, sent.message_id)]
    assert await edits(desk) == []
    # It is the only copy.
    payload = {"kind": "invitation", "subject": str(number), "message": sent.message_id}
    assert await edit(desk, payload, BORIS) == []

    await withdraw(desk, number)

    assert await edits(desk) == [payload]
    assert await edit(desk, payload, BORIS) == ["editMessageText"]
    [message] = desk.server.person(BORIS).messages
    said = fill(joining_words.INVITATION_STATES[InvitationState.WITHDRAWN], name="Eve Adams")
    assert (message.text, message.buttons) == (shown(said).text, [])


async def test_an_invitation_withdrawn_on_its_way_loses_its_link(desk: Desk) -> None:
    number = await invite(desk)
    item = await desk.row(OutboxKind.INVITATION, {"invitation": number})
    came = await desk.posts.invitation(item)
    await withdraw(desk, number)
    assert await edits(desk) == []
    await conclude(desk.posts._core, item, came)
    [sent] = desk.server.person(BORIS).messages
    assert [one["message"] for one in await edits(desk)] == [sent.message_id]


async def test_below_a_profile_stands_what_can_be_done_with_it(desk: Desk) -> None:
    paper = desk.paper
    grant = await paper.active()
    paper.now += 6 * DAY
    sent = await desk.posts._bot.send_document(
        ANNA, b"profile", filename="vpn.ovpn", caption="As it was sent"
    )
    below = {"kind": "deliver", "subject": grant.id, "message": sent.message_id}

    async def now() -> DemoMessage:
        await edit(desk, below)
        return desk.server.person(ANNA).messages[-1]

    assert await edit(desk, below) == []
    async with paper.database.writing() as tx:
        await tx.keys.lock(grant.id)
    request = await paper.by(await paper.actor(ANNA), extending.ask, grant.id)
    asked = await now()
    assert asked.text == "As it was sent"
    assert asked.button(key_words.BUTTON_SHOW)
    assert asked.button("Windows")
    assert not asked.button(time_words.BUTTON)
    async with paper.database.writing() as tx:
        await tx.keys.shown(grant.id, paper.now)
    await paper.by(await paper.actor(BORIS), requests.deny, request.id)
    denied = await now()
    assert not denied.button(key_words.BUTTON_SHOW)
    assert denied.button(time_words.BUTTON)
    # Whoever deleted it wants none of that.
    desk.server.faults.append(Fault("editMessageReplyMarkup", 1, status(400, "Bad Request: gone")))
    assert await edit(desk, below) == ["editMessageReplyMarkup"]

    await paper.by(await paper.actor(BORIS), revocation.revoke_grant, grant.id)

    assert await edit(desk, below) == ["editMessageCaption"]
    [message] = desk.server.person(ANNA).messages
    assert message.text.startswith(life.DYING)
    assert message.buttons == []


async def test_a_message_is_taken_out_of_a_chat_once(desk: Desk) -> None:
    sent = await desk.posts._bot.send_message(ANNA, "no secret for long")
    desk.calls()
    for _ in range(2):
        row = await desk.row(OutboxKind.DELETE, {"message": sent.message_id}, ANNA)
        await desk.does(desk.posts.delete, row)
    assert desk.calls() == ["deleteMessage", "deleteMessage"]
    assert desk.server.person(ANNA).messages == []
    assert await desk.states() == {"done": 2}


async def test_the_menu_shows_what_they_may_do(desk: Desk) -> None:
    await desk.does(desk.posts.menu, await desk.row(OutboxKind.MENU, {}, ANNA))
    assert [one["command"] for one in desk.server.person(ANNA).menu] == [
        "requestvpn",
        "myvpn",
        "help",
    ]
