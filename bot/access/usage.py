"""What is remembered of how profiles are used: when last, from where, and how much.

The numbers are what servers say at the looks of the rounds. All that hangs on them is the end of a
profile whose time was prolonged by another one, once that is seen in use (`bot.access.extending`).
What a session moves between its last look and its end is not counted.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from bot.access import messages
from bot.access.case import Case
from bot.access.messages import Notice
from bot.access.names import clean
from bot.access.sightings import NAMED, enumerated
from bot.access.who import name_of
from storage.records import GrantId, ServerName
from storage.transaction import Transaction
from storage.use_records import Usage

# Rounds look every minute, and may be a little early.
_EVERY = timedelta(seconds=50)
# A server may say any number; that much fits the database.
_MOST = 2**62
# Of one grant on one server: an operator's own may let a name in several times.
_SESSIONS = 32
_ADDRESS = 64
_MOVES = 4
# Whoever was put out by another session of the name comes back after a minute or two.
_TURNS = timedelta(minutes=10)
_RECENT = timedelta(minutes=2)
# Without a sign for so long, the next one is told as a new occasion.
_AGAIN = timedelta(hours=1)
_PORT = re.compile(r"(?:(?:udp|tcp)[46]?:)?\[?(.+?)\]?(?::[0-9]+)?", re.ASCII)


@dataclass(frozen=True, slots=True)
class Use:
    """A session of a grant, as a look has found it; bytes are as the server counts them."""

    grant_id: GrantId
    began_at: datetime
    number: int
    real_address: str
    received: int
    sent: int

    @property
    def key(self) -> str:
        """Tells it from any other session of its server, also after a restart of OpenVPN."""
        return f"{int(self.began_at.timestamp())}:{self.number}"


@dataclass(frozen=True, slots=True)
class LastUse:
    """Of one grant, on whatever servers."""

    at: datetime
    server: ServerName
    address: str
    received: int
    sent: int


@dataclass(frozen=True, slots=True)
class Change:
    """What a look changes for one grant.

    Attributes:
        is_new: whether there was no row of this grant and server before.
        twice: from which two places it is in use at once, where that is news.
        first: its session, where no server has seen it before.
    """

    usage: Usage
    is_new: bool
    twice: Sequence[str] = ()
    first: Use | None = None


async def changes(
    tx: Transaction, now: datetime, server: ServerName, uses: Sequence[Use]
) -> Sequence[Change]:
    """What a look adds to the books, news first: one row for each grant, at most once a minute.

    A profile that is in use from two places at once is news, and again only after an hour without
    a sign of that.
    """
    seen: dict[GrantId, list[Use]] = {}
    for use in sorted(uses, key=lambda use: (use.began_at, use.number)):
        seen.setdefault(use.grant_id, []).append(use)
    stored: dict[GrantId, list[Usage]] = {}
    for usage in await tx.usages.of(seen):
        stored.setdefault(usage.grant_id, []).append(usage)
    found: list[Change] = []
    for grant_id, sessions in seen.items():
        rows = stored.get(grant_id, ())
        before = next((each for each in rows if each.server == server), None)
        if before is not None and timedelta(0) <= now - before.seen_at < _EVERY:
            continue
        others = [each for each in rows if each.server != server]
        after = _counted(now, server, before, sessions)
        places = _places(before, after, sessions, others)
        signs = [each.twice_at for each in rows if each.twice_at is not None]
        if places and signs and now - max(signs) < _AGAIN:
            after, places = replace(after, twice_at=now), ()
        found.append(Change(after, before is None, places, None if rows else sessions[0]))
    return sorted(found, key=lambda change: not change.twice)


async def note(case: Case, noted: Sequence[Change], *, is_told: bool) -> None:
    """Stores them; where admins are not told of what is news, it is news at the next look."""
    rows = [
        replace(each, usage=replace(each.usage, twice_at=each.usage.seen_at))
        if each.twice and is_told
        else each
        for each in noted
    ]
    await case.tx.usages.add([each.usage for each in rows if each.is_new])
    await case.tx.usages.change([each.usage for each in rows if not each.is_new])


async def last_uses(tx: Transaction, grant_ids: Iterable[GrantId]) -> Mapping[GrantId, LastUse]:
    """When each of these grants was seen last, and what it moved; the unseen are left out."""
    found: dict[GrantId, LastUse] = {}
    for usage in await tx.usages.of(grant_ids):
        before = found.get(usage.grant_id)
        here = LastUse(usage.seen_at, usage.server, usage.address, usage.received, usage.sent)
        if before is not None:
            latest = max(before, here, key=lambda use: use.at)
            here = LastUse(
                latest.at,
                latest.server,
                latest.address,
                before.received + here.received,
                before.sent + here.sent,
            )
        found[usage.grant_id] = here
    return found


def address_of(real_address: str) -> str:
    """An address as OpenVPN shows it, without protocol and port."""
    shown = clean(real_address, _ADDRESS)
    if shown.count(":") > 1 and "[" not in shown and "." not in shown:
        return shown  # IPv6 without a port
    found = _PORT.fullmatch(shown)
    return found[1] if found else shown


def _counted(
    at: datetime, server: ServerName, before: Usage | None, sessions: Sequence[Use]
) -> Usage:
    """What is known of a grant after a look that has found these sessions."""
    then = {} if before is None else before.sessions
    received, sent = (0, 0) if before is None else (before.received, before.sent)
    moves = [] if before is None else [*before.moves]
    counts: dict[str, tuple[int, int]] = {}
    for use in sessions[-_SESSIONS:]:
        now = (min(max(use.received, 0), _MOST), min(max(use.sent, 0), _MOST))
        was = then.get(use.key, (0, 0))
        if now[0] < was[0] or now[1] < was[1]:
            was = (0, 0)
        received, sent = received + now[0] - was[0], sent + now[1] - was[1]
        counts[use.key] = now
        if use.key not in then:
            moves.append((address_of(use.real_address), int(at.timestamp())))
    return Usage(
        grant_id=sessions[0].grant_id,
        server=server,
        seen_at=at,
        address=address_of(sessions[-1].real_address),
        received=min(received, _MOST),
        sent=min(sent, _MOST),
        sessions=counts,
        moves=tuple(moves[-_MOVES:]),
        twice_at=None if before is None else before.twice_at,
    )


def _places(
    before: Usage | None,
    now: Usage,
    sessions: Sequence[Use],
    others: Sequence[Usage],
) -> Sequence[str]:
    """The addresses of a grant that is in use from two places at once; none where it is not.

    1. A server that lets a name in several times lists two sessions.
    2. One that does not ends the session of whoever was there, who takes it back, and so on: new
       sessions begin here, there, here and there within minutes. A session that goes on under
       another address is one device that moved.
    3. Another server had a session at its last look, when this one had begun already.

    An address of either kind, IPv4 or IPv6, may be the same device's.
    """
    here = list(dict.fromkeys(address_of(use.real_address) for use in sessions))
    for place in here[1:]:  # (1)
        if _differ(here[0], place):
            return here[0], place
    has_moved = before is None or now.moves != before.moves
    if has_moved and len(now.moves) == _MOVES:  # (2)
        (a, began), (b, _), (again, _), (once_more, ended) = now.moves
        is_turn = a == again and b == once_more and _differ(a, b)
        if is_turn and ended - began <= _TURNS.total_seconds():
            return a, b
    for other in others:  # (3)
        is_recent = timedelta(0) <= now.seen_at - other.seen_at <= _RECENT
        overlaps = any(use.began_at <= other.seen_at for use in sessions)
        if is_recent and overlaps and _differ(other.address, now.address):
            return other.address, now.address
    return ()


def _differ(one: str, other: str) -> bool:
    return one != other and (":" in one) == (":" in other)


async def tell(case: Case, server: ServerName, news: Sequence[Change]) -> None:
    """Says which profiles are in use from two places at once.

    Of a server that was taken over as many may be seen as it likes: the rest is counted only.
    """
    twice = {change.usage.grant_id: change.twice for change in news}
    shown = []
    for grant in await case.tx.grants.some(list(twice)[:NAMED]):
        places = twice[grant.id]
        name = grant.common_name
        if grant.user_id is not None:
            name = await name_of(case.tx, grant.user_id)
        shown.append(f"{name} ({', '.join(places)})")
        await case.record("grant.used_twice", grant, server=server, addresses=[*places])
    names = enumerated(shown, len(twice))
    await messages.tell_admins(
        case, Notice.USED_TWICE, server=server, names=names, count=len(twice)
    )
