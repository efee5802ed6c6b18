"""What a use case gets from outside: the time, the settings, and chance."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from storage.records import UserId


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


@dataclass(frozen=True, slots=True)
class Context:
    now: datetime
    rules: Rules
    chance: Chance
    # No profile can outlive the CA; None where there is none yet.
    authority_ends_at: datetime | None = None
    # While the machine's clock is in doubt nothing is given out, and nothing ends by itself; after
    # an hour of that it ends all the same, by the last moment that was agreed and the time since.
    may_give: bool = True
    may_expire: bool = True

    def after(self, seconds: float) -> datetime:
        """The moment that many seconds from now."""
        return self.now + timedelta(seconds=seconds)
