"""An undecided request comes back to whoever is asked: once by itself, and once by a nudge.

Their cards come anew, in the place of those further up. Nobody is asked again who has said yes, or
whose yes would not bring the request nearer to a decision; nor whoever is paused.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from math import ceil

from bot.access import approvals, changing, messages
from bot.access.case import Case
from bot.access.hearing import hear
from bot.access.permission import THE_BOT
from bot.access.refusals import Refusal, Refused
from storage.records import OutboxKind, Request, RequestId, RequestState, UserId

# Whoever was asked just now has to have time to look.
_BREATH = timedelta(minutes=10)
# Of the time that is left to decide, where that is short.
_SHARE = 4


async def remind_due(case: Case) -> int:
    """Reminds once of what has waited for half of its time; gives how many requests that were."""
    found = await due(case)
    for request in found:
        if await case.tx.request_notes.remind(request.id, case.now):
            asked = await still_asked(case, request)
            await case.by(THE_BOT).record("request.remind", request, asked=len(asked))
            await _ask_again(case, request, asked)
    return len(found)


async def due(case: Case) -> Sequence[Request]:
    """What has waited for half of its time, as soon as somebody is there to decide on it."""
    if not case.may_expire or case.rules.waits_from(case.now) > case.now:
        return ()
    old = await case.tx.request_notes.to_remind(case.now, case.rules.request_ttl)
    return [one for one in old if case.now >= await _half(case, one)]


async def _half(case: Case, request: Request) -> datetime:
    since = await _waits_since(case, request)
    return since + (approvals.deadline(case, request) - since) / 2


async def _waits_since(case: Case, request: Request) -> datetime:
    """Since when it could be decided on."""
    notes = await case.tx.request_notes.of(request.id)
    return case.rules.waits_from(notes.waits_since or request.asked_at)


async def nudge(case: Case, request_id: RequestId) -> Sequence[UserId]:
    """Has one's own request brought back, once; gives to whom.

    Raises:
        Refused: NUDGED_ALREADY, NUDGE_EARLY, NOBODY_TO_NUDGE, and what `changing.changeable` says.
    """
    request = await changing.changeable(case, request_id)
    notes = await case.tx.request_notes.of(request_id)
    if notes.nudged_at is not None:
        raise Refused(Refusal.NUDGED_ALREADY)
    since = await _waits_since(case, request)
    wait = min(_BREATH, (approvals.deadline(case, request) - since) / _SHARE)
    last = max(since, notes.reminded_at or since)
    if case.now < last + wait:
        minutes = ceil((last + wait - case.now) / timedelta(minutes=1))
        raise Refused(Refusal.NUDGE_EARLY, wait=minutes * 60)
    asked = await still_asked(case, request)
    if not asked:
        raise Refused(Refusal.NOBODY_TO_NUDGE)
    if not await case.tx.request_notes.nudge(request_id, case.now):
        raise Refused(Refusal.NUDGED_ALREADY)
    await case.record("request.nudge", request, asked=len(asked))
    await _ask_again(case, request, asked)
    return asked


async def still_asked(case: Case, request: Request) -> Sequence[UserId]:
    """Whose word is missing, and who can be reached."""
    if request.state is not RequestState.PENDING or approvals.deadline(case, request) <= case.now:
        return ()
    heard = await hear(case, request)
    given = await approvals.given(case, heard)
    agreed = {one.person for one in given}
    needed = heard.vote(min([request.duration, *(one.duration for one in given)]))
    found = []
    for one in await approvals.asked(case, heard):
        person, account = heard.person_of(one), heard.accounts[one]
        counts = needed.counts(person, agreed - {person})
        can_read = account is not None and account.reachable is not False
        is_paused = await case.tx.pauses.of(one) is not None
        if person not in {heard.requester, *agreed} and counts and can_read and not is_paused:
            found.append(one)
    return found


async def _ask_again(case: Case, request: Request, asked: Sequence[UserId]) -> None:
    """Their cards come anew; all else that shows the request says that it was done."""
    anew = {messages.private_chat(one) for one in asked}
    for kind in (OutboxKind.CARD, OutboxKind.ASKED):
        for message in await case.tx.posted.about(kind, str(request.id)):
            if kind is OutboxKind.ASKED or message.chat_id not in anew:
                await messages.edit_card(case, message, afresh=False)
    for one in asked:
        await messages.card(case, one, request.id, again=True)
