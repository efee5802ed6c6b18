from pathlib import Path

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import PrivateFormat, pkcs12

from pki.authority import Authority
from pki.pkcs12_mac import with_mac
from tests.pki.tools import PASSPHRASE, openssl, saved


def written(authority: Authority, passphrase: str) -> bytes:
    builder = PrivateFormat.PKCS12.encryption_builder().hmac_hash(hashes.SHA256())
    encryption = builder.kdf_rounds(1).build(passphrase.encode())
    return pkcs12.serialize_key_and_certificates(
        b"x", authority._key, authority.certificate, None, encryption
    )


# 127 and 128 because DER writes the second with a leading zero; 31 and 32 characters are one
# whole block of the derivation with the terminator, and one more.
@pytest.mark.parametrize("rounds", [1, 127, 128, 5000])
@pytest.mark.parametrize("passphrase", ["x", PASSPHRASE, "a" * 31, "a" * 32, "long " * 50])
def test_openssl_computes_the_same(
    authority: Authority, tmp_path: Path, passphrase: str, rounds: int
) -> None:
    made = with_mac(
        written(authority, passphrase), passphrase=passphrase, salt=bytes(range(16)), rounds=rounds
    )
    path = saved(tmp_path, "ca.p12", made)
    answer = openssl("pkcs12", "-in", path, "-passin", f"pass:{passphrase}", "-info", "-noout")
    assert answer.returncode == 0, answer.stderr
    assert f"MAC: sha256, Iteration {rounds}\n" in answer.stderr
    assert "MAC length: 32, salt length: 16" in answer.stderr


def test_what_is_inside_stays(authority: Authority) -> None:
    made = with_mac(written(authority, "x"), passphrase="x", salt=bytes(16), rounds=2)
    content = pkcs12.load_pkcs12(made, b"x")
    assert content.cert is not None
    assert content.cert.certificate == authority.certificate
    assert content.key is not None
    assert content.key.public_key() == authority.certificate.public_key()
