"""Private keys that need no passphrase: easy-rsa's `nopass` leaves them behind.

PKCS#12 files are not looked into: whether one needs a passphrase shows only by trying.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_pem_private_key,
)

# A key of the older, 'traditional' kind says in a header of its own that it is encrypted.
_CLEAR = re.compile(
    rb"-----BEGIN ((?:[A-Z]+ )?PRIVATE KEY)-----\s(?!\s*Proc-Type: *4, *ENCRYPTED)"
    rb".*?-----END \1-----",
    re.DOTALL,
)
_ENCRYPTED_LABEL = b"ENCRYPTED PRIVATE KEY"
_ANY = re.compile(rb"-----BEGIN ((?:[A-Z]+ )?PRIVATE KEY)-----.*?-----END \1-----", re.DOTALL)


@dataclass(frozen=True, slots=True)
class ClearKeys:
    """The public halves (SubjectPublicKeyInfo in DER) of the keys in a file; None: unreadable."""

    path: Path
    public_keys: tuple[bytes | None, ...]


def read_clear_keys(files: Iterable[Path]) -> Iterator[ClearKeys | None]:
    """For each file what it holds in clear; None where that is nothing."""
    for path in files:
        blocks = clear_blocks(path.read_bytes())
        yield ClearKeys(path, tuple(_public(block) for block in blocks)) if blocks else None


def clear_blocks(content: bytes) -> list[bytes]:
    """The PEM blocks with private keys that need no passphrase."""
    return [block[0] for block in _CLEAR.finditer(content) if block[1] != _ENCRYPTED_LABEL]


def key_block(content: bytes) -> bytes | None:
    """The first private key, encrypted or not. OpenSSL may have put parameters before it."""
    block = _ANY.search(content)
    return block[0] if block else None


def _public(block: bytes) -> bytes | None:
    try:
        # Unchecked: the check of an RSA key takes 25 ms, and nothing is done with this one.
        key = load_pem_private_key(block, None, unsafe_skip_rsa_key_validation=True)
        return key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        return None
