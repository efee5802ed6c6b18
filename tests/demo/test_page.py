"""The page's own small API: what it shows, whom it obeys and whom it refuses."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest
import telegram

from demo.api.events import DeviceState
from demo.errors import LabRefused
from demo.page import WEB_FOLDER
from demo.server import DemoServer

from .conftest import ALICE, BOB, CAROL, Api


class Page:
    """What the browser's script does, without a browser."""

    def __init__(self, session: aiohttp.ClientSession, url: str) -> None:
        self.session = session
        self.url = url

    async def order(self, name: str, **body: Any) -> str:
        """The error's text; empty where it was obeyed."""
        async with self.session.post(f"{self.url}/api/{name}", json=body) as response:
            answer = await response.json()
        assert answer["ok"] == (response.status == 200)
        return str(answer.get("error", ""))

    async def state(self) -> dict[str, Any]:
        async with self.session.get(f"{self.url}/api/state") as response:
            state: dict[str, Any] = await response.json()
        return state

    async def person(self, person_id: int) -> dict[str, Any]:
        people = (await self.state())["people"]
        return next(person for person in people if person["id"] == person_id)


@pytest.fixture
def page(server: DemoServer, session: aiohttp.ClientSession) -> Page:
    return Page(session, server.url)


async def events(response: aiohttp.ClientResponse) -> AsyncIterator[dict[str, Any]]:
    async for line in response.content:
        if line.startswith(b"data: "):
            yield json.loads(line[6:])


class Recorder:
    """A connector that remembers, and refuses one profile."""

    def __init__(self, server: DemoServer) -> None:
        self.server = server
        self.asked: list[tuple[int, str]] = []

    async def connect(self, person_id: int, file_id: str, profile: str) -> None:
        self.asked.append((person_id, profile))
        if profile == "revoked":
            raise LabRefused("The VPN client wasn't let in: AUTH_FAILED")
        self.server.page.show_device(person_id, file_id, DeviceState.CONNECTED, "10.8.0.2")

    async def disconnect(self, person_id: int, file_id: str) -> None:
        self.server.page.show_device(person_id, file_id, DeviceState.OFF)


async def test_every_file_is_served_and_names_no_other_host(page: Page) -> None:
    for path in sorted(WEB_FOLDER.iterdir()):
        name = "" if path.name == "index.html" else path.name
        async with page.session.get(f"{page.url}/{name}") as response:
            text = await response.text()
        assert response.status == 200, path.name
        assert "default-src 'self'" in response.headers["Content-Security-Policy"]
        hosts = text.replace("http://www.w3.org/2000/svg", "").replace("https://t.me/", "")
        assert "http://" not in hosts, path.name
        assert "https://" not in hosts, path.name


async def test_the_state_at_the_start(server: DemoServer, page: Page) -> None:
    server.banner = "No real VPN here"

    state = await page.state()

    assert state["banner"] == server.banner == "No real VPN here"
    assert state["bot"]["username"] == "vpn_access_demo_bot"
    assert not state["can_connect"]
    assert [(p["name"], p["role"], p["started"]) for p in state["people"]] == [
        ("Alice", "Employee", True),
        ("Bob", "Stranger", False),
        ("Carol", "Admin", True),
    ]


async def test_people_say_and_tap(
    server: DemoServer, page: Page, bot: telegram.Bot, api: Api
) -> None:
    assert await page.order("say", person=BOB, text="/start") == ""
    card = await bot.send_message(BOB, "card")
    assert await page.order("tap", person=BOB, message_id=card.message_id, data="go") == ""

    said, tapped = await api.get("getUpdates")

    assert said["message"]["text"] == "/start"
    assert tapped["callback_query"]["data"] == "go"
    assert (await page.person(BOB))["started"]


async def test_people_block_and_unblock(page: Page) -> None:
    assert await page.order("block", person=ALICE) == ""
    assert (await page.person(ALICE))["blocked"]
    assert "unblock" in await page.order("say", person=ALICE, text="hello")
    assert await page.order("unblock", person=ALICE) == ""
    assert not (await page.person(ALICE))["blocked"]


@pytest.mark.parametrize(
    ("order", "body"),
    [
        ("dance", {"person": ALICE}),
        ("say", {"person": ALICE}),
        ("say", {"person": 99, "text": "x"}),
        ("say", {"person": "x", "text": "x"}),
        ("tap", {"person": ALICE, "message_id": None, "data": "x"}),
    ],
)
async def test_orders_that_make_no_sense(page: Page, order: str, body: dict[str, Any]) -> None:
    assert "couldn't be understood" in await page.order(order, **body)


async def test_a_body_that_is_no_object(page: Page) -> None:
    for body in ("{", "[]"):
        headers = {"Content-Type": "application/json"}
        url = f"{page.url}/api/say"
        async with page.session.post(url, data=body, headers=headers) as response:
            assert response.status == 400


async def test_documents_are_downloaded_under_their_names(page: Page, bot: telegram.Bot) -> None:
    await bot.send_document(ALICE, b"profile", filename="vpn é.ovpn")
    (message,) = (await page.person(ALICE))["messages"]
    document = message["document"]
    assert (document["name"], document["size"]) == ("vpn é.ovpn", 7)

    async with page.session.get(f"{page.url}/api/file/{document['file_id']}") as response:
        content = await response.read()
    async with page.session.get(f"{page.url}/api/file/other") as missing:
        assert missing.status == 404

    assert content == b"profile"
    assert response.headers["Content-Disposition"] == (
        "attachment; filename*=UTF-8''vpn%20%C3%A9.ovpn"
    )


async def test_a_stream_tells_what_happens(
    server: DemoServer, page: Page, bot: telegram.Bot
) -> None:
    alice = server.person(ALICE)
    async with page.session.get(f"{page.url}/api/events") as response:
        stream = events(response)
        first = await anext(stream)
        sent = await bot.send_message(ALICE, "one")
        await bot.edit_message_text("two", ALICE, sent.message_id)
        query_id = await alice.taps_data(sent.message_id, "x")
        await bot.answer_callback_query(query_id, "Done", show_alert=True)
        alice.deletes(sent.message_id)
        await server.add_group("Staff", [ALICE]).says(ALICE, "/not on the page")
        alice.blocks_bot()
        await bot.set_my_commands([("help", "What I can do")])
        server.banner = "new"
        told = [await anext(stream) for _ in range(7)]

    assert first["kind"] == "state"
    assert [event["kind"] for event in told] == [
        *("message", "edited", "answer", "deleted", "person", "commands", "state"),
    ]
    assert told[0]["message"]["text"] == "one"
    assert told[1]["message"]["edited"]
    assert (told[2]["text"], told[2]["alert"]) == ("Done", True)
    assert told[4]["blocked"]
    assert told[5]["commands"][str(CAROL)][0]["command"] == "help"
    assert told[6]["state"]["banner"] == "new"


async def test_streams_end_with_the_server(server: DemoServer, page: Page) -> None:
    async with page.session.get(f"{page.url}/api/events") as response:
        stream = events(response)
        await anext(stream)
        await server.stop()
        with pytest.raises(StopAsyncIteration):
            await anext(stream)


async def test_a_profile_is_connected_and_let_go(
    server: DemoServer, page: Page, bot: telegram.Bot
) -> None:
    recorder = Recorder(server)
    server.page.connector = recorder
    assert server.page.connector is recorder
    assert (await page.state())["can_connect"]
    sent = await bot.send_document(ALICE, b"profile", filename="a.ovpn")
    assert sent.document is not None

    async with page.session.get(f"{page.url}/api/events") as response:
        stream = events(response)
        await anext(stream)
        device = {"person": ALICE, "file_id": sent.document.file_id}
        await page.order("connect", **device)
        shown = [await anext(stream) for _ in range(2)]
        await page.order("disconnect", **device)
        shown.append(await anext(stream))
    states = [event["devices"][sent.document.file_id]["state"] for event in shown]
    assert states == ["connecting", "connected", "off"]
    assert recorder.asked == [(ALICE, "profile")]


async def test_a_refused_profile_says_why(
    server: DemoServer, page: Page, bot: telegram.Bot
) -> None:
    server.page.connector = Recorder(server)
    sent = await bot.send_document(ALICE, b"revoked", filename="a.ovpn")
    assert sent.document is not None
    async with page.session.get(f"{page.url}/api/events") as response:
        stream = events(response)
        await anext(stream)
        await page.order("connect", person=ALICE, file_id=sent.document.file_id)
        shown = [(await anext(stream))["devices"] for _ in range(2)]

    assert shown[1][sent.document.file_id] == {
        "state": "refused",
        "detail": "The VPN client wasn't let in: AUTH_FAILED",
    }


async def test_without_a_connector_nothing_connects(
    server: DemoServer, page: Page, bot: telegram.Bot
) -> None:
    sent = await bot.send_document(ALICE, b"profile", filename="a.ovpn")
    assert sent.document is not None

    error = await page.order("connect", person=ALICE, file_id=sent.document.file_id)

    assert error == "There is no VPN server to connect to here."
    assert await page.order("disconnect", person=ALICE) == ""


class Slow(Recorder):
    async def connect(self, person_id: int, file_id: str, profile: str) -> None:
        del file_id
        self.asked.append((person_id, profile))
        try:
            await asyncio.Event().wait()
        finally:
            self.asked.clear()


async def test_what_is_still_connecting_ends_with_the_server(
    server: DemoServer, page: Page, bot: telegram.Bot
) -> None:
    slow = Slow(server)
    server.page.connector = slow
    sent = await bot.send_document(ALICE, b"profile", filename="a.ovpn")
    assert sent.document is not None
    await page.order("connect", person=ALICE, file_id=sent.document.file_id)
    devices = (await page.person(ALICE))["devices"]
    assert devices[sent.document.file_id]["state"] == "connecting"
    assert slow.asked

    await server.stop()

    assert slow.asked == []


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({"Host": "evil.test"}, 403),
        ({"Host": "localhost"}, 200),
        ({"Origin": "http://evil.test"}, 403),
        ({"Origin": "null"}, 403),
    ],
)
async def test_only_this_machines_own_page_is_obeyed(
    server: DemoServer, page: Page, headers: dict[str, str], expected: int
) -> None:
    body = {"person": ALICE, "text": "/start"}
    async with page.session.post(f"{page.url}/api/say", json=body, headers=headers) as response:
        assert response.status == expected

    assert len(server.person(ALICE).messages) == (expected == 200)


async def test_the_page_itself_is_obeyed(server: DemoServer, page: Page) -> None:
    body = {"person": ALICE, "text": "/start"}
    headers = {"Origin": server.url}
    async with page.session.post(f"{page.url}/api/say", json=body, headers=headers) as response:
        assert response.status == 200
