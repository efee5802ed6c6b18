"""What is read of an answer on its way in: as much as it may be, and through whom it came."""

import asyncio
from collections.abc import AsyncIterator

import httpx
import pytest
from telegram.error import NetworkError, TimedOut

from bot.chat.wire import BotApi, NotTelegram
from bot.process.way_out import WayOut

YES = b'{"ok": true, "result": true}'
API, FILE = "https://api.telegram.org/bot1:x/logOut", "https://api.telegram.org/file/bot1:x/a.csr"
PROXY = WayOut("http://olga:secret@proxy.example:3128", "VPNBOT_PROXY")


def api(answer: httpx.Response | Exception, way: WayOut | None = None) -> BotApi:
    """What answers all calls in the place of Telegram."""

    def far_end(_: httpx.Request) -> httpx.Response:
        if isinstance(answer, Exception):
            raise answer
        return answer

    return BotApi(way=way, httpx_kwargs={"transport": httpx.MockTransport(far_end)})


class Drops(httpx.AsyncByteStream):
    """A body that comes in pieces."""

    def __init__(self, *pieces: bytes) -> None:
        self.pieces = pieces
        self.read = 0

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for piece in self.pieces:
            self.read += 1
            yield piece


async def test_a_file_comes_as_it_is_and_anything_else_is_judged() -> None:
    content = b"\x00not json"
    came = await api(httpx.Response(200, content=content)).do_request(FILE, "GET")
    assert came == (200, content)
    assert (await api(httpx.Response(200, content=YES)).do_request(API, "POST"))[0] == 200
    for url, status in ((FILE, 404), (API, 200)):
        odd = api(httpx.Response(status, content=content))
        with pytest.raises(NotTelegram):
            await odd.do_request(url, "GET")


async def test_no_more_is_read_than_it_may_be_long() -> None:
    for longest, read in ((4, 2), (5, 3), (6, 3), (7, 4)):
        body = Drops(b"ab", b"cd", b"ef", b"gh")
        far = api(httpx.Response(200, stream=body))
        far.longest = longest
        assert await far.do_request(FILE, "GET") == (200, b"abcdefgh"[:longest])
        assert body.read == read


async def test_what_is_packed_is_no_answer() -> None:
    packed = httpx.Response(200, headers={"Content-Encoding": "br"}, stream=Drops(YES))
    with pytest.raises(NotTelegram):
        await api(packed).do_request(API, "POST")


async def test_what_never_ends_is_ended() -> None:
    async def never(_: httpx.Request) -> httpx.Response:
        await asyncio.Event().wait()
        raise AssertionError

    far = BotApi(httpx_kwargs={"transport": httpx.MockTransport(never)})
    far.longest_call_s = 0.01
    with pytest.raises(TimedOut):
        await far.do_request(API, "POST")


REFUSED = httpx.ConnectError("refused")


async def test_trouble_names_the_proxy_in_between_and_nobodys_password() -> None:
    with pytest.raises(NetworkError) as caught:
        await api(REFUSED, PROXY).do_request(API, "POST")
    assert caught.value.message.endswith(
        ", through the proxy http://proxy.example:3128 (VPNBOT_PROXY)"
    )
    with pytest.raises(NetworkError) as caught:
        await api(REFUSED).do_request(API, "POST")
    assert "proxy" not in caught.value.message


def test_what_a_socks_proxy_never_lets_through_ends_sooner() -> None:
    socks = WayOut("socks5://proxy.example:1080", "VPNBOT_PROXY")
    calls = [BotApi(way=way).longest_call_s for way in (None, PROXY, socks)]
    assert calls == [600, 600, 120]
