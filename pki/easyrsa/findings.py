"""What is odd about a PKI: pure functions from what was read."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa

from pki.easyrsa.certificates import FoundCertificate
from pki.easyrsa.compared import ComparedBooks
from pki.easyrsa.private_keys import ClearKeys
from pki.easyrsa.values import Entry, EntryStatus, OldCrl, PkiFinding, PkiFindingCode, Purpose
from pki.key_ids import authority_public_key
from pki.serial import SerialNumber

# A new CA has to reach every client before the old one ends, and a server's certificate one
# machine; so much earlier the operator should know.
AUTHORITY_NOTICE = timedelta(days=365)
SERVER_NOTICE = timedelta(days=60)

# OpenSSL's security level 2, SSL_CTX_set_security_level(3): 112 bits.
_LEAST_RSA_BITS = 2048
_LEAST_EC_BITS = 224
_WEAK_HASHES = (hashes.MD5, hashes.SHA1)
_SERVERS = (Purpose.SERVER, Purpose.BOTH)


@dataclass(frozen=True, slots=True)
class Material:
    """Everything that was read, at one moment.

    Attributes:
        certificates: every one, of this CA or not.
        filed: by serial, a file that lies where easy-rsa puts what it revokes.
    """

    now: datetime
    authority: x509.Certificate
    compared: ComparedBooks
    certificates: Sequence[FoundCertificate]
    filed: Mapping[SerialNumber, Path]
    unreadable: Sequence[Path]
    crl: OldCrl | None
    keys: Sequence[ClearKeys]

    @property
    def known(self) -> list[Entry]:
        return [*self.compared.entries, *self.compared.lost]

    def live(self) -> list[Entry]:
        return [e for e in self.known if e.is_live(self.now) and e.serial not in self.filed]

    def filed_only(self) -> list[SerialNumber]:
        """What the index does not call revoked, and what may not be over."""
        entries = {entry.serial: entry for entry in self.known}
        return [
            serial
            for serial in self.filed
            if (entry := entries.get(serial)) is None
            or (
                entry.status is not EntryStatus.REVOKED
                and (entry.not_after > self.now or not entry.end_known)
            )
        ]


def findings(material: Material) -> tuple[PkiFinding, ...]:
    """All findings, in the order of PkiFindingCode, then of the index or of the files."""
    return (
        *_certificates(material),
        *_ends_in_doubt(material),
        *_keys_in_clear(material),
        *_crl(material),
        *_validity(material),
    )


def _certificates(material: Material) -> Iterator[PkiFinding]:
    """Names, files and index of what is live."""
    for name, entries in _by_name(material.live()).items():
        if len(entries) > 1:
            last = max(entry.not_after for entry in entries)
            serials = tuple(entry.serial for entry in entries)
            yield PkiFinding(PkiFindingCode.DUPLICATE_NAME, (name,), serials, ends_at=last)
    for entry in material.live():
        if not entry.end_known:
            yield _about(PkiFindingCode.MISSING_CERTIFICATE, entry)
    lost = {entry.serial for entry in material.compared.lost}
    for entry in material.live():
        if entry.serial in lost:
            yield _at(PkiFindingCode.NOT_IN_INDEX, material.compared.files[entry.serial])
    for certificate, detail in material.compared.differing:
        yield _at(PkiFindingCode.DIFFERING_CERTIFICATE, certificate, detail)
    for path in material.unreadable:
        yield PkiFinding(PkiFindingCode.UNREADABLE_CERTIFICATE, paths=(path,))


def _ends_in_doubt(material: Material) -> Iterator[PkiFinding]:
    """Ends that only one source knows of, and CAs below this one."""
    over = [
        entry
        for entry in material.compared.entries
        if not entry.end_known
        and entry.status is not EntryStatus.REVOKED
        and not entry.is_live(material.now)
    ]
    if over:
        yield _about(PkiFindingCode.OVER_ONLY_BY_INDEX, *over)
    entries = {entry.serial: entry for entry in material.known}
    for serial in material.filed_only():
        known = entries.get(serial)
        yield PkiFinding(
            PkiFindingCode.REVOKED_ONLY_BY_FOLDER,
            names=(known.common_name,) if known and known.common_name else (),
            serials=(serial,),
            paths=(material.filed[serial],),
        )
    for entry in material.live():
        file = material.compared.files.get(entry.serial)
        if file is not None and file.is_authority:
            yield _at(PkiFindingCode.SUBORDINATE_AUTHORITY, file)


def _keys_in_clear(material: Material) -> Iterator[PkiFinding]:
    """Keys without a passphrase: a client's, or else perhaps a server's, which needs it."""
    owners: dict[bytes | None, str] = {}
    not_clients: set[bytes | None] = {None}
    for certificate in material.certificates if material.keys else ():
        key = certificate.public_key()
        owners.setdefault(key, certificate.common_name)
        if certificate.purpose is not Purpose.CLIENT or certificate.is_authority:
            not_clients.add(key)
    clients: dict[Path, str] = {}
    others: list[Path] = []
    for held in material.keys:
        keys = [key for key in held.public_keys if key in owners and key not in not_clients]
        if len(keys) == len(held.public_keys):
            clients[held.path] = owners[keys[0]]
        else:
            others.append(held.path)
    if clients:
        unique = tuple(dict.fromkeys(clients.values()))
        yield PkiFinding(PkiFindingCode.CLIENT_KEYS_IN_CLEAR, names=unique, paths=tuple(clients))
    if others:
        yield PkiFinding(PkiFindingCode.OTHER_KEYS_IN_CLEAR, paths=tuple(others))


def _crl(material: Material) -> Iterator[PkiFinding]:
    """The old CRL, held against what is revoked."""
    entries = {entry.serial: entry for entry in material.known}
    revoked = [
        entry
        for entry in material.known
        if entry.status is EntryStatus.REVOKED and entry.not_after > material.now
    ]
    crl = material.crl
    if crl is None:
        if revoked:
            yield _about(PkiFindingCode.CRL_MISSING, *revoked)
        return
    if crl.next_update is not None and crl.next_update <= material.now:
        yield PkiFinding(PkiFindingCode.CRL_LAPSED, paths=(crl.path,), ends_at=crl.next_update)
    listed = {revocation.serial for revocation in crl.revocations}
    for entry in revoked:
        if entry.serial not in listed:
            yield _about(PkiFindingCode.CRL_LACKS, entry)
    for revocation in crl.revocations:
        known = entries.get(revocation.serial)
        if known is None or known.status is not EntryStatus.REVOKED:
            yield PkiFinding(
                PkiFindingCode.CRL_ONLY,
                names=(known.common_name,) if known else (),
                serials=(revocation.serial,),
                revocation=revocation,
            )


def _validity(material: Material) -> Iterator[PkiFinding]:
    """What ends soon, and what is too weak."""
    end = material.authority.not_valid_after_utc
    if end <= material.now:
        yield PkiFinding(PkiFindingCode.AUTHORITY_OVER, ends_at=end)
    elif end <= material.now + AUTHORITY_NOTICE:
        yield PkiFinding(PkiFindingCode.AUTHORITY_ENDS_SOON, ends_at=end)
    servers = [entry for entry in material.live() if entry.purpose in _SERVERS]
    for name, entries in _by_name(servers).items():
        last = max(entries, key=lambda entry: entry.not_after)
        if last.not_after <= material.now + SERVER_NOTICE:
            end = last.not_after
            yield PkiFinding(PkiFindingCode.SERVER_ENDS_SOON, (name,), (last.serial,), ends_at=end)
    for detail in _weaknesses(material.authority):
        yield PkiFinding(PkiFindingCode.WEAK_AUTHORITY, detail=detail)


def _weaknesses(authority: x509.Certificate) -> Iterator[str]:
    key = authority_public_key(authority)
    bits = key.key_size
    is_rsa = isinstance(key, rsa.RSAPublicKey)
    kind, least = ("RSA", _LEAST_RSA_BITS) if is_rsa else ("EC", _LEAST_EC_BITS)
    if bits < least:
        yield f"its {kind} key has {bits} bits"
    try:
        digest = authority.signature_hash_algorithm
    except UnsupportedAlgorithm:
        return
    if isinstance(digest, _WEAK_HASHES):
        yield f"its signature is made with {digest.name.upper()}"


def _by_name(entries: Iterable[Entry]) -> dict[str, list[Entry]]:
    groups: dict[str, list[Entry]] = defaultdict(list)
    for entry in entries:
        groups[entry.common_name].append(entry)
    return groups


def _about(code: PkiFindingCode, *entries: Entry) -> PkiFinding:
    return PkiFinding(
        code,
        names=tuple(entry.common_name for entry in entries),
        serials=tuple(entry.serial for entry in entries),
    )


def _at(code: PkiFindingCode, certificate: FoundCertificate, detail: str = "") -> PkiFinding:
    return PkiFinding(
        code,
        names=(certificate.common_name,) if certificate.common_name else (),
        serials=(certificate.serial,),
        paths=(certificate.path,),
        detail=detail,
    )
