"""Who has agreed to a request, who is asked, and what exactly they have seen."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from bot.access import roles
from bot.access.case import Case
from bot.access.hearing import Hearing
from bot.access.messages import private_chat
from bot.access.permission import Act, may, telegram_key
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


async def given(case: Case, heard: Hearing) -> Sequence[Approval]:
    """The approvals that count now, oldest first.

    Only those of people who may decide at this moment: whoever was taken off has no say any more,
    and whoever was put back has to say it anew; so has everybody when the requester has changed
    what they ask for, or an admin has decided against them meanwhile. Two accounts of one person
    are one person, and the requester is none.
    """
    decisions = await case.tx.requests.decisions(heard.request.id)
    if not decisions:
        return ()
    since = await roles.since(case)
    changed = (await case.tx.request_notes.of(heard.request.id)).after_decision
    past = await lately(case.tx, heard.request)
    counted: dict[UserId, Approval] = {}
    for admin in heard.deciders:
        said = [
            decision.duration
            for decision in decisions
            if decision.verdict is Verdict.APPROVE
            and decision.actor == telegram_key(admin)
            and decision.id > max(since.get(admin, 0), changed)
            and not any(one.at >= decision.at for one in past)
        ]
        duration = said[-1] if said else None
        person = heard.person_of(admin)
        if duration is not None and person != heard.requester:
            counted.setdefault(person, Approval(person, heard.name_of(admin), duration))
    return tuple(counted.values())


async def may_see(case: Case, heard: Hearing, viewer: UserId) -> bool:
    """An approver sees what they may decide on, and what became of it; admins and auditors all.

    Of what others decide on now they see the end, where they had its card before.
    """
    actor = await roles.identify(case.tx, case.rules, viewer, "")
    if may(actor, Act.LOOK) or viewer in heard.deciders:
        return True
    if heard.request.state is RequestState.PENDING or not may(actor, Act.DECIDE):
        return False
    posted = await case.tx.posted.about(OutboxKind.CARD, str(heard.request.id))
    return any(one.chat_id == private_chat(viewer) for one in posted)


async def is_asked(case: Case, heard: Hearing, user_id: UserId) -> bool:
    """Whether this account's word would bring the request nearer to a decision."""
    return user_id in await _with_a_say(case, heard)


async def asked(case: Case, heard: Hearing) -> Sequence[UserId]:
    """Who gets its card: everybody whose word counts and who is there.

    Where those who are there are too few to decide on it, whoever is away gets it, too. For nobody
    all admins, who can see to it: those who are there, or else whoever there is.
    """
    if found := await _with_a_say(case, heard):
        return found
    return await _who_are_there(case, heard, heard.admins) or heard.admins


async def _with_a_say(case: Case, heard: Hearing) -> Sequence[UserId]:
    needed = heard.vote(heard.request.duration)
    found = [one for one in heard.deciders if needed.counts(heard.person_of(one), ())]
    there = await _who_are_there(case, heard, found)
    if not there or len(there) == len(found):
        return there
    people = {heard.person_of(one) for one in there}
    people |= {one.person for one in await given(case, heard)}
    # Nobody's own word counts.
    people.discard(heard.requester)
    return found if needed.missing(people) else there


async def _who_are_there(
    case: Case, heard: Hearing, accounts: Sequence[UserId]
) -> Sequence[UserId]:
    """Those who are not away, by whichever account they said so."""
    away = await case.tx.absences.now(case.now)
    gone = {await case.tx.people.person_of(one.user_id) for one in away}
    return [one for one in accounts if heard.person_of(one) not in gone]


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
    for account in await tx.people.accounts_of(user_id):
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


async def was_seen(case: Case, heard: Hearing, digest: str) -> bool:
    """Whether a card shows whoever acts just what this digest is of: theirs, or the group's."""
    own = await card_digest(case, heard, case.actor.user_id)
    return digest == own or (
        case.rules.cards_group is not None and digest == await card_digest(case, heard, None)
    )


async def card_digest(case: Case, heard: Hearing, viewer: UserId | None) -> str:
    """A digest of what a card shows of a request and its requester, and of earlier decisions.

    It is in the Approve buttons: what is approved is what was on the card, and a request that
    changed since needs a new look. So do other settings, a no to the person or an end of their
    access, and a new beginning of the viewer as an admin: nobody knows when a tap was made that
    waited with Telegram, so it counts only if nothing was decided after its card. Not a secret, and
    no signature: the tap's sender is checked.

    Args:
        viewer: None for the card of a group, on which anybody's new beginning counts.
    """
    request, extended, groups = heard.request, heard.extended, heard.theirs.groups
    person = heard.accounts[request.user_id]
    since = await roles.since(case)
    past = await lately(case.tx, request)
    shown = [
        request.id,
        request.user_id,
        heard.name_of(request.user_id),
        person.username if person else None,
        _destination(heard),
        request.duration,
        request.reason,
        [(one, heard.vote(one).in_all) for one in (*heard.offers(heard.limit), *heard.longer)],
        *([[repr(group) for group in groups]] if groups else []),
        *([[extended.id, extended.state in LIVE_STATES]] if extended else []),
        sorted(since.items()) if viewer is None else since.get(viewer, 0),
        [(one.verdict, one.server, one.at.isoformat()) for one in past],
    ]
    text = json.dumps(shown, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:_DIGEST_LENGTH]


def _destination(heard: Hearing) -> object:
    """The server; of a set, its servers as well."""
    server, names = heard.request.server, heard.opened
    return server if tuple(names) == (server,) else (server, *names)
