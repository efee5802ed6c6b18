"""Servers on other machines: with which key they are entered, and which host key they must show.

What speaks SSH is loaded only here, and only where a server is elsewhere.
"""

import sys
from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from bot.access.permission import Actor
from bot.data_folder import DataFolder
from bot.errors import NotDone
from bot.privileges import as_root
from bot.settings import Settings
from pki.private_files import FOLDER_MODE, write_file
from storage.records import Payload, Server
from vpn.ssh_address import SshAddress, SshTarget, parse_ssh_address

if TYPE_CHECKING:
    from bot.office import Office
    from vpn.ssh_host import SshHost

_COMMENT = "vpnbot"
# Of whoever sits at the terminal, and of the machine: what `ssh` itself goes by.
_KNOWN_HOSTS = (Path("~/.ssh/known_hosts"), Path("/etc/ssh/ssh_known_hosts"))
# The key that opens servers without one of their own, as the settings of this process say.
_bots_key: ContextVar[Path] = ContextVar("bots_key")


@dataclass(frozen=True, slots=True)
class WayIn:
    """How a server's machine is to be reached.

    Attributes:
        fingerprint: of the host key, where whoever asks for it knows it: SHA256:….
        key_file: our private key for this machine; None is the bot's own.
    """

    address: SshAddress
    fingerprint: str | None = None
    key_file: Path | None = None


def use_key(settings: Settings, folder: DataFolder) -> None:
    """Says which key is the bot's own, for this process."""
    _bots_key.set(settings.ssh_key_file or folder.ssh_key)


async def close_connections() -> None:
    """Ends what was opened to other machines, if anything was."""
    link = sys.modules.get("vpn.ssh_link")
    if link is not None:
        await link.close_links()


def address_of(server: Server) -> SshAddress | None:
    """The account that is logged in to there; None for a server on this machine."""
    return None if server.ssh is None else parse_ssh_address(server.ssh["address"])


def machine_of(server: Server) -> tuple[str, int] | None:
    """Which machine it is on, as far as addresses tell; None is this one."""
    address = address_of(server)
    return None if address is None else (address.host, address.port)


def key_file_of(server: Server) -> Path | None:
    """A private key for this server alone; None where it is the bot's own."""
    key_file = None if server.ssh is None else server.ssh["key_file"]
    return None if key_file is None else Path(key_file)


def shown_fingerprint(server: Server) -> str:
    """Of the host key that is pinned."""
    from vpn.ssh_keys import fingerprint_of  # noqa: PLC0415

    assert server.ssh is not None
    return fingerprint_of(server.ssh["host_key"])


def host_elsewhere(server: Server, home: PurePosixPath) -> "SshHost":
    """The machine of a server that has one of its own, as the bot enters it every day."""
    from vpn.ssh_host import SshHost  # noqa: PLC0415

    ssh, address = server.ssh, address_of(server)
    assert ssh is not None
    assert address is not None
    key_file = key_file_of(server) or _bots_key.get()
    return SshHost(SshTarget(address, ssh["host_key"], key_file), home)


async def host_as(
    server: Server, login: SshAddress, key_file: Path | None, home: PurePosixPath
) -> "SshHost":
    """The same machine, by another account: it has to show the host key that is pinned.

    Args:
        key_file: None takes the keys and the agent of whoever typed the command.

    Raises:
        SshError: it cannot be entered.
    """
    from vpn.ssh_host import SshHost  # noqa: PLC0415

    assert server.ssh is not None
    host = SshHost(SshTarget(login, server.ssh["host_key"], key_file), home)
    with as_root():  # whose keys they are
        await host.caller()
    return host


async def pinned_key(way: WayIn, confirm: Callable[[str], bool]) -> str:
    """The host key that the machine will have to show from now on.

    It is the one of the fingerprint; else one that this machine's known_hosts know; else one that
    somebody confirms.

    Raises:
        NotDone: none of these.
        SshError: the machine cannot be reached.
    """
    from vpn.ssh_keys import fingerprint_of, known_host_keys, shown_host_keys  # noqa: PLC0415

    address = way.address
    shown = await shown_host_keys(address)
    prints = {fingerprint_of(key): key for key in shown}
    all_shown = ", ".join(prints) or "none that could be used"
    if way.fingerprint is not None:
        if way.fingerprint not in prints:
            raise NotDone(
                f"{address.host} shows other host keys ({all_shown}) than {way.fingerprint};"
                " see on that machine: ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub"
            )
        return prints[way.fingerprint]
    with as_root():  # by the files of whoever typed the command
        files = [path.expanduser() for path in _KNOWN_HOSTS]
        known = known_host_keys(address, files)
    if known:
        trusted = [key for key in shown if key in known]
        if not trusted:
            raise NotDone(
                f"The host keys of {address.host} ({all_shown}) are not those in known_hosts;"
                " somebody may be in between. Where the machine was set up anew, say which one it"
                " has with --host-key SHA256:…"
            )
        return trusted[0]
    if shown and confirm(
        f"{address.host} shows the host key {next(iter(prints))}. Is it that machine's"
        " (ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub, there)?"
    ):
        return shown[0]
    raise NotDone(
        f"Nobody knows the host key of {address.host} here; compare {all_shown} on that machine,"
        " and add --host-key SHA256:…"
    )


def record_of(way: WayIn, host_key: str) -> Payload:
    """As it is stored with the server."""
    key_file = None if way.key_file is None else str(way.key_file)
    return {"address": str(way.address), "host_key": host_key, "key_file": key_file}


def make_key(office: "Office") -> Path:
    """The bot's own key, made where there is none.

    Raises:
        NotDone: it cannot be made.
        KeyRefused: there is one, and it cannot be used.
    """
    from vpn.ssh_keys import new_key, read_key  # noqa: PLC0415

    path = _bots_key.get()
    if path.exists():
        read_key(path)
        return path
    content, _ = new_key(_COMMENT)
    try:
        path.parent.mkdir(mode=FOLDER_MODE, exist_ok=True)
        write_file(path, content, replace=False)
    except OSError as error:
        raise NotDone(f"{path} cannot be made ({error.strerror}); see {office.folder}.") from error
    return path


def authorized_line(key_file: Path | None = None) -> str:
    """What opens an account to the bot: programs and the way to OpenVPN's socket, and no more.

    Raises:
        KeyRefused: the key cannot be used.
    """
    from vpn.ssh_keys import public_line  # noqa: PLC0415

    return f"restrict,port-forwarding {public_line(key_file or _bots_key.get())}"


async def change_way(
    office: "Office", actor: Actor, server: Server, way: WayIn, confirm: Callable[[str], bool]
) -> None:
    """Pins a host key anew, or notes another address or key.

    Raises:
        NotDone: the server is on this machine, or nobody knows the host key.
        SshError: the machine cannot be reached.
    """
    if server.ssh is None:
        raise NotDone(f"{server.name} is on this machine; there is nothing to log in to.")
    ssh = record_of(way, await pinned_key(way, confirm))
    before = address_of(server)
    is_same = before is not None and before.user == way.address.user
    async with office.acting(actor) as case:
        account = server.account if is_same else way.address.user
        await case.tx.servers.set_ssh(server.name, ssh, account)
        await case.record(
            "server.ssh", f"server:{server.name}", address=ssh["address"], host_key=ssh["host_key"]
        )
