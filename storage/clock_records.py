"""What is kept of the machine's clock and of ends to come: frozen, as `storage.records`."""

from dataclasses import dataclass
from datetime import datetime, timedelta


@dataclass(frozen=True, slots=True)
class EndWarning:
    """The last warning that went out about an end that comes; `days` before it."""

    subject: str
    ends_at: datetime
    days: int


@dataclass(frozen=True, slots=True)
class ClockAnchor:
    """The last moment at which the machine's clock was known to be right.

    Attributes:
        boot_id: of the start of the machine that the durations count from.
        since_boot: at `agreed_at`.
        doubted_since_boot: since when the clock is in doubt; None where it is not.
    """

    boot_id: str
    agreed_at: datetime
    since_boot: timedelta
    doubted_since_boot: timedelta | None = None
