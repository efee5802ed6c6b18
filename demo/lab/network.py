"""A network of two namespaces, or three, for real OpenVPN servers and their clients.

async with NetLab("demo") as lab:
    await lab.start_server(directory)        # openvpn --config server.conf, started there
    tunnel = await lab.connect(profile)      # the profile never touches the disk
    await tunnel.ping("10.8.0.1", timeout=2)
"""

import asyncio
import os
import re
import secrets
import shutil
import signal
import subprocess
from contextlib import suppress
from math import ceil
from pathlib import Path
from types import TracebackType
from typing import Self

from demo.errors import LabError, LabRefused
from demo.lab.processes import Child

SERVER_ADDRESS = "192.0.2.1"  # TEST-NET-1 (RFC 5737)
CLIENT_ADDRESS = "192.0.2.2"
ELSEWHERE_ADDRESS = "198.51.100.1"  # TEST-NET-2, likewise
_ITS_CLIENT = "198.51.100.2"
UP = "Initialization Sequence Completed"
# Longer than it takes on any machine: a program that cannot do it ends by itself, and sooner.
START_S = 60
_CONNECT_S = 60
_REPLY_S = 60
_TUN = Path("/dev/net/tun")
# Debian keeps these programs out of an ordinary account's PATH.
PATH = f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"
ENVIRONMENT = dict(os.environ) | {"PATH": PATH}
# OpenVPN's own patience is minutes: here it tries once, and says soon why that failed.
_TRY_ONCE = (
    *("--connect-retry-max", "1", "--connect-retry", "1", "--resolv-retry", "0", "--tls-exit"),
    *("--auth-nocache", "--suppress-timestamps", "--verb", "3"),
)
_ADDRESS = re.compile(r"PUSH_REPLY.*?,ifconfig ([0-9.]+) ")
# The lines that say why, the most telling first.
_REASONS = (
    "AUTH_FAILED",
    "VERIFY ERROR",
    "Options error",
    "error=",
    "TLS Error",
    "Connection refused",
    "Exiting due",
)


def lab_missing() -> str | None:
    """Why the lab cannot be had on this machine, as a sentence; None where it can."""
    if os.geteuid() != 0:
        return "Network namespaces need root."
    for program in ("openvpn", "ip", "ping"):
        if shutil.which(program, path=PATH) is None:
            return f"The program {program} isn't installed."
    return _tun_missing() or _namespaces_missing()


def _tun_missing() -> str | None:
    """By opening it: in a container it may be there and be forbidden."""
    try:
        os.close(os.open(_TUN, os.O_RDWR | os.O_CLOEXEC))
    except OSError as error:
        return f"{_TUN} can't be opened ({error.strerror})."
    return None


def _namespaces_missing() -> str | None:
    """By trying: root in a container may or may not make them."""
    name = f"probe-{secrets.token_hex(4)}"
    made = subprocess.run(
        ["ip", "netns", "add", name], env=ENVIRONMENT, capture_output=True, check=False
    )
    if made.returncode != 0:
        return "This account may not make network namespaces here."
    subprocess.run(["ip", "netns", "delete", name], env=ENVIRONMENT, check=True)
    return None


class Tunnel:
    """A running OpenVPN client, connected."""

    def __init__(self, child: Child, namespace: str) -> None:
        self._child = child
        self._namespace = namespace

    @property
    def address(self) -> str:
        """The address that the server gave it; empty where it gave none."""
        found = _ADDRESS.search(self._child.log)
        return found[1] if found else ""

    @property
    def pid(self) -> int:
        return self._child.pid

    @property
    def running(self) -> bool:
        return self._child.running

    @property
    def log(self) -> str:
        return self._child.log

    async def ping(self, target: str, *, timeout: float = _REPLY_S) -> bool:  # noqa: ASYNC109
        """Whether any reply comes within `timeout` (whole seconds, at least one)."""
        seconds = str(max(1, ceil(timeout)))
        command = ("ping", "-n", "-q", "-c", "1", "-i", "0.2", "-w", seconds, target)
        code, _ = await run("ip", "netns", "exec", self._namespace, *command)
        return code == 0

    async def wait_closed(self, timeout: float) -> bool:  # noqa: ASYNC109
        """Whether the client ends by itself within `timeout` seconds."""
        return await self._child.ended(timeout)

    async def close(self) -> None:
        await self._child.end()


class NetLab:
    """Two namespaces joined by a cable: a server at 192.0.2.1, a client at 192.0.2.2.

    Names are random in part, so that several labs run beside each other. On exit all that was
    started here is ended and both namespaces are gone; what a lab of this name left whose process
    was killed goes at the next start. Raises LabError.

    `handshake_s` is how long a client waits for a server that refuses it without a word, in whole
    seconds; a machine that is slower than that lets nobody in.
    """

    server_address = SERVER_ADDRESS

    def __init__(self, name: str, *, handshake_s: int = 6) -> None:
        self._patience = ("--connect-timeout", str(handshake_s), "--hand-window", str(handshake_s))
        token = secrets.token_hex(4)
        owner = "-".join(map(str, _lifetime(os.getpid()) or (0, 0)))
        self._name = name
        self._server_space = f"{name}-{owner}-{token}-server"
        self._client_space = f"{name}-{owner}-{token}-client"
        self._elsewhere = f"{name}-{owner}-{token}-elsewhere"
        # Interface names have 15 characters at most, of which each end adds one.
        self._cable = f"v{token}"
        self._server: Child | None = None
        self._last_log = ""
        self._children: list[Child] = []

    @property
    def client_namespace(self) -> str:
        """What `ip netns` calls the place that clients dial from."""
        return self._client_space

    async def __aenter__(self) -> Self:
        try:
            await self._build()
        except BaseException:
            await asyncio.shield(self._clear())
            raise
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        # A second cancellation must not leave namespaces behind.
        await asyncio.shield(self._clear())

    async def _build(self) -> None:
        await clear_left(self._name)
        for space in (self._server_space, self._client_space):
            await _ip("netns", "add", space)
            await _ip("-n", space, "link", "set", "lo", "up")
        await self._lay(f"{self._cable}s", self._server_space, SERVER_ADDRESS, CLIENT_ADDRESS)
        # Without a default route a client cannot do what redirect-gateway asks of it.
        await _ip("-n", self._client_space, "route", "add", "default", "via", SERVER_ADDRESS)

    async def add_elsewhere(self) -> str:
        """One more namespace, at ELSEWHERE_ADDRESS, on a cable of its own; gives its name."""
        await _ip("netns", "add", self._elsewhere)
        await _ip("-n", self._elsewhere, "link", "set", "lo", "up")
        await self._lay(f"{self._cable}e", self._elsewhere, ELSEWHERE_ADDRESS, _ITS_CLIENT)
        return self._elsewhere

    async def _lay(self, cable: str, space: str, address: str, its_client: str) -> None:
        """A cable from a namespace to the clients'."""
        other = f"{cable}c"
        pair = ("type", "veth", "peer", "name", other, "netns", self._client_space)
        await _ip("-n", space, "link", "add", cable, *pair)
        await self._plug(space, cable, address)
        await self._plug(self._client_space, other, its_client)

    async def _plug(self, space: str, interface: str, address: str) -> None:
        await _ip("-n", space, "address", "add", f"{address}/24", "dev", interface)
        await _ip("-n", space, "link", "set", interface, "up")

    async def _clear(self) -> None:
        # Taking leave of each other, one after the other, takes seconds: here all end at once.
        await asyncio.gather(*(child.end(patience_s=0) for child in self._children))
        for space in (self._client_space, self._server_space, self._elsewhere):
            await run("ip", "netns", "delete", space)

    async def start_server(self, directory: Path) -> int:
        """Starts `openvpn --config server.conf` in `directory`; gives its process id."""
        if self._server is not None:
            raise LabError("A server is running in this lab; stop it first.")
        self._server = await self.start_beside(directory)
        return self._server.pid

    async def start_beside(self, directory: Path) -> Child:
        """Another one; its caller may end it before the lab does."""
        command = ("openvpn", "--config", "server.conf")
        child = await self._start(self._server_space, *command, cwd=directory)
        if not await child.waits_for(lambda: UP in child.log, START_S):
            await child.end()
            self._last_log = child.log
            raise LabError(f"The OpenVPN server didn't start: {child.tail()}")
        return child

    async def stop_server(self) -> None:
        """Does nothing where none runs. Its log stays readable until the next start."""
        child, self._server = self._server, None
        if child is not None:
            await child.end()
            self._last_log = child.log

    async def restart_server(self, directory: Path) -> int:
        await self.stop_server()
        return await self.start_server(directory)

    def server_log(self) -> str:
        return self._server.log if self._server is not None else self._last_log

    async def connect(self, profile: str, *, tries_next: bool = False) -> Tunnel:
        """Starts a client; raises LabRefused with OpenVPN's reason.

        Args:
            tries_next: where one server gives no answer, it goes on with the profile's next.
        """
        once = () if tries_next else (*_TRY_ONCE, *self._patience)
        command = ("openvpn", "--config", "/dev/stdin", *once)
        child = await self._start(self._client_space, *command)
        await child.write(profile, last=True)
        if not await child.waits_for(lambda: UP in child.log, _CONNECT_S):
            await child.end()
            raise LabRefused(f"The VPN client wasn't let in: {_reason(child)}")
        return Tunnel(child, self._client_space)

    async def _start(self, space: str, *command: str, cwd: Path | None = None) -> Child:
        command = ("ip", "netns", "exec", space, *command)
        child = await Child.start(*command, cwd=cwd, env=ENVIRONMENT)
        self._children.append(child)
        return child


def _reason(child: Child) -> str:
    lines = child.log.splitlines()
    for sign in _REASONS:
        for line in lines:
            if sign in line:
                return line
    return child.tail()


async def clear_left(name: str) -> None:
    """Ends what runs in the namespaces of labs of this name whose process is gone, and them."""
    ends = "server|client|elsewhere"
    ours = re.compile(rf"{re.escape(name)}-([0-9]+)-([0-9]+)-[0-9a-f]{{8}}-(?:{ends})")
    _, listed = await run("ip", "netns", "list")
    for line in listed.splitlines():
        space = line.partition(" ")[0]
        owner = ours.fullmatch(space)
        if owner is None or _lifetime(int(owner[1])) == (int(owner[1]), int(owner[2])):
            continue
        with suppress(FileNotFoundError):  # another lab that begins now was first
            number = _number_of(space)
            # First, so that nobody gets in any more who has not opened its name by now.
            await run("ip", "netns", "delete", space)
            _end_all(space, number)


def end_all_in(space: str) -> None:
    """Ends all that runs in a namespace, or is on its way into it, at once."""
    _end_all(space, _number_of(space))


def _end_all(space: str, number: int) -> None:
    """Where the namespace has no name any more, too.

    `ip netns exec` is that until it is inside, and only then becomes what it is to run: whoever is
    looked at in this order is found on one side or on the other.
    """
    on_its_way = ["ip", "netns", "exec", space]
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):  # it has just ended, or nobody may look at it
            words = (process / "cmdline").read_bytes().split(b"\0")
            is_on_its_way = [os.fsdecode(word) for word in words[:4]] == on_its_way
            if is_on_its_way or (process / "ns" / "net").stat().st_ino == number:
                os.kill(int(process.name), signal.SIGKILL)


def _number_of(space: str) -> int:
    """By which the kernel knows a namespace, see namespaces(7)."""
    return Path("/run/netns", space).stat().st_ino


def _lifetime(pid: int) -> tuple[int, int] | None:
    """A process, told from a later one of its number by when it began; None where it is gone.

    See proc_pid_stat(5): behind the name in brackets, the twentieth is the start, in ticks.
    """
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    state, *_rest = stat.rpartition(")")[2].split()
    return None if state == "Z" else (pid, int(_rest[18]))


async def run(*command: str) -> tuple[int, str]:
    """Its exit status, and all that it says."""
    process = await asyncio.create_subprocess_exec(
        *command,
        env=ENVIRONMENT,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    output, _ = await process.communicate()
    return process.returncode or 0, output.decode(errors="replace").strip()


async def _ip(*arguments: str) -> None:
    code, output = await run("ip", *arguments)
    if code != 0:
        raise LabError(f"ip {' '.join(arguments)} failed: {output}")
