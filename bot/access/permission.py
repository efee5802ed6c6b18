"""The one place that decides who may do what."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import assert_never

from bot.access.refusals import Refusal, Refused
from storage.records import UserId


class Act(StrEnum):
    """What somebody wants to do."""

    ASK = "ask"  # for access, and change what is one's own
    LOOK_OWN = "look_own"  # at what is one's own
    DECIDE = "decide"  # on a request of somebody else
    REVOKE = "revoke"  # anybody's access
    MANAGE_PEOPLE = "manage_people"
    LOOK = "look"  # at everybody's requests and grants, and at the servers


@dataclass(frozen=True, slots=True)
class Actor:
    """Whoever acts, as known at the moment of the act.

    `key` is what the audit trail names: `telegram:ID`, `system:ACCOUNT` for the command line,
    or `vpnbot` for what the bot does by itself.
    """

    key: str
    name: str
    user_id: UserId | None = None
    is_admin: bool = False
    is_allowed: bool = False
    # Kept out for a while, until then or until an admin says so.
    is_paused: bool = False
    paused_until: datetime | None = None
    # Somebody with a shell on the machine: the command line is for emergencies.
    is_operator: bool = False

    @property
    def is_known(self) -> bool:
        """False for a stranger."""
        return self.is_allowed or self.is_admin


THE_BOT = Actor(key="vpnbot", name="vpnbot", is_operator=True)


def telegram_key(user_id: UserId) -> str:
    return f"telegram:{user_id}"


def may(actor: Actor, act: Act) -> bool:
    """Whether the rules let this actor do this."""
    match act:
        case Act.ASK:
            return actor.is_allowed and not actor.is_paused
        case Act.LOOK_OWN:
            return actor.is_allowed
        case Act.DECIDE | Act.REVOKE | Act.MANAGE_PEOPLE | Act.LOOK:
            return actor.is_admin or actor.is_operator
        case _:
            assert_never(act)


def require(actor: Actor, act: Act) -> None:
    """Raises Refused where `may` says no. Every use case begins with this."""
    if may(actor, act):
        return
    if act is Act.ASK and actor.is_allowed:
        raise Refused(Refusal.PAUSED, until=actor.paused_until)
    is_own = act in {Act.ASK, Act.LOOK_OWN}
    raise Refused(Refusal.NOT_ALLOWED if is_own else Refusal.ADMINS_ONLY)


def may_decide_on(actor: Actor, person: UserId, requester: UserId) -> bool:
    """Nobody decides on their own request; an operator on the machine may, and is audited.

    Args:
        person: the account by which the actor is known, whichever they use.
        requester: likewise of whoever asked.
    """
    return may(actor, Act.DECIDE) and (actor.is_operator or person != requester)
