"""Whoever decided on a request can take that back for a minute.

After a no the request is open again, as if nothing had been said. After a yes what it gave is
revoked, like any access: with a receipt, and its owner told.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from bot.access import approvals, destinations, messages, requests, revocation
from bot.access.case import Case
from bot.access.lineage import Lineage
from bot.access.messages import Notice
from bot.access.permission import Act, require, telegram_key
from bot.access.refusals import Refusal, Refused
from storage.records import (
    EndReason,
    Grant,
    OutboxKind,
    Request,
    RequestId,
    RequestState,
    ServerName,
    UserId,
)

_UNDONE = (RequestState.APPROVED, RequestState.DENIED)


@dataclass(frozen=True, slots=True)
class Undone:
    """What was taken back; `ended` is what a yes had given, of which a receipt follows."""

    request: Request
    ended: Sequence[Grant] = ()


def can_undo(request: Request, actor: str, now: datetime) -> bool:
    """Whether whoever has this key in the trail decided it, and may still take it back."""
    return (
        request.state in _UNDONE
        and request.decided_by == actor
        and request.undo_until is not None
        and now < request.undo_until
    )


async def settle_due(case: Case) -> int:
    """Takes Undo off the cards whose minute is over; gives how many decisions that were."""
    over = await case.tx.requests.settled(case.now)
    for request in over:
        await case.tx.requests.settle(request.id)
        for message in await case.tx.posted.about(OutboxKind.CARD, str(request.id)):
            is_theirs = telegram_key(UserId(message.chat_id)) == request.decided_by
            if is_theirs or message.chat_id < 0:  # the group's
                await messages.edit_card(case, message, afresh=False)
    return len(over)


async def undo(case: Case, request_id: RequestId) -> Undone:
    """Takes back one's own decision of the last minute.

    Raises:
        Refused: ADMINS_ONLY, UNKNOWN_REQUEST, OWN_REQUEST, OTHER_GROUP, NOTHING_TO_UNDO,
            UNDO_NOT_YOURS, UNDO_LATE, UNDO_ASKED_AGAIN, ALREADY_DECIDED, REQUESTER_REMOVED,
            UNKNOWN_SERVER.
    """
    require(case.actor, Act.DECIDE)
    request = (await requests.may_be_decided_by(case, request_id)).request
    if request.state not in _UNDONE:
        raise Refused(Refusal.NOTHING_TO_UNDO)
    if request.decided_by != case.actor.key:
        raise Refused(Refusal.UNDO_NOT_YOURS, admin=request.decided_by_name or "")
    if not can_undo(request, case.actor.key, case.now):
        raise Refused(Refusal.UNDO_LATE)
    if request.state is RequestState.DENIED:
        return await _reopen(case, request)
    given = (await Lineage.of(case.tx, request.user_id)).given(request.id)
    if not given:
        raise Refused(Refusal.NOTHING_TO_UNDO)
    ended = await revocation.begin(case, given, EndReason.REVOKED)
    await case.record("request.undo", request, user_id=request.user_id)
    await revocation.tell_others(case, ended)
    await revocation.ask_receipt(case, messages.private_chat(requests.acting(case)), ended)
    return Undone(request, ended)


async def _reopen(case: Case, request: Request) -> Undone:
    if approvals.deadline(case, request) <= case.now:
        raise Refused(Refusal.ALREADY_DECIDED, state=RequestState.EXPIRED, admin="")
    person = await case.tx.people.get(request.user_id)
    if person is None or not person.allowed:
        raise Refused(Refusal.REQUESTER_REMOVED)
    if await destinations.find(case.tx, ServerName(request.server or "")) is None:
        # Those that were open were withdrawn when their server was taken out.
        raise Refused(Refusal.UNKNOWN_SERVER, server=request.server)
    for other in await case.tx.requests.open_of(request.user_id):
        if other.server == request.server and other.state is RequestState.PENDING:
            raise Refused(Refusal.UNDO_ASKED_AGAIN, request=other.id)
    if not await case.tx.requests.reopen(request.id):
        raise Refused(Refusal.NOTHING_TO_UNDO)
    await case.tx.request_notes.deny(request.id, why=None, words=None)
    await case.tx.request_notes.waits(request.id, case.now)
    await case.record("request.reopen", request, user_id=request.user_id)
    await messages.edit_cards(case, request.id)
    who = {"admin": case.actor.name, "by": case.actor.key}
    await messages.notice(
        case, request.user_id, Notice.REQUEST_REOPENED, server=request.server, **who
    )
    await messages.edit_open_cards(case, request.user_id)
    return Undone(request)
