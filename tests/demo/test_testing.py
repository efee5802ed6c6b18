"""The test API itself: what is heard, tapped and waited for."""

import asyncio

import pytest
import telegram

from demo.errors import NoSuchButton, NotHeard
from demo.server import DemoServer

from .conftest import ALICE, CAROL, Api

BUTTON = telegram.InlineKeyboardButton


def keys(*texts: str) -> telegram.InlineKeyboardMarkup:
    return telegram.InlineKeyboardMarkup([[BUTTON(text, callback_data=text)] for text in texts])


async def test_words_are_heard_once_each(server: DemoServer, bot: telegram.Bot) -> None:
    alice = server.person(ALICE)
    for text in ("card one", "card two"):
        await bot.send_message(ALICE, text)

    assert (await alice.hears("two")).text == "card two"
    assert (await alice.hears("card")).text == "card one"
    with pytest.raises(NotHeard, match=r"Alice didn't hear 'card' within 0\.05 s"):
        await alice.hears("card", timeout=0.05)


async def test_words_are_waited_for(server: DemoServer, bot: telegram.Bot) -> None:
    hearing = asyncio.create_task(server.person(ALICE).hears("late"))
    await asyncio.sleep(0)

    await bot.send_message(CAROL, "too late for others")
    await bot.send_message(ALICE, "early")
    await bot.send_message(ALICE, "late")

    assert (await hearing).text == "late"


async def test_an_edit_is_heard_but_new_buttons_are_not(
    server: DemoServer, bot: telegram.Bot
) -> None:
    alice = server.person(ALICE)
    sent = await bot.send_message(ALICE, "card", reply_markup=keys("Approve"))
    await alice.hears("card")

    await bot.edit_message_text("card", ALICE, sent.message_id, reply_markup=keys("Revoke"))
    await bot.edit_message_text("card: done", ALICE, sent.message_id)

    heard = await alice.hears("card")
    assert (heard.text, heard.edited) == ("card: done", True)


async def test_what_the_person_says_is_not_heard(server: DemoServer) -> None:
    await server.person(ALICE).says("echo")

    with pytest.raises(NotHeard):
        await server.person(ALICE).hears("echo", timeout=0.01)


async def test_deleting_is_not_heard_as_news(server: DemoServer, bot: telegram.Bot) -> None:
    sent = await bot.send_message(ALICE, "gone")
    await server.person(ALICE).hears("gone")

    server.person(ALICE).deletes(sent.message_id)

    with pytest.raises(NotHeard):
        await server.person(ALICE).hears("gone", timeout=0.01)


async def test_documents_are_received_once_each(server: DemoServer, bot: telegram.Bot) -> None:
    alice = server.person(ALICE)
    await bot.send_message(ALICE, "here it comes")
    await bot.send_document(ALICE, b"profile", filename="a.ovpn")

    received = await alice.receives_document()

    assert received.document is not None
    assert received.document.content == b"profile"
    assert "profile" not in repr(received.document)
    with pytest.raises(NotHeard, match="receive a document"):
        await alice.receives_document(timeout=0.01)


async def test_a_tap_goes_to_the_newest_message_that_has_the_button(
    server: DemoServer, bot: telegram.Bot, api: Api
) -> None:
    first = await bot.send_message(ALICE, "one", reply_markup=keys("Deny", "Approve 7d"))
    second = await bot.send_message(ALICE, "two", reply_markup=keys("Deny"))
    alice = server.person(ALICE)

    await alice.taps("Approve")
    await alice.taps("Deny")
    await alice.taps("Deny", message=alice.messages[0])

    taps = [update["callback_query"] for update in await api.get("getUpdates")]
    assert [(tap["message"]["message_id"], tap["data"]) for tap in taps] == [
        (first.message_id, "Approve 7d"),
        (second.message_id, "Deny"),
        (first.message_id, "Deny"),
    ]


async def test_a_button_that_is_not_there(server: DemoServer, bot: telegram.Bot) -> None:
    link = BUTTON("Open", url="https://a.test/")
    await bot.send_message(ALICE, "x", reply_markup=telegram.InlineKeyboardMarkup([[link]]))

    for text in ("Open", "Approve"):
        with pytest.raises(NoSuchButton, match=r"there are: \['Open'\]"):
            await server.person(ALICE).taps(text)


async def test_an_answer_is_waited_for(server: DemoServer, bot: telegram.Bot) -> None:
    alice = server.person(ALICE)
    query_id = await alice.taps_data(1, "x")
    with pytest.raises(NotHeard, match="wasn't answered"):
        await alice.is_answered(query_id, timeout=0.01)
    waiting = asyncio.create_task(alice.is_answered(query_id))
    await asyncio.sleep(0)

    await bot.answer_callback_query(query_id, "Done")

    assert (await waiting).text == "Done"
    assert server.person(CAROL).answers == []


async def test_buttons_show_all_that_they_carry(server: DemoServer, bot: telegram.Bot) -> None:
    row = [
        BUTTON("a", callback_data="x", style="danger"),
        BUTTON("b", url="https://a.test/"),
        BUTTON("c", copy_text=telegram.CopyTextButton("10.8.0.2")),
    ]
    await bot.send_message(ALICE, "x", reply_markup=telegram.InlineKeyboardMarkup([row]))

    ((first, second, third),) = server.person(ALICE).messages[0].buttons

    assert (first.callback_data, first.style) == ("x", "danger")
    assert second.url == "https://a.test/"
    assert third.copy_text == "10.8.0.2"
