"""Whoever decides may be away until a day: their cards go to others, and nobody waits for them.

What they may do stays theirs: whoever looks in all the same decides as ever.
"""

from datetime import datetime

from bot.access import approvals, messages, roles
from bot.access.case import Case
from bot.access.hearing import hear
from bot.access.messages import Notice
from bot.access.permission import THE_BOT, Act, may, require
from bot.access.refusals import Refusal, Refused
from storage.absences import Absence
from storage.records import OutboxKind, UserId


async def go(case: Case, user_id: UserId, until: datetime) -> None:
    """Passes somebody's cards on until then; also those that wait, where others have none of them.

    An operator says it of anybody, and whatever comes of it; all others of themselves.

    Raises:
        Refused: ADMINS_ONLY, NOT_YOURS, DECIDES_NOTHING, NOBODY_ELSE_DECIDES.
    """
    _require_own(case, user_id)
    person = await case.tx.people.get(user_id)
    decider = await roles.identify(case.tx, case.rules, user_id, "")
    if not may(decider, Act.DECIDE):
        raise Refused(Refusal.DECIDES_NOTHING, name=decider.name)
    if not case.actor.is_operator and not await _somebody_stays(case, user_id):
        raise Refused(Refusal.NOBODY_ELSE_DECIDES)
    name = case.actor.name if person is None else person.name
    await case.tx.people.know(user_id, name, case.now)
    # Of a person with two accounts it is one absence, whichever they say it by.
    await _end(case, user_id)
    await case.tx.absences.put(Absence(user_id, case.now, until))
    day = until.isoformat()
    await case.record("absence.begin", f"user:{user_id}", user_name=name, until=day)
    for admin in await roles.admins(case.tx, case.rules):
        if admin != user_id:
            await messages.notice(case, admin, Notice.AWAY, name=name, until=day)
    if case.actor.is_operator:
        who = {"admin": case.actor.name, "by": case.actor.key}
        await messages.notice(case, user_id, Notice.AWAY_BY, until=day, **who)
    await _send_what_is_missing(case)


async def come_back(case: Case, user_id: UserId) -> None:
    """Before that day.

    Raises:
        Refused: ADMINS_ONLY, NOT_YOURS, NOT_AWAY.
    """
    _require_own(case, user_id)
    if not await _end(case, user_id):
        raise Refused(Refusal.NOT_AWAY)
    name = await case.tx.people.name_of(user_id)
    await case.record("absence.end", f"user:{user_id}", user_name=name)
    if case.actor.is_operator:
        await messages.notice(case, user_id, Notice.BACK)
    await _send_what_is_missing(case)


async def until(case: Case, user_id: UserId) -> datetime | None:
    """Until when somebody is away, by whichever of their accounts; None while they are here."""
    accounts = await case.tx.people.accounts_of(user_id)
    found = [one.until for one in await case.tx.absences.now(case.now) if one.user_id in accounts]
    return max(found, default=None)


async def _end(case: Case, user_id: UserId) -> bool:
    """False where they were not away, by any of their accounts."""
    accounts = await case.tx.people.accounts_of(user_id)
    return any([await case.tx.absences.end(account) for account in accounts])


def _require_own(case: Case, user_id: UserId) -> None:
    require(case.actor, Act.DECIDE)
    if not case.actor.is_operator and case.actor.user_id != user_id:
        raise Refused(Refusal.NOT_YOURS)


async def return_due(case: Case) -> int:
    """Those whose day has come are asked again; gives how many that were."""
    over = await case.tx.absences.over(case.now) if case.may_expire else ()
    for absence in over:
        await case.tx.absences.end(absence.user_id)
        await case.by(THE_BOT).record("absence.end", f"user:{absence.user_id}")
        actor = await roles.identify(case.tx, case.rules, absence.user_id, "")
        if may(actor, Act.DECIDE):
            await messages.notice(case, absence.user_id, Notice.BACK)
    if over:
        await _send_what_is_missing(case)
    return len(over)


async def _somebody_stays(case: Case, me: UserId) -> bool:
    """Whether an admin is left who can be reached: approvers decide for some groups only."""
    away = {
        await case.tx.people.person_of(one.user_id) for one in await case.tx.absences.now(case.now)
    }
    away.add(await case.tx.people.person_of(me))
    for admin in await roles.admins(case.tx, case.rules):
        account = await case.tx.people.get(admin)
        can_read = account is not None and account.reachable is not False
        if can_read and await case.tx.people.person_of(admin) not in away:
            return True
    return False


async def _send_what_is_missing(case: Case) -> None:
    """Each card to those who are asked by now and have none; and whoever asked reads whom."""
    on_the_way = [
        (item.chat_id, item.payload["request"])
        for item in await case.tx.outbox.open(OutboxKind.CARD)
    ]
    for request in await case.tx.requests.pending():
        await messages.edit_cards(case, request.id, afresh=False)
        posted = await case.tx.posted.about(OutboxKind.CARD, str(request.id))
        has = {message.chat_id for message in posted}
        has |= {chat for chat, number in on_the_way if number == request.id}
        for one in await approvals.asked(case, await hear(case, request)):
            if messages.private_chat(one) not in has:
                await messages.card(case, one, request.id)
