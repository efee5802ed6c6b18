"""A second bot framework, driven against the server as it is: every answer fits its models."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any, cast

import pytest
import pytest_asyncio
from aiogram import Bot, Dispatcher, exceptions
from aiogram.client.session.aiohttp import AiohttpSession
from aiogram.client.telegram import TelegramAPIServer
from aiogram.filters import CommandStart
from aiogram.methods import Response, TelegramMethod
from aiogram.methods.base import TelegramType
from aiogram.types import (
    BotCommand,
    BotCommandScopeAllPrivateChats,
    BotCommandScopeChat,
    BufferedInputFile,
    CallbackQuery,
    InaccessibleMessage,
    InlineKeyboardButton,
    InlineKeyboardMarkup,
    Message,
    Update,
)

from demo.api.faults import Fault, FaultKind, drop_after, drop_before, hang, refuse, status
from demo.server import DemoServer
from demo.trouble import HowOften, Setting, TroubleKind

from .conftest import ALICE, BOB, CAROL, TOKEN, assert_no_extra

KEYS = InlineKeyboardMarkup(
    inline_keyboard=[[InlineKeyboardButton(text="Go", callback_data="go", style="success")]]
)
PROFILE = BufferedInputFile(b"profile", "vpn é.ovpn")


class StrictSession(AiohttpSession):
    """Takes no answer with a field that the models do not know."""

    def check_response(
        self,
        bot: Bot,
        method: TelegramMethod[TelegramType],
        status_code: int,
        content: str,
    ) -> Response[TelegramType]:
        response = super().check_response(bot, method, status_code, content)
        assert_no_extra(response)
        assert_no_extra(response.result)
        return response


@pytest_asyncio.fixture(loop_scope="session")
async def client(server: DemoServer) -> AsyncIterator[Bot]:
    session = StrictSession(api=TelegramAPIServer.from_base(server.url))
    async with Bot(TOKEN, session=session) as bot:
        yield bot


async def test_who_the_bot_is(client: Bot) -> None:
    me = await client.get_me()

    assert (me.id, me.is_bot, me.can_join_groups) == (4242, True, True)
    assert (await client.get_webhook_info()).pending_update_count == 0
    assert await client.delete_webhook(drop_pending_updates=False)


async def test_messages_are_sent_and_edited(server: DemoServer, client: Bot) -> None:
    sent = await client.send_message(
        ALICE,
        "<b>Hi</b> <tg-time unix='1700000000' format='t'>later</tg-time>",
        parse_mode="HTML",
        reply_markup=KEYS,
    )
    assert [entity.type for entity in sent.entities or []] == ["bold", "date_time"]

    edited = await client.edit_message_text("<i>decided</i>", None, ALICE, sent.message_id)
    assert isinstance(edited, Message)
    assert (edited.text, edited.reply_markup) == ("<i>decided</i>", None)
    assert edited.edit_date is not None
    keyed = await client.edit_message_text(
        "<i>decided</i>", None, ALICE, sent.message_id, reply_markup=KEYS
    )
    assert isinstance(keyed, Message)
    assert keyed.reply_markup is not None
    assert keyed.reply_markup.model_dump() == KEYS.model_dump()

    assert [message.text for message in server.person(ALICE).messages] == ["<i>decided</i>"]


async def test_documents_are_sent(server: DemoServer, client: Bot) -> None:
    sent = await client.send_document(
        ALICE, PROFILE, caption="<b>Yours</b>", parse_mode="HTML", reply_markup=KEYS
    )
    assert sent.document is not None
    assert (sent.document.file_name, sent.document.file_size) == ("vpn é.ovpn", 7)
    assert [entity.type for entity in sent.caption_entities or []] == ["bold"]
    (shown,) = server.person(ALICE).messages
    assert shown.document is not None
    assert (shown.text, shown.document.content) == ("Yours", b"profile")


async def test_taps_are_answered(server: DemoServer, client: Bot) -> None:
    sent = await client.send_message(ALICE, "card", reply_markup=KEYS)
    await server.person(ALICE).taps("Go")
    await server.person(ALICE).taps_data(99, "forged")

    shown, forged = [update.callback_query for update in await client.get_updates()]

    assert shown is not None
    assert forged is not None
    assert (shown.data, shown.from_user.id) == ("go", ALICE)
    assert shown.message is not None
    assert shown.message.message_id == sent.message_id
    assert isinstance(forged.message, InaccessibleMessage)
    assert await client.answer_callback_query(shown.id, "Done", show_alert=True)
    with pytest.raises(exceptions.TelegramBadRequest, match="query is too old"):
        await client.answer_callback_query(shown.id)
    (answer,) = server.person(ALICE).answers
    assert (answer.text, answer.show_alert) == ("Done", True)


async def test_menus(server: DemoServer, client: Bot) -> None:
    everyone, admins = BotCommandScopeAllPrivateChats(), BotCommandScopeChat(chat_id=CAROL)
    asking = BotCommand(command="requestvpn", description="Ask for access")
    revoking = BotCommand(command="revoke", description="Take it away")

    assert await client.set_my_commands([asking], everyone)
    assert await client.set_my_commands([asking, revoking], admins)

    shown = [entry.model_dump(exclude_none=True) for entry in (asking, revoking)]
    assert server.person(CAROL).menu == shown
    assert server.person(ALICE).menu == shown[:1]
    with pytest.raises(exceptions.TelegramBadRequest, match="chat not found"):
        await client.set_my_commands([asking], BotCommandScopeChat(chat_id=BOB))


async def test_every_kind_of_update(server: DemoServer, client: Bot) -> None:
    kinds = ["message", "edited_message", "my_chat_member", "chat_member"]
    await client.get_updates(allowed_updates=kinds)
    alice, group = server.person(ALICE), server.add_group("Staff", [ALICE])
    said = await alice.says("/requestvpn 2h https://a.test/ @bob")
    await alice.edits(said.message_id, "/requestvpn 9h")
    await alice.forwards("/revoke bob")
    await group.says(ALICE, "/start")
    await group.says_anonymously("/revoke bob")
    alice.blocks_bot()
    alice.unblocks_bot()

    group.leaves(ALICE)

    updates = await client.get_updates()

    assert [update.event_type for update in updates] == [
        *("message", "edited_message", "message", "message", "message"),
        *("my_chat_member", "my_chat_member", "chat_member"),
    ]
    assert updates[2].message is not None
    assert updates[2].message.forward_origin is not None
    assert updates[4].message is not None
    assert updates[4].message.sender_chat is not None
    assert updates[4].message.sender_chat.id == group.id


async def test_refusals(server: DemoServer, client: Bot) -> None:
    with pytest.raises(exceptions.TelegramForbiddenError, match="can't initiate conversation"):
        await client.send_message(BOB, "Hi")
    server.person(ALICE).blocks_bot()
    with pytest.raises(exceptions.TelegramForbiddenError, match="blocked by the user"):
        await client.send_document(ALICE, PROFILE)
    sent = await client.send_message(CAROL, "card")
    with pytest.raises(exceptions.TelegramBadRequest, match="message is not modified"):
        await client.edit_message_text("card", None, CAROL, sent.message_id)
    server.person(CAROL).deletes(sent.message_id)
    with pytest.raises(exceptions.TelegramBadRequest, match="message to edit not found"):
        await client.edit_message_text("decided", None, CAROL, sent.message_id)


async def test_a_wrong_token(server: DemoServer) -> None:
    session = StrictSession(api=TelegramAPIServer.from_base(server.url))
    async with Bot("4242:wrong", session=session) as stranger:
        with pytest.raises(exceptions.TelegramUnauthorizedError):
            await stranger.get_me()


@pytest.mark.parametrize(
    ("kind", "expected", "arrived"),
    [
        (status(500, "Internal Server Error"), exceptions.TelegramServerError, 0),
        (status(502, "Bad Gateway"), exceptions.TelegramServerError, 0),
        (status(413, "Request Entity Too Large"), exceptions.TelegramEntityTooLarge, 0),
        (drop_before, exceptions.TelegramNetworkError, 0),
        (drop_after, exceptions.TelegramNetworkError, 1),
        (refuse, exceptions.TelegramNetworkError, 0),
        (hang(60), exceptions.TelegramNetworkError, 0),
        (hang(60, after=True), exceptions.TelegramNetworkError, 1),
    ],
)
async def test_faults(
    server: DemoServer,
    client: Bot,
    kind: FaultKind,
    expected: type[exceptions.TelegramAPIError],
    arrived: int,
) -> None:
    server.faults.append(Fault("sendDocument", 1, kind))

    # aiogram's time-outs are whole seconds.
    seconds = 1 if expected is exceptions.TelegramNetworkError else 60
    with pytest.raises(expected):
        await client.send_document(ALICE, PROFILE, request_timeout=seconds)

    assert len(server.person(ALICE).messages) == arrived
    await client.send_document(ALICE, PROFILE)


async def test_what_is_set_on_the_page(server: DemoServer, client: Bot) -> None:
    await server.trouble.switch_on(TroubleKind.TOO_MANY, Setting(HowOften.NEXT))
    with pytest.raises(exceptions.TelegramRetryAfter) as caught:
        await client.send_document(ALICE, PROFILE)
    assert caught.value.retry_after == 3

    await server.trouble.switch_on(TroubleKind.SECOND_POLLER)
    with pytest.raises(exceptions.TelegramConflictError):
        await client.get_updates()
    await server.trouble.switch_on(TroubleKind.AWAY)
    with pytest.raises(exceptions.TelegramNetworkError):
        await client.get_me()
    await server.trouble.switch_off()

    assert await client.get_me()


async def test_its_own_dispatcher_runs_a_bot_here(server: DemoServer, client: Bot) -> None:
    dispatcher = Dispatcher()

    async def greet(message: Message) -> None:
        await message.answer("Hello", reply_markup=KEYS)

    async def decide(query: CallbackQuery) -> None:
        await query.answer("Noted")
        await cast("Message", query.message).edit_text("Done")

    dispatcher.message.register(greet, CommandStart())
    dispatcher.callback_query.register(decide)
    running = asyncio.create_task(dispatcher.start_polling(client, handle_signals=False))
    bob = server.person(BOB)
    await bob.says("/start")
    await bob.hears("Hello")

    query_id = await bob.taps("Go")

    assert (await bob.is_answered(query_id)).text == "Noted"
    assert (await bob.hears("Done")).edited
    await server.called("getUpdates", times=3)
    await dispatcher.stop_polling()
    await running


def test_an_unknown_field_is_seen() -> None:
    known: dict[str, Any] = {"update_id": 1, "message": {"message_id": 1, "date": 1}}
    known["message"]["chat"] = {"id": 1, "type": "private", "mood": "good"}

    with pytest.raises(AssertionError, match="mood"):
        assert_no_extra(Update.model_validate(known))
