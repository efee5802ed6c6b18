"""Takes over what easy-rsa left: reads its PKI, opens its CA's key, clears its clients' keys."""

from pki.easyrsa.purge import purge_client_keys
from pki.easyrsa.reader import Progress, open_key, read_pki
from pki.easyrsa.values import (
    EasyRsaPki,
    Entry,
    EntryStatus,
    Finding,
    FindingCode,
    Layout,
    OldCrl,
)

__all__ = [
    "EasyRsaPki",
    "Entry",
    "EntryStatus",
    "Finding",
    "FindingCode",
    "Layout",
    "OldCrl",
    "Progress",
    "open_key",
    "purge_client_keys",
    "read_pki",
]
