"""The use cases around a grant: reserve, issue, deliver, renew, replace what was lost."""

from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from ipaddress import IPv6Network
from typing import Any

from bot.access import messages, pace, pausing, revocation, roles, soon_over
from bot.access.addresses import address6_of, free_address
from bot.access.case import Case
from bot.access.destinations import find
from bot.access.keys import require_way
from bot.access.messages import DeliverNote, Notice
from bot.access.names import common_name
from bot.access.permission import THE_BOT, Act, require
from bot.access.refusals import Refusal, Refused
from bot.access.terms import open_to, terms_of
from bot.access.who import name_of
from storage.key_records import KeyWay
from storage.records import (
    LIVE_STATES,
    EndReason,
    Grant,
    GrantId,
    GrantState,
    Person,
    Place,
    Request,
    Server,
    ServerName,
)

# A profile that lasts for less is not worth its delivery.
SHORTEST_RENEWAL = timedelta(minutes=1)


async def reserve(
    case: Case,
    request: Request,
    requester: Person,
    *,
    not_after: datetime,
    not_before: datetime | None = None,
    replaces: GrantId | None = None,
    among: Collection[ServerName] | None = None,
) -> Grant:
    """Stores serial, common name and an address on each server, before any certificate exists.

    Args:
        not_before: of what is to begin later; None: now.
        among: of a set, only these servers.

    Raises:
        Refused: OUTLIVES_AUTHORITY, AUTHORITY_OVER, AUTHORITY_AHEAD, UNKNOWN_SERVER, SERVER_CLOSED,
            NETWORK_FULL.
    """
    authority = await require_outlived(case, not_after)
    name = ServerName(request.server or "")
    found = await find(case.tx, name)
    servers = () if found is None else found.servers
    if among is not None:
        servers = tuple(server for server in servers if server.name in among)
    if found is None or not servers:
        raise Refused(Refusal.UNKNOWN_SERVER, server=name)
    # Where no new profile works, the others of a set serve.
    servers = tuple(server for server in servers if server in found.open)
    if not servers:
        raise Refused(Refusal.SERVER_CLOSED, server=name)
    places = [
        Place(server.name, await free_address(case, server, requester.id)) for server in servers
    ]
    code = case.chance.code()
    grant = Grant(
        id=GrantId(f"g-{code}"),
        request_id=request.id,
        user_id=requester.id,
        server=name,
        common_name=common_name(requester.name, code),
        serial=await case.tx.crl.take_spare() or case.chance.serial(),
        places=tuple(places),
        state=GrantState.RESERVED,
        not_before=case.now if not_before is None else max(not_before, case.now),
        not_after=not_after,
        replaces=replaces,
        authority=authority,
    )
    await case.tx.grants.add(grant)
    for server in servers:
        await note_address6(case, server, grant)
    await case.record(
        "grant.reserve",
        grant,
        server=name,
        **_where(grant),
        until=not_after.isoformat(timespec="seconds"),
    )
    if await case.tx.pauses.of(requester.id) is not None:
        # In the place of one that got lost: it waits with the rest.
        await pausing.settle(case, [grant])
    return grant


def _where(grant: Grant) -> dict[str, Any]:
    """Its addresses for the trail; of a set, server by server."""
    if grant.servers == (grant.server,):
        return {"address": grant.address}
    return {"addresses": {place.server: place.address for place in grant.places}}


def require_giving(case: Case) -> None:
    """Raises Refused: CLOCK_IN_DOUBT. What is given now could last for longer than it should."""
    if not case.may_give:
        raise Refused(Refusal.CLOCK_IN_DOUBT)


async def require_outlived(case: Case, not_after: datetime) -> int:
    """Gives the number of the CA that will sign.

    Raises Refused: OUTLIVES_AUTHORITY, AUTHORITY_OVER, AUTHORITY_AHEAD. Such a certificate could
    never be made, or would work for nobody.
    """
    number = await case.tx.rotation.signing()
    authority = case.lifetime_of(number)
    if authority is None:
        return number
    if case.now < authority.begins:
        raise Refused(Refusal.AUTHORITY_AHEAD, begins=authority.begins)
    if authority.ends <= case.now:
        raise Refused(Refusal.AUTHORITY_OVER, until=authority.ends)
    if not_after > authority.ends:
        raise Refused(Refusal.OUTLIVES_AUTHORITY, until=authority.ends)
    return number


async def renew(case: Case, grant_id: GrantId, *, note: DeliverNote = DeliverNote.RENEWED) -> Grant:
    """A new profile with the same end; the old one is revoked.

    Raises:
        Refused: NOT_ALLOWED, UNKNOWN_GRANT, NOT_YOURS, GRANT_OVER, GRANT_BUSY,
            GRANT_ENDS_SOON, SERVER_NOT_OPEN, RENEWED_TOO_OFTEN, NETWORK_FULL, UNKNOWN_SERVER,
            SERVER_CLOSED, NO_OWN_KEY,
            NO_BUTTON, CLOCK_IN_DOUBT.
    """
    require(case.actor, Act.ASK)
    require_giving(case)
    old = await revocation.own_live_grant(case, grant_id)
    require_ours(old)
    if old.state is not GrantState.ACTIVE:
        raise Refused(Refusal.GRANT_BUSY)
    if old.not_after - case.now < SHORTEST_RENEWAL:
        raise Refused(Refusal.GRANT_ENDS_SOON)
    if not case.actor.is_operator:
        open_to(
            await case.tx.groups.of_person(old.owner), {ServerName(old.server or ""): old.servers}
        )
    await require_way(case, old.owner)
    await pace.may_renew(case, old.owner)
    await revocation.begin(case, [old], EndReason.REPLACED)
    fresh = await _successor(case, old)
    await messages.deliver(case, old.owner, fresh.id, note)
    await messages.receipt(case, messages.private_chat(old.owner), [old.id])
    return fresh


async def replace_lost(case: Case, grant: Grant, *, round_: int, wait_s: float) -> None:
    """Revokes a grant whose profile may or may not have arrived, and sends a fresh one.

    Somebody who ended it meanwhile was first: then nothing is replaced. Where no fresh one can be
    made, its owner is told.
    """
    if not await revocation.begin(case.by(THE_BOT), [grant], EndReason.LOST):
        return
    if grant.not_after - case.now < SHORTEST_RENEWAL:
        await _tell_lost(case, grant)
        return
    try:
        async with case.tx.attempt():
            fresh = await _successor(case.by(THE_BOT), grant)
    except Refused:
        await _tell_lost(case, grant)
        name = await name_of(case.tx, grant.owner)
        await messages.tell_admins(case, Notice.NO_ROOM, name=name, server=grant.server)
        return
    await messages.deliver(
        case, grant.owner, fresh.id, DeliverNote.REPLACES_LOST, round_=round_, wait_s=wait_s
    )


async def _tell_lost(case: Case, grant: Grant) -> None:
    await messages.notice(
        case, grant.owner, Notice.ACCESS_ENDED, server=grant.server, reason=EndReason.LOST
    )


async def move(case: Case, server: Server, grant: Grant) -> Grant | None:
    """Gives a live grant another address on a server; None if it was ended meanwhile.

    Raises:
        Refused: NETWORK_FULL.
    """
    address = await free_address(case, server, grant.owner)
    if not await case.tx.grants.set_address(grant, server.name, address, case.now):
        return None
    was = grant.address_on(server.name)
    places = [
        Place(place.server, address) if place.server == server.name else place
        for place in grant.places
    ]
    moved = replace(grant, places=tuple(places))
    await note_address6(case, server, moved)
    await case.record("grant.move", moved, server=server.name, address=address, was=was)
    return moved


async def note_address6(case: Case, server: Server, grant: Grant) -> bool:
    """Notes the IPv6 address that a grant has on a server now; whether it is another one."""
    within = (await terms_of(case.tx, grant.owner, [server.name])).range_in(server.network6)
    own = within if isinstance(within, IPv6Network) else None
    wanted = address6_of(server, grant.address_on(server.name), own)
    return await case.tx.addresses.set6(grant.id, server.name, wanted, case.now)


async def abandon(case: Case, grant_id: GrantId) -> None:
    """Ends a grant whose maker was killed before anybody got the profile."""
    grant = await case.tx.grants.get(grant_id)
    if grant is not None:
        await revocation.begin(case.by(THE_BOT), [grant], EndReason.LOST)


async def undeliverable(case: Case, grant: Grant, *, closed: bool) -> bool:
    """Ends a grant whose profile cannot be delivered; every admin is told.

    Args:
        closed: its owner does not let the bot write; else Telegram does not take the profile,
            and the owner is told.

    Returns:
        False where somebody else ended it first.
    """
    reason = EndReason.UNDELIVERABLE if closed else EndReason.NOT_TAKEN
    if not await revocation.begin(case.by(THE_BOT), [grant], reason):
        return False
    name = await name_of(case.tx, grant.owner)
    if closed:
        await messages.tell_admins(case, Notice.UNDELIVERABLE, name=name, server=grant.server)
    else:
        await messages.notice(case, grant.owner, Notice.NOT_TAKEN, server=grant.server)
        await messages.tell_admins(
            case, Notice.NOT_TAKEN_ADMINS, name=name, server=grant.server, id=grant.owner
        )
    for admin in await roles.admins(case.tx, case.rules):
        chat = messages.private_chat(admin)
        await messages.receipt(case, chat, [grant.id], if_unproved=True)
    return True


async def delayed(case: Case, grant: Grant) -> None:
    """Tells the owner and the admins that a grant's server cannot be prepared for now."""
    name = await name_of(case.tx, grant.owner)
    await messages.notice(case, grant.owner, Notice.DELIVERY_DELAYED, server=grant.server)
    await messages.tell_admins(case, Notice.DELIVERY_DELAYED_ADMINS, name=name, server=grant.server)


async def how_to(case: Case, grant_id: GrantId, topic: str) -> None:
    """Sends the instructions for the actor's own profile.

    Raises:
        Refused: NOT_ALLOWED, UNKNOWN_GRANT, NOT_YOURS, GRANT_OVER, NO_BUTTON.
    """
    require(case.actor, Act.LOOK_OWN)
    grant = await revocation.own_live_grant(case, grant_id)
    require_ours(grant)
    await messages.how_to(case, grant.owner, grant.id, topic)


def require_ours(grant: Grant) -> None:
    """Refuses an imported grant: it was never delivered here, and its server is not known.

    Raises:
        Refused: NO_BUTTON.
    """
    if grant.imported_at is not None:
        raise Refused(Refusal.NO_BUTTON)


async def issued(
    case: Case,
    grant: Grant,
    *,
    waiting: Sequence[ServerName] = (),
    way: KeyWay = KeyWay.PLAIN,
) -> bool:
    """RESERVED to ISSUED: the certificate exists. False if the grant was ended or paused meanwhile.

    Args:
        waiting: those of its servers that have not taken it in yet.
        way: how its key reaches its owner.
    """
    now = await case.tx.grants.get(grant.id)
    if now is None or now.pause is not None:
        return False
    won = await case.tx.grants.move(grant.id, GrantState.RESERVED, GrantState.ISSUED)
    if won:
        await case.tx.grants.wait_on(grant.id, waiting, case.now)
        detail: dict[str, Any] = {"waiting": list(waiting)} if waiting else {}
        if way is KeyWay.LOCKED:
            await case.tx.keys.lock(grant.id)
            detail["key"] = way
        if way is KeyWay.OWN:
            detail["key"] = way
        await case.by(THE_BOT).record("grant.issue", grant, **detail)
    return won


async def delivered(case: Case, grant: Grant) -> bool:
    """ISSUED to ACTIVE: its owner has it. False if the grant was ended meanwhile."""
    won = await case.tx.grants.move(grant.id, GrantState.ISSUED, GrantState.ACTIVE)
    if won:
        await case.record("grant.deliver", grant)
        await soon_over.plan(case, grant)
        await _end_moved(case, grant)
    await messages.follow(case, grant)
    return won


async def _end_moved(case: Case, grant: Grant) -> None:
    """Ends the grant that was to live until this one was delivered, if there is one.

    Of those in between whose profile got lost on its way nothing is left.
    """
    earlier: Grant | None = grant
    while earlier is not None and earlier.replaces is not None:
        earlier = await case.tx.grants.get(earlier.replaces)
        if earlier is not None and earlier.state in LIVE_STATES:
            await revocation.begin(
                case.by(THE_BOT), [earlier], EndReason.REPLACED, with_replacements=False
            )
            await messages.receipt(case, messages.private_chat(grant.owner), [earlier.id])
            return
        if earlier is None or earlier.end_reason is not EndReason.LOST:
            return


async def _successor(case: Case, old: Grant) -> Grant:
    assert old.request_id is not None
    request = await case.tx.requests.get(old.request_id)
    requester = await case.tx.people.get(old.owner)
    assert request is not None
    assert requester is not None
    # What has come to a set since then was not approved.
    return await reserve(
        case,
        request,
        requester,
        not_after=old.not_after,
        not_before=old.not_before,
        replaces=old.id,
        among=old.servers,
    )
