"""How the bot gets into other machines: host keys are pinned, and the bot has a key of its own."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from bot.errors import NotDone
from bot.fleet.elsewhere import bots_key
from bot.fleet.upkeep import BOTS_ACCOUNT
from bot.office import Office
from bot.process.privileges import as_root
from pki.private_files import FOLDER_MODE, write_file
from storage.records import Payload
from vpn.host.ssh_address import SshAddress

_ROOT_NAME = "root"
_COMMENT = "vpnbot"
# Of whoever sits at the terminal, and of the machine: what `ssh` itself goes by.
_KNOWN_HOSTS = (Path("~/.ssh/known_hosts"), Path("/etc/ssh/ssh_known_hosts"))


@dataclass(frozen=True, slots=True)
class WayIn:
    """How a server's machine is to be reached.

    Attributes:
        fingerprint: of the host key, where whoever asks for it knows it: SHA256:….
        key_file: our private key for this machine; None is the bot's own.
        sudo: whether the account becomes root there, by sudo.
    """

    address: SshAddress
    fingerprint: str | None = None
    key_file: Path | None = None
    sudo: bool = False


async def pinned_key(way: WayIn, confirm: Callable[[str], bool]) -> str:
    """The host key that the machine will have to show from now on.

    It is the one of the fingerprint; else one that this machine's known_hosts know; else one that
    somebody confirms.

    Raises:
        NotDone: none of these.
        SshError: the machine cannot be reached.
    """
    from vpn.host.ssh_keys import fingerprint_of, known_host_keys, shown_host_keys  # noqa: PLC0415

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
                f"The host keys of {address.host} ({all_shown}) aren't those in known_hosts;"
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
    """As it is stored with the server.

    Raises:
        NotDone: the bot would be root there every day.
    """
    if way.address.user == _ROOT_NAME:
        raise NotDone(
            f"The bot must not be root on {way.address.host} every day; name an account without "
            f"rights, such as {BOTS_ACCOUNT}: --ssh {BOTS_ACCOUNT}@{way.address.host}, or, where "
            f"root adopts, --account {BOTS_ACCOUNT}."
        )
    key_file = None if way.key_file is None else str(way.key_file)
    return {"address": str(way.address), "host_key": host_key, "key_file": key_file}


def make_key(office: Office) -> Path:
    """The bot's own key, made where there is none.

    Raises:
        NotDone: it cannot be made.
        KeyRefused: there is one, and it cannot be used.
    """
    from vpn.host.ssh_keys import new_key, read_key  # noqa: PLC0415

    path = bots_key()
    if path.exists():
        read_key(path)
        return path
    content, _ = new_key(_COMMENT)
    try:
        path.parent.mkdir(mode=FOLDER_MODE, exist_ok=True)
        write_file(path, content, replace=False)
    except OSError as error:
        raise NotDone(f"{path} can't be made ({error.strerror}); see {office.folder}.") from error
    return path
