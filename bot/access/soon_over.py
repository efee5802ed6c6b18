"""Reminders before a profile ends, as many and as early as its time is long.

Which one is the next stands in the database, and is moved on in the transaction that sends one: so
none comes twice, whatever is killed and however the clock jumps. Of what was missed meanwhile only
the last one is sent.
"""

from datetime import datetime, timedelta

from bot.access import messages
from bot.access.case import Case
from bot.access.lineage import Lineage
from storage.records import Grant, GrantState

_BEFORE = (timedelta(days=7), timedelta(days=1), timedelta(hours=1))
# So much of its time is over by then: who has something for a day needs to hear nothing on the eve.
_OF_ALL = 4
# Whoever is paused reads of it when they are back.
_PAUSED_LOOK_S = 300
# In one commit.
_SOME = 100


async def plan(case: Case, grant: Grant) -> None:
    """Plans the next reminder of a profile, if there is one to come."""
    due = [at for at in _moments(grant) if at > case.now]
    await case.tx.reminders.plan(grant.id, min(due, default=None))


async def plan_late(case: Case, grant: Grant) -> None:
    """Likewise, where one that is past may be owed."""
    await case.tx.reminders.plan(grant.id, case.now if _moments(grant) else None)


async def remind_due(case: Case) -> int:
    """Sends what is due; gives how many were looked at. Not while the clock is in doubt."""
    if not case.may_expire:
        return 0
    due = await case.tx.grants.some(await case.tx.reminders.due(case.now, _SOME))
    for grant in due:
        if grant.state is not GrantState.ACTIVE or grant.user_id is None:
            await case.tx.reminders.plan(grant.id, None)
            continue
        if grant.pause is not None and grant.not_after > case.now:
            await case.tx.reminders.plan(grant.id, case.after(_PAUSED_LOOK_S))
            continue
        await plan(case, grant)
        is_owed = any(at <= case.now for at in _moments(grant)) and case.now < grant.not_after
        if is_owed and (await Lineage.of(case.tx, grant.user_id)).later(grant) is None:
            await messages.reminder(case, grant.user_id, grant.id)
    return len(due)


def _moments(grant: Grant) -> list[datetime]:
    whole = grant.not_after - grant.not_before
    return [grant.not_after - before for before in _BEFORE if whole >= _OF_ALL * before]
