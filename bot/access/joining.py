"""How somebody comes onto the allowlist by themselves: with an invitation."""

from bot.access import groups, invitations, messages, people, roles
from bot.access.case import Case
from bot.access.messages import Notice
from bot.access.permission import Act, Actor, may, telegram_id
from bot.access.refusals import Refusal, Refused
from storage.joining_records import Invitation
from storage.records import UserId


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


async def _maker(case: Case, invitation: Invitation) -> Actor:
    """Whoever made it, as they are known now."""
    user_id = telegram_id(invitation.made_by)
    if user_id is None:
        return Actor(invitation.made_by, invitation.made_by_name, is_operator=True)
    return await roles.identify(case.tx, case.rules, UserId(user_id), invitation.made_by_name)
