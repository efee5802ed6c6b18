"""Looks at a server of an operator's own, and adds to its configuration what it lacks."""

import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import PurePosixPath
from shlex import quote

from cryptography import x509

from pki.crl import read_crl
from pki.errors import PkiError
from vpn.adopt import Adoption, inspect
from vpn.advice import Advice, advise
from vpn.amend import Amendment, amended, amendments, own_places, without
from vpn.client_files import COMMENT, client_file, default_lines, read_client_file
from vpn.directives import Directive, parse_directives
from vpn.errors import HostError, NotAdoptable, NotApplied
from vpn.host import ServerHost
from vpn.layout import Layout
from vpn.locks import conf_text
from vpn.names import ccd_file_name
from vpn.places import resolved
from vpn.standing import Standing

__all__ = ["Applied", "Examined", "apply", "dated_name", "examine", "restart_command"]

_ROOT = "root"
_PUBLIC, _FOLDER = 0o644, 0o755
_SOCKET_BYTES = 107  # unix(7)
# Read at once, before OpenVPN gets to showing something and ending.
_LOGGING = {"log", "log-append", "syslog", "daemon"}
# Debian's units, and the folders in which they start OpenVPN.
_UNITS = {"/etc/openvpn/server": "openvpn-server@", "/etc/openvpn": "openvpn@"}
_PLAIN_UNIT = re.compile(r"[A-Za-z0-9_.-]+", re.ASCII)

HostFor = Callable[[Layout], ServerHost]


@dataclass(frozen=True, slots=True)
class Examined:
    """A server as it is, with the symlinks on the way to its files followed."""

    adoption: Adoption
    standing: Standing
    advice: tuple[Advice, ...]

    @property
    def layout(self) -> Layout:
        return self.adoption.server.layout

    @property
    def writable_folders(self) -> tuple[str, ...]:
        """Those that the bot writes to, as far as its account may: of the CRL and the clients."""
        crl, ccd = self.layout.crl, self.layout.ccd
        folders = {_parent(crl)} if crl and self.standing.crl_writable else set()
        if ccd and self.standing.ccd_writable:
            folders.add(ccd)
        return tuple(sorted(folders))


@dataclass(frozen=True, slots=True)
class Applied:
    """What `apply` did.

    Attributes:
        changed: absolute paths, in the order of the change; the configuration comes last.
        copy: the configuration as it was before; None where it did not change.
        examined: the server with its new configuration, which is in force once it is restarted.
        commands: shell lines for root; until they are run, the old configuration is in force.
    """

    changed: tuple[str, ...]
    copy: str | None
    examined: Examined
    commands: tuple[str, ...]


async def examine(
    host: ServerHost,
    conf_path: PurePosixPath,
    *,
    account: str,
    issuer: x509.Certificate | None = None,
    start_folder: PurePosixPath | None = None,
) -> Examined:
    """Reads a server's configuration and the files that it names; changes nothing.

    Args:
        host: its paths begin at /.
        conf_path: absolute.
        account: the one that the bot runs as.
        issuer: the bot's CA, to see whether the server trusts it.
        start_folder: where OpenVPN is started; the configuration's own folder as a rule.

    Raises:
        HostError: the configuration cannot be read.
        NotAdoptable: there is none, or it is no server's.
    """
    content = await host.read(await host.resolve(_relative(conf_path)))
    if content is None:
        raise NotAdoptable(f"There is no {conf_path}; name the server's configuration.")
    text = conf_text(content)
    wanted: list[PurePosixPath] = []

    def note(path: PurePosixPath) -> None:
        wanted.append(path)

    inspect(text, conf_path, note, start_folder=start_folder)
    files = {path: await _content(host, path) for path in wanted}
    adoption = inspect(text, conf_path, files.get, start_folder=start_folder)
    layout = _with_bot_folders(await resolved(host, adoption.server.layout))
    adoption = replace(adoption, server=replace(adoption.server, layout=layout))
    standing = await _standing(host, layout, account)
    return Examined(adoption, standing, advise(adoption, standing, account, issuer))


async def _content(host: ServerHost, path: PurePosixPath) -> bytes | None:
    try:
        return await host.read(await host.resolve(_relative(path)))
    except HostError:
        return None  # what follows from that is said by the advice


def _relative(path: PurePosixPath) -> str:
    return str(path).lstrip("/")


def _with_bot_folders(layout: Layout) -> Layout:
    """What lies in the folder that `apply` makes is the bot's, whoever writes it."""
    places = own_places(layout.conf)
    folders = tuple(_relative(path) for path in (places.live, places.ccd))
    used = (layout.ccd == folders[1], layout.crl == _relative(places.crl))
    return replace(layout, bot_folders=folders) if any(used) else layout


async def _standing(host: ServerHost, layout: Layout, account: str) -> Standing:
    async def writable(folder: str | None) -> bool:
        return folder is not None and await host.may_write(folder, account)

    password = layout.management.password_file if layout.management else None
    shut_out = await host.shut_out(_parent(layout.conf), layout.reader)
    return Standing(
        crl_writable=layout.crl is not None and await writable(_parent(layout.crl)),
        ccd_writable=await writable(layout.ccd),
        folder_writable=account != _ROOT and await writable(_parent(layout.conf)),
        conf_readable=await host.may_read(layout.conf, account),
        password_readable=password is None or await host.may_read(password, account),
        shut_out=shut_out,
    )


def _parent(path: str) -> str:
    return path.rpartition("/")[0]


async def apply(
    host_for: HostFor,
    examined: Examined,
    *,
    account: str,
    names: Collection[str],
    crl_pem: bytes,
    issuer: x509.Certificate,
    now: datetime,
) -> Applied:
    """Adds what is missing for cuts that can be proved; run again, it changes nothing.

    1. Nothing is written before the checks have passed: the new text says what the old one
       says, and the new lines; OpenVPN itself has nothing against it.
    2. The bot's folder, the first CRL and the clients' files come before the configuration
       names them. OpenVPN does not start without the CRL, and with `ccd-exclusive` it refuses
       whoever has no file: so every name that is to keep working gets one, and files of the
       operator's keep what they say.
    3. The old configuration stays beside the new one under a dated name.
    4. The new one is put in place by a rename. OpenVPN goes on with the old one until it is
       restarted, which is the operator's to do.

    Args:
        host_for: the server's machine for a layout; its paths begin at /.
        names: the common names of all live certificates. Any other name is shut out where
            `ccd-exclusive` is new; where it is not, no file is added: who has none today was
            shut out by the operator.
        crl_pem: a CRL of the issuer's with every revocation there was.

    Raises:
        NotApplied: something stands in the way; nothing was written.
        HostError: the machine refused a write; applying again goes on.
        PkiError: the CRL is damaged or not the issuer's.
    """
    layout = examined.layout
    changes = amendments(examined.adoption, examined.standing, account)
    if not changes:
        return Applied((), None, examined, ())
    read_crl(crl_pem, issuer)
    host = host_for(layout)
    content = await host.read(layout.conf) or b""
    text = amended(conf_text(content), changes, f"{now:%Y-%m-%d}")
    await _check(host, examined, changes, text=text, account=account)  # (1)
    planned = await _planned(host, examined, text)
    copies = await _copies(host, layout, planned)
    writer = _Writer(host_for(planned))
    await _make_places(writer, layout, planned, account)  # (2)
    await _put_crl(writer, layout, planned, crl_pem, issuer)
    await _put_client_files(writer, host, layout, planned, names, copies)
    copy = await _put_conf(writer, layout, text, now)  # (3) (4)
    after = await examine(
        host,
        PurePosixPath("/") / layout.named_conf,
        account=account,
        issuer=issuer,
        start_folder=PurePosixPath("/") / layout.start_folder,
    )
    return Applied(tuple(writer.changed), copy, after, (restart_command(layout.named_conf),))


class _Writer:
    """Writes what differs, and remembers it."""

    def __init__(self, host: ServerHost) -> None:
        self.host = host
        self.changed: list[str] = []

    async def folder(self, path: str, account: str) -> None:
        if await self.host.make_folder(path, mode=_FOLDER, account=account):
            self.changed.append(f"/{path}/")

    async def file(
        self, path: str, content: bytes, *, mode: int = _PUBLIC, gid: int | None = None
    ) -> None:
        await self.host.replace(path, content, mode=mode, gid=gid)
        self.changed.append(f"/{path}")


async def _check(
    host: ServerHost,
    examined: Examined,
    changes: Collection[Amendment],
    *,
    text: str,
    account: str,
) -> None:
    layout, facts = examined.layout, examined.adoption.facts
    problem = await host.account_problem(account) or examined.standing.shut_out
    if not await host.is_caller(0):
        problem = f"Only root may change /{layout.conf}; run this as root."
    elif facts.has("chroot") or facts.has("config"):
        name = "chroot" if facts.has("chroot") else "config"
        problem = (
            f"/{layout.conf} has a {name} line, with which the bot does not know where to add"
            " what is missing; add the lines by hand."
        )
    elif len(str(own_places(layout.conf).socket).encode()) > _SOCKET_BYTES:
        problem = f"The path of /{layout.conf} is too long for a socket beside it."
    problem = problem or _lost(facts.directives, changes, text)
    problem = problem or await _syntax_problem(host, examined, text)
    if problem:
        raise NotApplied(problem)


def _lost(before: Collection[Directive], changes: Collection[Amendment], text: str) -> str | None:
    """Whether the new text reads as the old one, less what is replaced, and the new lines."""
    replaced = {name for change in changes for name in change.replaces}
    added = "\n".join(line for change in changes for line in change.lines)
    old = [each for each in _words(before) if each[0] not in replaced]
    if _words(parse_directives(text)) == [*old, *_words(parse_directives(added))]:
        return None
    return "The configuration cannot be changed safely; add the lines by hand."


def _words(directives: Collection[Directive]) -> list[tuple[str, tuple[str, ...], str | None]]:
    return [(d.name, d.arguments, d.inline) for d in directives]


async def _syntax_problem(host: ServerHost, examined: Examined, text: str) -> str | None:
    """What is wrong with the old text too is not the new lines' fault."""
    layout = examined.layout
    old = conf_text(await host.read(layout.conf) or b"")
    if await host.syntax_problem(layout.start_folder, without(old, _LOGGING)) is not None:
        return None
    found = await host.syntax_problem(layout.start_folder, without(text, _LOGGING))
    return found and f"OpenVPN would not take the new configuration: {found}"


async def _planned(host: ServerHost, examined: Examined, text: str) -> Layout:
    """The layout that the new text names."""
    layout = examined.layout
    root = PurePosixPath("/")
    new = inspect(
        text,
        root / layout.named_conf,
        lambda _path: None,
        start_folder=root / layout.start_folder,
    )
    return _with_bot_folders(await resolved(host, new.server.layout))


async def _make_places(writer: _Writer, before: Layout, planned: Layout, account: str) -> None:
    places = own_places(before.conf)
    if planned.bot_folders:
        await writer.folder(_relative(places.live), account)
    if planned.ccd != before.ccd:
        await writer.folder(_relative(places.ccd), account)


async def _put_crl(
    writer: _Writer, before: Layout, planned: Layout, pem: bytes, issuer: x509.Certificate
) -> None:
    if planned.crl is None or planned.crl == before.crl:
        return
    there = await writer.host.read(planned.crl)
    try:
        # An earlier `apply` that was interrupted may have left one.
        keeps = there is not None and read_crl(there, issuer).number >= read_crl(pem, issuer).number
    except PkiError:
        keeps = False
    if not keeps:
        await writer.file(planned.crl, pem)


async def _copies(host: ServerHost, before: Layout, planned: Layout) -> dict[str, bytes]:
    """The operator's client files that are missing in the folder to be, as they are.

    Raises:
        HostError: one cannot be read, or is a link that root does not follow.
    """
    source, target = before.ccd, planned.ccd
    if source is None or target is None or source == target:
        return {}
    there = set(await host.listdir(target) or ())
    found = {}
    for name in await host.listdir(source) or ():
        if name not in there and name[0] != ".":
            content = await read_client_file(host, f"{source}/{name}")
            if content is not None:
                found[name] = content
    return found


async def _put_client_files(
    writer: _Writer,
    host: ServerHost,
    before: Layout,
    planned: Layout,
    names: Collection[str],
    copies: Mapping[str, bytes],
) -> None:
    folder = planned.ccd
    if folder is None:
        return
    for name, content in copies.items():
        await writer.file(f"{folder}/{name}", content)
    there = set(await host.listdir(folder) or ())
    if before.exclusive or not planned.exclusive:
        return
    shared = await _for_all(host, before)
    if shared is None:
        return
    wanted = {file for name in names if (file := ccd_file_name(name)) is not None}
    for file in sorted(wanted - there):
        await writer.file(f"{folder}/{file}", shared)


async def _for_all(host: ServerHost, before: Layout) -> bytes | None:
    """What a client without a file of its own gets today; None where that shuts it out."""
    if before.ccd is None:
        return COMMENT.encode()
    lines = await default_lines(host, before)
    if any(line.name == "disable" for line in lines):
        return None
    return await client_file(host, replace(before, exclusive=True), None, None)


async def _put_conf(writer: _Writer, layout: Layout, text: str, now: datetime) -> str:
    host = writer.host
    facts = await host.facts(layout.conf)
    content = await host.read(layout.conf)
    if facts is None or content is None:
        raise NotApplied(f"/{layout.conf} has gone; nothing was changed.")
    copy = await dated_name(host, layout.conf, now)
    await writer.file(copy, content, mode=facts.mode, gid=facts.gid)
    new = text.encode("utf-8", "surrogateescape")
    await writer.file(layout.conf, new, mode=facts.mode, gid=facts.gid)
    return f"/{copy}"


async def dated_name(host: ServerHost, path: str, now: datetime) -> str:
    """A name beside the file that says when it was put away, and that nothing has yet."""
    name = wanted = f"{path}.{now:%Y-%m-%dT%H%M%SZ}"
    number = 1
    while await host.facts(name) is not None:
        number += 1
        name = f"{wanted}-{number}"
    return name


def restart_command(conf: str) -> str:
    """The shell line that restarts a server, by the place of its configuration below /."""
    path = PurePosixPath("/") / conf
    unit = _UNITS.get(str(path.parent))
    if unit is None or path.suffix != ".conf" or not _PLAIN_UNIT.fullmatch(path.stem):
        # A line break would end the comment.
        shown = quote(str(path)) if str(path).isprintable() else repr(str(path))
        return f"# restart the OpenVPN that runs with {shown}"
    return f"systemctl restart {unit}{path.stem}"
