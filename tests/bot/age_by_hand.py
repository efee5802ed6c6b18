"""Writes the age format by its specification, for tests: nothing of the library that we use.

Source: age-encryption.org/v1. With a low work factor, since hundreds of files are tried.
"""

import base64
import hmac
import os
from itertools import count

from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

_CHUNK = 64 * 1024
_WORK = 1


def encrypt(plain: bytes, passphrase: str) -> bytes:
    """What `age -p` writes, made in no time."""
    file_key, salt, nonce = os.urandom(16), os.urandom(16), os.urandom(16)
    wrap = Scrypt(salt=b"age-encryption.org/v1/scrypt" + salt, length=32, n=2**_WORK, r=8, p=1)
    body = ChaCha20Poly1305(wrap.derive(passphrase.encode())).encrypt(bytes(12), file_key, None)
    header = b"age-encryption.org/v1\n-> scrypt %s %d\n%s\n---" % (_b64(salt), _WORK, _b64(body))
    mac = hmac.digest(_derived(file_key, b"", b"header"), header, "sha256")
    return header + b" " + _b64(mac) + b"\n" + nonce + _stream(file_key, nonce, plain)


def _stream(file_key: bytes, nonce: bytes, plain: bytes) -> bytes:
    cipher = ChaCha20Poly1305(_derived(file_key, nonce, b"payload"))
    chunks = [plain[start : start + _CHUNK] for start in range(0, len(plain) or 1, _CHUNK)]
    last = len(chunks) - 1
    return b"".join(
        cipher.encrypt(number.to_bytes(11, "big") + bytes([number == last]), chunk, None)
        for number, chunk in zip(count(), chunks, strict=False)
    )


def _derived(key: bytes, salt: bytes, info: bytes) -> bytes:
    return HKDF(SHA256(), 32, salt, info).derive(key)


def _b64(data: bytes) -> bytes:
    return base64.b64encode(data).rstrip(b"=")
