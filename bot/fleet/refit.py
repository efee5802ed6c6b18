"""Brings clients' files into line with what groups say, and sees addresses out of use.

A change of groups is recorded first, with the files that it makes due (`bot.access.groups`). They
are written under the server's lock, and whoever finds some left tries again: nothing of a change is
lost with whoever made it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from ipaddress import IPv4Address, IPv6Interface, IPv6Network, ip_address, ip_network

from bot.access.terms import terms_of
from bot.core import Core
from storage.group_records import AddressSpan
from storage.records import LIVE_STATES, Grant, GrantId, Server, ServerName
from storage.transaction import Transaction
from vpn.errors import HostError
from vpn.findings import Finding, host_finding
from vpn.names import name_in_sessions
from vpn.proof.live import LiveServer
from vpn.proof.management import Session
from vpn.proof.sessions import ToCut, cut_sessions
from vpn.values import AS_ALL, CommonName, Pushed


@dataclass(frozen=True, slots=True)
class Refitted:
    """What became of the clients' files on one server.

    Attributes:
        written: whose files are as they should be now.
        on: those of them that are connected, with what they were given before.
        cut: whose sessions were ended, because their address is another one now.
        left: files that could not be written, and addresses that may still be in use; tried again.
        findings: why.
    """

    server: ServerName
    written: tuple[Grant, ...] = ()
    on: tuple[Grant, ...] = ()
    cut: tuple[Grant, ...] = ()
    left: int = 0
    findings: tuple[Finding, ...] = ()


async def pushed_to(tx: Transaction, server: Server, grant: Grant) -> Pushed:
    """What a grant's owner gets from their groups in the place of what all get there."""
    if grant.user_id is None:
        return AS_ALL
    theirs = await terms_of(tx, grant.user_id, [server.name])
    address6 = None
    if server.network6 is not None:
        prefix = IPv6Network(server.network6).prefixlen
        spans = await tx.addresses.now_of(grant.id, server.name)
        given = [span.address for span in spans if ":" in span.address]
        address6 = IPv6Interface(f"{given[0]}/{prefix}") if given else None
    routes, dns = map(ip_network, theirs.routes), map(ip_address, theirs.dns)
    return Pushed(tuple(routes), tuple(dns), address6)


async def pushed_to_each(
    tx: Transaction, server: Server, grants: Sequence[Grant]
) -> Mapping[GrantId, Pushed]:
    """`pushed_to`, of all at once."""
    if not await tx.groups.all() and server.network6 is None:
        return dict.fromkeys((grant.id for grant in grants), AS_ALL)
    return {grant.id: await pushed_to(tx, server, grant) for grant in grants}


async def refit(core: Core, server: Server, live: LiveServer) -> Refitted:
    """Writes what is due on a server, under its lock.

    1. The files are written: who connects from now on gets what they say.
    2. Who is connected by an address that was given up is cut: of two people with one address the
       second would take the first one's packets. With (1) before it they come back with the new.
    3. An address that no session has any more counts as left, and rests.
    """
    async with core.database.reading() as tx:
        due = await tx.addresses.due_files(server.name)
        known = {grant.id: grant for grant in await tx.grants.some([*due])}
        moved = await tx.addresses.moved_on(server.name)
    if not due and not moved:
        return Refitted(server.name)
    written, trouble, failed = [], [], 0
    for grant_id, due_at in due.items():
        grant = known[grant_id]
        try:
            if grant.state in LIVE_STATES:
                await admit_with_terms(core, server, live, grant)  # (1)
                written.append(grant)
        except HostError as error:
            trouble.append(host_finding(error))
            failed += 1
            continue
        async with core.database.writing() as tx:
            await tx.addresses.file_done(server.name, grant_id, due_at)
    answer = await live.ask()
    sessions: Sequence[Session] | None = None
    if isinstance(answer, Finding):
        trouble.append(answer)
    elif live.layout.knows_names:
        sessions = answer.sessions
    cut, staying = await _see_out(core, live, moved, sessions)
    names = {session.common_name for session in sessions or ()}
    on = [one for one in written if one not in cut and _shown(one) in names]
    return Refitted(
        server.name,
        tuple(written),
        tuple(on),
        tuple(cut),
        failed + staying,
        tuple(dict.fromkeys(trouble)),
    )


async def admit_with_terms(core: Core, server: Server, live: LiveServer, grant: Grant) -> None:
    """Writes a grant's file, with what its owner's groups say at this moment."""
    async with core.database.reading() as tx:
        pushed = await pushed_to(tx, server, grant)
    given = grant.address_on(server.name)
    address = IPv4Address(given) if given else None
    await live.admit(CommonName(grant.common_name), address, pushed)


async def _see_out(
    core: Core,
    live: LiveServer,
    moved: Sequence[AddressSpan],
    sessions: Sequence[Session] | None,
) -> tuple[list[Grant], int]:
    """Whose sessions were cut, and how many addresses may still be in use."""
    if sessions is None or not moved:
        return [], len(moved)
    async with core.database.reading() as tx:
        grants = {grant.id: grant for grant in await tx.grants.some([s.grant_id for s in moved])}
    in_use = {(session.common_name, session.virtual_address) for session in sessions}
    still = [s for s in moved if (_shown(grants[s.grant_id]), s.address) in in_use]
    cut = [grants[grant_id] for grant_id in dict.fromkeys(span.grant_id for span in still)]
    # Of IPv6 the list shows no address. Nobody else gets one while its owner keeps that of IPv4, so
    # it is enough that it goes with the session.
    since = {session.common_name: session.connected_since for session in sessions}
    still += [s for s in moved if ":" in s.address and _began_before(s, grants, since)]
    if cut:
        done = await cut_sessions(live.talk, [ToCut(CommonName(one.common_name)) for one in cut])
        gone = set() if done.left is None else set(cut)
        for left in done.left or ():
            gone -= {one for one in cut if one.common_name == left.common_name}
        cut = [one for one in cut if one in gone]
    left_now = [s for s in moved if s not in still or grants[s.grant_id] in cut]
    async with core.database.writing() as tx:
        for span in left_now:
            await tx.addresses.leave(span.id, core.clock())
    return cut, len(moved) - len(left_now)


def _began_before(
    span: AddressSpan, grants: Mapping[GrantId, Grant], since: Mapping[str, datetime]
) -> bool:
    began = since.get(_shown(grants[span.grant_id]))
    return began is not None and span.moved_at is not None and began <= span.moved_at


def _shown(grant: Grant) -> str:
    return name_in_sessions(grant.common_name)
