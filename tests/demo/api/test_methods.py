"""The Bot API's methods over HTTP: what they answer, what they refuse and in which words."""

from typing import Any

import pytest
import telegram

from demo.server import DemoServer
from tests.demo.conftest import ALICE, BOB, Api, ManualClock, assert_known

NOBODY = 99
KEYS = {"inline_keyboard": [[{"text": "Go", "callback_data": "go"}]]}
NOT_MODIFIED = (
    "400 Bad Request: message is not modified: specified new message content and reply markup "
    "are exactly the same as a current content and reply markup of the message"
)


@pytest.mark.long
async def test_get_me(api: Api) -> None:
    me = assert_known("User", await api.get("getMe"))

    assert (me.id, me.is_bot, me.can_read_all_group_messages) == (4242, True, False)


async def test_method_names_are_case_insensitive(api: Api) -> None:
    assert await api.get("GETME") == await api.get("getme")


async def test_unknown_methods(api: Api) -> None:
    for name in ("getmeow", "call", "_get_me", "get_me"):
        assert await api.refused(name) == "404 Not Found: method not found"


# --- sendMessage


@pytest.mark.long
async def test_a_sent_message_is_what_aiogram_knows(server: DemoServer, api: Api) -> None:
    sent = await api.get(
        "sendMessage",
        chat_id=ALICE,
        text="<b>Hi</b> & 😀 <i>you</i>",
        parse_mode="HTML",
        reply_markup=KEYS,
        link_preview_options={"is_disabled": True},
    )

    message = assert_known("Message", sent)
    assert message.text == "Hi & 😀 you"
    assert [(e.type, e.offset, e.length) for e in message.entities or []] == [
        ("bold", 0, 2),
        ("italic", 8, 3),
    ]
    assert message.date.timestamp() == 1_700_000_000
    assert message.reply_markup
    (shown,) = server.person(ALICE).messages
    assert shown.text == "Hi & 😀 you"
    assert shown.buttons[0][0].callback_data == "go"


@pytest.mark.parametrize(
    ("params", "refusal"),
    [
        ({"chat_id": BOB}, "403 Forbidden: bot can't initiate conversation with a user"),
        ({"chat_id": NOBODY}, "400 Bad Request: chat not found"),
        ({"chat_id": "alice"}, "400 Bad Request: chat not found"),
        ({"chat_id": ""}, "400 Bad Request: chat_id is empty"),
        ({"text": ""}, "400 Bad Request: message text is empty"),
        ({"text": "<b> </b>", "parse_mode": "HTML"}, "400 Bad Request: message text is empty"),
        ({"text": "😀" * 2049}, "400 Bad Request: message is too long"),
        (
            {"text": "<x>", "parse_mode": "HTML"},
            '400 Bad Request: can\'t parse entities: Unsupported start tag "x" at byte offset 0',
        ),
        ({"parse_mode": "Markdown"}, "400 Bad Request: unsupported parse_mode"),
        (
            {"reply_markup": {"inline_keyboard": [[{"text": "x", "callback_data": "y" * 65}]]}},
            "400 Bad Request: BUTTON_DATA_INVALID",
        ),
        ({"reply_markup": "{"}, "400 Bad Request: can't parse reply_markup JSON object"),
    ],
)
async def test_refused_messages(
    server: DemoServer, api: Api, params: dict[str, Any], refusal: str
) -> None:
    given = {"chat_id": ALICE, "text": "Hi"} | params

    assert await api.refused("sendMessage", **given) == refusal
    assert server.person(ALICE).messages == []


async def test_length_counts_after_the_tags_are_read(api: Api) -> None:
    text = "<b>" + "é" * 4096 + "</b>"

    assert len((await api.get("sendMessage", chat_id=ALICE, text=text, parse_mode="HTML"))["text"])


async def test_start_opens_the_chat(server: DemoServer, bot: telegram.Bot) -> None:
    with pytest.raises(telegram.error.Forbidden, match="can't initiate conversation"):
        await bot.send_message(BOB, "Hi")
    await server.person(BOB).says("/start")

    await bot.send_message(BOB, "Hi")

    assert [message.text for message in server.person(BOB).messages] == ["/start", "Hi"]


async def test_a_person_who_blocks_the_bot(server: DemoServer, bot: telegram.Bot) -> None:
    server.person(ALICE).blocks_bot()
    with pytest.raises(telegram.error.Forbidden, match="blocked by the user"):
        await bot.send_message(ALICE, "Hi")

    server.person(ALICE).unblocks_bot()

    await bot.send_message(ALICE, "Hi")


# --- editing


@pytest.mark.long
async def test_an_edit_changes_text_and_takes_the_keyboard_away(
    server: DemoServer, api: Api, clock: ManualClock
) -> None:
    sent = await api.get("sendMessage", chat_id=ALICE, text="one", reply_markup=KEYS)
    place = {"chat_id": ALICE, "message_id": sent["message_id"]}
    clock.now += 5

    edited = await api.get("editMessageText", **place, text="two")

    assert assert_known("Message", edited).edit_date == 1_700_000_005
    assert "reply_markup" not in edited
    (shown,) = server.person(ALICE).messages
    assert (shown.text, shown.buttons, shown.edited) == ("two", [], True)
    assert await api.refused("editMessageText", **place, text="two") == NOT_MODIFIED


async def test_new_buttons_leave_no_edited_mark(server: DemoServer, api: Api) -> None:
    sent = await api.get("sendMessage", chat_id=ALICE, text="one", reply_markup=KEYS)
    place = {"chat_id": ALICE, "message_id": sent["message_id"]}

    same = place | {"text": "one"}
    assert await api.refused("editMessageText", **same, reply_markup=KEYS) == NOT_MODIFIED
    await api.get("editMessageText", **same)

    (shown,) = server.person(ALICE).messages
    assert (shown.buttons, shown.edited) == ([], False)


@pytest.mark.parametrize(
    ("message_id", "params", "refusal"),
    [
        (None, {}, "message identifier is not specified"),
        ("x", {}, "parameter message_id must be an integer"),
        (99, {}, "message to edit not found"),
        (1, {}, "message can't be edited"),
        (2, {"text": ""}, "message text is empty"),
        (2, {"text": "x" * 4097}, "MESSAGE_TOO_LONG"),
        (3, {}, "there is no text in the message to edit"),
    ],
)
async def test_refused_edits(
    server: DemoServer,
    bot: telegram.Bot,
    api: Api,
    message_id: int | str | None,
    params: dict[str, Any],
    refusal: str,
) -> None:
    await server.person(ALICE).says("mine")
    await bot.send_message(ALICE, "yours")
    await bot.send_document(ALICE, b"x", filename="x.txt")
    given = {"chat_id": ALICE, "message_id": message_id or 0, "text": "new"} | params

    assert await api.refused("editMessageText", **given) == f"400 Bad Request: {refusal}"


# --- taps


async def test_a_tap_has_one_answer(server: DemoServer, bot: telegram.Bot, api: Api) -> None:
    await bot.send_message(ALICE, "card", reply_markup=keyboard("Go", "go"))
    query_id = await server.person(ALICE).taps("Go")

    assert await bot.answer_callback_query(query_id, "Done", show_alert=True)

    (answer,) = server.person(ALICE).answers
    assert (answer.query_id, answer.text, answer.show_alert) == (query_id, "Done", True)
    assert await api.refused("answerCallbackQuery", callback_query_id=query_id) == TOO_OLD


TOO_OLD = "400 Bad Request: query is too old and response timeout expired or query ID is invalid"


def keyboard(text: str, data: str) -> telegram.InlineKeyboardMarkup:
    button = telegram.InlineKeyboardButton(text, callback_data=data, style="success")
    return telegram.InlineKeyboardMarkup([[button]])


async def test_a_tap_can_be_answered_for_a_while_only(
    server: DemoServer, api: Api, clock: ManualClock
) -> None:
    query_id = await server.person(ALICE).taps_data(1, "x")
    clock.now += 151

    assert await api.refused("answerCallbackQuery", callback_query_id=query_id) == TOO_OLD
    assert await api.refused("answerCallbackQuery", callback_query_id="1") == TOO_OLD


async def test_a_long_answer_is_refused(server: DemoServer, api: Api) -> None:
    query_id = await server.person(ALICE).taps_data(1, "x")

    refusal = await api.refused("answerCallbackQuery", callback_query_id=query_id, text="x" * 201)

    assert refusal == "400 Bad Request: MESSAGE_TOO_LONG"


# --- documents


@pytest.mark.long
async def test_a_document_arrives(server: DemoServer, bot: telegram.Bot, api: Api) -> None:
    content = bytes(range(256)) * 400
    sent = await bot.send_document(
        ALICE,
        content,
        filename="vpn é.ovpn",
        caption="<b>Yours</b>",
        parse_mode="HTML",
        reply_markup=keyboard("Go", "go"),
    )

    (shown,) = server.person(ALICE).messages
    assert shown.document is not None
    assert (shown.document.file_name, shown.document.content) == ("vpn é.ovpn", content)
    assert shown.text == "Yours"
    assert sent.document is not None
    assert sent.document.file_size == len(content)


@pytest.mark.parametrize(
    ("params", "refusal"),
    [
        ({}, "there is no document in the request"),
        ({"document": "attach://nothing"}, "there is no document in the request"),
        ({"document": "no-such-id"}, "wrong file identifier/HTTP URL specified"),
        ({"document": "x", "caption": "x" * 1025}, "message caption is too long"),
    ],
)
async def test_refused_documents(api: Api, params: dict[str, Any], refusal: str) -> None:
    refused = await api.refused("sendDocument", chat_id=ALICE, **params)

    assert refused == f"400 Bad Request: {refusal}"


async def test_an_empty_document_is_refused(bot: telegram.Bot) -> None:
    with pytest.raises(telegram.error.BadRequest, match="must be non-empty"):
        await bot.send_document(ALICE, b"", filename="x.txt")


@pytest.mark.long
async def test_webhook_info(api: Api) -> None:
    assert assert_known("WebhookInfo", await api.get("getWebhookInfo")).pending_update_count == 0
