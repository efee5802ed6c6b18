"""Whoever decides may be away until a day: their cards go to others, and nobody waits for them.

What they may do stays theirs: whoever looks in all the same decides as ever.
"""

from datetime import datetime

from bot.access import approvals, messages, requests, roles
from bot.access.case import Case
from bot.access.messages import Notice
from bot.access.permission import THE_BOT, Act, may, require
from bot.access.refusals import Refusal, Refused
from storage.absences import Absence
from storage.records import OutboxKind, UserId


async def go(case: Case, until: datetime) -> None:
    """Passes one's cards on until then; also those that wait, where others have none of them yet.

    Raises:
        Refused: ADMINS_ONLY, NOBODY_ELSE_DECIDES.
    """
    require(case.actor, Act.DECIDE)
    me = requests.acting(case)
    if not await _somebody_stays(case, me):
        raise Refused(Refusal.NOBODY_ELSE_DECIDES)
    await case.tx.people.know(me, case.actor.name, case.now)
    await case.tx.absences.put(Absence(me, case.now, until))
    day = until.isoformat()
    await case.record("absence.begin", f"user:{me}", until=day)
    for admin in await roles.admins(case.tx, case.rules):
        if admin != me:
            await messages.notice(case, admin, Notice.AWAY, name=case.actor.name, until=day)
    await _send_what_is_missing(case)


async def come_back(case: Case) -> None:
    """Before that day.

    Raises:
        Refused: ADMINS_ONLY, NOT_AWAY.
    """
    require(case.actor, Act.DECIDE)
    me = requests.acting(case)
    if not await case.tx.absences.end(me):
        raise Refused(Refusal.NOT_AWAY)
    await case.record("absence.end", f"user:{me}")
    await _send_what_is_missing(case)


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
        for one in await approvals.asked(case, request):
            if messages.private_chat(one) not in has:
                await messages.card(case, one, request.id)
