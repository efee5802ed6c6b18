"""The checks of each server: what it answers, and whether its folder is what we wrote."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import Flag, auto
from ipaddress import IPv4Address
from pathlib import Path

from cryptography import x509

from bot.access.addresses import is_closed
from bot.access.canaries import current
from bot.access.names import NAME_LENGTH, clean
from bot.access.revocation import lets_in
from bot.errors import VpnbotError
from bot.fleet.elsewhere import address_of
from bot.fleet.fixed_addresses import given_by_others, known_files
from bot.fleet.live_servers import layout_of, live_server, remote_of, spec_of
from bot.fleet.on_hold import neighbours
from bot.fleet.presence import compare
from bot.health.folder import look_at_files
from bot.health.results import (
    Fine,
    Result,
    ShellLine,
    Trouble,
    mend_with,
    of_server,
    trouble,
    trouble_from,
)
from bot.health.state import NOTICE
from bot.keyring import Keyring
from bot.process.data_folder import DataFolder, account_name
from bot.process.privileges import ROOT
from bot.texts import health as words
from bot.texts.canary import COMPLAINTS, OVERDUE, seen_from_outside
from bot.texts.fill import utc
from bot.texts.health import Complaint
from pki.errors import PkiError
from pki.found_crls import read_crls
from storage.database import Database
from storage.records import CanaryLook, GrantState, Server, Untried
from vpn.adopt.adopting import restart_command
from vpn.configuration.adopted import AdoptedServer
from vpn.configuration.server import render_ccd, unit_name
from vpn.errors import HostError, VpnError
from vpn.findings import Finding, FindingCode, ServerStatus, host_finding
from vpn.host.interface import ServerHost
from vpn.host.permissions import owner_of
from vpn.host.safe_place import unsafe_above, weak_step_of
from vpn.layout import CCD, CONF, LIVE
from vpn.names import may_be_a_clients, name_in_sessions
from vpn.proof.client_files import fixed_addresses

# The bot signs a new one every day and has seven days' grace: one was missed.
CRL_AGE = timedelta(days=2)
# Another CA's list, which easy-rsa signs for half a year, and openssl for a month.
_LIST_NOTICE = timedelta(days=14)
# Their details name the very file or folder and the command that opens it.
_OWN_MEND = (
    FindingCode.CRL_UNREADABLE,
    FindingCode.HOST_ERROR,
    FindingCode.HOST_KEY_CHANGED,
    FindingCode.FORWARDING_FORBIDDEN,
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
        canary_s: between two tries from outside, in seconds; 0 where they are switched off.
    """

    folder: DataFolder
    database: Database
    keyring: Keyring
    issuer: x509.Certificate | None
    has_passphrase: bool
    now: datetime
    canary_s: int


class Kind(Flag):
    """Which servers a check is for."""

    OURS = auto()
    ADOPTED = auto()
    ANY = OURS | ADOPTED


@dataclass(frozen=True, slots=True)
class Look:
    """A server as it was found, for each check."""

    server: Server
    status: ServerStatus
    around: Surroundings

    @property
    def host(self) -> ServerHost:
        return live_server(self.server).host


async def look_at_server(server: Server, around: Surroundings) -> list[Result]:
    """Runs all checks of one server; gives the findings, or one line that it is well.

    Where its machine cannot be entered, that is one finding, not one of each check.
    """
    address = address_of(server)
    if address is None:
        return await _look(server, around)
    try:
        await live_server(server).host.caller()
    except HostError as error:
        told = _from_finding(server, host_finding(error))
        return [replace(told, mend=told.mend.replace(" NAME ", f" {server.name} "))]
    results = await _look(server, around)
    return [
        replace(result, mend=words.ELSEWHERE.format(host=address.host, mend=result.mend))
        if isinstance(result, Trouble)
        else result
        for result in results
    ]


async def _look(server: Server, around: Surroundings) -> list[Result]:
    kind = Kind.OURS if server.adopted is None else Kind.ADOPTED
    if kind is Kind.OURS and server.crl_published_at is None:
        with suppress(HostError):
            if await live_server(server).host.stat(CONF) is None:
                return [_of(server, words.NOT_DEPLOYED, directory=server.directory)]
    look = Look(server, await _status(server, around), around)
    troubles: list[Trouble] = []
    for whose, check in _CHECKS:
        if kind in whose:
            try:
                troubles += await check(look)
            except HostError as error:
                troubles.append(_from_finding(server, Finding(FindingCode.HOST_ERROR, str(error))))
    if troubles:
        return list(dict.fromkeys(troubles))
    end = look.status.certificate_end
    tried = await _tried(server, around)
    return [
        Fine(
            words.SERVER_FINE.format(
                server=server.name,
                number=look.status.crl_number,
                moment=utc(end) if end else "",
                sessions=look.status.sessions,
            )
        ),
        *([] if tried is None else [Fine(_from_outside(tried))]),
    ]


async def _tried(server: Server, around: Surroundings) -> CanaryLook | None:
    async with around.database.reading() as tx:
        look = await tx.canaries.look(server.name)
    return look and current(look, around.now, around.canary_s)


def _from_outside(tried: CanaryLook) -> str:
    template, said = seen_from_outside(tried)
    text = template.format(said=said, moment=utc(tried.at))
    return f"{words.SERVER.format(server=tried.server, text=text)}."


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


def _of(server: Server, complaint: Complaint, **values: object) -> Trouble:
    if server.adopted is not None and complaint.adopted:
        complaint = Complaint(complaint.wrong, complaint.adopted)
    return of_server(server.name, trouble(complaint, **_commands(server), **values))


def _from_finding(server: Server, finding: Finding) -> Trouble:
    mends, other = words.SERVER_MENDS, words.SERVER_MEND
    if server.adopted is not None:
        mends, other = words.ADOPTED_MENDS, words.ADOPTED_MEND
    mend = mend_with(mends.get(finding.code, other), **_commands(server))
    told = of_server(server.name, trouble_from(HostError(finding.detail), mend))
    return told if finding.code in _OWN_MEND else replace(told, mend=mend)


def _commands(server: Server) -> dict[str, str]:
    """The values that the mends of a server may name."""
    config, remote = server.directory, remote_of(server)
    return {
        "server": server.name,
        "unit": unit_name(server.name),
        "adopt": ShellLine(
            mend_with(words.ADOPT, server=server.name, config=config, remote=remote)
        ),
        # Where its unit is not known it says so, as a comment for a shell.
        "restart": ShellLine(restart_command(config.lstrip("/")).removeprefix("# ")),
    }


async def _look_at_status(look: Look) -> list[Trouble]:
    """What the server itself answers."""
    return [_from_finding(look.server, finding) for finding in look.status.findings]


async def _look_at_account(look: Look) -> list[Trouble]:
    """The management socket admits one account: it must be the one that runs the bot."""
    folder = look.around.folder
    address = address_of(look.server)
    owner = folder.account() if address is None else address.user
    if look.server.account == owner:
        return []
    values = {"wanted": look.server.account, "owner": owner, "folder": folder.path}
    return [_of(look.server, words.OTHER_ACCOUNT, **values)]


async def _look_at_place(look: Look) -> list[Trouble]:
    """Whether what root has put there stays there.

    In a folder of another account's own, the server's folder is that account's, too: accepted for
    a single person's machine. Where root alone could have made it, root has to keep it.
    """
    if look.server.ssh is not None:
        return await _look_at_place_elsewhere(look)
    directory = Path(look.server.directory)
    try:
        owner = (await asyncio.to_thread(directory.stat)).st_uid
        problem = unsafe_above(directory)
    except OSError:
        return []  # said by the look at the folder
    if owner != ROOT and problem is None:
        values = {"path": directory, "owner": account_name(owner)}
        return [_of(look.server, words.HOME_FOREIGN, **values)]
    if owner != ROOT or problem is None:
        return []
    name = look.server.name
    mend = mend_with(words.SERVER_MEND, server=name)
    return [of_server(name, trouble_from(HostError(problem), mend))]


async def _look_at_place_elsewhere(look: Look) -> list[Trouble]:
    """There it is always root's: another account has no business in it."""
    host, name = look.host, look.server.name
    facts, weak = await host.stat(""), None
    if facts is not None and facts.uid != ROOT:
        owner = f"account number {facts.uid}"
        return [_of(look.server, words.HOME_FOREIGN, path=look.server.directory, owner=owner)]
    with suppress(HostError):  # above it there may be what only root can look at
        weak = weak_step_of(await host.resolve(""), host.directory, ROOT)
    return (
        [] if weak is None else [of_server(name, Trouble(f"{weak.why}.", f"Run: {weak.command}"))]
    )


async def _look_at_restored(look: Look) -> list[Trouble]:
    """Whether it waits to be looked through after a restore, see `bot.fleet.catching_up`."""
    if look.server.restored_at is None:
        return []
    return [_of(look.server, words.NOT_LOOKED_THROUGH, moment=utc(look.server.restored_at))]


async def _look_at_crl(look: Look) -> list[Trouble]:
    number, signed_at = look.status.crl_number, look.status.crl_signed_at
    if number is None or signed_at is None:
        return []
    async with look.around.database.reading() as tx:
        known = await tx.crl.last_number()
    troubles: list[Trouble] = []
    if number > known:
        troubles.append(_of(look.server, words.CRL_AHEAD, found=number, known=known))
    if look.around.now - signed_at > CRL_AGE:
        troubles.append(_of(look.server, words.CRL_AGED, moment=utc(signed_at)))
    return troubles


async def _look_at_openness(look: Look) -> list[Trouble]:
    """Whether it lets in who has a profile for another server."""
    reasons = look.status.open_to_others
    if not reasons:
        return []
    said = {finding.code for finding in look.status.findings}
    if not look.status.reachable:
        said.add(FindingCode.MANAGEMENT_GONE)  # by whatever trouble that comes
    if all(finding.code in said for finding in reasons):
        return [_of(look.server, words.OPEN_UNTIL_MENDED)]
    details = " ".join(finding.detail for finding in reasons)
    return [_of(look.server, words.OPEN_TO_OTHER_PROFILES, reasons=details)]


async def _look_at_others_lists(look: Look) -> list[Trouble]:
    """Whether a list of another CA ends soon: OpenVPN then refuses all of that CA."""
    path, issuer = layout_of(look.server).crl, look.around.issuer
    if issuer is None or path is None:
        return []
    async with look.around.database.reading() as tx:
        kept = await tx.crl.kept(look.server.name)
    return [
        _of(look.server, words.OTHERS_LIST_ENDS, name=crl.issuer, path=f"/{path}", moment=utc(end))
        for pem in kept
        for crl in read_crls(pem.encode(), issuer)
        if (end := crl.next_update) is not None and end - look.around.now <= _LIST_NOTICE
    ]


async def _look_at_certificate(look: Look) -> list[Trouble]:
    end = look.status.certificate_end
    if end is None:
        return [_of(look.server, words.CERTIFICATE_UNREADABLE)]
    if end - look.around.now <= NOTICE:
        return [_of(look.server, words.CERTIFICATE_ENDS, moment=utc(end))]
    return []


async def _look_at_tls_key(look: Look) -> list[Trouble]:
    """Whether the tls key opens, without which no profile can be made for this server."""
    server, folder = look.server, look.around.folder
    has_key = server.adopted is None or AdoptedServer.from_json(server.adopted).profile.tls_key
    if not (look.around.has_passphrase and has_key):
        return []
    try:
        await look.around.keyring.tls_key(server.name)
    except (VpnbotError, PkiError) as error:
        reason = str(error).partition("; ")[0].rstrip(".") + "."
        values = {"reason": reason, "folder": folder.path, "owner": folder.account()}
        return [_of(server, words.TLS_KEY, **values)]
    return []


async def _look_at_canary(look: Look) -> list[Trouble]:
    """Whether people's clients get in as they should: as it was tried last, by the bot."""
    tried = await _tried(look.server, look.around)
    if tried is None:
        return []
    if tried.untried is Untried.OVERDUE and look.around.canary_s:
        return [_of(look.server, OVERDUE, moment=utc(tried.at))]
    if tried.untried is not None:
        return []
    values = {"moment": utc(tried.at), "remote": remote_of(look.server)}
    return [_of(look.server, COMPLAINTS[trouble], **values) for trouble in tried.troubles]


async def _look_at_closed(look: Look) -> list[Trouble]:
    if not is_closed(look.server):
        return []
    reason = AdoptedServer.from_json(look.server.adopted or {}).closed
    return [_of(look.server, words.CLOSED_TO_NEW, reason=reason)]


async def _look_at_addresses(look: Look) -> list[Trouble]:
    """Compares the grants with the address files among which the operator has some, too.

    As in `_look_at_ccd` what the bot does in between the two looks is no finding.
    """
    server, live = look.server, live_server(look.server)
    before = await fixed_addresses(live.host, live.layout)
    async with look.around.database.reading() as tx:
        grants = await tx.grants.not_over()
        known = await known_files(tx, server.name)
    after = await fixed_addresses(live.host, live.layout)
    others = given_by_others(after, server.name, known)
    troubles: list[Trouble] = []
    for grant in grants:
        if grant.server != server.name or grant.address is None or grant.state not in _HAS_FILE:
            continue
        name, address = grant.common_name, IPv4Address(grant.address)
        if grant.address in others:
            troubles.append(_of(server, words.ADDRESS_TAKEN, name=name, address=grant.address))
        elif not any(address in files.get(name, ()) for files in (before, after)):
            troubles.append(_of(server, words.CCD_MISSING, name=name))
    return troubles


async def _look_at_home(look: Look) -> list[Trouble]:
    """All checks of the home folder, so that one that cannot be read is one finding."""
    return [
        *await _look_at_owner(look),
        *await look_at_files(look.server, look.host, look.around.issuer),
        *await _look_at_ccd(look),
    ]


async def _look_at_owner(look: Look) -> list[Trouble]:
    """Whether the bot may write what it has to write."""
    server = look.server
    try:
        wanted, _ = await owner_of(look.host, server.account)
    except HostError:
        return []  # said by the look at the account
    troubles: list[Trouble] = []
    for path in (LIVE, CCD):
        facts = await look.host.stat(path)
        if facts is not None and facts.uid != wanted:
            full = f"{server.directory}/{path}"
            troubles.append(_of(server, words.LIVE_FOREIGN, path=full, account=server.account))
    return troubles


async def _look_at_ccd(look: Look) -> list[Trouble]:
    """Compares the address files with the grants.

    1. The files, 2. the grants, 3. the files again: a file is a stranger if both looks saw it and
    no grant that is not over has its name, and is missing if neither saw it. So whatever the
    bot does in between is no finding. A grant whose end is not proved is a finding of its own.
    """
    server, host = look.server, look.host
    before = await _client_files(host)  # (1)
    async with look.around.database.reading() as tx:  # (2)
        here = await tx.grants.known_on(server.name)
        canaries = {each.common_name for each in await tx.canaries.known_on(server.name)}
    after = await _client_files(host)  # (3)
    wanted = [grant for grant in here if grant.server == server.name and grant.state in _HAS_FILE]
    missing = [grant for grant in wanted if grant.common_name not in before | after]
    network = spec_of(server).network
    for grant in wanted:
        if grant.common_name in before & after:
            content = await host.read(f"{CCD}/{grant.common_name}")
            expected = render_ccd(IPv4Address(grant.address), network).encode()
            if content is not None and content != expected:
                missing.append(grant)
    strangers = sorted((before & after) - {grant.common_name for grant in here} - canaries)
    return [
        *(_of(server, words.CCD_MISSING, name=grant.common_name) for grant in missing),
        *(
            _of(server, words.CCD_STRANGER, path=f"{server.directory}/{CCD}/{name}")
            for name in strangers
        ),
    ]


async def _client_files(host: ServerHost) -> frozenset[str]:
    # What a write in progress has not put in place yet has a longer name than any client.
    return frozenset(filter(may_be_a_clients, await host.listdir(CCD) or ()))


async def _look_at_sessions(look: Look) -> list[Trouble]:
    """Who is on and may not be; on an operator's own server whoever is in no books may be."""
    server = look.server
    try:
        on = await live_server(server).connected()
    except VpnError:
        return []  # said by the look at the status
    async with look.around.database.reading() as tx:
        compared = await compare(tx, server.name, on, name_in_sessions)
    wrong = sorted(compared.all if server.adopted is None else compared.ours)
    if not wrong:
        return []
    shown = [clean(name, NAME_LENGTH) for name in wrong[:_NAMED]]
    names = ", ".join([*shown, "…"] if len(wrong) > _NAMED else shown)
    return [_of(server, words.ON_WITHOUT_ACCESS, count=len(wrong), names=names)]


# Every check of a server, in the order in which they are told. One may raise HostError where it
# cannot look.
_CHECKS: tuple[tuple[Kind, Callable[[Look], Awaitable[list[Trouble]]]], ...] = (
    (Kind.ANY, _look_at_status),
    (Kind.ANY, _look_at_account),
    (Kind.OURS, _look_at_place),
    (Kind.ANY, _look_at_restored),
    (Kind.ANY, _look_at_crl),
    (Kind.ANY, _look_at_openness),
    (Kind.ADOPTED, _look_at_others_lists),
    (Kind.ANY, _look_at_certificate),
    (Kind.ANY, _look_at_tls_key),
    (Kind.ADOPTED, _look_at_closed),
    (Kind.ADOPTED, _look_at_addresses),
    (Kind.OURS, _look_at_home),
    (Kind.ANY, _look_at_sessions),
    (Kind.ANY, _look_at_canary),
)
