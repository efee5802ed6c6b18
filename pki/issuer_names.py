"""Whether two names are one CA's, as OpenSSL sees it.

It goes by the name to find who issued a certificate, and which lists to try on it, and compares
names in a form of its own (X509_NAME_cmp; crypto/x509/x_name.c, asn1_string_canon): whichever type
a string has, letters of ASCII in small, blanks at the ends left out, and several in a row as one.
The library compares names as they are written.
"""

import re
from collections import Counter
from string import ascii_lowercase, ascii_uppercase

from cryptography import x509

_BLANKS = re.compile(r"[ \t\n\v\f\r]+")
_SMALL = str.maketrans(ascii_uppercase, ascii_lowercase)


def same_name(one: x509.Name, other: x509.Name) -> bool:
    """Whether OpenSSL takes one for the other.

    Accepted: of a type that OpenSSL compares to the byte, such as a NumericString, more is the same
    here than there. A name by itself makes nothing ours.

    Raises:
        ValueError: a name cannot be read.
    """
    return one == other or _canonical(one) == _canonical(other)


def _canonical(name: x509.Name) -> list[Counter[tuple[x509.ObjectIdentifier, str | bytes]]]:
    """Each part of a name may have several values, in no order."""
    return [Counter((one.oid, _folded(one.value)) for one in part) for part in name.rdns]


def _folded(value: str | bytes) -> str | bytes:
    if isinstance(value, bytes):
        return value
    return _BLANKS.sub(" ", value).strip(" ").translate(_SMALL)
