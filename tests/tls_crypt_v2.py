"""Reads a tls-crypt-v2 client key as a server does: OpenVPN's doc/tls-crypt-v2.txt."""

import base64
import hmac
from dataclasses import dataclass

from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES256
from cryptography.hazmat.primitives.ciphers.modes import CTR


@dataclass(frozen=True)
class ClientKey:
    """Kc, and the metadata behind its type byte."""

    key: bytes
    metadata_type: int
    metadata: bytes


def unwrap(server_key_pem: str, client_key_pem: str) -> ClientKey:
    """Raises AssertionError where the client key was not made for this server."""
    server_key, content = _bytes_of(server_key_pem), _bytes_of(client_key_pem)
    key, wrapped = content[:256], content[256:]
    tag, encrypted, length = wrapped[:32], wrapped[32:-2], wrapped[-2:]
    assert int.from_bytes(length) == len(wrapped)
    decryptor = Cipher(AES256(server_key[:32]), CTR(tag[:16])).decryptor()
    plain = decryptor.update(encrypted) + decryptor.finalize()
    assert tag == hmac.digest(server_key[64:96], length + plain, "sha256")
    assert plain.startswith(key)
    return ClientKey(key, plain[256], plain[257:])


def _bytes_of(pem: str) -> bytes:
    lines = pem.splitlines()
    begin = next(at for at, line in enumerate(lines) if line.startswith("-----BEGIN"))
    end = next(at for at, line in enumerate(lines) if line.startswith("-----END"))
    return base64.b64decode("".join(lines[begin + 1 : end]), validate=True)
