"""Values that describe a server and where clients dial."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Interface, IPv6Network, ip_address
from pathlib import PurePosixPath
from typing import NewType

from vpn.errors import InvalidRemote, InvalidServer, NetworksExhausted

CommonName = NewType("CommonName", str)

DEFAULT_PORT = 1194  # IANA's port for OpenVPN
HIGHEST_PORT = 65535

_PRIVATE = IPv4Network("10.0.0.0/8")
_FIRST_NETWORK = IPv4Network("10.8.0.0/22")  # 1021 clients; OpenVPN's own examples use 10.8
_WIDEST_PREFIX, _NARROWEST_PREFIX = 8, 29
_WIDEST_PREFIX6 = 64

_COMMON_NAME = re.compile(r"[a-z0-9-]{1,64}", re.ASCII)
_SERVER_NAME = re.compile(r"[a-z][a-z0-9-]{0,31}", re.ASCII)
_ACCOUNT = re.compile(r"[a-z_][a-z0-9_-]{0,30}\$?", re.ASCII)
# What neither server.conf, nor a systemd unit, nor a shell line needs to quote.
_DIRECTORY = re.compile(r"/[A-Za-z0-9._/@+-]*", re.ASCII)
_HOST = re.compile(
    r"(?=.{1,253}\Z)[A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9])?"
    r"(\.[A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9])?)*",
    re.ASCII,
)
_REMOTE = re.compile(
    r"(\[(?P<v6>[^\]]*)\]|(?P<host>[^:/\[\]]*))(:(?P<port>[0-9]{1,5}))?(/(?P<protocol>[A-Za-z]+))?",
    re.ASCII,
)


class Protocol(StrEnum):
    """What carries the tunnel."""

    UDP = "udp"
    TCP = "tcp"


@dataclass(frozen=True, slots=True)
class Remote:
    """Where clients dial: a name or an address, a port, a protocol."""

    host: str
    port: int
    protocol: Protocol

    @property
    def is_ipv6(self) -> bool:
        """Whether the host is an IPv6 address, so that the server must listen on IPv6."""
        return ":" in self.host

    def __str__(self) -> str:
        host = f"[{self.host}]" if self.is_ipv6 else self.host
        return f"{host}:{self.port}/{self.protocol}"


@dataclass(frozen=True, slots=True)
class ServerSpec:
    """A server as it is to be. Made by `make_server_spec`.

    Attributes:
        directory: its home folder on its machine, absolute.
        listen_port: the port on its machine; `remote.port` may be another one, forwarded to it.
        network: its clients' network; the server has the first host address.
        network6: likewise, of IPv6; None where clients get no such address.
        routes: what is pushed to clients; 0.0.0.0/0 sends everything through the tunnel.
        account: the account that the bot runs as: it owns `live/` and may use the management
            socket.
    """

    name: str
    remote: Remote
    directory: PurePosixPath
    listen_port: int
    network: IPv4Network
    routes: tuple[IPv4Network, ...]
    dns: tuple[IPv4Address, ...]
    account: str
    network6: IPv6Network | None = None


@dataclass(frozen=True, slots=True)
class Pushed:
    """What one client gets in the place of what its server pushes to all; empty: the same."""

    routes: tuple[IPv4Network | IPv6Network, ...] = ()
    dns: tuple[IPv4Address | IPv6Address, ...] = ()
    # Its own, beside that of IPv4, with the prefix of the server's network.
    address6: IPv6Interface | None = None


AS_ALL = Pushed()


def parse_remote(text: str) -> Remote:
    """Reads 'HOST:PORT/PROTO'; an IPv6 address stands in brackets.

    The port is 1194 and the protocol udp where they are left out.

    Raises:
        InvalidRemote: with an example of what is expected.
    """
    match = _REMOTE.fullmatch(text.strip())
    if match is None:
        raise InvalidRemote(
            f"{text!r} is no HOST:PORT/PROTO; write for example vpn.example.com:1194/udp."
        )
    port = int(match["port"] or DEFAULT_PORT)
    if not 1 <= port <= HIGHEST_PORT:
        raise InvalidRemote(f"The port of {text!r} isn't between 1 and {HIGHEST_PORT}.")
    protocol = (match["protocol"] or Protocol.UDP).lower()
    if protocol not in set(Protocol):
        raise InvalidRemote(f"The protocol of {text!r} must be udp or tcp.")
    return Remote(_remote_host(text, match), port, Protocol(protocol))


def _remote_host(text: str, match: re.Match[str]) -> str:
    if match["v6"] is not None:
        try:
            return str(IPv6Address(match["v6"]))
        except ValueError as error:
            raise InvalidRemote(f"{match['v6']!r} is no IPv6 address.") from error
    host = match["host"]
    if not _HOST.fullmatch(host) or (host.replace(".", "").isdigit() and not _is_address(host)):
        raise InvalidRemote(
            f"The host of {text!r} must be a DNS name in plain letters or an address."
        )
    return host.lower()


def _is_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True


def valid_common_name(text: str) -> bool:
    """Whether the text can be a common name here.

    A common name is a file name below `live/ccd` and an argument of `kill` on the management
    interface, where a colon or a space changes the meaning; X.520 ends it at 64 characters.
    """
    return _COMMON_NAME.fullmatch(text) is not None


def server_common_name(name: str) -> CommonName:
    """The common name of a server's certificate, which clients verify."""
    return CommonName(f"server-{name}")


def make_server_spec(
    *,
    name: str,
    remote: Remote,
    directory: PurePosixPath,
    listen_port: int,
    network: IPv4Network,
    routes: Iterable[IPv4Network],
    dns: Iterable[IPv4Address],
    account: str,
    network6: IPv6Network | None = None,
) -> ServerSpec:
    """A server's description, checked.

    Raises:
        InvalidServer: one of the values cannot be used; the message names it.
    """
    spec = ServerSpec(
        name, remote, directory, listen_port, network, tuple(routes), tuple(dns), account, network6
    )
    check_spec(spec)
    return spec


def check_spec(spec: ServerSpec) -> None:
    """Refuses what would not work, or would mean something else in a file that we write.

    Raises:
        InvalidServer: one of the values cannot be used; the message names it.
    """
    check_server_name(spec.name)
    if not _ACCOUNT.fullmatch(spec.account):
        raise InvalidServer(f"{spec.account!r} isn't a name of a system account.")
    if not 1 <= spec.listen_port <= HIGHEST_PORT:
        raise InvalidServer(f"The port {spec.listen_port} isn't between 1 and {HIGHEST_PORT}.")
    _check_directory(spec.directory)
    _check_network(spec.network)
    if spec.network6 is not None:
        _check_network6(spec.network6, spec.network)


def check_server_name(name: str) -> None:
    """Raises InvalidServer where it would mean something else in a file that we write."""
    if not _SERVER_NAME.fullmatch(name):
        raise InvalidServer(
            f"The server name {name!r} must begin with a letter and have at most 32 of a-z,"
            " 0-9 and '-'."
        )


def _check_directory(directory: PurePosixPath) -> None:
    text = str(directory)
    if not _DIRECTORY.fullmatch(text) or ".." in directory.parts or len(directory.parts) == 1:
        raise InvalidServer(
            f"The folder {text!r} must be an absolute path of plain letters, digits and ._@+-,"
            " without '..'."
        )


def _check_network(network: IPv4Network) -> None:
    if not _WIDEST_PREFIX <= network.prefixlen <= _NARROWEST_PREFIX:
        raise InvalidServer(
            f"The network {network} must be between /{_WIDEST_PREFIX} and /{_NARROWEST_PREFIX}."
        )
    if network.is_multicast or network.is_loopback or network.is_link_local or network.is_reserved:
        raise InvalidServer(f"The network {network} can't be given to clients; choose 10.x.")


def _check_network6(network6: IPv6Network, network: IPv4Network) -> None:
    """Each IPv4 address has one of its own there."""
    narrowest = IPv6Network(0).max_prefixlen - (network.max_prefixlen - network.prefixlen)
    # OpenVPN's `server-ipv6` takes nothing wider than a /64.
    if not _WIDEST_PREFIX6 <= network6.prefixlen <= narrowest:
        raise InvalidServer(
            f"The network {network6} must be between /{_WIDEST_PREFIX6} and /{narrowest}, so that "
            f"each address of {network} has one there."
        )
    if network6.is_multicast or network6.is_loopback or network6.is_link_local:
        raise InvalidServer(f"The network {network6} can't be given to clients; choose fdxx:….")


def next_free_network(taken: Iterable[IPv4Network]) -> IPv4Network:
    """The first /22 from 10.8.0.0 on that overlaps none of those taken.

    Raises:
        NetworksExhausted: 10.0.0.0/8 has none left from there on.
    """
    busy = tuple(taken)
    for candidate in _PRIVATE.subnets(new_prefix=_FIRST_NETWORK.prefixlen):
        if candidate >= _FIRST_NETWORK and not any(candidate.overlaps(other) for other in busy):
            return candidate
    raise NetworksExhausted("No /22 from 10.8.0.0 on is free; name one with --network.")
