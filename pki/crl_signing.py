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
from datetime import UTC, date, datetime
from functools import lru_cache

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, padding

from pki.crl import CRL_BACKDATE, CRL_LIFETIME, Revocation, RevocationReason
from pki.der import BIT_STRING, INTEGER, OCTETS, SEQUENCE, element, elements
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
# What comes behind the digits of an entry's time: the Z, and the crlEntryExtensions, which hold its
# reason and nothing else.
_REST = {RevocationReason.UNSPECIFIED: b"Z"} | {
    reason: b"Z"
    + element(
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
# Years that are written with two digits, as UTCTime (RFC 5280, 5.1.2.6); all others with four, as
# GeneralizedTime.
_UTC_TIME = range(1950, 2050)
# What an entry is joined from is looked up several times as fast as it is formatted: tag and length
# of what has so many bytes, and numbers.
_SEQUENCES = [bytes((SEQUENCE, size)) for size in range(128)]
_INTEGERS = [bytes((INTEGER, size)) for size in range(128)]
_TWO_DIGITS = [b"%02d" % number for number in range(60)]
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

    No length in it needs more than a byte.
    """
    serial, at = revocation.serial, revocation.revoked_at
    if not 0 < serial < _SERIALS_END:
        raise ValueError(f"{serial:x} is no serial")
    if at.tzinfo is not UTC:
        at = _in_utc(at)
    size = serial.bit_length() // 8 + 1  # with room for the sign
    day, rest = _day(at.toordinal()), _REST[revocation.reason]
    return b"".join(
        (
            _SEQUENCES[2 + size + len(day) + 6 + len(rest)],
            _INTEGERS[size],
            serial.to_bytes(size, "big"),
            day,
            _TWO_DIGITS[at.hour],
            _TWO_DIGITS[at.minute],
            _TWO_DIGITS[at.second],
            rest,
        )
    )


@lru_cache(maxsize=10_000)
def _day(number: int) -> bytes:
    """Tag and length of any time on that day, and the day."""
    day = date.fromordinal(number)
    if day.year in _UTC_TIME:
        return b"\x17\x0d%02d%02d%02d" % (day.year % 100, day.month, day.day)
    return b"\x18\x0f%04d%02d%02d" % (day.year, day.month, day.day)


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
