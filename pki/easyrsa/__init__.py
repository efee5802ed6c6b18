"""Takes over what easy-rsa left: reads its PKI, opens its CA's key, clears its clients' keys."""

from pki.easyrsa.purge import purge_client_keys
from pki.easyrsa.purpose import purpose_of
from pki.easyrsa.reader import Progress, open_key, read_pki
from pki.easyrsa.values import (
    EasyRsaPki,
    Entry,
    EntryStatus,
    FolderLayout,
    OldCrl,
    PkiFinding,
    PkiFindingCode,
    Purpose,
)

__all__ = [
    "EasyRsaPki",
    "Entry",
    "EntryStatus",
    "FolderLayout",
    "OldCrl",
    "PkiFinding",
    "PkiFindingCode",
    "Progress",
    "Purpose",
    "open_key",
    "purge_client_keys",
    "purpose_of",
    "read_pki",
]
