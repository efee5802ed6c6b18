"""The values of how people get their keys: frozen, as `storage.records`."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from storage.records import GrantId, UserId


class KeyWay(StrEnum):
    """How a profile's private key reaches its owner."""

    PLAIN = "plain"  # in the profile, as it is
    OWN = "own"  # it never left them: they sent a request for it
    LOCKED = "passphrase"  # in the profile, under a passphrase that is shown once


@dataclass(frozen=True, slots=True)
class LockedProfile:
    """A profile whose key is under a passphrase, which is in memory only until it was shown."""

    grant_id: GrantId
    shown_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class KeyChoice:
    """What somebody chose among the ways that the settings allow.

    Attributes:
        public_key: of the key that they keep, in PEM.
    """

    user_id: UserId
    way: KeyWay
    chosen_at: datetime
    public_key: str | None = None
