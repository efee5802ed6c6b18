"""The kinds of keys that certificates have, for whoever only names them."""

from enum import StrEnum


class KeyAlgorithm(StrEnum):
    """Kinds of keys that every OpenVPN since 2.4, and OpenVPN Connect, can use."""

    RSA2048 = "rsa2048"
    RSA3072 = "rsa3072"
    # TLS 1.2 and 1.3 require P-256 of everyone.
    P256 = "p256"
    P384 = "p384"
