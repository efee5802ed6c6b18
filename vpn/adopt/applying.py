"""Adds to an operator's configuration what it lacks, once it is known to work."""

from collections.abc import Collection
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import PurePosixPath

from pki.crl import read_crl
from pki.errors import PkiError
from pki.key_ids import Issuers
from vpn.adopt.adopting import (
    Examined,
    dated_name,
    examine,
    with_bot_folders,
)
from vpn.adopt.amend import Amendment, amended, amendments, without
from vpn.configuration.address_plan import address_plan
from vpn.configuration.adopted import AdoptedServer, inspect, with_files
from vpn.configuration.directives import Directive, parse_directives
from vpn.configuration.places import conf_text, resolved
from vpn.configuration.server import ConfFacts
from vpn.errors import HostError, NotApplied
from vpn.host.interface import ROOT, ServerHost
from vpn.host.machine import syntax_problem
from vpn.host.permissions import (
    account_problem,
    may_pass,
    may_write,
    owner_of,
    shut_out,
    write_problem,
)
from vpn.host.units import restart_command
from vpn.layout import Layout, UnixSocket, parent_of
from vpn.names import ccd_file_name
from vpn.proof.client_files import COMMENT, client_file, default_lines, read_client_file

_PUBLIC, _FOLDER = 0o644, 0o755
_SOCKET_BYTES = 107  # unix(7)
# Read at once, before OpenVPN gets to showing something and ending.
_LOGGING = {"log", "log-append", "syslog", "daemon"}


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


@dataclass(frozen=True, slots=True)
class Plan:
    """What `apply` would do; made by `plan_changes`, which only looks.

    Attributes:
        text: the whole new configuration.
        server: what will have to be remembered of the server then.
        files: the clients' files that OpenVPN will find there without ours.
    """

    examined: Examined
    account: str
    changes: tuple[Amendment, ...]
    text: str
    server: AdoptedServer
    files: frozenset[str]

    @property
    def planned(self) -> Layout:
        """The layout that the new configuration names."""
        return self.server.layout

    @property
    def adds_lock(self) -> bool:
        """Whether a client without a file of its own is refused from then on."""
        return self.planned.exclusive and not self.examined.layout.exclusive


async def plan_changes(
    host: ServerHost, examined: Examined, *, account: str, now: datetime
) -> Plan:
    """What is missing for cuts that can be proved, and what it comes to.

    Raises:
        HostError: the machine cannot be looked at.
    """
    layout = examined.layout
    changes = amendments(examined.adoption, examined.rights, account)
    text = amended(conf_text(await host.read(layout.conf) or b""), changes, f"{now:%Y-%m-%d}")
    server = examined.adoption.server
    if changes:
        replaced = {name for change in changes for name in change.replaces}
        kept = [d for d in examined.adoption.facts.directives if d.name not in replaced]
        facts = ConfFacts((*kept, *_added(changes)))
        named = inspect(
            facts,
            PurePosixPath("/") / layout.named_conf,
            lambda _path: None,
            start_folder=PurePosixPath("/") / layout.start_folder,
        ).server.layout
        planned = with_bot_folders(await resolved(host, named))
        raw = replace(server, layout=planned, addresses=address_plan(facts, server.profile.device))
        writable = planned.ccd in planned.bot_folders or examined.rights.ccd_writable
        server = with_files(raw, facts, writable=writable)
    planned = server.layout
    there = {planned.ccd, layout.ccd} - {None}
    files = {name for folder in there for name in await _client_files(host, str(folder))}
    return Plan(examined, account, changes, text, server, frozenset(files))


async def _client_files(host: ServerHost, folder: str) -> list[str]:
    """The clients' files in a folder; OpenVPN ignores folders, and links that lead nowhere."""
    names = []
    for name in await host.listdir(folder) or ():
        with suppress(HostError):  # where root may not look, OpenVPN may
            if await read_client_file(host, f"{folder}/{name}") is None:
                continue
        names.append(name)
    return names


async def prepare(host: ServerHost, plan: Plan, names: Collection[str]) -> tuple[str, ...]:
    """Makes the bot's folder, and tries all that will be needed, as whoever will need it.

    Whatever would not work is found here, before a line is changed; then the folder goes again.

    Args:
        names: as in `apply`.

    Returns:
        The folders that were made, absolute.

    Raises:
        NotApplied: something stands in the way; nothing was changed.
        HostError: the machine refused.
    """
    if not plan.changes:
        return ()
    await _check(host, plan)
    writer = _Writer(host, plan.planned)
    try:
        if plan.planned.bot_folders:
            for folder in plan.planned.bot_folders:
                await writer.folder(folder, plan.account)
        problem = await _trial(host, plan, names)
    except BaseException:
        await writer.take_back()
        raise
    if problem:
        await writer.take_back()
        raise NotApplied(f"{problem} Nothing was changed.")
    return tuple(writer.changed)


async def _trial(host: ServerHost, plan: Plan, names: Collection[str]) -> str | None:
    """What would not work once the lines are in force."""
    await _missing_files(host, plan, names)  # whether they can be read
    planned, rights, account = plan.planned, plan.examined.rights, plan.account
    commands = (*rights.open_conf, *rights.open_password)
    if commands:
        return (
            f"The bot's account {account} can't read what it has to look at in"
            f" /{planned.conf}; run this first: {' && '.join(commands)}."
        )
    for folder in filter(None, (planned.crl and parent_of(planned.crl), planned.ccd)):
        # One of the operator's that the bot may not write is left alone, and said to be so.
        if folder in planned.bot_folders or await may_write(host, folder, account):
            problem = await write_problem(host, folder, account)
            if problem:
                return f"The bot's account {account} can replace nothing in /{folder}: {problem}."
        shut = await shut_out(host, folder, planned.reader)
        if shut:
            return f"{shut}."
    place = planned.management
    if isinstance(place, UnixSocket) and not await may_pass(host, parent_of(place.path), account):
        return f"The bot's account {account} can't reach the management socket /{place.path}."
    if plan.adds_lock and planned.ccd == plan.examined.layout.ccd:
        for name in sorted({*filter(None, map(ccd_file_name, names))} & plan.files):
            shut = await shut_out(host, f"{planned.ccd}/{name}", planned.reader)
            if shut:  # today it is passed over, with ccd-exclusive it would keep its client out
                return f"{shut}."
    return None


async def apply(
    host: ServerHost,
    plan: Plan,
    *,
    names: Collection[str],
    crl_pem: bytes,
    issuers: Issuers,
    now: datetime,
) -> Applied:
    """Adds what is missing for cuts that can be proved; run again, it changes nothing.

    1. `prepare` came before: the new text says what the old one says, and the new lines; OpenVPN
       itself has nothing against it; the bot's account can do there what it will have to.
    2. The first CRL and the clients' files come before the configuration names them. OpenVPN
       does not start without the CRL, and with `ccd-exclusive` it refuses whoever has no file: so
       every name that is to keep working gets one, and files of the operator's keep what they say.
    3. The old configuration stays beside the new one under a dated name.
    4. The new one is put in place by a rename. OpenVPN goes on with the old one until it is
       restarted, which is the operator's to do.

    Args:
        host: its paths begin at /.
        names: the common names of all live certificates. Any other name is shut out where
            `ccd-exclusive` is new; where it is not, no file is added: who has none today was
            shut out by the operator.
        crl_pem: a CRL of each issuer's with every revocation there was.

    Raises:
        NotApplied: the configuration has gone.
        HostError: the machine refused a write; applying again goes on.
        PkiError: the CRL is damaged or not the issuers'.
    """
    layout, planned = plan.examined.layout, plan.planned
    if not plan.changes:
        return Applied((), None, plan.examined, ())
    read_crl(crl_pem, *issuers)
    files = await _missing_files(host, plan, names)
    writer = _Writer(host, planned)
    await _put_crl(writer, layout, planned, crl_pem, issuers)  # (2)
    for name, content in files.items():
        await writer.file(f"{planned.ccd}/{name}", content)
    copy = await _put_conf(writer, layout, plan.text, now)  # (3) (4)
    after = await examine(
        host,
        PurePosixPath("/") / layout.named_conf,
        account=plan.account,
        issuers=issuers,
        start_folder=PurePosixPath("/") / layout.start_folder,
    )
    return Applied(tuple(writer.changed), copy, after, (restart_command(layout.named_conf),))


class _Writer:
    """Writes into the folders of a layout to be, and remembers what."""

    def __init__(self, host: ServerHost, planned: Layout) -> None:
        self.host = host
        self._planned = planned
        self.changed: list[str] = []

    async def folder(self, path: str, account: str) -> None:
        owner = await owner_of(self.host, account)
        if await self.host.make_folder(path, mode=_FOLDER, owner=owner):
            self.changed.append(f"/{path}/")

    async def take_back(self) -> None:
        """Removes the folders that were made; none has anything in it yet."""
        for path in reversed(self.changed):
            with suppress(HostError):  # somebody has put something there meanwhile
                await self.host.remove(path.strip("/"), is_folder=True)
        self.changed.clear()

    async def file(
        self, path: str, content: bytes, *, mode: int = _PUBLIC, gid: int | None = None
    ) -> None:
        as_folder = self._planned.is_the_bots(path)
        await self.host.replace(path, content, mode=mode, gid=gid, as_folder=as_folder)
        self.changed.append(f"/{path}")


async def _check(host: ServerHost, plan: Plan) -> None:
    layout, facts = plan.examined.layout, plan.examined.adoption.facts
    problem = await account_problem(host, plan.account)
    if await host.caller() != ROOT:
        problem = f"Only root may change /{layout.conf}; run this as root."
    elif facts.has("chroot") or facts.has("config"):
        name = "chroot" if facts.has("chroot") else "config"
        problem = (
            f"/{layout.conf} has a {name} line, with which the bot doesn't know where to add"
            " what is missing; add the lines by hand, which this shows without --apply."
        )
    elif len(str(plan.examined.rights.places.socket).encode()) > _SOCKET_BYTES:
        problem = f"The path of /{layout.conf} is too long for a socket beside it."
    problem = problem or _lost(facts.directives, plan.changes, plan.text)
    problem = problem or await _syntax_problem(host, plan)
    if problem:
        raise NotApplied(problem)


def _lost(before: Collection[Directive], changes: Collection[Amendment], text: str) -> str | None:
    """Whether the new text reads as the old one, less what is replaced, and the new lines."""
    replaced = {name for change in changes for name in change.replaces}
    old = [each for each in _words(before) if each[0] not in replaced]
    if _words(parse_directives(text)) == [*old, *_words(_added(changes))]:
        return None
    return "The configuration can't be changed safely; add the lines by hand."


def _added(changes: Collection[Amendment]) -> list[Directive]:
    return parse_directives("\n".join(line for change in changes for line in change.lines))


def _words(directives: Collection[Directive]) -> list[tuple[str, tuple[str, ...], str | None]]:
    return [(d.name, d.arguments, d.inline) for d in directives]


async def _syntax_problem(host: ServerHost, plan: Plan) -> str | None:
    """What OpenVPN has against the new text; None where it would refuse the old one, too."""
    layout, text = plan.examined.layout, plan.text
    old = conf_text(await host.read(layout.conf) or b"")
    if await syntax_problem(host, layout.start_folder, without(old, _LOGGING)) is not None:
        return None
    problem = await syntax_problem(host, layout.start_folder, without(text, _LOGGING))
    return problem and f"OpenVPN wouldn't take the new configuration: {problem}"


async def _put_crl(
    writer: _Writer,
    before: Layout,
    planned: Layout,
    pem: bytes,
    issuers: Issuers,
) -> None:
    if planned.crl is None or planned.crl == before.crl:
        return
    there = await writer.host.read(planned.crl)
    try:
        # An earlier `apply` that was interrupted may have left one.
        keeps = (
            there is not None and read_crl(there, *issuers).number >= read_crl(pem, *issuers).number
        )
    except PkiError:
        keeps = False
    if not keeps:
        await writer.file(planned.crl, pem)


async def _missing_files(host: ServerHost, plan: Plan, names: Collection[str]) -> dict[str, bytes]:
    """The clients' files that the folder to be lacks, by name.

    The operator's are taken along as they are. Where the lock is new, everybody else gets what a
    client without a file of its own gets today, unless that shuts it out.

    Raises:
        HostError: one cannot be read, or is a link that root does not follow.
    """
    before, folder = plan.examined.layout, plan.planned.ccd
    if folder is None:
        return {}
    files = {}
    if before.ccd is not None and before.ccd != folder:
        there = set(await host.listdir(folder) or ())
        for name in await host.listdir(before.ccd) or ():
            if name not in there and name[0] != ".":
                content = await read_client_file(host, f"{before.ccd}/{name}")
                if content is not None:
                    files[name] = content
    if not plan.adds_lock:
        return files
    shared: bytes | None = COMMENT.encode()
    if before.ccd is not None:
        if any(line.name == "disable" for line in await default_lines(host, before)):
            return files
        shared = await client_file(host, replace(before, exclusive=True), None, None)
    there = {*await _client_files(host, folder), *files}
    for name in sorted({*filter(None, map(ccd_file_name, names))} - there):
        if shared is not None:
            files[name] = shared
    return files


async def _put_conf(writer: _Writer, layout: Layout, text: str, now: datetime) -> str:
    host = writer.host
    facts = await host.stat(layout.conf)
    content = await host.read(layout.conf)
    if facts is None or content is None:
        raise NotApplied(f"/{layout.conf} has gone; nothing was changed.")
    copy = await dated_name(host, layout.conf, now)
    await writer.file(copy, content, mode=facts.mode, gid=facts.gid)
    new = text.encode("utf-8", "surrogateescape")
    await writer.file(layout.conf, new, mode=facts.mode, gid=facts.gid)
    return f"/{copy}"
