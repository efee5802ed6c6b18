"""A shell that stays open on a machine elsewhere, and answers one question after the other.

What it runs is `vpn.host.ssh_scripts.LOOP`. Only one who asks uses it at a time. One that gave no
answer, or another one than it was asked for, is of no more use.
"""

import re
import secrets
import shlex
import socket
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass

import asyncssh

from vpn.errors import HostError
from vpn.host.ssh_address import ROOT_SHELL
from vpn.host.ssh_scripts import GO, LOOP, READY

_COMPLAINT_LIMIT = 64 * 1024
_CHUNK = 64 * 1024
# A program that is no shell of ours ends with this, or says it again.
_KNOCK = b"\n" * 8
# sudo may keep the account's own.
_ROOTS_PATH = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin; export PATH"
_GREETING = re.compile(rb"vpnbot ([0-9]{1,10})\n")


@dataclass(frozen=True, slots=True)
class Question:
    """A line of sh, and how many bytes of output are an error."""

    script: str
    limit: int


@dataclass(frozen=True, slots=True)
class Done:
    """What a script came to."""

    status: int
    output: bytes
    complaint: str


class ShellEnded(Exception):
    """The shell, or the connection to it, is gone; or it says what it was not asked."""


class OddGreeting(Exception):
    """What was started there is no shell of ours; the message has the start of what it says."""


class SaysTooMuch(HostError):
    """One answer has more bytes than it may have."""


class RemoteShell:
    """Attributes: uid: of the account that acts there."""

    def __init__(self, process: "asyncssh.SSHClientProcess[bytes]", uid: int) -> None:
        self._process = process
        self._heard = bytearray()
        self._ends = False
        self.uid = uid

    @classmethod
    async def start(
        cls, connection: asyncssh.SSHClientConnection, *, sudo: bool = False
    ) -> "RemoteShell":
        """Starts one.

        Args:
            sudo: as root, by the one command that a line of sudoers can name. It reads from its
                standard input what it is to become, and nothing is sent after that before it has
                become it: a shell may read ahead.

        Raises:
            OddGreeting: the account's shell, or what is in its place, does not run it.
            asyncssh.Error, OSError: it could not be asked for.
        """
        loop = f"exec sh -c {shlex.quote(LOOP)}"
        # For whatever shell the account has.
        command = f"exec {shlex.join(('sudo', '-n', '--', *ROOT_SHELL))}" if sudo else loop
        process = await connection.create_process(command, encoding=None)
        try:
            await _write(process, f"{_ROOTS_PATH}; {loop}\n".encode() if sudo else _KNOCK)
            return cls(process, await _greeted(process))
        except BaseException:
            process.close()
            raise

    async def ask(self, questions: Sequence[Question]) -> Sequence[Done]:
        """The answers, in order, for one way there and back.

        Raises:
            ShellEnded, SaysTooMuch
        """
        mark = secrets.token_hex(16)
        lines = "\n".join(as_line(question.script) for question in questions)
        await _write(self._process, f"{mark} {len(questions)}\n{lines}\n".encode())
        return [await self._answer(mark, question.limit) for question in questions]

    async def feed(
        self,
        question: Question,
        content: bytes,
        *,
        settles: bool,
        on_going: Callable[[], None] = lambda: None,
    ) -> Done:
        """Asks what takes this from standard input.

        Args:
            settles: the script says READY once all is prepared, and goes on only after our GO.
            on_going: called before that is said.

        Raises:
            ShellEnded, SaysTooMuch
        """
        mark = secrets.token_hex(16)
        await _write(self._process, f"{mark} 1 feeds\n{as_line(question.script)}\n".encode())
        await _write(self._process, content)
        if settles and await self._is_ready():
            on_going()
            await _write(self._process, GO)
        done = await self._answer(mark, question.limit)
        self._ends = done.status != 0  # what was fed may have been left
        return done

    async def _is_ready(self) -> bool:
        while len(self._heard) < len(READY) and READY.startswith(self._heard):
            await self._hear()
        if not self._heard.startswith(READY):
            return False
        del self._heard[: len(READY)]
        return True

    async def _answer(self, mark: str, limit: int) -> Done:
        end = f"\n{mark}.\n".encode()
        looked = 0
        while (at := self._heard.find(end, max(0, looked - len(end)))) < 0:
            looked = len(self._heard)
            if looked > limit + _COMPLAINT_LIMIT:
                raise SaysTooMuch(f"What is run says more than {limit} bytes.")
            await self._hear()
        whole = bytes(self._heard[:at])
        del self._heard[: at + len(end)]
        output, _, rest = whole.rpartition(f"\n{mark} ".encode())
        status, _, complaint = rest.partition(b"\n")
        if len(output) > limit:
            raise SaysTooMuch(f"What is run says more than {limit} bytes.")
        if re.fullmatch(rb"[0-9]{1,3}", status) is None:
            raise ShellEnded
        return Done(int(status), output, complaint.decode("utf-8", "replace"))

    async def _hear(self) -> None:
        chunk = await self._process.stdout.read(_CHUNK)
        if not chunk:
            raise ShellEnded
        self._heard += chunk

    @property
    def is_useful(self) -> bool:
        """Whether another question can be asked: nothing is left of the last answer."""
        is_gone = self._process.is_closing() or self._process.stdout.at_eof()
        return not (self._ends or self._heard or is_gone)

    def close(self) -> None:
        self._process.close()


def as_line(script: str) -> str:
    """A script as one line of ASCII, since a shell reads no other one whole from a pipe."""
    raw = script.encode("utf-8", "surrogateescape")
    if raw.isascii() and b"\n" not in raw:
        return script
    text = "".join(
        chr(byte)
        if chr(byte).isprintable() and byte < ord("\x7f") and byte != ord("\\")
        else f"\\0{byte:03o}"
        for byte in raw
    )
    return f'eval "$(printf %b {shlex.quote(text)})"'


async def _write(process: "asyncssh.SSHClientProcess[bytes]", text: bytes) -> None:
    with suppress(BrokenPipeError, ConnectionResetError, asyncssh.Error):  # it did not read on
        with _in_one_piece(process):
            process.stdin.write(text)
        await process.stdin.drain()


@contextmanager
def _in_one_piece(process: "asyncssh.SSHClientProcess[bytes]") -> Iterator[None]:
    """asyncssh sends an empty packet before each one: so sshd is woken once and not twice.

    See tcp(7), TCP_CORK.
    """
    sock = process.get_extra_info("socket")

    def cork(on: int) -> None:
        with suppress(OSError, AttributeError):  # it is gone, or no system of ours
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_CORK, on)

    cork(1)
    try:
        yield
    finally:
        cork(0)


async def _greeted(process: "asyncssh.SSHClientProcess[bytes]") -> int:
    """The account's number, from the first line.

    Raises:
        OddGreeting
    """
    heard = b""
    while b"\n" not in heard and len(heard) < _COMPLAINT_LIMIT:
        chunk = await process.stdout.read(_CHUNK)
        if not chunk:
            break
        heard += chunk
    found = _GREETING.fullmatch(heard)
    if found is not None:
        return int(found[1])
    if not heard:
        heard = await process.stderr.read(_COMPLAINT_LIMIT)
    raise OddGreeting(" ".join(heard.decode("utf-8", "replace").split()))
