"""Certificates in the files of a machine."""

from datetime import datetime

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from vpn.host.interface import ServerHost
from vpn.layout import CERTIFICATE


async def certificate_end(host: ServerHost, path: str = CERTIFICATE) -> datetime | None:
    """When the server's certificate ends; None where there is none to be read.

    Raises:
        HostError: the folder could not be looked at.
    """
    certificate = parse_certificate(await host.read(path))
    return certificate.not_valid_after_utc if certificate else None


def parse_certificate(pem: bytes | None) -> x509.Certificate | None:
    """The first of a file; None where there is none to be read."""
    if pem is None:
        return None
    try:
        return x509.load_pem_x509_certificate(pem)
    except ValueError:
        return None


def certificates_in(pem: bytes | None) -> tuple[x509.Certificate, ...]:
    """All of a file, in their order; none where one of them cannot be read."""
    try:
        return tuple(x509.load_pem_x509_certificates(pem or b""))
    except ValueError:
        return ()


def is_issued_by(certificate: x509.Certificate, issuer: x509.Certificate) -> bool:
    """Whether the issuer's key has signed it, in the issuer's name."""
    try:
        certificate.verify_directly_issued_by(issuer)
    except (ValueError, TypeError, InvalidSignature):
        return False
    return True


def key_fits(certificate: x509.Certificate, key_pem: bytes) -> bool:
    """Whether this is the certificate's own key, unencrypted."""
    try:
        key = load_pem_private_key(key_pem, password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        return False
    return key.public_key() == certificate.public_key()
