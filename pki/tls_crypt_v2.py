"""tls-crypt-v2: a key per client, which the server can read but need not store.

The format is OpenVPN's doc/tls-crypt-v2.txt. A client key file is Kc, 256 bytes, followed by WKc,
the same key wrapped for the server:

    len = the length of WKc in bytes, itself included: 16 bits, big-endian
    T   = HMAC-SHA256(Ka, len || Kc || metadata)
    WKc = T || AES-256-CTR(Ke, IV = first 128 bits of T, Kc || metadata) || len

Ke and Ka are parts of the server's key.
"""

import hmac
import struct

from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES256
from cryptography.hazmat.primitives.ciphers.modes import CTR

from pki.errors import DamagedKey
from pki.pem import read_pem, write_pem
from pki.serial import RandomBytes

SERVER_LABEL = "OpenVPN tls-crypt-v2 server key"
CLIENT_LABEL = "OpenVPN tls-crypt-v2 client key"

SERVER_KEY_BYTES = 128
CLIENT_KEY_BYTES = 256
# OpenVPN takes 1,024 bytes of WKc: a tag of 32, Kc, a type byte, this, and two bytes of length.
MAX_METADATA_BYTES = 733
_USER_METADATA = 0  # the types are in the manual, at --tls-crypt-v2-verify

_TAG_BYTES = 32
_LENGTH = struct.Struct(">H")
# struct key has a slot of 64 bytes for the cipher's key and one for the HMAC's; half is used.
_CIPHER_KEY = slice(0, 32)
_HMAC_KEY = slice(64, 96)


def generate_server_key(random_bytes: RandomBytes) -> str:
    """A server key in PEM, as `openvpn --genkey tls-crypt-v2-server` writes it."""
    return write_pem(SERVER_LABEL, random_bytes(SERVER_KEY_BYTES))


def wrap_client_key(server_key_pem: str, *, metadata: bytes, random_bytes: RandomBytes) -> str:
    """A fresh client key in PEM for this server, with metadata of the type 'user data'.

    The metadata is encrypted, so only the server can read it.

    Raises:
        DamagedKey: the server's key cannot be read.
        ValueError: more than MAX_METADATA_BYTES of metadata.
    """
    if len(metadata) > MAX_METADATA_BYTES:
        raise ValueError(f"A tls-crypt-v2 key holds at most {MAX_METADATA_BYTES} bytes.")
    server_key = read_pem(SERVER_LABEL, server_key_pem)
    if len(server_key) != SERVER_KEY_BYTES:
        raise DamagedKey(f"The {SERVER_LABEL} is incomplete; restore it from a backup.")
    client_key = random_bytes(CLIENT_KEY_BYTES)
    plain = client_key + bytes([_USER_METADATA]) + metadata
    length = _LENGTH.pack(_TAG_BYTES + len(plain) + _LENGTH.size)
    tag = hmac.digest(server_key[_HMAC_KEY], length + plain, "sha256")
    # The IV comes from the tag over the whole content (SIV), so that equal IVs mean equal content.
    cipher = Cipher(AES256(server_key[_CIPHER_KEY]), CTR(tag[:16])).encryptor()
    wrapped = tag + cipher.update(plain) + cipher.finalize() + length
    return write_pem(CLIENT_LABEL, client_key + wrapped)
