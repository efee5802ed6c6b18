"""Servers on other machines: with which key they are entered, and which host key they must show.

What speaks SSH is loaded only here, and only where a server is elsewhere.
"""

import sys
from collections.abc import Iterable
from contextvars import ContextVar
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from bot.process.privileges import as_root
from storage.records import Payload, Server
from vpn.host.ssh_address import SshAddress, SshTarget, parse_ssh_address

if TYPE_CHECKING:
    from vpn.host.ssh import SshHost

# No `permitopen`: with one, sshd lets nobody through to a socket. Port 1 is root's to listen on.
_OPTIONS = 'restrict,port-forwarding,permitlisten="127.0.0.1:1"'

# The key that opens servers without one of their own, as the settings of this process say.
_bots_key: ContextVar[Path] = ContextVar("bots_key")


def use_key(path: Path) -> None:
    """Says which key is the bot's own, for this process."""
    _bots_key.set(path)


def bots_key() -> Path:
    """The bot's own key; there may be none yet."""
    return _bots_key.get()


async def close_connections(but_to: Iterable[Server] = ()) -> None:
    """Ends what was opened to other machines, if anything was, but to those of these servers."""
    link = sys.modules.get("vpn.host.ssh_link")
    if link is not None:
        await link.close_links({_target(server.ssh) for server in but_to if server.ssh})


def address_of(server: Server) -> SshAddress | None:
    """The account that is logged in to there; None for a server on this machine."""
    return None if server.ssh is None else parse_ssh_address(server.ssh["address"])


def is_same_machine(one: Payload | None, other: Payload | None) -> bool:
    """Whether two servers are on one machine, by their `Server.ssh`; None is this machine.

    A machine may have several names and addresses, but shows one host key under all of them.
    """
    if one is None or other is None:
        return one is other
    here, there = parse_ssh_address(one["address"]), parse_ssh_address(other["address"])
    same_address = (here.host, here.port) == (there.host, there.port)
    return same_address or one["host_key"] == other["host_key"]


def key_file_of(ssh: Payload) -> Path | None:
    """A private key for this server alone; None where it is the bot's own."""
    key_file = ssh["key_file"]
    return None if key_file is None else Path(key_file)


def shown_fingerprint(ssh: Payload) -> str:
    """Of the host key that is pinned."""
    from vpn.host.ssh_keys import fingerprint_of  # noqa: PLC0415

    return fingerprint_of(ssh["host_key"])


def host_elsewhere(ssh: Payload, home: PurePosixPath) -> "SshHost":
    """Another machine, as the bot enters it every day."""
    from vpn.host.ssh import SshHost  # noqa: PLC0415

    return SshHost(_target(ssh), home)


def _target(ssh: Payload) -> SshTarget:
    key_file = key_file_of(ssh) or _bots_key.get()
    return SshTarget(parse_ssh_address(ssh["address"]), ssh["host_key"], key_file)


async def host_as(
    ssh: Payload,
    login: SshAddress,
    key_file: Path | None,
    home: PurePosixPath,
    *,
    sudo: bool = False,
) -> "SshHost":
    """The same machine, by another account: it has to show the host key that is pinned.

    Args:
        key_file: None takes the keys and the agent of whoever typed the command.
        sudo: whether that account becomes root there.

    Raises:
        SshError: it cannot be entered.
    """
    from vpn.host.ssh import SshHost  # noqa: PLC0415

    host = SshHost(SshTarget(login, ssh["host_key"], key_file, sudo), home)
    with as_root():  # whose keys they are
        await host.caller()
    return host


def authorized_line(key_file: Path | None = None) -> str:
    """What opens an account to the bot: programs as that account, and connections from there.

    sshd opens no terminal for it, and listens for it on no port.

    Raises:
        KeyRefused: the key cannot be used.
    """
    from vpn.host.ssh_keys import public_line  # noqa: PLC0415

    return f"{_OPTIONS} {public_line(key_file or _bots_key.get())}"
