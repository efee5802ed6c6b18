"""What this machine sees around itself, as proposals for a new server: networks, address, resolver.

A proposal is what somebody takes by Enter, so only what is likely stands in it: no network of a
container, a virtual machine or another VPN, and no resolver that clients could not reach.
"""

import json
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from ipaddress import AddressValueError, IPv4Address, IPv4Network, NetmaskValueError
from pathlib import Path
from typing import Any

from vpn.errors import HostError
from vpn.host.interface import ServerHost
from vpn.values import DEFAULT_PORT, Protocol

# What containers, virtual machines and other VPNs call theirs.
_NOT_BEHIND = (
    *("lo", "docker", "br-", "veth", "virbr", "vnet", "lxc", "lxd", "cni", "flannel", "cali"),
    *("podman", "tun", "tap", "wg", "tailscale", "zt", "ppp", "dummy"),
)
_RESOLVERS = (Path("/etc/resolv.conf"), Path("/run/systemd/resolve/resolv.conf"))
_LONGEST = 64 * 1024
_MOST = 8


@dataclass(frozen=True, slots=True)
class Neighbourhood:
    """Attributes:
    networks: private ones behind it, in the kernel's order.
    address: its own, where the world can reach it; None behind a router.
    resolvers: those that it asks itself, without its own.
    """

    networks: tuple[IPv4Network, ...] = ()
    address: IPv4Address | None = None
    resolvers: tuple[IPv4Address, ...] = ()

    @property
    def remote(self) -> str:
        """What clients dial; '' where nobody here knows it."""
        return "" if self.address is None else f"{self.address}:{DEFAULT_PORT}/{Protocol.UDP}"

    def resolvers_within(self, routes: Sequence[IPv4Network]) -> tuple[IPv4Address, ...]:
        """Those that clients reach through the tunnel, and not otherwise."""
        return tuple(
            each
            for each in self.resolvers
            if each.is_private and any(each in route for route in routes)
        )


async def look_around(machine: ServerHost, resolvers: Sequence[Path] = _RESOLVERS) -> Neighbourhood:
    """Nothing is proposed of what cannot be seen."""
    routes = await _rows(machine, "route")
    addresses = await _rows(machine, "address")
    networks: list[IPv4Network] = []
    outside: str | None = None
    for route in routes:
        device = str(route.get("dev", ""))
        if route.get("dst") == "default":
            outside = outside or device
        elif not device.startswith(_NOT_BEHIND):
            with suppress(AddressValueError, NetmaskValueError, ValueError):
                network = IPv4Network(str(route.get("dst")))
                if network.is_private and not network.is_link_local and network.num_addresses > 1:
                    networks.append(network)
    own = [
        IPv4Address(str(each.get("local")))
        for row in addresses
        if row.get("ifname") == outside
        for each in row.get("addr_info", ())
        if each.get("scope") == "global"
    ]
    public = next((each for each in own if each.is_global), None)
    return Neighbourhood(tuple(dict.fromkeys(networks))[:_MOST], public, _resolvers(resolvers))


async def _rows(machine: ServerHost, what: str) -> list[dict[str, Any]]:
    with suppress(HostError, ValueError, RecursionError):
        asked = await machine.run(("ip", "-json", "-4", what, "show"))
        found = json.loads(asked.output) if asked.status == 0 else []
        return [row for row in found if isinstance(row, dict)]
    return []


def _resolvers(files: Sequence[Path]) -> tuple[IPv4Address, ...]:
    """Of the first file that names one which is not this machine itself; resolv.conf(5)."""
    for path in files:
        found = []
        with suppress(OSError), path.open(encoding="utf-8", errors="replace") as file:
            for line in file.read(_LONGEST).splitlines():
                words = line.split()
                if len(words) > 1 and words[0] == "nameserver":
                    with suppress(AddressValueError):
                        found.append(IPv4Address(words[1]))
        outside = tuple(each for each in found if not each.is_loopback)
        if outside:
            return outside
    return ()
