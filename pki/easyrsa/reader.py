"""Reads a PKI of easy-rsa. Writes nothing, and needs no passphrase."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import TypeVar

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from pki.crl import Revocation, RevocationReason
from pki.easyrsa.certificates import (
    CertificateFile,
    FoundCertificate,
    names_key_of,
    read_certificates,
)
from pki.easyrsa.compared import Files, compare
from pki.easyrsa.findings import Material, findings
from pki.easyrsa.index import parse_index
from pki.easyrsa.old_crl import read_old_crl
from pki.easyrsa.places import Places, Shelf, find
from pki.easyrsa.private_keys import clear_blocks, key_block, read_clear_keys
from pki.easyrsa.values import EasyRsaPki
from pki.errors import DamagedPki, PassphraseNeeded, UnfitAuthority, WrongPassphrase
from pki.fitness import check_certificate, fitting_key
from pki.key_ids import AuthorityKey
from pki.passphrase import passphrase_bytes
from pki.serial import SerialNumber

# How much is done, and of how much.
Progress = Callable[[int, int], None]

_PEM_CERTIFICATE = b"-----BEGIN CERTIFICATE-----"
_STEP = 500

T = TypeVar("T")


def read_pki(folder: Path, *, now: datetime, progress: Progress | None = None) -> EasyRsaPki:
    """Reads all of it: some seconds for tens of thousands of certificates, so in a thread.

    (1) The CA's certificate, which must be one that can be taken over. (2) The index. (3) The
    certificates' files, and where they lie; see `pki.easyrsa.compared` for who is believed. (4) The
    old CRL, whose signature must be the CA's. (5) The private keys' files, only to see which lie in
    clear.

    Args:
        folder: easy-rsa 3's `pki`, or easy-rsa 2's `keys`.
        now: aware.
        progress: called now and then with files and lines done, and their number.

    Raises:
        DamagedPki: a file is missing, cannot be read, or contradicts another one.
        UnfitAuthority: the CA cannot go on as ours.
    """
    with _told():
        places = find(folder)
        authority = _authority(places.authority)  # (1)
        key = _authority_key(places.key)
        index = places.index.read_bytes()
        certificate_files, key_files = places.certificates(), places.keys()
        counted = _Counted(progress, index.count(b"\n") + len(certificate_files) + len(key_files))
        rows = list(counted.each(parse_index(index, places.index)))  # (2)
        read = counted.each(read_certificates(certificate_files, authority))  # (3)
        files, unreadable = _files(places, read, authority)
        compared = compare(rows, files, authority)
        material = Material(
            now=now,
            authority=authority,
            compared=compared,
            certificates=files.certificates,
            filed=files.filed,
            unreadable=unreadable,
            crl=read_old_crl(places.crl, authority),  # (4)
            keys=[held for held in counted.each(read_clear_keys(key_files)) if held],  # (5)
        )
        counted.finish()
        return EasyRsaPki(
            folder=folder,
            layout=places.layout,
            certificate=authority,
            key_path=places.key,
            key_is_encrypted=not clear_blocks(key),
            entries=tuple(compared.entries),
            lost=tuple(compared.lost),
            filed=tuple(
                Revocation(serial, now, RevocationReason.UNSPECIFIED)
                for serial in material.filed_only()
            ),
            crl=material.crl,
            findings=findings(material),
        )


def open_key(pki: EasyRsaPki, passphrase: str | None, content: bytes | None = None) -> AuthorityKey:
    """The CA's key, once it is certain that it fits the CA's certificate.

    A passphrase that is not needed is not looked at.

    Args:
        content: of `key_path`, where the caller has read it with a care of its own.

    Raises:
        PassphraseNeeded: the key is encrypted, and there is no passphrase.
        WrongPassphrase: it does not open the key.
        UnfitAuthority: another certificate's key, or of a kind that signs nothing here.
        DamagedPki: the key cannot be read.
    """
    with _told():
        block = _authority_key(pki.key_path, content)
    secret = None
    if pki.key_is_encrypted:
        if passphrase is None:
            raise PassphraseNeeded(f"{pki.key_path} needs its passphrase; give it.")
        secret = passphrase_bytes(passphrase)
    try:
        key = load_pem_private_key(block, secret)
    except (ValueError, UnsupportedAlgorithm) as error:
        if secret is None or isinstance(error, UnsupportedAlgorithm):
            raise DamagedPki(
                f"{pki.key_path} can't be read as a private key; restore it from a backup, or if "
                f"it is whole, convert it with `openssl pkey -in {pki.key_path.name} -aes256`."
            ) from error
        # What a wrong passphrase decrypts is noise, and sometimes looks like a damaged key.
        raise WrongPassphrase(
            f"The passphrase doesn't open {pki.key_path}; if it is certainly the right one,"
            " the file is damaged: restore it from a backup."
        ) from error
    return fitting_key(pki.certificate, key)


@contextmanager
def _told() -> Iterator[None]:
    """Turns what the system refuses into an error of ours."""
    try:
        yield
    except PermissionError as error:
        raise DamagedPki(
            f"{error.filename} may not be read by this account; run it as root."
        ) from error
    except OSError as error:
        raise DamagedPki(f"{error.filename} can't be read ({error.strerror}).") from error


class _Counted:
    """Tells how far it has come, but not at each step: that would cost more than the steps."""

    def __init__(self, progress: Progress | None, total: int) -> None:
        self._progress = progress
        self._total = total
        self._done = 0

    def each(self, things: Iterable[T]) -> Iterator[T]:
        for thing in things:
            yield thing
            self._done += 1
            if self._progress and self._done % _STEP == 0:
                self._progress(min(self._done, self._total), self._total)

    def finish(self) -> None:
        if self._progress:
            self._progress(self._total, self._total)


def _authority(path: Path) -> x509.Certificate:
    content = path.read_bytes()
    count = content.count(_PEM_CERTIFICATE)
    if count > 1:
        raise DamagedPki(
            f"{path} holds {count} certificates; leave the one that belongs to the CA's key."
        )
    try:
        certificate = x509.load_pem_x509_certificate(content)
    except (ValueError, x509.InvalidVersion) as error:
        raise DamagedPki(f"{path} isn't a certificate; restore it from a backup.") from error
    try:
        check_certificate(certificate)
    except UnfitAuthority as error:
        raise UnfitAuthority(f"{path}: {error}") from error
    return certificate


def _authority_key(path: Path, content: bytes | None = None) -> bytes:
    block = key_block(path.read_bytes() if content is None else content)
    if block is None:
        raise DamagedPki(f"{path} holds no private key in PEM; restore it from a backup.")
    return block


def _files(
    places: Places, read: Iterable[CertificateFile], authority: x509.Certificate
) -> tuple[Files, Sequence[Path]]:
    """All certificates, with what their places and names say; and what cannot be read."""
    certificates: list[FoundCertificate] = []
    unreadable: list[Path] = []
    filed = dict[SerialNumber, Path]()
    strange: set[Path] = set()
    named: dict[SerialNumber, set[SerialNumber]] = defaultdict(set)
    for file in read:
        path, is_revoked = file.path, file.shelf is Shelf.REVOKED
        if not file.is_copy:
            certificates += file.certificates
        if file.is_damaged and not places.is_bundle(path):
            unreadable.append(path)
        name = places.serial_of(path)
        for one in file.certificates:
            if not is_revoked and name in (None, one.serial):
                continue
            if one.is_self_issued or not names_key_of(one, authority):
                strange.add(path)
                continue
            if is_revoked:
                filed.setdefault(one.serial, path)
            if name is not None:
                named[one.serial].add(name)
    for path, serial in places.revoked_by_name():
        # A certificate of another CA, which lies there, has a serial of that CA's.
        if path not in strange:
            filed.setdefault(serial, path)
    by_serial = {serial: frozenset(names) for serial, names in named.items()}
    return Files(certificates, filed, by_serial), unreadable
