"""What people do, and what the bot is told of it."""

from typing import Any

import pytest

from demo.errors import NotPossible
from demo.server import DemoServer
from tests.demo.conftest import ALICE, BOB, CAROL, Api


async def updates(api: Api) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = await api.get("getUpdates")
    return found


async def test_a_command_in_a_private_chat(server: DemoServer, api: Api) -> None:
    await server.person(ALICE).says(" /requestvpn 2h ")

    (update,) = await updates(api)

    message = update["message"]
    assert message["text"] == "/requestvpn 2h"
    assert message["entities"] == [{"type": "bot_command", "offset": 0, "length": 11}]
    assert message["chat"] == {
        "id": ALICE,
        "type": "private",
        "first_name": "Alice",
        "username": "alice",
    }
    assert message["from"]["language_code"] == "en"
    assert not message["from"]["is_bot"]


async def test_a_person_without_a_username(server: DemoServer, api: Api) -> None:
    await server.person(BOB).says("/start")

    (update,) = await updates(api)

    assert "username" not in update["message"]["from"]


async def test_an_edited_command(server: DemoServer, api: Api) -> None:
    alice = server.person(ALICE)
    said = await alice.says("hello")

    edited = await alice.edits(said.message_id, "/requestvpn")

    assert edited.edited
    update = (await updates(api))[1]
    assert set(update) == {"update_id", "edited_message"}
    assert update["edited_message"]["edit_date"] == 1_700_000_000
    assert update["edited_message"]["entities"][0]["type"] == "bot_command"


async def test_a_forwarded_command(server: DemoServer, api: Api) -> None:
    await server.person(ALICE).forwards("/revoke bob")

    (update,) = await updates(api)

    assert update["message"]["forward_origin"]["type"] == "hidden_user"
    assert update["message"]["from"]["id"] == ALICE


async def test_blocking_is_told_once(server: DemoServer, api: Api) -> None:
    alice = server.person(ALICE)
    alice.blocks_bot()
    alice.blocks_bot()
    alice.unblocks_bot()

    states = [
        (u["my_chat_member"]["old_chat_member"]["status"], u["my_chat_member"]["new_chat_member"])
        for u in await updates(api)
    ]

    assert [(old, new["status"]) for old, new in states] == [
        ("member", "kicked"),
        ("kicked", "member"),
    ]
    assert states[0][1]["user"]["id"] == 4242


async def test_what_a_client_would_not_let_people_do(server: DemoServer, api: Api) -> None:
    alice = server.person(ALICE)
    card = await api.get("sendMessage", chat_id=ALICE, text="card")
    with pytest.raises(NotPossible, match="empty"):
        await alice.says("  ")
    with pytest.raises(NotPossible, match="4096"):
        await alice.says("x" * 4097)
    with pytest.raises(NotPossible, match="your own"):
        await alice.edits(card["message_id"], "x")
    alice.blocks_bot()
    with pytest.raises(NotPossible, match="unblock"):
        await alice.says("hello")
    with pytest.raises(NotPossible, match="unblock"):
        await alice.taps_data(card["message_id"], "x")


async def test_who_comes_and_goes_is_told_to_who_asks_for_it(server: DemoServer, api: Api) -> None:
    await api.get("getUpdates", allowed_updates=["chat_member"])
    group = server.add_group("Staff", [ALICE])
    for moves in (group.leaves, group.leaves, group.joins, group.joins):
        moves(ALICE)

    told = [update["chat_member"] for update in await updates(api)]

    assert [one["new_chat_member"]["status"] for one in told] == ["left", "member"]
    assert told[0]["chat"]["id"] == group.id
    assert told[0]["old_chat_member"]["user"]["id"] == ALICE


async def test_a_deleted_account_takes_nothing_and_says_nothing(
    server: DemoServer, api: Api
) -> None:
    alice = server.person(ALICE)
    alice.deletes_account()

    assert "user is deactivated" in await api.refused("sendMessage", chat_id=ALICE, text="Hi")
    with pytest.raises(NotPossible, match="has deleted"):
        await alice.says("Hello?")


async def test_groups_tell_the_bot_of_commands_only(server: DemoServer, api: Api) -> None:
    group = server.add_group("Staff", [ALICE, BOB])
    for text in (
        "/requestvpn",
        "hello all",
        "/requestvpn@other_bot",
        "/requestvpn@vpn_access_demo_bot 2h",
        "what does @vpn_access_demo_bot do?",
    ):
        await group.says(ALICE, text)

    told = [update["message"] for update in await updates(api)]

    assert [message["text"] for message in told] == [
        "/requestvpn",
        "/requestvpn@vpn_access_demo_bot 2h",
        "what does @vpn_access_demo_bot do?",
    ]
    assert told[0]["chat"] == {"id": group.id, "type": "group", "title": "Staff"}
    assert told[0]["from"]["id"] == ALICE
    assert len(group.messages) == 5


async def test_an_anonymous_admin_has_no_id_of_their_own(server: DemoServer, api: Api) -> None:
    group = server.add_group("Staff", [ALICE])
    await group.says_anonymously("/revoke bob")

    (update,) = await updates(api)

    assert update["message"]["from"]["id"] == 1087968824
    assert update["message"]["sender_chat"]["id"] == group.id
    assert not group.messages[0].from_bot


async def test_the_bot_writes_and_is_tapped_in_groups(server: DemoServer, api: Api) -> None:
    group = server.add_group("Staff", [ALICE])
    sent = await api.get("sendMessage", chat_id=group.id, text="Ask me in private")

    await group.taps(ALICE, sent["message_id"], "x")

    assert group.messages[0].from_bot
    (update,) = await updates(api)
    assert update["callback_query"]["message"]["chat"]["id"] == group.id


async def test_only_members_write_in_a_group(server: DemoServer) -> None:
    with pytest.raises(NotPossible, match="no member"):
        await server.add_group("Staff", [ALICE]).says(CAROL, "/start")


async def test_groups_stay_out_of_private_chats(server: DemoServer) -> None:
    await server.add_group("Staff", [ALICE]).says(ALICE, "/start")

    assert server.person(ALICE).messages == []
