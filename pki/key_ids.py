"""How a certificate or CRL names the key that signed it."""

from collections.abc import Sequence

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from pki.errors import DamagedAuthority
from pki.extensions import extension_of

# An easy-rsa CA may have either; nothing else has been seen to sign for OpenVPN.
AuthorityKey = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey
# The bot's CA; or two, the older one first, while one takes the other's place.
Issuers = Sequence[x509.Certificate]
AuthorityPublicKey = ec.EllipticCurvePublicKey | rsa.RSAPublicKey


def authority_public_key(certificate: x509.Certificate) -> AuthorityPublicKey:
    """The CA's public key.

    Raises:
        DamagedAuthority: the certificate has a kind of key that signs nothing here.
    """
    key = certificate.public_key()
    if isinstance(key, ec.EllipticCurvePublicKey | rsa.RSAPublicKey):
        return key
    raise DamagedAuthority("The CA's key is neither EC nor RSA; use a CA with one of these.")


def authority_key_id(issuer: x509.Certificate) -> x509.AuthorityKeyIdentifier:
    """Names the signing key by its identifier alone (RFC 5280, 4.2.1.1).

    The other form names the CA certificate's issuer and serial. Once the CA is renewed under the
    same key that form matches nothing, and OpenVPN then goes on as if there were no CRL.
    """
    ski = extension_of(issuer.extensions, x509.SubjectKeyIdentifier)
    if ski is None:
        return x509.AuthorityKeyIdentifier.from_issuer_public_key(authority_public_key(issuer))
    return x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(ski)
