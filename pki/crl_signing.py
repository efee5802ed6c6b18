"""Signs revocation lists, also of a hundred thousand entries.

`cryptography` takes an object for each entry, and most of a second for so many. So it makes the
list without entries, and these are put in their place here (RFC 5280, 5.1):

    CertificateList ::= SEQUENCE { tbsCertList, signatureAlgorithm, signature BIT STRING }
    TBSCertList ::= SEQUENCE { version, signature, issuer, thisUpdate, nextUpdate,
                               revokedCertificates SEQUENCE OF SEQUENCE OPTIONAL,
                               crlExtensions [0] }

All else, such as the names, the dates and the extensions, is as the library has written it.
"""

import binascii
from collections.abc import Iterable
from datetime import UTC, datetime

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, padding

from pki.crl import CRL_BACKDATE, CRL_LIFETIME, Revocation, RevocationReason
from pki.der import BIT_STRING, OCTETS, SEQUENCE, element, elements
from pki.key_ids import AuthorityKey, authority_key_id
from pki.keys import signing_hash
from pki.serial import SERIAL_BITS

_ENUMERATED, _OBJECT_ID = 0x0A, 0x06
_CRL_REASON = bytes.fromhex("551d15")  # 2.5.29.21
# RFC 5280, 5.3.1; 'unspecified' is said by leaving the reason out.
_CODES = {
    RevocationReason.KEY_COMPROMISE: 1,
    RevocationReason.CA_COMPROMISE: 2,
    RevocationReason.AFFILIATION_CHANGED: 3,
    RevocationReason.SUPERSEDED: 4,
    RevocationReason.CESSATION_OF_OPERATION: 5,
    RevocationReason.CERTIFICATE_HOLD: 6,
    RevocationReason.PRIVILEGE_WITHDRAWN: 9,
    RevocationReason.AA_COMPROMISE: 10,
}
# The crlEntryExtensions of an entry, which hold its reason and nothing else.
_EXTENSIONS = {RevocationReason.UNSPECIFIED: b""} | {
    reason: element(
        SEQUENCE,
        element(
            SEQUENCE,
            element(_OBJECT_ID, _CRL_REASON),
            element(OCTETS, element(_ENUMERATED, bytes([code]))),
        ),
    )
    for reason, code in _CODES.items()
}
_SERIALS_END = 1 << SERIAL_BITS
# Years that are written with two digits, as UTCTime (RFC 5280, 5.1.2.6); all others with four.
_UTC_TIME = range(1950, 2050)
# Looked up several times as fast as it is formatted.
_TWO_DIGITS = [b"%02d" % number for number in range(100)]
# RFC 7468, 2: each line but the last has 64 characters, which 48 bytes make.
_PEM_LINE = 48


def signed_crl(
    issuer: x509.Certificate,
    key: AuthorityKey,
    *,
    number: int,
    revocations: Iterable[Revocation],
    now: datetime,
) -> bytes:
    """A complete CRL of version 2, in PEM (RFC 5280, 5).

    Where a serial comes more than once, its earliest revocation counts. Its date is the true one,
    although the list is backdated and seems to be from before it: OpenVPN looks at the list's dates
    only, and whoever reads the list after a restore has to know what was when.

    Raises:
        ValueError: a serial cannot be one, or a date is naive.
    """
    latest_first = sorted(revocations, key=lambda entry: entry.revoked_at, reverse=True)
    earliest = {entry.serial: entry for entry in latest_first}
    entries = b"".join(map(_entry, earliest.values()))
    bare = (
        x509.CertificateRevocationListBuilder()
        .issuer_name(issuer.subject)
        .last_update(now - CRL_BACKDATE)
        .next_update(now + CRL_LIFETIME)
        .add_extension(authority_key_id(issuer), critical=False)
        .add_extension(x509.CRLNumber(number), critical=False)
        .sign(key, signing_hash(key))
    )
    ((_, body),) = elements(bare.tbs_certlist_bytes)
    *fields, extensions = (element(tag, content) for tag, content in elements(body))
    algorithm = fields[1]
    if entries:  # an empty list of them is no list of theirs (RFC 5280, 5.1.2.6)
        fields.append(element(SEQUENCE, entries))
    signed = element(SEQUENCE, *fields, extensions)
    signature = element(BIT_STRING, b"\0", _signature(key, signed))  # no bit of it is unused
    return _pem(element(SEQUENCE, signed, algorithm, signature))


def _entry(revocation: Revocation) -> bytes:
    """SEQUENCE { userCertificate INTEGER, revocationDate Time, crlEntryExtensions OPTIONAL }.

    By one format, since there are so many: no length in it needs more than a byte.
    """
    serial, at = revocation.serial, revocation.revoked_at
    if not 0 < serial < _SERIALS_END:
        raise ValueError(f"{serial:x} is no serial")
    if at.tzinfo is not UTC:
        at = _in_utc(at)
    number = serial.to_bytes(serial.bit_length() // 8 + 1, "big")  # with room for the sign
    extensions = _EXTENSIONS[revocation.reason]
    tag, century = (0x17, b"") if at.year in _UTC_TIME else (0x18, _TWO_DIGITS[at.year // 100])
    return b"\x30%c\x02%c%b%c%c%b%b%b%b%b%b%bZ%b" % (
        *(17 + len(number) + len(century) + len(extensions), len(number), number),
        *(tag, 13 + len(century), century, _TWO_DIGITS[at.year % 100]),
        *(_TWO_DIGITS[at.month], _TWO_DIGITS[at.day]),
        *(_TWO_DIGITS[at.hour], _TWO_DIGITS[at.minute], _TWO_DIGITS[at.second]),
        extensions,
    )


def _in_utc(at: datetime) -> datetime:
    if at.tzinfo is None:
        raise ValueError("Times need a time zone.")
    return at.astimezone(UTC)


def _signature(key: AuthorityKey, signed: bytes) -> bytes:
    if isinstance(key, ec.EllipticCurvePrivateKey):
        return key.sign(signed, ec.ECDSA(signing_hash(key)))
    return key.sign(signed, padding.PKCS1v15(), signing_hash(key))


def _pem(der: bytes) -> bytes:
    lines = [
        binascii.b2a_base64(der[start : start + _PEM_LINE])
        for start in range(0, len(der), _PEM_LINE)
    ]
    return b"".join((b"-----BEGIN X509 CRL-----\n", *lines, b"-----END X509 CRL-----\n"))
