"""How somebody comes onto the allowlist, as it is stored."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import NewType

from storage.pauses import PersonPause
from storage.records import UserId
from storage.role_records import Role

InvitationId = NewType("InvitationId", int)
FarewellId = NewType("FarewellId", int)
LeavingId = NewType("LeavingId", int)


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


@dataclass(frozen=True, slots=True)
class LeftAccount:
    """What an account of somebody was before they were taken off the allowlist.

    Attributes:
        revision: how often an admin had decided about it, that farewell included.
        role: its role, and an approver's groups.
        groups: those that it was in.
        gone: those groups of its that were taken away since; one that is called so now is another.
        pause: None where it was not paused.
    """

    id: UserId
    allowed: bool
    revision: int
    role: Role | None = None
    role_groups: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    gone: tuple[str, ...] = ()
    pause: PersonPause | None = None


@dataclass(frozen=True, slots=True)
class Farewell:
    """Somebody was taken off the allowlist.

    Attributes:
        by: on whose word, as the trail names them.
        undo_until: until when they may take it back; None once that is over.
        undone_at: when they have.
        ended: how many profiles ended with it.
    """

    user_id: UserId
    name: str
    by: str
    by_name: str
    at: datetime
    undo_until: datetime | None
    ended: int
    accounts: tuple[LeftAccount, ...]
    undone_at: datetime | None = None
    id: FarewellId = FarewellId(0)


class LeavingCause(StrEnum):
    """Why somebody seems to have left."""

    DELETED = "deleted"  # their account at Telegram is
    LEFT_GROUP = "left_group"  # the one that the settings name
    NOT_LISTED = "not_listed"  # a list of the staff does not have them


class LeavingState(StrEnum):
    OPEN = "open"
    KEPT = "kept"  # an admin has said that they stay
    REMOVED = "removed"  # they were taken off the list, by whatever way
    BACK = "back"  # they had not left, or have come back


@dataclass(frozen=True, slots=True)
class Leaving:
    """An account on the list that seems to be nobody's here any more.

    Attributes:
        by: on whose word it was settled, as the trail names them; None as long as it is open.
    """

    user_id: UserId
    cause: LeavingCause
    at: datetime
    state: LeavingState = LeavingState.OPEN
    by: str | None = None
    by_name: str | None = None
    settled_at: datetime | None = None
    id: LeavingId = LeavingId(0)

    @property
    def stands(self) -> bool:
        """Whether it is open, or was answered with a no: then the same is no news."""
        return self.state in {LeavingState.OPEN, LeavingState.KEPT}
