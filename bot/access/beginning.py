"""What was approved for later begins: its profile goes out minutes before, by what binds then."""

from bot.access import approvals, demands, messages, requests
from bot.access.case import Case
from bot.access.hearing import Hearing, hear
from bot.access.messages import DeliverNote, Notice
from bot.access.permission import THE_BOT, telegram_id
from bot.access.refusals import Refusal, Refused
from bot.access.starts import LEAD
from bot.access.terms import open_to
from storage.records import EndReason, Request, ServerName, Verdict

_TAKEN = (EndReason.REVOKED, EndReason.REMOVED, EndReason.STOLEN)


async def due(case: Case) -> list[Request]:
    """Those whose profiles are to go out now; none while nobody knows what time it is."""
    if not case.may_give:
        return []
    return [*await case.tx.requests.scheduled(by=case.now + LEAD)]


async def begin_due(case: Case) -> int:
    """Gives what is due, also where the bot was down at that moment; gives their number.

    Where it may not be given any more, or can't be, the request is closed, and the person and the
    admins are told why.
    """
    found = await due(case)
    for request in found:
        try:
            async with case.tx.attempt():
                await _begin(case.by(THE_BOT), request)
        except Refused as refused:
            await _give_up(case.by(THE_BOT), request, refused)
    return len(found)


async def _begin(case: Case, request: Request) -> None:
    """Whatever was decided since, and the rules of now, go before the approval."""
    requester = await requests.allowed_requester(case.tx, request)
    if await _is_revoked_since(case, request):
        raise Refused(Refusal.REVOKED_SINCE)
    heard = await hear(case, request)
    open_to(heard.groups, {ServerName(request.server or ""): heard.opened})
    lacking = await demands.lacking(case, request, heard.theirs)
    if lacking is not None:
        raise lacking
    if not await _is_agreed(case, heard):
        raise Refused(Refusal.APPROVAL_OVER)
    await case.tx.requests.begin(request.id, heard.limit)
    begun = await requests.known_request(case.tx, request.id)
    await case.record("request.begin", begun, user_id=begun.user_id)
    grant = await requests.reserve(case, begun, requester)
    await messages.deliver(case, requester.id, grant.id, DeliverNote.FIRST)
    await messages.edit_cards(case, request.id)


async def _is_revoked_since(case: Case, request: Request) -> bool:
    """Whether an admin, or they by a ‘Not me’, ended anything of theirs since: that is newer."""
    decided_at = request.decided_at or request.asked_at
    theirs = [
        grant
        for account in await case.tx.people.accounts_of(request.user_id)
        for grant in await case.tx.grants.of_user(account)
    ]
    return any(
        grant.end_reason in _TAKEN
        and grant.revoked_at is not None
        and grant.revoked_at > decided_at
        for grant in theirs
    )


async def _is_agreed(case: Case, heard: Hearing) -> bool:
    """Whether those who said yes may still do so, and are as many as it takes by now.

    Whoever acts on the machine needs nobody else's yes.
    """
    if telegram_id(heard.request.decided_by or "") is None:
        return True
    given = await approvals.given(case, heard)
    return not heard.vote(heard.limit).missing([one.person for one in given])


async def _give_up(case: Case, request: Request, refused: Refused) -> None:
    await requests.decide(case, request.id, Verdict.CANCEL)
    name = await case.tx.people.name_of(request.user_id)
    about = {"server": request.server, "refusal": refused.code, "name": name}
    await messages.notice(case, request.user_id, Notice.NOT_BEGUN, **about)
    await messages.tell_admins(case, Notice.NOT_BEGUN_ADMINS, **about)
