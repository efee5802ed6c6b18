"""Talks with OpenVPN's management interface.

Source: doc/management-notes.txt of OpenVPN 2.6 (commands `pid`, `status 3`, `log all`,
`kill`, `client-kill`; section 'COMMAND -- password').
"""

import asyncio
import re
from asyncio import StreamReader, StreamWriter
from collections import deque
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum

from vpn.errors import (
    HostError,
    ManagementExposed,
    ManagementGone,
    ManagementMissing,
    ManagementNonsense,
    ManagementSilent,
)
from vpn.host.interface import ROOT, ServerHost
from vpn.host.machine import tcp_listener_uid
from vpn.layout import DEPLOYED, ManagementPlace, TcpPort
from vpn.names import UNDEFINED, kill_command, name_in_sessions
from vpn.values import CommonName

TIMEOUT_S = 5.0
# What is read is not believed to end by itself: whoever took a server over may say anything. Lines
# are read one by one and not kept. OpenVPN's own are shorter; notifications may be longer, and
# are passed over.
LINE_BYTES = 1024
# Of one answer, with the routing table, which may hold more than there are clients.
LINES = 100_000
# One process of OpenVPN serves fewer clients, whatever its network has room for.
MOST_SESSIONS = 32_768
# OpenVPN counts in 64 bits, and the database stores one less.
_FIGURE_BITS = 63
_COUNT_DIGITS = 10

_GREETING = ">INFO:OpenVPN Management Interface"
# It asks without a line's end, and waits.
_PASSWORD_PROMPT = b"ENTER PASSWORD:"
_PASSWORD_BYTES = 4096  # USER_PASS_LEN in OpenVPN 2.6's misc.h
PID, STATUS, LOG = "pid", "status 3", "log all"
# A line of its log, with what a client says of itself before it has a name there (`push_peer_info`
# in OpenVPN's ssl.c, `output_peer_info_env` in misc.c): `1796041103,I,192.0.2.2:55458 peer info:
# IV_PLAT=linux`. Nothing with a space may stand before the address, or a client could speak as
# another one.
_PLATFORM = re.compile(
    r"[0-9]+,[A-Z]*,(?:[^ ]*/)?([^ /]+) peer info: IV_PLAT=([a-z0-9_-]{1,16})", re.ASCII
)
# What becomes of whoever knocks, by OpenVPN's ssl_verify.c, ssl.c and multi.c. Before somebody has
# a name there, a line begins with the address alone.
_TRIED = re.compile(
    r"([0-9]{1,10}),[A-Z]*,(?:[^ ]*/)?([^ /]+) (?:"
    r"VERIFY OK: depth=0, (?P<let>.+)"
    r"|VERIFY ERROR: depth=0, error=(?P<why>[^:]{1,80}): (?P<refused>.+)"
    r"|(?P<broke>TLS Error: TLS handshake failed)"
    r"|TLS Auth Error: --client-config-dir authentication failed for common name "
    r"'(?P<shut>[^']+)'.*"
    r")",
    re.ASCII,
)
_COMMON_NAME = re.compile(r"(?:^|, )CN=([^,]{1,64})", re.ASCII)
_LOG_LINE_BYTES = 8192
_SUCCESS = "SUCCESS: "
_END = "END"
_NOTIFICATION = b">"


@dataclass(frozen=True, slots=True)
class Session:
    """A client that is connected; byte counts are as the server sees them."""

    common_name: str
    real_address: str
    virtual_address: str
    connected_since: datetime
    bytes_received: int
    bytes_sent: int
    client_id: int


class Knocked(StrEnum):
    """What became of somebody who knocked at a server."""

    LET = "let"  # the certificate is good; what comes after that is not said here
    REFUSED = "refused"  # the certificate is not; `why` says it in OpenSSL's words
    SHUT = "shut"  # a good one, and nothing there that lets it in
    BROKE_OFF = "broke_off"  # before anybody's certificate was seen


@dataclass(frozen=True, slots=True)
class Try:
    """Somebody knocked at a server; nobody is named where it broke off before that."""

    at: datetime
    real_address: str
    outcome: Knocked
    common_name: str = ""
    why: str = ""


class Management:
    """One conversation. Made by `open_management`; raises ManagementError."""

    def __init__(
        self, reader: StreamReader, writer: StreamWriter, *, most: int = MOST_SESSIONS
    ) -> None:
        self._reader = reader
        self._writer = writer
        self._most = most
        self._ahead: deque[str] = deque()
        # What the server's clock showed at the last `status`; None where it said no time.
        self.server_time: datetime | None = None

    async def log_in(self, password: bytes) -> None:
        """Answers the question that comes before the greeting.

        Whoever is first in line is asked, so this is also the wait for our turn.
        """
        try:
            prompt = await self._reader.readexactly(len(_PASSWORD_PROMPT))
            if prompt != _PASSWORD_PROMPT:
                raise ManagementNonsense("The management interface didn't ask for its password.")
            self._writer.write(password + b"\n")
            # A wrong one is followed by the same question again, without a line's end.
            answer = await self._reader.readexactly(len(_SUCCESS))
        except (asyncio.IncompleteReadError, OSError) as error:
            raise ManagementGone("The management interface closed the connection.") from error
        if answer != _SUCCESS.encode():
            raise ManagementGone(
                "The management interface didn't take the password in its file;"
                " restart OpenVPN if the file has changed."
            )
        await self._line()

    async def greeting(self) -> None:
        """Waits for the first line, which says that it is our turn."""
        line = await self._line()
        if not line.startswith(_GREETING):
            raise ManagementNonsense(f"The greeting isn't OpenVPN's: {_excerpt(line)}")

    def say_ahead(self, commands: Iterable[str]) -> None:
        """Says at once what is asked next, in this order: one way there and back for all of it.

        OpenVPN does one after the other.
        """
        self._ahead += commands
        self._say(*self._ahead)

    async def pid(self) -> int:
        """The process id of the server."""
        line = await self._ask(PID)
        number = line.removeprefix(f"{_SUCCESS}pid=")
        if number == line or (found := _count(number)) is None:
            raise ManagementNonsense(f"No process id in the answer: {_excerpt(line)}")
        return found

    async def kill(self, common_name: CommonName) -> int:
        """Ends all sessions of this name at once.

        Returns:
            How many there were; 0 where the name is not connected.

        Raises:
            ValueError: the name could mean something else in a command.
        """
        line = await self._ask(kill_command(common_name))
        if line == f"ERROR: common name '{common_name}' not found":
            return 0
        expected = f"{_SUCCESS}common name '{common_name}' found, "
        number = line.removeprefix(expected).partition(" ")[0]
        killed = _count(number) if line.startswith(expected) else None
        if killed is None or killed > MOST_SESSIONS:
            raise ManagementNonsense(f"The answer to kill is unknown: {_excerpt(line)}")
        return killed

    async def halt(self, client_id: int) -> bool:
        """Ends one session, and says whether there was one.

        The client is told to end. The server itself ends the session some five seconds later
        (`schedule_exit` in OpenVPN's push.c), whatever the client does. An id is never used twice.
        """
        line = await self._ask(f"client-kill {client_id} HALT")
        if line.startswith("ERROR: "):
            return False
        if not line.startswith(_SUCCESS):
            raise ManagementNonsense(f"The answer to client-kill is unknown: {_excerpt(line)}")
        return True

    async def status(self) -> tuple[Session, ...]:
        """All sessions whose certificate is known.

        A client in mid-handshake is listed by OpenVPN as UNDEF and has no address. It is left
        out; so is none that has come through, whatever its certificate calls it.
        """
        line = await self._ask(STATUS)
        columns: list[str] | None = None
        sessions: list[Session] = []
        for _ in range(LINES):
            cells = line.split("\t")
            if cells == [_END]:
                break
            if cells[0] == "TIME":
                self.server_time = _time(cells)
            elif cells[:2] == ["HEADER", "CLIENT_LIST"]:
                columns = cells[2:]
            elif cells[0] == "CLIENT_LIST":
                session = _session(columns, cells[1:])
                if session is not None and len(sessions) == self._most:
                    raise ManagementNonsense(
                        f"The status lists more than {self._most} clients;"
                        " is this an OpenVPN server?"
                    )
                sessions += [session] if session else []
            line = await self._reply()
        else:
            raise ManagementNonsense(f"The status has more than {LINES} lines.")
        if columns is None:
            # Without this row an empty answer would pass for 'nobody is connected'.
            raise ManagementNonsense("The status names no columns; is this an OpenVPN server?")
        return tuple(sessions)

    async def platforms(self) -> Mapping[str, str]:
        """What the devices that connected lately call their systems, by their real addresses.

        As far back as the log goes that OpenVPN keeps for this: 250 lines, unless its
        configuration says otherwise.
        """
        lines = [_PLATFORM.fullmatch(line) async for line in self._log()]
        return {said[1]: said[2] for said in lines if said}

    async def tries(self) -> tuple[Try, ...]:
        """Who knocked lately, oldest first, as far back as the same log goes."""
        return tuple([found async for line in self._log() if (found := _try(line)) is not None])

    async def _log(self) -> AsyncIterator[str]:
        """What the log has: nothing where OpenVPN keeps none for this."""
        self._say(LOG)
        for _ in range(LINES):
            line = await self._reply(_LOG_LINE_BYTES)
            if line == _END or line.startswith("ERROR: "):
                return
            yield line
        raise ManagementNonsense(f"The log has more than {LINES} lines.")

    async def _ask(self, command: str) -> str:
        if self._ahead:
            assert self._ahead.popleft() == command
        else:
            self._say(command)
        return await self._reply()

    def _say(self, *commands: str) -> None:
        """So little that it is not waited for."""
        try:
            self._writer.write("".join(f"{command}\n" for command in commands).encode())
        except OSError as error:  # of a connection by SSH; elsewhere the answer tells
            raise ManagementGone("The management interface closed the connection.") from error

    async def _reply(self, most: int = LINE_BYTES) -> str:
        """The next line that is no notification; those may come at any moment."""
        for _ in range(LINES):
            line = await self._line(most)
            if not line.startswith(_NOTIFICATION.decode()):
                return line
        raise ManagementNonsense(f"More than {LINES} notifications came instead of an answer.")

    async def _line(self, most: int = LINE_BYTES) -> str:
        try:
            line = await self._reader.readuntil(b"\n")
        except asyncio.LimitOverrunError as error:
            raise ManagementNonsense("A line of the answer doesn't end.") from error
        except (asyncio.IncompleteReadError, OSError) as error:
            raise ManagementGone(
                "The management interface closed the connection;"
                " see that management-client-user names the account that asks."
            ) from error
        if len(line) > most and not line.startswith(_NOTIFICATION):
            raise ManagementNonsense(f"A line of the answer has more than {most} bytes.")
        return line.decode("utf-8", "replace").rstrip("\r\n")


@asynccontextmanager
async def open_management(
    host: ServerHost,
    timeout_s: float = TIMEOUT_S,
    *,
    place: ManagementPlace | None = DEPLOYED.management,
    most: int = MOST_SESSIONS,
) -> AsyncIterator[Management]:
    """A conversation from greeting to goodbye, all of it within `timeout_s`.

    OpenVPN serves one client at a time and lets the next one wait without a word: so connect,
    ask, leave.

    Args:
        most: how many can be connected; a server that lists more is not believed.

    Raises:
        ManagementMissing: there is no place to connect to.
        ManagementExposed: it is not on this machine alone.
        ManagementGone: nobody listens, or we were turned away.
        ManagementSilent: no answer in time.
        ManagementNonsense: an answer that the protocol does not have.
    """
    if place is None:
        raise ManagementMissing(
            "server.conf has no management interface, so sessions are neither seen nor ended."
        )
    # The protocol is clear text, and whoever answers from elsewhere could say anything.
    if isinstance(place, TcpPort) and not place.is_loopback:
        raise ManagementExposed(
            f"The management interface at {place} isn't on loopback, so others could answer"
            " there; use a unix socket, or 127.0.0.1."
        )
    password = await _password(host, place)
    try:
        async with asyncio.timeout(timeout_s) as budget:
            reader, writer = await host.connect(place)
            try:
                if isinstance(place, TcpPort):
                    await _require_roots(host, place)
                management = Management(reader, writer, most=most)
                if password is not None:
                    await management.log_in(password)
                await management.greeting()
                yield management
            finally:
                writer.close()
                with suppress(OSError):
                    await writer.wait_closed()
    except TimeoutError as error:
        if not budget.expired():
            raise
        raise ManagementSilent(
            f"The management interface gave no answer within {timeout_s:g} s;"
            " OpenVPN hangs, or another program is connected to it."
        ) from error


async def _require_roots(host: ServerHost, place: TcpPort) -> None:
    """Refuses a port that was opened by another account than root, or the caller's.

    Any account of the machine may open a port that is free, for example while OpenVPN is down,
    and answer that nobody is connected. OpenVPN opens its port before it drops to another account.

    Raises:
        ManagementGone
    """
    try:
        uid = await tcp_listener_uid(host, place)
    except HostError as error:
        raise ManagementGone(f"Nobody can tell who opened the port at {place}: {error}") from error
    if uid not in {ROOT, await host.caller()}:
        raise ManagementGone(
            f"The port at {place} wasn't opened by root but by account number {uid};"
            " find out which program that is."
        )


async def _password(host: ServerHost, place: ManagementPlace) -> bytes | None:
    """The first line of the password file, as OpenVPN reads it when it starts."""
    path = place.password_file
    if path is None:
        return None
    try:
        content = await host.read(path)
    except HostError as error:
        raise ManagementGone(
            f"The management interface has a password, and its file can't be read: {error}"
        ) from error
    lines = (content or b"").splitlines()
    if not lines or len(lines[0]) >= _PASSWORD_BYTES:
        raise ManagementGone(f"There is no password in the management interface's file /{path}.")
    return lines[0]


def _time(cells: list[str]) -> datetime | None:
    """The row TIME: for reading, and in seconds since 1970."""
    with suppress(IndexError, ValueError, OverflowError, OSError):
        return datetime.fromtimestamp(int(cells[2]), UTC)
    return None


def _session(columns: list[str] | None, cells: list[str]) -> Session | None:
    """None for a client in mid-handshake."""
    if columns is None or len(columns) != len(cells):
        raise ManagementNonsense("A client's row doesn't fit its header.")
    row = dict(zip(columns, cells, strict=True))
    try:
        addresses = row["Virtual Address"] + row.get("Virtual IPv6 Address", "")
        if row["Common Name"] == UNDEFINED and not addresses:
            return None
        return Session(
            common_name=name_in_sessions(row["Common Name"]),
            real_address=row["Real Address"],
            virtual_address=row["Virtual Address"],
            connected_since=datetime.fromtimestamp(int(row["Connected Since (time_t)"]), UTC),
            bytes_received=_figure(row["Bytes Received"]),
            bytes_sent=_figure(row["Bytes Sent"]),
            client_id=_figure(row["Client ID"]),
        )
    except (KeyError, ValueError, OverflowError, OSError) as error:
        raise ManagementNonsense(f"A client's row is incomplete: {error}") from error


def _try(line: str) -> Try | None:
    said = _TRIED.fullmatch(line)
    if said is None:
        return None
    at, address = datetime.fromtimestamp(int(said[1]), UTC), said[2]
    if said["broke"]:
        return Try(at, address, Knocked.BROKE_OFF)
    if said["shut"]:
        return Try(at, address, Knocked.SHUT, said["shut"])
    name = _COMMON_NAME.search(said["let"] or said["refused"])
    if name is None:
        return None
    outcome = Knocked.LET if said["let"] else Knocked.REFUSED
    return Try(at, address, outcome, name[1], said["why"] or "")


def _figure(text: str) -> int:
    number = int(text)
    if number < 0 or number.bit_length() > _FIGURE_BITS:
        raise ValueError(f"{text[:40]!r} isn't a figure of OpenVPN's")
    return number


def _count(text: str) -> int | None:
    """None where it is none, or longer than any that OpenVPN could mean."""
    return int(text) if text.isdecimal() and len(text) <= _COUNT_DIGITS else None


def _excerpt(line: str) -> str:
    return repr(line[:80])
