"""A stand-in for an OpenVPN server, where a real one cannot run: no tunnel, only its manners.

`python -m demo.lab.openvpn_standin DIRECTORY` listens on DIRECTORY/management.sock and speaks the
management protocol as OpenVPN 2.6 does (doc/management-notes.txt): one client at a time, lines
that end in CR LF, `status 3` with tabs and header rows. Clients come and go by lines on standard
input, `connect NAME` and `disconnect NAME`; a name without a file in live/ccd/ is refused, as
`ccd-exclusive` would. `clock SECONDS` sets its clock so much ahead of the machine's.
Each event is a JSON line on standard output. Ends with its standard input.
"""

import asyncio
import json
import os
import re
import socket
import sys
import time
from dataclasses import dataclass
from pathlib import Path

SOCKET_NAME = "management.sock"
_VERSION = "OpenVPN 2.6.14 stand-in (no tunnel)"
_GREETING = ">INFO:OpenVPN Management Interface Version 5 -- type 'help' for more info"
# The name becomes a file name.
_NAME = re.compile(r"[a-z0-9-]{1,64}")
_LONGEST_LINE = 4096
_CLIENT_HEADER = (
    "HEADER\tCLIENT_LIST\tCommon Name\tReal Address\tVirtual Address\tVirtual IPv6 Address\t"
    "Bytes Received\tBytes Sent\tConnected Since\tConnected Since (time_t)\tUsername\tClient ID\t"
    "Peer ID\tData Channel Cipher"
)
_ROUTE_HEADER = (
    "HEADER\tROUTING_TABLE\tVirtual Address\tCommon Name\tReal Address\tLast Ref\tLast Ref (time_t)"
)


@dataclass(frozen=True, slots=True)
class Session:
    common_name: str
    address: str
    client_id: int
    since: int

    @property
    def real_address(self) -> str:
        return f"192.0.2.2:{40000 + self.client_id}"

    def client_row(self) -> str:
        fields = (
            self.common_name,
            self.real_address,
            self.address,
            "",
            "3120",
            "3514",
            _date(self.since),
            str(self.since),
            "UNDEF",
            str(self.client_id),
            str(self.client_id),
            "AES-256-GCM",
        )
        return "\t".join(("CLIENT_LIST", *fields))

    def route_row(self) -> str:
        fields = (self.address, self.common_name, self.real_address)
        return "\t".join(("ROUTING_TABLE", *fields, _date(self.since), str(self.since)))


class StandInServer:
    """Sessions, and the answers of the management interface."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._sessions: dict[str, Session] = {}
        self._next_client_id = 0
        self._ahead = 0

    def set_clock(self, seconds: str) -> None:
        self._ahead = int(seconds)
        _tell("clock")

    def connect(self, name: str) -> None:
        ccd_file = self._directory / "live" / "ccd" / name
        if not _NAME.fullmatch(name) or not ccd_file.is_file():
            _tell("refused", name, reason="no file in live/ccd for this name")
            return
        session = Session(name, _address(ccd_file), self._next_client_id, int(time.time()))
        self._next_client_id += 1
        self._sessions[name] = session
        _tell("connected", name, address=session.address)

    def disconnect(self, name: str) -> None:
        if self._sessions.pop(name, None) is not None:
            _tell("disconnected", name)

    def answer(self, line: str) -> list[str]:
        """The lines that answer one command."""
        command, _, argument = line.strip().partition(" ")
        match command:
            case "pid":
                return [f"SUCCESS: pid={os.getpid()}"]
            case "status":
                return self._status()
            case "kill":
                return [self._kill(argument.strip())]
            case "version":
                return [f"OpenVPN Version: {_VERSION}", "Management Interface Version: 5", "END"]
            case "":
                return []
            case _:
                return [f"ERROR: unknown command [{command}], enter 'help' for more options"]

    def _status(self) -> list[str]:
        now = int(time.time()) + self._ahead
        sessions = self._sessions.values()
        return [
            f"TITLE\t{_VERSION}",
            f"TIME\t{_date(now)}\t{now}",
            _CLIENT_HEADER,
            *(session.client_row() for session in sessions),
            _ROUTE_HEADER,
            *(session.route_row() for session in sessions),
            "GLOBAL_STATS\tMax bcast/mcast queue length\t0",
            "END",
        ]

    def _kill(self, name: str) -> str:
        if self._sessions.pop(name, None) is None:
            return f"ERROR: common name '{name}' not found"
        _tell("killed", name)
        return f"SUCCESS: common name '{name}' found, 1 client(s) killed"


def _address(ccd_file: Path) -> str:
    found = re.search(r"^ifconfig-push\s+(\S+)", ccd_file.read_text("ascii"), re.MULTILINE)
    return found[1] if found else ""


def _date(seconds: int) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(seconds))


def _tell(event: str, name: str = "", **details: str) -> None:
    line = {"event": event} | ({"common_name": name} if name else {}) | details
    print(json.dumps(line), flush=True)


def _listen() -> socket.socket:
    """A file that an earlier run left is replaced, as OpenVPN does."""
    Path(SOCKET_NAME).unlink(missing_ok=True)
    listener = socket.socket(socket.AF_UNIX)
    os.umask(0o077)
    listener.bind(SOCKET_NAME)
    listener.listen(1)
    listener.setblocking(False)
    return listener


async def _manage(listener: socket.socket, server: StandInServer) -> None:
    """One client after the other: the next one gets no byte until this one has left."""
    loop = asyncio.get_running_loop()
    while True:
        connection, _ = await loop.sock_accept(listener)
        reader, writer = await asyncio.open_connection(sock=connection, limit=_LONGEST_LINE)
        try:
            await _talk(reader, writer, server)
        except (ConnectionError, ValueError):
            pass  # it left in the middle, or sent a line without an end
        finally:
            writer.close()


async def _talk(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, server: StandInServer
) -> None:
    lines = [_GREETING]
    while True:
        writer.write("".join(f"{line}\r\n" for line in lines).encode())
        await writer.drain()
        command = (await reader.readline()).decode(errors="replace").strip()
        if reader.at_eof() or command in {"quit", "exit"}:
            return
        lines = server.answer(command)


async def _obey(server: StandInServer) -> None:
    """Orders from standard input, to its end."""
    reader = asyncio.StreamReader()
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    orders = {"connect": server.connect, "disconnect": server.disconnect, "clock": server.set_clock}
    while line := (await reader.readline()).decode():
        word, _, name = line.strip().partition(" ")
        if word in orders:
            orders[word](name)


async def run(directory: Path) -> None:
    """Serves until standard input ends."""
    # A socket's path holds 107 bytes: a relative one always fits.
    os.chdir(directory)
    listener = _listen()
    server = StandInServer(Path())
    managing = asyncio.create_task(_manage(listener, server))
    _tell("listening")
    try:
        await _obey(server)
    finally:
        # The socket file stays behind and refuses connections, as OpenVPN's does.
        managing.cancel()
        listener.close()


if __name__ == "__main__":
    asyncio.run(run(Path(sys.argv[1])))
