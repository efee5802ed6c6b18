"""Private keys under a passphrase, as other programs open them."""

import os
import re
import subprocess

import pytest
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from pki.algorithms import KeyAlgorithm
from pki.errors import DamagedKey, WrongPassphrase
from pki.keys import generate_key
from pki.locked_key import lock_key
from pki.passphrase import new_passphrase

FEW = 1000


def key_pem(algorithm: KeyAlgorithm = KeyAlgorithm.P256) -> str:
    key = generate_key(algorithm)
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


@pytest.mark.parametrize("algorithm", [KeyAlgorithm.P256, KeyAlgorithm.P384, KeyAlgorithm.RSA2048])
@pytest.mark.parametrize("rounds", [1, 127, 128, 255, 32768, 65_536])
def test_the_passphrase_opens_it_and_gives_the_same_key(
    algorithm: KeyAlgorithm, rounds: int
) -> None:
    plain = key_pem(algorithm)
    locked = lock_key(plain, "bogus-words", random_bytes=os.urandom, rounds=rounds)
    opened = load_pem_private_key(locked.encode(), b"bogus-words")
    again = opened.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    assert again.decode() == plain


def test_another_passphrase_does_not_and_nothing_of_the_key_shows() -> None:
    plain = key_pem()
    locked = lock_key(plain, "bogus-words", random_bytes=os.urandom, rounds=FEW)
    with pytest.raises(ValueError, match=r".*"):
        load_pem_private_key(locked.encode(), b"bogus-word")
    with pytest.raises(TypeError):
        load_pem_private_key(locked.encode(), None)
    assert not set(plain.splitlines()[1:-1]) & set(locked.splitlines())


def test_it_is_what_openssl_says_pbes2_is() -> None:
    locked = lock_key(key_pem(), "x", random_bytes=os.urandom)
    told = subprocess.run(
        ["openssl", "asn1parse"], input=locked, capture_output=True, text=True, check=True
    ).stdout
    for name in ("PBES2", "PBKDF2", "hmacWithSHA256", "aes-256-cbc", ":0927C0"):  # 600,000
        assert name in told, told


def test_each_key_has_a_salt_of_its_own() -> None:
    plain = key_pem()
    one, other = (lock_key(plain, "x", random_bytes=os.urandom, rounds=1) for _ in range(2))
    assert one != other


def test_what_is_no_key_or_no_passphrase_is_said() -> None:
    with pytest.raises(DamagedKey):
        lock_key("-----BEGIN EC PRIVATE KEY-----", "x", random_bytes=os.urandom, rounds=1)
    with pytest.raises(WrongPassphrase):
        lock_key(key_pem(), "", random_bytes=os.urandom, rounds=1)


def test_a_new_passphrase_can_be_typed_and_has_96_bits() -> None:
    phrase = new_passphrase(os.urandom)
    assert re.fullmatch(r"([bdfghjklmnprstvz][aiou]){2}[bdfghjklmnprstvz](-\w{5}){5}", phrase)
    # Each pair of bytes has a word of its own: nothing of the chance is lost.
    words = {new_passphrase(lambda _: n.to_bytes(2)).split("-")[0] for n in range(65_536)}  # noqa: B023
    assert len(words) == 65_536
