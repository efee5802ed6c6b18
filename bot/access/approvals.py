"""How many admins have to agree, who has, and what exactly they have seen."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass

from bot.access.context import Context
from bot.access.permission import Actor, telegram_key
from storage.records import Request, UserId, Verdict
from storage.transaction import Transaction

_DIGEST_LENGTH = 8


@dataclass(frozen=True, slots=True)
class Approval:
    """One admin's yes to a request; the duration is what they tapped, in seconds."""

    person: UserId
    name: str
    duration: int


async def given(tx: Transaction, ctx: Context, request: Request) -> Sequence[Approval]:
    """The approvals that count now, oldest first.

    Only those of people who are admins at this moment: whoever was taken off has no say any more.
    Two accounts of one person are one person, and the requester is none.
    """
    requester = await tx.people.person_of(request.user_id)
    said = {
        decision.actor: decision.duration
        for decision in await tx.requests.decisions(request.id)
        if decision.verdict is Verdict.APPROVE
    }
    found: dict[UserId, Approval] = {}
    for admin in ctx.rules.admins:
        duration = said.get(telegram_key(admin))
        person = await tx.people.person_of(admin)
        if duration is not None and person != requester:
            name = await tx.people.name_of(admin)
            found.setdefault(person, Approval(person, name, duration))
    return tuple(found.values())


async def has_agreed(tx: Transaction, actor: Actor, approvals: Sequence[Approval]) -> bool:
    """Whether this person has said yes already, by whichever account."""
    if actor.user_id is None:
        return False
    person = await tx.people.person_of(actor.user_id)
    return any(approval.person == person for approval in approvals)


async def card_digest(tx: Transaction, request: Request) -> str:
    """Stands for everything that a card shows of a request and of who asks.

    It is in the Approve buttons: what is approved is what was on the card, and a request that
    changed since needs a new look. Not a secret, and no signature: the tap's sender is checked.
    """
    person = await tx.people.get(request.user_id)
    shown = [
        request.id,
        request.user_id,
        await tx.people.name_of(request.user_id),
        person.username if person else None,
        request.server,
        request.duration,
        request.reason,
    ]
    text = json.dumps(shown, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:_DIGEST_LENGTH]
