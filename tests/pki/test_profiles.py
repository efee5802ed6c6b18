"""Each certificate's extensions are asserted as a whole: nothing missing, nothing besides."""

from typing import Any

import pytest
from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID

from pki.algorithms import KeyAlgorithm
from pki.authority import Authority, IssuedCertificate
from pki.profiles import CA, CLIENT, RSA_SERVER, SERVER, CertificateProfile
from tests.pki.tools import NOW, WEEK, client, serial, server

NOT_USED = {
    "content_commitment": False,
    "data_encipherment": False,
    "encipher_only": False,
    "decipher_only": False,
    "key_agreement": False,
    "key_encipherment": False,
}
LEAF_USAGE = x509.KeyUsage(digital_signature=True, key_cert_sign=False, crl_sign=False, **NOT_USED)
LEAF_CONSTRAINTS = x509.BasicConstraints(ca=False, path_length=None)
EXPECTED = {
    "CA": CertificateProfile(
        x509.BasicConstraints(ca=True, path_length=0),
        x509.KeyUsage(digital_signature=False, key_cert_sign=True, crl_sign=True, **NOT_USED),
        None,
    ),
    "CLIENT": CertificateProfile(
        LEAF_CONSTRAINTS, LEAF_USAGE, x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH])
    ),
    "SERVER": CertificateProfile(
        LEAF_CONSTRAINTS, LEAF_USAGE, x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH])
    ),
    "RSA_SERVER": CertificateProfile(
        LEAF_CONSTRAINTS,
        x509.KeyUsage(
            digital_signature=True,
            key_cert_sign=False,
            crl_sign=False,
            **{**NOT_USED, "key_encipherment": True},
        ),
        x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]),
    ),
}


@pytest.mark.parametrize(
    ("profile", "name"),
    [(CA, "CA"), (CLIENT, "CLIENT"), (SERVER, "SERVER"), (RSA_SERVER, "RSA_SERVER")],
)
def test_profile(profile: CertificateProfile, name: str) -> None:
    assert profile == EXPECTED[name]


def test_ca_certificate(authority: Authority) -> None:
    key_id = x509.SubjectKeyIdentifier.from_public_key(authority.certificate.public_key())
    assert extensions(authority.certificate) == [
        (False, key_id),
        (True, EXPECTED["CA"].basic_constraints),
        (True, EXPECTED["CA"].key_usage),
    ]


def test_client_certificate(authority: Authority) -> None:
    assert_is_leaf(client(authority), authority, EXPECTED["CLIENT"])


def test_server_certificate(authority: Authority) -> None:
    assert_is_leaf(server(authority), authority, EXPECTED["SERVER"])


@pytest.mark.parametrize("algorithm", list(KeyAlgorithm))
def test_a_key_of_each_kind(authority: Authority, algorithm: KeyAlgorithm) -> None:
    is_rsa = algorithm in {KeyAlgorithm.RSA2048, KeyAlgorithm.RSA3072}
    period: dict[str, Any] = {"not_before": NOW, "not_after": NOW + WEEK}
    a_client = authority.issue_client(
        common_name="anna-1", serial=serial(), algorithm=algorithm, **period
    )
    assert_is_leaf(a_client, authority, EXPECTED["CLIENT"])
    a_server = authority.issue_server(
        common_name="server-x", serial=serial(), algorithm=algorithm, **period
    )
    assert_is_leaf(a_server, authority, EXPECTED["RSA_SERVER" if is_rsa else "SERVER"])


def assert_is_leaf(
    issued: IssuedCertificate, authority: Authority, profile: CertificateProfile
) -> None:
    certificate = x509.load_pem_x509_certificate(issued.certificate_pem.encode())
    signer = x509.SubjectKeyIdentifier.from_public_key(authority.certificate.public_key())
    assert extensions(certificate) == [
        (False, x509.SubjectKeyIdentifier.from_public_key(certificate.public_key())),
        # the key's identifier alone: no issuer, no serial
        (False, x509.AuthorityKeyIdentifier(signer.digest, None, None)),
        (True, profile.basic_constraints),
        (True, profile.key_usage),
        (False, profile.extended_key_usage),
    ]


def extensions(certificate: x509.Certificate) -> list[tuple[bool, x509.ExtensionType]]:
    return [(extension.critical, extension.value) for extension in certificate.extensions]
