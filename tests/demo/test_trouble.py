"""A bad Telegram, set by the page's own orders over HTTP: what the bot's calls meet."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import httpx
import pytest
import pytest_asyncio
import telegram

from demo.server import DemoServer

from .conftest import ALICE, TOKEN, Api

TOO_OLD = "400 Bad Request: query is too old and response timeout expired or query ID is invalid"


class Switches:
    """The panel without a browser."""

    def __init__(self, session: aiohttp.ClientSession, url: str) -> None:
        self.session = session
        self.url = url

    async def order(self, name: str, **body: Any) -> str:
        """The error's text; empty where it was obeyed."""
        async with self.session.post(f"{self.url}/api/{name}", json=body) as response:
            answer = await response.json()
        return str(answer.get("error", ""))

    async def on(self, kind: str, **choices: str) -> None:
        assert await self.order("trouble", kind=kind, on=True, **choices) == ""

    async def off(self, kind: str) -> None:
        assert await self.order("trouble", kind=kind, on=False) == ""

    async def shown(self) -> dict[str, Any]:
        async with self.session.get(f"{self.url}/api/state") as response:
            shown: dict[str, Any] = (await response.json())["trouble"]
        return shown

    async def badge(self) -> str:
        return str((await self.shown())["badge"])


@pytest.fixture
def switches(server: DemoServer, session: aiohttp.ClientSession) -> Switches:
    return Switches(session, server.url)


@pytest_asyncio.fixture(loop_scope="session")
async def caller(server: DemoServer) -> AsyncIterator[telegram.Bot]:
    """A bot at the port that can refuse, with a connection that it keeps."""
    async with telegram.Bot(TOKEN, base_url=f"{server.api_url}/bot") as client:
        yield client


@pytest.mark.parametrize(
    ("kind", "answer"),
    [
        ("too_many", {"error_code": 429, "parameters": {"retry_after": 3}}),
        ("server_error", {"error_code": 500, "description": "Internal Server Error"}),
        ("bad_gateway", {"error_code": 502, "description": "Bad Gateway"}),
    ],
)
async def test_the_next_call_fails_and_the_switch_goes_off(
    server: DemoServer, api: Api, switches: Switches, kind: str, answer: dict[str, Any]
) -> None:
    await switches.on(kind, often="next", calls="all")
    assert await switches.badge() == "Trouble: the next call fails"

    refused = await api.ask("sendMessage", chat_id=ALICE, text="one")

    assert answer.items() <= refused.items()
    assert (await switches.shown()) == {"badge": "", "lines": [], "on": {}}
    assert await api.get("sendMessage", chat_id=ALICE, text="two")
    assert [message.text for message in server.person(ALICE).messages] == ["two"]


async def test_the_next_call_is_none_that_only_polls(api: Api, switches: Switches) -> None:
    await switches.on("server_error", often="next", calls="all")

    assert await api.get("getUpdates") == []
    assert (await api.ask("getMe"))["error_code"] == 500

    await switches.on("server_error", often="every")
    assert (await api.ask("getUpdates"))["error_code"] == 500


async def test_documents_only(bot: telegram.Bot, switches: Switches) -> None:
    await switches.on("bad_gateway", often="every", calls="documents")
    assert await switches.badge() == "Trouble: every sendDocument fails"

    await bot.send_message(ALICE, "passes")
    for _ in range(2):
        with pytest.raises(telegram.error.NetworkError, match="Bad Gateway"):
            await bot.send_document(ALICE, b"x", filename="x.txt")
    await switches.off("bad_gateway")

    assert await bot.send_document(ALICE, b"x", filename="x.txt")


async def test_one_call_in_five(api: Api, switches: Switches) -> None:
    await switches.on("bad_gateway", often="some", calls="all")
    assert await switches.badge() == "Trouble: 1 call in 5 fails"

    outcomes = [(await api.ask("getMe"))["ok"] for _ in range(100)]

    assert 10 <= outcomes.count(False) <= 30
    assert await switches.badge() == "Trouble: 1 call in 5 fails"


async def test_a_call_that_hangs_has_no_effect(
    server: DemoServer, bot: telegram.Bot, switches: Switches
) -> None:
    await switches.on("hang", often="next")

    with pytest.raises(telegram.error.TimedOut):
        await bot.send_message(ALICE, "Hi", read_timeout=0.1)

    await bot.send_message(ALICE, "next")
    assert [message.text for message in server.person(ALICE).messages] == ["next"]


@pytest.mark.parametrize(
    ("kind", "badge", "arrived"),
    [
        ("drop_before", "Trouble: the next sendDocument is cut off", 0),
        ("drop_after", "Trouble: the next sendDocument loses its answer", 1),
        ("refuse", "Trouble: the next sendDocument is refused", 0),
    ],
)
async def test_a_connection_that_ends(
    server: DemoServer,
    bot: telegram.Bot,
    switches: Switches,
    kind: str,
    badge: str,
    arrived: int,
) -> None:
    await switches.on(kind, often="next", calls="documents")
    assert await switches.badge() == badge

    with pytest.raises(telegram.error.NetworkError):
        await bot.send_document(ALICE, b"x", filename="x.txt")

    assert len(server.person(ALICE).messages) == arrived
    assert await switches.badge() == ""


@pytest.mark.parametrize("kind", ["refuse", "away"])
async def test_connections_are_refused_for_real_at_the_apis_own_port(
    server: DemoServer, caller: telegram.Bot, switches: Switches, kind: str
) -> None:
    await caller.send_message(ALICE, "before")
    await switches.on(kind)

    with pytest.raises(telegram.error.NetworkError) as caught:
        await caller.send_message(ALICE, "meanwhile")
    await switches.off(kind)
    await caller.send_message(ALICE, "after")

    assert isinstance(caught.value.__cause__, httpx.ConnectError)
    assert [message.text for message in server.person(ALICE).messages] == ["before", "after"]


async def test_a_call_that_is_on_its_way_is_still_answered(
    server: DemoServer, caller: telegram.Bot, switches: Switches
) -> None:
    poll = asyncio.create_task(caller.get_updates(timeout=30))
    await server.called("getUpdates")
    await switches.on("refuse")
    await server.person(ALICE).says("one")

    assert [update.message.text for update in await poll if update.message] == ["one"]
    with pytest.raises(telegram.error.NetworkError) as caught:
        await caller.get_updates()
    assert isinstance(caught.value.__cause__, httpx.ConnectError)


async def test_a_stopped_server_leaves_its_own_port_too(
    server: DemoServer, caller: telegram.Bot, switches: Switches
) -> None:
    address = server.api_url
    await switches.on("refuse")
    await server.stop()
    await server.start()

    assert server.api_url == address
    with pytest.raises(telegram.error.NetworkError):
        await caller.get_me()
    await server.trouble.switch_off()
    assert await caller.get_me()


# --- a second poller


async def test_a_second_poller_takes_every_poll_for_a_while(
    server: DemoServer, api: Api, switches: Switches
) -> None:
    server.trouble.second_poller_s = 0.3
    poll = asyncio.create_task(api.refused("getUpdates", timeout=30))
    await server.called("getUpdates")
    async with api.session.get(f"{server.url}/api/events") as stream:
        await switches.on("second_poller")

        assert (await poll).startswith("409 Conflict: terminated by other getUpdates request")
        badges = [badge async for badge in badges_of(stream, until="")]

    assert badges == ["", "Trouble: a second poller", ""]
    assert await api.get("getUpdates") == []


async def badges_of(stream: aiohttp.ClientResponse, *, until: str) -> AsyncIterator[str]:
    """The badge at first, then each that is new, to the one named."""
    async for line in stream.content:
        if not line.startswith(b"data: "):
            continue
        event = json.loads(line[6:])
        if event["kind"] == "state":
            yield event["state"]["trouble"]["badge"]
        elif event["kind"] == "trouble":
            yield event["trouble"]["badge"]
            if event["trouble"]["badge"] == until:
                return


async def test_a_second_poller_ends_short_polls_but_no_other_call(
    api: Api, bot: telegram.Bot, switches: Switches
) -> None:
    await switches.on("second_poller")
    await switches.on("second_poller")

    with pytest.raises(telegram.error.Conflict):
        await bot.get_updates()
    await bot.send_message(ALICE, "Hi")
    await switches.off("second_poller")

    assert await api.get("getUpdates") == []


async def test_a_second_poller_goes_with_the_server(
    server: DemoServer, api: Api, switches: Switches
) -> None:
    await switches.on("second_poller")
    await switches.on("server_error", calls="documents")

    await server.stop()
    await server.start()

    assert await api.get("getUpdates") == []
    assert await switches.badge() == "Trouble: every sendDocument fails"


# --- a lost hour


async def test_a_lost_hour(server: DemoServer, api: Api, switches: Switches) -> None:
    alice = server.person(ALICE)
    poll = asyncio.create_task(api.get("getUpdates", timeout=30))
    await server.called("getUpdates")
    await switches.on("away")
    assert await switches.badge() == "Trouble: Telegram is away"
    with pytest.raises(aiohttp.ClientError):
        await poll
    with pytest.raises(aiohttp.ClientError):
        await api.get("getMe")
    tapped = await alice.taps_data(1, "approve")
    await alice.says("are you there?")

    await switches.off("away")
    again = await alice.taps_data(1, "approve")

    said, tap = await api.get("getUpdates")
    assert said["message"]["text"] == "are you there?"
    assert tap["callback_query"]["id"] == again
    assert await api.refused("answerCallbackQuery", callback_query_id=tapped) == TOO_OLD
    assert await api.get("answerCallbackQuery", callback_query_id=again)


# --- the switches themselves


async def test_several_at_once_and_all_off(api: Api, switches: Switches) -> None:
    await switches.on("server_error", often="every", calls="documents")
    await switches.on("away")
    await switches.on("hang", often="some")
    shown = await switches.shown()

    assert shown["badge"] == "Trouble: every sendDocument fails + 2 more"
    assert shown["lines"] == [
        "every sendDocument fails",
        "Telegram is away",
        "1 call in 5 hangs",
    ]
    assert shown["on"]["hang"] == {"often": "some", "calls": "all"}
    assert await switches.order("calm") == ""
    assert await switches.badge() == ""
    assert await api.get("getMe")


async def test_a_switch_is_set_anew(api: Api, switches: Switches) -> None:
    await switches.on("server_error", often="every")
    await switches.on("server_error", often="next")

    assert (await api.ask("getMe"))["error_code"] == 500
    assert (await api.ask("getMe"))["ok"]


@pytest.mark.parametrize(
    "body",
    [
        {"kind": "earthquake", "on": True},
        {"kind": "hang"},
        {"kind": "hang", "on": True, "often": "now and then"},
        {"kind": "hang", "on": True, "calls": "getMe"},
        {"on": True},
    ],
)
async def test_orders_that_make_no_sense(switches: Switches, body: dict[str, Any]) -> None:
    assert "couldn't be understood" in await switches.order("trouble", **body)
    assert await switches.badge() == ""


@pytest.mark.parametrize("headers", [{"Host": "evil.test"}, {"Origin": "http://evil.test"}])
async def test_only_this_machines_own_page_is_obeyed(
    server: DemoServer, switches: Switches, headers: dict[str, str]
) -> None:
    said = await server.person(ALICE).says("mine")
    place = {"person": ALICE, "message_id": said.message_id, "text": "other"}
    for order, body in (
        ("trouble", {"kind": "away", "on": True}),
        ("calm", {}),
        ("edit", place),
        ("forward", place),
        ("delete", place),
    ):
        url = f"{switches.url}/api/{order}"
        async with switches.session.post(url, json=body, headers=headers) as response:
            assert response.status == 403

    assert await switches.badge() == ""
    assert [message.text for message in server.person(ALICE).messages] == ["mine"]


# --- what people do in their chat


async def test_a_message_is_edited_and_one_forwarded(
    server: DemoServer, api: Api, switches: Switches
) -> None:
    said = await server.person(ALICE).says("/requestvpn 2h")
    place = {"person": ALICE, "message_id": said.message_id}

    assert await switches.order("edit", **place, text="/requestvpn 9h") == ""
    assert await switches.order("forward", person=ALICE, text="/revoke bob") == ""

    _, edited, forwarded = await api.get("getUpdates")
    assert edited["edited_message"]["text"] == "/requestvpn 9h"
    assert forwarded["message"]["text"] == "/revoke bob"
    assert forwarded["message"]["forward_origin"]["type"] == "hidden_user"


async def test_the_bot_cannot_edit_what_a_person_deleted(
    server: DemoServer, bot: telegram.Bot, api: Api, switches: Switches
) -> None:
    sent = await bot.send_message(ALICE, "card")
    place = {"person": ALICE, "message_id": sent.message_id}

    assert await switches.order("delete", **place) == ""

    assert server.person(ALICE).messages == []
    gone = {"chat_id": ALICE, "message_id": sent.message_id}
    refused = await api.refused("editMessageText", **gone, text="decided")
    assert refused == "400 Bad Request: message to edit not found"
    assert await api.get("getUpdates") == []
    assert "not in the chat" in await switches.order("delete", **place)


async def test_a_test_deletes_and_forwards_as_well(server: DemoServer, bot: telegram.Bot) -> None:
    alice = server.person(ALICE)
    sent = await bot.send_message(ALICE, "card")

    alice.deletes(sent.message_id)

    assert alice.messages == []
