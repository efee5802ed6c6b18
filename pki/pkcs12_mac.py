"""Puts a costlier MAC on a PKCS#12 file.

Decrypting the key is one way to try passphrases, checking the MAC is another. cryptography applies
`kdf_rounds` to the key alone and leaves the MAC at 2,048 rounds, so that guessing by the MAC would
be hundreds of times cheaper. The format is RFC 7292, section 4; the MAC's key is derived as in its
appendix B.
"""

import hashlib
import hmac

from pki.der import INTEGER, OCTETS, SEQUENCE, element, elements

SALT_BYTES = 16

# AlgorithmIdentifier of SHA-256, NULL parameters (RFC 8017, appendix B.1)
_SHA256 = bytes.fromhex("300d06096086480165030402010500")
_BLOCK = 64  # SHA-256's input block
_MAC_KEY_PURPOSE = 3  # RFC 7292, B.3


def with_mac(p12: bytes, *, passphrase: str, salt: bytes, rounds: int) -> bytes:
    """The same file with its MAC replaced by an HMAC-SHA256 of so many rounds.

    Takes DER as cryptography writes it. The key and certificates in it stay as they are.
    """
    ((_, pfx),) = elements(p12)
    (_, version), (_, auth_safe), _ = elements(pfx)
    key = _mac_key(passphrase, salt, rounds)
    mac = hmac.digest(key, _content(auth_safe), "sha256")
    mac_data = element(
        SEQUENCE,
        element(SEQUENCE, _SHA256 + element(OCTETS, mac)),
        element(OCTETS, salt),
        element(INTEGER, rounds.to_bytes(rounds.bit_length() // 8 + 1, "big")),
    )
    return element(SEQUENCE, element(INTEGER, version), element(SEQUENCE, auth_safe), mac_data)


def _content(auth_safe: bytes) -> bytes:
    """What the MAC covers: ContentInfo is a type and, explicitly tagged, an octet string."""
    _, (_, tagged) = elements(auth_safe)
    ((_, content),) = elements(tagged)
    return content


def _mac_key(passphrase: str, salt: bytes, rounds: int) -> bytes:
    """RFC 7292, B.2. One output block is all that HMAC-SHA256 needs, so there is no outer loop."""
    password = passphrase.encode("utf-16-be") + b"\0\0"  # a BMPString with its terminator (B.1)
    digest = bytes([_MAC_KEY_PURPOSE]) * _BLOCK + _fill(salt) + _fill(password)
    sha256 = hashlib.sha256
    for _ in range(rounds):
        digest = sha256(digest).digest()
    return digest


def _fill(value: bytes) -> bytes:
    """Repeated up to the next whole block."""
    length = -(-len(value) // _BLOCK) * _BLOCK
    return (value * length)[:length]
