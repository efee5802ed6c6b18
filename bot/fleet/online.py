"""Who is connected to a server at this moment, and whose each session is."""

from dataclasses import dataclass
from enum import StrEnum

from bot.core import Core
from bot.fleet.presence import compare
from storage.records import Grant, Server, ServerName
from vpn.findings import Finding
from vpn.names import name_in_sessions
from vpn.proof.live import LiveServer
from vpn.proof.management import Session


class Standing(StrEnum):
    """What the books say about the name of a session."""

    KNOWN = "known"
    NO_ACCESS = "no_access"  # over, or for other servers only: the next look ends it
    UNKNOWN = "unknown"  # in no books
    NAMELESS = "nameless"  # this server shows names that are not those of certificates


@dataclass(frozen=True, slots=True)
class Connected:
    """One session; `grant` is None where the name is nobody's, or that of several profiles."""

    server: ServerName
    session: Session
    standing: Standing
    grant: Grant | None = None


@dataclass(frozen=True, slots=True)
class OnServer:
    """What a server says; with a finding nothing is known of who is on it.

    Attributes:
        cuts_unknown: whether the next look ends the sessions of unknown names.
    """

    server: ServerName
    cuts_unknown: bool
    sessions: tuple[Connected, ...] = ()
    finding: Finding | None = None


async def who_is_on(core: Core, server: Server, live: LiveServer) -> OnServer:
    """Asks a server, and the books; never raises for the server's trouble."""
    cuts = server.adopted is None or server.cuts_unknown
    answer = await live.ask()
    if isinstance(answer, Finding):
        return OnServer(server.name, cuts, finding=answer)
    names = {session.common_name for session in answer.sessions if live.layout.knows_names}
    async with core.database.reading() as tx:
        found = await compare(tx, server.name, names, name_in_sessions)

    def standing(name: str) -> Standing:
        if not live.layout.knows_names:
            return Standing.NAMELESS
        if name in found.ours:
            return Standing.NO_ACCESS
        return Standing.UNKNOWN if name in found.unknown else Standing.KNOWN

    sessions = sorted(answer.sessions, key=lambda one: (one.connected_since, one.client_id))
    return OnServer(
        server.name,
        cuts,
        tuple(
            Connected(
                server.name, one, standing(one.common_name), found.holders.get(one.common_name)
            )
            for one in sessions
        ),
    )
