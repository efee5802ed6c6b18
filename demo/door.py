"""The Bot API's own port, which can be shut so that connections to it are refused for real.

A client tells a refused connection, where nothing was sent, from one that ends halfway.
"""

import asyncio
import socket
from collections.abc import Collection

from aiohttp import web

LOOPBACK = "127.0.0.1"


class Door:
    """Before `start` and while it is shut, nobody listens at `port`, yet nobody else gets it."""

    def __init__(self) -> None:
        self.port = 0
        self._holder: socket.socket | None = None
        self._listening: asyncio.Server | None = None
        self._answering: web.Server | None = None
        self._turning = asyncio.Lock()

    async def start(self, answering: web.Server, *, opened: bool) -> None:
        """Takes the port of an earlier start; raises OSError where it is taken by now."""
        # Bound without listening, it keeps the port from others while the door is shut.
        holder = socket.socket()
        try:
            holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            holder.bind((LOOPBACK, self.port))
        except OSError:
            holder.close()
            raise
        self.port = int(holder.getsockname()[1])
        self._holder, self._answering = holder, answering
        await self.turn(opened=opened)

    async def stop(self) -> None:
        await self.turn(opened=False)
        self._answering = None
        if self._holder is not None:
            self._holder.close()
            self._holder = None

    async def turn(
        self, *, opened: bool, busy: Collection[asyncio.BaseTransport | None] = ()
    ) -> None:
        """Shutting it ends the connections: those that are `busy` after their call."""
        async with self._turning:
            if opened and self._listening is None and self._answering is not None:
                self._listening = await asyncio.get_running_loop().create_server(
                    self._answering, LOOPBACK, self.port, reuse_port=True
                )
            elif not opened and self._listening is not None:
                self._listening.close()
                self._listening = None
                self._let_go(busy)

    def _let_go(self, busy: Collection[asyncio.BaseTransport | None]) -> None:
        for connection in self._answering.connections if self._answering else ():
            transport = connection.transport
            if transport is None or transport.get_extra_info("sockname")[1] != self.port:
                continue
            if transport in busy:
                connection.close()
            else:
                connection.force_close()
