"""The certificates' files: each is read once, and asked for what the index does not know."""

import hashlib
import re
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
from pki.easyrsa.subject import to_openvpn
from pki.easyrsa.values import Purpose
from pki.extensions import extension_of
from pki.issuer_names import same_name
from pki.key_ids import authority_key_id
from pki.serial import SerialNumber

_BEGIN = b"-----BEGIN CERTIFICATE-----"
_BLOCK = re.compile(_BEGIN + rb".*?-----END CERTIFICATE-----", re.DOTALL)
_UNREADABLE = (ValueError, TypeError, UnsupportedAlgorithm, x509.DuplicateExtension)


@dataclass(frozen=True, slots=True)
class FoundCertificate:
    """A certificate and the first file that it was found in.

    It is kept as PEM: an open one takes 6 KB, and the garbage collector's time.

    Attributes:
        names_issuer: whether the issuer that it names is the CA.
        is_self_issued: whether it names itself as its issuer, as a CA's own certificate does.
        purpose: None where it does not say.
        issuer_key_id: of the key that signed it, as far as it says.
    """

    path: Path
    shelf: Shelf
    pem: bytes = field(repr=False)
    serial: SerialNumber
    common_name: str
    not_before: datetime
    not_after: datetime
    names_issuer: bool
    is_self_issued: bool
    purpose: Purpose | None
    is_authority: bool
    issuer_key_id: bytes | None = field(repr=False)

    def opened(self) -> x509.Certificate:
        return x509.load_pem_x509_certificate(self.pem)

    def public_key(self) -> bytes | None:
        """Its SubjectPublicKeyInfo in DER; None where it has a kind of key that is not known.

        Read only where there is a key to compare it with: it takes as long as all the rest.
        """
        try:
            key = self.opened().public_key()
        except _UNREADABLE:
            return None
        return key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


@dataclass(frozen=True, slots=True)
class CertificateFile:
    """A file, and the certificates in it but for the CA's own.

    Attributes:
        is_copy: the same content was in a file before; its place or its name may say more.
        is_damaged: something in it that should be a certificate cannot be read.
    """

    path: Path
    shelf: Shelf
    certificates: tuple[FoundCertificate, ...]
    is_copy: bool = False
    is_damaged: bool = False


def read_certificates(
    files: Iterable[tuple[Path, Shelf]], own: x509.Certificate
) -> Iterator[CertificateFile]:
    """Reads each file; the same certificate lies in two places as a rule, and is parsed once."""
    seen: dict[bytes, tuple[FoundCertificate, ...]] = {}
    for path, shelf in files:
        content = path.read_bytes()
        digest = hashlib.sha256(content).digest()  # cheaper than reading a certificate twice
        if digest in seen:
            yield CertificateFile(path, shelf, seen[digest], is_copy=True)
            continue
        certificates, is_whole = _certificates(path, shelf, content, own)
        seen[digest] = certificates
        yield CertificateFile(path, shelf, certificates, is_damaged=not is_whole)


def names_key_of(certificate: FoundCertificate, issuer: x509.Certificate) -> bool:
    """Whether it was made with this CA's key: it says so, or else the signature shows it.

    A P-384 signature takes a third of a millisecond to check, half a minute for 100,000 of them.
    Where the index vouches for a certificate, its own word will do.
    """
    if certificate.issuer_key_id == authority_key_id(issuer).key_identifier:
        return True
    return issued_by(certificate, issuer)


def issued_by(certificate: FoundCertificate, issuer: x509.Certificate) -> bool:
    """Whether this CA's key has signed it; where that cannot be checked, the name has to do."""
    is_signed = signed_by(certificate, issuer)
    return certificate.names_issuer if is_signed is None else is_signed


def signed_by(certificate: FoundCertificate, issuer: x509.Certificate) -> bool | None:
    """Whether this CA's key has signed it; None where that cannot be checked, as with MD5."""
    try:
        certificate.opened().verify_directly_issued_by(issuer)
    except InvalidSignature:
        return False
    except (ValueError, TypeError):
        return None if certificate.names_issuer else False
    except UnsupportedAlgorithm:
        return None
    return True


def _certificates(
    path: Path, shelf: Shelf, content: bytes, own: x509.Certificate
) -> tuple[tuple[FoundCertificate, ...], bool]:
    """The certificates, and whether everything in the file that looks like one is."""
    blocks = _BLOCK.findall(content)
    certificates = []
    is_whole = 0 < content.count(_BEGIN) == len(blocks)
    for block in blocks:
        try:
            certificate = x509.load_pem_x509_certificate(block)
            if certificate != own:
                certificates.append(_facts(path, shelf, block, certificate, own))
        except _UNREADABLE:
            is_whole = False
    return tuple(certificates), is_whole


def _facts(
    path: Path, shelf: Shelf, pem: bytes, certificate: x509.Certificate, own: x509.Certificate
) -> FoundCertificate:
    subject, issuer = certificate.subject, certificate.issuer
    names = subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    constraints = extension_of(certificate.extensions, x509.BasicConstraints)
    key_id = extension_of(certificate.extensions, x509.AuthorityKeyIdentifier)
    return FoundCertificate(
        path=path,
        shelf=shelf,
        pem=pem,
        serial=SerialNumber(certificate.serial_number),
        common_name=to_openvpn(str(names[-1].value)) if names else "",
        not_before=certificate.not_valid_before_utc,
        not_after=certificate.not_valid_after_utc,
        names_issuer=same_name(issuer, own.subject),
        is_self_issued=issuer == subject,
        purpose=purpose_of(certificate),
        is_authority=constraints is not None and constraints.ca,
        issuer_key_id=key_id.key_identifier if key_id is not None else None,
    )
