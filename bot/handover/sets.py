"""How a set of servers that share one profile is, as a whole.

What is wrong with a single server is said of that one. Here is what follows for the set, and what
only those who look at all of them can see.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bot.access.addresses import is_closed
from bot.access.destinations import Destination, every
from bot.fleet.live_servers import layout_of
from bot.handover.profiles import sides_of
from bot.texts import sets as words
from bot.texts.fill import Plain, Template, plain
from storage.records import CanaryLook, Server, ServerName
from storage.transaction import Transaction
from vpn.configuration.shared_profile import disagreements
from vpn.findings import ServerStatus


@dataclass(frozen=True, slots=True)
class SetLook:
    """A set as it is now.

    Attributes:
        differ: why no one profile opens all of its servers; empty where one does.
        unlocked: those of its servers that have no second lock.
        waiting: servers that have not taken in all whose profile is for the set, with how many.
    """

    destination: Destination
    differ: Sequence[str]
    unlocked: Sequence[Server]
    waiting: Sequence[tuple[ServerName, int]]

    @property
    def name(self) -> ServerName:
        return self.destination.name

    @property
    def servers(self) -> Sequence[ServerName]:
        """All of them, in the order in which clients try them."""
        return [server.name for server in self.destination.servers]


async def look_at_sets(tx: Transaction) -> Sequence[SetLook]:
    """Every set, the oldest first. No server is asked."""
    return [look_at(one, await _waiting(tx, one)) for one in await every(tx) if one.is_set]


async def _waiting(tx: Transaction, one: Destination) -> Sequence[tuple[ServerName, int]]:
    found = []
    for server in one.servers:
        waits = await tx.grants.waiting_on(server.name)
        count = sum(grant.server == one.name for grant in waits)
        found += [(server.name, count)] if count else []
    return found


def look_at(one: Destination, waiting: Sequence[tuple[ServerName, int]] = ()) -> SetLook:
    """What its servers' settings say of it."""
    return SetLook(
        one,
        # A closed one is in no new profile.
        differ=disagreements(sides_of(one.open)) if one.open else (),
        unlocked=[server for server in one.servers if not _has_second_lock(server)],
        waiting=waiting,
    )


def _has_second_lock(server: Server) -> bool:
    """As far as its configuration says so; that this is in force is seen at each server."""
    layout = layout_of(server)
    return layout.exclusive and layout.ccd is not None and layout.knows_names


def sentences(
    look: SetLook,
    states: Mapping[ServerName, ServerStatus],
    tried: Mapping[ServerName, CanaryLook],
) -> list[tuple[Template, dict[str, Any]]]:
    """What is wrong with a set as a whole, each with its values; nothing where all is well.

    Args:
        states: what each of its servers answered.
        tried: what came of the last try from outside.
    """
    name = look.name
    answer = [server for server in look.servers if states[server].reachable]
    silent = [server for server in look.servers if server not in answer]
    faulty = [server for server in answer if not _is_well(states[server], tried.get(server))]
    said: list[tuple[Template, dict[str, Any]]] = []
    if silent and not answer:
        said.append((words.ALL_AWAY, {"name": name}))
    elif silent:
        values = {"away": ", ".join(silent), "others": ", ".join(answer)}
        said.append((words.AWAY, values))
    if faulty:
        said.append((words.UNWELL, {"count": len(faulty), "servers": ", ".join(faulty)}))
    said += [(words.DIFFER, {"name": name, "why": why}) for why in look.differ[:1]]
    for server in look.destination.servers:
        values = {"name": name, "server": server.name}
        if is_closed(server):
            said.append((words.CLOSED, values))
        if server in look.unlocked:
            said.append((words.NO_SECOND_LOCK, values))
    for waits, count in look.waiting:
        said.append((words.WAITING, {"name": name, "server": waits, "count": count}))
    return said


def _is_well(state: ServerStatus, tried: CanaryLook | None) -> bool:
    """Whether nothing is wrong with what a server answered, and with its last try from outside."""
    fails_outside = tried is not None and tried.untried is None and tried.troubles
    return not (state.findings or state.open_to_others or state.restart_pending or fails_outside)


def line(look: SetLook, said: Sequence[tuple[Template, dict[str, Any]]]) -> Plain:
    """The set and its `sentences`, for a terminal."""
    text = " ".join(plain(template, **values) for template, values in said) or words.WELL
    return plain(words.LINE, name=look.name, servers=", ".join(look.servers), said=text)
