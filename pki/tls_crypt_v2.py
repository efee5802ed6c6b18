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
from dataclasses import dataclass, field

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
USER_METADATA = 0  # the types are in the manual, at --tls-crypt-v2-verify
TIME_METADATA = 1

_TAG_BYTES = 32
_LENGTH = struct.Struct(">H")
# struct key has a slot of 64 bytes for the cipher's key and one for the HMAC's; half is used.
_CIPHER_KEY = slice(0, 32)
_HMAC_KEY = slice(64, 96)


@dataclass(frozen=True, slots=True)
class ClientKey:
    """What the server finds in a client key: Kc, and the metadata behind its type byte."""

    key: bytes = field(repr=False)
    metadata_type: int
    metadata: bytes


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
    server_key = _server_key(server_key_pem)
    client_key = random_bytes(CLIENT_KEY_BYTES)
    plain = client_key + bytes([USER_METADATA]) + metadata
    length = _LENGTH.pack(_TAG_BYTES + len(plain) + _LENGTH.size)
    tag = _tag(server_key, length, plain)
    wrapped = tag + _crypt(server_key, tag, plain) + length
    return write_pem(CLIENT_LABEL, client_key + wrapped)


def unwrap_client_key(server_key_pem: str, client_key_pem: str) -> ClientKey:
    """Reads a client key as the server does, and checks that both copies of Kc agree.

    Raises:
        DamagedKey: a key cannot be read, or this is another server's client.
    """
    server_key = _server_key(server_key_pem)
    client_key, wrapped = _split(read_pem(CLIENT_LABEL, client_key_pem))
    tag, encrypted, length = (
        wrapped[:_TAG_BYTES],
        wrapped[_TAG_BYTES : -_LENGTH.size],
        wrapped[-_LENGTH.size :],
    )
    plain = _crypt(server_key, tag, encrypted)
    genuine = hmac.compare_digest(tag, _tag(server_key, length, plain))
    if not genuine or not plain.startswith(client_key):
        raise DamagedKey("The client key was not made for this server; issue a new profile.")
    return ClientKey(client_key, plain[CLIENT_KEY_BYTES], plain[CLIENT_KEY_BYTES + 1 :])


def _server_key(pem: str) -> bytes:
    key = read_pem(SERVER_LABEL, pem)
    if len(key) != SERVER_KEY_BYTES:
        raise DamagedKey(f"The {SERVER_LABEL} is incomplete; restore it from a backup.")
    return key


def _split(content: bytes) -> tuple[bytes, bytes]:
    """Kc and WKc. The type byte is required, because each of our keys has one."""
    client_key, wrapped = content[:CLIENT_KEY_BYTES], content[CLIENT_KEY_BYTES:]
    least = _TAG_BYTES + CLIENT_KEY_BYTES + 1 + _LENGTH.size
    if not least <= len(wrapped) <= least + MAX_METADATA_BYTES:
        raise DamagedKey("The client key is incomplete; issue a new profile.")
    if _LENGTH.unpack(wrapped[-_LENGTH.size :]) != (len(wrapped),):
        raise DamagedKey("The client key contradicts its own length; issue a new profile.")
    return client_key, wrapped


def _tag(server_key: bytes, length: bytes, plain: bytes) -> bytes:
    return hmac.digest(server_key[_HMAC_KEY], length + plain, "sha256")


def _crypt(server_key: bytes, tag: bytes, content: bytes) -> bytes:
    # The IV comes from the tag over the whole content (SIV), so that equal IVs mean equal content.
    cipher = Cipher(AES256(server_key[_CIPHER_KEY]), CTR(tag[:16])).encryptor()
    return cipher.update(content) + cipher.finalize()
