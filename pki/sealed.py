"""Small secrets in files, under a passphrase: the servers' tls-crypt-v2 keys, backups.

The format, version 1:

    magic     12 bytes, with the version; it stands for every choice below
    salt      16 bytes
    nonce     12 bytes
    content   AES-256-GCM under PBKDF2-HMAC-SHA256(passphrase, salt, KDF_ROUNDS); with its tag
    checksum  SHA-256 of all before it and the context

AES-GCM's tag is what protects. The checksum needs no passphrase and protects from nothing; it
tells a file that was damaged or mixed up from a wrong passphrase, which call for different mends.
"""

import hashlib

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from pki.errors import DamagedKey, WrongPassphrase
from pki.passphrase import passphrase_bytes
from pki.serial import RandomBytes

# OWASP's password storage cheat sheet, for PBKDF2 with HMAC-SHA256. Not in the header, where an
# altered file could ask for any cost; another number means another version.
KDF_ROUNDS = 600_000

_MAGIC = b"VPNBOTSEAL\x00\x01"
_SALT_BYTES = 16
_NONCE_BYTES = 12
_TAG_BYTES = 16
_HEADER_BYTES = len(_MAGIC) + _SALT_BYTES + _NONCE_BYTES
_CHECKSUM_BYTES = hashlib.sha256().digest_size


def seal(plain: bytes, *, passphrase: str, random_bytes: RandomBytes, context: str) -> bytes:
    """Encrypts for `unseal` with the same passphrase and context.

    Args:
        context: what this is, such as "tls-crypt-v2 server berlin". Not secret; it keeps one
            sealed file from being put in the place of another.

    Raises:
        WrongPassphrase: it is empty, or no text.
    """
    header = _MAGIC + random_bytes(_SALT_BYTES) + random_bytes(_NONCE_BYTES)
    content = _cipher(passphrase, header).encrypt(_nonce(header), plain, _bound(header, context))
    return header + content + _checksum(header + content, context)


def unseal(sealed: bytes, *, passphrase: str, context: str) -> bytes:
    """What was sealed.

    Raises:
        DamagedKey: truncated, altered, of a newer version, or sealed for another context.
        WrongPassphrase: sealed with another one, or it is empty.
    """
    if not sealed.startswith(_MAGIC):
        raise DamagedKey(
            f"The file of '{context}' was not sealed by this version; restore it from a backup."
        )
    body, checksum = sealed[:-_CHECKSUM_BYTES], sealed[-_CHECKSUM_BYTES:]
    if len(body) < _HEADER_BYTES + _TAG_BYTES or checksum != _checksum(body, context):
        raise DamagedKey(
            f"The file of '{context}' is damaged, or is another one; restore it from a backup."
        )
    header, content = body[:_HEADER_BYTES], body[_HEADER_BYTES:]
    try:
        cipher = _cipher(passphrase, header)
        return cipher.decrypt(_nonce(header), content, _bound(header, context))
    except InvalidTag as error:
        raise WrongPassphrase(
            f"The passphrase does not open the file of '{context}'; use the one it was made with."
        ) from error


def _cipher(passphrase: str, header: bytes) -> AESGCM:
    salt = header[len(_MAGIC) : len(_MAGIC) + _SALT_BYTES]
    # A fresh salt makes a fresh key for each file, so a nonce can never meet its key twice.
    secret = passphrase_bytes(passphrase)
    return AESGCM(hashlib.pbkdf2_hmac("sha256", secret, salt, KDF_ROUNDS))


def _nonce(header: bytes) -> bytes:
    return header[-_NONCE_BYTES:]


def _bound(header: bytes, context: str) -> bytes:
    return header + context.encode()


def _checksum(body: bytes, context: str) -> bytes:
    return hashlib.sha256(body + context.encode()).digest()
