"""What both sides have to agree about, where the server says nothing: it goes by its default.

Most of what an operator adds is their own matter. With one of these the profile would be imported,
and no packet would get through.
"""

from collections.abc import Collection, Mapping

from vpn.configuration.directives import Directive
from vpn.configuration.profile import ALWAYS_OFFERED, ProfileSettings, TlsKey

# What the server can be told, by the name of the line.
_BY_DEFAULT: Mapping[str, frozenset[tuple[str, ...]]] = {
    # Each packet would begin with a byte that the server does not expect. These framings mark
    # packets that are compressed, and leave the others as they are.
    "compress": frozenset({("lz4-v2",), ("stub-v2",), ("migrate",)}),
    "comp-lzo": frozenset(),
    # Each packet would have four bytes more.
    "fragment": frozenset(),
    # Packets of one side would be too large for the other.
    "tun-mtu": frozenset({("1500",)}),
    "link-mtu": frozenset(),
}
# Two names of one option; OpenVPN goes by the last line of either.
_COMPRESSION = frozenset({"comp-lzo", "compress"})
_CIPHERS = frozenset({"data-ciphers", "ncp-ciphers"})
_DIGEST = "SHA1"


def fits(directive: Directive, needed: Collection[str], settings: ProfileSettings) -> bool:
    """Whether a line of the operator's leaves the packets as the server expects them.

    Args:
        needed: the names of the lines that the server needs; what those say is not judged here.
    """
    if directive.name in needed:
        return True
    for names in (_COMPRESSION, _CIPHERS):
        if directive.name in names and names.intersection(needed):
            return False
    first = directive.arguments[0].upper() if directive.arguments else ""
    if directive.name in _CIPHERS:
        return any(cipher in ALWAYS_OFFERED for cipher in first.split(":"))
    if directive.name == "auth":
        # With tls-crypt and a cipher of today's, nothing goes by it.
        counts = settings.tls_key is TlsKey.AUTH or bool(settings.ciphers)
        return not counts or first == _DIGEST
    return directive.arguments in _BY_DEFAULT.get(directive.name, {directive.arguments})
