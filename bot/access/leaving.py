"""Who seems to have left: the admins are asked once, and nothing ends without their yes.

An account that is deleted, that has left the admins' group, or that a list of the staff does not
have, is a reason to ask and no proof: a group is easily left by mistake. Whoever blocks the bot has
not left. What was answered with a no is not asked again, unless they were back in between.
"""

from datetime import datetime

from bot.access import messages, revocation, roles
from bot.access.case import Case
from bot.access.messages import Notice
from bot.access.permission import Act, require
from bot.access.refusals import Refusal, Refused
from storage.joining_records import Leaving, LeavingCause, LeavingId, LeavingState
from storage.records import ChatId, UserId


async def notice(case: Case, user_id: UserId, cause: LeavingCause) -> bool:
    """Asks the admins about somebody who seems to have left; False where that is no news.

    Of somebody who has another account on the list they are asked once all of these have left.
    """
    person = await case.tx.people.get(user_id)
    has_role = await case.tx.roles.get(user_id) is not None
    if person is None or not (person.allowed or has_role):
        return False
    if any(one.cause is cause for one in await _standing(case, user_id)):
        return False
    number = await case.tx.leavings.add(Leaving(user_id, cause, case.now))
    await case.record("user.seems_gone", f"user:{user_id}", user_name=person.name, cause=cause)
    accounts = await revocation.known_accounts(case.tx, user_id)
    for account in accounts:
        if account.allowed and not await _standing(case, account.id):
            return False
    own = {account.id for account in accounts}
    for admin in await roles.admins(case.tx, case.rules):
        if admin not in own:
            await messages.leaving(case, admin, number)
    return True


async def group_moved(case: Case, before: ChatId, now: ChatId) -> None:
    """Telegram has made a supergroup of a group, which has another number from then on.

    Where it is one of the settings it is followed, and the admins hear once what to write there:
    a backup from before doesn't know.
    """
    named = {"ADMIN_GROUP": case.rules.group, "CARDS_GROUP": case.rules.cards_group}
    ours = [setting for setting, number in named.items() if number == before]
    if ours and await case.tx.leavings.move_group(before, now):
        await case.record("admin_group.move", f"chat:{now}", before=before)
        for setting in ours:
            await messages.tell_admins(case, Notice.GROUP_MOVED, setting=setting, number=now)


async def in_group(case: Case, user_id: UserId, *, is_member: bool) -> None:
    """Somebody has left the group that the settings name, or is in it again."""
    if is_member:
        await back(case, user_id, LeavingCause.LEFT_GROUP)
    else:
        await notice(case, user_id, LeavingCause.LEFT_GROUP)


async def back(case: Case, user_id: UserId, cause: LeavingCause) -> None:
    """They are there after all, so that another time is news again."""
    for leaving in await _standing(case, user_id):
        if leaving.cause is cause:
            await case.record("user.is_back", f"user:{user_id}", cause=cause)
            await _settle(case, leaving, LeavingState.BACK)


async def require_open(case: Case, number: LeavingId) -> Leaving:
    """What the actor may answer now; nobody does so about themselves.

    Raises:
        Refused: ADMINS_ONLY, NO_BUTTON, LEAVING_OVER, LEAVING_KEPT, LEAVING_OWN.
    """
    require(case.actor, Act.MANAGE_PEOPLE)
    leaving = await case.tx.leavings.get(number)
    if leaving is None:
        raise Refused(Refusal.NO_BUTTON)
    name = await case.tx.people.name_of(leaving.user_id)
    if leaving.state is LeavingState.KEPT:
        raise Refused(Refusal.LEAVING_KEPT, name=name, admin=leaving.by_name, id=leaving.user_id)
    if leaving.state is not LeavingState.OPEN:
        raise Refused(Refusal.LEAVING_OVER, name=name, id=leaving.user_id)
    if case.actor.user_id in await case.tx.people.accounts_of(leaving.user_id):
        raise Refused(Refusal.LEAVING_OWN)
    return leaving


async def keep(case: Case, number: LeavingId) -> Leaving:
    """They stay on the list, and the admins are not asked about this again.

    Raises:
        Refused: as `require_open`.
    """
    leaving = await require_open(case, number)
    await case.record("user.keep", f"user:{leaving.user_id}", cause=leaving.cause)
    await _settle(case, leaving, LeavingState.KEPT)
    return leaving


async def removed(case: Case, user_id: UserId) -> None:
    """They were taken off the list: nothing about them is to be answered any more."""
    for leaving in await _standing(case, user_id):
        await _settle(case, leaving, LeavingState.REMOVED)


async def put_back(case: Case, user_id: UserId, removed_at: datetime) -> None:
    """Whoever took them off has taken that back, and so has decided that they stay."""
    for leaving in await case.tx.leavings.of(user_id):
        if leaving.state is LeavingState.REMOVED and leaving.settled_at == removed_at:
            await _settle(case, leaving, LeavingState.KEPT)


async def _standing(case: Case, user_id: UserId) -> list[Leaving]:
    return [one for one in await case.tx.leavings.of(user_id) if one.stands]


async def _settle(case: Case, leaving: Leaving, state: LeavingState) -> None:
    by, name = case.actor.key, case.actor.name
    await case.tx.leavings.settle(leaving.id, state, by, name, case.now)
    await messages.edit_leavings(case, leaving.id)
