"""Who somebody is now: by the settings, by the allowlist, and by the role they were given.

The admins of the settings are admins whatever else is stored. Other roles are given to an account
in the chat or on the machine, see `bot.access.appointing`.
"""

from collections.abc import Collection, Iterable, Mapping

from bot.access.case import Case, Rules
from bot.access.names import NAME_LENGTH, clean
from bot.access.permission import Actor, telegram_key
from storage.group_records import GroupName
from storage.records import UserId
from storage.role_records import Appointment, Role
from storage.transaction import Transaction


async def identify(tx: Transaction, rules: Rules, user_id: UserId, name: str) -> Actor:
    """Who somebody is now: read from the settings and the database at each act."""
    person = await tx.people.get(user_id)
    is_admin = user_id in rules.admins
    # A role belongs to somebody who is known, and says nothing of an admin of the settings.
    given = None if person is None or is_admin else await tx.roles.get(user_id)
    return Actor(
        key=telegram_key(user_id),
        name=clean(name, NAME_LENGTH) or (person.name if person else str(user_id)),
        user_id=user_id,
        is_admin=is_admin or (given is not None and given.role is Role.ADMIN),
        is_allowed=person is not None and person.allowed,
        is_paused=person is not None and await tx.pauses.of(user_id) is not None,
        is_auditor=given is not None and given.role is Role.AUDITOR,
        decides_for=await _decides_for(tx, given),
    )


async def admins(tx: Transaction, rules: Rules) -> tuple[UserId, ...]:
    """All of them, those of the settings first."""
    return _admins(rules, (await tx.roles.all()).values())


async def deciders(
    tx: Transaction, rules: Rules, groups: Collection[GroupName]
) -> tuple[tuple[UserId, ...], tuple[UserId, ...]]:
    """Whose word may count on a request of somebody in these groups: admins, and approvers."""
    given = (await tx.roles.all()).values()
    approvers = []
    for one in given:
        theirs = await _decides_for(tx, one) if one.user_id not in rules.admins else None
        if theirs is not None and not theirs.isdisjoint(groups):
            approvers.append(one.user_id)
    return _admins(rules, given), tuple(approvers)


async def since(case: Case) -> Mapping[UserId, int]:
    """The last decision that was there when each got their say; earlier ones of theirs are none."""
    given = await case.tx.roles.all()
    by_settings = await case.tx.admins.all()
    return {one.user_id: one.after_decision for one in given.values()} | by_settings


def _admins(rules: Rules, given: Iterable[Appointment]) -> tuple[UserId, ...]:
    by_role = (one.user_id for one in given if one.role is Role.ADMIN)
    return tuple(dict.fromkeys((*rules.admins, *by_role)))


async def _decides_for(tx: Transaction, given: Appointment | None) -> frozenset[GroupName] | None:
    """An approver's groups: those of the role, and those that name them."""
    if given is None or given.role is not Role.APPROVER:
        return None
    naming = [one.name for one in await tx.groups.all() if given.user_id in one.approvers]
    return frozenset((*given.groups, *naming))
