"""The certificates' files: each is read once, and asked for what the index does not know."""

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import NameOID

from pki.easyrsa.places import Shelf
from pki.easyrsa.purpose import purpose_of
from pki.easyrsa.values import Purpose
from pki.key_ids import authority_key_id
from pki.serial import SerialNumber

_UNREADABLE = (ValueError, TypeError, UnsupportedAlgorithm, x509.DuplicateExtension)


@dataclass(frozen=True, slots=True)
class Found:
    """A certificate and the first file that it was found in.

    It is kept as DER: an open one takes 6 KB, and the garbage collector's time.

    Attributes:
        names_issuer: whether the issuer that it names is the CA.
        is_self_issued: whether it names itself as its issuer, as a CA's own certificate does.
        purpose: None where it does not say.
        issuer_key_id: of the key that signed it, as far as it says.
        public_key: its SubjectPublicKeyInfo in DER.
    """

    path: Path
    shelf: Shelf
    der: bytes = field(repr=False)
    serial: SerialNumber
    common_name: str
    not_before: datetime
    not_after: datetime
    names_issuer: bool
    is_self_issued: bool
    purpose: Purpose | None
    is_authority: bool
    issuer_key_id: bytes | None = field(repr=False)
    public_key: bytes = field(repr=False)


def read_certificates(
    files: Iterable[tuple[Path, Shelf]], own: x509.Certificate
) -> Iterator[Found | Path | None]:
    """For each file its certificate; its path where none can be read; None where it is known.

    The same certificate lies in two places as a rule, and the first one speaks for it. The CA's
    own is passed over.
    """
    seen: set[bytes] = set()
    for path, shelf in files:
        content = path.read_bytes()
        digest = hashlib.sha256(content).digest()  # cheaper than reading a certificate twice
        if digest in seen:
            yield None
            continue
        seen.add(digest)
        yield _found(path, shelf, content, own)


def names_key_of(found: Found, issuer: x509.Certificate) -> bool:
    """Whether it was made with this CA's key: it says so, or else the signature shows it.

    A P-384 signature takes a third of a millisecond to check, half a minute for 100,000 of them.
    Where the index vouches for a certificate, its own word will do.
    """
    if found.issuer_key_id == authority_key_id(issuer).key_identifier:
        return True
    return issued_by(found, issuer)


def issued_by(found: Found, issuer: x509.Certificate) -> bool:
    """Whether this CA's key has signed it.

    An MD5 signature cannot be checked here and counts as genuine: the name has to do.
    """
    try:
        x509.load_der_x509_certificate(found.der).verify_directly_issued_by(issuer)
    except InvalidSignature:
        return False
    except (ValueError, TypeError, UnsupportedAlgorithm):
        return found.names_issuer
    return True


def _found(path: Path, shelf: Shelf, content: bytes, own: x509.Certificate) -> Found | Path | None:
    try:
        certificate = x509.load_pem_x509_certificate(content)
        return None if certificate == own else _facts(path, shelf, certificate, own)
    except _UNREADABLE:
        return path


def _facts(path: Path, shelf: Shelf, certificate: x509.Certificate, own: x509.Certificate) -> Found:
    subject, issuer = certificate.subject, certificate.issuer
    names = subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    extensions = certificate.extensions
    return Found(
        path=path,
        shelf=shelf,
        der=certificate.public_bytes(Encoding.DER),
        serial=SerialNumber(certificate.serial_number),
        common_name=str(names[-1].value) if names else "",
        not_before=certificate.not_valid_before_utc,
        not_after=certificate.not_valid_after_utc,
        names_issuer=issuer == own.subject,
        is_self_issued=issuer == subject,
        purpose=purpose_of(certificate),
        is_authority=_is_authority(extensions),
        issuer_key_id=_issuer_key_id(extensions),
        public_key=certificate.public_key().public_bytes(
            Encoding.DER, PublicFormat.SubjectPublicKeyInfo
        ),
    )


def _is_authority(extensions: x509.Extensions) -> bool:
    try:
        return extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    except x509.ExtensionNotFound:
        return False


def _issuer_key_id(extensions: x509.Extensions) -> bytes | None:
    try:
        return extensions.get_extension_for_class(x509.AuthorityKeyIdentifier).value.key_identifier
    except x509.ExtensionNotFound:
        return None
