"""Rate limits for requests and new profiles, counted from what is stored.

Each profile takes an address that rests afterwards, each request makes a card for every admin: a
script must not use up a server's network, nor the admins' patience. What an operator does on the
command line is not counted against anybody.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from math import ceil

from bot.access.case import Case
from bot.access.refusals import Refusal, Refused
from storage.records import UserId

REQUESTS = 10
RENEWALS = 5
PERIOD = timedelta(hours=1)
_MINUTE_S = 60


async def may_ask(case: Case, user_id: UserId) -> None:
    """Raises Refused: ASKED_TOO_OFTEN."""
    if not case.actor.is_operator:
        asked = await case.tx.requests.asked_at(user_id, case.now - PERIOD)
        _require(case, asked, REQUESTS, Refusal.ASKED_TOO_OFTEN)


async def may_renew(case: Case, user_id: UserId) -> None:
    """Raises Refused: RENEWED_TOO_OFTEN."""
    if not case.actor.is_operator:
        renewed = await case.tx.grants.replaced_at(user_id, case.now - PERIOD)
        _require(case, renewed, RENEWALS, Refusal.RENEWED_TOO_OFTEN)


def _require(case: Case, times: Sequence[datetime], limit: int, code: Refusal) -> None:
    """`times` are the newest first. What lies ahead is of a clock that went back since."""
    done = [at for at in times if at <= case.now]
    if len(done) >= limit:
        wait = done[limit - 1] + PERIOD - case.now
        minutes = ceil(wait.total_seconds() / _MINUTE_S)
        raise Refused(code, count=limit, wait=max(minutes, 1) * _MINUTE_S)
