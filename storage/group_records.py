"""The values of groups, and of addresses that somebody has or had: frozen, as `storage.records`."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import NewType

from storage.records import GrantId, ServerName, UserId

GroupName = NewType("GroupName", str)


class Reason(StrEnum):
    """What a request has to say of why it is made; each demands more than the one before."""

    OPTIONAL = "optional"
    REQUIRED = "required"
    TICKET = "ticket"  # and a word of it is the number of one


@dataclass(frozen=True, slots=True)
class Group:
    """What belonging to a group means. What it leaves open it does not decide.

    Attributes:
        networks: ranges of servers' networks that its people get addresses from, and nobody else.
        routes, dns: pushed to them in the place of the server's own.
        servers: those that its people may ask for; empty: it does not say.
        max_duration: in seconds; None: it does not say.
        approvers: the admins and approvers whose approval counts for it; empty: any.
        approvals: how many of them have to agree; None: it does not say.
        reason: what has to be said with a request; None: it does not say.
        max_profiles: how many live ones each may have; None: it does not say.
        standing: up to so many seconds are given at once, without anybody's yes; None: nothing is.
    """

    name: GroupName
    networks: tuple[str, ...] = ()
    routes: tuple[str, ...] = ()
    dns: tuple[str, ...] = ()
    servers: tuple[ServerName, ...] = ()
    max_duration: int | None = None
    approvers: tuple[UserId, ...] = ()
    approvals: int | None = None
    reason: Reason | None = None
    max_profiles: int | None = None
    standing: int | None = None


@dataclass(frozen=True, slots=True)
class AddressSpan:
    """An address that a grant has or had on a server.

    Attributes:
        moved_at: when the grant was given another one; None while it is its own.
        left_at: when nobody used it any more, as far as that was proved; None before that.
    """

    id: int
    grant_id: GrantId
    server: ServerName
    address: str
    given_at: datetime
    moved_at: datetime | None = None
    left_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class AddressOwner:
    """Whose an address of a server is at this moment, and the groups of that person."""

    server: ServerName
    address: str
    grant_id: GrantId
    user_id: UserId
    groups: tuple[GroupName, ...]
