from datetime import datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from hypothesis import given
from hypothesis import strategies as st

from pki.authority import Authority, self_signed
from pki.crl import (
    CRL_BACKDATE,
    CRL_LIFETIME,
    Revocation,
    RevocationReason,
    crl_number,
    read_crl,
)
from pki.der import BIT_STRING, SEQUENCE, element, elements
from pki.errors import DamagedAuthority, DamagedCrl, ForeignCrl
from pki.found_crls import read_crls
from pki.key_ids import authority_key_id
from pki.serial import SerialNumber
from tests.pki.tools import CA_NAME, NOW, WEEK, serial

SECOND = timedelta(seconds=1)


def revocation(
    number: int = 7,
    at: datetime = NOW - WEEK,
    reason: RevocationReason = RevocationReason.UNSPECIFIED,
) -> Revocation:
    return Revocation(SerialNumber(number), at, reason)


def new_authority(name: str) -> Authority:
    key = ec.generate_private_key(ec.SECP256R1())
    certificate = self_signed(key, common_name=name, serial=serial(), now=NOW, lifetime=WEEK)
    return Authority(certificate, key)


@pytest.fixture(scope="session")
def a_crl(authority: Authority) -> bytes:
    return authority.sign_crl(number=1, revocations=[revocation()], now=NOW)


def entries(pem: bytes) -> list[x509.RevokedCertificate]:
    return list(x509.load_pem_x509_crl(pem))


class TestSigned:
    def test_facts(self, authority: Authority) -> None:
        pem = authority.sign_crl(number=41, revocations=[revocation(5), revocation(6)], now=NOW)
        facts = read_crl(pem, authority.certificate)
        assert facts.number == crl_number(pem) == 41
        assert facts.this_update == NOW - CRL_BACKDATE
        assert facts.signed_at == NOW
        assert facts.next_update == NOW + CRL_LIFETIME
        assert facts.serials == {5, 6}

    def test_with_nobody_revoked(self, authority: Authority) -> None:
        pem = authority.sign_crl(number=1, revocations=[], now=NOW)
        assert read_crl(pem, authority.certificate).serials == frozenset()

    def test_extensions_as_a_whole(self, authority: Authority) -> None:
        crl = x509.load_pem_x509_crl(authority.sign_crl(number=3, revocations=[], now=NOW))
        key_id = x509.SubjectKeyIdentifier.from_public_key(authority.certificate.public_key())
        assert [(extension.critical, extension.value) for extension in crl.extensions] == [
            (False, x509.AuthorityKeyIdentifier(key_id.digest, None, None)),
            (False, x509.CRLNumber(3)),
        ]

    @pytest.mark.parametrize(
        ("reason", "flag"),
        [
            (RevocationReason.KEY_COMPROMISE, x509.ReasonFlags.key_compromise),
            (RevocationReason.SUPERSEDED, x509.ReasonFlags.superseded),
            (RevocationReason.CESSATION_OF_OPERATION, x509.ReasonFlags.cessation_of_operation),
            (RevocationReason.AFFILIATION_CHANGED, x509.ReasonFlags.affiliation_changed),
            (RevocationReason.CA_COMPROMISE, x509.ReasonFlags.ca_compromise),
            (RevocationReason.CERTIFICATE_HOLD, x509.ReasonFlags.certificate_hold),
            (RevocationReason.PRIVILEGE_WITHDRAWN, x509.ReasonFlags.privilege_withdrawn),
            (RevocationReason.AA_COMPROMISE, x509.ReasonFlags.aa_compromise),
            (RevocationReason.UNSPECIFIED, None),
        ],
    )
    def test_reason(
        self, authority: Authority, reason: RevocationReason, flag: x509.ReasonFlags | None
    ) -> None:
        pem = authority.sign_crl(number=1, revocations=[revocation(reason=reason)], now=NOW)
        found = [extension.value for extension in entries(pem)[0].extensions]
        assert found == ([] if flag is None else [x509.CRLReason(flag)])

    def test_every_reason_is_tested(self) -> None:
        assert len(RevocationReason) == 9

    @pytest.mark.parametrize("ago", [timedelta(0), CRL_BACKDATE / 2, WEEK])
    def test_an_entry_has_its_true_date(self, authority: Authority, ago: timedelta) -> None:
        """Also where the list, being backdated, seems to be older."""
        pem = authority.sign_crl(number=1, revocations=[revocation(at=NOW - ago)], now=NOW)
        assert entries(pem)[0].revocation_date_utc == NOW - ago

    def test_the_earliest_of_several_counts(self, authority: Authority) -> None:
        days = [NOW - timedelta(days=day) for day in (3, 5, 4)]
        twice = [revocation(at=day) for day in days]
        found = entries(authority.sign_crl(number=1, revocations=twice, now=NOW))
        assert [entry.revocation_date_utc for entry in found] == [NOW - timedelta(days=5)]

    def test_twenty_thousand(self, authority: Authority) -> None:
        many = [Revocation(serial(), NOW, RevocationReason.SUPERSEDED) for _ in range(20_000)]
        pem = authority.sign_crl(number=9, revocations=iter(many), now=NOW)
        assert len(entries(pem)) == 20_000
        facts = read_crl(pem, authority.certificate)
        assert facts.serials == {entry.serial for entry in many}


def signed(builder: x509.CertificateRevocationListBuilder, authority: Authority) -> bytes:
    """An unusual CRL under the CA's true signature."""
    return builder.sign(authority._key, hashes.SHA256()).public_bytes(Encoding.PEM)


def bare(authority: Authority) -> x509.CertificateRevocationListBuilder:
    """Without any extension."""
    builder = x509.CertificateRevocationListBuilder(authority.certificate.subject)
    return builder.last_update(NOW).next_update(NOW + WEEK)


def numbered(authority: Authority) -> x509.CertificateRevocationListBuilder:
    return bare(authority).add_extension(x509.CRLNumber(1), critical=False)


def without_end(pem: bytes, authority: Authority) -> bytes:
    """The same CRL, signed again, but for its fifth field (RFC 5280, 5.1.2): nextUpdate."""
    crl = x509.load_pem_x509_crl(pem)
    ((_, body),) = elements(crl.tbs_certlist_bytes)
    fields = [element(tag, content) for tag, content in elements(body)]
    signed_part = element(SEQUENCE, *fields[:4], *fields[5:])
    assert isinstance(authority._key, ec.EllipticCurvePrivateKey)
    signature = authority._key.sign(signed_part, ec.ECDSA(hashes.SHA256()))
    der = element(SEQUENCE, signed_part, fields[1], element(BIT_STRING, b"\0", signature))
    return x509.load_der_x509_crl(der).public_bytes(Encoding.PEM)


class TestDamaged:
    @pytest.mark.parametrize(
        "pem",
        [
            b"",
            b"\n",
            b"hello",
            b"\xff\xfe\x00",
            b"-----BEGIN X509 CRL-----\n-----END X509 CRL-----\n",
        ],
    )
    def test_no_crl(self, authority: Authority, pem: bytes) -> None:
        with pytest.raises(DamagedCrl):
            read_crl(pem, authority.certificate)
        assert crl_number(pem) is None

    def test_truncated_anywhere(self, authority: Authority, a_crl: bytes) -> None:
        for length in range(len(a_crl) - len(b"-----\n")):
            with pytest.raises(DamagedCrl):
                read_crl(a_crl[:length], authority.certificate)
            assert crl_number(a_crl[:length]) is None

    def test_a_certificate(self, authority: Authority) -> None:
        with pytest.raises(DamagedCrl):
            read_crl(authority.certificate_pem.encode(), authority.certificate)

    def test_two_in_one_file(self, authority: Authority) -> None:
        pem = authority.sign_crl(number=1, revocations=[], now=NOW)
        with pytest.raises(DamagedCrl, match="exactly one"):
            read_crl(pem + pem, authority.certificate)

    def test_without_a_number(self, authority: Authority) -> None:
        pem = signed(bare(authority), authority)
        with pytest.raises(DamagedCrl, match="no number"):
            read_crl(pem, authority.certificate)
        assert crl_number(pem) is None

    def test_with_a_number_that_no_counter_reaches(self, authority: Authority) -> None:
        last = authority.sign_crl(number=2**62 - 1, revocations=[], now=NOW)
        assert read_crl(last, authority.certificate).number == 2**62 - 1
        with pytest.raises(DamagedCrl, match="too high"):
            read_crl(
                authority.sign_crl(number=2**62, revocations=[], now=NOW), authority.certificate
            )

    def test_without_an_end(self, authority: Authority) -> None:
        pem = authority.sign_crl(number=1, revocations=[], now=NOW)
        with pytest.raises(DamagedCrl, match="no end"):
            read_crl(without_end(pem, authority), authority.certificate)

    def test_for_some_certificates_only(self, authority: Authority) -> None:
        only_cas = x509.IssuingDistributionPoint(
            full_name=None,
            relative_name=None,
            only_contains_user_certs=False,
            only_contains_ca_certs=True,
            only_some_reasons=None,
            indirect_crl=False,
            only_contains_attribute_certs=False,
        )
        pem = signed(numbered(authority).add_extension(only_cas, critical=True), authority)
        with pytest.raises(DamagedCrl, match="some certificates only"):
            read_crl(pem, authority.certificate)

    @given(position=st.integers(min_value=0), bit=st.integers(0, 7))
    def test_no_flipped_bit_changes_what_is_read(
        self, authority: Authority, a_crl: bytes, position: int, bit: int
    ) -> None:
        changed = bytearray(a_crl)
        changed[position % len(a_crl)] ^= 1 << bit
        try:
            facts = read_crl(bytes(changed), authority.certificate)
        except (DamagedCrl, ForeignCrl):
            return
        assert facts == read_crl(a_crl, authority.certificate)


class TestForeign:
    """Each of these would be ignored by OpenVPN, which then lets the revoked in."""

    def test_another_ca_of_the_same_name(self, authority: Authority, stranger: Authority) -> None:
        pem = stranger.sign_crl(number=1, revocations=[], now=NOW)
        with pytest.raises(ForeignCrl, match="wasn't signed"):
            read_crl(pem, authority.certificate)
        # the number can be told all the same
        assert crl_number(pem) == 1

    def test_an_rsa_ca_of_the_same_name(self, authority: Authority) -> None:
        other = rsa_authority()
        pem = other.sign_crl(number=1, revocations=[], now=NOW)
        with pytest.raises(ForeignCrl, match="wasn't signed"):
            read_crl(pem, authority.certificate)

    def test_another_name_under_the_same_key(self, authority: Authority) -> None:
        assert isinstance(authority._key, ec.EllipticCurvePrivateKey)
        renamed = self_signed(
            authority._key, common_name="Renamed", serial=serial(), now=NOW, lifetime=WEEK
        )
        pem = Authority(renamed, authority._key).sign_crl(number=1, revocations=[], now=NOW)
        with pytest.raises(ForeignCrl, match="another CA"):
            read_crl(pem, authority.certificate)

    def test_lists_of_other_cas_beside_ours(self, authority: Authority) -> None:
        """OpenSSL goes by the name first: one of another name is not ours, whatever key it names,
        or names none.
        """
        assert isinstance(authority._key, ec.EllipticCurvePrivateKey)
        renamed = self_signed(
            authority._key, common_name="Renamed", serial=serial(), now=NOW, lifetime=WEEK
        )
        other = Authority(renamed, authority._key)
        theirs = [signed(bare(other), other), other.sign_crl(number=9, revocations=[], now=NOW)]
        ours = authority.sign_crl(number=1, revocations=[], now=NOW)
        for file in ([*theirs, ours], [ours, *theirs]):
            assert read_crl(b"".join(file), authority.certificate).number == 1
        with pytest.raises(ForeignCrl, match="other CAs"):
            read_crl(b"".join(theirs), authority.certificate)
        # One of our name that names no key may be ours.
        with pytest.raises(DamagedCrl, match="exactly one"):
            read_crl(ours + signed(bare(authority), authority), authority.certificate)

    def test_of_two_cas_each_list_has_to_be_there(self, authority: Authority) -> None:
        """Without the other's list everybody who was revoked under it gets in."""
        second = new_authority("The next CA")
        cas = (authority.certificate, second.certificate)
        old = authority.sign_crl(number=7, revocations=[revocation(5), revocation(6)], now=NOW)
        new = second.sign_crl(number=7, revocations=[revocation(6)], now=NOW + SECOND)
        for file in (old + new, new + old):
            facts = read_crl(file, *cas)
            assert facts.number == 7
            assert facts.serials == {6}
            assert facts.this_update == NOW + SECOND - CRL_BACKDATE
            assert facts.next_update == NOW + CRL_LIFETIME
        for alone in (old, new):
            with pytest.raises(ForeignCrl):
                read_crl(alone, *cas)
        older = second.sign_crl(number=6, revocations=[revocation(6)], now=NOW)
        with pytest.raises(DamagedCrl, match="weren't signed together"):
            read_crl(old + older, *cas)
        with pytest.raises(DamagedCrl, match="exactly one"):
            read_crl(old + new + older, *cas)

    def test_a_key_identifier_with_issuer_and_serial(self, authority: Authority) -> None:
        """It fits today, and no longer once the CA's certificate is renewed."""
        certificate = authority.certificate
        key_id = x509.AuthorityKeyIdentifier(
            authority_key_id(certificate).key_identifier,
            [x509.DirectoryName(certificate.issuer)],
            certificate.serial_number,
        )
        pem = signed(numbered(authority).add_extension(key_id, critical=False), authority)
        with pytest.raises(ForeignCrl, match="names its CA"):
            read_crl(pem, certificate)

    def test_the_identifier_of_another_key(self, authority: Authority, stranger: Authority) -> None:
        key_id = authority_key_id(stranger.certificate)
        pem = signed(numbered(authority).add_extension(key_id, critical=False), authority)
        with pytest.raises(ForeignCrl, match="names its CA"):
            read_crl(pem, authority.certificate)

    def test_none_is_not_another(self, authority: Authority) -> None:
        pem = signed(numbered(authority), authority)
        assert read_crl(pem, authority.certificate).number == 1

    def test_a_renewed_ca_goes_on(self, authority: Authority) -> None:
        assert isinstance(authority._key, ec.EllipticCurvePrivateKey)
        renewed = self_signed(
            authority._key, common_name=CA_NAME, serial=serial(), now=NOW, lifetime=WEEK
        )
        pem = authority.sign_crl(number=2, revocations=[], now=NOW)
        assert read_crl(pem, renewed).number == 2


def rsa_authority() -> Authority:
    """A CA as other tools make them: RSA, and without a key identifier."""
    key = rsa.generate_private_key(65537, 2048)
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, CA_NAME)])
    builder = x509.CertificateBuilder(name, name, key.public_key(), serial())
    builder = builder.not_valid_before(NOW).not_valid_after(NOW + WEEK)
    return Authority(builder.sign(key, hashes.SHA256()), key)


def test_an_rsa_ca_without_key_identifier() -> None:
    other = rsa_authority()
    pem = other.sign_crl(number=4, revocations=[revocation()], now=NOW)
    assert read_crl(pem, other.certificate).serials == {7}


def test_a_ca_with_another_kind_of_key(authority: Authority) -> None:
    key = ed25519.Ed25519PrivateKey.generate()
    builder = x509.CertificateBuilder(
        authority.certificate.subject, authority.certificate.subject, key.public_key(), serial()
    )
    certificate = builder.not_valid_before(NOW).not_valid_after(NOW + WEEK).sign(key, None)
    pem = authority.sign_crl(number=1, revocations=[], now=NOW)
    with pytest.raises(DamagedAuthority, match="neither EC nor RSA"):
        read_crl(pem, certificate)


class TestRevocations:
    @pytest.mark.parametrize("reason", list(RevocationReason))
    def test_come_back_as_they_went_in(
        self, authority: Authority, reason: RevocationReason
    ) -> None:
        listed = [revocation(5, NOW - WEEK, reason), revocation(6, NOW - 2 * WEEK)]
        pem = authority.sign_crl(number=1, revocations=listed, now=NOW)
        (crl,) = read_crls(pem, authority.certificate)
        assert set(crl.revocations) == set(listed)

    def test_of_a_crl_without_any(self, authority: Authority) -> None:
        pem = authority.sign_crl(number=1, revocations=[], now=NOW)
        (crl,) = read_crls(pem, authority.certificate)
        assert crl.revocations == ()

    def test_an_entry_that_cannot_be_read(self, authority: Authority) -> None:
        odd = x509.UnrecognizedExtension(x509.CRLReason.oid, b"\x00")
        with pytest.raises(DamagedCrl):
            read_crls(with_entry_extension(odd, authority), authority.certificate)

    @pytest.mark.parametrize("part", [0, 1, 2])
    def test_of_a_part_of_a_file(self, a_crl: bytes, authority: Authority, part: int) -> None:
        with pytest.raises(DamagedCrl):
            read_crls(a_crl[: len(a_crl) * part // 3], authority.certificate)


def with_entry_extension(value: x509.ExtensionType, authority: Authority) -> bytes:
    """A CRL of one entry with this extension."""
    entry = x509.RevokedCertificateBuilder().serial_number(7).revocation_date(NOW - WEEK)
    builder = (
        x509.CertificateRevocationListBuilder()
        .issuer_name(authority.certificate.subject)
        .last_update(NOW)
        .next_update(NOW + WEEK)
        .add_extension(authority_key_id(authority.certificate), critical=False)
        .add_extension(x509.CRLNumber(1), critical=False)
        .add_revoked_certificate(entry.add_extension(value, critical=False).build())
    )
    return signed(builder, authority)
