"""The operator's own profile: rendered around our blocks, and checked before anybody gets it.

(1) The template gets a placeholder for each block that stands inline, never a key or a certificate.
So no error of a template, and no filter, ever sees a key. (2) It is rendered elsewhere. (3) Each
placeholder has to stand alone on its line, once, and the block takes its place. (4) What comes out
is checked as a client would read it: all that the server needs has to be there, unchanged.
"""

import secrets
from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from bot.handover.fields import Fields
from bot.handover.folder import PROFILE
from bot.handover.packets import fits
from bot.handover.rendering import Job, Rendered, refusal
from vpn.configuration.connect_rules import Objection, objections
from vpn.configuration.directives import Directive, parse_directives
from vpn.configuration.profile import ProfileParts, ProfileSettings, TlsKey, beyond_connect
from vpn.values import DEFAULT_PORT, Protocol

# The blocks as templates name them; the last one is whatever wraps the handshake.
_NAMED_BLOCKS = ("ca", "cert", "key")
_TLS = "tls"
# OpenVPN takes it for UDP only.
_GOODBYE = "explicit-exit-notify"
# A profile without these works all the same, or the operator may know better.
_FREE = frozenset(
    {
        *(_GOODBYE, "ignore-unknown-option", "nobind", "persist-tun", "remote", "remote-random"),
        *("resolv-retry", "server-poll-timeout", "setenv", "tls-version-min", "verb"),
        *("verify-x509-name",),
    }
)
# Of these only what the server needs may be there: another one would let others pose as it.
_ONLY_OURS = frozenset({"remote-cert-tls", "verify-x509-name", "ns-cert-type"})
_KEY = "PRIVATE KEY-----"


@dataclass(frozen=True, slots=True)
class OwnProfile:
    """One profile that is to be made from the operator's template.

    Attributes:
        blocks: what stands inline, by its placeholder.
    """

    server: str
    built_in: ProfileParts
    settings: ProfileSettings
    job: Job
    blocks: Mapping[str, str] = field(repr=False)


def prepare(fields: Fields, built_in: ProfileParts, settings: ProfileSettings) -> OwnProfile:
    """Everything that the template is rendered from, without any secret in it."""
    blocks: dict[str, str] = {}
    inline = dict.fromkeys((*_NAMED_BLOCKS, _TLS), "")
    for directive in parse_directives(built_in.inline):
        name = directive.name if directive.name in _NAMED_BLOCKS else _TLS
        inline[name] = inline[name] or f"[{name} {secrets.token_hex(16)}]"  # (1)
        text = f"<{directive.name}>\n{directive.inline}</{directive.name}>"
        # Where servers that share a profile have tls keys of their own, there are several.
        blocks[inline[name]] = "\n".join(filter(None, (blocks.get(inline[name]), text)))
    job = Job(PROFILE, fields.as_json(directives=built_in.directives, inline=inline))
    return OwnProfile(fields.server, built_in, settings, job, blocks)


def finish(folder: Path, own: OwnProfile, rendered: Rendered) -> str:
    """The profile, with its blocks.

    Raises:
        BadTemplate: it would not do; the words name the template's line where there is one.
    """

    def refuse(objection: Objection, line: int | None) -> None:
        raise refusal(folder, PROFILE, objection.text, line=rendered.source_line(line))

    for objection in _misplaced(own, rendered.text):
        refuse(objection, objection.line)
    lines, origins = _filled(own, rendered.text)  # (3)
    text = "\n".join(lines)
    for objection in _wrong(own, text):  # (4)
        refuse(objection, objection.line and origins[objection.line - 1])
    return text if text.endswith("\n") else f"{text}\n"


def _misplaced(own: OwnProfile, text: str) -> Iterator[Objection]:
    for mark in own.blocks:
        name = mark[1:].split()[0]
        places = [n for n, line in enumerate(text.split("\n"), start=1) if mark in line]
        if not places:
            yield Objection(f"'{{{{ inline.{name} }}}}' is missing, or '{{{{ inline }}}}'.")
        if text.count(mark) > 1:
            yield Objection(f"The block '{name}' is in it more than once.", places[-1])
        for place in places:
            if text.split("\n")[place - 1].strip() != mark:
                yield Objection(f"The block '{name}' has to stand alone on its line.", place)


def _filled(own: OwnProfile, text: str) -> tuple[list[str], list[int]]:
    """The profile's lines, and for each the rendered line that it comes from."""
    lines: list[str] = []
    origins: list[int] = []
    for number, line in enumerate(text.split("\n"), start=1):
        block = own.blocks.get(line.strip())
        new = [line] if block is None else block.split("\n")
        lines += new
        origins += [number] * len(new)
    return lines, origins


def _wrong(own: OwnProfile, text: str) -> Iterator[Objection]:
    directives = parse_directives(text)
    needed = parse_directives(own.built_in.text)
    yield from objections(
        text,
        key_direction=own.settings.key_direction,
        beyond_connect=beyond_connect(own.built_in, own.settings),
        has_key=own.built_in.has_key,
    )
    yield from _wrong_blocks(directives, needed, own.server)
    if text.count(_KEY) != own.built_in.text.count(_KEY):
        yield Objection("There is another private key in it.")
    yield from _wrong_lines(directives, needed, own.server)
    names = {directive.name for directive in needed}
    for directive in directives:
        if not fits(directive, names, own.settings):
            line = _line(directive.name, directive.arguments)
            yield Objection(f"'{line}' doesn't fit {own.server}.", directive.line_number)
    # Others may stand beside it; it may be written in other words.
    for host, port, protocol in set(_remotes(needed)) - set(_remotes(directives)):
        yield Objection(f"'remote {host} {port} {protocol}' is missing.")


def _wrong_blocks(
    directives: Collection[Directive], needed: Collection[Directive], server: str
) -> Iterator[Objection]:
    ours = Counter((d.name, d.inline) for d in needed if d.inline is not None)
    found = Counter((d.name, d.inline) for d in directives if d.inline is not None)
    for name, inline in ours:
        if found[name, inline] != 1:
            yield Objection(f"The block '{name}' isn't read: something before it isn't closed.")
    for directive in directives:
        is_named = directive.name in {name for name, _ in ours}
        if is_named and (directive.name, directive.inline) not in ours:
            yield Objection(f"There is another '{directive.name}'.", directive.line_number)
        # A handshake is wrapped once, or OpenVPN refuses the profile.
        if directive.name in set(TlsKey) and not is_named:
            yield Objection(f"'{directive.name}' doesn't fit {server}.", directive.line_number)


def _wrong_lines(
    directives: Collection[Directive], needed: Collection[Directive], server: str
) -> Iterator[Objection]:
    """What the server needs is there, and nothing takes it back."""
    ours = {(d.name, d.arguments) for d in needed if d.inline is None}
    names = {name for name, _ in ours}
    found = {(d.name, d.arguments) for d in directives}
    for name, arguments in sorted(ours - found):
        if name not in _FREE:
            line = _line(name, arguments)
            yield Objection(f"'{line}' is missing, which {server} needs.")
    for directive in directives:
        is_ours = (directive.name, directive.arguments) in ours or directive.inline is not None
        # Where ours says nothing, most of what the operator adds is their own matter.
        matters = directive.name in _ONLY_OURS | (names - _FREE)
        if (matters and not is_ours) or (directive.name == _GOODBYE and _GOODBYE not in names):
            line = _line(directive.name, directive.arguments)
            yield Objection(f"'{line}' doesn't fit {server}.", directive.line_number)


def _line(name: str, arguments: tuple[str, ...]) -> str:
    return " ".join((name, *arguments))


def _remotes(directives: Collection[Directive]) -> Iterator[tuple[str, str, str]]:
    """Host, port and protocol of each; `port` and `proto` stand for what a remote leaves out.

    OpenVPN goes by `rport` as well, and Connect does not: no port where they disagree.
    """
    port = _last(directives, {"port"}, str(DEFAULT_PORT))
    if port != _last(directives, {"port", "rport"}, str(DEFAULT_PORT)):
        port = ""
    protocol = _last(directives, {"proto"}, Protocol.UDP)
    for directive in directives:
        if directive.name == "remote" and directive.arguments:
            host, *rest = directive.arguments
            yield (
                host,
                (rest[:1] or [port])[0],
                (rest[1:2] or [protocol])[0].removesuffix("-client"),
            )


def _last(directives: Collection[Directive], names: Collection[str], default: str) -> str:
    values = [d.arguments[0] for d in directives if d.name in names and d.arguments]
    return values[-1] if values else default
