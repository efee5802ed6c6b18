"""The one place that decides who may do what."""

from collections.abc import Collection
from dataclasses import dataclass
from enum import StrEnum

from bot.access.refusals import Refusal, Refused
from storage.group_records import GroupName
from storage.records import Request, UserId


class Act(StrEnum):
    """What somebody wants to do."""

    ASK = "ask"  # for access, and change what is one's own
    LOOK_OWN = "look_own"  # at what is one's own
    DECIDE = "decide"  # on a request of somebody else
    REVOKE = "revoke"  # anybody's access
    MANAGE_PEOPLE = "manage_people"
    SEE_REQUESTS = "see_requests"  # those that one may decide on, or all of them
    LOOK = "look"  # at everybody's requests and grants, and at the servers


@dataclass(frozen=True, slots=True)
class Actor:
    """Whoever acts, as known at the moment of the act.

    `key` is what the audit trail names: `telegram:ID`, `system:ACCOUNT` for the command line,
    or `vpnbot` for what the bot does by itself. `decides_for`: the groups of an approver; None for
    whoever is none.
    """

    key: str
    name: str
    user_id: UserId | None = None
    is_admin: bool = False
    is_allowed: bool = False
    is_paused: bool = False  # kept out for a while
    # Somebody with a shell on the machine: the command line is for emergencies.
    is_operator: bool = False
    is_auditor: bool = False
    decides_for: frozenset[GroupName] | None = None

    @property
    def has_role(self) -> bool:
        """Whether they are there for others, too."""
        return self.is_admin or self.is_auditor or self.decides_for is not None

    @property
    def is_known(self) -> bool:
        """False for a stranger."""
        return self.is_allowed or self.has_role


THE_BOT = Actor(key="vpnbot", name="vpnbot", is_operator=True)


def telegram_key(user_id: UserId) -> str:
    return f"telegram:{user_id}"


def telegram_id(key: str) -> UserId | None:
    """The other way round; None for whoever is not in the chat."""
    number = key.removeprefix("telegram:")
    return UserId(int(number)) if number != key and number.isdecimal() else None


def may(actor: Actor, act: Act) -> bool:
    """Whether the rules let this actor do this."""
    has_all = actor.is_admin or actor.is_operator
    match act:
        case Act.ASK:
            return actor.is_allowed and not actor.is_paused
        case Act.LOOK_OWN:
            return actor.is_allowed
        case Act.DECIDE:
            return has_all or actor.decides_for is not None
        case Act.SEE_REQUESTS:
            return has_all or actor.decides_for is not None or actor.is_auditor
        case Act.LOOK:
            return has_all or actor.is_auditor
        case Act.REVOKE | Act.MANAGE_PEOPLE:
            return has_all


def require(actor: Actor, act: Act) -> None:
    """Raises Refused where `may` says no. Every use case begins with this."""
    if may(actor, act):
        return
    if act is Act.ASK and actor.is_allowed:
        raise Refused(Refusal.PAUSED)
    is_own = act in {Act.ASK, Act.LOOK_OWN}
    raise Refused(Refusal.NOT_ALLOWED if is_own else Refusal.ADMINS_ONLY)


def require_decision(
    actor: Actor, person: UserId, request: Request, requester: UserId, groups: Collection[GroupName]
) -> None:
    """Nobody decides on their own request; an operator on the machine may, and is audited.

    Args:
        person: the account by which the actor is known, whichever they use.
        requester: likewise of whoever made the request.
        groups: those of the requester that count for what they asked for.

    Raises:
        Refused: ADMINS_ONLY, OWN_REQUEST, OTHER_GROUP.
    """
    require(actor, Act.DECIDE)
    if actor.is_operator:
        return
    if person == requester:
        raise Refused(Refusal.OWN_REQUEST, request=request.id)
    if not actor.is_admin and (actor.decides_for or frozenset()).isdisjoint(groups):
        raise Refused(Refusal.OTHER_GROUP, groups=", ".join(sorted(actor.decides_for or ())))
