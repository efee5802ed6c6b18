"""The use cases around sets of servers that share one profile: name one, change it, take it out."""

from collections.abc import Sequence
from dataclasses import dataclass

from bot.access import messages, requests
from bot.access.addresses import is_closed
from bot.access.permission import Actor
from bot.errors import NotDone
from bot.handover.profiles import client_side, sides_of
from bot.keyring import Keyring
from bot.office import Office
from storage.records import Grant, Server, ServerName
from storage.set_records import ServerSet
from storage.transaction import Transaction
from vpn.configuration.shared_profile import MOST_SERVERS, disagreements
from vpn.values import check_server_name


@dataclass(frozen=True, slots=True)
class Changed:
    """A set as it is now.

    Attributes:
        to_deploy: servers that share the first one's tls key now; nothing of theirs is deployed
            yet.
        own_keys: those whose tls key is another one than the first one's.
        longer: live profiles that open servers which are not in the set any more.
        shorter: live profiles that do not open what has come to it.
    """

    now: ServerSet
    to_deploy: tuple[ServerName, ...] = ()
    own_keys: tuple[ServerName, ...] = ()
    longer: tuple[Grant, ...] = ()
    shorter: tuple[Grant, ...] = ()


async def put_set(
    office: Office,
    actor: Actor,
    name: str,
    servers: Sequence[str] = (),
    *,
    random: bool | None = None,
    is_new: bool,
) -> Changed:
    """Names a set of servers, or changes one.

    Args:
        servers: all of its servers, in the order in which clients try them; none: as before.
        random: whether each client tries them in an order of its own; None: as before.

    Raises:
        InvalidServer, NotDone: it cannot be like this, or no one profile would open all of them.
        PkiError: a server's tls key cannot be opened.
    """
    check_server_name(name)
    async with office.database.reading() as tx:
        before = await _before(tx, ServerName(name), is_new=is_new)
        wanted = servers or (before.servers if before else ())
        members = await _members(tx, wanted)
    _require_one_profile(members)
    now = ServerSet(
        name=ServerName(name),
        servers=tuple(server.name for server in members),
        random=random if random is not None else bool(before and before.random),
        added_at=before.added_at if before else office.clock(),
    )
    async with office.acting(actor) as case:
        if await _before(case.tx, now.name, is_new=is_new) != before:
            raise NotDone(f"Somebody changed {name} meanwhile; see: vpnbot server group list")
        # Whatever has happened to the servers since.
        members = await _members(case.tx, now.servers)
        _require_one_profile(members)
        to_deploy = await _share_key(case.tx, office.keyring, members)
        await case.tx.servers.put_set(now)
        await case.record(
            "server.group", f"group:{name}", servers=list(now.servers), random=now.random
        )
        # Cards say which servers a profile would open.
        for request in await case.tx.requests.open_on(now.name):
            await messages.edit_cards(case, request.id)
        live = await case.tx.grants.live_as(now.name)
    return Changed(
        now,
        to_deploy=to_deploy,
        own_keys=await _own_keys(office, members),
        longer=tuple(grant for grant in live if not set(grant.servers) <= set(now.servers)),
        shorter=tuple(grant for grant in live if not set(now.servers) <= set(grant.servers)),
    )


async def remove_set(office: Office, actor: Actor, name: str) -> ServerSet:
    """Takes a set out; its servers stay.

    Raises:
        NotDone: there is no such set, or people have access by it.
    """
    async with office.acting(actor) as case:
        known = await _before(case.tx, ServerName(name), is_new=False)
        assert known is not None
        require_unused(known.name, await case.tx.grants.live_as(known.name))
        for request in await case.tx.requests.open_on(known.name):
            await requests.withdraw(case, request, tell=True)
        await case.tx.servers.remove_set(known.name)
        await case.record("server.ungroup", f"group:{name}", servers=list(known.servers))
    return known


async def require_free_name(tx: Transaction, name: str) -> None:
    """Raises NotDone where a set is called so: people ask for both by name."""
    if await tx.servers.set_named(ServerName(name)) is not None:
        raise NotDone(f"There is a set of servers {name} already; choose another name.")


def require_unused(name: ServerName, live: Sequence[Grant]) -> None:
    """Raises NotDone where people have access through a server or a set."""
    if not live:
        return
    named = [str(grant.common_name) for grant in live[:3]]
    names = ", ".join([*named, "…"] if len(live) > len(named) else named)
    count = "1 live grant uses" if len(live) == 1 else f"{len(live)} live grants use"
    raise NotDone(f"{count} {name} ({names}); revoke first: vpnbot revoke WHO")


async def require_alone(tx: Transaction, name: ServerName) -> None:
    """Raises NotDone where a server is in a set, which would have to be changed first."""
    sets = [one.name for one in await tx.servers.sets() if name in one.servers]
    if sets:
        raise NotDone(
            f"{name} is in {', '.join(sets)}; take it out of there first: vpnbot server group edit "
            f"{sets[0]} SERVER… with the others, or vpnbot server group remove {sets[0]}"
        )


async def _before(tx: Transaction, name: ServerName, *, is_new: bool) -> ServerSet | None:
    known = await tx.servers.set_named(name)
    if not is_new and known is None:
        raise NotDone(f"There is no set of servers “{name}”; see: vpnbot server group list")
    if is_new and known is not None:
        raise NotDone(
            f"There is a set {name} already; to change it: vpnbot server group edit {name}"
        )
    if await tx.servers.get(name) is not None:
        raise NotDone(f"There is a server {name} already; choose another name for the set.")
    return known


async def _members(tx: Transaction, names: Sequence[str]) -> list[Server]:
    """The servers of these names, which can share a profile as far as their number goes."""
    if len(set(names)) != len(names):
        raise NotDone("A server is named twice; name each once.")
    if not 2 <= len(names) <= MOST_SERVERS:  # noqa: PLR2004 - one is no set
        raise NotDone(f"A set has two servers at least, and {MOST_SERVERS} at most; name them all.")
    found = [await tx.servers.get(ServerName(name)) for name in names]
    for name, server in zip(names, found, strict=True):
        if server is None:
            raise NotDone(f"There is no server “{name}”; see: vpnbot server list")
        if server.adopted is not None and is_closed(server):
            raise NotDone(f"No new profile works on {name}; why, says: vpnbot doctor")
    return [server for server in found if server is not None]


def _require_one_profile(members: Sequence[Server]) -> None:
    if why := disagreements(sides_of(members)):
        raise NotDone("No one profile opens all of them. " + " ".join(why))


async def _share_key(
    tx: Transaction, keyring: Keyring, members: Sequence[Server]
) -> tuple[ServerName, ...]:
    """Gives servers whose tls key nobody has yet the one that the others have.

    With one key for all every client can use all of the servers. A key that has left, for the
    server's folder or into an archive, stays: what was given with it would be dead. Whoever deploys
    records that before they read the key (`bot.setup.deploying.issuing`), so within a writing
    transaction it is known.
    """
    fresh = [one for one in members if await _is_fresh(tx, one)]
    first = next((one for one in members if one not in fresh), members[0])
    if client_side(first)[0].tls_key is None:
        return ()
    shared = await keyring.tls_key(first.name)
    changed = []
    for server in fresh:
        if await keyring.tls_key(server.name) != shared:
            keyring.keep_tls_key(server.name, shared)
            changed.append(server.name)
    return tuple(changed)


async def _is_fresh(tx: Transaction, server: Server) -> bool:
    """Whether its tls key is still the bot's alone."""
    if server.adopted is not None or server.crl_published_at is not None:
        return False
    last = await tx.audit.last_done_to(f"server:{server.name}", "server.add", "server.deploy")
    return last != "server.deploy"


async def _own_keys(office: Office, members: Sequence[Server]) -> tuple[ServerName, ...]:
    first, *others = members
    if client_side(first)[0].tls_key is None:
        return ()
    shared = await office.keyring.tls_key(first.name)
    keys = [(one.name, await office.keyring.tls_key(one.name)) for one in others]
    return tuple(name for name, key in keys if key != shared)
