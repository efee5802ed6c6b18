"""Roles beside those that the settings give: frozen values, as `storage.records`."""

from dataclasses import dataclass
from enum import StrEnum

from storage.group_records import GroupName
from storage.records import UserId


class Role(StrEnum):
    """What somebody may do for others."""

    ADMIN = "admin"  # everything
    APPROVER = "approver"  # decides on requests of some groups, and nothing else
    AUDITOR = "auditor"  # sees everything, and changes nothing


@dataclass(frozen=True, slots=True)
class Appointment:
    """The role of an account.

    Attributes:
        groups: those that an approver decides for, beside any that names them itself.
        after_decision: the last decision on any request that was there when they got the role;
            what they said before that does not count.
    """

    user_id: UserId
    role: Role
    groups: tuple[GroupName, ...]
    after_decision: int
