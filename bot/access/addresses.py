"""Which address a grant gets inside the VPN."""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from ipaddress import IPv4Address, IPv4Network, IPv6Network
from itertools import islice

from bot.access.case import Case
from bot.access.refusals import Refusal, Refused
from bot.access.terms import ranges_of_others, terms_of
from storage.records import Server, UserId
from vpn.configuration.address_plan import AddressPlan

# A client that lost its access keeps trying for a while; its address is not somebody else's
# before that is over.
REST = timedelta(hours=1)


async def free_address(case: Case, server: Server, owner: UserId) -> str | None:
    """An address for a new grant, as `choose_address` gives it, from where its owner's groups say.

    Raises:
        Refused: NETWORK_FULL.
    """
    since = rested_since(case)
    within, beside = await ranges_for(case, server, owner)
    held = await case.tx.grants.addresses_held(server.name, since)
    canarys = await case.tx.canaries.addresses_held(server.name, since)
    return choose_address(server, held | canarys, within=within, beside=beside)


async def ranges_for(
    case: Case, server: Server, owner: UserId
) -> tuple[IPv4Network | None, Sequence[IPv4Network]]:
    """Where somebody's addresses on a server come from, and the ranges that are others'."""
    own = (await terms_of(case.tx, owner, [server.name])).range_in(server.network)
    beside = await ranges_of_others(case.tx, server, own)
    return (own if isinstance(own, IPv4Network) else None), beside


def rested_since(case: Case) -> datetime:
    """An address that was given up by then has rested."""
    return case.now - REST


def choose_address(
    server: Server,
    held: frozenset[str],
    *,
    within: IPv4Network | None = None,
    beside: Sequence[IPv4Network] = (),
) -> str | None:
    """The lowest address of the server's network that nobody holds.

    None where a server of the operator's own making gives addresses from a pool, and leaves no
    room beside it.

    Args:
        within: only from this range; None: from the whole network.
        beside: from none of these ranges.

    Raises:
        Refused: NETWORK_FULL.
    """
    plan, taken = _plan_of(server)
    if plan.network is None or (server.adopted is not None and not plan.has_fixed):
        return None
    for address in _outside(within or plan.network, beside):
        if plan.leaves(address) and address not in taken and str(address) not in held:
            return str(address)
    raise Refused(Refusal.NETWORK_FULL, server=server.name)


def spare_address(
    server: Server, held: frozenset[str], beside: Sequence[IPv4Network] = ()
) -> str | None:
    """The highest free address, for the bot's own use: people get theirs from below.

    None as with `choose_address`. It is from none of the ranges `beside`.

    Raises:
        Refused: NETWORK_FULL; fewer than two are free, so that it would be the last one.
    """
    plan, taken = _plan_of(server)
    if plan.network is None or not plan.has_fixed:
        return None
    free = (
        address
        for address in _outside(plan.network, beside, upwards=False)
        if plan.leaves(address) and address not in taken and str(address) not in held
    )
    highest = list(islice(free, 2))
    if len(highest) < 2:  # noqa: PLR2004
        raise Refused(Refusal.NETWORK_FULL, server=server.name)
    return str(highest[0])


def is_closed(server: Server) -> bool:
    """Whether no new profile would work there.

    Either by its operator's own configuration, or because it was never deployed.
    """
    if server.adopted is not None:
        return bool(server.adopted.get("closed"))
    return server.crl_published_at is None


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


def address6_of(server: Server, address: str | None, within: IPv6Network | None) -> str | None:
    """The IPv6 address that goes with one of IPv4: the same number, counted from a range's first.

    Ranges begin at multiples of the size of the server's IPv4 network and have room for it, see
    `bot.access.groups`. So no two clients have one, and one rests with the other.

    Args:
        within: the range of the owner's group; None: the server's whole network.
    """
    if server.network6 is None or address is None:
        return None
    number = int(IPv4Address(address)) - int(IPv4Network(server.network).network_address)
    return str((within or IPv6Network(server.network6))[number])


def suits(
    server: Server,
    address: str | None,
    within: IPv4Network | None,
    beside: Sequence[IPv4Network],
) -> bool:
    """Whether somebody can keep an address who gets theirs from `within`, and not from `beside`."""
    if address is None or not fits(server, address):
        return fits(server, address)
    there = IPv4Address(address)
    return (within is None or there in within) and not any(there in other for other in beside)


def _plan_of(server: Server) -> tuple[AddressPlan, frozenset[IPv4Address]]:
    """The addresses of a server, and those that its operator's own files give away."""
    if server.adopted is None:
        network = IPv4Network(server.network)
        return AddressPlan(network, network[1], None, one_each=True), frozenset()
    taken = frozenset(IPv4Address(text) for text in server.adopted["taken"])
    return AddressPlan.from_json(server.adopted["addresses"]), taken


def _outside(
    network: IPv4Network, beside: Sequence[IPv4Network], *, upwards: bool = True
) -> Iterator[IPv4Address]:
    """The addresses of a network outside these ranges, which are passed by in one go."""
    first, last = int(network.network_address), int(network.broadcast_address)
    at = first if upwards else last
    while first <= at <= last:
        address = IPv4Address(at)
        other = next((each for each in beside if address in each), None)
        if other is None:
            yield address
            at += 1 if upwards else -1
        elif upwards:
            at = int(other.broadcast_address) + 1
        else:
            at = int(other.network_address) - 1
