"""The values of how profiles are used, and of the uses that their owners are asked about."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import NewType

from storage.records import GrantId, ServerName

AskedUseId = NewType("AskedUseId", int)


@dataclass(frozen=True, slots=True)
class Usage:
    """What looks at a server have seen of a grant there.

    Attributes:
        seen_at: when it was last seen connected.
        address: from where, without the port.
        received, sent: bytes in all, as the server counts them.
        sessions: those of the last look, by what tells them apart: bytes received and sent.
        moves: from where its newest sessions began, and when they were first seen, in seconds
            since 1970; newest last.
        twice_at: when it was last seen in use from two places at once.
    """

    grant_id: GrantId
    server: ServerName
    seen_at: datetime
    address: str
    received: int
    sent: int
    sessions: dict[str, tuple[int, int]]
    moves: tuple[tuple[str, int], ...] = ()
    twice_at: datetime | None = None


class UseKind(StrEnum):
    """Why the owner of a profile is asked about a use of it."""

    FIRST = "first"  # no server had seen it before
    TWICE = "twice"  # from two places at once


@dataclass(frozen=True, slots=True)
class AskedUse:
    """A use of a profile, of which its owner is asked whether that was them.

    Attributes:
        used_at: when the session began; of TWICE, when both were seen.
        addresses: from where, without ports; of TWICE two.
        platform: what the device calls its system, as OpenVPN's IV_PLAT has it; None where that
            is not known.
        is_familiar: whether a profile of theirs was used from there before; None where there was
            none to compare with.
        was_owner: what they have answered, and when; None until then.
    """

    grant_id: GrantId
    kind: UseKind
    server: ServerName
    used_at: datetime
    addresses: tuple[str, ...]
    asked_at: datetime
    platform: str | None = None
    is_familiar: bool | None = None
    was_owner: bool | None = None
    answered_at: datetime | None = None
    id: AskedUseId = AskedUseId(0)
