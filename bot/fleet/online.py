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

    if live.layout.knows_names:
        standings = dict.fromkeys(found.unknown, Standing.UNKNOWN)
        standings |= dict.fromkeys(found.ours, Standing.NO_ACCESS)
        standings |= dict.fromkeys(found.shared.union(found.holders), Standing.KNOWN)
    else:
        standings = {each.common_name: Standing.NAMELESS for each in answer.sessions}
    sessions = [
        Connected(server.name, each, standings[name], found.holders.get(name))
        for each in sorted(answer.sessions, key=lambda one: (one.connected_since, one.client_id))
        # What `compare` passes over is nobody's: the bot's own.
        if (name := each.common_name) in standings
    ]
    return OnServer(server.name, cuts, tuple(sessions))
