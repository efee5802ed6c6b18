"""The checks of each server: what it answers, and whether its folder is what we wrote."""

import pwd
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from ipaddress import IPv4Address
from pathlib import Path

from cryptography import x509

from bot.access.addresses import is_closed
from bot.access.names import NAME_LENGTH, clean
from bot.access.revocation import lets_in
from bot.data_folder import DataFolder, account_name
from bot.errors import VpnbotError
from bot.fixed_addresses import given_by_others
from bot.health.folder import look_at_files
from bot.health.results import Command, Fine, Result, Trouble, mend_with, trouble, trouble_from
from bot.health.state import NOTICE
from bot.keyring import Keyring
from bot.live_servers import layout_of, live_server, remote_of, spec_of
from bot.on_hold import neighbours
from bot.presence import compare
from bot.privileges import ROOT
from bot.texts import health as words
from bot.texts.fill import utc
from bot.texts.health import Complaint
from pki.errors import PkiError
from pki.found_crls import read_crls
from storage.database import Database
from storage.records import Grant, GrantState, Server
from vpn.adopt import AdoptedServer
from vpn.adopting import restart_command
from vpn.client_files import fixed_addresses
from vpn.config import CCD, CONF, LIVE, render_ccd, unit_name
from vpn.errors import HostError, VpnError
from vpn.findings import Finding, FindingCode, ServerStatus
from vpn.local_host import LocalHost
from vpn.names import may_be_a_clients, name_in_sessions
from vpn.safe_place import unsafe_above

# The bot signs a new one every day and has seven days' grace: one was missed.
CRL_AGE = timedelta(days=2)
# Another CA's list, which easy-rsa signs for half a year, and openssl for a month.
_LIST_NOTICE = timedelta(days=14)
# Their details name the very file or folder and the command that opens it.
_OWN_MEND = (
    FindingCode.CRL_UNREADABLE,
    FindingCode.HOST_ERROR,
    FindingCode.CLOCK_DIFFERS,
    FindingCode.DISK_NEARLY_FULL,
)
_NAMED = 3
_HAS_FILE = (GrantState.ISSUED, GrantState.ACTIVE)


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a server is compared with.

    Attributes:
        issuer: None where there is no CA.
        has_passphrase: whether sealed keys can be tried.
    """

    folder: DataFolder
    database: Database
    keyring: Keyring
    issuer: x509.Certificate | None
    has_passphrase: bool
    now: datetime


async def look_at_server(server: Server, around: Surroundings) -> list[Result]:
    """All findings about one server, or the one line that it is well."""
    if server.adopted is not None:
        return await _look_at_adopted(server, around)
    host = LocalHost(Path(server.directory))
    if server.crl_published_at is None and await _is_absent(host):
        return [_of(server, words.NOT_DEPLOYED, directory=server.directory)]
    status = await _status(server, around)
    found: list[Trouble] = [
        *(_from_finding(server, finding) for finding in status.findings),
        *_look_at_account(server, around.folder),
        *(_look_at_place(server) if server.adopted is None else ()),
        *_look_at_restored(server),
        *await _look_at_crl(server, status, around),
        *_look_at_others(server, status),
        *_look_at_certificate(server, status, around.now),
        *await _look_at_tls_key(server, around),
        *await _or_host_trouble(server, host, around),
        *await _look_at_sessions(server, around),
    ]
    if found:
        return list(dict.fromkeys(found))
    return [_well(server, status)]


async def _status(server: Server, around: Surroundings) -> ServerStatus:
    others = None
    if around.issuer is not None and lets_in(server):
        async with around.database.reading() as tx:
            others = await neighbours(tx, server)
    return await live_server(server).status(
        issuer=around.issuer,
        now=around.now,
        published=server.crl_number,
        digest=server.crl_digest,
        others=others,
    )


def _look_at_others(server: Server, status: ServerStatus) -> list[Trouble]:
    if not status.open_to_others:
        return []
    said = {finding.code for finding in status.findings}
    if not status.reachable:
        said.add(FindingCode.MANAGEMENT_GONE)  # by whatever trouble that comes
    if all(finding.code in said for finding in status.open_to_others):
        return [_of(server, words.OPEN_UNTIL_MENDED)]
    reasons = " ".join(finding.detail for finding in status.open_to_others)
    return [_of(server, words.OPEN_TO_OTHER_PROFILES, reasons=reasons)]


async def _look_at_adopted(server: Server, around: Surroundings) -> list[Result]:
    """Nothing of its folder is ours; what is wrong there is for its operator to mend."""
    status = await _status(server, around)
    found = [
        *(_from_finding(server, finding) for finding in status.findings),
        *_look_at_account(server, around.folder),
        *_look_at_restored(server),
        *await _look_at_crl(server, status, around),
        *_look_at_others(server, status),
        *await _look_at_others_lists(server, around),
        *_look_at_certificate(server, status, around.now),
        *await _look_at_tls_key(server, around),
        *_look_at_closed(server),
        *await _look_at_addresses(server, around),
        *await _look_at_sessions(server, around),
    ]
    return list(dict.fromkeys(found)) or [_well(server, status)]


async def _is_absent(host: LocalHost) -> bool:
    try:
        return await host.stat(CONF) is None
    except HostError:
        return False


def _of(server: Server, complaint: Complaint, **values: object) -> Trouble:
    if server.adopted is not None and complaint.adopted:
        complaint = Complaint(complaint.wrong, complaint.adopted)
    found = trouble(complaint, **_commands(server), **values)
    return Trouble(words.SERVER.format(server=server.name, text=found.wrong), found.mend)


def _from_finding(server: Server, finding: Finding) -> Trouble:
    mends, other = words.SERVER_MENDS, words.SERVER_MEND
    if server.adopted is not None:
        mends, other = words.ADOPTED_MENDS, words.ADOPTED_MEND
    mend = mend_with(mends.get(finding.code, other), **_commands(server))
    found = trouble_from(HostError(finding.detail), mend)
    return Trouble(
        words.SERVER.format(server=server.name, text=found.wrong),
        found.mend if finding.code in _OWN_MEND else mend,
    )


def _commands(server: Server) -> dict[str, str]:
    """What the mends of a server are made of."""
    config, remote = server.directory, remote_of(server)
    return {
        "server": server.name,
        "unit": unit_name(server.name),
        "adopt": Command(mend_with(words.ADOPT, server=server.name, config=config, remote=remote)),
        # Where its unit is not known it says so, as a comment for a shell.
        "restart": Command(restart_command(config.lstrip("/")).removeprefix("# ")),
    }


def _well(server: Server, status: ServerStatus) -> Fine:
    end = status.certificate_end
    return Fine(
        words.SERVER_FINE.format(
            server=server.name,
            number=status.crl_number,
            moment=utc(end) if end else "",
            sessions=status.sessions,
        )
    )


def _look_at_account(server: Server, folder: DataFolder) -> list[Trouble]:
    """The management socket admits one account: it must be the one that runs the bot."""
    owner = folder.account()
    if server.account == owner:
        return []
    values = {"wanted": server.account, "owner": owner, "folder": folder.path}
    return [_of(server, words.OTHER_ACCOUNT, **values)]


def _look_at_place(server: Server) -> list[Trouble]:
    """Whether what root has put there stays there.

    In a folder of another account's own, the server's folder is that account's, too: accepted for
    a single person's machine. Where root alone could have made it, root has to keep it.
    """
    directory = Path(server.directory)
    try:
        owner = directory.stat().st_uid
        problem = unsafe_above(directory)
    except OSError:
        return []  # said by the look at the folder
    if owner != ROOT and problem is None:
        values = {"path": directory, "owner": account_name(owner)}
        return [_of(server, words.HOME_FOREIGN, **values)]
    if owner != ROOT or problem is None:
        return []
    found = trouble_from(HostError(problem), mend_with(words.SERVER_MEND, server=server.name))
    return [Trouble(words.SERVER.format(server=server.name, text=found.wrong), found.mend)]


def _look_at_closed(server: Server) -> list[Trouble]:
    if not is_closed(server):
        return []
    reason = AdoptedServer.from_json(server.adopted or {}).closed
    return [_of(server, words.CLOSED_TO_NEW, reason=reason)]


def _look_at_restored(server: Server) -> list[Trouble]:
    """See `bot.catching_up`."""
    if server.restored_at is None:
        return []
    return [_of(server, words.NOT_LOOKED_THROUGH, moment=utc(server.restored_at))]


async def _look_at_crl(server: Server, status: ServerStatus, around: Surroundings) -> list[Trouble]:
    if status.crl_number is None or status.crl_signed_at is None:
        return []
    async with around.database.reading() as tx:
        known = await tx.crl.last_number()
    found = []
    if status.crl_number > known:
        found.append(_of(server, words.CRL_AHEAD, found=status.crl_number, known=known))
    if around.now - status.crl_signed_at > CRL_AGE:
        found.append(_of(server, words.CRL_AGED, moment=utc(status.crl_signed_at)))
    return found


async def _look_at_others_lists(server: Server, around: Surroundings) -> list[Trouble]:
    """Nobody here can sign them, and once one has lapsed OpenVPN refuses all of its CA."""
    path = layout_of(server).crl
    if around.issuer is None or path is None:
        return []
    async with around.database.reading() as tx:
        kept = await tx.crl.kept(server.name)
    return [
        _of(server, words.OTHERS_LIST_ENDS, name=each.issuer, path=f"/{path}", moment=utc(end))
        for pem in kept
        for each in read_crls(pem.encode(), around.issuer)
        if (end := each.next_update) is not None and end - around.now <= _LIST_NOTICE
    ]


def _look_at_certificate(server: Server, status: ServerStatus, now: datetime) -> list[Trouble]:
    end = status.certificate_end
    if end is None:
        return [_of(server, words.CERTIFICATE_UNREADABLE)]
    if end - now <= NOTICE:
        return [_of(server, words.CERTIFICATE_ENDS, moment=utc(end))]
    return []


async def _look_at_tls_key(server: Server, around: Surroundings) -> list[Trouble]:
    """Without it no profile can be made for this server."""
    if not around.has_passphrase or not _has_tls_key(server):
        return []
    try:
        await around.keyring.tls_key(server.name)
    except (VpnbotError, PkiError) as error:
        reason = str(error).partition("; ")[0].rstrip(".") + "."
        folder = around.folder
        values = {"reason": reason, "folder": folder.path, "owner": folder.account()}
        return [_of(server, words.TLS_KEY, **values)]
    return []


def _has_tls_key(server: Server) -> bool:
    return (
        server.adopted is None
        or AdoptedServer.from_json(server.adopted).profile.tls_key is not None
    )


async def _or_host_trouble(server: Server, host: LocalHost, around: Surroundings) -> list[Trouble]:
    try:
        return [
            *await _look_at_owner(server, host),
            *(await look_at_files(server, host, around.issuer) if server.adopted is None else ()),
            *await _look_at_ccd(server, host, around),
        ]
    except HostError as error:
        return [_from_finding(server, Finding(FindingCode.HOST_ERROR, str(error)))]


async def _look_at_owner(server: Server, host: LocalHost) -> list[Trouble]:
    """Whether the bot may write what it has to write."""
    try:
        wanted = pwd.getpwnam(server.account).pw_uid
    except KeyError:
        return []  # said by the look at the account
    found = []
    for path in (LIVE, CCD):
        facts = await host.stat(path)
        if facts is not None and facts.uid != wanted:
            full = f"{server.directory}/{path}"
            found.append(_of(server, words.LIVE_FOREIGN, path=full, account=server.account))
    return found


async def _look_at_sessions(server: Server, around: Surroundings) -> list[Trouble]:
    """Who is on and may not be; on an operator's own server whoever is in no books may be."""
    try:
        on = await live_server(server).connected()
    except VpnError:
        return []  # said by the look at the status
    async with around.database.reading() as tx:
        compared = await compare(tx, server.name, on, name_in_sessions)
    wrong = sorted(compared.all if server.adopted is None else compared.ours)
    if not wrong:
        return []
    shown = [clean(name, NAME_LENGTH) for name in wrong[:_NAMED]]
    names = ", ".join([*shown, "…"] if len(wrong) > _NAMED else shown)
    return [_of(server, words.ON_WITHOUT_ACCESS, count=len(wrong), names=names)]


async def _look_at_ccd(server: Server, host: LocalHost, around: Surroundings) -> list[Trouble]:
    """Compares the address files with the grants.

    1. The files, 2. the grants, 3. the files again: a file is a stranger if both looks saw it and
    no grant that is not over has its name, and is missing if neither saw it. So whatever the
    bot does in between is no finding. A grant whose end is not proved is a finding of its own.
    """
    before = await _names(host)  # (1)
    async with around.database.reading() as tx:  # (2)
        here = await tx.grants.known_on(server.name)
    after = await _names(host)  # (3)
    known = {grant.common_name for grant in here}
    strangers = sorted(before & after - known)
    wanted = [g for g in here if g.server == server.name and g.state in _HAS_FILE]
    missing = [grant for grant in wanted if grant.common_name not in before | after]
    wrong = await _differing(server, host, (g for g in wanted if g.common_name in before & after))
    return [
        *(_of(server, words.CCD_MISSING, name=g.common_name) for g in (*missing, *wrong)),
        *(
            _of(server, words.CCD_STRANGER, path=f"{server.directory}/{CCD}/{name}")
            for name in strangers
        ),
    ]


async def _look_at_addresses(server: Server, around: Surroundings) -> list[Trouble]:
    """Compares the grants with the address files among which the operator has some, too.

    As in `_look_at_ccd` what the bot does in between the two looks is no finding.
    """
    live = live_server(server)
    try:
        before = await fixed_addresses(live.host, live.layout)
        async with around.database.reading() as tx:
            grants = await tx.grants.not_over()
        after = await fixed_addresses(live.host, live.layout)
    except HostError as error:
        return [_from_finding(server, Finding(FindingCode.HOST_ERROR, str(error)))]
    others = given_by_others(after, server.name, grants)
    found = []
    for grant in grants:
        if grant.server != server.name or grant.address is None or grant.state not in _HAS_FILE:
            continue
        name, address = grant.common_name, IPv4Address(grant.address)
        if grant.address in others:
            found.append(_of(server, words.ADDRESS_TAKEN, name=name, address=grant.address))
        elif not any(address in files.get(name, ()) for files in (before, after)):
            found.append(_of(server, words.CCD_MISSING, name=name))
    return found


async def _differing(server: Server, host: LocalHost, grants: Iterable[Grant]) -> Sequence[Grant]:
    network = spec_of(server).network
    found = []
    for grant in grants:
        content = await host.read(f"{CCD}/{grant.common_name}")
        expected = render_ccd(IPv4Address(grant.address), network).encode()
        if content is not None and content != expected:
            found.append(grant)
    return found


async def _names(host: LocalHost) -> frozenset[str]:
    # What a write in progress has not put in place yet has a longer name than any client.
    return frozenset(filter(may_be_a_clients, await host.listdir(CCD) or ()))
