"""`index.txt`, the database of `openssl ca`. The source of the format is OpenSSL's apps/ca.c.

A line has six fields with a tab between them:

    status      V valid, R revoked, E expired and marked so
    expiry      YYMMDDHHMMSSZ, or YYYYMMDDHHMMSSZ from 2050 on
    revocation  for R: the time, in the same forms, and perhaps a comma and a reason
    serial      hex
    file        unknown, for nobody ever wrote it
    subject     see `pki.easyrsa.subject`
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from pki.crl import RevocationReason
from pki.easyrsa.values import EntryStatus
from pki.errors import DamagedPki
from pki.serial import SerialNumber, parse_serial, serial_hex

_STATUS = {"V": EntryStatus.VALID, "R": EntryStatus.REVOKED, "E": EntryStatus.EXPIRED}
_FIELDS = 6
_TAB = re.compile(r"(?<!\\)\t")  # one in a value has a backslash before it
_TIME = re.compile(r"([0-9]{2}|[0-9]{4})([0-9]{2})([0-9]{2})([0-9]{2})([0-9]{2})([0-9]{2})Z")
_CENTURY_TURN = 50  # RFC 5280, 4.1.2.5.1: from here on a year of two digits is 19xx

_REASONS = {
    "unspecified": RevocationReason.UNSPECIFIED,
    "keycompromise": RevocationReason.KEY_COMPROMISE,
    "cacompromise": RevocationReason.CA_COMPROMISE,
    "affiliationchanged": RevocationReason.AFFILIATION_CHANGED,
    "superseded": RevocationReason.SUPERSEDED,
    "cessationofoperation": RevocationReason.CESSATION_OF_OPERATION,
    "certificatehold": RevocationReason.CERTIFICATE_HOLD,
    "privilegewithdrawn": RevocationReason.PRIVILEGE_WITHDRAWN,
    "aacompromise": RevocationReason.AA_COMPROMISE,
    # With an argument: what to do meanwhile (an OID), and since when the key was known. Our CRLs
    # say neither; a client is refused all the same.
    "holdinstruction": RevocationReason.CERTIFICATE_HOLD,
    "keytime": RevocationReason.KEY_COMPROMISE,
    "cakeytime": RevocationReason.CA_COMPROMISE,
}
_WITH_ARGUMENT = frozenset({"holdinstruction", "keytime", "cakeytime"})


@dataclass(frozen=True, slots=True)
class Row:
    """One line. `line` counts from 1; times are aware."""

    line: int
    status: EntryStatus
    not_after: datetime
    revoked_at: datetime | None
    reason: RevocationReason | None
    serial: SerialNumber
    subject: str


def parse_index(content: bytes, path: Path) -> Iterator[Row]:
    """The rows of an index, in their order. Empty lines and comments are passed over.

    Args:
        path: where the content comes from, for the error.

    Raises:
        DamagedPki: a line that `openssl ca` would not have written, or a serial comes twice.
    """
    *lines, rest = content.split(b"\n")
    first_line: dict[SerialNumber, int] = {}
    for number, raw in enumerate(lines, start=1):
        line = raw.removesuffix(b"\r")
        if not line or line.startswith(b"#"):
            continue
        try:
            row = _parse_row(number, line.decode())
            _check_unique(row, first_line)
        except ValueError as error:
            raise _damaged(path, number, error) from error
        yield row
    if rest:  # openssl passes such a line over, and whoever it revoked would be let in again
        raise _damaged(path, len(lines) + 1, ValueError("it has no end; the file may be cut off"))


def _check_unique(row: Row, first_line: dict[SerialNumber, int]) -> None:
    earlier = first_line.setdefault(row.serial, row.line)
    if earlier != row.line:
        raise ValueError(f"serial {serial_hex(row.serial)} is on line {earlier} already")


def _damaged(path: Path, number: int, error: ValueError) -> DamagedPki:
    what = "it isn't text" if isinstance(error, UnicodeDecodeError) else str(error)
    return DamagedPki(
        f"{path}, line {number}: {what};"
        f" mend that line, or restore the file from {path.name}.old or a backup."
    )


def _parse_row(line_number: int, line: str) -> Row:
    fields = [field.replace("\\\t", "\t") for field in _TAB.split(line)]
    if len(fields) != _FIELDS:
        raise ValueError(f"it has {len(fields)} fields, and a line has {_FIELDS}")
    letter, expiry, revocation, serial, _, subject = fields
    status = _STATUS.get(letter)
    if status is None:
        raise ValueError("it begins with none of V, R and E")
    if not subject:
        raise ValueError("it names nobody")
    if status is not EntryStatus.REVOKED and revocation:
        raise ValueError("it has a revocation date, and isn't marked as revoked")
    revoked_at = reason = None
    if status is EntryStatus.REVOKED:
        time, *said = revocation.split(",")
        revoked_at, reason = _time(time, "revocation"), _reason(said)
    not_after = _time(expiry, "expiry")
    try:
        number = parse_serial(serial)
    except ValueError as error:
        raise ValueError(
            "its serial number isn't a positive hex number of up to 40 digits"
        ) from error
    return Row(line_number, status, not_after, revoked_at, reason, number, subject)


def _reason(said: list[str]) -> RevocationReason:
    if not said:
        return RevocationReason.UNSPECIFIED
    name, arguments = said[0].lower(), said[1:]
    reason = _REASONS.get(name)
    if reason is None or len(arguments) != (name in _WITH_ARGUMENT):
        # removeFromCRL too: OpenSSL lets such a certificate in, so what was meant is not certain.
        raise ValueError("it has a reason for revocation that isn't known")
    return reason


def _time(text: str, which: str) -> datetime:
    parts = _TIME.fullmatch(text)
    if parts is None:
        raise ValueError(f"its {which} date isn't a date")
    year, *rest = (int(part) for part in parts.groups())
    if len(parts[1]) == len("YY"):
        year += 1900 if year >= _CENTURY_TURN else 2000
    try:
        return datetime(year, *rest, tzinfo=UTC)  # type: ignore[arg-type, misc]
    except ValueError as error:
        raise ValueError(f"its {which} date isn't a date") from error
