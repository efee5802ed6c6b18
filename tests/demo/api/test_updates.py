"""The rules of getUpdates, over HTTP."""

import asyncio

import pytest
import telegram

from demo.api.updates import CALLBACK_LIFETIME_S, UPDATE_LIFETIME_S
from demo.server import DemoServer
from tests.demo.conftest import ALICE, BOB, PEOPLE, TOKEN, Api, ManualClock, assert_known


async def say(server: DemoServer, *texts: str) -> None:
    for text in texts:
        await server.person(ALICE).says(text)


async def texts(api: Api, **params: object) -> list[str]:
    return [update["message"]["text"] for update in await api.get("getUpdates", **params)]


async def test_unconfirmed_updates_come_again(server: DemoServer, api: Api) -> None:
    await say(server, "one", "two")

    assert await texts(api) == ["one", "two"]
    assert await texts(api) == ["one", "two"]


async def test_an_offset_confirms_all_before_it(server: DemoServer, api: Api) -> None:
    await say(server, "one", "two", "three")
    ids = [update["update_id"] for update in await api.get("getUpdates")]

    assert await texts(api, offset=ids[1]) == ["two", "three"]
    assert await texts(api) == ["two", "three"]
    assert await texts(api, offset=ids[2] + 1) == []


async def test_a_negative_offset_keeps_the_newest(server: DemoServer, api: Api) -> None:
    await say(server, "one", "two", "three")

    assert await texts(api, offset=-2) == ["two", "three"]
    assert await texts(api) == ["two", "three"]


async def test_the_limit(server: DemoServer, api: Api) -> None:
    await say(server, "one", "two", "three")

    assert await texts(api, limit=2) == ["one", "two"]
    assert await texts(api, limit=0) == ["one", "two", "three"]


async def test_ids_rise_and_are_not_used_again_by_a_new_server(
    server: DemoServer, api: Api, clock: ManualClock
) -> None:
    await say(server, "one", "two")
    ids = [update["update_id"] for update in await api.get("getUpdates")]
    clock.now += 60

    later = DemoServer(TOKEN, PEOPLE, clock=clock)

    assert ids[0] < ids[1] < later.inject({"message": {}})


async def test_a_long_poll_ends_with_the_first_update(server: DemoServer, api: Api) -> None:
    poll = asyncio.create_task(texts(api, timeout=30))
    await server.called("getUpdates")

    await say(server, "at last")

    assert await poll == ["at last"]


async def test_a_short_poll_answers_at_once_with_nothing(api: Api) -> None:
    assert await texts(api, timeout=0) == []


async def test_a_second_poller_ends_the_first_ones_poll(server: DemoServer, api: Api) -> None:
    first = asyncio.create_task(api.refused("getUpdates", timeout=30))
    await server.called("getUpdates")

    assert await texts(api) == []
    assert await first == (
        "409 Conflict: terminated by other getUpdates request; "
        "make sure that only one bot instance is running"
    )


async def test_python_telegram_bot_reads_the_conflict(
    server: DemoServer, bot: telegram.Bot, api: Api
) -> None:
    first = asyncio.create_task(bot.get_updates(timeout=30))
    await server.called("getUpdates")
    await api.get("getUpdates")

    (outcome,) = await asyncio.gather(first, return_exceptions=True)

    assert isinstance(outcome, telegram.error.Conflict)


async def test_allowed_updates_are_remembered(server: DemoServer, api: Api) -> None:
    alice = server.person(ALICE)
    await api.get("getUpdates", allowed_updates=["message"])
    said = await alice.says("one")
    await alice.edits(said.message_id, "two")
    await alice.taps_data(said.message_id, "x")

    assert [set(update) for update in await api.get("getUpdates")] == [{"update_id", "message"}]
    assert (await api.get("getWebhookInfo"))["allowed_updates"] == ["message"]


async def test_an_empty_list_of_allowed_updates_is_the_default_again(
    server: DemoServer, api: Api
) -> None:
    await api.get("getUpdates", allowed_updates=["callback_query"])
    await api.get("getUpdates", allowed_updates=[])
    await say(server, "one")
    server.inject({"chat_member": {}})

    assert await texts(api) == ["one"]
    assert "allowed_updates" not in await api.get("getWebhookInfo")


async def test_allowed_updates_must_be_a_list(api: Api) -> None:
    assert "allowed updates" in await api.refused("getUpdates", allowed_updates='{"a": 1}')


async def test_a_tap_is_forgotten_sooner_than_a_message(
    server: DemoServer, api: Api, clock: ManualClock
) -> None:
    said = await server.person(ALICE).says("one")
    await server.person(ALICE).taps_data(said.message_id, "x")

    clock.now += CALLBACK_LIFETIME_S - 1
    assert len(await api.get("getUpdates")) == 2
    clock.now += 1
    assert await texts(api) == ["one"]
    clock.now += UPDATE_LIFETIME_S
    assert await api.get("getUpdates") == []


async def test_a_webhook_shuts_polling_out(server: DemoServer, api: Api) -> None:
    await say(server, "one")
    server.webhook_url = "https://a.test/hook"

    assert await api.refused("getUpdates") == (
        "409 Conflict: can't use getUpdates method while webhook is active; "
        "use deleteWebhook to delete the webhook first"
    )
    assert await api.get("getWebhookInfo") == {
        "url": "https://a.test/hook",
        "has_custom_certificate": False,
        "pending_update_count": 1,
    }
    await api.get("deleteWebhook", drop_pending_updates=False)
    assert server.webhook_url == ""
    assert await texts(api) == ["one"]


async def test_a_webhook_can_be_dropped_with_its_updates(server: DemoServer, api: Api) -> None:
    server.webhook_url = "https://a.test/hook"
    await say(server, "one")

    await api.get("deleteWebhook", drop_pending_updates=True)

    assert await texts(api) == []


async def test_raw_updates_are_delivered_as_they_are(server: DemoServer, api: Api) -> None:
    given = server.inject({"update_id": 2_000_000_005, "message": {"nonsense": True}})
    following = server.inject({"poll": {}})

    assert (given, following) == (2_000_000_005, 2_000_000_006)
    assert await api.get("getUpdates") == [
        {"update_id": given, "message": {"nonsense": True}},
        {"update_id": following, "poll": {}},
    ]


@pytest.mark.long
async def test_aiogram_knows_every_field_of_every_update(server: DemoServer, api: Api) -> None:
    alice = server.person(ALICE)
    said = await alice.says("/start now")
    await alice.edits(said.message_id, "/help")
    await alice.forwards("/revoke alice")
    await alice.taps_data(said.message_id, "x")
    await alice.taps_data(9999, "forged")
    alice.blocks_bot()
    alice.unblocks_bot()
    group = server.add_group("Staff", [ALICE])
    await group.says(ALICE, "/start")
    await group.says_anonymously("/revoke alice")
    await group.taps(ALICE, 1, "x")
    await api.get("sendMessage", chat_id=ALICE, text="card", reply_markup=BUTTONS)
    await alice.taps("Go")

    updates = await api.get("getUpdates")

    assert [next(k for k in update if k != "update_id") for update in updates] == [
        *("message", "edited_message", "message", "callback_query", "callback_query"),
        *("my_chat_member", "my_chat_member", "message", "message"),
        *("callback_query", "callback_query"),
    ]
    for update in updates:
        assert_known("Update", update)
        assert telegram.Update.de_json(update, None).update_id == update["update_id"]


BUTTONS = {"inline_keyboard": [[{"text": "Go", "callback_data": "go", "style": "primary"}]]}


async def test_an_inaccessible_message_has_date_zero(server: DemoServer, api: Api) -> None:
    await server.person(ALICE).taps_data(777, "old card")

    (update,) = await api.get("getUpdates")

    parsed = telegram.Update.de_json(update, None)
    assert parsed.callback_query is not None
    assert parsed.callback_query.message is not None
    assert not parsed.callback_query.message.is_accessible


async def test_a_poller_that_went_away_leaves_nothing_behind(server: DemoServer, api: Api) -> None:
    poll = asyncio.create_task(api.get("getUpdates", timeout=30))
    await server.called("getUpdates")
    poll.cancel()
    await asyncio.gather(poll, return_exceptions=True)

    await server.person(BOB).says("/start")

    assert await texts(api) == ["/start"]
