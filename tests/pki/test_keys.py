"""CAs and keys of each kind, with each other; openssl has the last word."""

import shutil
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from pki.algorithms import KeyAlgorithm
from pki.authority import Authority, IssuedCertificate
from pki.crl import Revocation, RevocationReason, read_crl
from pki.errors import DamagedAuthority
from pki.key_ids import AuthorityKey
from pki.keys import generate_key, matching_algorithm, signing_hash
from tests.pki.tools import NOW, WEEK, authority_with, openssl, saved, serial

needs_openssl = pytest.mark.skipif(
    shutil.which("openssl") is None, reason="the openssl command is not installed"
)

# What an operator's CA may be, and what its certificates have where nothing else is asked for.
CAS: dict[str, tuple[KeyAlgorithm, type[hashes.HashAlgorithm]]] = {
    "rsa1024": (KeyAlgorithm.RSA2048, hashes.SHA256),
    "rsa2048": (KeyAlgorithm.RSA2048, hashes.SHA256),
    "rsa4096": (KeyAlgorithm.RSA3072, hashes.SHA256),
    "p256": (KeyAlgorithm.P256, hashes.SHA256),
    "secp256k1": (KeyAlgorithm.P256, hashes.SHA256),
    "p384": (KeyAlgorithm.P384, hashes.SHA384),
    "p521": (KeyAlgorithm.P384, hashes.SHA512),
}
STRONG = [name for name in CAS if name != "rsa1024"]
_CURVES: dict[str, type[ec.EllipticCurve]] = {
    "p256": ec.SECP256R1,
    "secp256k1": ec.SECP256K1,
    "p384": ec.SECP384R1,
    "p521": ec.SECP521R1,
}


def ca_key(name: str) -> AuthorityKey:
    if name in _CURVES:
        return ec.generate_private_key(_CURVES[name]())
    return rsa.generate_private_key(65537, int(name.removeprefix("rsa")))


@pytest.fixture(scope="module", params=list(CAS))
def named_ca(request: pytest.FixtureRequest) -> tuple[str, Authority]:
    """Each CA, made once."""
    name: str = request.param
    return name, authority_with(ca_key(name))


def kind(key: object) -> str:
    if isinstance(key, rsa.RSAPrivateKey):
        assert key.public_key().public_numbers().e == 65537
        return f"rsa{key.key_size}"
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    return f"p{key.key_size}"


def issued_by(authority: Authority, kind: str, algorithm: KeyAlgorithm | None) -> IssuedCertificate:
    issue = authority.issue_server if kind == "server" else authority.issue_client
    return issue(
        common_name="anna-1",
        serial=serial(),
        not_before=NOW,
        not_after=NOW + WEEK,
        algorithm=algorithm,
    )


@pytest.mark.parametrize("algorithm", list(KeyAlgorithm))
def test_a_key_is_of_the_kind_that_was_asked_for(algorithm: KeyAlgorithm) -> None:
    assert kind(generate_key(algorithm)) == algorithm


def test_where_none_is_asked_for_it_matches_the_ca(named_ca: tuple[str, Authority]) -> None:
    name, authority = named_ca
    expected, _ = CAS[name]
    assert matching_algorithm(authority.certificate) is expected
    issued = issued_by(authority, "client", None)
    assert kind(load_pem_private_key(issued.private_key_pem.encode(), None)) == expected


def test_each_ca_signs_with_the_hash_of_its_strength(named_ca: tuple[str, Authority]) -> None:
    name, authority = named_ca
    _, expected = CAS[name]
    issued = issued_by(authority, "server", KeyAlgorithm.P256)
    certificate = x509.load_pem_x509_certificate(issued.certificate_pem.encode())
    assert isinstance(certificate.signature_hash_algorithm, expected)
    crl = x509.load_pem_x509_crl(authority.sign_crl(number=1, revocations=[], now=NOW))
    assert isinstance(crl.signature_hash_algorithm, expected)
    assert isinstance(signing_hash(authority.certificate.public_key()), expected)  # type: ignore[arg-type]


def test_a_ca_that_signs_nothing_here() -> None:
    certificate = authority_with(ed25519.Ed25519PrivateKey.generate()).certificate
    with pytest.raises(DamagedAuthority, match="neither EC nor RSA"):
        matching_algorithm(certificate)


@pytest.mark.long
@needs_openssl
@pytest.mark.parametrize("algorithm", list(KeyAlgorithm))
@pytest.mark.parametrize("purpose", ["client", "server"])
def test_openssl_takes_every_combination(
    named_ca: tuple[str, Authority], algorithm: KeyAlgorithm, purpose: str, tmp_path: Path
) -> None:
    name, authority = named_ca
    level = "0" if name == "rsa1024" else "2"
    issued, revoked = (issued_by(authority, purpose, algorithm) for _ in range(2))
    entry = Revocation(revoked.serial, NOW - timedelta(days=1), RevocationReason.UNSPECIFIED)
    pem = authority.sign_crl(number=1, revocations=[entry], now=NOW)
    assert read_crl(pem, authority.certificate).serials == {revoked.serial}
    crl = saved(tmp_path, "crl.pem", pem)
    ca = saved(tmp_path, "ca.crt", authority.certificate_pem)

    def verify(leaf: IssuedCertificate) -> str:
        answer = openssl(
            *("verify", "-CAfile", ca, "-crl_check", "-CRLfile", crl, "-x509_strict"),
            *("-purpose", f"ssl{purpose}", "-auth_level", level),
            *("-attime", str(int(NOW.timestamp()))),
            saved(tmp_path, "leaf.crt", leaf.certificate_pem),
        )
        return answer.stdout + answer.stderr

    assert "leaf.crt: OK" in verify(issued)
    assert "certificate revoked" in verify(revoked)
    assert "verify OK" in openssl("crl", "-in", crl, "-CAfile", ca, "-noout").stderr
