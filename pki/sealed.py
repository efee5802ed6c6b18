"""Small secrets in files, under a passphrase: the servers' tls keys.

A format of our own, unlike a backup's, which is age: age derives its key by scrypt, which takes
1.4 s and half a gigabyte for each file, and the bot opens one for every server, on a machine that
may have no more than that. What nobody but the bot opens needs no other program's format.

The format, version 2:

    magic     12 bytes, with the version; it stands for every choice below
    rounds    4 bytes, big-endian: 1 to _MOST_ROUNDS
    salt      16 bytes
    nonce     12 bytes
    content   AES-256-GCM under PBKDF2-HMAC-SHA256(passphrase, salt, rounds); with its tag
    checksum  SHA-256 of all before it and the context

Version 1, which is still read, has no rounds: they were KDF_ROUNDS. Whoever alters the rounds makes
a file that no passphrase opens, at a cost that ends at _MOST_ROUNDS.

AES-GCM's tag is what protects. The checksum needs no passphrase and protects from nothing; it
tells a file that was damaged or mixed up from a wrong passphrase, which call for different mends.
"""

import hashlib

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from pki.errors import DamagedKey, WrongPassphrase
from pki.passphrase import passphrase_bytes
from pki.serial import RandomBytes

# OWASP's password storage cheat sheet, for PBKDF2 with HMAC-SHA256.
KDF_ROUNDS = 600_000
_MOST_ROUNDS = 10 * KDF_ROUNDS

_MAGIC_1 = b"VPNBOTSEAL\x00\x01"
_MAGIC = b"VPNBOTSEAL\x00\x02"
_ROUNDS_BYTES = 4
_SALT_BYTES = 16
_NONCE_BYTES = 12
_TAG_BYTES = 16
_CHECKSUM_BYTES = hashlib.sha256().digest_size


def seal(
    plain: bytes,
    *,
    passphrase: str,
    random_bytes: RandomBytes,
    context: str,
    rounds: int = KDF_ROUNDS,
) -> bytes:
    """Encrypts for `unseal` with the same passphrase and context.

    Args:
        context: what this is, such as "tls-crypt-v2 server berlin". Not secret; it keeps one
            sealed file from being put in the place of another.
        rounds: what each guess of the passphrase costs; fewer only where nothing is secret.

    Raises:
        WrongPassphrase: it is empty, or no text.
    """
    salt, nonce = random_bytes(_SALT_BYTES), random_bytes(_NONCE_BYTES)
    header = _MAGIC + rounds.to_bytes(_ROUNDS_BYTES) + salt + nonce
    # A fresh salt makes a fresh key for each file, so a nonce can never meet its key twice.
    cipher = _cipher(passphrase, salt, rounds)
    content = cipher.encrypt(nonce, plain, header + context.encode())
    return header + content + _checksum(header + content, context)


def unseal(sealed: bytes, *, passphrase: str, context: str) -> bytes:
    """Opens what was sealed.

    Raises:
        DamagedKey: truncated, altered, of a newer version, or sealed for another context.
        WrongPassphrase: sealed with another one, or it is empty.
    """
    salt_at = {_MAGIC_1: len(_MAGIC_1), _MAGIC: len(_MAGIC) + _ROUNDS_BYTES}.get(
        sealed[: len(_MAGIC)]
    )
    if salt_at is None:
        raise DamagedKey(
            f"The file of '{context}' wasn't sealed by this version; restore it from a backup."
        )
    body, checksum = sealed[:-_CHECKSUM_BYTES], sealed[-_CHECKSUM_BYTES:]
    nonce_at = salt_at + _SALT_BYTES
    content_at = nonce_at + _NONCE_BYTES
    # Version 1 has nothing between its magic and its salt.
    rounds = int.from_bytes(body[len(_MAGIC) : salt_at]) if salt_at > len(_MAGIC) else KDF_ROUNDS
    if (
        len(body) < content_at + _TAG_BYTES
        or checksum != _checksum(body, context)
        or not 1 <= rounds <= _MOST_ROUNDS
    ):
        raise DamagedKey(
            f"The file of '{context}' is damaged, or is another one; restore it from a backup."
        )
    header, content = body[:content_at], body[content_at:]
    try:
        cipher = _cipher(passphrase, body[salt_at:nonce_at], rounds)
        return cipher.decrypt(body[nonce_at:content_at], content, header + context.encode())
    except InvalidTag as error:
        raise WrongPassphrase(
            f"The passphrase doesn't open the file of '{context}'; use the one it was made with."
        ) from error


def _cipher(passphrase: str, salt: bytes, rounds: int) -> AESGCM:
    return AESGCM(hashlib.pbkdf2_hmac("sha256", passphrase_bytes(passphrase), salt, rounds))


def _checksum(body: bytes, context: str) -> bytes:
    return hashlib.sha256(body + context.encode()).digest()
