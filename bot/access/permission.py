"""The one place that decides who may do what."""

from dataclasses import dataclass
from enum import StrEnum
from typing import assert_never

from bot.access.refusals import Refusal, Refused
from storage.records import UserId


class Act(StrEnum):
    """What somebody wants to do."""

    ASK = "ask"  # for access, and look at or change what is one's own
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
    # Somebody with a shell on the machine: the command line is for emergencies.
    is_operator: bool = False

    @property
    def is_known(self) -> bool:
        """False for a stranger."""
        return self.is_allowed or self.is_admin


THE_BOT = Actor(key="vpnbot", name="vpnbot", is_operator=True)


def telegram_key(user_id: UserId) -> str:
    return f"telegram:{user_id}"


def telegram_id(key: str) -> UserId | None:
    """The other way round; None for whoever is not in the chat."""
    number = key.removeprefix("telegram:")
    return UserId(int(number)) if number != key and number.isdecimal() else None


def may(actor: Actor, act: Act) -> bool:
    """Whether the rules let this actor do this."""
    match act:
        case Act.ASK:
            return actor.is_allowed
        case Act.DECIDE | Act.REVOKE | Act.MANAGE_PEOPLE | Act.LOOK:
            return actor.is_admin or actor.is_operator
        case _:
            assert_never(act)


def require(actor: Actor, act: Act) -> None:
    """Raises Refused where `may` says no. Every use case begins with this."""
    if not may(actor, act):
        raise Refused(Refusal.NOT_ALLOWED if act is Act.ASK else Refusal.ADMINS_ONLY)


def may_decide_on(actor: Actor, person: UserId, requester: UserId) -> bool:
    """Nobody decides on their own request; an operator on the machine may, and is audited.

    Args:
        person: the account by which the actor is known, whichever they use.
        requester: likewise of whoever asked.
    """
    return may(actor, Act.DECIDE) and (actor.is_operator or person != requester)
