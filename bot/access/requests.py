"""The use cases around a request that was made: cancel, approve, deny, expire."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

from bot.access import (
    admins,
    approvals,
    demands,
    durations,
    grants,
    messages,
    roles,
)
from bot.access.case import Case
from bot.access.hearing import Hearing, Vote, hear
from bot.access.messages import DeliverNote, Notice
from bot.access.names import REASON_LENGTH, clean
from bot.access.permission import THE_BOT, Act, require, require_decision
from bot.access.refusals import Refusal, Refused
from bot.access.starts import LEAD
from bot.access.terms import open_to
from storage.records import (
    PATIENCE,
    ChatId,
    Grant,
    OutboxKind,
    Person,
    Request,
    RequestId,
    RequestState,
    ServerName,
    UserId,
    Verdict,
)
from storage.transaction import Transaction

# As much as its column holds.
_NAMES_LENGTH = 128
# In the chat: see `bot.access.undoing`.
_UNDO_S = 60
_CAN_BE_UNDONE = (Verdict.APPROVE, Verdict.DENY)


class Why(StrEnum):
    """The ready-made reasons for a no."""

    TOO_LONG = "long"
    WHAT_FOR = "what"
    ASK_FIRST = "first"
    NOT_NOW = "later"


@dataclass(frozen=True, slots=True)
class Approved:
    request: Request
    requester: Person
    grant: Grant


@dataclass(frozen=True, slots=True)
class Scheduled:
    """An approval of what begins later: `bot.access.beginning` gives it then."""

    request: Request
    requester: Person


@dataclass(frozen=True, slots=True)
class Agreed:
    """An approval that does not decide alone: so many more are needed."""

    request: Request
    missing: int


async def cancel(case: Case, request_id: RequestId) -> Request:
    """Takes back one's own request.

    Raises:
        Refused: UNKNOWN_REQUEST, NOT_YOURS, ALREADY_DECIDED.
    """
    await own(case, request_id)
    return await decide(case, request_id, Verdict.CANCEL)


async def approve(
    case: Case, request_id: RequestId, duration: int | None, *, seen: str | None = None
) -> Approved | Scheduled | Agreed:
    """Gives what was asked for, or less, or more within the limit; the outbox brings the profile.

    What is to begin later is given then, by what binds then.

    Whatever the request was made with, and whenever its card was sent, the settings in force now
    bind, and what the requester's groups say now: which servers, the longest duration, how long a
    request waits, what it has to say, how many profiles they may have, how many have to agree, and
    who. Where several
    admins have to, the shortest duration among theirs counts. Who says yes again, to another
    duration, has changed their mind; to the same, it decides if enough have agreed by now. An
    operator is bound by no limit, and needs nobody else's yes.

    Args:
        seen: the digest of the card that was tapped; None where there is no card.

    Raises:
        Refused: ADMINS_ONLY, UNKNOWN_REQUEST, OWN_REQUEST, ALREADY_DECIDED, NOT_OFFERED,
            DURATION_TOO_LONG, SERVER_NOT_OPEN, NOT_APPROVER, CARD_CHANGED, AGREED_ALREADY,
            REQUESTER_REMOVED, REQUESTER_PAUSED, OUTLIVES_AUTHORITY, UNKNOWN_SERVER, SERVER_CLOSED,
            NETWORK_FULL, CLOCK_IN_DOUBT, REASON_MISSING, TICKET_MISSING, PROFILES_FULL.
    """
    heard = await decidable(case, request_id)
    request = heard.request
    require_open(case, request)
    if not case.actor.is_operator:
        await admins.observe(case)
    if seen is not None and not await approvals.was_seen(case, heard, seen):
        raise Refused(Refusal.CARD_CHANGED, request=request_id)
    seconds = request.duration if duration is None else duration
    if duration is not None:
        offered = [*heard.offers(request.duration), *heard.offers(heard.limit), *heard.longer]
        if seconds not in offered:
            raise Refused(Refusal.NOT_OFFERED)
    requester = await allowed_requester(case.tx, request)
    names: list[str] = []
    if not case.actor.is_operator:
        durations.within_limit(seconds, heard.longest)
        open_to(heard.groups, {ServerName(request.server or ""): heard.opened})
        lacking = await demands.lacking(case, request, heard.theirs)
        if lacking is not None:
            raise lacking
        person = heard.person_of(acting(case))
        given = await approvals.given(case, heard)
        said = [approval.duration for approval in given if approval.person == person]
        others = [approval.duration for approval in given if approval.person != person]
        vote = heard.vote(min([seconds, *others]))
        agreed = {approval.person for approval in given if approval.person != person}
        if not vote.counts(person, agreed):
            raise _not_approver(heard, vote)
        missing = vote.missing({*agreed, person})
        if missing > 0 and said == [seconds]:
            raise Refused(Refusal.AGREED_ALREADY)
        if missing > 0:
            await case.tx.requests.agree(
                request.id, by=case.actor.key, duration=seconds, at=case.now
            )
            told = {"user_id": request.user_id, "duration": durations.format_duration(seconds)}
            await case.record("request.agree", request, **told)
            await messages.edit_cards(case, request.id)
            return Agreed(request, missing)
        seconds = min([seconds, *others])
        names = [approval.name for approval in given if approval.person != person]
    if request.starts_at is not None and case.now < request.starts_at - LEAD:
        grants.require_giving(case)
        ends_at = request.starts_at + timedelta(seconds=seconds)
        await grants.require_outlived(case, ends_at)
        decided = await decide(
            case, request.id, Verdict.APPROVE, duration=seconds, agreed=names, later=True
        )
        return Scheduled(decided, requester)
    grant = await give(case, request, requester, seconds, agreed=names)
    note = DeliverNote.FIRST if request.extends is None else DeliverNote.MORE_TIME
    await messages.deliver(case, requester.id, grant.id, note)
    return Approved(await known_request(case.tx, request_id), requester, grant)


async def approve_without_delivery(case: Case, request_id: RequestId) -> Grant:
    """Decides and reserves, on an operator's word; the caller brings the profile to its owner."""
    request = (await decidable(case, request_id)).request
    requester = await allowed_requester(case.tx, request)
    return await give(case, request, requester, request.duration)


async def deny(
    case: Case,
    request_id: RequestId,
    *,
    why: Why | None = None,
    words: str = "",
    seen: int | None = None,
) -> Request:
    """Says no, with a reason or without, also to what has not begun; the requester is told.

    Args:
        words: the reason in words of one's own, instead of a ready-made one.
        seen: which revision of the request was on the card; None where there is no card.

    Raises:
        Refused: ADMINS_ONLY, UNKNOWN_REQUEST, OWN_REQUEST, ALREADY_DECIDED, CARD_CHANGED, NO_WORDS.
    """
    request = (await decidable(case, request_id, also=RequestState.SCHEDULED)).request
    notes = await case.tx.request_notes.of(request_id)
    if seen is not None and seen != notes.revision:
        raise Refused(Refusal.CARD_CHANGED, request=request_id)
    said = clean(words, REASON_LENGTH)
    if words and not said:
        raise Refused(Refusal.NO_WORDS)
    reason = {"why": why} if why else {"words": said} if said else {}
    if reason:
        await case.tx.request_notes.deny(request_id, why=why, words=said or None)
    # What was approved for later and is denied after its time to be decided can't be open again.
    stays = approvals.deadline(case, request) <= case.now
    decided = await decide(case, request_id, Verdict.DENY, stays=stays, **reason)
    who = {"admin": case.actor.name, "by": case.actor.key}
    code = Notice.REQUEST_DENIED_BECAUSE if reason else Notice.REQUEST_DENIED
    await messages.notice(case, request.user_id, code, server=request.server, **who, **reason)
    await messages.edit_open_cards(case, request.user_id)
    return decided


async def card_undelivered(case: Case, request_id: RequestId, chat_id: ChatId) -> None:
    """Tells the requester if no admin gets the card of their request.

    To be called once for each card, when its row of the outbox says so. What the group doesn't
    take that is to hold it goes to each admin.
    """
    request = await case.tx.requests.get(request_id)
    if request is None or request.state is not RequestState.PENDING:
        return
    if chat_id < 0:
        for one in await approvals.asked(case, await hear(case, request)):
            await messages.private_card(case, one, request_id)
        return
    if await case.tx.posted.about(OutboxKind.CARD, str(request_id)):
        return
    on_the_way = [
        item for item in await case.tx.outbox.open(OutboxKind.CARD) if item.attempts < PATIENCE
    ]
    if any(item.payload["request"] == request_id for item in on_the_way):
        return
    can_read = await reachable(case, request)
    code = Notice.NO_CARD if can_read else Notice.NO_ADMIN_REACHABLE
    await messages.notice(case, request.user_id, code, server=request.server)


async def expire_due(case: Case) -> int:
    """Ends the requests that nobody decided in time; gives their number."""
    over = await due(case)
    for request in over:
        await decide(case.by(THE_BOT), request.id, Verdict.EXPIRE)
        if request.state is RequestState.PENDING:
            await messages.notice(
                case, request.user_id, Notice.REQUEST_EXPIRED, server=request.server
            )
    return len(over)


async def due(case: Case) -> list[Request]:
    """The requests that nobody decided in time."""
    if not case.may_expire:
        return []
    asked_by = case.after(-case.rules.request_ttl)
    old = await case.tx.requests.due(case.now, asked_by=asked_by)
    return [request for request in old if approvals.deadline(case, request) <= case.now]


async def refit(case: Case) -> None:
    """Updates the cards whose offer has changed with the settings."""
    for request in await case.tx.requests.pending():
        is_shorter = (await hear(case, request)).limit < request.duration
        if is_shorter or approvals.deadline(case, request) < request.expires_at:
            await messages.edit_cards(case, request.id)


async def withdraw(case: Case, request: Request, *, tell: bool) -> None:
    """Closes a request because its requester or its server is gone."""
    await decide(case, request.id, Verdict.CANCEL)
    if tell:
        await messages.notice(
            case, request.user_id, Notice.REQUEST_WITHDRAWN, server=request.server
        )


def require_open(case: Case, request: Request) -> None:
    """Refuses an expired request that `expire_due` has not closed yet."""
    if approvals.deadline(case, request) <= case.now:
        raise Refused(Refusal.ALREADY_DECIDED, state=RequestState.EXPIRED, admin="")


def acting(case: Case) -> UserId:
    """Who acts in the chat."""
    assert case.actor.user_id is not None
    return case.actor.user_id


def _not_approver(heard: Hearing, vote: Vote) -> Refused:
    """With the names of those who may decide."""
    may = {person for quorum in vote.quorums for person in quorum.people}
    names = [heard.name_of(one) for one in heard.deciders if heard.person_of(one) in may]
    return Refused(Refusal.NOT_APPROVER, names=names, request=heard.request.id)


async def allowed_requester(tx: Transaction, request: Request) -> Person:
    requester = await tx.people.get(request.user_id)
    if requester is None or not requester.allowed:
        raise Refused(Refusal.REQUESTER_REMOVED)
    if await tx.pauses.of(requester.id) is not None:
        raise Refused(Refusal.REQUESTER_PAUSED, name=requester.name, id=requester.id)
    return requester


async def give(
    case: Case,
    request: Request,
    requester: Person,
    seconds: int,
    *,
    agreed: Sequence[str] = (),
) -> Grant:
    """Decides and reserves; with the names of those whose yes it took beside the actor's."""
    grants.require_giving(case)
    decided = await decide(case, request.id, Verdict.APPROVE, duration=seconds, agreed=agreed)
    return await reserve(case, decided, requester)


async def reserve(case: Case, request: Request, requester: Person) -> Grant:
    """What an approved request gives now.

    The time runs from the approval, not from the request; where a beginning was asked for, from
    then, however late it was decided.

    Raises:
        Refused: START_OVER, and what `grants.reserve` says.
    """
    starts_at = request.starts_at
    not_after = (starts_at or case.now) + timedelta(seconds=request.duration)
    if not_after - case.now < grants.SHORTEST_RENEWAL:
        raise Refused(Refusal.START_OVER)
    return await grants.reserve(case, request, requester, not_after=not_after, not_before=starts_at)


async def announce(case: Case, request: Request) -> None:
    """Sends its card to whoever is asked."""
    for one in await approvals.asked(case, await hear(case, request)):
        await messages.card(case, one, request.id)


async def admin_reachable(case: Case) -> bool:
    """False once every admin is known not to have pressed Start."""
    return await _can_be_reached(case, await roles.admins(case.tx, case.rules))


async def reachable(case: Case, request: Request) -> bool:
    """False once everybody who is asked about it is known not to let the bot write."""
    return await _can_be_reached(case, await approvals.asked(case, await hear(case, request)))


async def _can_be_reached(case: Case, accounts: Iterable[UserId]) -> bool:
    known = [await case.tx.people.get(one) for one in accounts]
    return any(account is None or account.reachable is not False for account in known)


async def known_request(tx: Transaction, request_id: RequestId) -> Request:
    request = await tx.requests.get(request_id)
    if request is None:
        raise Refused(Refusal.UNKNOWN_REQUEST, request=request_id)
    return request


async def own(case: Case, request_id: RequestId) -> Request:
    """Raises Refused: UNKNOWN_REQUEST, NOT_YOURS."""
    request = await known_request(case.tx, request_id)
    if request.user_id != case.actor.user_id:
        raise Refused(Refusal.NOT_YOURS)
    return request


async def decidable(
    case: Case, request_id: RequestId, *, also: RequestState | None = None
) -> Hearing:
    """A request that waits for a decision, on which whoever acts has a say.

    Raises:
        Refused: ALREADY_DECIDED, and what `may_be_decided_by` says.
    """
    heard = await may_be_decided_by(case, request_id)
    if heard.request.state not in {RequestState.PENDING, also}:
        raise await already_decided(case.tx, request_id)
    return heard


async def may_be_decided_by(case: Case, request_id: RequestId) -> Hearing:
    """A request on which whoever acts has a say, decided or not.

    Raises:
        Refused: ADMINS_ONLY, UNKNOWN_REQUEST, OWN_REQUEST, OTHER_GROUP.
    """
    require(case.actor, Act.DECIDE)
    heard = await hear(case, await known_request(case.tx, request_id))
    if not case.actor.is_operator:
        # By none of their accounts, and for whom it is by the groups of this moment.
        person = heard.person_of(acting(case))
        theirs = [group.name for group in heard.theirs.groups]
        require_decision(case.actor, person, heard.request, heard.requester, theirs)
    return heard


async def already_decided(tx: Transaction, request_id: RequestId) -> Refused:
    request = await known_request(tx, request_id)
    return Refused(
        Refusal.ALREADY_DECIDED,
        state=request.state,
        by=request.decided_by,
        admin=request.decided_by_name or "",
    )


async def decide(
    case: Case,
    request_id: RequestId,
    verdict: Verdict,
    *,
    duration: int | None = None,
    agreed: Sequence[str] = (),
    later: bool = False,
    stays: bool = False,
    **said: str,
) -> Request:
    # What has not begun can be denied until it does.
    may_undo = verdict in _CAN_BE_UNDONE and case.actor.user_id is not None
    won = await case.tx.requests.decide(
        request_id,
        verdict,
        by=case.actor.key,
        by_name=", ".join((*agreed, case.actor.name))[:_NAMES_LENGTH],
        at=case.now,
        duration=duration,
        undo_until=case.after(_UNDO_S) if may_undo and not (later or stays) else None,
        later=later,
    )
    if not won:
        raise await already_decided(case.tx, request_id)
    request = await known_request(case.tx, request_id)
    await case.record(f"request.{verdict}", request, user_id=request.user_id, **said)
    await messages.edit_cards(case, request_id)
    await messages.follow_extended(case, request)
    return request
