"""Somebody's profile doesn't work: what can be known of that here, and a word to the admins.

Nothing here is more than what looks and tries have left in the database. What goes wrong before a
server lets somebody in is in its own log only.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from bot.access import canaries, grants, messages, revocation
from bot.access.case import Case
from bot.access.messages import Notice
from bot.access.permission import Act, require
from bot.access.refusals import Refusal, Refused
from bot.access.usage import LastUse, last_uses
from storage.audit import AuditWanted
from storage.records import CanaryLook, Grant, GrantId, Payload, ServerName

# Of one person, so that admins read of a trouble once.
_AGAIN = timedelta(minutes=15)
# A CRL that is older lets nobody in, see `pki.crl`.
_LIST_LASTS = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class Seen:
    """What is known of a grant that doesn't work.

    Attributes:
        last: when it was seen connected.
        tried: what came of the bot's own tries of its servers, as far as they are fresh.
        waiting: its servers that have not taken it in yet.
        closed: those whose revocation list has run out, so that nobody gets in.
        is_locked: whether nobody has seen its passphrase.
    """

    last: LastUse | None
    tried: Sequence[CanaryLook]
    waiting: Sequence[ServerName]
    closed: Sequence[ServerName]
    is_locked: bool


async def own(case: Case, grant_id: GrantId) -> Grant:
    """The actor's own profile, of which something is to be known.

    Raises:
        Refused: NOT_ALLOWED, UNKNOWN_GRANT, NOT_YOURS, GRANT_OVER, NO_BUTTON.
    """
    require(case.actor, Act.ASK)
    grant = await revocation.own_live_grant(case, grant_id)
    grants.require_ours(grant)
    return grant


async def seen(case: Case, grant: Grant) -> Seen:
    """What the looks and tries say of it now."""
    tx = case.tx
    tried: list[CanaryLook] = []
    closed: list[ServerName] = []
    for name in grant.servers:
        look, server = await tx.canaries.look(name), await tx.servers.get(name)
        # Whatever the period is: an older one would not help anybody.
        if look is not None and canaries.current(look, case.now, 0).untried is None:
            tried.append(look)
        published = server.crl_published_at if server is not None else None
        if published is not None and case.now - published > _LIST_LASTS:
            closed.append(name)
    locked = await tx.keys.locked(grant.id)
    return Seen(
        last=(await last_uses(tx, [grant.id])).get(grant.id),
        tried=tried,
        waiting=await tx.usages.not_yet_on(grant.id),
        closed=closed,
        is_locked=locked is not None and locked.shown_at is None,
    )


async def report(case: Case, grant: Grant, said: str) -> None:
    """Has the servers asked what they saw, and the admins told then.

    Args:
        said: what the owner has said, a letter for each answer.

    Raises:
        Refused: TOLD_LATELY.
    """
    wanted = AuditWanted(
        kind="grant.trouble", since=case.now - _AGAIN, actors=(case.actor.key,), subjects=()
    )
    if await case.tx.audit.newest(1, wanted):
        raise Refused(Refusal.TOLD_LATELY)
    await case.record("grant.trouble", grant, said=said)
    await messages.help_with(case, grant, name=case.actor.name, said=said)


async def tell(case: Case, payload: Payload, heard: Sequence[Payload]) -> None:
    """Tells the admins, with what the servers have seen."""
    values = {key: payload[key] for key in ("name", "grant", "said")}
    await messages.tell_admins(case, Notice.NEEDS_HELP, **values, heard=list(heard))


async def addresses(case: Case, grant: Grant) -> frozenset[str]:
    """From where the owner was connected lately, with whichever profile."""
    theirs = await case.tx.grants.of_user(grant.owner)
    last = await last_uses(case.tx, [one.id for one in theirs])
    return frozenset(one.address for one in last.values())
