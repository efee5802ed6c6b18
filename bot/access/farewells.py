"""Whoever took somebody off the allowlist can take that back for an hour.

Then they are on it as they were, with their groups and their role, and paused if they were. What
has ended stays ended: certificates, open requests, and the invitations that they made.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

from bot.access import appointing, groups, leaving, messages
from bot.access.case import Case
from bot.access.messages import Notice
from bot.access.permission import Act, require
from bot.access.refusals import Refusal, Refused
from storage.group_records import GroupName
from storage.joining_records import Farewell, FarewellId, LeftAccount
from storage.records import OutboxKind, Person

_LASTS = timedelta(hours=1)


async def before(case: Case, accounts: Sequence[Person]) -> list[LeftAccount]:
    """What these accounts are, before they are taken off."""
    pauses = await case.tx.pauses.some(account.id for account in accounts)
    found: list[LeftAccount] = []
    for account in accounts:
        given = await case.tx.roles.get(account.id)
        left = LeftAccount(
            id=account.id,
            allowed=account.allowed,
            revision=0,
            role=None if given is None else given.role,
            role_groups=() if given is None else given.groups,
            groups=tuple(one.name for one in await case.tx.groups.of_accounts([account.id])),
            pause=pauses.get(account.id),
        )
        found.append(left)
    return found


async def note(case: Case, person: Person, left: Sequence[LeftAccount], ended: int) -> FarewellId:
    """Remembers who was taken off just now."""
    accounts = [
        replace(account, revision=await case.tx.people.revision(account.id)) for account in left
    ]
    farewell = Farewell(
        user_id=person.id,
        name=person.name,
        by=case.actor.key,
        by_name=case.actor.name,
        at=case.now,
        undo_until=case.now + _LASTS,
        ended=ended,
        accounts=tuple(accounts),
    )
    return await case.tx.farewells.add(farewell)


async def settle_due(case: Case) -> None:
    """Takes Undo off the messages whose time is over."""
    for farewell in await case.tx.farewells.over(case.now):
        await case.tx.farewells.settle(farewell.id)
        for message in await case.tx.posted.about(OutboxKind.FAREWELL, str(farewell.id)):
            await messages.edit(case, message)


async def require_undoable(case: Case, number: FarewellId) -> Farewell:
    """What the actor may take back now.

    Raises:
        Refused: ADMINS_ONLY, NOTHING_TO_UNDO, UNDO_NOT_YOURS, FAREWELL_LATE, FAREWELL_OVERTAKEN,
            FAREWELL_GROUP_GONE.
    """
    require(case.actor, Act.MANAGE_PEOPLE)
    farewell = await case.tx.farewells.get(number)
    if farewell is None or farewell.undone_at is not None:
        raise Refused(Refusal.NOTHING_TO_UNDO)
    if farewell.by != case.actor.key:
        raise Refused(Refusal.UNDO_NOT_YOURS, admin=farewell.by_name)
    who = {"name": farewell.name, "id": farewell.user_id}
    if farewell.undo_until is None or farewell.undo_until <= case.now:
        raise Refused(Refusal.FAREWELL_LATE, **who)
    # Whatever was decided about them since is newer than what they were.
    for account in farewell.accounts:
        is_decided = await case.tx.people.revision(account.id) != account.revision
        has_role = await case.tx.roles.get(account.id) is not None
        if is_decided or has_role or await case.tx.groups.of_accounts([account.id]):
            raise Refused(Refusal.FAREWELL_OVERTAKEN, **who)
    known = {group.name for group in await case.tx.groups.all()}
    for account in farewell.accounts:
        # Without a group of theirs they could get more than they could.
        for name in (*account.groups, *account.role_groups):
            if name not in known or name in account.gone:
                raise Refused(Refusal.FAREWELL_GROUP_GONE, group=name, **who)
    return farewell


async def undo(case: Case, number: FarewellId) -> Farewell:
    """Puts somebody back on the allowlist as they were.

    Raises:
        Refused: as `require_undoable`, and NETWORK_FULL.
    """
    farewell = await require_undoable(case, number)
    if not await case.tx.farewells.undo(number, case.now):
        raise Refused(Refusal.NOTHING_TO_UNDO)
    for account in farewell.accounts:
        if account.allowed:
            name = await case.tx.people.name_of(account.id)
            await case.tx.people.allow(account.id, name, case.now)
            await case.tx.invitations.forget_removal(account.id)
            await leaving.put_back(case, account.id, farewell.at)
            await case.record("user.restore", f"user:{account.id}", user_name=name)
        # First of all, so that they are not back for a moment.
        if account.pause is not None:
            await case.tx.pauses.put(account.pause)
        for group in account.groups if account.allowed else ():
            await groups.join(case, GroupName(group), account.id)
        if account.role is not None:
            names = [GroupName(group) for group in account.role_groups]
            await appointing.restore(case, account.id, account.role, names)
        if account.allowed and account.id != case.actor.user_id:
            who = {"admin": case.actor.name, "by": case.actor.key}
            await messages.notice(case, account.id, Notice.ON_LIST_AGAIN, **who)
        await messages.menu(case, account.id)
    return replace(farewell, undo_until=None, undone_at=case.now)
