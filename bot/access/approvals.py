"""How many admins have to agree, who has, and what exactly they have seen."""

import hashlib
import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from bot.access import destinations, durations, holdings, roles
from bot.access.case import Case
from bot.access.lineage import extended_by
from bot.access.messages import private_chat
from bot.access.permission import Act, may, telegram_key
from bot.access.terms import Terms, terms_of
from storage.group_records import GroupName
from storage.records import (
    LIVE_STATES,
    EndReason,
    OutboxKind,
    Request,
    RequestState,
    UserId,
    Verdict,
)
from storage.transaction import Transaction

_DIGEST_LENGTH = 8
_LATELY = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class Approval:
    """One admin's yes to a request; the duration is what they tapped, in seconds."""

    person: UserId
    name: str
    duration: int


@dataclass(frozen=True, slots=True)
class Past:
    """What an admin decided against somebody: a no, or without `verdict` an end of their access."""

    verdict: Verdict | None
    server: str
    at: datetime
    by: str | None
    by_name: str | None


async def given(case: Case, request: Request) -> Sequence[Approval]:
    """The approvals that count now, oldest first.

    Only those of people who may decide at this moment: whoever was taken off has no say any more,
    and whoever was put back has to say it anew; so has everybody when the requester has changed
    what they ask for. Two accounts of one person are one person, and the requester is none.
    """
    requester = await case.tx.people.person_of(request.user_id)
    since = await roles.since(case)
    changed = (await case.tx.request_notes.of(request.id)).after_decision
    decisions = await case.tx.requests.decisions(request.id)
    counted: dict[UserId, Approval] = {}
    for admin in await deciders(case, request):
        said = [
            decision.duration
            for decision in decisions
            if decision.verdict is Verdict.APPROVE
            and decision.actor == telegram_key(admin)
            and decision.id > max(since.get(admin, 0), changed)
        ]
        duration = said[-1] if said else None
        person = await case.tx.people.person_of(admin)
        if duration is not None and person != requester:
            name = await case.tx.people.name_of(admin)
            counted.setdefault(person, Approval(person, name, duration))
    return tuple(counted.values())


async def deciders(case: Case, request: Request) -> tuple[UserId, ...]:
    """Who may decide on it now, whether their word is enough or not; the requester included."""
    theirs = await terms_for(case.tx, request)
    return await roles.deciders(case.tx, case.rules, [group.name for group in theirs.groups])


async def may_see(case: Case, request: Request, viewer: UserId) -> bool:
    """An approver sees what they may decide on, and what became of it; admins and auditors all.

    Of what others decide on now they see the end, where they had its card before.
    """
    actor = await roles.identify(case.tx, case.rules, viewer, "")
    if may(actor, Act.LOOK) or viewer in await deciders(case, request):
        return True
    if request.state is RequestState.PENDING or not may(actor, Act.DECIDE):
        return False
    posted = await case.tx.posted.about(OutboxKind.CARD, str(request.id))
    return any(one.chat_id == private_chat(viewer) for one in posted)


async def is_asked(case: Case, request: Request, user_id: UserId) -> bool:
    """Whether this account's word would bring the request nearer to a decision."""
    return user_id in await _with_a_say(case, request)


async def asked(case: Case, request: Request) -> Sequence[UserId]:
    """Who gets its card: everybody whose word counts and who is there.

    Where those who are there are too few to decide on it, whoever is away gets it, too. For nobody
    all admins, who can see to it: those who are there, or else whoever there is.
    """
    if found := await _with_a_say(case, request):
        return found
    admins = await roles.admins(case.tx, case.rules)
    return await _who_are_there(case, admins) or admins


async def _with_a_say(case: Case, request: Request) -> Sequence[UserId]:
    needed = await vote(case, request, request.duration)
    found = [
        one
        for one in await deciders(case, request)
        if needed.counts(await case.tx.people.person_of(one), ())
    ]
    there = await _who_are_there(case, found)
    if not there or len(there) == len(found):
        return there
    people = {await case.tx.people.person_of(one) for one in there}
    people |= {one.person for one in await given(case, request)}
    # Nobody's own word counts.
    people.discard(await case.tx.people.person_of(request.user_id))
    return found if needed.missing(people) else there


async def _who_are_there(case: Case, accounts: Sequence[UserId]) -> Sequence[UserId]:
    """Those who are not away, by whichever account they said so."""
    away = await case.tx.absences.now(case.now)
    if not away:
        return accounts
    gone = {await case.tx.people.person_of(one.user_id) for one in away}
    return [one for one in accounts if await case.tx.people.person_of(one) not in gone]


@dataclass(frozen=True, slots=True)
class Quorum:
    """How many of whom a group wants to agree; `people` by the accounts they are known by."""

    group: GroupName
    people: frozenset[UserId]
    needed: int


@dataclass(frozen=True, slots=True)
class Vote:
    """Who has to agree to a request: so many admins in all, and of each quorum so many."""

    in_all: int
    quorums: tuple[Quorum, ...] = ()

    def missing(self, agreed: Collection[UserId]) -> int:
        """How many more have to agree at least."""
        said = set(agreed)
        left = max(self.in_all - len(said), 0)
        more = 0
        # One person may count for several groups: whoever counts for most of them is first.
        while short := [one for one in self.quorums if len(said & one.people) < one.needed]:
            pool = sorted({person for one in short for person in one.people} - said)
            if not pool:
                return max(left, more + max(one.needed - len(said & one.people) for one in short))
            said.add(max(pool, key=lambda person: sum(person in one.people for one in short)))
            more += 1
        return max(left, more)

    def counts(self, person: UserId, agreed: Collection[UserId]) -> bool:
        """Whether a yes of this person brings the decision nearer, beside those who agreed."""
        return self.missing({*agreed, person}) < self.missing(agreed) or not self.missing(agreed)


async def vote(case: Case, request: Request, duration: int) -> Vote:
    """Who has to agree to this duration, in seconds, by the settings and the person's groups."""
    theirs = await terms_for(case.tx, request)
    quorums = []
    for group in theirs.groups:
        if group.approvers:
            people = [await case.tx.people.person_of(one) for one in group.approvers]
            quorums.append(Quorum(group.name, frozenset(people), group.approvals or 1))
    return Vote(theirs.approvals(case.rules.approvals_for(duration)), tuple(quorums))


async def terms_for(tx: Transaction, request: Request) -> Terms:
    """What the requester's groups say of what was asked for; nothing before a server is chosen."""
    if request.server is None:
        return Terms()
    names = await destinations.opened_by(tx, request)
    return await terms_of(tx, request.user_id, names or [request.server])


async def limit(case: Case, request: Request) -> int:
    """The longest duration that may be approved now, in seconds."""
    theirs = await terms_for(case.tx, request)
    return theirs.limit(min(request.duration, case.rules.max_duration))


async def offers(case: Case, request: Request, longest: int) -> Sequence[int]:
    """What may be approved where `longest` seconds may be given; of more time that may be none."""
    return await that_help(case, request, durations.choices(longest))


async def that_help(case: Case, request: Request, seconds: Sequence[int]) -> Sequence[int]:
    """Of these durations, for more time, only those that end after the profile that is there."""
    extended = await extended_by(case.tx, request)
    if extended is None:
        return seconds
    left = extended.not_after - request.asked_at
    return [one for one in seconds if timedelta(seconds=one) > left]


def deadline(case: Case, request: Request) -> datetime:
    """When the request expires, by the shorter of the time limits then and now.

    Who asks while nobody is there waits from the moment when somebody is.
    """
    begins = case.rules.waits_from(request.asked_at)
    return min(request.expires_at, begins + timedelta(seconds=case.rules.request_ttl))


async def lately(tx: Transaction, request: Request) -> Sequence[Past]:
    """What admins decided against the requester since a week before the request, newest first.

    Whoever was told no by one admin may have asked another one since.
    """
    return await against(tx, request.user_id, request.asked_at - _LATELY)


async def against(tx: Transaction, user_id: UserId, since: datetime) -> Sequence[Past]:
    """What admins decided against somebody, by any of their accounts, newest first."""
    past: list[Past] = []
    for account in await holdings.accounts_of(tx, user_id):
        past += [
            Past(Verdict.DENY, str(one.server), one.decided_at, one.decided_by, one.decided_by_name)
            for one in await tx.requests.of_user(account)
            if one.state is RequestState.DENIED and one.decided_at and one.decided_at > since
        ]
        past += [
            Past(
                None,
                str(one.server or one.common_name),
                one.revoked_at,
                one.ended_by,
                one.ended_by_name,
            )
            for one in await tx.grants.of_user(account)
            if one.end_reason in (EndReason.REVOKED, EndReason.REMOVED)
            and one.revoked_at is not None
            and one.revoked_at > since
        ]
    return sorted(past, key=lambda one: one.at, reverse=True)


async def card_digest(case: Case, request: Request, viewer: UserId | None) -> str:
    """A digest of what a card shows of a request and its requester, and of earlier decisions.

    It is in the Approve buttons: what is approved is what was on the card, and a request that
    changed since needs a new look. So do other settings, a no to the person or an end of their
    access, and a new beginning of the viewer as an admin: nobody knows when a tap was made that
    waited with Telegram, so it counts only if nothing was decided after its card. Not a secret, and
    no signature: the tap's sender is checked.
    """
    since = await roles.since(case)
    past = await lately(case.tx, request)
    person = await case.tx.people.get(request.user_id)
    offered = await offers(case, request, await limit(case, request))
    votes = [await vote(case, request, one) for one in offered]
    extended = await extended_by(case.tx, request)
    theirs = await terms_for(case.tx, request)
    shown = [
        request.id,
        request.user_id,
        await case.tx.people.name_of(request.user_id),
        person.username if person else None,
        await _destination(case.tx, request),
        request.duration,
        request.reason,
        [(one, needed.in_all) for one, needed in zip(offered, votes, strict=True)],
        *([[repr(group) for group in theirs.groups]] if theirs.groups else []),
        *([[extended.id, extended.state in LIVE_STATES]] if extended else []),
        since.get(viewer, 0) if viewer is not None else 0,
        [(one.verdict, one.server, one.at.isoformat()) for one in past],
    ]
    text = json.dumps(shown, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:_DIGEST_LENGTH]


async def _destination(tx: Transaction, request: Request) -> object:
    """The server; of a set, its servers as well."""
    names = await destinations.opened_by(tx, request)
    return request.server if tuple(names) == (request.server,) else (request.server, *names)
