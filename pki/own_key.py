"""The request (CSR, PKCS#10) for a key that somebody has made and keeps: what of it is believed.

Only its public key is used. Whatever else it asks for is ours to say, so a request that asks for
more is refused instead of being passed over.
"""

from enum import StrEnum

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_der_private_key,
)
from cryptography.x509.oid import NameOID

from pki.errors import PkiError

# RSA of 4,096 bits with a few names has 2 kB in PEM.
MOST_BYTES = 10_000
# What is larger than that is looked through for a private key, as a bundle or a profile has one.
MOST_LOOKED_AT = 100_000
# What the line that makes such a request has to say, since some programs refuse an empty name.
NAME = "vpn"
_RSA_BITS = range(2048, 4096 + 1)
_RSA_EXPONENT = 65537
_CURVES = (ec.SECP256R1, ec.SECP384R1)
_PRIVATE = b"PRIVATE KEY-----"
# How a PKCS#12 file begins (RFC 7292): a sequence with the version, which is 3, and another one.
_PFX = b"\x02\x01\x03\x30"
_PFX_AT = 5
_HASHES = (hashes.SHA256, hashes.SHA384, hashes.SHA512)


class Unfit(StrEnum):
    """Why a request is refused."""

    TOO_LARGE = "too_large"
    PRIVATE_KEY = "private_key"  # which nobody may see; this one is burnt
    NO_REQUEST = "no_request"
    SEVERAL = "several"  # in one file
    KIND = "kind"  # of key, or of signature
    SHORT = "short"
    LONG = "long"
    SIGNATURE = "signature"
    NAMES = "names"


class UnfitRequest(PkiError):
    """The request cannot be used; `why` says what is wrong with it."""

    def __init__(self, why: Unfit) -> None:
        super().__init__(f"The certificate request can't be used ({why}); make another one.")
        self.why = why


def requested_key(content: bytes) -> str:
    """The public key of a request in PEM or DER, as PEM (SubjectPublicKeyInfo).

    Raises:
        UnfitRequest: too large, no request, a weak or an unknown key, a signature that is not its
            own, or names that are not ours.
    """
    # Before its size: whoever has sent a key has to know.
    if holds_private_key(content):
        raise UnfitRequest(Unfit.PRIVATE_KEY)
    if len(content) > MOST_BYTES:
        raise UnfitRequest(Unfit.TOO_LARGE)
    if content.count(b"-----BEGIN") > 1:
        raise UnfitRequest(Unfit.SEVERAL)
    request = _read(content)
    try:
        key = request.public_key()
        fits = isinstance(request.signature_hash_algorithm, _HASHES)
        _check_key(key)
        if not fits:
            raise UnfitRequest(Unfit.KIND)
        # Whoever asks has the key: else somebody could have another's public key certified.
        is_own = request.is_signature_valid
        names = list(request.subject)
        extensions = [*request.extensions]
    except (UnsupportedAlgorithm, ValueError) as error:
        raise UnfitRequest(Unfit.KIND) from error
    if not is_own:
        raise UnfitRequest(Unfit.SIGNATURE)
    foreign = [n for n in names if n.oid != NameOID.COMMON_NAME or n.value != NAME]
    if foreign or len(names) > 1 or extensions:
        raise UnfitRequest(Unfit.NAMES)
    pem = key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    return pem.decode("ascii")


def holds_private_key(content: bytes) -> bool:
    """Whether there is a private key in it, locked or not: in PEM, in DER, or in PKCS#12."""
    # Windows likes to write two bytes for each letter.
    if _PRIVATE in content.replace(b"\0", b""):
        return True
    if content[:1] == b"0" and _PFX in content[: _PFX_AT + len(_PFX)]:
        return True
    try:
        load_der_private_key(content, None)
    except TypeError:  # one that is under a passphrase
        return True
    except (ValueError, UnsupportedAlgorithm):
        return False
    return True


def _read(content: bytes) -> x509.CertificateSigningRequest:
    load = x509.load_pem_x509_csr if b"-----BEGIN" in content else x509.load_der_x509_csr
    try:
        return load(content)
    except (ValueError, UnsupportedAlgorithm, x509.InvalidVersion) as error:
        raise UnfitRequest(Unfit.NO_REQUEST) from error


def _check_key(key: object) -> None:
    if isinstance(key, rsa.RSAPublicKey):
        if key.key_size < _RSA_BITS.start:
            raise UnfitRequest(Unfit.SHORT)
        if key.key_size not in _RSA_BITS:
            raise UnfitRequest(Unfit.LONG)
        if key.public_numbers().e != _RSA_EXPONENT:
            raise UnfitRequest(Unfit.KIND)
    elif isinstance(key, ec.EllipticCurvePublicKey):
        if not isinstance(key.curve, _CURVES):
            raise UnfitRequest(
                Unfit.SHORT if key.curve.key_size < _CURVES[0].key_size else Unfit.KIND
            )
    else:
        raise UnfitRequest(Unfit.KIND)
