"""Keys of certificates: which kinds there are, and which fits a CA."""

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from pki.algorithms import KeyAlgorithm
from pki.key_ids import AuthorityKey, AuthorityPublicKey, authority_public_key

LeafKey = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey
SigningHash = hashes.SHA256 | hashes.SHA384 | hashes.SHA512


_RSA_BITS = {KeyAlgorithm.RSA2048: 2048, KeyAlgorithm.RSA3072: 3072}
_CURVES: dict[KeyAlgorithm, type[ec.SECP256R1 | ec.SECP384R1]] = {
    KeyAlgorithm.P256: ec.SECP256R1,
    KeyAlgorithm.P384: ec.SECP384R1,
}
_RSA_EXPONENT = 65537  # FIPS 186-5, A.1.1, allows no smaller one; everyone uses this


def generate_key(algorithm: KeyAlgorithm) -> LeafKey:
    """A fresh key.

    EC takes a tenth of a millisecond. RSA takes 50 to 300 ms, and sometimes far longer, since it
    looks for primes by chance: an event loop wants that in a thread.
    """
    bits = _RSA_BITS.get(algorithm)
    if bits is not None:
        return rsa.generate_private_key(public_exponent=_RSA_EXPONENT, key_size=bits)
    return ec.generate_private_key(_CURVES[algorithm]())


def matching_algorithm(ca_certificate: x509.Certificate) -> KeyAlgorithm:
    """The algorithm for certificates of this CA: its own kind, and no weaker than it is.

    Whatever checks the CA's signature then knows the leaf's kind of key, too. Below RSA 2048 and
    P-256 nothing new is made: OpenSSL's security level 2 refuses it.

    Raises:
        DamagedAuthority: the CA has a kind of key that signs nothing here.
    """
    key = authority_public_key(ca_certificate)
    if isinstance(key, rsa.RSAPublicKey):
        small = key.key_size <= _RSA_BITS[KeyAlgorithm.RSA2048]
        return KeyAlgorithm.RSA2048 if small else KeyAlgorithm.RSA3072
    small = key.curve.key_size <= ec.SECP256R1.key_size
    return KeyAlgorithm.P256 if small else KeyAlgorithm.P384


def signing_hash(key: AuthorityKey | AuthorityPublicKey) -> SigningHash:
    """The hash that a CA with this key signs over.

    With P-384 it is SHA-384 and with P-521 SHA-512, as TLS 1.3 pairs them (RFC 8446, 4.2.3) and
    the CA/Browser Forum's Baseline Requirements do (7.1.3.2.2); with all others SHA-256.
    """
    if isinstance(key, rsa.RSAPrivateKey | rsa.RSAPublicKey):
        return hashes.SHA256()
    if isinstance(key.curve, ec.SECP384R1):
        return hashes.SHA384()
    return hashes.SHA512() if isinstance(key.curve, ec.SECP521R1) else hashes.SHA256()
