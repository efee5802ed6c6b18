"""The use cases of asking: for access, and for which server; with what is given at once."""

from collections.abc import Awaitable, Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from bot.access import (
    demands,
    destinations,
    durations,
    grants,
    messages,
    pace,
    requests,
)
from bot.access.case import Case
from bot.access.destinations import Destination
from bot.access.hearing import hear
from bot.access.keys import require_way
from bot.access.messages import DeliverNote
from bot.access.names import REASON_LENGTH, clean
from bot.access.permission import Act, require
from bot.access.refusals import Refusal, Refused
from bot.access.terms import Terms, open_to, terms
from storage.devices import Device
from storage.records import Grant, Request, RequestId, RequestState, ServerName, UserId, Verdict
from storage.transaction import Transaction


@dataclass(frozen=True, slots=True)
class Asked:
    """A request was made.

    It waits for a server if `servers` is not empty, else for an admin; or a standing approval has
    given what it is for.
    """

    request: Request
    servers: tuple[ServerName, ...]


async def ask(
    case: Case,
    *,
    duration: int | None,
    server: ServerName | None,
    reason: str,
    starts_at: datetime | None = None,
    extends: Grant | None = None,
    device: Device | None = None,
) -> Asked:
    """Asks for access.

    Args:
        starts_at: when it is to begin; None: once it is approved.
        extends: the profile for which more time is asked, see `bot.access.extending`; that admins
            decide, and nobody else's word.
        device: what it is for, where that was said.

    Raises:
        Refused: NOT_ALLOWED, DURATION_TOO_LONG, OUTLIVES_AUTHORITY, NO_SERVER, UNKNOWN_SERVER,
            SERVER_CLOSED, SERVER_NOT_OPEN, ALREADY_OPEN, ASKED_TOO_OFTEN, NO_OWN_KEY,
            REASON_NEEDED, TICKET_NEEDED, TOO_MANY_PROFILES, START_PAST.
    """
    require(case.actor, Act.ASK)
    user_id = requests.acting(case)
    if starts_at is not None and starts_at <= case.now:
        raise Refused(Refusal.START_PAST, at=starts_at)
    seconds = duration or case.rules.default_duration
    is_named = duration is not None
    of = None if extends is None else extends.request_id
    # Limits for people do not bind whoever acts on the machine.
    if not case.actor.is_operator:
        durations.within_limit(seconds, case.rules.max_duration)
        await require_way(case, user_id)
    every = {one.name: one for one in await destinations.every(case.tx)}
    names = _pick([*every.values()], server)
    if not case.actor.is_operator:
        theirs = await case.tx.groups.of_person(user_id)
        names = open_to(theirs, {name: every[name].names for name in names})
    chosen = names[0] if len(names) == 1 else None
    limits = Terms()
    if not case.actor.is_operator:
        if chosen is not None:
            limits = terms(theirs, every[chosen].names)
            seconds = _within_limit(case, seconds, limits, is_named=is_named)
        await demands.require_to_ask(
            case, user_id, clean(reason, REASON_LENGTH), limits, extends=of
        )
    await grants.require_outlived(case, (starts_at or case.now) + timedelta(seconds=seconds))
    await _refuse_second(case.tx, user_id, chosen)
    await pace.may_ask(case, user_id)
    if extends is None:
        await _supersede(case, user_id)

    async def made(lasting: int) -> Request:
        waits_from = case.rules.waits_from(case.now)
        request = await case.tx.requests.add(
            user_id=user_id,
            server=chosen,
            duration=lasting,
            reason=clean(reason, REASON_LENGTH),
            asked_at=case.now,
            expires_at=waits_from + timedelta(seconds=case.rules.request_ttl),
            starts_at=starts_at,
            extends=of,
            device=device,
        )
        more_time = {} if extends is None else {"more_time_for": extends.common_name}
        await case.record("request.ask", request, reason=request.reason, **more_time)
        await messages.follow_extended(case, request)
        return request

    if chosen is None:
        return Asked(await made(seconds), names)
    opened, is_for_now = every[chosen].names, extends is None and starts_at is None
    at_once = limits if is_for_now else Terms()
    given = await _given_at_once(case, user_id, opened, at_once, seconds, made, is_named=is_named)
    if given is None:
        given = await made(seconds)
        await requests.announce(case, given)
    return Asked(given, ())


async def _supersede(case: Case, user_id: UserId) -> None:
    """A newer request takes the place of one that never named its server."""
    for earlier in await case.tx.requests.open_of(user_id):
        if earlier.state is RequestState.CHOOSING:
            await requests.decide(case, earlier.id, Verdict.CANCEL)


async def to_choose_from(case: Case, user_id: UserId) -> Sequence[Destination]:
    """What somebody may ask for; first what they chose the last time, then the sets."""
    theirs = await case.tx.groups.of_person(user_id)
    offered = [
        one
        for one in await destinations.every(case.tx)
        if one.open and terms(theirs, one.names).is_open
    ]
    last = await case.tx.requests.last_server(user_id)
    return sorted(offered, key=lambda one: one.name != last)


async def choosing(case: Case, request_id: RequestId) -> Request:
    """One's own request that has no server yet.

    Raises:
        Refused: NOT_ALLOWED, UNKNOWN_REQUEST, NOT_YOURS, ALREADY_DECIDED.
    """
    require(case.actor, Act.ASK)
    request = await requests.own(case, request_id)
    if request.state is not RequestState.CHOOSING:
        raise await requests.already_decided(case.tx, request_id)
    return request


async def choose(case: Case, request_id: RequestId, server: ServerName) -> Asked:
    """Names the server of a request that was made without one.

    Raises:
        Refused: NOT_ALLOWED, UNKNOWN_REQUEST, NOT_YOURS, ALREADY_DECIDED, DURATION_TOO_LONG,
            UNKNOWN_SERVER, SERVER_CLOSED, SERVER_NOT_OPEN, ALREADY_OPEN, REASON_NEEDED,
            TICKET_NEEDED, TOO_MANY_PROFILES.
    """
    require(case.actor, Act.ASK)
    request = await requests.own(case, request_id)
    requests.require_open(case, request)
    durations.within_limit(request.duration, case.rules.max_duration)
    found = await destinations.find(case.tx, server)
    _pick([] if found is None else [found], server)
    assert found is not None
    groups = await case.tx.groups.of_person(request.user_id)
    open_to(groups, {server: found.names})
    # A request waits with the usual duration where none was named.
    is_named = request.duration != case.rules.default_duration
    theirs = terms(groups, found.names)
    seconds = _within_limit(case, request.duration, theirs, is_named=is_named)
    await demands.require_to_ask(case, request.user_id, request.reason, theirs)
    await _refuse_second(case.tx, request.user_id, server)

    async def chosen(lasting: int) -> Request:
        if not await case.tx.requests.choose(request_id, server, lasting):
            raise await requests.already_decided(case.tx, request_id)
        await case.tx.request_notes.waits(request_id, case.now)
        request = await requests.known_request(case.tx, request_id)
        await case.record("request.ask", request, reason=request.reason)
        return request

    owner, opened = request.user_id, found.names
    given = (
        None
        if request.starts_at
        else await _given_at_once(case, owner, opened, theirs, seconds, chosen, is_named=is_named)
    )
    if given is None:
        given = await chosen(seconds)
        await requests.announce(case, given)
    return Asked(given, ())


async def _given_at_once(
    case: Case,
    user_id: UserId,
    servers: Collection[ServerName],
    theirs: Terms,
    wanted: int,
    make: Callable[[int], Awaitable[Request]],
    *,
    is_named: bool,
) -> Request | None:
    """The request as a standing approval has decided it; None where the admins are to.

    That is also where nothing can be given now: then they see to it like to any other.

    Args:
        make: stores the request, for so many seconds.
    """
    standing = await demands.standing_for(case, user_id, servers, theirs, wanted, is_named=is_named)
    if standing is None:
        return None
    group, seconds = standing
    try:
        async with case.tx.attempt():
            request = await make(seconds)
            requester = await requests.allowed_requester(case.tx, request)
            giver = case.by(demands.standing_actor(group))
            grant = await requests.give(giver, request, requester, seconds)
    except Refused:
        return None
    await messages.deliver(case, requester.id, grant.id, DeliverNote.FIRST)
    heard = await hear(case, request)
    for one in heard.deciders:
        if heard.person_of(one) != heard.requester:
            await messages.card(case, one, request.id)
    return await requests.known_request(case.tx, request.id)


def _within_limit(case: Case, seconds: int, theirs: Terms, *, is_named: bool) -> int:
    """The duration; where nobody named it, not more than the person's groups allow.

    Raises:
        Refused: DURATION_TOO_LONG.
    """
    limit = theirs.limit(case.rules.max_duration)
    return durations.within_limit(seconds, limit) if is_named else min(seconds, limit)


def _pick(known: Sequence[Destination], wanted: ServerName | None) -> tuple[ServerName, ...]:
    """The server or set that is wanted, or those to choose from."""
    if not known and wanted is None:
        raise Refused(Refusal.NO_SERVER)
    named = [one for one in known if wanted in {None, one.name}]
    if not named:
        raise Refused(Refusal.UNKNOWN_SERVER, server=wanted)
    # Where no new profile would work none is asked for.
    names = tuple(one.name for one in named if one.open)
    if not names:
        raise Refused(Refusal.SERVER_CLOSED, server=named[0].name)
    return names


async def _refuse_second(tx: Transaction, user_id: UserId, server: ServerName | None) -> None:
    for request in await tx.requests.open_of(user_id):
        if request.state is RequestState.PENDING and request.server == server:
            raise Refused(Refusal.ALREADY_OPEN, server=server, request=request.id)
