"""What the commands for servers elsewhere share, and `vpnbot server key` and `server ssh`."""

from pathlib import Path
from typing import Annotated

import typer

from bot.cli.asking import Asker
from bot.cli.shared import operator, say, with_office
from bot.errors import NotDone
from bot.fleet.elsewhere import address_of, authorized_line, key_file_of, shown_fingerprint
from bot.office import Office
from bot.setup.servers import change_way, known_server
from bot.setup.ways import WayIn, make_key
from storage.records import Server
from vpn.host.ssh_address import parse_ssh_address

Ssh = Annotated[
    str | None,
    typer.Option(
        metavar="USER@HOST[:PORT]",
        help="It is on another machine, where the bot logs in to this account.",
    ),
]
HostKey = Annotated[
    str | None,
    typer.Option(metavar="SHA256:…", help="The fingerprint of that machine's host key."),
]
SshKey = Annotated[
    Path | None,
    typer.Option(metavar="FILE", help="A private key for this machine, in place of the bot's."),
]

Sudo = Annotated[
    bool, typer.Option("--sudo", help="Of --ssh: that account becomes root there, by sudo.")
]


def way_in(
    ssh: str | None, host_key: str | None, ssh_key: Path | None, *, sudo: bool = False
) -> WayIn | None:
    """Raises NotDone where the others are about nothing."""
    if ssh is None:
        if host_key is not None or ssh_key is not None or sudo:
            raise NotDone("--host-key, --ssh-key and --sudo are about another machine; add --ssh.")
        return None
    key_file = None if ssh_key is None else ssh_key.absolute()
    return WayIn(parse_ssh_address(ssh), host_key, key_file, sudo)


def confirm(question: str) -> bool:
    """Asks whoever sits at the terminal."""
    return Asker(unattended=False).agrees(question)


def tell_way(server: Server) -> None:
    """What is pinned, and what the account there needs."""
    address = address_of(server)
    if server.ssh is None or address is None:
        return
    say(f"The host key of {address.host} is pinned: {shown_fingerprint(server.ssh)}")
    where = f"~{address.user}/.ssh/authorized_keys"
    say(f"The line that lets the bot in, which a deploy as root puts into {where} there:")
    say(f"  {authorized_line(key_file_of(server.ssh))}")


def key() -> None:
    """Makes the bot's SSH key where there is none; prints the line for authorized_keys."""

    async def work(office: Office) -> None:
        make_key(office)
        say(authorized_line())

    with_office(work)


def ssh_(
    name: Annotated[str, typer.Argument(metavar="NAME", help="The server's name.")],
    ssh: Ssh = None,
    host_key: HostKey = None,
    ssh_key: SshKey = None,
) -> None:
    """Pins a server's host key anew, or takes another address or key."""

    async def work(office: Office) -> None:
        server = await known_server(office, name)
        before = address_of(server)
        address = before if ssh is None else parse_ssh_address(ssh)
        if address is None or server.ssh is None:
            raise NotDone(f"{name} is on this machine; there is nothing to log in to.")
        key_file = key_file_of(server.ssh) if ssh_key is None else ssh_key.absolute()
        way = WayIn(address, host_key, key_file)
        await change_way(office, operator(), server, way, confirm)
        changed = await known_server(office, name)
        tell_way(changed)
        if changed.account != server.account:
            say(f"OpenVPN there answers {server.account} only; deploy again as root there.")

    with_office(work)
