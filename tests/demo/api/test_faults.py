"""Each fault, and what it leaves behind."""

import asyncio
from random import Random

import aiohttp
import pytest
import telegram

from demo.api.faults import (
    Drop,
    Fault,
    FaultRate,
    drop_after,
    drop_before,
    hang,
    refuse,
    status,
)
from demo.server import DemoServer
from tests.demo.conftest import ALICE, Api


async def test_a_status_is_answered_without_effect(server: DemoServer, api: Api) -> None:
    wait = status(429, "Too Many Requests: retry after 2", retry_after=2)
    server.faults.append(Fault("sendMessage", 2, wait))

    for _ in range(2):
        assert await api.ask("sendMessage", chat_id=ALICE, text="Hi") == {
            "ok": False,
            "error_code": 429,
            "description": "Too Many Requests: retry after 2",
            "parameters": {"retry_after": 2},
        }

    assert server.person(ALICE).messages == []
    assert server.faults == []
    assert await api.get("sendMessage", chat_id=ALICE, text="Hi")


async def test_faults_are_taken_in_order_by_method(server: DemoServer, api: Api) -> None:
    server.faults += [
        Fault("sendMessage", 1, status(500, "Internal Server Error")),
        Fault("*", 1, status(502, "Bad Gateway")),
    ]

    assert (await api.ask("getMe"))["error_code"] == 502
    assert (await api.ask("getMe"))["ok"]
    assert (await api.ask("SendMessage", chat_id=ALICE, text="Hi"))["error_code"] == 500


@pytest.mark.parametrize(("fault", "arrived"), [(drop_before, 0), (drop_after, 1)])
async def test_a_dropped_connection(
    server: DemoServer, bot: telegram.Bot, fault: Drop, arrived: int
) -> None:
    server.faults.append(Fault("sendMessage", 1, fault))

    with pytest.raises(telegram.error.NetworkError):
        await bot.send_message(ALICE, "Hi")

    assert len(server.person(ALICE).messages) == arrived


async def test_a_client_that_leaves_a_hanging_call_cancels_it(
    server: DemoServer, bot: telegram.Bot, api: Api
) -> None:
    server.faults.append(Fault("sendMessage", 1, hang(60)))

    with pytest.raises(telegram.error.TimedOut):
        await bot.send_message(ALICE, "Hi", read_timeout=0.1)

    await api.get("sendMessage", chat_id=ALICE, text="next")
    assert [message.text for message in server.person(ALICE).messages] == ["next"]


async def test_a_late_answer_after_the_effect(server: DemoServer, bot: telegram.Bot) -> None:
    server.faults.append(Fault("sendMessage", 1, hang(60, after=True)))

    with pytest.raises(telegram.error.TimedOut):
        await bot.send_message(ALICE, "Hi", read_timeout=0.1)

    assert (await server.person(ALICE).hears("Hi")).from_bot


async def test_a_short_hang_is_only_late(server: DemoServer, api: Api) -> None:
    server.faults += [Fault("getMe", 1, hang(0.01)), Fault("getMe", 1, hang(0.01, after=True))]

    assert (await api.get("getMe"))["is_bot"]
    assert (await api.get("getMe"))["is_bot"]
    assert server.faults == []


async def test_a_pause_ends_long_polls_and_refuses_calls(server: DemoServer, api: Api) -> None:
    poll = asyncio.create_task(api.get("getUpdates", timeout=30))
    await server.called("getUpdates")

    server.paused = True

    with pytest.raises(aiohttp.ClientError):
        await poll
    with pytest.raises(aiohttp.ClientError):
        await api.get("getMe")
    server.paused = False
    assert await api.get("getMe")
    assert not server.paused


async def test_a_rate_hits_the_same_calls_for_the_same_seed(server: DemoServer, api: Api) -> None:
    async def refused_of(calls: int) -> list[int]:
        rate = FaultRate("getMe", 0.2, status(500, "Internal Server Error"), Random(7))
        server.faults.append(rate)
        outcomes = [(await api.ask("getMe"))["ok"] for _ in range(calls)]
        assert (await api.ask("getWebhookInfo"))["ok"]
        server.faults.remove(rate)
        return [place for place, ok in enumerate(outcomes) if not ok]

    first = await refused_of(60)

    assert 4 < len(first) < 25
    assert await refused_of(60) == first
    assert (await api.ask("getMe"))["ok"]


async def test_a_refused_connection_is_no_call(server: DemoServer, bot: telegram.Bot) -> None:
    calls = len(server.calls)
    server.faults.append(Fault("sendDocument", 1, refuse))

    with pytest.raises(telegram.error.NetworkError):
        await bot.send_document(ALICE, b"x" * 300_000, filename="big.bin")

    assert len(server.calls) == calls
    assert server.person(ALICE).messages == []
