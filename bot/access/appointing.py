"""The use cases around roles: who becomes admin, approver or auditor, and who is none any more.

Nobody's role is a matter of an old card or button: it is read at each act (`bot.access.roles`).
What was shown to somebody is brought in line here, so that no button stays that would do nothing.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from bot.access import approvals, invitations, messages, revocation, roles
from bot.access.case import Case
from bot.access.hearing import hear
from bot.access.messages import Notice
from bot.access.permission import Act, may, require, telegram_key
from bot.access.refusals import Refusal, Refused
from bot.access.who import name_of
from storage.group_records import GroupName
from storage.records import OutboxKind, Person, UserId
from storage.role_records import Appointment, Role

_TOLD = {
    Role.ADMIN: Notice.MADE_ADMIN,
    Role.APPROVER: Notice.MADE_APPROVER,
    Role.AUDITOR: Notice.MADE_AUDITOR,
}
_CARDS_SENT = 50


@dataclass(frozen=True, slots=True)
class Appointed:
    """What somebody is from now on; `role` is None where they have none any more."""

    person: Person
    role: Role | None
    groups: tuple[GroupName, ...] = ()


async def appoint(
    case: Case, user_id: UserId, role: Role, groups: Sequence[GroupName] = ()
) -> Appointed:
    """Gives somebody a role, in the place of the one that they had.

    Whoever is not known yet is known by their number from now on. An approver may be given without
    groups: then they decide for those that name them, see `vpnbot group edit --approvers`.

    Raises:
        Refused: ADMINS_ONLY, ADMIN_BY_SETTINGS, ROLE_GROUPS, UNKNOWN_GROUP, SAME_ROLE,
            SEVERAL_APPOINT.
    """
    require(case.actor, Act.MANAGE_PEOPLE)
    await _require_ours(case, user_id)
    before = await case.tx.roles.get(user_id)
    is_admin = before is not None and before.role is Role.ADMIN
    decides = role is not Role.AUDITOR and not is_admin
    if decides and not case.actor.is_operator and await _takes_several(case):
        raise Refused(Refusal.SEVERAL_APPOINT, id=user_id, role=role)
    return await restore(case, user_id, role, groups)


async def _takes_several(case: Case) -> bool:
    """Whether there is anything that one alone can't give: whom they appoint would say yes, too."""
    by_groups = [group.approvals or 1 for group in await case.tx.groups.all()]
    return max([case.rules.most_approvals, *by_groups]) > 1


async def restore(
    case: Case, user_id: UserId, role: Role, groups: Sequence[GroupName] = ()
) -> Appointed:
    """`appoint`, where somebody had that role before, or was given it by those who may.

    Raises:
        Refused: as `appoint`, but for SEVERAL_APPOINT.
    """
    require(case.actor, Act.MANAGE_PEOPLE)
    await _require_ours(case, user_id)
    names = tuple(dict.fromkeys(groups))
    if names and role is not Role.APPROVER:
        raise Refused(Refusal.ROLE_GROUPS)
    for name in names:
        if await case.tx.groups.get(name) is None:
            raise Refused(Refusal.UNKNOWN_GROUP, group=name)
    newcomer = await case.tx.people.newcomer(user_id)
    await case.tx.people.know(user_id, newcomer.name if newcomer else str(user_id), case.now)
    person = await revocation.known_person(case.tx, user_id)
    before = await case.tx.roles.get(user_id)
    if before is not None and (before.role, before.groups) == (role, names):
        raise Refused(Refusal.SAME_ROLE, name=person.name)
    # Who had a say and keeps it is bound by what they said.
    had_say = before is not None and before.role is not Role.AUDITOR
    last = before.after_decision if before and had_say else await case.tx.requests.last_decision()
    await case.tx.roles.set(Appointment(user_id, role, names, last))
    shown = ", ".join(names)
    await case.record(
        "user.role", f"user:{user_id}", user_name=person.name, role=role, groups=shown
    )
    await _bring_in_line(case, user_id)
    await messages.notice(case, user_id, _TOLD[role], groups=shown, **_by(case))
    await _tell_admins(case, Notice.ROLE_GIVEN, person, role=role, groups=shown)
    return Appointed(person, role, names)


async def dismiss(case: Case, user_id: UserId) -> Appointed:
    """Takes somebody's role away.

    Raises:
        Refused: ADMINS_ONLY, ADMIN_BY_SETTINGS, UNKNOWN_PERSON, NO_ROLE.
    """
    require(case.actor, Act.MANAGE_PEOPLE)
    await _require_ours(case, user_id)
    person = await revocation.known_person(case.tx, user_id)
    if not await take_away(case, person):
        raise Refused(Refusal.NO_ROLE, name=person.name)
    await _tell_admins(case, Notice.ROLE_TAKEN, person)
    return Appointed(person, None)


async def take_away(case: Case, person: Person) -> bool:
    """Ends whatever role an account has; False where it has none."""
    before = await case.tx.roles.get(person.id)
    if before is None:
        return False
    await case.tx.roles.end(person.id)
    await case.record("user.role_end", f"user:{person.id}", user_name=person.name, was=before.role)
    await _bring_in_line(case, person.id)
    await messages.notice(case, person.id, Notice.ROLE_OVER, **_by(case))
    return True


async def _require_ours(case: Case, user_id: UserId) -> None:
    if user_id in case.rules.admins:
        raise Refused(Refusal.ADMIN_BY_SETTINGS, name=await case.tx.people.name_of(user_id))


async def _bring_in_line(case: Case, user_id: UserId) -> None:
    """Menu, cards that wait, invitations, and what the others read of who may decide."""
    if not may(await roles.identify(case.tx, case.rules, user_id, ""), Act.MANAGE_PEOPLE):
        await invitations.withdraw_all(case, made_by=telegram_key(user_id))
    await messages.menu(case, user_id)
    chat = messages.private_chat(user_id)
    sent = 0
    for request in await case.tx.requests.pending():
        await messages.edit_cards(case, request.id)
        posted = await case.tx.posted.about(OutboxKind.CARD, str(request.id))
        has_it = any(message.chat_id == chat for message in posted)
        if has_it or sent >= _CARDS_SENT:
            continue
        if await approvals.is_asked(case, await hear(case, request), user_id):
            await messages.card(case, user_id, request.id)
            sent += 1


async def _tell_admins(case: Case, code: Notice, person: Person, **values: str) -> None:
    name = await name_of(case.tx, person.id)
    for admin in await roles.admins(case.tx, case.rules):
        if admin not in (case.actor.user_id, person.id):
            await messages.notice(case, admin, code, name=name, **values, **_by(case))


def _by(case: Case) -> dict[str, str]:
    return {"admin": case.actor.name, "by": case.actor.key}
