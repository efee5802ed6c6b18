"""How many admins have to agree, who has, and what exactly they have seen."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from bot.access import destinations, durations, holdings
from bot.access.case import Case
from bot.access.permission import telegram_key
from storage.records import EndReason, Request, UserId, Verdict
from storage.transaction import Transaction

_DIGEST_LENGTH = 8


@dataclass(frozen=True, slots=True)
class Approval:
    """One admin's yes to a request; the duration is what they tapped, in seconds."""

    person: UserId
    name: str
    duration: int


async def given(case: Case, request: Request) -> Sequence[Approval]:
    """The approvals that count now, oldest first.

    Only those of people who are admins at this moment: whoever was taken off has no say any more,
    and whoever was put back has to say it anew. Two accounts of one person are one person, and the
    requester is none.
    """
    requester = await case.tx.people.person_of(request.user_id)
    since = await case.tx.admins.all()
    decisions = await case.tx.requests.decisions(request.id)
    counted: dict[UserId, Approval] = {}
    for admin in case.rules.admins:
        said = [
            decision.duration
            for decision in decisions
            if decision.verdict is Verdict.APPROVE
            and decision.actor == telegram_key(admin)
            and decision.id > since.get(admin, 0)
        ]
        duration = said[-1] if said else None
        person = await case.tx.people.person_of(admin)
        if duration is not None and person != requester:
            name = await case.tx.people.name_of(admin)
            counted.setdefault(person, Approval(person, name, duration))
    return tuple(counted.values())


def limit(case: Case, request: Request) -> int:
    """The longest duration that may be approved now, in seconds."""
    return min(request.duration, case.rules.max_duration)


def deadline(case: Case, request: Request) -> datetime:
    """When the request expires, by the shorter of the time limits then and now."""
    return min(request.expires_at, request.asked_at + timedelta(seconds=case.rules.request_ttl))


async def ended_since(tx: Transaction, request: Request) -> datetime | None:
    """When an admin last ended access of the requester, after the request was made."""
    accounts = await holdings.accounts_of(tx, request.user_id)
    ends = [
        grant.revoked_at
        for account in accounts
        for grant in await tx.grants.of_user(account)
        if grant.end_reason in (EndReason.REVOKED, EndReason.REMOVED)
        and grant.revoked_at is not None
        and grant.revoked_at > request.asked_at
    ]
    return max(ends, default=None)


async def card_digest(case: Case, request: Request, viewer: UserId | None) -> str:
    """A digest of what a card shows of a request and its requester, and of earlier decisions.

    It is in the Approve buttons: what is approved is what was on the card, and a request that
    changed since needs a new look. So do other settings, an end of the person's access, and a new
    beginning of the viewer as an admin: nobody knows when a tap was made that waited with Telegram,
    so it counts only if nothing was decided after its card. Not a secret, and no signature: the
    tap's sender is checked.
    """
    since = await case.tx.admins.all()
    ended = await ended_since(case.tx, request)
    person = await case.tx.people.get(request.user_id)
    shown = [
        request.id,
        request.user_id,
        await case.tx.people.name_of(request.user_id),
        person.username if person else None,
        await _destination(case.tx, request),
        request.duration,
        request.reason,
        [(one, case.rules.approvals_for(one)) for one in durations.choices(limit(case, request))],
        since.get(viewer, 0) if viewer is not None else 0,
        ended.isoformat() if ended else None,
    ]
    text = json.dumps(shown, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:_DIGEST_LENGTH]


async def _destination(tx: Transaction, request: Request) -> object:
    """The server; of a set, its servers as well."""
    names = await destinations.opened_by(tx, request)
    return request.server if tuple(names) == (request.server,) else (request.server, *names)
