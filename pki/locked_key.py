"""Private keys under a passphrase that a person types, and such passphrases.

cryptography's own writer of PKCS#8 has its 2,048 rounds fixed, so the envelope is written here: it
is thirty bytes of structure around what the library encrypts.
"""

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.kdf.pbkdf2 import PBKDF2HMAC
from cryptography.hazmat.primitives.padding import PKCS7

from pki.authority_files import KDF_ROUNDS
from pki.pem import read_pem, write_pem
from pki.randomness import RandomBytes

_PLAIN, _LOCKED = "PRIVATE KEY", "ENCRYPTED PRIVATE KEY"
# RFC 8018, appendix C: id-PBES2, id-PBKDF2, id-hmacWithSHA256, aes256-CBC-PAD.
_PBES2 = bytes.fromhex("06092a864886f70d01050d")
_PBKDF2 = bytes.fromhex("06092a864886f70d01050c")
_HMAC_SHA256 = bytes.fromhex("06082a864886f70d0209")
_AES256_CBC = bytes.fromhex("060960864801650304012a")
_NULL = b"\x05\x00"
_INTEGER, _OCTETS, _SEQUENCE = 0x02, 0x04, 0x30
_SALT_BYTES, _IV_BYTES, _AES_BYTES = 16, 16, 32

# Made-up words of five letters, 16 bits each (Wilkerson, 'A Proposal for Proquints'): they can be
# said and typed in any country, and no list of them has to be kept.
_CONSONANTS, _VOWELS = "bdfghjklmnprstvz", "aiou"
_WORDS = 6


def new_passphrase(random_bytes: RandomBytes) -> str:
    """Six words with a hyphen between them: 96 bits in 35 small letters and hyphens."""
    numbers = (int.from_bytes(random_bytes(2)) for _ in range(_WORDS))
    return "-".join(map(_word, numbers))


def _word(number: int) -> str:
    return (
        _CONSONANTS[number >> 12]
        + _VOWELS[number >> 10 & 3]
        + _CONSONANTS[number >> 6 & 15]
        + _VOWELS[number >> 4 & 3]
        + _CONSONANTS[number & 15]
    )


def lock_key(
    private_key_pem: str,
    passphrase: str,
    *,
    random_bytes: RandomBytes,
    rounds: int = KDF_ROUNDS,
) -> str:
    """A PKCS#8 key under a passphrase: PBES2 with PBKDF2-HMAC-SHA256 and AES-256-CBC (RFC 8018).

    It takes tenths of a second, as whoever opens it does; an event loop wants that in a thread.

    Args:
        private_key_pem: PKCS#8, unencrypted.
        rounds: what each guess of the passphrase costs; fewer only where nothing is secret.
    """
    salt, iv = random_bytes(_SALT_BYTES), random_bytes(_IV_BYTES)
    derive = PBKDF2HMAC(hashes.SHA256(), length=_AES_BYTES, salt=salt, iterations=rounds)
    key = derive.derive(passphrase.encode())
    padder = PKCS7(algorithms.AES.block_size).padder()  # type: ignore[arg-type]
    plain = padder.update(read_pem(_PLAIN, private_key_pem)) + padder.finalize()
    encryptor = Cipher(algorithms.AES(key), modes.CBC(iv)).encryptor()
    ciphertext = encryptor.update(plain) + encryptor.finalize()
    kdf = _der(_SEQUENCE, _PBKDF2, _der(_SEQUENCE, *_pbkdf2(salt, rounds)))
    cipher = _der(_SEQUENCE, _AES256_CBC, _der(_OCTETS, iv))
    scheme = _der(_SEQUENCE, _PBES2, _der(_SEQUENCE, kdf, cipher))
    return write_pem(_LOCKED, _der(_SEQUENCE, scheme, _der(_OCTETS, ciphertext)))


def _pbkdf2(salt: bytes, rounds: int) -> tuple[bytes, ...]:
    count = rounds.to_bytes(rounds.bit_length() // 8 + 1)
    prf = _der(_SEQUENCE, _HMAC_SHA256, _NULL)
    return _der(_OCTETS, salt), _der(_INTEGER, count), prf


def _der(tag: int, *parts: bytes) -> bytes:
    """X.690, 8.1.3: the definite form, as short as it goes."""
    content = b"".join(parts)
    length = len(content)
    if length < 0x80:
        return bytes([tag, length]) + content
    size = length.to_bytes((length.bit_length() + 7) // 8)
    return bytes([tag, 0x80 | len(size)]) + size + content
