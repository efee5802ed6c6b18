"""Whoever asked may ask for another time, or say why, until it is decided.

Whatever was said of the request before was said of something else: a yes that did not decide alone
has to be said anew, and the buttons of cards that showed it as it was do nothing any more.
"""

from collections.abc import Sequence
from datetime import timedelta

from bot.access import approvals, demands, durations, grants, messages, requests
from bot.access.case import Case
from bot.access.hearing import Hearing, hear
from bot.access.names import REASON_LENGTH, clean
from bot.access.permission import Act, require
from bot.access.refusals import Refusal, Refused
from storage.records import Request, RequestId, RequestState

# Each change brings every admin's card up to date.
_CHANGES = 10


async def other_durations(case: Case, request: Request) -> Sequence[int]:
    """For how long else its requester may want it, in seconds, the shortest first."""
    return _others(await hear(case, request))


def _others(heard: Hearing) -> Sequence[int]:
    limit = heard.theirs.limit(heard.rules.max_duration)
    others = durations.others(limit, heard.rules.default_duration, heard.request.duration)
    return heard.that_help(others)


async def changeable(case: Case, request_id: RequestId) -> Request:
    """One's own request that waits for a decision.

    Raises:
        Refused: NOT_ALLOWED, PAUSED, UNKNOWN_REQUEST, NOT_YOURS, ALREADY_DECIDED.
    """
    require(case.actor, Act.ASK)
    request = await requests.own(case, request_id)
    if request.state is not RequestState.PENDING:
        raise await requests.already_decided(case.tx, request_id)
    requests.require_open(case, request)
    return request


async def change_duration(case: Case, request_id: RequestId, seconds: int) -> Request:
    """Another duration than was asked for; by the limits of now.

    Raises:
        Refused: DURATION_TOO_LONG, NOT_OFFERED, OUTLIVES_AUTHORITY, AUTHORITY_OVER,
            CHANGED_TOO_OFTEN, and what `changeable` says.
    """
    request = await changeable(case, request_id)
    if seconds == request.duration:
        return request
    heard = await hear(case, request)
    durations.within_limit(seconds, heard.theirs.limit(case.rules.max_duration))
    if seconds not in _others(heard):
        raise Refused(Refusal.NOT_OFFERED)
    begins = request.starts_at or case.now
    await grants.require_outlived(case, begins + timedelta(seconds=seconds))
    was = durations.format_duration(request.duration)
    return await _change(case, request, duration=seconds, reason=request.reason, was=was)


async def change_reason(case: Case, request_id: RequestId, reason: str) -> Request:
    """Says why, or something else than before.

    Raises:
        Refused: NO_WORDS, REASON_NEEDED, TICKET_NEEDED, CHANGED_TOO_OFTEN, and what `changeable`
            says.
    """
    request = await changeable(case, request_id)
    reason = clean(reason, REASON_LENGTH)
    if not reason:
        raise Refused(Refusal.NO_WORDS)
    demands.require_reason(case, reason, (await hear(case, request)).theirs)
    if reason == request.reason:
        return request
    was = request.reason
    return await _change(case, request, duration=request.duration, reason=reason, was=was)


async def _change(case: Case, request: Request, *, duration: int, reason: str, was: str) -> Request:
    if (await case.tx.request_notes.of(request.id)).revision >= _CHANGES:
        raise Refused(Refusal.CHANGED_TOO_OFTEN, count=_CHANGES)
    before = await approvals.asked(case, await hear(case, request))
    if not await case.tx.request_notes.change(
        request.id, duration=duration, reason=reason, at=case.now
    ):
        raise await requests.already_decided(case.tx, request.id)
    request = await requests.own(case, request.id)
    await case.record("request.change", request, reason=reason, was=was)
    await messages.edit_cards(case, request.id)
    for one in await approvals.asked(case, await hear(case, request)):
        if one not in before:
            await messages.card(case, one, request.id)
    return request
