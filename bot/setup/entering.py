"""The machine of a server that is adopted: this one, or another, where root is needed once."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

from bot.fleet.elsewhere import host_elsewhere, key_file_of
from bot.office import Office
from bot.setup.deploying import make_account, root_there
from bot.setup.ways import WayIn, make_key, pinned_key, record_of
from storage.records import Payload, ServerName
from vpn.host.interface import ServerHost
from vpn.host.local import LocalHost

_ROOT = PurePosixPath("/")


@dataclass(frozen=True, slots=True)
class Machine:
    """The server's machine.

    Attributes:
        host: as whoever adopts it; on this machine that is root within `as_root`.
        own: as the bot uses it every day.
        ssh: how that is written down; None for this machine.
    """

    host: ServerHost
    own: ServerHost
    ssh: Payload | None = None


async def enter(
    office: Office,
    name: ServerName,
    login: WayIn | None,
    account: str,
    confirm: Callable[[str], bool],
    *,
    makes_account: bool,
) -> Machine:
    """Goes to the server's machine.

    Args:
        login: of whoever adopts it; None for this machine.
        account: what the bot logs in to there every day.
        makes_account: whether root makes that first, and lets the bot's key in.

    Raises:
        NotDone: nobody knows the host key, or the account could not be made.
        SshError: it cannot be entered.
    """
    if login is None:
        here = LocalHost(Path(_ROOT))
        return Machine(here, here)
    async with office.database.reading() as tx:
        before = await tx.servers.get(name)
    known = None if before is None else before.ssh
    if known is not None and login.fingerprint is None:
        host_key = known["host_key"]
    else:
        host_key = await pinned_key(login, confirm)
    is_own = login.address.user == account
    way = replace(login, address=replace(login.address, user=account))
    if not is_own:
        way = replace(way, key_file=None if known is None else key_file_of(known))
    if way.key_file is None:
        make_key(office)
    ssh = record_of(way, host_key)
    own = host_elsewhere(ssh, _ROOT)
    if is_own and not login.sudo:
        # Now, while this acts as the bot's account: its key is none for root to read.
        await own.caller()
        return Machine(own, own, ssh)
    host = await root_there(office, ssh, login, _ROOT)
    if makes_account:
        await make_account(account, ssh, host, is_named=True)
    return Machine(host, own, ssh)
