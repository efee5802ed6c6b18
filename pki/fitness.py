"""Whether a CA that somebody else's program made can go on as ours."""

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes, PublicKeyTypes
from cryptography.x509.oid import PublicKeyAlgorithmOID

from pki.errors import UnfitAuthority
from pki.extensions import extension_of
from pki.key_ids import AuthorityKey


def check_certificate(certificate: x509.Certificate) -> None:
    """Checks that OpenVPN will take what we sign for this CA, and that we can sign.

    (1) It is a CA, and where it has a key usage, it may sign certificates and CRLs: OpenSSL goes
    by that, and a CRL of a CA that may sign none shuts everybody out. (2) It issued itself:
    OpenVPN goes up to a root, and `ca.crt` here is one certificate. (3) Its key is of a kind that
    we sign with.

    Raises:
        UnfitAuthority
    """
    try:
        extensions = certificate.extensions
        own_name = certificate.issuer == certificate.subject
    except (ValueError, x509.DuplicateExtension) as error:
        raise UnfitAuthority(
            "The CA's certificate can't be read; make a new CA with `vpnbot ca init`."
        ) from error
    _check_purpose(extensions)  # (1)
    if not own_name:  # (2)
        raise UnfitAuthority(
            "This CA was itself issued by another one, and only a root can be taken over;"
            " take over the CA that issued it, or make a new one with `vpnbot ca init`."
        )
    if not isinstance(_public_key(certificate), ec.EllipticCurvePublicKey | rsa.RSAPublicKey):
        raise _unsupported("certificate's key")  # (3)


def fitting_key(certificate: x509.Certificate, key: PrivateKeyTypes) -> AuthorityKey:
    """The key, once it is certain that the CA can sign with it.

    Raises:
        UnfitAuthority: another kind of key, or the key of another certificate.
    """
    if not isinstance(key, ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey):
        raise _unsupported("private key")
    if key.public_key() != _public_key(certificate):
        raise UnfitAuthority(
            "The CA's key and its certificate don't belong together;"
            " find the key that the certificate was made with, perhaps in a backup."
        )
    return key


def _check_purpose(extensions: x509.Extensions) -> None:
    constraints = extension_of(extensions, x509.BasicConstraints)
    if constraints is None or not constraints.ca:
        raise UnfitAuthority("The certificate isn't a CA's; give the one that issued the others.")
    usage = extension_of(extensions, x509.KeyUsage)
    # RFC 5280, 4.2.1.3: without one it is restricted to nothing.
    if usage is not None and not (usage.key_cert_sign and usage.crl_sign):
        raise UnfitAuthority(
            "By its key usage this CA may not sign both certificates and CRLs;"
            " make a new CA with `vpnbot ca init`."
        )


def _public_key(certificate: x509.Certificate) -> PublicKeyTypes:
    # cryptography reads a key that is for PSS only as any RSA key, and would sign with PKCS#1.
    if certificate.public_key_algorithm_oid == PublicKeyAlgorithmOID.RSASSA_PSS:
        raise _unsupported("certificate's key")
    try:
        return certificate.public_key()
    except (ValueError, UnsupportedAlgorithm) as error:
        raise _unsupported("certificate's key") from error


def _unsupported(what: str) -> UnfitAuthority:
    return UnfitAuthority(
        f"The CA's {what} is neither RSA nor EC on a common curve, and signs nothing here;"
        " make a new CA with `vpnbot ca init`."
    )
