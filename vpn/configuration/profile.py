"""The profile: one .ovpn file that a person imports."""

import re
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any

from anyascii import anyascii

from vpn.configuration.directives import quoted
from vpn.values import Protocol, Remote

_FRIENDLY_NAME_LENGTH = 100
# Quotes and backslashes would end or change the quoted word (OpenVPN manual, 'Escapes').
_UNSAFE_IN_QUOTES = re.compile(r"[^ !#-\[\]-~]")


# Every version since 2.4, and Connect, takes these.
ALWAYS_OFFERED = ("AES-256-GCM", "AES-128-GCM")


# A client waits two minutes for a server, before it tries the next, if nobody says otherwise.
_NEXT_AFTER_S = 10


# The block with what one of several servers has of its own.
CONNECTION = "connection"


class TlsKey(StrEnum):
    """What wraps the handshake; the value is the directive."""

    AUTH = "tls-auth"
    CRYPT = "tls-crypt"
    CRYPT_V2 = "tls-crypt-v2"


def framing(compression: tuple[str, ...], device: str) -> tuple[str, ...]:
    """What a profile has to say of the server's compression, as words.

    NetworkManager refuses a profile with `compress stub-v2`. That marks packets whose first byte is
    0x50, which no IP packet begins with, and leaves all others as they are: it can be left out.
    """
    return () if (compression, device) == (("compress", "stub-v2"), "tun") else compression


@dataclass(frozen=True, slots=True)
class ProfileSettings:
    """What a profile must say for its server to take it. The defaults are a deployed server's.

    Attributes:
        key_direction: the client's side of a tls-auth key; None where the server has none.
        device: tun or tap.
        auth: the digest that the server names.
        ciphers: what the server demands beyond what every client offers by itself; the first
            is the one to fall back to.
        negotiates: the server picks the cipher; otherwise the client must know it.
        compression: the server's directive where it shapes every packet, as words.
        same_lines: further directives that both sides must have, as words.
        is_marked: the server's certificate says that it is a server's.
        asks_password: the server wants a name and a password beside the certificate.
    """

    tls_key: TlsKey | None = TlsKey.CRYPT_V2
    key_direction: int | None = None
    device: str = "tun"
    auth: str | None = None
    ciphers: tuple[str, ...] = ()
    negotiates: bool = True
    compression: tuple[str, ...] = ()
    same_lines: tuple[tuple[str, ...], ...] = ()
    tls_version_min: str = "1.2"
    is_marked: bool = True
    asks_password: bool = False

    @property
    def beyond_connect(self) -> tuple[str, ...]:
        """What OpenVPN Connect does not have, so that only OpenVPN itself takes the profile."""
        tap = ("tap",) if self.device == "tap" else ()
        return (*tap, *(line[0] for line in self.same_lines if line[0] == "fragment"))

    def to_json(self) -> dict[str, Any]:
        """As JSON values; `from_json` reads it again."""
        return asdict(self)

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> "ProfileSettings":
        """Raises KeyError or TypeError where it is not what `to_json` gave."""
        return cls(
            **(
                values
                | {
                    "tls_key": values["tls_key"] and TlsKey(values["tls_key"]),
                    "ciphers": tuple(values["ciphers"]),
                    "compression": framing(tuple(values["compression"]), values["device"]),
                    "same_lines": tuple(tuple(line) for line in values["same_lines"]),
                }
            )
        )


DEPLOYED_PROFILE = ProfileSettings()


@dataclass(frozen=True, slots=True)
class ProfileMaterial:
    """What goes inline. The private key exists in memory only.

    Attributes:
        private_key_pem: None where its owner keeps it, and puts it in.
        tls_key: the wrapped client key for tls-crypt-v2; the server's own for tls-auth and
            tls-crypt, which all its clients share; None where the server has none.
    """

    ca_pem: str
    certificate_pem: str
    private_key_pem: str | None = field(repr=False)
    tls_key: str | None = field(repr=False)


@dataclass(frozen=True, slots=True)
class SharedBy:
    """What a profile for several servers has besides: see `vpn.configuration.shared_profile`.

    Attributes:
        remotes: of all of them, the first one included, in the order in which clients try them.
        random: whether each client tries them in an order of its own.
        by_prefix: whether the names of their certificates only begin alike.
        tls_keys: in the order of `remotes`; empty where one serves for all.
    """

    remotes: tuple[Remote, ...]
    random: bool = False
    by_prefix: bool = False
    tls_keys: tuple[str, ...] = field(default=(), repr=False)


@dataclass(frozen=True, slots=True)
class ProfileParts:
    """A profile's two halves: directives, and what stands inline after them."""

    directives: tuple[str, ...]
    inline: str = field(repr=False)

    @property
    def has_connections(self) -> bool:
        """Whether servers have blocks of their own, which Connect reads for their names only."""
        return f"<{CONNECTION}>" in self.inline.splitlines()

    @property
    def has_key(self) -> bool:
        """Whether the private key is in it."""
        return "<key>" in self.inline.splitlines()

    @property
    def text(self) -> str:
        return "\n".join([*self.directives, self.inline]) + "\n"


def beyond_connect(parts: ProfileParts, settings: ProfileSettings) -> tuple[str, ...]:
    """What a profile of ours has to have, and OpenVPN Connect does not."""
    return (*settings.beyond_connect, *([CONNECTION] if parts.has_connections else []))


def render_profile(
    *,
    remote: Remote,
    server_common_name: str | None,
    friendly_name: str,
    material: ProfileMaterial,
    settings: ProfileSettings = DEPLOYED_PROFILE,
    shared: SharedBy | None = None,
) -> ProfileParts:
    """A profile for OpenVPN and OpenVPN Connect.

    With tls-crypt-v2 it takes OpenVPN 2.5, with the others 2.4. It has cipher lines only where
    the server demands what is not offered by itself: all versions negotiate AES-GCM, and a fixed
    cipher breaks with newer ones. It has nothing that Connect does not know, because Connect
    refuses the whole profile then (see `vpn.configuration.connect_rules`), unless the server forces
    it.

    Args:
        server_common_name: of the server's certificate; None where it is not known.
        shared: with which other servers; `remote` and the material's tls key are the first one's.
    """
    remotes = (remote,) if shared is None else shared.remotes
    tls_keys = () if shared is None else shared.tls_keys
    # OpenVPN passes over `remote` where there are connections. Connect takes both, and knows one
    # tls key only, so that it gets into the first of them.
    named = remotes[:1] if tls_keys else remotes
    lines = [
        "client",
        f"dev {settings.device}",
        *map(_remote_line, named),
        *(["remote-random"] if shared is not None and shared.random else []),
        *([] if shared is None else [f"server-poll-timeout {_NEXT_AFTER_S}"]),
        "nobind",
        "resolv-retry infinite",
        "persist-tun",
    ]
    # Without these two any holder of a client certificate could pose as the server.
    if settings.is_marked:
        lines.append("remote-cert-tls server")
    if server_common_name is not None:
        kind = "name-prefix" if shared is not None and shared.by_prefix else "name"
        lines.append(f"verify-x509-name {quoted(server_common_name)} {kind}")
    lines.append(f"tls-version-min {settings.tls_version_min}")
    if settings.auth:
        lines.append(f"auth {settings.auth}")
    lines += _cipher_lines(settings)
    for words in (settings.compression, *settings.same_lines):
        if words:
            lines.append(" ".join(map(quoted, words)))
    if settings.asks_password:
        lines.append("auth-user-pass")
    if settings.tls_key is TlsKey.AUTH and settings.key_direction is not None:
        lines.append(f"key-direction {settings.key_direction}")
    # Plain ASCII: Connect shows this name in its list, and older ones garble anything else.
    plain = " ".join(_UNSAFE_IN_QUOTES.sub("", anyascii(friendly_name)).split())
    shown = plain[:_FRIENDLY_NAME_LENGTH].rstrip() or "VPN"
    lines += ["verb 3", f'setenv FRIENDLY_NAME "{shown}"']
    if all(each.protocol is Protocol.UDP for each in remotes):
        # TCP says goodbye by itself, and OpenVPN refuses the option there.
        lines.append("explicit-exit-notify 1")
    blocks = {
        "ca": material.ca_pem,
        "cert": material.certificate_pem,
    }
    if material.private_key_pem is not None:
        blocks["key"] = material.private_key_pem
    if settings.tls_key is not None and material.tls_key is not None:
        blocks[settings.tls_key] = material.tls_key
    inline = [_block(name, pem) for name, pem in blocks.items()]
    # Behind everything else: each begins with what was said so far.
    for each, key in zip(remotes, tls_keys, strict=False):
        own = f"{_remote_line(each)}\n{_block(str(settings.tls_key), key)}"
        inline.append(_block(CONNECTION, own))
    return ProfileParts(tuple(lines), "\n".join(inline))


def _remote_line(remote: Remote) -> str:
    return f"remote {remote.host} {remote.port} {remote.protocol}"


def _block(name: str, text: str) -> str:
    return f"<{name}>\n{text.strip()}\n</{name}>"


def _cipher_lines(settings: ProfileSettings) -> list[str]:
    """2.4 knows `cipher` only; since 2.5 it is `data-ciphers` that counts; Connect reads both."""
    if not settings.ciphers:
        return []
    offered = ":".join(dict.fromkeys((*ALWAYS_OFFERED, *settings.ciphers)))
    first = settings.ciphers[0]
    fallback = [] if settings.negotiates else [f"data-ciphers-fallback {first}"]
    return [
        "ignore-unknown-option data-ciphers data-ciphers-fallback",
        f"data-ciphers {offered}",
        *fallback,
        f"cipher {first}",
    ]
