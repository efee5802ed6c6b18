import hashlib
import secrets

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.pbkdf2 import PBKDF2HMAC
from hypothesis import given
from hypothesis import strategies as st

from pki.errors import DamagedKey, WrongPassphrase
from pki.sealed import seal, unseal
from tests.pki.tools import PASSPHRASE

CONTEXT = "tls-crypt-v2 server berlin"
PLAIN = b"-----BEGIN OpenVPN tls-crypt-v2 server key-----"
HEADER = 40
CHECKSUM = 32


def sealed_again(plain: bytes = PLAIN) -> bytes:
    return seal(plain, passphrase=PASSPHRASE, random_bytes=secrets.token_bytes, context=CONTEXT)


@pytest.fixture(scope="session")
def sealed() -> bytes:
    return sealed_again()


def with_checksum(body: bytes) -> bytes:
    """As someone writes it who has no passphrase, and knows the format."""
    return body + hashlib.sha256(body + CONTEXT.encode()).digest()


@pytest.mark.parametrize("plain", [PLAIN, b"", bytes(100_000)])
def test_what_is_sealed_can_be_unsealed(plain: bytes) -> None:
    assert unseal(sealed_again(plain), passphrase=PASSPHRASE, context=CONTEXT) == plain


def test_the_format(sealed: bytes) -> None:
    """Read here by its description alone."""
    header, content = sealed[:HEADER], sealed[HEADER:-CHECKSUM]
    assert header[:12] == b"VPNBOTSEAL\x00\x01"
    key = PBKDF2HMAC(hashes.SHA256(), 32, header[12:28], 600_000).derive(PASSPHRASE.encode())
    associated = header + CONTEXT.encode()
    assert AESGCM(key).decrypt(header[28:], content, associated) == PLAIN


def test_nothing_is_sealed_alike(sealed: bytes) -> None:
    other = sealed_again()
    assert other[12:28] != sealed[12:28]
    assert other[28:HEADER] != sealed[28:HEADER]
    assert other[HEADER : HEADER + 16] != sealed[HEADER : HEADER + 16]
    assert PLAIN not in sealed


def test_another_passphrase(sealed: bytes) -> None:
    with pytest.raises(WrongPassphrase, match="use the one it was made with") as caught:
        unseal(sealed, passphrase="another one", context=CONTEXT)
    assert "another one" not in str(caught.value)


@pytest.mark.parametrize("passphrase", ["", "zero\0byte", "\udcff"])
def test_no_passphrase(sealed: bytes, passphrase: str) -> None:
    with pytest.raises(WrongPassphrase):
        seal(PLAIN, passphrase=passphrase, random_bytes=secrets.token_bytes, context=CONTEXT)
    with pytest.raises(WrongPassphrase):
        unseal(sealed, passphrase=passphrase, context=CONTEXT)


def test_another_context(sealed: bytes) -> None:
    with pytest.raises(DamagedKey, match="or is another one"):
        unseal(sealed, passphrase=PASSPHRASE, context="tls-crypt-v2 server paris")


def test_truncated_anywhere(sealed: bytes) -> None:
    for length in range(len(sealed)):
        with pytest.raises(DamagedKey):
            unseal(sealed[:length], passphrase=PASSPHRASE, context=CONTEXT)


def test_truncated_with_a_right_checksum(sealed: bytes) -> None:
    for length in range(12, HEADER + 16):
        with pytest.raises(DamagedKey):
            unseal(with_checksum(sealed[:length]), passphrase=PASSPHRASE, context=CONTEXT)


@given(position=st.integers(min_value=0), bit=st.integers(0, 7))
def test_any_flipped_bit(sealed: bytes, position: int, bit: int) -> None:
    changed = bytearray(sealed)
    changed[position % len(sealed)] ^= 1 << bit
    with pytest.raises(DamagedKey):
        unseal(bytes(changed), passphrase=PASSPHRASE, context=CONTEXT)


@pytest.mark.parametrize("position", [12, 28, HEADER, -1])
def test_a_right_checksum_opens_nothing(sealed: bytes, position: int) -> None:
    """A bit of the salt, the nonce, the content and the tag."""
    body = bytearray(sealed[:-CHECKSUM])
    body[position] ^= 1
    with pytest.raises(WrongPassphrase):
        unseal(with_checksum(bytes(body)), passphrase=PASSPHRASE, context=CONTEXT)


def test_moved_under_another_name_with_a_right_checksum(sealed: bytes) -> None:
    body = sealed[:-CHECKSUM]
    moved = body + hashlib.sha256(body + b"paris").digest()
    with pytest.raises(WrongPassphrase):
        unseal(moved, passphrase=PASSPHRASE, context="paris")


def test_a_newer_version(sealed: bytes) -> None:
    newer = with_checksum(sealed[:11] + b"\x02" + sealed[12:-CHECKSUM])
    with pytest.raises(DamagedKey, match="not sealed by this version"):
        unseal(newer, passphrase=PASSPHRASE, context=CONTEXT)
