"""Which fixed addresses an adopted server leaves for new clients.

Source: helper_client_server() in OpenVPN 2.6's helper.c, which turns `server` and `server-bridge`
into addresses and pools.
"""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network
from typing import Any

from vpn.configuration.server import ConfFacts

_NOPOOL = "nopool"
_SUBNET = "subnet"


@dataclass(frozen=True, slots=True)
class AddressPlan:
    """The clients' network, and what the server gives away by itself.

    Attributes:
        network: None where the clients get addresses from elsewhere, as on a bridge.
        own: the server's address.
        pool: the first and the last address that the server gives; None without a pool.
        one_each: a client has one address of the network (topology subnet, or tap), and a file of
            its own that OpenVPN finds. Otherwise no fixed address is given out.
    """

    network: IPv4Network | None
    own: IPv4Address | None
    pool: tuple[IPv4Address, IPv4Address] | None
    one_each: bool

    @property
    def has_fixed(self) -> bool:
        """Whether there is room for fixed addresses beside the pool."""
        return next(free_addresses(self, ()), None) is not None

    def leaves(self, address: IPv4Address) -> bool:
        """Whether it is one that a client can have for good: nobody else gets it by itself."""
        if self.network is None or not self.one_each or address not in self.network:
            return False
        in_pool = self.pool is not None and self.pool[0] <= address <= self.pool[1]
        edges = (self.network.network_address, self.network.broadcast_address, self.own)
        return not in_pool and address not in edges

    def to_json(self) -> dict[str, Any]:
        """As JSON values; `from_json` reads it again."""
        return {
            "network": self.network and str(self.network),
            "own": self.own and str(self.own),
            "pool": self.pool and [str(address) for address in self.pool],
            "one_each": self.one_each,
        }

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> "AddressPlan":
        """Raises KeyError or ValueError where it is not what `to_json` gave."""
        pool = values["pool"] and tuple(IPv4Address(text) for text in values["pool"])
        return cls(
            network=values["network"] and IPv4Network(values["network"]),
            own=values["own"] and IPv4Address(values["own"]),
            pool=pool,
            one_each=values["one_each"],
        )


def free_addresses(plan: AddressPlan, taken: Collection[IPv4Address]) -> Iterator[IPv4Address]:
    """The addresses that a new client can have for good, in order; none where there is no room.

    Args:
        taken: those of our own grants, and what clients' files give away
            (`vpn.proof.client_files.fixed_addresses`).
    """
    if plan.network is None or not plan.one_each or _takes_all(plan.network, plan.pool):
        return
    for address in plan.network.hosts():
        if plan.leaves(address) and address not in taken:
            yield address


def _takes_all(network: IPv4Network, pool: tuple[IPv4Address, IPv4Address] | None) -> bool:
    """Saves a walk through millions of addresses."""
    first, last = network.network_address + 2, network.broadcast_address - 1
    return pool is not None and pool[0] <= first and pool[1] >= last


def address_plan(facts: ConfFacts, device: str) -> AddressPlan:
    """What the configuration says of its clients' addresses.

    Of a directive that cannot be read nothing is taken: then there is no room, which is safe.
    """
    # Until 2.6 a server without the line gives each client a network of four.
    one_each = device == "tap" or facts.first_argument("topology") == _SUBNET
    try:
        server = facts.last("server")
        if server is not None:
            return _from_server(server, facts, one_each=one_each)
        return _from_ifconfig(facts, one_each=one_each)
    except (ValueError, IndexError):
        return AddressPlan(None, None, None, one_each)


def _from_server(server: tuple[str, ...], facts: ConfFacts, *, one_each: bool) -> AddressPlan:
    network = IPv4Network(f"{server[0]}/{server[1]}")
    own = network.network_address + 1
    if _NOPOOL in server[2:]:
        return AddressPlan(network, own, _named_pool(facts), one_each)
    # Since all hosts but the server's are in it, where exactly it ends does not matter.
    return AddressPlan(network, own, (own + 1, network.broadcast_address), one_each)


def _from_ifconfig(facts: ConfFacts, *, one_each: bool) -> AddressPlan:
    """`mode server` written out. A bridge's other addresses are those of machines in the LAN."""
    words = facts.last("ifconfig")
    if words is None or not one_each or facts.has("server-bridge"):
        return AddressPlan(None, None, _named_pool(facts), one_each)
    network = IPv4Network(f"{words[0]}/{words[1]}", strict=False)
    return AddressPlan(network, IPv4Address(words[0]), _named_pool(facts), one_each)


def _named_pool(facts: ConfFacts) -> tuple[IPv4Address, IPv4Address] | None:
    words = facts.last("ifconfig-pool")
    return None if words is None else (IPv4Address(words[0]), IPv4Address(words[1]))
