"""A look from outside: what a server answers to somebody who dials it with a certificate.

The handshake is made by the real client, `openvpn --dev null --ifconfig-noexec --route-noexec`. A
handshake of our own would have to speak tls-crypt-v2, tls-crypt, tls-auth and OpenVPN's reliability
layer, would be tried by nobody else, and could be taken by a server that no client is taken by, or
the other way round. What is asked here is whether *clients* get in, so a client asks. `--dev null`
opens no tun device, nothing is configured and no script runs, so it needs no right that an ordinary
account has not: where the bot runs as root, the client runs as nobody.

The profile, with the key in it, goes through a pipe to the client's standard input: it is on no
disk, in no argument and in no environment.

From outside a certificate that is refused looks like a server that has fallen silent, since OpenVPN
tells its client nothing: only one that is taken at the same time tells the two apart. Who has no
address file is told so (AUTH_FAILED), after the certificate itself was taken: the end of a
handshake, with TLS 1.3, is known by nothing sooner than a word of the server's that comes after it.
"""

import asyncio
import os
import pwd
import re
import shutil
import subprocess
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from typing import cast

from vpn.errors import HostError
from vpn.host.interface import ROOT
from vpn.host.local import child_environment

# How long a handshake may take. A lost packet is sent again after 2, 4 and 8 seconds.
WINDOW_S = 8
# Beyond it: for the name to be looked up, and the program to start.
_MARGIN_S = 6.0
# In these the server is told that the client has gone.
_GOODBYE_S = 4.0
_KILLED_S = 5.0
# What a handshake says has 5 kB. What the server says is repeated in it.
_OUTPUT_LIMIT = 256 * 1024
_NOBODY = "nobody"
# How lines of the client's own begin: what the server says, or calls itself, stands further on.
_TAKEN = re.compile(rb"^Initialization Sequence Completed", re.MULTILINE)
_TURNED_AWAY = re.compile(rb"^AUTH: Received control message: AUTH_FAILED", re.MULTILINE)
# The first packet of the server's that its tls key vouches for.
_CONTACT = re.compile(rb"^TLS: Initial packet from ", re.MULTILINE)
_NOT_STARTED = "Options error:"
_TELLING = ("VERIFY ERROR", "Cannot resolve", "refused", "unreachable", "TLS Error")
# Of its words, in a line of the log.
_SAID = 200
_COMMAND = (
    *("--config", "stdin", "--dev", "null", "--ifconfig-noexec", "--route-noexec"),
    *("--script-security", "0", "--auth-retry", "none", "--auth-nocache", "--verb", "3"),
    *("--connect-retry-max", "1", "--connect-retry", "1", "--resolv-retry", "2", "--tls-exit"),
    *("--suppress-timestamps", "--remap-usr1", "SIGTERM"),
)


class Answer(StrEnum):
    """What became of one try."""

    TAKEN = "taken"  # in, as any client
    TURNED_AWAY = "turned_away"  # the certificate was taken, and its bearer was not
    BROKEN_OFF = "broken_off"  # the server answered, and the handshake came to no end
    UNANSWERED = "unanswered"  # nothing came back


@dataclass(frozen=True, slots=True)
class Knock:
    """What became of one try, and the client's own words for the log."""

    answer: Answer
    said: str


def client_missing() -> bool:
    """Whether there is no OpenVPN on this machine to dial with."""
    return _program() is None


async def knock(profile: str, *, window_s: int = WINDOW_S) -> Knock:
    """Dials a server as the profile says, and takes leave at once.

    Args:
        window_s: for the handshake; the whole takes a few seconds more at most.

    Raises:
        HostError: nothing could be tried: there is no OpenVPN, or it does not take the profile.
    """
    program = _program()
    if program is None:
        raise HostError("openvpn isn't installed on the bot's machine.")
    window = str(window_s)
    account = _account()
    try:
        transport, client = await asyncio.get_running_loop().subprocess_exec(
            _Client,
            program,
            *_COMMAND,
            *("--hand-window", window, "--connect-timeout", window),
            stderr=subprocess.STDOUT,
            env=child_environment(),
            cwd="/",
            user=account and account[0],
            group=account and account[1],
            extra_groups=() if os.geteuid() == ROOT else None,
        )
    except (OSError, subprocess.SubprocessError) as error:
        raise HostError(f"openvpn couldn't be run: {error}.") from error
    try:
        pipe = cast("asyncio.WriteTransport", transport.get_pipe_transport(0))
        pipe.write(profile.encode())
        pipe.write_eof()
        await client.waits_for(client.settled, window_s + _MARGIN_S)
        if _TAKEN.search(client.said):
            with suppress(ProcessLookupError):
                transport.terminate()
            await client.waits_for(client.exited, _GOODBYE_S)
    finally:
        transport.close()  # kills what still runs
        await client.waits_for(client.exited, _KILLED_S)
    return _understood(bytes(client.said))


class _Client(asyncio.SubprocessProtocol):
    """Hears what the program says, until the server has said yes or no."""

    def __init__(self) -> None:
        self.said = bytearray()
        self.settled = asyncio.Event()
        self.exited = asyncio.Event()

    def pipe_data_received(self, fd: int, data: bytes) -> None:  # noqa: ARG002
        self.said += data[: _OUTPUT_LIMIT - len(self.said)]
        is_full = len(self.said) == _OUTPUT_LIMIT
        if is_full or _TAKEN.search(self.said) or _TURNED_AWAY.search(self.said):
            self.settled.set()

    def process_exited(self) -> None:
        self.exited.set()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002
        self.settled.set()  # it has ended, and nothing of what it said is still to come

    async def waits_for(self, event: asyncio.Event, seconds: float) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await event.wait()


def _understood(said: bytes) -> Knock:
    # By its own line's ends only: what the server says may hold other ones of Unicode's.
    lines = said.decode("utf-8", "replace").split("\n")
    last = next((line for line in reversed(lines) if line.strip()), "")
    if _TAKEN.search(said):
        return Knock(Answer.TAKEN, ascii(last[:_SAID]))
    if _TURNED_AWAY.search(said):
        return Knock(Answer.TURNED_AWAY, ascii(last[:_SAID]))
    for line in lines:
        if line.startswith(_NOT_STARTED):
            raise HostError(f"openvpn doesn't take the profile: {line[:_SAID]!a}.")
    telling = [line for line in lines if any(sign in line for sign in _TELLING)]
    answer = Answer.BROKEN_OFF if _CONTACT.search(said) else Answer.UNANSWERED
    return Knock(answer, ascii((telling or [last])[0][:_SAID]))


def _program() -> str | None:
    return shutil.which("openvpn", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin")


def _account() -> tuple[int, int] | None:
    """Whom it runs as; None is the account that runs this, for good."""
    if os.geteuid() == ROOT:
        nobody = pwd.getpwnam(_NOBODY)
        return nobody.pw_uid, nobody.pw_gid
    # The program could take back what root has given up for a while only.
    return (os.geteuid(), os.getegid()) if os.getuid() != os.geteuid() else None
