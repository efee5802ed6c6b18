"""Compares the names that are found on a server with those that may be there."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass

from storage.records import PROVED_STATES, Grant, ServerName
from storage.transaction import Transaction


@dataclass(frozen=True, slots=True)
class Compared:
    """Names that have no business on a server.

    Attributes:
        over: of grants that are over, none of whose namesakes may be there.
        elsewhere: of grants that open other servers only.
        unknown: of no client's certificate in the books.
    """

    over: Mapping[str, Sequence[Grant]]
    elsewhere: frozenset[str]
    unknown: frozenset[str]

    @property
    def ours(self) -> frozenset[str]:
        """Those that the bot can tell to be out, whoever made the server's configuration."""
        return self.elsewhere.union(self.over)

    @property
    def all(self) -> frozenset[str]:
        return self.ours | self.unknown


async def compare(
    tx: Transaction,
    server: ServerName,
    names: Collection[str],
    as_found: Callable[[str], str | None],
) -> Compared:
    """Of one name that is dead and alive nothing is said: which of the two it is, nobody can see.

    Args:
        as_found: what a common name is called there, see `vpn.names`.
    """
    known = {as_found(grant.common_name) for grant in await tx.grants.known_on(server)}
    strange = frozenset(names) - known
    grants = [*await tx.grants.named(strange)]
    if any("_" in name for name in strange):
        # It may stand for a character that OpenVPN does not show, which only theirs have.
        grants += [g for g in await tx.grants.imported() if as_found(g.common_name) in strange]
    found: dict[str, list[Grant]] = {}
    for grant in grants:
        name = as_found(grant.common_name)
        if name in strange and not grant.for_server:
            found.setdefault(name, []).append(grant)
    over = {
        name: [grant for grant in namesakes if grant.state in PROVED_STATES]
        for name, namesakes in found.items()
        if any(grant.state in PROVED_STATES for grant in namesakes)
    }
    return Compared(over, frozenset(found).difference(over), strange.difference(found))
