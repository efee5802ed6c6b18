"""A server as it was found, and how what is wrong with it is said."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime

from bot.fleet.elsewhere import address_of
from bot.fleet.live_servers import live_server, spec_of
from bot.fleet.upkeep import adopt_line, deploy_line, restart_line
from bot.health.results import ShellLine, Trouble, mend_with, of_server, trouble, trouble_from
from bot.keyring import Keyring
from bot.process.data_folder import DataFolder
from bot.texts import health as words
from bot.texts.health import Complaint
from pki.key_ids import Issuers
from storage.database import Database
from storage.records import Server, ServerName
from vpn.configuration.server import host_commands, unit_name
from vpn.errors import HostError
from vpn.findings import MACHINE_SHUT, Finding, FindingCode, ServerStatus
from vpn.host.interface import ServerHost

# Their details name the very file or folder and the command that opens it.
_OWN_MEND = (
    FindingCode.CRL_UNREADABLE,
    FindingCode.HOST_ERROR,
    *MACHINE_SHUT,
    FindingCode.FORWARDING_FORBIDDEN,
    FindingCode.CLOCK_DIFFERS,
    FindingCode.DISK_NEARLY_FULL,
)


@dataclass(frozen=True, slots=True)
class Routing:
    """What was seen of the way to a server and on from it, see `bot.health.routing`.

    Attributes:
        is_seen: whether the rules of the packet filter could be read.
    """

    troubles: tuple[Trouble, ...] = ()
    is_seen: bool = False


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a server is compared with.

    Attributes:
        issuers: the CA, or both while one takes the other's place; none where there is none.
        has_passphrase: whether sealed keys can be tried.
        canary_s: between two tries from outside, in seconds; 0 where they are switched off.
    """

    folder: DataFolder
    database: Database
    keyring: Keyring
    issuers: Issuers
    has_passphrase: bool
    now: datetime
    canary_s: int
    # Of the servers on this machine, looked at before.
    routing: Mapping[ServerName, Routing] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Look:
    """A server as it was found, for each check."""

    server: Server
    status: ServerStatus
    around: Surroundings

    @property
    def host(self) -> ServerHost:
        return live_server(self.server).host


def said_of(server: Server, complaint: Complaint, **values: object) -> Trouble:
    """The complaint with its values; on an operator's own server with the mend for that."""
    if server.adopted is not None and complaint.adopted:
        complaint = Complaint(complaint.wrong, complaint.adopted)
    return of_server(server.name, trouble(complaint, **_commands(server), **values))


def found_on(server: Server, finding: Finding) -> Trouble:
    """What a look has found, with its mend."""
    mends, other = words.SERVER_MENDS, words.SERVER_MEND
    if server.adopted is not None:
        mends, other = words.ADOPTED_MENDS, words.ADOPTED_MEND
    mend = mend_with(mends.get(finding.code, other), **_commands(server))
    told = of_server(server.name, trouble_from(HostError(finding.detail), mend))
    return told if finding.code in _OWN_MEND else replace(told, mend=mend)


def mended_there(server: Server, found: Trouble) -> Trouble:
    """The same; of a server elsewhere it says on which machine it is mended."""
    address = address_of(server)
    if address is None:
        return found
    return replace(found, mend=words.ELSEWHERE.format(host=address.host, mend=found.mend))


def _commands(server: Server) -> dict[str, str]:
    """The values that the mends of a server may name."""
    return {
        "server": server.name,
        "unit": unit_name(server.name),
        "deploy": ShellLine(deploy_line(server)),
        "adopt": ShellLine(adopt_line(server)),
        "restart": ShellLine(restart_line(server)),
        "start": ShellLine(" && ".join(host_commands(spec_of(server)))),
    }
