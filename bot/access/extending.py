"""The use cases around more time: ask for it, and what the first use of the new profile ends.

See `bot.access.lineage` for what becomes of the two profiles.
"""

from collections.abc import Iterable

from bot.access import asking, grants, messages, revocation
from bot.access.case import Case
from bot.access.lineage import Lineage, extended_by
from bot.access.permission import THE_BOT, Act, require
from bot.access.refusals import Refusal, Refused
from bot.access.terms import terms_of
from storage.records import LIVE_STATES, EndReason, GrantId, GrantState, Request


async def ask(
    case: Case, grant_id: GrantId, *, duration: int | None = None, reason: str = ""
) -> Request:
    """Asks for a profile that works for as long again as this one was given for.

    That counts from the approval, like all that is given. Where more than half of the time is left,
    it is twice as long, as far as the limits allow: else little would be won.

    Args:
        duration, reason: in seconds, and why, where that was said.

    Raises:
        Refused: NOT_ALLOWED, PAUSED, UNKNOWN_GRANT, NOT_YOURS, GRANT_OVER, NO_BUTTON, GRANT_BUSY,
            MORE_TIME_GIVEN, NO_MORE_TIME, and what `asking.ask` says.
    """
    require(case.actor, Act.ASK)
    grant = await revocation.own_live_grant(case, grant_id)
    grants.require_ours(grant)
    if grant.state is not GrantState.ACTIVE:
        raise Refused(Refusal.GRANT_BUSY)
    lineage = await Lineage.of(case.tx, grant.owner)
    later = lineage.later(grant)
    if later is not None:
        raise Refused(Refusal.MORE_TIME_GIVEN, server=grant.server, until=later.not_after)
    assert grant.request_id is not None
    before = await case.tx.requests.get(grant.request_id)
    assert before is not None
    is_early = (grant.not_after - case.now).total_seconds() > before.duration / 2
    theirs = await terms_of(case.tx, grant.owner, grant.servers)
    seconds = duration or (before.duration * 2 if is_early else before.duration)
    # Limits for people do not bind whoever acts on the machine, where they name a time.
    if duration is None or not case.actor.is_operator:
        seconds = min(seconds, theirs.limit(case.rules.max_duration))
    if case.after(seconds) <= grant.not_after:
        raise Refused(Refusal.NO_MORE_TIME, server=grant.server, until=grant.not_after)
    asked = await asking.ask(
        case,
        duration=seconds,
        server=grant.server,
        reason=reason or before.reason,
        extends=grant,
        device=before.device,
    )
    return asked.request


async def ask_again(case: Case, request: Request) -> Request | None:
    """Asks anew for more time; None where there is no profile any more that could get it.

    Raises:
        Refused: as `ask`.
    """
    grant = await extended_by(case.tx, request)
    if grant is None or grant.state not in LIVE_STATES:
        return None
    return await ask(case, grant.id)


async def used(case: Case, grant_ids: Iterable[GrantId]) -> bool:
    """Ends what these profiles, seen in use, have taken the place of; whether there was any.

    Its owner needs no message: they were told with the new profile, and the old one's says so.
    """
    is_any = False
    for grant in await case.tx.grants.some([*grant_ids]):
        if grant.state not in LIVE_STATES or grant.user_id is None:
            continue
        earlier = (await Lineage.of(case.tx, grant.user_id)).earlier(grant)
        ended = await revocation.begin(
            case.by(THE_BOT), earlier, EndReason.REPLACED, with_replacements=False
        )
        if ended:
            is_any = True
            chat = messages.private_chat(grant.user_id)
            await messages.receipt(case, chat, [one.id for one in ended], if_unproved=True)
    return is_any
