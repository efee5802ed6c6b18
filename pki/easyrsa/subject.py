r"""Subjects in the index, as OpenSSL's X509_NAME_oneline writes them.

    /C=DE/O=Example A\/B/CN=J\xC3\xBCrgen/emailAddress=j@example.org

Bytes that are not printable ASCII come as \xHH. Newer versions put a backslash before a slash or
plus inside a value, older ones do not, and a backslash stays as it is. So the form cannot be taken
apart with certainty: only what looks like a known type ends a value, and where the certificate's
file is at hand, that is asked instead.
"""

import re
from collections.abc import Iterator

# The short names that OpenSSL has for what stands in subjects; any other type comes as an OID.
_TYPES = (
    "C|ST|L|O|OU|CN|SN|GN|DC|UID|Email|emailAddress|name|givenName|surname|initials|title"
    "|serialNumber|street|postalCode|description|dnQualifier|pseudonym|generationQualifier"
    "|unstructuredName|unstructuredAddress|businessCategory|organizationIdentifier"
    "|x500UniqueIdentifier|role"
)
# A plus joins what makes up one name together.
_PART = re.compile(rf"(?<!\\)[/+](?=(?:{_TYPES}|[0-9]+(?:\.[0-9]+)+)=)")
_BACKSLASHED = re.compile(r"\\([/+])")
_ESCAPED = re.compile(rb"\\x([0-9A-Fa-f]{2})")
_UNPRINTABLE = re.compile(rb"[^ -~]")
_COMMON_NAME = "CN="


def common_name(subject: str) -> str | None:
    """The last common name, which is the one that OpenVPN takes; None where there is none."""
    names = [part for part in _PART.split(subject) if part.startswith(_COMMON_NAME)]
    return to_openvpn(_text(names[-1].removeprefix(_COMMON_NAME))) if names else None


def to_openvpn(name: str) -> str:
    """A name as OpenVPN reads it: as any string in C it ends at a zero byte.

    easy-rsa signs whatever a request says, and `anna\\0x` is let in as `anna`.
    """
    return name.partition("\0")[0]


def names(subject: str, name: str) -> bool:
    """Whether this common name is in the subject, in whichever encoding the certificate has it."""
    whole = _alike(f"{subject}/")
    return any(_alike(f"/{_COMMON_NAME}{one_line(form)}/") in whole for form in _forms(name))


def one_line(value: bytes) -> str:
    """A value as X509_NAME_oneline shows it."""
    return _UNPRINTABLE.sub(lambda byte: b"\\x%02X" % ord(byte[0]), value).decode("ascii")


def _alike(subject: str) -> str:
    """The same text for what differs only in how values are kept apart."""
    return _BACKSLASHED.sub(r"\1", subject).replace("+", "/")


def _forms(name: str) -> Iterator[bytes]:
    yield name.encode()
    yield name.encode("utf-16-be")
    yield name.encode("latin-1", "replace")


def _text(value: str) -> str:
    bare = _BACKSLASHED.sub(r"\1", value).encode()
    raw = _ESCAPED.sub(lambda found: bytes([int(found[1], 16)]), bare)
    # A BMPString has two bytes for each character. Else it is UTF-8, whatever the type says: old
    # versions wrote the terminal's bytes into a T61String. What is no UTF-8 is taken for Latin-1.
    if raw.startswith(b"\0") and len(raw) % 2 == 0:
        return raw.decode("utf-16-be", "replace")
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return raw.decode("latin-1")
