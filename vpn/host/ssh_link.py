"""The connection to a machine elsewhere: one for each, kept open, and made anew when it is lost.

Imported only where a server is elsewhere: asyncssh takes half a second to load.

The machine has to show the host key that is pinned: no known_hosts, certificate or setting of
whoever runs this counts. Each step has a time-out of its own. A connection that gave no answer is
given up; until it is tried again whatever asks is told so at once, and waits for no time-out.
"""

import asyncio
import logging
import os
import socket
from asyncio import StreamReader, StreamWriter
from collections.abc import Awaitable, Callable, Collection, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import TypeVar
from weakref import WeakKeyDictionary

import asyncssh

from vpn.errors import (
    HostError,
    HostKeyChanged,
    KeyRefused,
    NoShell,
    SshError,
    SshLost,
    SshSilent,
    SudoRefused,
)
from vpn.host.interface import LONGEST_REASON, READ_LIMIT
from vpn.host.ssh_address import SshAddress, SshTarget
from vpn.host.ssh_bridge import Bridge
from vpn.host.ssh_keys import CIPHERS, RSA, public_key, read_key, unreachable
from vpn.host.ssh_shell import Done, OddGreeting, Question, RemoteShell, SaysTooMuch, ShellEnded
from vpn.layout import ManagementPlace, TcpPort

# What it logs of each command is of no use to anybody.
logging.getLogger("asyncssh").setLevel(logging.WARNING)

CONNECT_S = 10.0
ANSWER_S = 10.0
# fsync may take seconds on a busy disk.
CHANGE_S = 60.0
_KEEPALIVE_S, _KEEPALIVES_LOST = 15, 3
_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 1.0, 60.0
# sshd's MaxSessions is 10; what somebody else of this account does there needs some, too.
_AT_ONCE = 6
# Shells that are kept open for the next question; and questions in one breath.
_KEPT = 2
_TOGETHER = 32
# Whoever looks at several things at once does so in tasks of tasks: each takes a turn of the loop.
_QUIET_TURNS = 3
_T = TypeVar("_T")


@dataclass(slots=True)
class _Outcome:
    """Attributes: unchanged: whether it is known that nothing was changed yet."""

    unchanged: bool = True

    def begins(self) -> None:
        self.unchanged = False


class ForwardingFailed(Exception):
    """sshd opened no connection there; it does not say why."""


class _Client(asyncssh.SSHClient):
    """Compares the host key, and keeps what was shown."""

    def __init__(self, pinned: asyncssh.SSHKey) -> None:
        self._pinned = pinned
        self.shown: str | None = None

    def validate_host_public_key(
        self,
        host: str,  # noqa: ARG002
        addr: str,  # noqa: ARG002
        port: int,  # noqa: ARG002
        key: asyncssh.SSHKey,
    ) -> bool:
        self.shown = key.get_fingerprint()
        return key.public_data == self._pinned.public_data


class SshLink:
    """One connection. All of it belongs to the loop in which it is used."""

    def __init__(self, target: SshTarget) -> None:
        self._target = target
        self.connect_s, self.answer_s, self.change_s = CONNECT_S, ANSWER_S, CHANGE_S
        self.first_pause_s = _FIRST_PAUSE_S
        self._connection: asyncssh.SSHClientConnection | None = None
        self._connecting: asyncio.Task[asyncssh.SSHClientConnection] | None = None
        self._at_once = asyncio.Semaphore(_AT_ONCE)
        self._changing = asyncio.Semaphore(_KEPT)
        self._shells: list[RemoteShell] = []
        self._asked: dict[Question, asyncio.Future[Done]] = {}
        self._tasks: set[asyncio.Future[None]] = set()
        self._failures = 0
        self._not_before = 0.0
        self._trouble: SshError | None = None
        self.uid: int | None = None

    @property
    def address(self) -> SshAddress:
        return self._target.address

    async def look(self, script: str, *, limit: int = READ_LIMIT) -> Done:
        """Runs a line of sh there that changes nothing.

        Whatever is asked at the same moment goes there together, and comes back together; what is
        asked twice goes there once.

        Args:
            limit: more output than this is an error.

        Raises:
            SshError: it was not run, or nobody knows what it said.
            HostError: it says too much.
        """
        loop = asyncio.get_running_loop()
        if not self._asked:
            loop.call_soon(self._send_soon, 0, 0)
        answer = self._asked.setdefault(Question(script, limit), loop.create_future())
        return await asyncio.shield(answer)

    def _send_soon(self, before: int, quiet: int) -> None:
        """Once nobody has asked anything else for some turns of the loop."""
        quiet = quiet + 1 if len(self._asked) == before else 0
        if quiet < _QUIET_TURNS and len(self._asked) < _TOGETHER:
            loop = asyncio.get_running_loop()
            loop.call_soon(self._send_soon, len(self._asked), quiet)
        else:
            self._send()

    def _send(self) -> None:
        asked, self._asked = [*self._asked.items()], {}
        for at in range(0, len(asked), _TOGETHER):
            task = asyncio.ensure_future(self._put_to(asked[at : at + _TOGETHER]))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _put_to(self, asked: Sequence[tuple[Question, "asyncio.Future[Done]"]]) -> None:
        wanted = [(question, answer) for question, answer in asked if not answer.done()]
        try:
            answers = await self._answers([question for question, _ in wanted])
        except SaysTooMuch as error:
            if len(wanted) > 1:  # the others may be asked all the same
                await asyncio.gather(*(self._put_to([one]) for one in wanted))
            elif wanted and not wanted[0][1].done():
                wanted[0][1].set_exception(error)
        except BaseException as error:  # noqa: BLE001 - it is theirs who asked
            for _, answer in wanted:
                if not answer.done():
                    answer.set_exception(_copy(error))
        else:
            for (_, answer), done in zip(wanted, answers, strict=True):
                if not answer.done():
                    answer.set_result(done)

    async def _answers(self, questions: Sequence[Question]) -> Sequence[Done]:
        """A shell that was ended there may say so only when it is asked: then another one is."""
        try:
            return await self._with_shell(lambda shell: shell.ask(questions), self.answer_s)
        except SshLost:
            if self._connection is None:
                raise
            return await self._with_shell(lambda shell: shell.ask(questions), self.answer_s)

    async def change(
        self, script: str, *, stdin: bytes | None = None, settles: bool = False
    ) -> Done:
        """Runs a line of sh there that changes something, which may take longer than a look.

        Args:
            stdin: what it takes besides; None where it takes nothing.
            settles: see `RemoteShell.feed`: one whose connection is lost, or that we gave up, does
                nothing later.

        Raises:
            SshError: it was not run, or nobody knows what became of it.
        """
        outcome = _Outcome()
        question = Question(script, READ_LIMIT)

        async def changed(shell: RemoteShell) -> Done:
            outcome.unchanged = settles
            if stdin is None:
                (done,) = await shell.ask([question])
                return done
            return await shell.feed(question, stdin, settles=settles, on_going=outcome.begins)

        async with self._changing:  # one shell after the other would be made for many at once
            return await self._with_shell(changed, self.change_s, outcome)

    async def run(self, script: str, stdin: bytes) -> Done:
        """Like `look`, with this as standard input."""
        question = Question(script, READ_LIMIT)
        return await self._with_shell(
            lambda shell: shell.feed(question, stdin, settles=False), self.answer_s
        )

    async def _with_shell(
        self,
        work: Callable[[RemoteShell], Awaitable[_T]],
        patience: float,
        outcome: "_Outcome | None" = None,
    ) -> _T:
        """Has a shell for itself as long as the work takes."""
        connection = await self.connection()
        outcome = outcome or _Outcome()
        try:
            async with asyncio.timeout(patience), self._at_once:
                shell = await self._shell(connection)
                try:
                    self._hasten(connection)
                    done = await work(shell)
                except BaseException:
                    shell.close()
                    raise
                self._keep(shell)
                return done
        except TimeoutError:
            unknown = "" if outcome.unchanged else " Whether the change was made isn't known."
            error = SshSilent(
                f"{self.address} gives no answer within {patience:g} s; see whether that machine,"
                f" its disk or the network hangs.{unknown}"
            )
            self._give_up(error)
            raise error from None
        except asyncssh.ChannelOpenError as error:
            if connection.is_closed():
                raise self._lost(known=True) from error
            raise self._runs_nothing(error) from error
        except OddGreeting as error:
            raise self._no_shell(str(error)) from error
        except (ShellEnded, OSError, asyncssh.Error) as error:
            raise self._lost(known=outcome.unchanged) from error

    async def _shell(self, connection: asyncssh.SSHClientConnection) -> RemoteShell:
        while self._shells:
            shell = self._shells.pop()
            if shell.is_useful:
                return shell
            shell.close()
        return await RemoteShell.start(connection, sudo=self._target.sudo)

    def _keep(self, shell: RemoteShell) -> None:
        if shell.is_useful and len(self._shells) < _KEPT:
            self._shells.append(shell)
        else:
            shell.close()

    def _hasten(self, connection: asyncssh.SSHClientConnection) -> None:
        """Has our machine confirm at once what comes: until then sshd keeps what it says next.

        That lasts for a while only (tcp(7), TCP_QUICKACK).
        """
        sock = connection.get_extra_info("socket")
        with suppress(OSError, AttributeError):
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)

    async def open(self, place: ManagementPlace, path: str) -> tuple[StreamReader, StreamWriter]:
        """Connects to a unix socket there, or to a port, as from that machine itself.

        Raises:
            ForwardingFailed: sshd did not.
            SshError: there is no connection.
        """
        connection = await self.connection()
        bridge = Bridge()
        try:
            if isinstance(place, TcpPort):
                await connection.create_connection(lambda: bridge, place.host, place.port)
            else:
                await connection.create_unix_connection(lambda: bridge, path)
        except asyncssh.ChannelOpenError as error:
            if connection.is_closed():
                raise self._lost(known=True) from error
            raise ForwardingFailed(error.reason) from error
        except (OSError, asyncssh.Error) as error:
            raise self._lost(known=True) from error
        return bridge.streams()

    async def connection(self) -> asyncssh.SSHClientConnection:
        """The connection as it is, or a new one.

        Raises:
            SshError: there is none, and for a while none is tried.
        """
        if self._connection is not None and not self._connection.is_closed():
            return self._connection
        if self._connecting is None:
            if self._trouble is not None and asyncio.get_running_loop().time() < self._not_before:
                raise type(self._trouble)(str(self._trouble))
            self._connecting = asyncio.ensure_future(self._connect())
            self._connecting.add_done_callback(self._connected)
        # Whoever gives up waiting does not take it from the others.
        return await asyncio.shield(self._connecting)

    def _connected(self, task: asyncio.Task[asyncssh.SSHClientConnection]) -> None:
        self._connecting = None
        if task.cancelled():
            return
        error = task.exception()
        if isinstance(error, SshError):
            self._give_up(error)
        elif error is None:
            self._connection, self._trouble, self._failures = task.result(), None, 0

    def _give_up(self, error: SshError) -> None:
        self._trouble = error
        pause = min(self.first_pause_s * 2**self._failures, _LONGEST_PAUSE_S)
        self._failures = min(self._failures + 1, 10)
        self._not_before = asyncio.get_running_loop().time() + pause
        if self._connection is not None:
            self._connection.abort()
            self._connection = None

    def _lost(self, *, known: bool) -> SshLost:
        if self._connection is not None and self._connection.is_closed():
            self._connection = None
        outcome = "nothing was changed" if known else "whether the change was made isn't known"
        return SshLost(
            f"The connection to {self.address} was lost in the middle, and {outcome}; see whether"
            " sshd or that machine was restarted."
        )

    async def _connect(self) -> asyncssh.SSHClientConnection:
        address = self.address
        try:
            async with asyncio.timeout(self.connect_s):
                connection = await self._log_in()
                try:
                    await self._require_shell(connection)
                except BaseException:
                    connection.abort()
                    raise
                return connection
        except TimeoutError:
            raise SshSilent(
                f"{address} doesn't let anybody in within {self.connect_s:g} s; see whether sshd"
                " or that machine hangs, or a firewall drops what we send."
            ) from None
        except (OSError, asyncssh.Error) as error:
            raise unreachable(address, error) from error

    async def _log_in(self) -> asyncssh.SSHClientConnection:
        address, pinned = self.address, public_key(self._target.host_key)
        shown: list[_Client] = []

        def client() -> _Client:
            shown.append(_Client(pinned))
            return shown[-1]

        own = self._target.key_file
        keys = () if own is None else [read_key(own)]
        try:
            return await asyncssh.connect(
                address.host,
                address.port,
                username=address.user,
                client_factory=client,
                known_hosts=([], [], []),
                server_host_key_algs=_algorithms(pinned),
                encryption_algs=CIPHERS,
                x509_trusted_certs=None,
                client_keys=keys,
                agent_path=os.environ.get("SSH_AUTH_SOCK") if own is None else None,
                preferred_auth="publickey",
                gss_host=None,
                config=None,
                keepalive_interval=_KEEPALIVE_S,
                keepalive_count_max=_KEEPALIVES_LOST,
                login_timeout=self.connect_s,
            )
        except (asyncssh.HostKeyNotVerifiable, asyncssh.KeyExchangeFailed) as error:
            seen = shown[-1].shown if shown and shown[-1].shown else "none of that kind"
            if isinstance(error, asyncssh.KeyExchangeFailed) and "host key" not in str(error):
                raise
            raise HostKeyChanged(
                f"The host key of {address.host} has changed: {pinned.get_fingerprint()} is"
                f" pinned, and it shows {seen}. Somebody may be in between, so nothing is done"
                " there; if that machine was set up anew, compare it there"
                " (ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub) and pin the new one: "
                "vpnbot server ssh NAME --host-key SHA256:…"
            ) from error
        except asyncssh.PermissionDenied as error:
            raise KeyRefused(
                f"{address.host} refuses our key for {address.user}; see there that"
                f" ~{address.user}/.ssh/authorized_keys has the line that `vpnbot server key`"
                " prints, that nobody else may write it, and that the account isn't locked"
                f" (usermod -p '*' {address.user})."
            ) from error

    async def _require_shell(self, connection: asyncssh.SSHClientConnection) -> None:
        """Whatever else the account's shell says would be taken for an answer."""
        try:
            shell = await RemoteShell.start(connection, sudo=self._target.sudo)
        except OddGreeting as error:
            raise self._no_shell(str(error)) from error
        except asyncssh.ChannelOpenError as error:
            raise self._runs_nothing(error) from error
        self.uid = shell.uid
        self._shells = [shell]

    def _no_shell(self, says: str) -> SshError:
        user, host = self.address.user, self.address.host
        if self._target.sudo:
            sudos = says[says.find("sudo: ") :] if "sudo: " in says else says
            return SudoRefused(ascii(sudos[:LONGEST_REASON]))
        return NoShell(
            f"{user} may run no programs on {host} ({says[:100]!a}); give it a shell"
            f" (usermod -s /bin/sh {user}), and take away a ForceCommand, and what its"
            " start-up files print."
        )

    def _runs_nothing(self, error: asyncssh.ChannelOpenError) -> NoShell:
        return NoShell(
            f"sshd on {self.address.host} runs nothing for {self.address.user}"
            f" ({error.reason[:LONGEST_REASON]}); see MaxSessions and ForceCommand in its"
            " sshd_config."
        )

    async def close(self) -> None:
        if self._connecting is not None:
            self._connecting.cancel()
            with suppress(asyncio.CancelledError, SshError):
                await self._connecting
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()
            with suppress(OSError, asyncssh.Error, TimeoutError):
                async with asyncio.timeout(1):
                    await connection.wait_closed()
            connection.abort()


_links: WeakKeyDictionary[asyncio.AbstractEventLoop, dict[SshTarget, SshLink]] = WeakKeyDictionary()


def link_to(target: SshTarget) -> SshLink:
    """The connection of this loop to that machine: all who ask it share one."""
    links = _links.setdefault(asyncio.get_running_loop(), {})
    return links.setdefault(target, SshLink(target))


async def close_links(but_to: Collection[SshTarget] = ()) -> None:
    """Ends all connections of this loop, but those."""
    links = _links.get(asyncio.get_running_loop(), {})
    closed = [links.pop(target) for target in [*links] if target not in but_to]
    await asyncio.gather(*(link.close() for link in closed))


def _algorithms(pinned: asyncssh.SSHKey) -> Sequence[str]:
    """A machine has keys of several kinds: it is to show the one that is pinned."""
    kind = pinned.get_algorithm()
    return RSA if kind == "ssh-rsa" else (kind,)


def _copy(error: BaseException) -> BaseException:
    """For each who asked, since each adds to it where it went."""
    return type(error)(str(error)) if isinstance(error, HostError) else error
