"""A stored server as the vpn library knows it."""

from ipaddress import IPv4Address, IPv4Network, IPv6Network
from pathlib import Path, PurePosixPath

from bot.fleet.elsewhere import host_elsewhere
from bot.fleet.remote import remote_of
from storage.records import Server
from vpn.configuration.adopted import certificate_end_of
from vpn.host.interface import ServerHost
from vpn.host.local import LocalHost
from vpn.layout import DEPLOYED, Layout
from vpn.proof.live import LiveServer
from vpn.values import ServerSpec


def spec_of(server: Server) -> ServerSpec:
    """How it is to be."""
    return ServerSpec(
        name=server.name,
        remote=remote_of(server),
        directory=PurePosixPath(server.directory),
        listen_port=server.listen_port,
        network=IPv4Network(server.network),
        routes=tuple(IPv4Network(route) for route in server.routes),
        dns=tuple(IPv4Address(address) for address in server.dns),
        account=server.account,
        network6=IPv6Network(server.network6) if server.network6 else None,
    )


def layout_of(server: Server) -> Layout:
    """Where its files are."""
    return DEPLOYED if server.adopted is None else Layout.from_json(server.adopted["layout"])


def live_server(server: Server) -> LiveServer:
    """The server on its machine: this one, or one that is reached by SSH."""
    layout = layout_of(server)
    end = None if server.adopted is None else certificate_end_of(server.adopted)
    return LiveServer(spec_of(server), host_of(server), layout=layout, known_end=end)


def host_of(server: Server) -> ServerHost:
    """Its machine, with the folder that the paths of its layout are relative to."""
    home = PurePosixPath("/" if server.adopted is not None else server.directory)
    return LocalHost(Path(home)) if server.ssh is None else host_elsewhere(server.ssh, home)
