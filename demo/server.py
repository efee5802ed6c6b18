"""The Bot API over HTTP, with the page of chats, on loopback.

async with DemoServer("1:token", [DemoPerson(1, "Alice", "alice", "Employee")]) as server:
    bot = telegram.Bot("1:token", base_url=f"{server.url}/bot")
"""

import asyncio
import time
from collections.abc import Iterable, Sequence
from random import Random
from types import TracebackType
from typing import Self

from aiohttp import web

from demo.api.faults import (
    Body,
    Drop,
    Fault,
    FaultKind,
    FaultRate,
    Hang,
    OldTags,
    Refuse,
    Rule,
    Status,
    next_fault,
)
from demo.api.methods import Methods
from demo.api.params import MAX_UPLOAD_BYTES, Params, read_params
from demo.api.world import Clock, World
from demo.changes import Signal
from demo.door import LOOPBACK, Door
from demo.errors import ApiError, NotHeard
from demo.page import Page
from demo.people import DemoBot, DemoPerson, Json
from demo.testing import PATIENCE_S, Call, GroupChat, PersonChat
from demo.trouble import Trouble

__all__ = ["DemoPerson", "DemoServer", "Fault", "FaultRate"]

_ROOM_FOR_FIELDS = 1024 * 1024
_LOST_HOUR_S = 3600


class DemoServer:
    """The pretended Telegram. It can be stopped and started again: what was said stays."""

    def __init__(
        self,
        token: str,
        people: Sequence[DemoPerson],
        *,
        port: int = 0,
        banner: str = "",
        clock: Clock = time.time,
        seed: int = 0,
    ) -> None:
        """`seed` decides which calls are hit where trouble is set to one call in five."""
        bot = DemoBot(int(token.partition(":")[0]))
        # By the clock, so that a new server does not use the ids of an earlier one again.
        first_update_id = int(clock() * 100) % 2_000_000_000 + 1
        self.world = World(bot, people, clock=clock, first_update_id=first_update_id)
        self.faults: list[Rule] = []
        self.calls: list[Call] = []
        self.trouble = Trouble(Random(seed), self._on_trouble)  # noqa: S311
        self.page = Page(self.world, self.trouble, banner)
        self._token = token
        self._port = port
        self._methods = Methods(self.world)
        self._chats = {person.id: PersonChat(self.world, person) for person in people}
        # By identity: two requests compare equal as mappings.
        self._running: dict[int, web.Request] = {}
        self._called = Signal()
        self._runner: web.AppRunner | None = None
        self._paused = False
        self._was_away = False
        self._door = Door()

    async def start(self) -> None:
        """Raises OSError where a port is taken."""
        app = web.Application(client_max_size=MAX_UPLOAD_BYTES + _ROOM_FOR_FIELDS)
        app.router.add_route("*", "/bot{token}/{method}", self._on_call)
        app.router.add_get("/file/bot{token}/documents/{file_id}", self._on_file)
        self.page.add_routes(app)
        # Cancelled handlers are what a client that went away looks like to the methods.
        runner = web.AppRunner(app, handler_cancellation=True, shutdown_timeout=1, access_log=None)
        await runner.setup()
        assert runner.server is not None
        try:
            await web.TCPSite(runner, LOOPBACK, self._port).start()
            await self._door.start(runner.server, opened=not self.trouble.shut)
        except OSError:
            await runner.cleanup()
            raise
        self._port = int(runner.addresses[0][1])
        self._runner = runner

    async def stop(self) -> None:
        """Ends all connections; the world stays for another start on the same port."""
        runner, self._runner = self._runner, None
        if runner is not None:
            self._drop_all()
            await self.trouble.close()
            await self.page.close()
            await self._door.stop()
            await runner.cleanup()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.stop()

    @property
    def url(self) -> str:
        """Both the page's address and the base of the Bot API."""
        return f"http://{LOOPBACK}:{self._port}"

    @property
    def api_url(self) -> str:
        """The Bot API on a port of its own, where a connection can be refused for real.

        At `url`, which the page needs as well, it can only be reset.
        """
        return f"http://{LOOPBACK}:{self._door.port}"

    def person(self, person_id: int) -> PersonChat:
        return self._chats[person_id]

    def joins(self, person: DemoPerson) -> PersonChat:
        """Somebody new, beside those who were there from the start; gives their chat."""
        self.world.joins(person)
        self._chats[person.id] = PersonChat(self.world, person)
        return self._chats[person.id]

    def add_group(self, title: str, member_ids: Iterable[int]) -> GroupChat:
        """A group chat with the bot and these people in it."""
        return GroupChat(self.world, self.world.add_group(title, member_ids).id)

    def inject(self, update: Json) -> int:
        """Queues a raw update, whatever it says; gives its id."""
        return self.world.updates.put_raw(update)

    async def called(self, method: str, *, times: int = 1, timeout: float = PATIENCE_S) -> None:  # noqa: ASYNC109
        """Waits until the bot has called `method` so often in all; raises NotHeard."""

        def is_heard() -> bool:
            return sum(call.method.lower() == method.lower() for call in self.calls) >= times

        if not await self._called.until(is_heard, timeout):
            raise NotHeard(f"{method} wasn't called {times} times within {timeout:g} s.")

    @property
    def banner(self) -> str:
        return self.page.banner

    @banner.setter
    def banner(self, text: str) -> None:
        self.page.banner = text

    @property
    def webhook_url(self) -> str:
        return self._methods.webhook_url

    @webhook_url.setter
    def webhook_url(self, url: str) -> None:
        self._methods.webhook_url = url

    @property
    def paused(self) -> bool:
        """While true every call's connection is closed, long polls in flight included."""
        return self._paused

    @paused.setter
    def paused(self, value: bool) -> None:
        self._paused = value
        if value:
            self._drop_all()

    async def _on_trouble(self) -> None:
        trouble = self.trouble
        self._methods.other_poller = trouble.second_poller
        if trouble.away:
            self._drop_all()
        elif self._was_away:
            self.world.loses(_LOST_HOUR_S)
        self._was_away = trouble.away
        busy = {request.transport for request in self._running.values()}
        await self._door.turn(opened=not trouble.shut, busy=busy)
        self.page.show_trouble()

    def _drop_all(self) -> None:
        for request in tuple(self._running.values()):
            _drop(request)

    async def _on_file(self, request: web.Request) -> web.StreamResponse:
        stored = self.world.files.get(request.match_info["file_id"])
        if request.match_info["token"] != self._token or stored is None:
            raise web.HTTPNotFound
        return web.Response(body=stored.content)

    async def _on_call(self, request: web.Request) -> web.StreamResponse:
        if self._paused or self.trouble.away:
            return _drop(request)
        self._running[id(request)] = request
        try:
            return await self._answer(request)
        except ApiError as error:
            return web.json_response(error.as_json(), status=error.code)
        finally:
            del self._running[id(request)]

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        token = request.match_info["token"]
        if ":" not in token:
            raise ApiError(401, "Unauthorized: invalid token specified")
        if token != self._token:
            raise ApiError(401, "Unauthorized")
        method = request.match_info["method"]
        kind = next_fault(self.faults, method) or await self.trouble.next_fault(method)
        if isinstance(kind, Refuse):
            return _drop(request)
        params = await read_params(request)
        self.calls.append(Call(method, params.values, self.world.clock()))
        self._called.notify()
        if isinstance(kind, Drop) and not kind.after:
            return _drop(request)
        if isinstance(kind, Body):
            return web.Response(status=kind.code, body=kind.body, content_type=kind.content_type)
        if isinstance(kind, OldTags):
            _refuse_tag(kind.tag, params)
        await _before(kind)
        result = await self._methods.call(method, params)
        answer = web.json_response({"ok": True, "result": result})
        if isinstance(kind, Drop):
            return _drop(request)
        if isinstance(kind, Hang) and kind.after:
            await asyncio.sleep(kind.seconds)
        return answer


def _refuse_tag(tag: str, params: Params) -> None:
    text = str(params.values.get("text", params.values.get("caption", "")))
    place = text.find(f"<{tag}")
    if place >= 0 and "parse_mode" in params.values:
        why = f'can\'t parse entities: Unsupported start tag "{tag}" at byte offset {place}'
        raise ApiError(400, f"Bad Request: {why}")


async def _before(kind: FaultKind | None) -> None:
    """What a fault does before the call takes effect."""
    if isinstance(kind, Status):
        raise ApiError(kind.code, kind.description, retry_after=kind.retry_after)
    if isinstance(kind, Hang) and not kind.after:
        await asyncio.sleep(kind.seconds)


def _drop(request: web.Request) -> web.Response:
    """Closes the connection; what is returned goes nowhere."""
    if request.transport is not None:
        request.transport.abort()
    return web.Response()
