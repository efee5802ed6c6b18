"""What changed lines would mean for whoever is connected to a server, and for a new profile.

OpenVPN itself says who is connected, or the file that it writes its status to: `status` in
OpenVPN's manual, the three versions of multi_print_status() in multi.c.
"""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import PurePosixPath

from vpn.adopt.applying import Plan
from vpn.configuration.address_plan import AddressPlan
from vpn.configuration.adopted import AdoptedServer
from vpn.configuration.places import named_path
from vpn.configuration.server import ConfFacts
from vpn.errors import HostError, ManagementError
from vpn.host.interface import ServerHost
from vpn.host.permissions import real_path
from vpn.layout import Layout
from vpn.names import UNDEFINED, ccd_file_name, name_in_sessions
from vpn.proof.management import open_management

# Where Debian's units have the status written to, by the folder of the configuration.
_STATUS_FILES = {
    "etc/openvpn/server": "run/openvpn-server/status-{}.log",
    "etc/openvpn": "run/openvpn/{}.status",
}
_FIRST_VERSION = "OpenVPN CLIENT LIST"
_ROW = "CLIENT_LIST"
_COLUMNS = 5  # of the first version
_NET30 = 4  # addresses that a client takes without topology subnet
_DECIDING = ("client-connect", "tls-verify", "verify-x509-name")


@dataclass(frozen=True, slots=True)
class Connected:
    """Who is connected, by the names that OpenVPN has for them.

    Attributes:
        status_file: where that was read, absolute; None where OpenVPN itself was asked.
        at: of what time that is.
    """

    names: tuple[str, ...]
    at: datetime
    status_file: str | None = None


@dataclass(frozen=True, slots=True)
class Hurdle:
    """What a new profile meets beside its certificate.

    Attributes:
        refuses: it gets in nowhere by that; otherwise that cannot be known from here.
        detail: one plain sentence.
    """

    refuses: bool
    detail: str


@dataclass(frozen=True, slots=True)
class Outlook:
    """What happens once OpenVPN has been restarted with the lines.

    Attributes:
        changes: whether any line is added at all.
        adds_lock: whether one of them keeps out who has no file of their own.
        connected: None where nobody can tell who is.
        stay: those of them who come back.
        revoked: those whose certificates are all over: the CRL refuses them.
        strangers: those whom none of the bot's books knows, and whom the new second lock would
            keep out.
        new_profile: what is in its way.
    """

    changes: bool
    adds_lock: bool
    connected: Connected | None
    stay: tuple[str, ...]
    revoked: tuple[str, ...]
    strangers: tuple[str, ...]
    new_profile: tuple[Hurdle, ...]


async def sessions_now(host: ServerHost, layout: Layout, now: datetime) -> Connected | None:
    """What OpenVPN itself says; None where it cannot be asked, by this account or at all."""
    try:
        async with open_management(host, place=layout.management) as management:
            sessions = await management.status()
    except (ManagementError, HostError):
        return None
    return Connected(_known(session.common_name for session in sessions), now)


async def status_now(host: ServerHost, layout: Layout, facts: ConfFacts) -> Connected | None:
    """What OpenVPN last wrote to its status file; None where there is none that can be read."""
    conf = PurePosixPath(layout.named_conf)
    named = facts.first_argument("status")
    usual = _STATUS_FILES.get(str(conf.parent), "").format(conf.stem)
    path = named_path(facts, layout.start_folder, named) if named else usual
    try:
        path = path and await real_path(host, path)
        file = await host.stat(path) if path else None
        content = await host.read(path) if file else None
    except HostError:
        return None
    if file is None or content is None:
        return None
    names = _known(_names(content.decode("utf-8", "replace")))
    return Connected(names, file.modified_at, f"/{path}")


def _known(names: Iterator[str]) -> tuple[str, ...]:
    return tuple(sorted(set(names) - {UNDEFINED}))


def _names(text: str) -> Iterator[str]:
    """The common names in a status file; a comma in one is not escaped there."""
    lines = text.splitlines()
    if lines and lines[0] == _FIRST_VERSION:
        for line in lines[3:]:
            cells = line.rsplit(",", _COLUMNS - 1)
            if len(cells) < _COLUMNS:
                return  # the routing table begins
            yield cells[0]
        return
    columns = 0
    for line in lines:
        separator = "\t" if "\t" in line else ","
        cells = line.split(separator)
        if cells[:2] == ["HEADER", _ROW]:
            columns = len(cells) - 2
        elif cells[0] == _ROW and columns:
            extra = max(0, len(cells) - 1 - columns)
            yield separator.join(cells[1 : 2 + extra])


def outlook(
    connected: Connected | None, plan: Plan, *, live: Collection[str], over: Collection[str]
) -> Outlook:
    """What becomes of each client, and what a new profile meets.

    Args:
        live, over: common names of certificates that the bot knows, and whether one lets in.
    """
    # OpenVPN's own name for a client is compared; a certificate's may look otherwise there.
    admitted = {name_in_sessions(name) for name in live}
    ended = {name_in_sessions(name) for name in over} - admitted
    stay: list[str] = []
    revoked: list[str] = []
    strangers: list[str] = []
    for name in connected.names if connected else ():
        file = ccd_file_name(name)
        has_file = file is not None and (file in plan.files or name in admitted)
        if plan.planned.knows_names and name in ended:
            revoked.append(name)
        elif has_file or not plan.adds_lock:
            stay.append(name)
        else:
            strangers.append(name)
    return Outlook(
        bool(plan.changes),
        plan.adds_lock,
        connected,
        tuple(stay),
        tuple(revoked),
        tuple(strangers),
        tuple(_hurdles(plan.examined.adoption.facts, plan.server, connected)),
    )


def _hurdles(
    facts: ConfFacts, server: AdoptedServer, connected: Connected | None
) -> Iterator[Hurdle]:
    if server.closed is not None:
        yield Hurdle(True, server.closed)
    if server.layout.exclusive and not server.layout.knows_names:
        yield Hurdle(
            False,
            "ccd-exclusive asks for a file under another name than the certificate's: who has"
            " none there that you have made is refused.",
        )
    if server.profile.asks_password:
        yield Hurdle(
            False, "A name and a password are asked for, too; the bot can't see who has one."
        )
    for name in _DECIDING:
        if facts.has(name):
            yield Hurdle(False, f"{name}: it may refuse a client; the bot can't see which one.")
    room = _room(facts, server.addresses)
    if connected is not None and room is not None and len(connected.names) >= room:
        yield Hurdle(
            True, f"There is room for {room}, and {len(connected.names)} are connected now."
        )


def _room(facts: ConfFacts, plan: AddressPlan) -> int | None:
    """How many clients there can be at a time; None where nothing says it, or a new one has its
    own address.
    """
    most = facts.first_argument("max-clients")
    rooms = [int(most)] if most and most.isdecimal() else []
    if plan.pool is not None and not plan.has_fixed:
        each = 1 if facts.first_argument("topology") == "subnet" else _NET30
        rooms.append((int(plan.pool[1]) - int(plan.pool[0]) + 1) // each)
    return min(rooms, default=None)
