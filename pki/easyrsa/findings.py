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

from pki.easyrsa.certificates import Found
from pki.easyrsa.compared import Compared
from pki.easyrsa.private_keys import ClearKeys
from pki.easyrsa.values import Entry, EntryStatus, Finding, FindingCode, OldCrl, Purpose
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
        found: every certificate, of this CA or not.
        filed: by serial, a file that lies where easy-rsa puts what it revokes.
    """

    now: datetime
    authority: x509.Certificate
    compared: Compared
    found: Sequence[Found]
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


def findings(material: Material) -> tuple[Finding, ...]:
    """In the order of FindingCode, then of the index or of the files."""
    return tuple(
        finding
        for look in (
            _duplicate_names,
            _missing,
            _not_in_index,
            _differing,
            _unreadable,
            _over_only_by_index,
            _revoked_only_by_folder,
            _subordinate,
            _keys_in_clear,
            _crl_missing,
            _crl_lapsed,
            _crl_lacks,
            _crl_only,
            _authority_ends,
            _servers_end,
            _weak_authority,
        )
        for finding in look(material)
    )


def _duplicate_names(material: Material) -> Iterator[Finding]:
    for name, entries in _by_name(material.live()).items():
        if len(entries) > 1:
            yield Finding(
                FindingCode.DUPLICATE_NAME,
                names=(name,),
                serials=_serials(entries),
                ends_at=max(entry.not_after for entry in entries),
            )


def _missing(material: Material) -> Iterator[Finding]:
    for entry in material.live():
        if not entry.end_known:
            yield _about(FindingCode.MISSING_CERTIFICATE, entry)


def _not_in_index(material: Material) -> Iterator[Finding]:
    lost = {entry.serial for entry in material.compared.lost}
    for entry in material.live():
        if entry.serial in lost:
            yield _at(FindingCode.NOT_IN_INDEX, material.compared.files[entry.serial])


def _differing(material: Material) -> Iterator[Finding]:
    for found, detail in material.compared.differing:
        yield _at(FindingCode.DIFFERING_CERTIFICATE, found, detail)


def _unreadable(material: Material) -> Iterator[Finding]:
    for path in material.unreadable:
        yield Finding(FindingCode.UNREADABLE_CERTIFICATE, paths=(path,))


def _over_only_by_index(material: Material) -> Iterator[Finding]:
    over = [
        entry
        for entry in material.compared.entries
        if not entry.end_known
        and entry.status is not EntryStatus.REVOKED
        and not entry.is_live(material.now)
    ]
    if over:
        names = tuple(entry.common_name for entry in over)
        yield Finding(FindingCode.OVER_ONLY_BY_INDEX, names=names, serials=_serials(over))


def _revoked_only_by_folder(material: Material) -> Iterator[Finding]:
    entries = {entry.serial: entry for entry in material.known}
    for serial in material.filed_only():
        entry = entries.get(serial)
        yield Finding(
            FindingCode.REVOKED_ONLY_BY_FOLDER,
            names=(entry.common_name,) if entry and entry.common_name else (),
            serials=(serial,),
            paths=(material.filed[serial],),
        )


def _subordinate(material: Material) -> Iterator[Finding]:
    for found in _files_of(material.live(), material):
        if found.is_authority:
            yield _at(FindingCode.SUBORDINATE_AUTHORITY, found)


def _keys_in_clear(material: Material) -> Iterator[Finding]:
    """Whatever is not certainly a client's may be a server's, which needs it."""
    owners = _client_keys(material.found)
    clients: dict[Path, str] = {}
    others: list[Path] = []
    for held in material.keys:
        names = [owners.get(key) if key is not None else None for key in held.public_keys]
        if names[0] is not None and None not in names:
            clients[held.path] = names[0]
        else:
            others.append(held.path)
    if clients:
        unique = tuple(dict.fromkeys(clients.values()))
        yield Finding(FindingCode.CLIENT_KEYS_IN_CLEAR, names=unique, paths=tuple(clients))
    if others:
        yield Finding(FindingCode.OTHER_KEYS_IN_CLEAR, paths=tuple(others))


def _client_keys(certificates: Iterable[Found]) -> dict[bytes, str]:
    """The keys of which every certificate is a client's, each with a name."""
    names: dict[bytes, str] = {}
    others: set[bytes] = set()
    for found in certificates:
        names.setdefault(found.public_key, found.common_name)
        if found.purpose is not Purpose.CLIENT or found.is_authority:
            others.add(found.public_key)
    return {key: name for key, name in names.items() if key not in others}


def _crl_missing(material: Material) -> Iterator[Finding]:
    revoked = _revoked_and_not_over(material)
    if material.crl is None and revoked:
        names = tuple(entry.common_name for entry in revoked)
        yield Finding(FindingCode.CRL_MISSING, names=names, serials=_serials(revoked))


def _crl_lapsed(material: Material) -> Iterator[Finding]:
    crl = material.crl
    if crl is not None and crl.next_update is not None and crl.next_update <= material.now:
        yield Finding(FindingCode.CRL_LAPSED, paths=(crl.path,), ends_at=crl.next_update)


def _crl_lacks(material: Material) -> Iterator[Finding]:
    if material.crl is None:
        return
    listed = {revocation.serial for revocation in material.crl.revocations}
    for entry in _revoked_and_not_over(material):
        if entry.serial not in listed:
            yield _about(FindingCode.CRL_LACKS, entry)


def _crl_only(material: Material) -> Iterator[Finding]:
    entries = {entry.serial: entry for entry in material.known}
    for revocation in material.crl.revocations if material.crl else ():
        entry = entries.get(revocation.serial)
        if entry is None or entry.status is not EntryStatus.REVOKED:
            yield Finding(
                FindingCode.CRL_ONLY,
                names=(entry.common_name,) if entry else (),
                serials=(revocation.serial,),
                revocation=revocation,
            )


def _revoked_and_not_over(material: Material) -> list[Entry]:
    return [
        entry
        for entry in material.known
        if entry.status is EntryStatus.REVOKED and entry.not_after > material.now
    ]


def _authority_ends(material: Material) -> Iterator[Finding]:
    end = material.authority.not_valid_after_utc
    if end <= material.now:
        yield Finding(FindingCode.AUTHORITY_OVER, ends_at=end)
    elif end <= material.now + AUTHORITY_NOTICE:
        yield Finding(FindingCode.AUTHORITY_ENDS_SOON, ends_at=end)


def _servers_end(material: Material) -> Iterator[Finding]:
    servers = [entry for entry in material.live() if entry.purpose in _SERVERS]
    for name, entries in _by_name(servers).items():
        last = max(entries, key=lambda entry: entry.not_after)
        if last.not_after <= material.now + SERVER_NOTICE:
            yield Finding(
                FindingCode.SERVER_ENDS_SOON,
                names=(name,),
                serials=(last.serial,),
                ends_at=last.not_after,
            )


def _weak_authority(material: Material) -> Iterator[Finding]:
    for detail in _weaknesses(material.authority):
        yield Finding(FindingCode.WEAK_AUTHORITY, detail=detail)


def _weaknesses(authority: x509.Certificate) -> Iterator[str]:
    key = authority_public_key(authority)
    bits = key.key_size
    kind, least = ("RSA", _LEAST_RSA_BITS)
    if not isinstance(key, rsa.RSAPublicKey):
        kind, least = ("EC", _LEAST_EC_BITS)
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


def _files_of(entries: Iterable[Entry], material: Material) -> Iterator[Found]:
    for entry in entries:
        found = material.compared.files.get(entry.serial)
        if found is not None:
            yield found


def _serials(entries: Iterable[Entry]) -> tuple[SerialNumber, ...]:
    return tuple(entry.serial for entry in entries)


def _about(code: FindingCode, entry: Entry) -> Finding:
    return Finding(code, names=(entry.common_name,), serials=(entry.serial,))


def _at(code: FindingCode, found: Found, detail: str = "") -> Finding:
    return Finding(
        code,
        names=(found.common_name,) if found.common_name else (),
        serials=(found.serial,),
        paths=(found.path,),
        detail=detail,
    )
