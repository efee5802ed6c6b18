"""Which address a grant gets inside the VPN."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from ipaddress import IPv4Address, IPv4Network
from itertools import islice

from bot.access.case import Case
from bot.access.refusals import Refusal, Refused
from storage.records import Server, ServerName
from vpn.configuration.address_plan import AddressPlan, free_addresses
from vpn.values import client_addresses

# A client that lost its access keeps trying for a while; its address is not somebody else's
# before that is over.
REST = timedelta(hours=1)


async def free_address(case: Case, server: Server) -> str | None:
    """An address for a new grant, as `choose_address` gives it.

    Raises:
        Refused: NETWORK_FULL.
    """
    since = rested_since(case)
    held = await case.tx.grants.addresses_held(server.name, since)
    canarys = await case.tx.canaries.addresses_held(server.name, since)
    return choose_address(server, held | canarys)


def rested_since(case: Case) -> datetime:
    """An address that was given up by then has rested."""
    return case.now - REST


def choose_address(server: Server, held: frozenset[str]) -> str | None:
    """The lowest address of the server's network that nobody holds.

    None where a server of the operator's own making gives addresses from a pool, and leaves no
    room beside it.

    Raises:
        Refused: NETWORK_FULL.
    """
    if server.adopted is None:
        return _first_free(server.name, client_addresses(IPv4Network(server.network)), held)
    plan = AddressPlan.from_json(server.adopted["addresses"])
    if not plan.has_fixed:
        return None
    taken = {IPv4Address(text) for text in server.adopted["taken"]}
    return _first_free(server.name, free_addresses(plan, taken), held)


def spare_address(server: Server, held: frozenset[str]) -> str | None:
    """The highest free address, for the bot's own use: people get theirs from below.

    None as with `choose_address`.

    Raises:
        Refused: NETWORK_FULL; fewer than two are free, so that it would be the last one.
    """
    network = IPv4Network(server.network)
    plan, taken = AddressPlan(network, network[1], None, one_each=True), frozenset[IPv4Address]()
    if server.adopted is not None:
        plan = AddressPlan.from_json(server.adopted["addresses"])
        taken = frozenset(IPv4Address(text) for text in server.adopted["taken"])
    if plan.network is None or not plan.has_fixed:
        return None
    downwards = map(plan.network.__getitem__, range(plan.network.num_addresses - 1, -1, -1))
    free = (
        address
        for address in downwards
        if plan.leaves(address) and address not in taken and str(address) not in held
    )
    highest = list(islice(free, 2))
    if len(highest) < 2:  # noqa: PLR2004
        raise Refused(Refusal.NETWORK_FULL, server=server.name)
    return str(highest[0])


def is_closed(server: Server) -> bool:
    """Whether no new profile would work there, by its operator's own configuration."""
    return server.adopted is not None and bool(server.adopted.get("closed"))


def fits(server: Server, address: str | None) -> bool:
    """Whether a grant can keep its address on an adopted server as that is now.

    Its operator may have given it another network, topology or pool since.
    """
    if server.adopted is None:
        return True
    plan = AddressPlan.from_json(server.adopted["addresses"])
    if address is None:
        return plan.pool is not None or not plan.has_fixed
    return plan.leaves(IPv4Address(address))


def _first_free(server: ServerName, addresses: Iterator[IPv4Address], held: frozenset[str]) -> str:
    for address in addresses:
        if str(address) not in held:
            return str(address)
    raise Refused(Refusal.NETWORK_FULL, server=server)
