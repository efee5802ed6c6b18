"""What a use case works with: one transaction, the time, the settings, chance, and who acts."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta, tzinfo
from typing import Any, Self

from bot.access.durations import format_duration
from bot.access.permission import Actor
from bot.access.policy import TICKETS, Hours, Tickets
from storage.group_records import Reason
from storage.key_records import KeyWay
from storage.records import ChatId, Grant, Payload, Request, UserId
from storage.transaction import Transaction


@dataclass(frozen=True, slots=True)
class Rules:
    """The settings that the rules depend on. Durations are in seconds."""

    default_duration: int
    max_duration: int
    request_ttl: int
    admins: tuple[UserId, ...] = ()
    # How many admins have to agree, and how many from this duration on, if it is set.
    approvals: int = 1
    long_duration: int | None = None
    long_approvals: int = 2
    # Whether admins read a line when an access has reached its end.
    tell_ends: bool = False
    # After so many seconds the message with a profile is deleted; 0: it stays.
    profiles_stay: int = 0
    # How a profile's key may reach its owner; the first one unless they chose another.
    key_ways: tuple[KeyWay, ...] = (KeyWay.PLAIN,)
    # What a request has to say, and what a ticket's number is.
    reason: Reason = Reason.OPTIONAL
    tickets: Tickets = TICKETS
    # How many live profiles somebody may have; None: any number.
    max_profiles: int | None = None
    # When admins are there; None: nothing is said of that.
    hours: Hours | None = None
    # Whoever leaves this group of Telegram's may have left; None: there is none.
    group: int | None = None
    # Where the cards of requests are, instead of in each admin's chat; None: there.
    cards_group: int | None = None
    # Whose clock people mean; None: the machine's.
    zone: tzinfo | None = None

    def waits_from(self, asked_at: datetime) -> datetime:
        """Since when a request waits for somebody who is there."""
        return asked_at if self.hours is None else self.hours.opens_at(asked_at)

    @property
    def most_approvals(self) -> int:
        """How many admins have to agree to whatever takes the most of them."""
        return self.approvals_for(self.max_duration)

    def approvals_for(self, duration: int) -> int:
        """How many admins have to agree to this duration, in seconds."""
        if self.long_duration is not None and duration >= self.long_duration:
            return max(self.approvals, self.long_approvals)
        return self.approvals


@dataclass(frozen=True, slots=True)
class Chance:
    """Where random things come from."""

    serial: Callable[[], str]  # lower-case hex
    code: Callable[[], str]  # eight characters of [a-z0-9]
    token: Callable[[], str]  # 128 bits, as 22 characters of [A-Za-z0-9_-]


@dataclass(frozen=True, slots=True)
class Lifetime:
    """Of a CA: within it its certificates work."""

    begins: datetime
    ends: datetime


def _unknown(_number: int) -> None:
    return None


@dataclass(frozen=True, slots=True)
class Case:
    """One act: all of it happens in this transaction, at this moment, on this actor's word."""

    tx: Transaction
    now: datetime
    rules: Rules
    chance: Chance
    actor: Actor
    # No profile works before the CA that signs it begins, and none can outlive it; by its number,
    # see `storage.rotation`. None where nothing is known of it.
    lifetime_of: Callable[[int], Lifetime | None] = _unknown
    # While the machine's clock is in doubt nothing is given out, and nothing ends by itself; after
    # an hour of that it ends all the same, by the last moment that was agreed and the time since.
    may_give: bool = True
    may_expire: bool = True

    def by(self, actor: Actor) -> Self:
        """The same case, where somebody else acts."""
        return replace(self, actor=actor)

    def after(self, seconds: float) -> datetime:
        """The moment that many seconds from now."""
        return self.now + timedelta(seconds=seconds)

    async def group_now(self, named: int | None) -> ChatId | None:
        """A group that the settings name, by the number it has since it became a supergroup."""
        return None if named is None else await self.tx.leavings.group_now(ChatId(named))

    async def record(self, action: str, subject: str | Grant | Request, **detail: Any) -> None:
        """Adds a row to the audit trail: who did what to what.

        Names of files need be no text in any encoding: what is none is escaped, or nothing could
        be recorded of them.

        Args:
            subject: `kind:id`; or the grant or request, of which the trail keeps what it is about.
        """
        about: Payload = {}
        if isinstance(subject, Grant):
            about = {
                "user_id": subject.user_id,
                "serial": subject.serial,
                "common_name": subject.common_name,
            }
            subject = f"grant:{subject.id}"
        elif isinstance(subject, Request):
            about = {"server": subject.server, "duration": format_duration(subject.duration)}
            subject = f"request:{subject.id}"
        named = {"name": self.actor.name, **about, **detail}
        await self.tx.audit.append(
            at=self.now,
            actor=self.actor.key,
            action=action,
            subject=subject,
            detail={key: _storable(value) for key, value in named.items()},
        )


def _storable(value: Any) -> Any:
    if isinstance(value, str):
        return value.encode("utf-8", "backslashreplace").decode()
    return [_storable(each) for each in value] if isinstance(value, (list, tuple)) else value
