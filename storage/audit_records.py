"""The values of the audit trail: frozen, as `storage.records`."""

from dataclasses import dataclass
from datetime import datetime

from storage.records import Payload


@dataclass(frozen=True, slots=True)
class AuditEntry:
    seq: int
    at: datetime
    actor: str
    action: str
    subject: str
    detail: Payload
    previous: str  # hex
    digest: str  # hex


@dataclass(frozen=True, slots=True)
class BrokenEntry:
    """A row of the audit trail that cannot be read, so nobody of ours wrote it like that."""

    seq: int


@dataclass(frozen=True, slots=True)
class AuditHead:
    """What the whole trail up to this row can be held against."""

    seq: int
    digest: str  # hex
