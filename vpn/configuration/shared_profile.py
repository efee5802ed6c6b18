"""One profile for several servers, of which a client takes the first that answers.

What stands in a profile once has to suit all of them. Of its own each has what `remote` says, and
its tls key: OpenVPN takes that inside of `<connection>` since 2.5 (manual, 'Client Options').
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from itertools import takewhile

from vpn.configuration.profile import ProfileSettings, SharedBy
from vpn.values import Remote

# A profile names each of them, and OpenVPN 2.5 takes 64.
MOST_SERVERS = 32
# `verify-x509-name … name-prefix` lets in who has a name that begins so: a letter or two would be
# no check, and nor would half a word.
_SHORTEST_PREFIX = 4
_WORD_ENDS = "-._ "
_SAID = {
    "tls_key": "the kind of tls key",
    "key_direction": "the direction of the tls-auth key",
    "device": "tun or tap",
    "auth": "auth",
    "ciphers": "the ciphers",
    "negotiates": "whether the cipher is negotiated",
    "compression": "compression",
    "same_lines": "lines that both sides must have",
    "tls_version_min": "the oldest TLS version",
    "is_marked": "whether the server's certificate is marked as a server's",
    "asks_password": "whether a password is asked for",
}


@dataclass(frozen=True, slots=True)
class ServerSide:
    """What one server asks of its clients.

    Attributes:
        common_name: of its certificate; None where it is not known.
    """

    name: str
    remote: Remote
    settings: ProfileSettings
    common_name: str | None


def disagreements(sides: Sequence[ServerSide]) -> list[str]:
    """Why no one profile opens all of these, a sentence each; empty where one does."""
    first, *others = sides
    found = [
        f"{first.name} and {other.name} differ in {_SAID[field.name]}: "
        f"{_shown(first.settings, field.name)} and {_shown(other.settings, field.name)}."
        for other in others
        for field in fields(ProfileSettings)
        if getattr(first.settings, field.name) != getattr(other.settings, field.name)
    ]
    names = [side.common_name for side in sides]
    if _common_name(names) is None and any(names):
        called = ", ".join(f"{side.name}: {side.common_name or 'not known'}" for side in sides)
        found.append(
            "The names of their certificates don't begin alike, so clients couldn't tell these "
            f"servers from others ({called})."
        )
    return found


def shared_by(
    sides: Sequence[ServerSide], tls_keys: Sequence[str], *, random: bool
) -> SharedBy | None:
    """What the profile has besides, of servers without `disagreements`; None of a single one.

    Args:
        tls_keys: what wraps the handshake with each of them; one or none where they share it.
    """
    if len(sides) == 1:
        return None
    return SharedBy(
        remotes=tuple(side.remote for side in sides),
        random=random,
        by_prefix=len({side.common_name for side in sides}) > 1,
        tls_keys=tuple(tls_keys) if len(tls_keys) > 1 else (),
    )


def common_name_of(sides: Sequence[ServerSide]) -> str | None:
    """The name of their certificates, or what all of these begin with; None where not known."""
    return _common_name([side.common_name for side in sides])


def _common_name(names: Sequence[str | None]) -> str | None:
    known = [name for name in names if name is not None]
    if len(known) < len(names) or not known:
        return None
    if len(set(known)) == 1:
        return known[0]
    alike = takewhile(lambda letters: len(set(letters)) == 1, zip(*known, strict=False))
    prefix = "".join(letters[0] for letters in alike)
    while prefix and prefix[-1] not in _WORD_ENDS:
        prefix = prefix[:-1]
    return prefix if len(prefix) >= _SHORTEST_PREFIX else None


def _shown(settings: ProfileSettings, name: str) -> str:
    value = getattr(settings, name)
    if isinstance(value, tuple):
        value = "; ".join(" ".join(each) if isinstance(each, tuple) else each for each in value)
    return str(value or "none") if not isinstance(value, bool) else ("yes" if value else "no")
