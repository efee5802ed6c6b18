"""Invitations: a link that puts one person on the allowlist, once, within a day.

Only a hash of what the link carries is stored. In the chat the link is made at the moment of
sending, as a profile's key is: a message that has to be sent again carries another one, and what
was sent before opens nothing any more.
"""

import hashlib
import re
from collections.abc import Sequence
from datetime import timedelta

from bot.access import messages, spoken
from bot.access.case import Case
from bot.access.names import NAME_LENGTH, clean
from bot.access.permission import Act, require
from bot.access.refusals import Refusal, Refused
from storage.group_records import GroupName
from storage.joining_records import Invitation, InvitationId, InvitationState

LIFETIME = timedelta(days=1)
# What `Chance.token` gives: 128 bits, in the letters that Telegram passes on behind ?start=.
_TOKEN = re.compile(r"[A-Za-z0-9_-]{22}", re.ASCII)


async def make(case: Case, name: str, group_names: Sequence[str]) -> Invitation:
    """Invites somebody by this name, into these groups. The link is made by `new_link`.

    Raises:
        Refused: ADMINS_ONLY, BAD_NAME, UNKNOWN_GROUP.
    """
    require(case.actor, Act.MANAGE_PEOPLE)
    shown = clean(name, NAME_LENGTH)
    if not shown:
        raise Refused(Refusal.BAD_NAME)
    named = [GroupName(one) for one in dict.fromkeys(group_names)]
    for one in named:
        if await case.tx.groups.get(one) is None:
            raise Refused(Refusal.UNKNOWN_GROUP, group=one)
    made = await case.tx.invitations.add(
        name=shown,
        groups=named,
        made_by=case.actor.key,
        made_by_name=case.actor.name,
        made_at=case.now,
        ends_at=case.now + LIFETIME,
    )
    await case.record("invitation.make", _subject(made), user_name=shown, groups=named)
    return made


async def named_in(case: Case, text: str) -> tuple[str, list[GroupName]]:
    """Reads `NAME [GROUP]…`: whatever words at the end name groups, behind one word of a name.

    Raises:
        Refused: INVITE_HAS_NO_END.
    """
    first, *others = text.split() or [""]
    known = {group.name for group in await case.tx.groups.all()}
    named: list[GroupName] = []
    while others and others[-1].lower() in known:
        named.insert(0, GroupName(others.pop().lower()))
    untimed = spoken.without_trailing(others)
    if untimed is not None:
        raise Refused(Refusal.INVITE_HAS_NO_END, name=" ".join([first, *untimed]))
    return " ".join([first, *others]), named


async def new_link(case: Case, invitation_id: InvitationId) -> str | None:
    """What the link carries, in the place of what it carried before; None where it is over."""
    found = await case.tx.invitations.get(invitation_id)
    if found is None or found.state(case.now) is not InvitationState.OPEN:
        return None
    token = case.chance.token()
    await case.tx.invitations.set_hash(found.id, digest(token))
    return token


async def withdraw(case: Case, invitation_id: InvitationId) -> Invitation:
    """Nobody can use it any more.

    Raises:
        Refused: ADMINS_ONLY, INVITATION_UNKNOWN, INVITATION_CLOSED.
    """
    require(case.actor, Act.MANAGE_PEOPLE)
    found = await case.tx.invitations.get(invitation_id)
    if found is None:
        raise Refused(Refusal.INVITATION_UNKNOWN, invitation=invitation_id)
    if not await case.tx.invitations.withdraw(found.id, case.now):
        raise Refused(Refusal.INVITATION_CLOSED, name=found.name, state=found.state(case.now))
    await case.record("invitation.withdraw", _subject(found), user_name=found.name)
    await messages.edit_invitation(case, found.id)
    return found


async def withdraw_all(
    case: Case, *, made_by: str | None = None, into: GroupName | None = None
) -> None:
    """Withdraws what is open.

    Args:
        made_by: only this one's, as the trail names them.
        into: only those into this group.
    """
    for one in await case.tx.invitations.open(case.now):
        if made_by in {None, one.made_by} and (into is None or into in one.groups):
            await case.tx.invitations.withdraw(one.id, case.now)
            await case.record("invitation.withdraw", _subject(one), user_name=one.name)
            await messages.edit_invitation(case, one.id)


def digest(token: str) -> str:
    """What is stored of it. It is as long as a key, so that a fast hash is enough."""
    return hashlib.sha256(token.encode()).hexdigest()


def is_token(text: str) -> bool:
    """Whether a link of ours may carry this."""
    return _TOKEN.fullmatch(text) is not None


def _subject(invitation: Invitation) -> str:
    return f"invitation:{invitation.id}"
