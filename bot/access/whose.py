"""Who has an address inside the VPN, or had it at some time: for whoever finds it in a log.

Whoever has an address is the only one who could use it, which does not say that they did. What is
known goes back to the first grant in the database, see `storage.addresses`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from ipaddress import IPv4Address, ip_address, ip_network

from bot.access.case import Case
from bot.access.permission import Act, require
from bot.access.refusals import Refusal, Refused
from bot.access.who import name_of
from storage.group_records import AddressSpan
from storage.records import GrantId, Server, ServerName, UserId
from vpn.configuration.address_plan import AddressPlan

_DAY = timedelta(days=1)
_MINUTE = timedelta(minutes=1)
_DATE_LENGTH, _TO_THE_MINUTE = len("2026-11-30"), len("2026-11-30 14:05")
# Longer is no time in any way of writing it.
_LONGEST = 40


class Standing(StrEnum):
    """How somebody stands to an address."""

    HAS = "has"
    LEAVES = "leaves"  # was given another one, and nobody has seen yet that this one is free
    HAD = "had"


class Unknown(StrEnum):
    """Why nobody can be known to have it."""

    NO_NETWORK = "no_network"  # it is in no server's network
    SERVERS_OWN = "servers_own"
    FROM_POOL = "from_pool"  # its server gives it to whomever it wants
    BY_OPERATOR = "by_operator"  # a client's file that is not the bot's gives it away
    BEFORE = "before"  # the server was not known yet


@dataclass(frozen=True, slots=True)
class Had:
    """Somebody who has or had an address; `name` is None where it was the bot itself.

    Attributes:
        until: when nobody used it any more, as far as that is known.
    """

    server: ServerName
    standing: Standing
    since: datetime
    until: datetime | None
    common_name: str
    grant: GrantId | None = None
    user_id: UserId | None = None
    name: str | None = None


@dataclass(frozen=True, slots=True)
class Moment:
    """A time as somebody named it: an instant, or the minute or the day that they meant."""

    start: datetime
    end: datetime

    def meets(self, since: datetime, until: datetime | None) -> bool:
        return since <= self.end and (until is None or until > self.start)


@dataclass(frozen=True, slots=True)
class Answer:
    """What is known of an address.

    Attributes:
        at: None: now.
        had: who has or had it then.
        before: who had it last before that, where nobody did then.
        unknown: what else is known of it, where nobody did.
        server: the server whose network it is in.
    """

    address: str
    at: datetime | None
    had: tuple[Had, ...] = ()
    before: Had | None = None
    unknown: Unknown | None = None
    server: Server | None = None


async def look_up(case: Case, address: str, when: str = "") -> Answer:
    """Looks up who has an address, or had it then.

    Raises:
        Refused: ADMINS_ONLY, BAD_ADDRESS, BAD_TIME.
    """
    require(case.actor, Act.LOOK)
    text = parse_address(address)
    moment = parse_moment(when, case.now)
    spans = await case.tx.addresses.history(text)
    known = [await _had(case, span) for span in spans]
    known += [
        Had(
            canary.server,
            Standing.HAS if canary.retired_at is None else Standing.HAD,
            canary.not_before,
            canary.retired_at,
            canary.common_name,
        )
        for canary in await case.tx.canaries.with_address(text)
    ]
    at = moment.start if when else None
    had = tuple(one for one in known if moment.meets(one.since, one.until))
    if had:
        return Answer(text, at, had)
    earlier = [one for one in known if one.until is not None and one.until <= moment.start]
    before = max(earlier, key=lambda one: one.since, default=None)
    unknown, server = _unknown(text, moment, await case.tx.servers.all())
    return Answer(text, at, (), before, unknown, server)


def parse_address(text: str) -> str:
    """As addresses are stored; raises Refused: BAD_ADDRESS."""
    try:
        return str(ip_address(text.strip()))
    except ValueError:
        raise Refused(Refusal.BAD_ADDRESS, address=text) from None


def parse_moment(text: str, now: datetime) -> Moment:
    """Reads `2026-11-30 14:05`, `2026-11-30`, `14:05` or RFC 3339; in UTC unless it says otherwise.

    A time without a date is the last one that was. Nothing at all is now.

    Raises:
        Refused: BAD_TIME; it is no time, or it is still to come.
    """
    words = " ".join(text.upper().removesuffix(" UTC").split())
    if not words:
        return Moment(now, now)
    try:
        moment = _read(words, now) if len(words) <= _LONGEST else None
    except (ValueError, OverflowError):
        moment = None
    if moment is None or moment.start > now:
        raise Refused(Refusal.BAD_TIME, time=text)
    return moment


def _read(words: str, now: datetime) -> Moment:
    if len(words) == _DATE_LENGTH and words.count("-") == 2:  # noqa: PLR2004
        start = datetime.combine(date.fromisoformat(words), time(), UTC)
        return Moment(start, start + _DAY - datetime.resolution)
    if "-" not in words[:_DATE_LENGTH]:
        clock = time.fromisoformat(words)
        found = datetime.combine(now.date(), clock, clock.tzinfo or UTC).astimezone(UTC)
        found -= _DAY if found > now else timedelta()
        is_minute = words.count(":") == 1
    else:
        found = datetime.fromisoformat(words)
        found = (found if found.tzinfo else found.replace(tzinfo=UTC)).astimezone(UTC)
        is_minute = len(words.removesuffix("Z")) == _TO_THE_MINUTE
    return Moment(found, found + _MINUTE - datetime.resolution if is_minute else found)


async def _had(case: Case, span: AddressSpan) -> Had:
    grant = await case.tx.grants.get(span.grant_id)
    user_id = None if grant is None else grant.user_id
    standing = Standing.HAS if span.moved_at is None else Standing.LEAVES
    return Had(
        span.server,
        standing if span.left_at is None else Standing.HAD,
        span.given_at,
        span.left_at,
        "" if grant is None else grant.common_name,
        span.grant_id,
        user_id,
        None if user_id is None else await name_of(case.tx, user_id),
    )


def _unknown(
    text: str, moment: Moment, servers: Sequence[Server]
) -> tuple[Unknown | None, Server | None]:
    address = ip_address(text)
    for server in servers:
        for network in filter(None, (server.network, server.network6)):
            if address not in ip_network(network):
                continue
            if moment.end < server.added_at:
                return Unknown.BEFORE, server
            return _by_plan(text, server), server
    return Unknown.NO_NETWORK, None


def _by_plan(text: str, server: Server) -> Unknown | None:
    address = ip_address(text)
    if server.adopted is None:
        own = {ip_network(one)[1] for one in (server.network, server.network6) if one}
        return Unknown.SERVERS_OWN if address in own else None
    if text in server.adopted["taken"]:
        return Unknown.BY_OPERATOR
    plan = AddressPlan.from_json(server.adopted["addresses"])
    if address == plan.own:
        return Unknown.SERVERS_OWN
    if not isinstance(address, IPv4Address) or plan.pool is None:
        return None
    return Unknown.FROM_POOL if plan.pool[0] <= address <= plan.pool[1] else None
