from datetime import datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.asymmetric.types import CertificateIssuerPrivateKeyTypes
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import ExtendedKeyUsageOID

from pki.authority import CLOCK_LAG, Authority, IssuedCertificate
from pki.crl import CRL_BACKDATE, CRL_LIFETIME, Revocation, RevocationReason
from pki.errors import AuthorityEndsSooner
from pki.serial import serial_hex
from tests.pki.tools import CA_NAME, NOW, WEEK, client, openssl, saved, serial, server


def parsed(issued: IssuedCertificate) -> x509.Certificate:
    return x509.load_pem_x509_certificate(issued.certificate_pem.encode())


def test_a_certificate_says_what_was_asked(authority: Authority) -> None:
    number = serial()
    issued = authority.issue_client(
        common_name="anna-1", serial=number, not_before=NOW, not_after=NOW + WEEK
    )
    certificate = parsed(issued)
    assert issued.serial == certificate.serial_number == number
    assert certificate.version is x509.Version.v3
    assert certificate.subject.rfc4514_string() == "CN=anna-1"
    assert certificate.issuer == authority.certificate.subject
    assert certificate.not_valid_before_utc == NOW - CLOCK_LAG
    assert certificate.not_valid_after_utc == NOW + WEEK
    assert isinstance(certificate.signature_hash_algorithm, hashes.SHA256)


def test_the_key_is_p256_and_the_certificates_own(authority: Authority) -> None:
    issued = server(authority)
    key = load_pem_private_key(issued.private_key_pem.encode(), password=None)
    assert issued.private_key_pem.startswith("-----BEGIN PRIVATE KEY-----\n")  # PKCS#8
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    assert isinstance(key.curve, ec.SECP256R1)
    assert key.public_key() == parsed(issued).public_key()


def test_each_certificate_has_a_key_of_its_own(authority: Authority) -> None:
    assert client(authority).private_key_pem != client(authority).private_key_pem


def test_no_key_is_shown(authority: Authority) -> None:
    issued = client(authority)
    assert "PRIVATE" not in repr(issued)
    assert issued.private_key_pem.splitlines()[1] not in repr(issued)
    assert "PRIVATE" not in repr(authority)


def test_the_ca_ends_no_sooner_than_its_certificates(authority: Authority) -> None:
    end = authority.certificate.not_valid_after_utc
    authority.issue_client(common_name="a", serial=serial(), not_before=NOW, not_after=end)
    with pytest.raises(AuthorityEndsSooner, match=f"The CA ends on {end:%Y-%m-%d}"):
        authority.issue_client(
            common_name="a",
            serial=serial(),
            not_before=NOW,
            not_after=end + timedelta(seconds=1),
        )


@pytest.mark.parametrize(
    ("not_before", "not_after"),
    [
        (NOW.replace(tzinfo=None), NOW + WEEK),
        (NOW, (NOW + WEEK).replace(tzinfo=None)),
        (NOW, NOW - WEEK),
    ],
)
def test_times_that_make_no_sense(
    authority: Authority, not_before: datetime, not_after: datetime
) -> None:
    with pytest.raises(ValueError, match=r"time zone|after"):
        authority.issue_server(
            common_name="a", serial=serial(), not_before=not_before, not_after=not_after
        )


@pytest.mark.parametrize("name", ["", "a" * 65])
def test_names_that_do_not_fit(authority: Authority, name: str) -> None:
    with pytest.raises(ValueError, match="length"):
        client(authority, name)


@pytest.mark.parametrize(
    "key", [ec.generate_private_key(ec.SECP384R1()), rsa.generate_private_key(65537, 2048)]
)
@pytest.mark.parametrize(("exact", "begins"), [(False, NOW - CLOCK_LAG), (True, NOW)])
def test_a_key_that_stays_with_its_owner(
    authority: Authority, key: CertificateIssuerPrivateKeyTypes, exact: bool, begins: datetime
) -> None:
    number = serial()
    pem = authority.certify_client(
        public_pem(key),
        common_name="anna-1",
        serial=number,
        not_before=NOW,
        not_after=NOW + WEEK,
        exact=exact,
    )
    certificate = x509.load_pem_x509_certificate(pem.encode())
    assert certificate.public_key() == key.public_key()
    assert certificate.subject.rfc4514_string() == "CN=anna-1"
    assert certificate.serial_number == number
    ends = certificate.not_valid_after_utc
    assert (certificate.not_valid_before_utc, ends) == (begins, NOW + WEEK)
    assert usages(certificate) == [ExtendedKeyUsageOID.CLIENT_AUTH]
    certificate.verify_directly_issued_by(authority.certificate)


def test_a_key_of_another_kind_is_certified_for_nobody(authority: Authority) -> None:
    pem = public_pem(ed25519.Ed25519PrivateKey.generate())
    with pytest.raises(TypeError, match="kind of key"):
        authority.certify_client(
            pem, common_name="a", serial=serial(), not_before=NOW, not_after=NOW + WEEK
        )


def public_pem(key: CertificateIssuerPrivateKeyTypes) -> str:
    public = key.public_key()
    return public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


def usages(certificate: x509.Certificate) -> list[x509.ObjectIdentifier]:
    return list(certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value)


def test_a_crl_needs_to_know_the_hour(authority: Authority) -> None:
    with pytest.raises(ValueError, match="time zone"):
        authority.sign_crl(number=1, revocations=[], now=NOW.replace(tzinfo=None))


class TestOpensslAgrees:
    """OpenVPN verifies with OpenSSL, so that is what has the last word."""

    @pytest.mark.parametrize(
        ("kind", "purpose", "accepted"),
        [
            ("client", "sslclient", True),
            ("client", "sslserver", False),
            ("client", "crlsign", False),
            ("server", "sslserver", True),
            ("server", "sslclient", False),
        ],
    )
    def test_purpose(
        self, authority: Authority, tmp_path: Path, kind: str, purpose: str, accepted: bool
    ) -> None:
        issued = client(authority) if kind == "client" else server(authority)
        answer = self.verify(authority, issued, tmp_path, "-purpose", purpose)
        assert ("leaf.crt: OK" in answer) is accepted
        assert ("unsuitable certificate purpose" in answer) is not accepted

    @pytest.mark.parametrize(
        ("moment", "expected"),
        [
            (NOW - CLOCK_LAG, "leaf.crt: OK"),
            (NOW - CLOCK_LAG - timedelta(seconds=1), "not yet valid"),
            (NOW + WEEK - timedelta(seconds=1), "leaf.crt: OK"),
            (NOW + WEEK, "certificate has expired"),
        ],
    )
    def test_time(
        self, authority: Authority, tmp_path: Path, moment: datetime, expected: str
    ) -> None:
        answer = self.verify(authority, client(authority), tmp_path, at=moment)
        assert expected in answer

    def test_another_ca_of_the_same_name(
        self, authority: Authority, stranger: Authority, tmp_path: Path
    ) -> None:
        answer = self.verify(stranger, client(authority), tmp_path)
        assert "unable to get local issuer certificate" in answer

    def test_a_leaf_issues_nothing(self, authority: Authority, tmp_path: Path) -> None:
        parent = client(authority)
        key = load_pem_private_key(parent.private_key_pem.encode(), password=None)
        assert isinstance(key, ec.EllipticCurvePrivateKey)
        child = client(Authority(parsed(parent), key), "mallory")
        chain = saved(tmp_path, "chain.pem", parent.certificate_pem)
        answer = self.verify(authority, child, tmp_path, "-untrusted", str(chain))
        assert "invalid CA certificate" in answer

    def test_crl(self, authority: Authority, tmp_path: Path) -> None:
        kept, revoked = client(authority), client(authority)
        crl = self.crl(authority, tmp_path, revoked)
        options = ("-crl_check", "-CRLfile", str(crl))
        assert "leaf.crt: OK" in self.verify(authority, kept, tmp_path, *options)
        assert "certificate revoked" in self.verify(authority, revoked, tmp_path, *options)

    @pytest.mark.parametrize(
        ("moment", "expected"),
        [
            (NOW - CRL_BACKDATE, "leaf.crt: OK"),
            (NOW - CRL_BACKDATE - timedelta(seconds=1), "CRL is not yet valid"),
            (NOW + CRL_LIFETIME - timedelta(seconds=1), "leaf.crt: OK"),
            (NOW + CRL_LIFETIME, "CRL has expired"),
        ],
    )
    def test_crl_time(
        self, authority: Authority, tmp_path: Path, moment: datetime, expected: str
    ) -> None:
        issued = authority.issue_client(
            common_name="long", serial=serial(), not_before=NOW - WEEK, not_after=NOW + 3 * WEEK
        )
        crl = self.crl(authority, tmp_path)
        options = ("-crl_check", "-CRLfile", str(crl))
        assert expected in self.verify(authority, issued, tmp_path, *options, at=moment)

    def test_crl_text(self, authority: Authority, tmp_path: Path) -> None:
        revoked = client(authority)
        crl = self.crl(authority, tmp_path, revoked)
        ca = saved(tmp_path, "ca.crt", authority.certificate_pem)
        answer = openssl("crl", "-in", crl, "-noout", "-text", "-CAfile", ca)
        assert answer.stderr.strip() == "verify OK"
        for line in (
            "Version 2 (0x1)",
            "Signature Algorithm: ecdsa-with-SHA256",
            f"Issuer: CN = {CA_NAME}",
            "Last Update: Mar  1 09:31:27 2026 GMT",
            "Next Update: Mar  9 09:31:27 2026 GMT",
            f"Serial Number: {serial_hex(revoked.serial).upper()}",
            "Superseded",
        ):
            assert line in answer.stdout

    @staticmethod
    def crl(authority: Authority, folder: Path, *revoked: IssuedCertificate) -> Path:
        revocations = [
            Revocation(issued.serial, NOW, RevocationReason.SUPERSEDED) for issued in revoked
        ]
        return saved(
            folder, "crl.pem", authority.sign_crl(number=12, revocations=revocations, now=NOW)
        )

    @staticmethod
    def verify(
        authority: Authority,
        issued: IssuedCertificate,
        folder: Path,
        *options: str,
        at: datetime = NOW,
    ) -> str:
        answer = openssl(
            "verify",
            *("-CAfile", saved(folder, "ca.crt", authority.certificate_pem)),
            *("-attime", str(int(at.timestamp()))),
            "-x509_strict",
            *options,
            saved(folder, "leaf.crt", issued.certificate_pem),
        )
        return answer.stdout + answer.stderr


def signed_by_hand(subject: x509.Name, key: CertificateIssuerPrivateKeyTypes) -> x509.Certificate:
    """As a server's certificate that another program has issued may be."""
    return (
        x509.CertificateBuilder(subject, subject, key.public_key(), serial())
        .not_valid_before(NOW)
        .not_valid_after(NOW + WEEK)
        .sign(key, None if isinstance(key, ed25519.Ed25519PrivateKey) else hashes.SHA256())
    )


@pytest.mark.parametrize(
    ("key", "kind"),
    [
        (rsa.generate_private_key(65537, 2048), "RSA 2048"),
        (ec.generate_private_key(ec.SECP384R1()), "secp384r1"),
        (ed25519.Ed25519PrivateKey.generate(), "secp256r1"),  # the CA's own kind
    ],
)
def test_a_server_keeps_its_subject_and_its_kind_of_key(
    authority: Authority, key: CertificateIssuerPrivateKeyTypes, kind: str
) -> None:
    subject = x509.Name.from_rfc4514_string("CN=office server,O=Corp,C=DE")
    before = signed_by_hand(subject, key)
    renewed = parsed(
        authority.renew_server(before, serial=serial(), not_before=NOW, not_after=NOW + WEEK)
    )
    assert renewed.subject == before.subject
    assert usages(renewed) == [ExtendedKeyUsageOID.SERVER_AUTH]
    new, old = renewed.public_key(), before.public_key()
    assert new != old
    assert (f"RSA {new.key_size}" if isinstance(new, rsa.RSAPublicKey) else curve(new)) == kind


def curve(key: object) -> str:
    assert isinstance(key, ec.EllipticCurvePublicKey)
    return key.curve.name
