"""Private keys under a passphrase that a person types.

cryptography's own writer of PKCS#8 has its 2,048 rounds fixed, so the envelope is written here: it
is some structure around what the library encrypts.
"""

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES, AES256
from cryptography.hazmat.primitives.ciphers.modes import CBC
from cryptography.hazmat.primitives.kdf.pbkdf2 import PBKDF2HMAC
from cryptography.hazmat.primitives.padding import PKCS7

from pki.der import INTEGER, OCTETS, SEQUENCE, element
from pki.passphrase import passphrase_bytes
from pki.pem import read_pem, write_pem
from pki.sealed import KDF_ROUNDS
from pki.serial import RandomBytes

_PLAIN, _LOCKED = "PRIVATE KEY", "ENCRYPTED PRIVATE KEY"
# RFC 8018, appendix C: id-PBES2, id-PBKDF2, id-hmacWithSHA256 without parameters, aes256-CBC-PAD.
_PBES2 = bytes.fromhex("06092a864886f70d01050d")
_PBKDF2 = bytes.fromhex("06092a864886f70d01050c")
_HMAC_SHA256 = bytes.fromhex("300c06082a864886f70d02090500")
_AES256_CBC = bytes.fromhex("060960864801650304012a")
_SALT_BYTES, _IV_BYTES, _AES_BYTES = 16, 16, 32


def lock_key(
    private_key_pem: str,
    passphrase: str,
    *,
    random_bytes: RandomBytes,
    rounds: int = KDF_ROUNDS,
) -> str:
    """A PKCS#8 key under a passphrase: PBES2 with PBKDF2-HMAC-SHA256 and AES-256-CBC (RFC 8018).

    It takes tenths of a second, as it does to open it; an event loop wants that in a thread.

    Args:
        private_key_pem: PKCS#8, unencrypted.
        rounds: what each guess of the passphrase costs; fewer only where nothing is secret.

    Raises:
        DamagedKey: there is no such key.
        WrongPassphrase: it is empty, or no text.
    """
    salt, iv = random_bytes(_SALT_BYTES), random_bytes(_IV_BYTES)
    derive = PBKDF2HMAC(hashes.SHA256(), length=_AES_BYTES, salt=salt, iterations=rounds)
    padder = PKCS7(AES.block_size).padder()
    plain = padder.update(read_pem(_PLAIN, private_key_pem)) + padder.finalize()
    encryptor = Cipher(AES256(derive.derive(passphrase_bytes(passphrase))), CBC(iv)).encryptor()
    ciphertext = encryptor.update(plain) + encryptor.finalize()
    count = rounds.to_bytes(rounds.bit_length() // 8 + 1)  # with a sign, which is zero
    options = element(SEQUENCE, element(OCTETS, salt), element(INTEGER, count), _HMAC_SHA256)
    derivation = element(SEQUENCE, _PBKDF2, options)
    cipher = element(SEQUENCE, _AES256_CBC, element(OCTETS, iv))
    scheme = element(SEQUENCE, _PBES2, element(SEQUENCE, derivation, cipher))
    return write_pem(_LOCKED, element(SEQUENCE, scheme, element(OCTETS, ciphertext)))
