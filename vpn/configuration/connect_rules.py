"""What OpenVPN Connect demands of a profile.

Connect is made of openvpn3, which ends the import at an option that it does not know, where
OpenVPN 2 would only warn. Source: openvpn3's ClientOptions::handle_unused_options() and
ProfileParseLimits.
"""

from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass

from vpn.configuration.directives import Directive, parse_directives

PROFILE_BYTES = 262_144
LINE_CHARACTERS = 512
DIRECTIVE_CHARACTERS = 64

# Known to openvpn3, and of use in a client's profile.
_USED_WORDS = """
allow-name-constraints app-custom-protocols auth auth-nocache auth-user-pass block-ipv4 block-ipv6
block-outside-dns ca cert cipher client comp-lzo compress crl-verify dev dev-type
dhcp-option dns extra-certs hand-window http-proxy http-proxy-option ignore-unknown-option inactive
key key-direction keysize mssfix ns-cert-type port proto pull pull-filter push-peer-info
redirect-gateway redirect-private remote remote-cert-eku remote-cert-ku remote-cert-tls
remote-random remote-random-hostname reneg-sec route route-ipv6 route-metric route-nopull rport
server-poll-timeout setenv static-challenge tls-auth tls-cert-profile tls-cipher tls-ciphersuites
tls-client tls-crypt tls-crypt-v2 tls-groups tls-timeout tls-version-min tran-window tun-mtu
tun-mtu-max verify-x509-name
"""
# Known and passed over, silently or with a line in the log.
_IGNORED_WORDS = """
allow-compression allow-pull-fqdn allow-recursive-routing auth-retry bind compat-mode
connect-retry connect-retry-max connect-timeout data-ciphers data-ciphers-fallback disable-dco
disable-occ down down-pre ecdh-curve engine explicit-exit-notify fast-io group ifconfig-noexec
ifconfig-nowarn ip-win32 ipchange keepalive learn-address link-mtu local lport
machine-readable-output mark max-routes mlock mtu-disc mtu-test mute mute-replay-warnings
ncp-ciphers nice nobind opt-verify passtos persist-key persist-local-ip persist-remote-ip
persist-tun plugin preresolve prng providers rcvbuf remap-usr1 reneg-bytes reneg-pkts
replay-persist replay-window resolv-retry route-delay route-method route-noexec route-pre-down
route-up script-security setenv-safe shaper show-net-up sndbuf socket-flags suppress-timestamps
tcp-nodelay tls-exit tls-export-cert tls-verify tls-version-max tmp-dir tun-ipv6 tun-mtu-extra
txqueuelen udp-mtu up up-delay user verb x509-track
"""
_KNOWN = frozenset((_USED_WORDS + _IGNORED_WORDS).split())
_NEEDED = ("client", "remote", "ca")
_INLINE = ("ca", "cert", "key", "tls-auth", "tls-crypt", "tls-crypt-v2")
_KEY_PAIR = ("cert", "key")


@dataclass(frozen=True, slots=True)
class Objection:
    """What is wrong with a profile; `line` is None for what is missing from all of it."""

    text: str
    line: int | None = None

    def __str__(self) -> str:
        return self.text if self.line is None else f"Line {self.line}: {self.text}"


def check_profile(
    text: str,
    *,
    key_direction: int | None = 1,
    beyond_connect: Collection[str] = (),
    has_key: bool = True,
) -> list[str]:
    """The objections as one sentence each; empty where all is fine."""
    wrong = objections(
        text, key_direction=key_direction, beyond_connect=beyond_connect, has_key=has_key
    )
    return [str(objection) for objection in wrong]


def objections(
    text: str,
    *,
    key_direction: int | None = 1,
    beyond_connect: Collection[str] = (),
    has_key: bool = True,
) -> list[Objection]:
    """What OpenVPN Connect would object to.

    Args:
        key_direction: what must stand beside a tls-auth key; None is no such line.
        beyond_connect: 'tap' or a directive that the server forces on its clients, and that
            Connect does not have: not objected to.
        has_key: whether the private key is in it; else its owner puts it in.
    """
    directives = parse_directives(text)
    named = Counter(directive.name for directive in directives)
    return [
        *_size_problems(text),
        *_unknown_problems(directives, beyond_connect),
        *(Objection(f"'{name}' is missing.") for name in _NEEDED if not named[name]),
        *_certificate_problems(named, _KEY_PAIR if has_key else _KEY_PAIR[:1]),
        *(
            problem
            for directive in directives
            for problem in _directive_problems(directive, beyond_connect)
        ),
        *_key_direction_problems(directives, named, key_direction),
    ]


def _size_problems(text: str) -> list[Objection]:
    problems = []
    size = len(text.encode())
    if size > PROFILE_BYTES:
        problems.append(Objection(f"The profile has {size} bytes, more than {PROFILE_BYTES}."))
    for number, line in enumerate(text.split("\n"), start=1):
        if len(line.encode()) > LINE_CHARACTERS:
            problems.append(Objection(f"It is longer than {LINE_CHARACTERS} bytes.", number))
    return problems


def _unknown_problems(directives: list[Directive], tolerated: Collection[str]) -> list[Objection]:
    excused = {
        name
        for directive in directives
        if directive.name == "ignore-unknown-option"
        for name in directive.arguments
    }
    known = _KNOWN | excused | set(tolerated)
    return [
        Objection(
            f"Connect refuses '{directive.name[:DIRECTIVE_CHARACTERS]}'.", directive.line_number
        )
        for directive in directives
        if directive.name not in known
    ]


def _certificate_problems(named: Counter[str], needed: Collection[str]) -> list[Objection]:
    if named["pkcs12"]:
        return []  # already named as refused
    return [
        Objection(f"'{name}' is missing: Connect would ask for a certificate from elsewhere.")
        for name in needed
        if not named[name]
    ]


def _directive_problems(directive: Directive, tolerated: Collection[str]) -> list[Objection]:
    line = directive.line_number
    if len(directive.name) > DIRECTIVE_CHARACTERS:
        words = f"A directive is longer than {DIRECTIVE_CHARACTERS} characters."
        return [Objection(words, line)]
    is_tap = directive.name in {"dev", "dev-type"} and "tap" in "".join(directive.arguments)
    if is_tap and "tap" not in tolerated:
        return [Objection("Connect has tun only.", line)]
    if directive.name == "remote" and not directive.arguments:
        return [Objection("'remote' names no host.", line)]
    if directive.name in _INLINE and directive.inline is None:
        return [Objection(f"'{directive.name}' names a file; it must be inline.", line)]
    return []


def _key_direction_problems(
    directives: list[Directive], named: Counter[str], wanted: int | None
) -> list[Objection]:
    if not named["tls-auth"]:
        return []
    directions = {d.arguments for d in directives if d.name == "key-direction"}
    if wanted is None:
        words = "The server's tls-auth key has no direction: no 'key-direction'."
        return [Objection(words)] if directions else []
    if directions == {(str(wanted),)}:
        return []
    return [Objection(f"'tls-auth' needs 'key-direction {wanted}' beside it.")]
