"""OpenVPN keys that an operator brings along: tls-auth's and tls-crypt's, and a v2 server's."""

import re

from pki.errors import DamagedKey
from pki.pem import read_pem, write_pem
from pki.tls_crypt_v2 import CLIENT_LABEL, SERVER_KEY_BYTES, SERVER_LABEL

# `openvpn --genkey secret`: 2048 bit in hex, 16 bytes on a line. tls-auth and tls-crypt use the
# same file, so that which of them it is for cannot be seen.
STATIC_LABEL = "OpenVPN Static key V1"
STATIC_KEY_BYTES = 256
_LINE_BYTES = 16

_KINDS = {
    STATIC_LABEL: "a static key, as tls-auth and tls-crypt have it",
    SERVER_LABEL: "a tls-crypt-v2 key of a server",
    CLIENT_LABEL: "a tls-crypt-v2 key of a client",
}
_BLOCK = re.compile(rf"-----BEGIN {STATIC_LABEL}-----(.*?)-----END {STATIC_LABEL}-----", re.DOTALL)


def check_static_key(text: str) -> str:
    """The key as `openvpn --genkey secret` writes it, without comments.

    Raises:
        DamagedKey: another kind of key, none, several, or not 2048 bit.
    """
    _require_kind(text, STATIC_LABEL)
    blocks = _BLOCK.findall(text)
    if len(blocks) != 1:
        raise DamagedKey(
            f"The file doesn't hold exactly one whole {STATIC_LABEL}; restore it from a backup."
        )
    return _written(_static_key("".join(blocks[0].split())))


def check_tls_crypt_v2_server_key(text: str) -> str:
    """The key as `openvpn --genkey tls-crypt-v2-server` writes it.

    Raises:
        DamagedKey: another kind of key, none, several, or incomplete.
    """
    _require_kind(text, SERVER_LABEL)
    key = read_pem(SERVER_LABEL, text)
    if len(key) != SERVER_KEY_BYTES:
        raise DamagedKey(f"The {SERVER_LABEL} is incomplete; restore it from a backup.")
    return write_pem(SERVER_LABEL, key)


def _require_kind(text: str, label: str) -> None:
    labels = {known for known in _KINDS if f"-----BEGIN {known}-----" in text}
    if label in labels:
        return
    if not labels:
        raise DamagedKey(f"The file holds no OpenVPN key; give the one with {_KINDS[label]}.")
    held = _KINDS[labels.pop()]
    raise DamagedKey(f"The file holds {held}; give the one with {_KINDS[label]}.")


def _static_key(digits: str) -> bytes:
    try:
        key = bytes.fromhex(digits)
    except ValueError as error:
        raise DamagedKey(f"The {STATIC_LABEL} isn't hex; restore it from a backup.") from error
    if len(key) != STATIC_KEY_BYTES:
        raise DamagedKey(
            f"The {STATIC_LABEL} has {len(key) * 8} bits and not {STATIC_KEY_BYTES * 8};"
            " restore it from a backup."
        )
    return key


def _written(key: bytes) -> str:
    lines = [key[at : at + _LINE_BYTES].hex() for at in range(0, len(key), _LINE_BYTES)]
    head, foot = f"-----BEGIN {STATIC_LABEL}-----", f"-----END {STATIC_LABEL}-----"
    return "\n".join([head, *lines, foot, ""])
