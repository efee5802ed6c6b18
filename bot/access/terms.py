"""What the groups of a person mean for them: which servers, for how long, on whose word, and how.

A person's groups are those of all of their accounts. Who is in none is bound by nothing here. Who
is in several:

- A group that says nothing of something leaves it to the others, and to the settings.
- They may ask for the servers that any of their groups names. For one server those groups count
  that name it, and those that name none.
- Of two limits the tighter one binds: the shortest of the longest durations, and never more than
  the settings allow.
- Each group that names approvers wants its number of approvals from among them, and in all there
  are as many as the largest number says, that of the settings included.
- The address is from the range of the first group, by name, that has one in the server's network.
  No two groups have one address in their ranges, and nobody else gets one of them.
- Routes and DNS servers of all of them are pushed, in the place of the server's own.
- Of what a request has to say the most binds, of how many profiles they may have the fewest.
- What a group gives at once is given by the shortest of such durations; but not where another one
  of theirs says who has to agree, or how many, and gives nothing at once itself.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network, ip_network

from bot.access.refusals import Refusal, Refused
from storage.group_records import Group, Reason
from storage.records import Server, ServerName, UserId
from storage.transaction import Transaction

Network = IPv4Network | IPv6Network


@dataclass(frozen=True, slots=True)
class Terms:
    """What somebody's groups say of one server, or of several that share a profile.

    Attributes:
        groups: those that count there, by name.
        is_open: whether its people may ask for all of these servers.
    """

    groups: tuple[Group, ...] = ()
    is_open: bool = True

    def limit(self, longest: int) -> int:
        """The longest duration, in seconds, where the settings allow `longest`."""
        return min([longest, *(g.max_duration for g in self.groups if g.max_duration is not None)])

    def approvals(self, needed: int) -> int:
        """How many have to agree in all, where the settings want `needed`."""
        return max([needed, *(g.approvals for g in self.groups if g.approvals is not None)])

    def reason(self, demanded: Reason) -> Reason:
        """What a request has to say, where the settings demand that much."""
        said = [demanded, *(g.reason for g in self.groups if g.reason is not None)]
        return max(said, key=[*Reason].index)

    def profiles(self, most: int | None) -> int | None:
        """How many live ones somebody may have, where the settings allow `most`; None: any."""
        said = [most, *(g.max_profiles for g in self.groups)]
        return min((each for each in said if each is not None), default=None)

    def standing(self) -> Group | None:
        """The group that gives them something at once; None where somebody has to agree."""
        giving = [g for g in self.groups if g.standing is not None]
        if any(g.standing is None and (g.approvers or g.approvals) for g in self.groups):
            return None
        return min(giving, key=lambda g: g.standing or 0, default=None)

    @property
    def routes(self) -> tuple[str, ...]:
        """Empty where the server's own are pushed."""
        return _all_of(group.routes for group in self.groups)

    @property
    def dns(self) -> tuple[str, ...]:
        """Empty where the server's own are pushed."""
        return _all_of(group.dns for group in self.groups)

    def range_in(self, network: str | None) -> Network | None:
        """Where in a server's network its people get their addresses; None: it is not said."""
        found = (each for group in self.groups for each in ranges_in(group, network))
        return next(found, None)


def terms(groups: Iterable[Group], servers: Collection[ServerName]) -> Terms:
    """What the groups of a person say of these servers.

    Args:
        groups: all of theirs, by name.
    """
    theirs = tuple(groups)
    named = {name for group in theirs for name in group.servers}
    counting = (g for g in theirs if not g.servers or not set(g.servers).isdisjoint(servers))
    return Terms(tuple(counting), is_open=not named or named.issuperset(servers))


async def terms_of(tx: Transaction, user_id: UserId, servers: Collection[ServerName]) -> Terms:
    """What the person's groups say of these servers now."""
    return terms(await tx.groups.of_person(user_id), servers)


def open_to(
    groups: Sequence[Group], wanted: Mapping[ServerName, Collection[ServerName]]
) -> tuple[ServerName, ...]:
    """Those of the names that somebody may ask for, by their groups.

    Args:
        wanted: what a profile for each name opens.

    Raises:
        Refused: SERVER_NOT_OPEN.
    """
    may = tuple(name for name, servers in wanted.items() if terms(groups, servers).is_open)
    if not may:
        listed = sorted({name for group in groups for name in group.servers})
        raise Refused(Refusal.SERVER_NOT_OPEN, server=next(iter(wanted)), servers=listed)
    return may


def ranges_in(group: Group, network: str | None) -> Sequence[Network]:
    """The group's ranges within a server's network, of whichever family that is."""
    if network is None:
        return ()
    whole = ip_network(network)
    return [each for each in map(ip_network, group.networks) if is_within(each, whole)]


def is_within(inner: Network, outer: Network) -> bool:
    """Whether all of it lies there; never of another family."""
    if isinstance(inner, IPv4Network) and isinstance(outer, IPv4Network):
        return inner.subnet_of(outer)
    if isinstance(inner, IPv6Network) and isinstance(outer, IPv6Network):
        return inner.subnet_of(outer)
    return False


async def ranges_of_others(
    tx: Transaction, server: Server, own: Network | None
) -> Sequence[IPv4Network]:
    """The ranges in a server's network that are kept for groups, but for the own one."""
    return [
        each
        for group in await tx.groups.all()
        for each in ranges_in(group, server.network)
        if each != own and isinstance(each, IPv4Network)
    ]


def _all_of(lists: Iterable[Sequence[str]]) -> tuple[str, ...]:
    """Each once, in their order."""
    return tuple(dict.fromkeys(text for texts in lists for text in texts))
