"""What each kind of certificate may be used for.

`remote-cert-tls` in OpenVPN's manual is what the leaf profiles answer to: a server takes only
certificates with clientAuth, a client only those with serverAuth, and both want a key usage.
"""

from dataclasses import dataclass, replace

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import ExtendedKeyUsageOID

from pki.key_ids import AuthorityPublicKey


def _key_usage(
    *,
    digital_signature: bool = False,
    key_encipherment: bool = False,
    key_cert_sign: bool = False,
    crl_sign: bool = False,
) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=digital_signature,
        key_cert_sign=key_cert_sign,
        crl_sign=crl_sign,
        key_encipherment=key_encipherment,
        content_commitment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


@dataclass(frozen=True, slots=True)
class CertificateProfile:
    """The extensions that decide what a certificate is good for."""

    basic_constraints: x509.BasicConstraints
    key_usage: x509.KeyUsage
    extended_key_usage: x509.ExtendedKeyUsage | None = None


CA = CertificateProfile(
    # No CA below this one: what a stolen leaf signs is worth nothing.
    basic_constraints=x509.BasicConstraints(ca=True, path_length=0),
    key_usage=_key_usage(key_cert_sign=True, crl_sign=True),
)
CLIENT = CertificateProfile(
    basic_constraints=x509.BasicConstraints(ca=False, path_length=None),
    key_usage=_key_usage(digital_signature=True),
    extended_key_usage=x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH]),
)
SERVER = CertificateProfile(
    basic_constraints=x509.BasicConstraints(ca=False, path_length=None),
    key_usage=_key_usage(digital_signature=True),
    extended_key_usage=x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]),
)
# TLS signs its key exchange, but for RSA key transport in TLS 1.2: there the client encrypts a
# secret for the server's key, and an old client that knows nothing else wants to see this bit.
# A client's key never receives such a secret.
RSA_SERVER = replace(SERVER, key_usage=_key_usage(digital_signature=True, key_encipherment=True))


def server_profile(public_key: AuthorityPublicKey) -> CertificateProfile:
    """What a server's certificate with this key says."""
    return RSA_SERVER if isinstance(public_key, rsa.RSAPublicKey) else SERVER


def with_profile(
    builder: x509.CertificateBuilder, profile: CertificateProfile
) -> x509.CertificateBuilder:
    """Adds the profile's extensions."""
    # RFC 5280, 4.2.1.9 and 4.2.1.3: both are critical in a CA, and may be in a leaf.
    builder = builder.add_extension(profile.basic_constraints, critical=True)
    builder = builder.add_extension(profile.key_usage, critical=True)
    if profile.extended_key_usage is None:
        return builder
    return builder.add_extension(profile.extended_key_usage, critical=False)
