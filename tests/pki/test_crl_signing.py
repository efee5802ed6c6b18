"""What is put together here is, to the byte, what the library makes of the same entries."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta, timezone

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from hypothesis import example, given
from hypothesis import strategies as st

from pki.authority import Authority
from pki.crl import CRL_BACKDATE, CRL_LIFETIME, Revocation, RevocationReason, read_crl
from pki.found_crls import read_crls
from pki.key_ids import authority_key_id
from pki.keys import signing_hash
from pki.serial import SERIAL_BITS, SerialNumber
from tests.pki.tools import NOW, authority_with

# The words of RFC 5280, 5.3.1, as the library has them.
_REASONS = {
    RevocationReason.KEY_COMPROMISE: x509.ReasonFlags.key_compromise,
    RevocationReason.SUPERSEDED: x509.ReasonFlags.superseded,
    RevocationReason.CESSATION_OF_OPERATION: x509.ReasonFlags.cessation_of_operation,
    RevocationReason.AFFILIATION_CHANGED: x509.ReasonFlags.affiliation_changed,
    RevocationReason.CA_COMPROMISE: x509.ReasonFlags.ca_compromise,
    RevocationReason.CERTIFICATE_HOLD: x509.ReasonFlags.certificate_hold,
    RevocationReason.PRIVILEGE_WITHDRAWN: x509.ReasonFlags.privilege_withdrawn,
    RevocationReason.AA_COMPROMISE: x509.ReasonFlags.aa_compromise,
}

serials = st.integers(1, (1 << SERIAL_BITS) - 1).map(SerialNumber)
dates = st.datetimes(
    datetime(1950, 1, 1),  # noqa: DTZ001 - before that the library writes none
    timezones=st.sampled_from([UTC, timezone(timedelta(hours=5, minutes=30))]),
).filter(lambda at: datetime(1950, 1, 2, tzinfo=UTC) < at < datetime(9999, 12, 30, tzinfo=UTC))
revocations = st.builds(Revocation, serials, dates, st.sampled_from(RevocationReason))


def by_the_library(authority: Authority, number: int, listed: Sequence[Revocation]) -> bytes:
    """What is signed; the latest first, as it has always been."""
    builder = x509.CertificateRevocationListBuilder(
        authority.certificate.subject, NOW - CRL_BACKDATE, NOW + CRL_LIFETIME
    )
    builder = builder.add_extension(authority_key_id(authority.certificate), critical=False)
    builder = builder.add_extension(x509.CRLNumber(number), critical=False)
    for each in sorted(listed, key=lambda each: each.revoked_at, reverse=True):
        entry = x509.RevokedCertificateBuilder(each.serial, each.revoked_at)
        if each.reason in _REASONS:
            entry = entry.add_extension(x509.CRLReason(_REASONS[each.reason]), critical=False)
        builder = builder.add_revoked_certificate(entry.build())
    return builder.sign(authority._key, signing_hash(authority._key)).tbs_certlist_bytes


@given(
    number=st.integers(1, (1 << 62) - 1),
    listed=st.lists(revocations, unique_by=lambda each: each.serial, max_size=8),
)
@example(number=1, listed=[])
def test_to_the_byte(authority: Authority, number: int, listed: list[Revocation]) -> None:
    pem = authority.sign_crl(number=number, revocations=listed, now=NOW)

    crl = x509.load_pem_x509_crl(pem)
    assert crl.tbs_certlist_bytes == by_the_library(authority, number, listed)
    assert crl.public_bytes(Encoding.PEM) == pem
    assert read_crl(pem, authority.certificate).serials == {each.serial for each in listed}
    (found,) = read_crls(pem, authority.certificate)
    assert {(each.serial, each.revoked_at, each.reason) for each in found.revocations} == {
        (each.serial, each.revoked_at.replace(microsecond=0), each.reason) for each in listed
    }


@pytest.mark.parametrize(
    "key",
    [
        ec.generate_private_key(ec.SECP384R1()),
        ec.generate_private_key(ec.SECP521R1()),
        rsa.generate_private_key(public_exponent=65537, key_size=2048),
    ],
    ids=["P-384", "P-521", "RSA"],
)
def test_any_kind_of_key(key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey) -> None:
    authority = authority_with(key)
    listed = [Revocation(SerialNumber(7), NOW, RevocationReason.SUPERSEDED)]
    pem = authority.sign_crl(number=1, revocations=listed, now=NOW)
    assert x509.load_pem_x509_crl(pem).tbs_certlist_bytes == by_the_library(authority, 1, listed)
    assert read_crl(pem, authority.certificate).serials == {7}


def test_lengths_of_every_size(authority: Authority) -> None:
    """From one byte of length to three."""
    for count in (1, 3, 8, 2_000):
        listed = [
            Revocation(SerialNumber(n + 1), NOW, RevocationReason.UNSPECIFIED) for n in range(count)
        ]
        pem = authority.sign_crl(number=1, revocations=listed, now=NOW)
        assert len(read_crl(pem, authority.certificate).serials) == count


@pytest.mark.parametrize("serial", [0, -1, -129, 1 << SERIAL_BITS, 1 << 2000])
def test_what_is_no_serial_is_refused(authority: Authority, serial: int) -> None:
    entry = Revocation(SerialNumber(serial), NOW, RevocationReason.UNSPECIFIED)
    with pytest.raises(ValueError, match="no serial"):
        authority.sign_crl(number=1, revocations=[entry], now=NOW)


def test_a_naive_date_is_refused(authority: Authority) -> None:
    at = NOW.replace(tzinfo=None)
    with pytest.raises(ValueError, match="time zone"):
        authority.sign_crl(
            number=1,
            revocations=[Revocation(SerialNumber(1), at, RevocationReason.UNSPECIFIED)],
            now=NOW,
        )


def test_before_utc_times_a_date_is_written_in_full(authority: Authority) -> None:
    """A CA that was taken over may have written such a one; it is read back as it was."""
    at = datetime(1949, 12, 31, 23, 59, 59, tzinfo=UTC)
    entry = Revocation(SerialNumber(1), at, RevocationReason.UNSPECIFIED)
    (found,) = read_crls(
        authority.sign_crl(number=1, revocations=[entry], now=NOW), authority.certificate
    )
    assert [each.revoked_at for each in found.revocations] == [at]
