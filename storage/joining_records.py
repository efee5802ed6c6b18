"""How somebody comes onto the allowlist, as it is stored."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import NewType

from storage.records import UserId

InvitationId = NewType("InvitationId", int)


class InvitationState(StrEnum):
    OPEN = "open"
    USED = "used"
    WITHDRAWN = "withdrawn"
    ENDED = "ended"


@dataclass(frozen=True, slots=True)
class Invitation:
    """A link that puts one person on the allowlist, by this name and into these groups.

    `made_by` is who made it, as the trail names them.
    """

    id: InvitationId
    name: str
    groups: tuple[str, ...]
    made_by: str
    made_by_name: str
    made_at: datetime
    ends_at: datetime
    used_by: UserId | None
    used_at: datetime | None
    withdrawn_at: datetime | None

    def state(self, now: datetime) -> InvitationState:
        if self.used_at is not None:
            return InvitationState.USED
        if self.withdrawn_at is not None:
            return InvitationState.WITHDRAWN
        return InvitationState.OPEN if now < self.ends_at else InvitationState.ENDED


@dataclass(frozen=True, slots=True)
class Knock:
    """A stranger asked to be put on the allowlist, by this name.

    Attributes:
        allowed: the answer; None while there is none.
        answered_by: as the trail names them.
    """

    user_id: UserId
    name: str
    username: str | None
    asked_at: datetime
    allowed: bool | None = None
    answered_by: str | None = None
    answered_by_name: str | None = None
    answered_at: datetime | None = None
