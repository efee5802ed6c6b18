"""Whether a client may show a certificate, or a server, or either.

Source: check_purpose_ssl_client and check_purpose_ssl_server of OpenSSL, crypto/x509/v3_purp.c:
each of the two extensions that say it rules out whatever it does not name. `nsCertType` is what
easy-rsa 2 and `ns-cert-type server` went by.
"""

from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID

from pki.easyrsa.values import Purpose
from pki.extensions import extension_of

_EITHER = frozenset({Purpose.CLIENT, Purpose.SERVER})
_USAGES = {
    ExtendedKeyUsageOID.CLIENT_AUTH: Purpose.CLIENT,
    ExtendedKeyUsageOID.SERVER_AUTH: Purpose.SERVER,
}
_NETSCAPE_TYPE = x509.ObjectIdentifier("2.16.840.1.113730.1.1")
# The first bits of its BIT STRING, behind tag, length and the number of unused bits.
_NETSCAPE_BITS = {0x80: Purpose.CLIENT, 0x40: Purpose.SERVER}
_BITS_AT = 3


def purpose_of(certificate: x509.Certificate) -> Purpose | None:
    """Who may show it; None where it does not say, or names neither.

    Raises:
        ValueError, x509.DuplicateExtension: its extensions cannot be read.
    """
    said = [
        each
        for each in (_by_usage(certificate.extensions), _by_type(certificate.extensions))
        if each is not None
    ]
    if not said:
        return None
    left = _EITHER.intersection(*said)
    if left == _EITHER:
        return Purpose.BOTH
    return next(iter(left), None)


def _by_usage(extensions: x509.Extensions) -> frozenset[Purpose] | None:
    usage = extension_of(extensions, x509.ExtendedKeyUsage)
    if usage is None:
        return None
    return frozenset(purpose for oid, purpose in _USAGES.items() if oid in usage)


def _by_type(extensions: x509.Extensions) -> frozenset[Purpose] | None:
    value = next((one.value for one in extensions if one.oid == _NETSCAPE_TYPE), None)
    if value is None:
        return None
    assert isinstance(value, x509.UnrecognizedExtension)
    bits = int.from_bytes(value.value[_BITS_AT : _BITS_AT + 1])
    return frozenset(purpose for bit, purpose in _NETSCAPE_BITS.items() if bits & bit)
