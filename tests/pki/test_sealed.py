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
from tests.pki.tools import CHEAP, PASSPHRASE

CONTEXT = "tls-crypt-v2 server berlin"
PLAIN = b"-----BEGIN OpenVPN tls-crypt-v2 server key-----"
HEADER = 44
CHECKSUM = 32


def sealed_again(plain: bytes = PLAIN, rounds: int = CHEAP) -> bytes:
    return seal(
        plain,
        passphrase=PASSPHRASE,
        random_bytes=secrets.token_bytes,
        context=CONTEXT,
        rounds=rounds,
    )


@pytest.fixture(scope="session")
def sealed() -> bytes:
    return sealed_again()


def with_checksum(body: bytes) -> bytes:
    """As someone writes it who has no passphrase, and knows the format."""
    return body + hashlib.sha256(body + CONTEXT.encode()).digest()


@pytest.mark.parametrize("plain", [PLAIN, b"", bytes(100_000)])
def test_what_is_sealed_can_be_unsealed(plain: bytes) -> None:
    assert unseal(sealed_again(plain), passphrase=PASSPHRASE, context=CONTEXT) == plain


def test_the_format() -> None:
    """Read here by its description alone."""
    sealed = seal(PLAIN, passphrase=PASSPHRASE, random_bytes=secrets.token_bytes, context=CONTEXT)
    header, content = sealed[:HEADER], sealed[HEADER:-CHECKSUM]
    assert header[:12] == b"VPNBOTSEAL\x00\x02"
    assert int.from_bytes(header[12:16]) == 600_000
    key = PBKDF2HMAC(hashes.SHA256(), 32, header[16:32], 600_000).derive(PASSPHRASE.encode())
    associated = header + CONTEXT.encode()
    assert AESGCM(key).decrypt(header[32:], content, associated) == PLAIN


def test_the_first_version_is_still_read() -> None:
    header = b"VPNBOTSEAL\x00\x01" + bytes(range(16)) + bytes(range(12))
    key = PBKDF2HMAC(hashes.SHA256(), 32, header[12:28], 600_000).derive(PASSPHRASE.encode())
    content = AESGCM(key).encrypt(header[28:], PLAIN, header + CONTEXT.encode())
    old = with_checksum(header + content)
    assert unseal(old, passphrase=PASSPHRASE, context=CONTEXT) == PLAIN


def test_nothing_is_something_to_be_sealed() -> None:
    empty = seal(
        b"", passphrase=PASSPHRASE, random_bytes=secrets.token_bytes, context=CONTEXT, rounds=1
    )
    assert unseal(empty, passphrase=PASSPHRASE, context=CONTEXT) == b""


@pytest.mark.parametrize("rounds", [0, 6_000_001, 2**32 - 1])
def test_a_cost_that_nobody_would_pay(sealed: bytes, rounds: int) -> None:
    altered = with_checksum(sealed[:12] + rounds.to_bytes(4) + sealed[16:-CHECKSUM])
    with pytest.raises(DamagedKey, match="is damaged"):
        unseal(altered, passphrase=PASSPHRASE, context=CONTEXT)


def test_fewer_rounds_in_the_header_open_nothing(sealed: bytes) -> None:
    altered = with_checksum(sealed[:12] + (1).to_bytes(4) + sealed[16:-CHECKSUM])
    with pytest.raises(WrongPassphrase):
        unseal(altered, passphrase=PASSPHRASE, context=CONTEXT)


def test_nothing_is_sealed_alike(sealed: bytes) -> None:
    other = sealed_again()
    assert other[16:32] != sealed[16:32]
    assert other[32:HEADER] != sealed[32:HEADER]
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


@pytest.mark.parametrize("position", [16, 32, HEADER, -1])
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
    newer = with_checksum(sealed[:11] + b"\x03" + sealed[12:-CHECKSUM])
    with pytest.raises(DamagedKey, match="wasn't sealed by this version"):
        unseal(newer, passphrase=PASSPHRASE, context=CONTEXT)
