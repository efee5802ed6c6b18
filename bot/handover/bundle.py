"""The archive that people are used to: the profile, its parts, the instructions. In memory only."""

import io
import zipfile
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

from vpn.configuration.directives import parse_directives

# Names as OpenVPN's own documentation uses them.
_PARTS = {
    "ca": "ca.crt",
    "cert": "client.crt",
    "key": "client.key",
    "tls-auth": "ta.key",
    "tls-crypt": "tls-crypt.key",
    "tls-crypt-v2": "tls-crypt-v2.key",
}
_UNIX = 3
_OURS_ALONE = 0o100600

Member = tuple[str, bytes]


def parts_of(profile: str) -> Iterator[Member]:
    """CA, certificate and keys, as files of their own, as they stand in the profile."""
    for directive in parse_directives(profile):
        if directive.inline is not None and directive.name in _PARTS:
            yield _PARTS[directive.name], directive.inline.encode()


def zipped(folder: str, members: Sequence[Member], *, when: datetime) -> bytes:
    """A ZIP archive with all of them in one folder, each readable to its owner alone."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members:
            entry = zipfile.ZipInfo(f"{folder}/{name}", when.astimezone(UTC).timetuple()[:6])
            entry.create_system = _UNIX
            entry.external_attr = _OURS_ALONE << 16
            entry.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(entry, content)
    return buffer.getvalue()
