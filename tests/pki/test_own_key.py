"""Requests for a key of one's own: what is taken, and what is refused for which reason."""

import os
import subprocess
from contextlib import suppress
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    pkcs12,
)
from cryptography.x509.oid import NameOID
from hypothesis import given
from hypothesis import strategies as st

from pki.der import SEQUENCE, element, elements
from pki.own_key import MOST_BYTES, Unfit, UnfitRequest, requested_key

EC = ec.generate_private_key(ec.SECP256R1())
LONG = rsa.generate_private_key(65537, 2048)
SHA256 = hashes.SHA256()
OURS = ((NameOID.COMMON_NAME, "vpn"),)
Key = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey


def request(
    key: Key = EC,
    names: tuple[tuple[x509.ObjectIdentifier, str], ...] = OURS,
    digest: hashes.SHA224 | hashes.SHA256 | None = SHA256,
    extension: x509.ExtensionType | None = None,
) -> x509.CertificateSigningRequest:
    subject = x509.Name([x509.NameAttribute(oid, value) for oid, value in names])
    builder = x509.CertificateSigningRequestBuilder(subject)
    if extension is not None:
        builder = builder.add_extension(extension, critical=False)
    return builder.sign(key, digest)


def pem(made: x509.CertificateSigningRequest) -> bytes:
    return made.public_bytes(Encoding.PEM)


def spki(key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey) -> str:
    made = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    return made.decode()


def refusal(content: bytes) -> Unfit:
    with pytest.raises(UnfitRequest) as caught:
        requested_key(content)
    assert "\n" not in str(caught.value)
    return caught.value.why


def test_good_ones_give_their_public_key() -> None:
    assert requested_key(pem(request())) == spki(EC)
    assert requested_key(request().public_bytes(Encoding.DER)) == spki(EC)
    assert requested_key(pem(request(names=()))) == spki(EC)
    assert requested_key(b"\xef\xbb\xbf" + pem(request()).replace(b"\n", b"\r\n")) == spki(EC)
    assert requested_key(pem(request(LONG))) == spki(LONG)


def test_one_that_openssl_makes_is_good(tmp_path: Path) -> None:
    made = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=vpn")
    files = ("-keyout", str(tmp_path / "vpn.key"), "-out", str(tmp_path / "vpn.csr"))
    subprocess.run(["openssl", "req", "-new", *made, *files], check=True, capture_output=True)
    assert "PUBLIC KEY" in requested_key((tmp_path / "vpn.csr").read_bytes())
    assert refusal((tmp_path / "vpn.key").read_bytes()) is Unfit.PRIVATE_KEY


@pytest.mark.parametrize(
    ("key", "why"),
    [
        (rsa.generate_private_key(65537, 1024), Unfit.SHORT),
        (rsa.generate_private_key(3, 2048), Unfit.KIND),
        (ec.generate_private_key(ec.SECP224R1()), Unfit.SHORT),
        (ec.generate_private_key(ec.SECP256K1()), Unfit.KIND),
        (ec.generate_private_key(ec.SECP521R1()), Unfit.KIND),
    ],
)
def test_keys_that_are_weak_or_that_clients_do_not_know(key: Key, why: Unfit) -> None:
    assert refusal(pem(request(key))) is why


def test_other_kinds_of_keys_and_signatures() -> None:
    assert refusal(pem(request(ed25519.Ed25519PrivateKey.generate(), digest=None))) is Unfit.KIND
    assert refusal(pem(request(digest=hashes.SHA224()))) is Unfit.KIND


@pytest.mark.parametrize(("bits", "why"), [(4096, Unfit.SIGNATURE), (4097, Unfit.LONG)])
def test_the_longest_key(bits: int, why: Unfit) -> None:
    """Nobody waits for such a one to be made: it is put into another's request."""
    number = (1 << bits) - 1
    key = rsa.RSAPublicNumbers(65537, number).public_key()
    public = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    ((_, body),) = elements(request(LONG).public_bytes(Encoding.DER))
    (_, asked), *signed = elements(body)
    version, subject, _, attributes = elements(asked)
    fields = (element(*version), element(*subject), public, element(*attributes))
    forged = element(SEQUENCE, element(SEQUENCE, *fields), *(element(*each) for each in signed))
    assert refusal(forged) is why


def test_the_largest_file() -> None:
    made = pem(request())
    whole = b"x" * (MOST_BYTES - len(made) - 1) + b"\n" + made
    assert requested_key(whole) == spki(EC)
    assert refusal(b"x" + whole) is Unfit.TOO_LARGE


@pytest.mark.parametrize(
    "names",
    [
        ((NameOID.COMMON_NAME, "anna"),),
        ((NameOID.COMMON_NAME, "vpn"), (NameOID.COMMON_NAME, "boris-k3m9")),
        OURS + OURS,
        ((NameOID.ORGANIZATION_NAME, "vpn"),),
        ((NameOID.COMMON_NAME, "vpn\u200b"),),
    ],
)
def test_foreign_names(names: tuple[tuple[x509.ObjectIdentifier, str], ...]) -> None:
    assert refusal(pem(request(names=names))) is Unfit.NAMES


@pytest.mark.parametrize(
    "extension",
    [
        x509.SubjectAlternativeName([x509.DNSName("boris")]),
        x509.BasicConstraints(ca=True, path_length=None),
    ],
)
def test_whatever_else_it_asks_for(extension: x509.ExtensionType) -> None:
    assert refusal(pem(request(extension=extension))) is Unfit.NAMES


def test_a_signature_of_another_key() -> None:
    der = bytearray(request().public_bytes(Encoding.DER))
    other = ec.generate_private_key(ec.SECP256R1()).public_key()
    point = other.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    mine = EC.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    forged = bytes(der).replace(mine, point)
    assert forged != bytes(der)
    assert refusal(forged) is Unfit.SIGNATURE


def test_what_is_no_request() -> None:
    key = EC.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    assert refusal(pem(request()) + key) is Unfit.PRIVATE_KEY
    assert refusal(pem(request()) * 2) is Unfit.SEVERAL
    assert refusal(b"\xff\xd8\xff\xe0 a picture") is Unfit.NO_REQUEST
    assert refusal(b"") is Unfit.NO_REQUEST
    assert refusal(spki(EC).encode()) is Unfit.NO_REQUEST
    assert refusal(os.urandom(5_000_000)) is Unfit.TOO_LARGE
    assert refusal(pem(request()) + b"x" * MOST_BYTES) is Unfit.TOO_LARGE


@given(at=st.integers(0, 10_000), bit=st.integers(0, 7))
def test_a_damaged_one_is_refused_or_gives_the_same_key(at: int, bit: int) -> None:
    der = bytearray(request().public_bytes(Encoding.DER))
    der[at % len(der)] ^= 1 << bit
    with suppress(UnfitRequest):
        assert requested_key(bytes(der)) == spki(EC)


LOCK = BestAvailableEncryption(b"correct horse")


@pytest.mark.parametrize(
    "content",
    [
        EC.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, LOCK),
        EC.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption()),
        EC.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption()),
        EC.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption()),
        EC.private_bytes(Encoding.DER, PrivateFormat.TraditionalOpenSSL, NoEncryption()),
        EC.private_bytes(Encoding.DER, PrivateFormat.PKCS8, LOCK),
        pkcs12.serialize_key_and_certificates(b"vpn", EC, None, None, LOCK),
    ],
)
def test_a_private_key_is_known_however_it_is_written(content: bytes) -> None:
    assert refusal(content) is Unfit.PRIVATE_KEY
    wide = content.decode("latin-1").encode("utf-16")
    assert b"-----BEGIN" not in content or refusal(wide) is Unfit.PRIVATE_KEY


def test_a_private_key_in_a_whole_bundle_is_known() -> None:
    key = EC.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    bundle = b"client\n" + b"# a comment\n" * MOST_BYTES + b"<key>\n" + key + b"</key>\n"
    assert refusal(bundle) is Unfit.PRIVATE_KEY


def test_words_around_it_do_no_harm() -> None:
    """As `openssl req -text` writes it, and as a mail passes it on."""
    said = b"Certificate Request:\n    Data:\n        Version: 1 (0x0)\n"
    assert requested_key(said + pem(request()) + b"\n-- \nAnna\n") == spki(EC)
