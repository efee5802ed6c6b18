"""What has to be there before somebody may have a profile, whoever gives it; and who gives at once.

All of it binds at the moment of the act: a request from before a rule is judged by the rule.
"""

from collections.abc import Collection
from datetime import timedelta

from bot.access import approvals
from bot.access.case import Case
from bot.access.lineage import Lineage
from bot.access.permission import Actor
from bot.access.refusals import Refusal, Refused
from bot.access.terms import Terms
from storage.group_records import Group, Reason
from storage.records import Grant, Request, RequestId, ServerName, UserId

_STANDING = "group:"
# So long what an admin has decided against somebody goes before what their group gives at once.
_NO_LASTS = timedelta(days=1)
# To whoever asks, and to whoever would approve.
_TO_APPROVE = {
    Refusal.REASON_NEEDED: Refusal.REASON_MISSING,
    Refusal.TICKET_NEEDED: Refusal.TICKET_MISSING,
    Refusal.TOO_MANY_PROFILES: Refusal.PROFILES_FULL,
}


def require_reason(case: Case, reason: str, theirs: Terms) -> None:
    """Raises Refused: REASON_NEEDED, TICKET_NEEDED."""
    demanded = theirs.reason(case.rules.reason)
    if demanded is Reason.REQUIRED and not reason.strip():
        raise Refused(Refusal.REASON_NEEDED)
    if demanded is Reason.TICKET and case.rules.tickets.find(reason) is None:
        raise Refused(Refusal.TICKET_NEEDED, hint=case.rules.tickets.hint)


async def require_to_ask(
    case: Case,
    user_id: UserId,
    reason: str,
    theirs: Terms,
    *,
    extends: RequestId | None = None,
) -> None:
    """What a request needs; one for more time is for a profile that is there already.

    Raises:
        Refused: REASON_NEEDED, TICKET_NEEDED, TOO_MANY_PROFILES.
    """
    require_reason(case, reason, theirs)
    most = theirs.profiles(case.rules.max_profiles)
    if most is not None:
        live = await _live(case, user_id)
        # What takes another one's place is the same profile as long as both live.
        replaced = {grant.replaces for grant in live}
        for account in {grant.owner for grant in live}:
            lineage = await Lineage.of(case.tx, account)
            replaced |= {one.id for grant in live for one in lineage.earlier(grant)}
            replaced |= {one.id for one in (lineage.given(extends) if extends else ())}
        count = sum(grant.id not in replaced for grant in live)
        if count >= most:
            name = await case.tx.people.name_of(user_id)
            raise Refused(Refusal.TOO_MANY_PROFILES, name=name, count=count)


async def lacking(case: Case, request: Request, theirs: Terms) -> Refused | None:
    """Why a request can't be approved as it is now: REASON_MISSING, TICKET_MISSING, PROFILES_FULL.

    None where nothing is missing.
    """
    try:
        await require_to_ask(case, request.user_id, request.reason, theirs, extends=request.extends)
    except Refused as refused:
        return Refused(_TO_APPROVE[refused.code], **refused.values)
    return None


async def _live(case: Case, user_id: UserId) -> list[Grant]:
    """What the person has by any account; what was taken over from before was given by nobody."""
    return [
        grant
        for account in await case.tx.people.accounts_of(user_id)
        for grant in await case.tx.grants.live_of_user(account)
        if grant.imported_at is None
    ]


async def standing_for(
    case: Case,
    user_id: UserId,
    servers: Collection[ServerName],
    theirs: Terms,
    wanted: int,
    *,
    is_named: bool,
) -> tuple[Group, int] | None:
    """The group by whose standing approval this is given at once, and for how many seconds.

    None where admins are asked: nothing of the kind was said for this person, it is not for that
    long, they have a live profile for one of these servers already, or an admin has said no to
    them, or ended access of theirs, within the last day: that is a newer word than the group's.
    What nobody named is shortened to it. From the duration on that needs several admins by the
    settings, they decide.

    Args:
        wanted: in seconds.
    """
    group = theirs.standing()
    if group is None or group.standing is None:
        return None
    seconds = wanted if is_named else min(wanted, group.standing)
    needs_more = case.rules.approvals_for(seconds) > case.rules.approvals
    if seconds > group.standing or needs_more:
        return None
    live = await _live(case, user_id)
    if any(not set(servers).isdisjoint(grant.servers) for grant in live):
        return None
    if await approvals.against(case.tx, user_id, case.now - _NO_LASTS):
        return None
    return group, seconds


def standing_actor(group: Group) -> Actor:
    """On whose word that is, for the trail: the group's, as an admin on the machine has set it."""
    return Actor(key=f"{_STANDING}{group.name}", name=group.name)


def is_standing(key: str | None) -> bool:
    """Whether it is such a word, by its key."""
    return key is not None and key.startswith(_STANDING)
