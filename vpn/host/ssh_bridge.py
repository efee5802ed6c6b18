"""A connection through sshd to a socket or a port there, as a reader and a writer of asyncio's own.

Imported only where a server is elsewhere, see `vpn.host.ssh_link`.
"""

import asyncio
from asyncio import StreamReader, StreamWriter

import asyncssh

# A line of the management interface, see `vpn.proof.management`.
_LINE_LIMIT = 64 * 1024


class Bridge(asyncssh.SSHUNIXSession[bytes], asyncssh.SSHTCPSession[bytes]):
    """Passes a channel on to a reader and a writer of asyncio's own."""

    def __init__(self) -> None:
        self.reader = StreamReader(limit=_LINE_LIMIT)
        self.protocol = asyncio.StreamReaderProtocol(self.reader)
        self.channel: asyncio.Transport | None = None

    def connection_made(self, chan: object) -> None:
        assert isinstance(chan, asyncssh.SSHTCPChannel | asyncssh.SSHUNIXChannel)
        self.channel = chan  # type: ignore[assignment]  # it has what a transport has
        self.protocol.connection_made(chan)  # type: ignore[arg-type]

    def connection_lost(self, exc: Exception | None) -> None:
        self.protocol.connection_lost(ConnectionResetError(str(exc)) if exc else None)

    def data_received(self, data: bytes, datatype: object) -> None:  # noqa: ARG002
        self.protocol.data_received(data)

    def eof_received(self) -> bool:
        return bool(self.protocol.eof_received())

    def pause_writing(self) -> None:
        self.protocol.pause_writing()

    def resume_writing(self) -> None:
        self.protocol.resume_writing()

    def streams(self) -> tuple[StreamReader, StreamWriter]:
        assert self.channel is not None
        loop = asyncio.get_running_loop()
        return self.reader, _Writer(self.channel, self.protocol, self.reader, loop)


class _Writer(StreamWriter):
    """Does not wait for the other side to confirm the end, which one that hangs never does."""

    async def wait_closed(self) -> None:
        await asyncio.sleep(0)
