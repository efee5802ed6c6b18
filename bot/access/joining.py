"""How somebody comes onto the allowlist by themselves: with an invitation, or by asking."""

from datetime import timedelta

from bot.access import groups, invitations, messages, people, roles
from bot.access.case import Case
from bot.access.messages import Notice
from bot.access.permission import Act, Actor, may, require, telegram_id
from bot.access.refusals import Refusal, Refused
from storage.joining_records import Invitation, Knock
from storage.records import UserId

# So long a stranger's wish to join waits for an answer, and so often they may have one.
WAITS = timedelta(days=7)
_ASKS_AGAIN = timedelta(days=1)
# Of all strangers together.
_HOUR = timedelta(hours=1)
_IN_AN_HOUR = 20


async def use_invitation(case: Case, token: str) -> Invitation:
    """Puts whoever acts on the allowlist, as an admin wanted it.

    The rules bind now: whoever made it has to be one who may still do so, the groups have to be
    there, and somebody who was taken off the list since it was made is not let in by it.

    Raises:
        Refused: ON_LIST_ALREADY, and nothing is used up; INVITATION_OVER.
    """
    user_id = case.actor.user_id
    if user_id is None or case.actor.is_allowed:
        raise Refused(Refusal.ON_LIST_ALREADY)
    found = await case.tx.invitations.by_hash(invitations.digest(token))
    if found is None:
        raise Refused(Refusal.INVITATION_OVER)
    maker = await _maker(case, found)
    removed_at = await case.tx.invitations.removed_at(user_id)
    is_outdated = removed_at is not None and removed_at >= found.made_at
    known = {group.name for group in await case.tx.groups.all()}
    # Without a group of it they could get more than was meant.
    is_whole = known.issuperset(found.groups)
    if is_outdated or not is_whole or not may(maker, Act.MANAGE_PEOPLE):
        raise Refused(Refusal.INVITATION_OVER)
    if not await case.tx.invitations.use(found.id, user_id, case.now):
        raise Refused(Refusal.INVITATION_OVER)
    await case.record(
        "invitation.use", f"invitation:{found.id}", user_id=user_id, made_by=found.made_by
    )
    theirs = case.by(maker)
    await people.allow(theirs, user_id, found.name)
    for group in await case.tx.groups.all():
        if group.name in found.groups:
            await groups.join(theirs, group.name, user_id)
    await messages.edit_invitation(case, found.id)
    told = await roles.admins(case.tx, case.rules) if maker.user_id is None else (maker.user_id,)
    for admin in told:
        if admin != user_id:
            await messages.notice(case, admin, Notice.INVITATION_USED, name=found.name, id=user_id)
    return found


async def ask(case: Case) -> Knock:
    """A stranger asks to be put on the list: every admin gets a card, once a day.

    Raises:
        Refused: ON_LIST_ALREADY, KNOCKED_ALREADY, KNOCKS_FULL.
    """
    user_id = case.actor.user_id
    if user_id is None or case.actor.is_known:
        raise Refused(Refusal.ON_LIST_ALREADY)
    earlier = await case.tx.knocks.get(user_id)
    if earlier is not None and not may_ask_again(case, earlier):
        raise Refused(Refusal.KNOCKED_ALREADY)
    # Accounts cost nothing: whoever has many must not fill the admins' chats.
    if await case.tx.knocks.count_since(case.now - _HOUR) >= _IN_AN_HOUR:
        raise Refused(Refusal.KNOCKS_FULL, id=user_id)
    seen = await case.tx.people.newcomer(user_id)
    username = None if seen is None else seen.username
    await case.tx.knocks.put(user_id, case.actor.name, username, case.now)
    await case.record("user.ask", f"user:{user_id}")
    for admin in await roles.admins(case.tx, case.rules):
        await messages.knock(case, admin, user_id)
    return Knock(user_id, case.actor.name, username, case.now)


async def answer(case: Case, user_id: UserId, asked_at: int, *, allowed: bool) -> Knock:
    """Lets a stranger in who asked, by the name that the card shows; or says no.

    Args:
        asked_at: in seconds since 1970, of the card: a later time they asked has one of its own.

    Raises:
        Refused: ADMINS_ONLY, KNOCK_OVER, KNOCK_ANSWERED.
    """
    require(case.actor, Act.MANAGE_PEOPLE)
    found = await case.tx.knocks.get(user_id)
    if found is None or int(found.asked_at.timestamp()) != asked_at or is_over(case, found):
        raise Refused(Refusal.KNOCK_OVER)
    if found.answered_at is not None:
        raise Refused(Refusal.KNOCK_ANSWERED, name=found.name, admin=found.answered_by_name)
    if allowed:
        await people.allow(case, user_id, found.name)
        return found
    by, name = case.actor.key, case.actor.name
    await case.tx.knocks.answer(user_id, allowed=False, by=by, name=name, now=case.now)
    await case.record("user.refuse", f"user:{user_id}", user_name=found.name)
    await messages.edit_knocks(case, user_id)
    await messages.notice(case, user_id, Notice.KNOCK_REFUSED)
    return found


def may_ask_again(case: Case, knock: Knock) -> bool:
    """Once a day, whatever the answer was."""
    return case.now - knock.asked_at >= _ASKS_AGAIN


def is_over(case: Case, knock: Knock) -> bool:
    """Whether it waited so long that nobody can answer any more."""
    return knock.answered_at is None and case.now - knock.asked_at >= WAITS


async def _maker(case: Case, invitation: Invitation) -> Actor:
    """Whoever made it, as they are known now."""
    user_id = telegram_id(invitation.made_by)
    if user_id is None:
        return Actor(invitation.made_by, invitation.made_by_name, is_operator=True)
    return await roles.identify(case.tx, case.rules, UserId(user_id), invitation.made_by_name)
