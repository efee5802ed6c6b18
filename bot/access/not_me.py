"""Was this you? Who has a profile is asked about its first use, and about two places at once.

Where it was not them, the profile ends at once. All that is shown comes from a server, which may
say what it likes: it makes nobody's access live longer, and asks nobody twice about a first use.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from ipaddress import ip_address, ip_network

from bot.access import messages, revocation, roles
from bot.access.case import Case
from bot.access.messages import Notice
from bot.access.permission import Act, require
from bot.access.refusals import Refusal, Refused
from bot.access.usage import Change, Use, address_of
from bot.access.who import name_of
from storage.records import LIVE_STATES, EndReason, Grant, GrantId, OutboxKind, UserId
from storage.use_records import AskedUse, AskedUseId, UseKind

# What one household, or one office, has of the two kinds of addresses.
_NETWORK_BITS = {4: 24, 6: 48}
# So long ago, and so many, may be what somebody is asked about who lets the bot write again.
_MISSED, _MISSED_MOST = timedelta(days=7), 3


@dataclass(frozen=True, slots=True)
class Answered:
    """What is known now of a use; `ended` is what this answer has ended."""

    use: AskedUse
    grant: Grant
    ended: Sequence[Grant] = ()


async def ask(
    case: Case,
    changes: Sequence[Change],
    *,
    is_told: bool,
    server_time: datetime | None,
    platforms: Mapping[str, str],
) -> bool:
    """Asks the owners of what a look has found; whether there were any to ask.

    Args:
        is_told: whether what is in two places at once is news to be told now.
        server_time: what that server's clock showed; None where it did not say.
        platforms: by real address, see `vpn.proof.live`.
    """
    first_before = await case.tx.asked_uses.asked_first(
        change.usage.grant_id for change in changes if change.first is not None
    )
    of_interest = [one.usage.grant_id for one in changes if one.first or (one.twice and is_told)]
    grants = {grant.id: grant for grant in await case.tx.grants.some(of_interest)}
    places = await case.tx.usages.places_of(one.user_id for one in grants.values() if one.user_id)
    uses: list[AskedUse] = []
    for change in changes:
        grant, first, server = grants.get(change.usage.grant_id), change.first, change.usage.server
        # Nobody can be asked about what is nobody's, nor has to be about what is over.
        if grant is None or grant.user_id is None or grant.state not in LIVE_STATES:
            continue
        if first is not None and grant.id not in first_before:
            address = address_of(first.real_address)
            use = AskedUse(
                grant_id=grant.id,
                kind=UseKind.FIRST,
                server=server,
                used_at=_began(case.now, grant, first, server_time),
                addresses=(address,),
                asked_at=case.now,
                platform=platforms.get(first.real_address),
                is_familiar=_is_familiar(address, places.get(grant.user_id, ())),
            )
            uses.append(use)
        if change.twice and is_told:
            both, at = tuple(change.twice), change.usage.seen_at
            uses.append(AskedUse(grant.id, UseKind.TWICE, server, at, both, case.now))
    for use in uses:
        number = await case.tx.asked_uses.add(use)
        await messages.asked_use(case, grants[use.grant_id].owner, number)
    return bool(uses)


async def ask_missed(case: Case, user_id: UserId) -> None:
    """Whoever could not be reached then is asked now, about what lives and is not long ago."""
    on_the_way = {row.payload["use"] for row in await case.tx.outbox.open(OutboxKind.ASKED_USE)}
    for use in await case.tx.asked_uses.unanswered(user_id, case.now - _MISSED, _MISSED_MOST):
        is_asked = await case.tx.posted.about(OutboxKind.ASKED_USE, str(use.id))
        if not is_asked and use.id not in on_the_way:
            await messages.asked_use(case, user_id, use.id)


async def answer(case: Case, number: AskedUseId, *, was_owner: bool) -> Answered:
    """The owner says whether that was them.

    A no ends the profile if it still lives, whatever was said before, and the admins read of it in
    any case. It is never taken back. A yes to what is over by then changes nothing.

    Raises:
        Refused: NOT_ALLOWED, NO_BUTTON, NOT_YOURS.
    """
    require(case.actor, Act.LOOK_OWN)
    use = await case.tx.asked_uses.get(number)
    if use is None:
        raise Refused(Refusal.NO_BUTTON)
    grant = await revocation.known_grant(case.tx, use.grant_id)
    me = case.actor.user_id
    if me is None or grant.user_id not in await case.tx.people.accounts_of(me):
        raise Refused(Refusal.NOT_YOURS)
    is_over = grant.state not in LIVE_STATES
    if use.was_owner is False or (was_owner and (use.was_owner or is_over)):
        return Answered(use, grant)
    await case.tx.asked_uses.answer(number, was_owner=was_owner, now=case.now)
    said = "grant.was_owner" if was_owner else "grant.was_not_owner"
    await case.record(said, grant, server=use.server, addresses=[*use.addresses])
    ended: Sequence[Grant] = ()
    if not was_owner:
        ended = await revocation.begin(case, [grant], EndReason.STOLEN)
        await _tell_admins(case, use, grant, ended)
    now = await case.tx.asked_uses.get(number)
    assert now is not None
    return Answered(now, await revocation.known_grant(case.tx, grant.id), ended)


async def _tell_admins(case: Case, use: AskedUse, grant: Grant, ended: Sequence[Grant]) -> None:
    """At once; and once more where the end is not proved soon."""
    code = Notice.NOT_ME if ended else Notice.NOT_ME_OVER
    ids: list[GrantId] = [one.id for one in ended]
    for admin in await roles.admins(case.tx, case.rules):
        if admin == case.actor.user_id:
            continue
        await messages.notice(
            case,
            admin,
            code,
            name=await name_of(case.tx, grant.owner),
            common_name=grant.common_name,
            server=use.server,
            used_at=use.used_at.isoformat(),
            places=", ".join(use.addresses),
        )
        if ids:
            await messages.receipt(case, messages.private_chat(admin), ids, if_unproved=True)


def _began(now: datetime, grant: Grant, use: Use, server_time: datetime | None) -> datetime:
    """When a session began by our clock: the server's may show another time."""
    if server_time is None:
        return now
    return min(max(now - (server_time - use.began_at), grant.not_before), now)


def _is_familiar(address: str, before: Iterable[str]) -> bool | None:
    known = {_network(place) for place in before} - {None}
    here = _network(address)
    return here in known if known and here is not None else None


def _network(address: str) -> str | None:
    """None where a server says what is no address."""
    try:
        found = ip_address(address)
    except ValueError:
        return None
    return str(ip_network((found, _NETWORK_BITS[found.version]), strict=False))
