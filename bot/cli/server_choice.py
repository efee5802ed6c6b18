"""Which server `vpnbot init` sets up: one that is there, or a new one."""

import asyncio
import os
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path, PurePosixPath

from bot.cli.asking import Asker
from bot.cli.server import parse_address, parse_network
from bot.errors import BadSettings, NotDone
from bot.fleet.live_servers import spec_of
from bot.fleet.remote import remote_of
from bot.office import open_office
from bot.process.privileges import ROOT, as_root
from bot.settings import Settings
from bot.setup.first_time import Place
from bot.setup.neighbourhood import Neighbourhood, look_around
from bot.setup.servers import (
    ServerToAdd,
    refuse_taken_folder,
    refuse_taken_port,
    require_safe_place,
)
from storage.records import Server
from vpn.deploy import check_place
from vpn.errors import PortInUse
from vpn.host.local import LocalHost
from vpn.host.machine import port_in_use
from vpn.values import Remote, ServerSpec, parse_remote

_NAME = "main"
_NONE = "none"
_HOMES = Path("/srv/openvpn")
# Stand where a name is checked before the rest is known.
_ANY_REMOTE = "vpn.example.com"
_ANY_DIRECTORY = PurePosixPath("/srv/openvpn/any")


@dataclass(frozen=True, slots=True)
class ServerFlags:
    name: str | None
    remote: str | None
    directory: Path | None
    # None: not given, so it is asked where somebody sits; without them only the server is reached.
    routes: tuple[str, ...] | None = None
    dns: tuple[str, ...] | None = None


def choose_server(
    settings: Settings, flags: ServerFlags, place: Place, asker: Asker
) -> tuple[ServerToAdd | None, str | None]:
    """What is to be added, or the name of one that is there; neither where all stays.

    Raises:
        VpnbotError, VpnError: it cannot be like this.
    """
    known = asyncio.run(_known_servers(settings))
    if flags.name is None and known:
        if flags.remote or flags.directory:
            raise BadSettings("--server is missing: which one are --remote and --directory about?")
        return None, None

    def checked_name(text: str) -> str:
        ServerToAdd(text, parse_remote(_ANY_REMOTE), _ANY_DIRECTORY).spec((), "root")
        return text

    question = "A name for the VPN server"
    name = asker.ask("--server", question, checked_name, given=flags.name, default=_NAME)
    same = next((server for server in known if server.name == name), None)
    if same is not None:
        _refuse_another(same, flags)
        if same.ssh is None:
            _check(spec_of(same))
        return None, name
    return _describe_new(name, flags, place, asker, known), None


async def _known_servers(settings: Settings) -> Sequence[Server]:
    # Opening would make what is not there.
    path = settings.url().database
    if not await asyncio.to_thread(Path(path or "").is_file):
        return ()
    async with open_office(settings) as office, office.database.reading() as tx:
        return await tx.servers.all()


def _describe_new(
    name: str, flags: ServerFlags, place: Place, asker: Asker, known: Sequence[Server]
) -> ServerToAdd:
    around = asyncio.run(look_around(LocalHost(Path("/"))))
    question = "What clients dial, HOST:PORT/PROTO, for example vpn.example.com:1194/udp"
    free_remote = partial(_free_remote, known)
    remote = asker.ask("--remote", question, free_remote, given=flags.remote, default=around.remote)

    def check(text: str) -> PurePosixPath:
        directory = PurePosixPath(Path(text).expanduser().absolute())
        refuse_taken_folder(directory, known)
        _check(ServerToAdd(name, remote, directory).spec(known, place.account))
        return directory

    default = _HOMES / name if os.getuid() == ROOT else place.home / f"openvpn-{name}"
    given = None if flags.directory is None else str(flags.directory)
    question = "Its folder on this machine"
    directory = asker.ask("--directory", question, check, given=given, default=str(default))
    routes = _routes(flags, asker, around)
    return ServerToAdd(
        name=name,
        remote=remote,
        directory=directory,
        routes=routes,
        dns=_dns(flags, asker, around.resolvers_within(routes)),
    )


def _routes(flags: ServerFlags, asker: Asker, around: Neighbourhood) -> tuple[IPv4Network, ...]:
    if flags.routes is not None:
        return tuple(parse_network("--route", text) for text in flags.routes)
    if asker.silent or flags.remote is not None:
        return ()  # whoever describes the server by flags has this one, too
    question = (
        "Networks behind it that clients may reach, for example 192.168.1.0/24, with commas "
        "between them; 0.0.0.0/0 is everything"
    )

    def parse(text: str) -> tuple[IPv4Network, ...]:
        parts = [] if text == _NONE else [part.strip() for part in text.split(",")]
        return tuple(parse_network("", part) for part in parts if part)

    proposed = ", ".join(map(str, around.networks)) or _NONE
    routes = asker.ask("--route", question, parse, default=proposed)
    if not routes:
        asker.tell("  So clients reach this machine, and nothing behind it.")
    return routes


def _dns(
    flags: ServerFlags, asker: Asker, proposed: Sequence[IPv4Address]
) -> tuple[IPv4Address, ...]:
    if flags.dns is not None:
        return tuple(parse_address("--dns", text) for text in flags.dns)
    if asker.silent or flags.remote is not None:
        return ()

    def parse(text: str) -> tuple[IPv4Address, ...]:
        parts = [] if text == _NONE else [part.strip() for part in text.split(",")]
        return tuple(parse_address("", part) for part in parts if part)

    question = "The resolver that clients ask while they are connected, an IP address"
    return asker.ask("--dns", question, parse, default=", ".join(map(str, proposed)) or _NONE)


def _free_remote(known: Sequence[Server], text: str) -> Remote:
    remote = parse_remote(text)
    refuse_taken_port(remote.port, remote.protocol, known)
    if asyncio.run(port_in_use(LocalHost(Path("/")), remote.port, remote.protocol)):
        raise PortInUse(
            f"Another program listens on port {remote.port}/{remote.protocol} here; end it or "
            "choose another port."
        )
    return remote


def _refuse_another(server: Server, flags: ServerFlags) -> None:
    """Flags for a server that is there must describe it."""
    remote = flags.remote and str(parse_remote(flags.remote))
    directory = flags.directory and str(flags.directory.absolute())
    if remote not in (None, str(remote_of(server))) or directory not in (None, server.directory):
        raise NotDone(
            f"There is a server {server.name} already, {remote_of(server)} in {server.directory}; "
            "leave --remote and --directory out, or choose another name."
        )


def _check(spec: ServerSpec) -> None:
    """What `deploy` would refuse, as the one who deploys."""
    require_safe_place(spec.directory)
    with as_root():
        asyncio.run(check_place(spec, LocalHost(Path(spec.directory))))
