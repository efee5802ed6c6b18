"""What a PKI of easy-rsa holds, and what is odd about it."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from pathlib import Path

from cryptography import x509

from pki.crl import Revocation, RevocationReason
from pki.serial import SerialNumber


class FolderLayout(StrEnum):
    """easy-rsa 3 sorts its files into folders; easy-rsa 2 has all of them in one, `keys/`."""

    EASYRSA3 = "easyrsa3"
    EASYRSA2 = "easyrsa2"


class EntryStatus(StrEnum):
    """As the index says. A certificate that is over stays VALID until somebody runs updatedb."""

    VALID = "valid"
    REVOKED = "revoked"
    EXPIRED = "expired"


class Purpose(StrEnum):
    """Who may show a certificate. Only what is SERVER lets nobody in."""

    CLIENT = "client"
    SERVER = "server"
    BOTH = "both"


@dataclass(frozen=True, slots=True)
class Entry:
    """A certificate. Times are aware, in UTC.

    Attributes:
        common_name: as OpenVPN reads it: the last one of the subject. Where there is none (OpenVPN
            lets nobody in then), the whole subject in openssl's one-line form.
        status: as the index says; where it knows nothing of it, VALID.
        not_after: as the certificate says; where there is none, as the index does.
        not_before: from the certificate's file; None where there is none.
        end_known: whether `not_after` comes from the certificate.
        revoked_at: for a REVOKED one; `reason` with it, which is UNSPECIFIED where none was given.
        purpose: by the certificate's file; None where there is none, or it does not say.
        line: in the index, counted from 1; 0 where it is not there.
    """

    serial: SerialNumber
    common_name: str
    status: EntryStatus
    not_after: datetime
    line: int
    not_before: datetime | None = None
    end_known: bool = True
    revoked_at: datetime | None = None
    reason: RevocationReason | None = None
    purpose: Purpose | None = None

    def is_live(self, now: datetime) -> bool:
        """Whether OpenVPN lets it in, as far as index and certificate know.

        What the index calls expired is so by its date, which the certificate may contradict.
        """
        return self.status is not EntryStatus.REVOKED and self.not_after > now

    @property
    def revocation(self) -> Revocation | None:
        if self.revoked_at is None or self.reason is None:
            return None
        return Revocation(self.serial, self.revoked_at, self.reason)


@dataclass(frozen=True, slots=True)
class OldCrl:
    """The CRL in the PKI, signed by its CA. easy-rsa's often have no number."""

    path: Path
    number: int | None
    this_update: datetime
    next_update: datetime | None
    revocations: tuple[Revocation, ...]


class PkiFindingCode(StrEnum):
    """What may surprise the operator. Which fields of a PkiFinding are set is said at each."""

    # several live certificates of one name: names (one), serials, ends_at of the last
    DUPLICATE_NAME = "duplicate_name"
    # live, but its file is nowhere: names, serials
    MISSING_CERTIFICATE = "missing_certificate"
    # a file with a live certificate of this CA that the index does not know: names, serials, paths
    NOT_IN_INDEX = "not_in_index"
    # a file that says something else than the index, and why it counts or not: names, serials,
    # paths, detail
    DIFFERING_CERTIFICATE = "differing_certificate"
    # no certificate can be read from this file: paths
    UNREADABLE_CERTIFICATE = "unreadable_certificate"
    # over by the index, and no certificate shows it: names, serials
    OVER_ONLY_BY_INDEX = "over_only_by_index"
    # filed as revoked, and perhaps not over, but not revoked by the index: names, serials, paths
    REVOKED_ONLY_BY_FOLDER = "revoked_only_by_folder"
    # live, and a CA itself: what it issues is let in, and in no index here: names, serials, paths
    SUBORDINATE_AUTHORITY = "subordinate_authority"
    # clients' private keys that need no passphrase; may be purged: names, paths
    CLIENT_KEYS_IN_CLEAR = "client_keys_in_clear"
    # other keys that need none, a server's or of no certificate here; to be left alone: paths
    OTHER_KEYS_IN_CLEAR = "other_keys_in_clear"
    # revoked and not yet over, and there is no CRL at all: names, serials
    CRL_MISSING = "crl_missing"
    # its next update is over, so OpenVPN refuses everybody: paths, ends_at
    CRL_LAPSED = "crl_lapsed"
    # revoked and not yet over, but not in the CRL: let in to this day: names, serials
    CRL_LACKS = "crl_lacks"
    # in the CRL, but not revoked by the index: names where known, serials, revocation
    CRL_ONLY = "crl_only"
    # the CA: ends_at
    AUTHORITY_ENDS_SOON = "authority_ends_soon"
    AUTHORITY_OVER = "authority_over"
    # a server's certificate, and no later one of its name: names, serials, ends_at
    SERVER_ENDS_SOON = "server_ends_soon"
    # the CA's key or signature is weaker than OpenSSL's security level 2 allows: detail
    WEAK_AUTHORITY = "weak_authority"


@dataclass(frozen=True, slots=True)
class PkiFinding:
    """One case, with plain facts. The words are the caller's, but for `detail`."""

    code: PkiFindingCode
    names: tuple[str, ...] = ()
    serials: tuple[SerialNumber, ...] = ()
    paths: tuple[Path, ...] = ()
    revocation: Revocation | None = None
    ends_at: datetime | None = None
    detail: str = ""


@dataclass(frozen=True, slots=True)
class EasyRsaPki:
    """A whole PKI, as it was read.

    Attributes:
        folder: as it was given.
        certificate: the CA's.
        entries: in the order of the index; no serial comes twice.
        lost: certificates of this CA that the index does not know.
        filed: what lies where easy-rsa puts what it revokes, and is not revoked by the index.
        findings: in the order of PkiFindingCode, then of the index.
    """

    folder: Path
    layout: FolderLayout
    certificate: x509.Certificate
    key_path: Path
    key_is_encrypted: bool
    entries: tuple[Entry, ...]
    lost: tuple[Entry, ...]
    filed: tuple[Revocation, ...]
    crl: OldCrl | None
    findings: tuple[PkiFinding, ...]

    @property
    def revocations(self) -> tuple[Revocation, ...]:
        """All that the next CRL must list: whatever index, old CRL or folder call revoked."""
        listed = [e.revocation for e in (*self.entries, *self.lost) if e.revocation]
        old = self.crl.revocations if self.crl else ()
        unique = {entry.serial: entry for entry in (*self.filed, *old, *listed)}
        return tuple(
            {entry.serial: unique[entry.serial] for entry in (*listed, *old, *self.filed)}.values()
        )

    @property
    def client_keys(self) -> tuple[Path, ...]:
        """The files that `purge_client_keys` may remove."""
        return tuple(
            path
            for finding in self.findings
            if finding.code is PkiFindingCode.CLIENT_KEYS_IN_CLEAR
            for path in finding.paths
        )
