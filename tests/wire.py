"""A length of wire between two ends of TCP on this machine: it delays what is said, and can be cut.

It runs in a thread of its own, so that whoever measures does not slow it down. What it delays is
what programs say: TCP's own acknowledgements are those of loopback.
"""

import asyncio
import socket
import threading
from collections import deque
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

from tests.hanging import PATIENCE_S

_T = TypeVar("_T")


class _End(asyncio.Protocol):
    """One side of a connection through the wire."""

    def __init__(self, wire: "Wire", other: "_End | None" = None) -> None:
        self.wire = wire
        self.other = other
        self.is_near = other is None
        self.transport: asyncio.Transport | None = None
        self.waiting: deque[bytes | None] = deque()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        self.wire.ends.add(self)
        transport.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if self.other is None:
            transport.pause_reading()  # until there is somebody to pass it on to
            self.wire.keep(asyncio.ensure_future(self.wire.reach(self)))

    def data_received(self, data: bytes) -> None:
        assert self.transport is not None
        sock = self.transport.get_extra_info("socket")
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)
        if self.wire.passes(self.is_near):
            self._later(data)

    def eof_received(self) -> bool:
        self._later(None)
        return True

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002
        self.wire.ends.discard(self)
        self._later(None)

    def _later(self, data: bytes | None) -> None:
        """In order, even where two moments are the same."""
        self.waiting.append(data)
        asyncio.get_running_loop().call_later(self.wire.delay_s, self._pass_on)

    def _pass_on(self) -> None:
        data = self.waiting.popleft()
        transport = self.other.transport if self.other else None
        if transport is None or transport.is_closing():
            return
        if data is None:
            transport.close()
        else:
            transport.write(data)


class Wire:
    """From a port of its own to another one.

    Attributes:
        port: where it begins.
        delay_s: how long each word is on its way; may be changed at any time.
        passed: how many times something was said through it, either way.
        turns: how many times the other side began to speak.
        cut_after: at so many the wire is cut by itself; None is never.
        on_word: called in the wire's own thread before each is passed on.
    """

    def __init__(self, to_port: int, delay_s: float = 0.0) -> None:
        self.to_port = to_port
        self.delay_s = delay_s
        self.port = 0
        self.passed = 0
        self.turns = 0
        self._from_near = False
        self.cut_after: int | None = None
        self.on_word: Callable[[], object] = lambda: None
        self.is_cut = False
        self.ends: set[_End] = set()
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Future[None]] = set()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)

    def start(self) -> None:
        self._thread.start()
        self.port = self._do(self._listen())

    async def _listen(self) -> int:
        self._server = await self._loop.create_server(lambda: _End(self), "127.0.0.1", 0)
        return int(self._server.sockets[0].getsockname()[1])

    async def reach(self, near: _End) -> None:
        """Connects what has come in to the other end."""
        assert near.transport is not None
        if self.is_cut:
            near.transport.abort()
            return
        try:
            _, far = await self._loop.create_connection(
                lambda: _End(self, near), "127.0.0.1", self.to_port
            )
        except OSError:
            near.transport.abort()
            return
        near.other = far
        near.transport.resume_reading()

    def keep(self, task: "asyncio.Future[None]") -> None:
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def passes(self, from_near: bool) -> bool:
        """Whether the next word gets through: else the wire is cut in the middle of it."""
        self.passed += 1
        self.turns += from_near != self._from_near
        self._from_near = from_near
        self.on_word()
        if self.cut_after is not None and self.passed > self.cut_after:
            self._cut()
        return not self.is_cut

    def cut(self) -> None:
        """Ends all connections, and lets none through until it is mended."""
        self._do(self._async_cut())

    async def _async_cut(self) -> None:
        self._cut()

    def _cut(self) -> None:
        self.is_cut = True
        for end in [*self.ends]:
            if end.transport is not None:
                end.transport.abort()

    def mend(self) -> None:
        self.cut_after = None
        self.is_cut = False

    def _do(self, what: Coroutine[Any, Any, _T]) -> _T:
        return asyncio.run_coroutine_threadsafe(what, self._loop).result(PATIENCE_S)

    def stop(self) -> None:
        self._do(self._end())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(PATIENCE_S)
        self._loop.close()

    async def _end(self) -> None:
        assert self._server is not None
        self._server.close()
        self._cut()
        while self.ends:  # noqa: ASYNC110 - each says when it is gone, to this set
            await asyncio.sleep(0.001)


@contextmanager
def run_wire(to_port: int, delay_s: float = 0.0) -> Iterator[Wire]:
    """A wire to a port of this machine."""
    wire = Wire(to_port, delay_s)
    wire.start()
    try:
        yield wire
    finally:
        wire.stop()
