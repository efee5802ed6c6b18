"""The server as a whole: tokens, calls, files, stopping and starting again."""

import aiohttp
import pytest

from demo.errors import NotHeard
from demo.server import DemoPerson, DemoServer

from .conftest import ALICE, PEOPLE, TOKEN, Api


@pytest.mark.parametrize(
    ("token", "description"),
    [("4242:wrong", "Unauthorized"), ("x", "Unauthorized: invalid token specified")],
)
async def test_a_bad_token(
    server: DemoServer, session: aiohttp.ClientSession, token: str, description: str
) -> None:
    api = Api(session, f"{server.url}/bot{token}")

    assert await api.refused("getMe") == f"401 {description}"
    assert server.calls == []


async def test_calls_are_recorded(server: DemoServer, api: Api) -> None:
    await api.get("sendMessage", chat_id=ALICE, text="Hi")

    (call,) = server.calls
    assert (call.method, call.params["text"], call.at) == ("sendMessage", "Hi", 1_700_000_000)
    assert "Hi" not in repr(call)


async def test_a_call_that_never_comes(server: DemoServer, api: Api) -> None:
    await api.get("getMe")

    with pytest.raises(NotHeard, match="getMe wasn't called 2 times"):
        await server.called("getMe", times=2, timeout=0.01)


async def test_stopped_and_started_again_on_the_same_port(server: DemoServer, api: Api) -> None:
    url = server.url
    await server.person(ALICE).says("before")

    await server.stop()
    with pytest.raises(aiohttp.ClientConnectorError):
        await api.get("getMe")
    await server.stop()
    await server.person(ALICE).says("meanwhile")
    await server.start()

    assert server.url == url
    assert [u["message"]["text"] for u in await api.get("getUpdates")] == ["before", "meanwhile"]


async def test_a_port_that_is_taken(server: DemoServer) -> None:
    port = int(server.url.rpartition(":")[2])

    with pytest.raises(OSError, match="address already in use"):
        await DemoServer(TOKEN, PEOPLE, port=port).start()


async def test_it_listens_on_loopback_only(server: DemoServer) -> None:
    assert server.url.startswith("http://127.0.0.1:")


def test_a_person_is_not_started_unless_said_so() -> None:
    assert not DemoPerson(1, "Eve", None, "Stranger").started
