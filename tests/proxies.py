"""Real proxies on loopback: SOCKS 5 (RFC 1928, 1929) and HTTP CONNECT (RFC 9110, 9.3.6).

They look names up themselves: whatever name they are asked for leads to one port here.
"""

import asyncio
import base64
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

_Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


@dataclass
class Proxy:
    """One that passes everything on to one port.

    Attributes:
        asked_for: the hosts that clients wanted.
        refused: how many clients had no password, or a wrong one.
    """

    scheme: str
    target: int
    user: str = ""
    password: str = ""
    port: int = 0
    asked_for: list[str] = field(default_factory=list)
    refused: int = 0

    @property
    def at(self) -> str:
        return f"127.0.0.1:{self.port}"

    @property
    def url(self) -> str:
        words = f"{self.user}:{self.password}@" if self.user else ""
        return f"{self.scheme}://{words}{self.at}"

    async def serve(self, *client: asyncio.StreamReader | asyncio.StreamWriter) -> None:
        reader, writer = client
        assert isinstance(reader, asyncio.StreamReader)
        assert isinstance(writer, asyncio.StreamWriter)
        talk = self._connect if self.scheme.startswith("http") else self._socks
        try:
            if await talk(reader, writer):
                await _join(
                    (reader, writer), await asyncio.open_connection("127.0.0.1", self.target)
                )
        except (asyncio.IncompleteReadError, ConnectionError):
            pass  # the client went away
        finally:
            writer.close()

    async def _socks(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        _version, count = await reader.readexactly(2)
        methods = await reader.readexactly(count)
        method = 2 if self.user else 0
        writer.write(bytes([5, method if method in methods else 0xFF]))
        if method not in methods:
            self.refused += 1
            return False
        if self.user:
            said = []
            await reader.readexactly(1)
            for _ in range(2):
                (length,) = await reader.readexactly(1)
                said.append((await reader.readexactly(length)).decode())
            fits = said == [self.user, self.password]
            writer.write(bytes([1, 0 if fits else 1]))
            if not fits:
                self.refused += 1
                return False
        _version, _command, _, kind = await reader.readexactly(4)
        assert kind == 3, "a name, which is looked up here"
        (length,) = await reader.readexactly(1)
        self.asked_for.append((await reader.readexactly(length)).decode())
        await reader.readexactly(2)
        writer.write(bytes([5, 0, 0, 1, 127, 0, 0, 1, 0, 80]))
        return True

    async def _connect(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        request, *headers = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        method, target, _ = request.split(" ")
        assert method == "CONNECT", request
        wanted = base64.b64encode(f"{self.user}:{self.password}".encode()).decode()
        said = {line.lower() for line in headers}
        if self.user and f"proxy-authorization: basic {wanted}".lower() not in said:
            self.refused += 1
            writer.write(b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n")
            return False
        self.asked_for.append(target.rpartition(":")[0])
        writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
        return True


async def _join(*ends: _Streams) -> None:
    async def pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while data := await reader.read(65536):
                writer.write(data)
                await writer.drain()
        finally:
            writer.close()

    (one_reads, one_writes), (other_reads, other_writes) = ends
    both = (pump(one_reads, other_writes), pump(other_reads, one_writes))
    await asyncio.gather(*both, return_exceptions=True)


@asynccontextmanager
async def listening(
    serve: Callable[..., Awaitable[None]], context: ssl.SSLContext | None = None
) -> AsyncIterator[int]:
    """Gives the port; ends what is open at its end."""
    running: set[asyncio.Task[None]] = set()

    async def on_client(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        running.add(task)
        try:
            await serve(reader, writer)
        except asyncio.CancelledError:
            pass  # the end of the test
        finally:
            running.discard(task)
            writer.close()

    server = await asyncio.start_server(on_client, "127.0.0.1", 0, ssl=context)
    try:
        yield int(server.sockets[0].getsockname()[1])
    finally:
        server.close()
        for task in list(running):
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)


@asynccontextmanager
async def proxy(
    scheme: str,
    target: int,
    user: str = "",
    password: str = "",
    context: ssl.SSLContext | None = None,
) -> AsyncIterator[Proxy]:
    """One that wants user and password, where it has them, and speaks TLS, where it can."""
    made = Proxy(scheme, target, user, password)
    async with listening(made.serve, context) as made.port:
        yield made


def certificate_for(path: Path, host: str, address: str) -> ssl.SSLContext:
    """A server's side of TLS; its certificate is put there, to be trusted."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, host)])
    now = datetime.now(UTC)
    names = [x509.DNSName(host), x509.IPAddress(ip_address(address))]
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    path.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    both = path.with_name("both.pem")
    both.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        + path.read_bytes()
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(both)
    return context


@asynccontextmanager
async def behind_tls(target: int, context: ssl.SSLContext) -> AsyncIterator[int]:
    """A port that speaks TLS and passes on what is said."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await _join((reader, writer), await asyncio.open_connection("127.0.0.1", target))

    async with listening(serve, context) as port:
        yield port
