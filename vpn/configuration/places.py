"""Where the configuration of an operator's own says that things are.

OpenVPN takes a relative path from the folder it was started in, or from its last `cd`. After a
`chroot` the CRL and the clients' files are looked for below the new root, whatever the path is.
"""

import posixpath
from collections.abc import Sequence
from dataclasses import replace
from ipaddress import ip_address

from vpn.configuration.directives import Directive, parse_directives, split_words
from vpn.configuration.server import COMMON_NAME, ConfFacts
from vpn.errors import HostError
from vpn.host.interface import ServerHost
from vpn.host.permissions import real_path
from vpn.layout import (
    HAND_WINDOW_S,
    Layout,
    ManagementPlace,
    NamedBy,
    Reader,
    TcpPort,
    UnixSocket,
)

_READ_AT_START = (
    *("ca", "cert", "key", "extra-certs", "pkcs12"),
    *("tls-auth", "tls-crypt", "tls-crypt-v2"),
)
# In the place of a file name OpenVPN takes this for the block of that name further down.
_INLINE = "[inline]"
_SOCKET_KIND = "unix"
# How deep files may include each other: read_config_file() in OpenVPN's options_parse.c.
_INCLUDES = 10
_WITH_PASSWORD = 3


def named_layout(facts: ConfFacts, conf: str, start_folder: str) -> Layout:
    """The layout that a configuration names, symlinks not followed.

    Args:
        conf, start_folder: relative to /, as in `Layout`.
    """
    walk = _Paths(facts, start_folder)
    crl = facts.first_argument("crl-verify")
    names_file = crl is not None and crl != _INLINE and not _names_folder(facts)
    ccd = facts.first_argument("client-config-dir")
    certificate = file_argument(facts, "cert")
    named_by = NamedBy.COMMON_NAME
    if facts.has("username-as-common-name"):
        named_by = NamedBy.USER_NAME
    elif facts.name_fields != (COMMON_NAME,):
        named_by = NamedBy.OTHER_FIELDS
    window = facts.first_argument("hand-window") or ""
    at_start = (file_argument(facts, name) for name in _READ_AT_START)
    return Layout(
        conf=conf,
        crl=walk.below_root(crl) if crl is not None and names_file else None,
        ccd=walk.below_root(ccd) if ccd else None,
        exclusive=ccd is not None and facts.has("ccd-exclusive"),
        management=_management(facts, walk),
        certificate=walk.path(certificate) if certificate else None,
        read_at_start=(conf, *(walk.path(name) for name in at_start if name)),
        reader=Reader(facts.first_argument("user"), facts.first_argument("group")),
        hand_window_s=int(window) if window.isdecimal() else HAND_WINDOW_S,
        start_folder=start_folder,
        named_conf=conf,
        named_by=named_by,
    )


def revoked_folder(facts: ConfFacts, start_folder: str) -> str | None:
    """The folder in which each file is named by a serial that is refused; None where none is used.

    OpenVPN takes the last `crl-verify`, and `dir` from any of them.
    """
    name = facts.first_argument("crl-verify")
    if name is None or not _names_folder(facts):
        return None
    return _Paths(facts, start_folder).below_root(name)


def _names_folder(facts: ConfFacts) -> bool:
    return any(
        directive.arguments[1:] == ("dir",)
        for directive in facts.directives
        if directive.name == "crl-verify"
    )


def named_path(facts: ConfFacts, start_folder: str, name: str) -> str:
    """Where a file name of the configuration leads, relative to /."""
    return _Paths(facts, start_folder).path(name)


class _Paths:
    """Turns what a configuration calls a file into a path relative to /."""

    def __init__(self, facts: ConfFacts, start_folder: str) -> None:
        folder = f"/{start_folder}"
        for directive in facts.directives:
            if directive.name == "cd" and directive.arguments:
                folder = posixpath.join(folder, directive.arguments[0])
        self._folder = folder
        self._root = facts.first_argument("chroot")

    def path(self, name: str) -> str:
        return posixpath.normpath(posixpath.join(self._folder, name)).lstrip("/")

    def below_root(self, name: str) -> str:
        """Of what is read after the start: with a chroot, below it."""
        if self._root is None:
            return self.path(name)
        return self.path(posixpath.join(self._root, name.lstrip("/")))


def _management(facts: ConfFacts, walk: _Paths) -> ManagementPlace | None:
    words = facts.last("management")
    # With the first OpenVPN connects to a program of the operator's, with the second it restarts
    # whenever somebody has asked it.
    is_not_ours = facts.has("management-client") or facts.has("management-signal")
    if words is None or len(words) < _WITH_PASSWORD - 1 or is_not_ours:
        return None
    password = walk.path(words[2]) if len(words) >= _WITH_PASSWORD else None
    if words[1] == _SOCKET_KIND:
        return UnixSocket(walk.path(words[0]), password)
    if not words[1].isdecimal():
        return None
    host = "127.0.0.1" if words[0] == "localhost" else _plain_address(words[0])
    return TcpPort(host, int(words[1]), password)


def _plain_address(text: str) -> str:
    try:
        return str(ip_address(text))
    except ValueError:
        return text  # a name, or 'tunnel': not on loopback, as far as anybody can tell


def file_argument(facts: ConfFacts, name: str) -> str | None:
    """The file that a directive names; None where it is absent, or stands in the configuration."""
    named = [directive for directive in facts.directives if directive.name == name]
    if not named or named[-1].inline is not None or not named[-1].arguments:
        return None
    file = named[-1].arguments[0]
    return None if file == _INLINE else file


def inline_text(facts: ConfFacts, name: str) -> str | None:
    """What stands between <name> and </name>, where there is such a block."""
    blocks = [d.inline for d in facts.directives if d.name == name and d.inline is not None]
    return blocks[-1] if blocks else None


# Files that OpenVPN wants to find when it starts, by the word that names each.
_WANTED_FILES = (
    *((name, 0) for name in ("ca", "cert", "key", "dh", "extra-certs", "pkcs12", "crl-verify")),
    *((name, 0) for name in ("tls-auth", "tls-crypt", "tls-crypt-v2", "auth-gen-token-secret")),
    *((name, 0) for name in ("capath", "client-config-dir", "plugin", "tmp-dir", "askpass")),
    ("management", 2),
)
# Commands, whose program has to be there: a script and its arguments are one word.
_WANTED_PROGRAMS = (
    *("auth-user-pass-verify", "client-connect", "client-crresponse", "client-disconnect"),
    *("down", "ipchange", "learn-address", "route-pre-down", "route-up", "tls-crypt-v2-verify"),
    *("tls-verify", "up"),
)
# Names by themselves, not of files.
_NO_FILES = {"dh": ("none",), "askpass": ("",), "capath": (), "plugin": ()}


def wanted_files(facts: ConfFacts, start_folder: str) -> list[tuple[str, str]]:
    """Each directive that names a file or a folder, and its path relative to /."""
    walk = _Paths(facts, start_folder)
    found: list[tuple[str, str]] = []
    for directive in facts.directives:
        for name, place in _WANTED_FILES:
            words = directive.arguments[place : place + 1]
            if directive.name != name or directive.inline is not None or not words:
                continue
            # A plugin without a folder is looked for in OpenVPN's own.
            is_elsewhere = name == "plugin" and "/" not in words[0]
            if words[0] != _INLINE and words[0] not in _NO_FILES.get(name, ()) and not is_elsewhere:
                below = name in ("crl-verify", "client-config-dir")
                found.append((name, walk.below_root(words[0]) if below else walk.path(words[0])))
        if directive.name in _WANTED_PROGRAMS and directive.arguments:
            program = split_words(directive.arguments[0])[:1]
            if program and "/" in program[0]:
                found.append((directive.name, walk.path(program[0])))
    return list(dict.fromkeys(found))


async def read_facts(host: ServerHost, conf: str, start_folder: str) -> ConfFacts | None:
    """What a configuration says, with the files that it includes; None where there is none.

    As OpenVPN does, a file that a `config` line names is read where the line stands, from the
    folder of the `cd` before it.

    Args:
        conf, start_folder: relative to /, as in `Layout`.

    Raises:
        HostError: it, or what it includes, cannot be read.
    """
    content = await host.read(await real_path(host, conf))
    if content is None:
        return None
    return ConfFacts(tuple(await _with_included(host, content, [], start_folder, _INCLUDES)))


async def _with_included(
    host: ServerHost, content: bytes, before: Sequence[Directive], start_folder: str, depth: int
) -> list[Directive]:
    directives: list[Directive] = []
    for directive in parse_directives(conf_text(content)):
        directives.append(directive)
        if directive.name != "config" or not directive.arguments:
            continue
        so_far = ConfFacts((*before, *directives))
        path = named_path(so_far, start_folder, directive.arguments[0])
        included = await host.read(await real_path(host, path)) if depth else None
        if included is None:
            raise HostError(f"/{path} can't be read, and a `config` line includes it.")
        directives += await _with_included(
            host, included, so_far.directives, start_folder, depth - 1
        )
    return directives


def conf_text(content: bytes) -> str:
    """The text of a configuration; every byte is kept, and a byte order mark is passed over."""
    return content.decode("utf-8", "surrogateescape").removeprefix("\ufeff")


async def resolved(host: ServerHost, layout: Layout) -> Layout:
    """The same layout, every symlink followed.

    Raises:
        HostError: a folder on the way cannot be looked at.
    """

    async def real(path: str | None) -> str | None:
        return None if path is None else await real_path(host, path)

    at_start = [await real_path(host, path) for path in layout.read_at_start]
    return replace(
        layout,
        conf=at_start[0],
        crl=await real(layout.crl),
        ccd=await real(layout.ccd),
        management=await _resolved_place(host, layout.management),
        certificate=await real(layout.certificate),
        read_at_start=tuple(at_start),
    )


async def _resolved_place(
    host: ServerHost, place: ManagementPlace | None
) -> ManagementPlace | None:
    if place is None:
        return None
    password = place.password_file and await real_path(host, place.password_file)
    if isinstance(place, UnixSocket):
        return UnixSocket(await real_path(host, place.path), password)
    return replace(place, password_file=password)
