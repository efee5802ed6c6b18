"""Compares the names that are found on a server with those that may be there."""

from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from bot.access import reopening
from bot.access.permission import THE_BOT
from bot.core import Core
from storage.records import Grant, GrantState, Server, ServerName
from storage.transaction import Transaction
from vpn.errors import HostError
from vpn.findings import Finding, host_finding
from vpn.names import ccd_file_name, is_ours, name_in_sessions
from vpn.proof.client_files import client_files, set_files_aside
from vpn.proof.live import LiveServer
from vpn.proof.management import Session

# In one look: whoever makes them by the thousand must not hold up those who are let in meanwhile.
_FILES = 500


@dataclass(frozen=True, slots=True)
class Outsiders:
    """Names that have no business on a server.

    Attributes:
        over: of grants that are over or paused, none of whose namesakes may be there.
        elsewhere: of grants that open other servers only.
        unknown: of no client's certificate in the books.
        ending: grants with one of the names, whose end or pause is recorded and not proved yet.
        holders: whose each name is that may be there.
        shared: names that may be there, and that several grants have: nobody can tell whose it is.
    """

    over: Mapping[str, Sequence[Grant]]
    elsewhere: frozenset[str]
    unknown: frozenset[str]
    ending: Sequence[Grant] = ()
    holders: Mapping[str, Grant] = field(default_factory=dict)
    shared: frozenset[str] = frozenset()

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
) -> Outsiders:
    """Finds the names that have no business on a server.

    A name that is both dead and alive is left out: nobody can see which of the two it is.

    Args:
        as_found: what a common name is called there, see `vpn.names`.
    """
    if not names:
        return Outsiders({}, frozenset(), frozenset())
    # A file may be called by bytes that are no text, which no certificate in the books can be.
    asked = {name.encode("utf-8", "replace").decode() for name in names}
    those = await tx.grants.known_on(server, asked)
    known = [(as_found(grant.common_name), grant) for grant in those]
    # The bot's own certificates come and go, see `bot.access.canaries`.
    canaries = {as_found(each.common_name) for each in await tx.canaries.known_on(server)}
    there = frozenset(names).difference(canaries)
    revoking = [
        (name, grant)
        for name, grant in known
        if grant.state is GrantState.REVOKING or grant.pause is not None
    ]
    ending = [grant for name, grant in revoking if name in there]
    count = Counter(name for name, _ in known)
    holders = {name: grant for name, grant in known if name in there and count[name] == 1}
    strange = there.difference(name for name, _ in known if name is not None)
    texts = {name.encode("utf-8", "replace").decode() for name in strange}
    grants = {grant.id: grant for grant in await tx.grants.named(texts)}
    if any("_" in name for name in strange):
        # It may stand for a character that OpenVPN does not show, which only theirs have.
        grants |= {grant.id: grant for grant in await tx.grants.imported()}
    by_name: dict[str, list[Grant]] = {}
    for grant in grants.values():
        name = as_found(grant.common_name)
        if name in strange and not grant.for_server:
            by_name.setdefault(name, []).append(grant)
    over = {
        name: [grant for grant in namesakes if grant.is_out]
        for name, namesakes in by_name.items()
        if any(grant.is_out for grant in namesakes)
    }
    return Outsiders(
        over,
        elsewhere=frozenset(by_name).difference(over),
        unknown=strange.difference(by_name),
        ending=ending,
        holders=holders,
        shared=frozenset(name for name in there if count[name] > 1),
    )


@dataclass(frozen=True, slots=True)
class Seen:
    """What one look at a server found, and what became of it.

    Attributes:
        over: names of grants that were over, and whose end is in doubt from now on.
        files: names whose files were set aside.
        cut: names whose sessions were ended, and not found again.
        left: names whose files or sessions are still there.
        unknown: names that are connected and left alone.
        asked: whether the server has said, by names of certificates, who is on it.
        reached: whether its machine let the bot in; one elsewhere has shown the pinned key then.
        findings: what could not be looked at.
        time: what the server's clock showed.
        on: the sessions of those who may be there, as far as their name is one grant's.
    """

    over: frozenset[str] = frozenset()
    files: tuple[str, ...] = ()
    cut: tuple[str, ...] = ()
    left: tuple[str, ...] = ()
    unknown: tuple[str, ...] = ()
    asked: bool = False
    reached: bool = False
    findings: tuple[Finding, ...] = ()
    time: datetime | None = None
    on: tuple[tuple[Grant, Session], ...] = ()


async def look(core: Core, server: Server, live: LiveServer) -> Seen:
    """Puts out whoever is on a server, or has a file there, and may not; under its lock.

    1. Files and sessions are listed: of both only names are known.
    2. Where somebody is there whose access is over, its end is not proved any more: recorded
       first, and tried at once by whoever has asked for this look (`enforcement`). So is an end
       that waits for its next try.
    3. Files of names that have no business there are set aside: whoever is in mid-handshake is
       refused at its end.
    4. The sessions of all others that have none are ended, and looked for again.

    On a server of ours nobody but us lets anybody in, so a name that is not in the books goes,
    whatever it is. On one of the operator's own making there are routers, and clients of another
    CA: whoever is not in the books is shown to the admins, and cut only where an admin chose so.
    """
    trouble: list[Finding] = []
    files: Collection[str] = ()
    on: Sequence[Session] | None = None
    reached = False
    try:
        # Even where there are no files to list: else nobody would hear of another host key.
        await live.host.caller()
        reached = True
        files = await client_files(live.host, live.layout)  # (1)
    except HostError as error:
        trouble.append(host_finding(error))
    answer = await live.ask()
    if isinstance(answer, Finding):
        trouble.append(answer)
    elif live.layout.knows_names:
        on = answer.sessions
    async with core.database.reading() as tx:
        filed = await compare(tx, server.name, files, ccd_file_name)
        names = {session.common_name for session in on or ()}
        connected = await compare(tx, server.name, names, name_in_sessions)
    to_move, to_cut = filed.all, connected.elsewhere | connected.unknown
    if server.adopted is not None:
        # Where it is no lock, a file that we did not write is none of our business.
        locks = live.layout.exclusive
        to_move = frozenset(name for name in filed.over if locks or is_ours(name))
        to_cut = to_cut if server.cuts_unknown else connected.elsewhere
    to_move = frozenset(sorted(to_move)[:_FILES])
    over = {**connected.over, **{n: filed.over[n] for n in to_move & filed.over.keys()}}
    if over or connected.ending:
        async with core.acting(THE_BOT) as case:  # (2)
            grants = [grant for namesakes in over.values() for grant in namesakes]
            await reopening.reopen(case, server.name, grants)
            await case.tx.proofs.hasten(
                [each.id for each in connected.ending], server.name, case.now
            )
    moved, stuck = await set_files_aside(live.host, live.layout, to_move)  # (3)
    cut = await live.cut_strangers(to_cut)  # (4)
    return Seen(
        over=frozenset(over),
        files=moved,
        cut=cut.names,
        left=tuple(sorted({*cut.left, *to_move.difference(moved)})),
        unknown=tuple(sorted(connected.unknown - to_cut)),
        asked=on is not None and live.layout.knows_names,
        reached=reached,
        findings=(*trouble, *stuck, *cut.findings),
        time=None if isinstance(answer, Finding) else answer.time,
        on=tuple(
            (connected.holders[session.common_name], session)
            for session in on or ()
            if session.common_name in connected.holders
        ),
    )
