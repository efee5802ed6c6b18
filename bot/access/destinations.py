"""What people ask for by one name: a server, or a set of servers that share a profile."""

from collections.abc import Sequence
from dataclasses import dataclass

from bot.access.addresses import is_closed
from storage.records import Request, Server, ServerName
from storage.transaction import Transaction


@dataclass(frozen=True, slots=True)
class Destination:
    """A name that can be asked for.

    Attributes:
        servers: those that a profile for it opens, in the order in which clients try them.
        random: whether each client tries them in an order of its own.
        is_set: whether it is a set; one may have a single server left.
    """

    name: ServerName
    servers: tuple[Server, ...]
    random: bool = False
    is_set: bool = False

    @property
    def open(self) -> tuple[Server, ...]:
        """Those where new profiles work."""
        return tuple(server for server in self.servers if not is_closed(server))

    @property
    def names(self) -> tuple[ServerName, ...]:
        """Of those that a new profile opens."""
        return tuple(server.name for server in self.open)


async def find(tx: Transaction, name: ServerName) -> Destination | None:
    """None where there is neither a server nor a set of this name."""
    server = await tx.servers.get(name)
    if server is not None:
        return Destination(name, (server,))
    return next((one for one in await every(tx) if one.name == name), None)


async def every(tx: Transaction) -> Sequence[Destination]:
    """First the sets, which reach further, then the servers; the oldest first."""
    servers = await tx.servers.all()
    known = {server.name: server for server in servers}
    sets = [
        Destination(
            one.name,
            tuple(known[name] for name in one.servers if name in known),
            random=one.random,
            is_set=True,
        )
        for one in await tx.servers.sets()
    ]
    return [*sets, *(Destination(server.name, (server,)) for server in servers)]


async def opened_by(tx: Transaction, request: Request) -> Sequence[ServerName]:
    """The servers that a profile for this request would open now."""
    found = None if request.server is None else await find(tx, request.server)
    return () if found is None else found.names
