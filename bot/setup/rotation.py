"""One CA takes another's place, and nobody is locked out, or let in again, on the way.

1. TRUST: a second CA is made. The servers get both in `ca`, which OpenVPN reads when it starts.
   From here on each CRL file holds a list of either, and both list everybody who is out.
2. MOVE: when each server was seen to run with both, the new CA signs; new profiles trust both.
3. RENEW: when the last profile of the old one is gone, and that is proved, the servers get
   certificates of the new one. Whoever is there by now trusts it.
4. RETIRE: when each server was seen to show one, they get a `ca` without the old one.
5. DONE: when each server was seen to run without it, its key is destroyed: it can let nobody in,
   and there is nobody whom a list of its own would have to keep out.

Each step begins with one compare-and-set and waits for what the next one builds on; so a process
that is killed leaves nothing behind that the next one does not find. What is written on servers
is written by `server deploy`, by root, or by the operator. There are two CAs at most at a time.

Accepted: of a server that cannot be asked nothing is known, and the rollover waits for it, or for
its operator to take it out.
"""

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import dataclass

from cryptography import x509
from cryptography.x509.oid import NameOID

from bot.access import moving
from bot.access.permission import THE_BOT, Actor
from bot.access.revocation import lets_in
from bot.errors import NotDone
from bot.fleet.elsewhere import address_of
from bot.fleet.live_servers import host_of, layout_of
from bot.fleet.upkeep import adopt_line, deploy_line, restart_line
from bot.office import Office
from bot.process.locks import locked
from bot.setup.first_time import AUTHORITY_NAME
from bot.texts import rotation as words
from bot.texts.fill import Plural, plain
from pki.errors import PkiError
from storage.records import LIVE_STATES, Grant, Server
from storage.rotation import FIRST_AUTHORITY, Rotation, RotationStep
from vpn.adopt.advice import is_one_of
from vpn.configuration.places import file_argument, inline_text, named_path, read_facts
from vpn.errors import HostError, VpnError
from vpn.findings import FindingCode
from vpn.host.certificates import certificates_in, is_issued_by
from vpn.host.permissions import read_linked
from vpn.layout import CA_CERTIFICATE, CERTIFICATE

log = logging.getLogger(__name__)


_SHOWN = 5
_NEXT = {
    RotationStep.TRUST: RotationStep.MOVE,
    RotationStep.MOVE: RotationStep.RENEW,
    RotationStep.RENEW: RotationStep.RETIRE,
    RotationStep.RETIRE: RotationStep.DONE,
}


@dataclass(frozen=True, slots=True)
class RotationState:
    """How far it is.

    Attributes:
        left: what has to be done before the next step, a line each; empty where nothing is.
    """

    rotation: Rotation
    left: tuple[str, ...]


async def begin(office: Office, actor: Actor) -> None:
    """Makes the second CA, under the passphrase of the first, and notes it.

    One that a killed process has made already, and not noted, is taken.

    Raises:
        NotDone: a rollover is under way.
        PkiError, BadSettings: the first CA does not open, or the second cannot be made.
    """
    async with locked(office.folder.locks / "rotation.lock"):
        async with office.database.reading() as tx:
            last = await tx.rotation.last()
        if last is not None and last.is_under_way:
            raise NotDone("A rollover is under way already; see: vpnbot ca rotate --status")
        old = await office.keyring.authority()
        number = (FIRST_AUTHORITY if last is None else last.authority) + 1
        if number not in office.keyring.numbers():
            name = _name(number, old.certificate)
            await office.keyring.make_authority(number, common_name=name, now=office.clock())
        new = await office.keyring.authority(number)
        async with office.acting(actor) as case:
            now = case.now
            if not await case.tx.rotation.begin(Rotation(number, RotationStep.TRUST, now, now)):
                raise NotDone("A rollover is under way already; see: vpnbot ca rotate --status")
            subject = new.certificate.subject.rfc4514_string()
            await case.record("ca.rotate", "ca", step=RotationStep.TRUST, name=subject)
    await _publish(office)


def _name(number: int, old: x509.Certificate) -> str:
    """OpenSSL looks for a certificate's CA by its name first: the two have to differ."""
    name = f"{AUTHORITY_NAME} {number}"
    taken = [each.value for each in old.subject.get_attributes_for_oid(NameOID.COMMON_NAME)]
    return f"{name} by vpnbot" if name in taken else name


async def _publish(office: Office) -> None:
    """Puts new lists in place. Where that cannot be done now, the bot tries again by itself."""
    async with office.database.reading() as tx:
        servers = [server for server in await tx.servers.all() if lets_in(server)]

    async def on(server: Server) -> None:
        try:
            await office.fleet.publish(server.name)
        except (VpnError, PkiError) as error:
            log.warning("The CRL of %s is not renewed yet: %s", server.name, error)

    await asyncio.gather(*map(on, servers))


async def go_on(office: Office, actor: Actor) -> RotationState:
    """Takes each step that nothing stands in the way of; gives where that ends.

    Raises:
        NotDone: no rollover is under way.
    """
    async with locked(office.folder.locks / "rotation.lock"):
        while True:
            state = await look(office)
            if state is None:
                raise NotDone("No CA is taking another's place; to begin: vpnbot ca rotate")
            if state.left or not state.rotation.is_under_way:
                return state
            await _step(office, actor, state.rotation)


async def move_all(office: Office, actor: Actor) -> int | None:
    """Has the running bot send everybody a new profile, see `bot.access.moving`."""
    async with office.acting(actor) as case:
        return await moving.begin(case)


async def _step(office: Office, actor: Actor, rotation: Rotation) -> None:
    after = _NEXT[rotation.step]
    if after is RotationStep.DONE:
        # Before it is noted: who is killed in between finds the step undone, and does it again.
        office.keyring.destroy(rotation.authority - 1)
    async with office.acting(actor) as case:
        if after is RotationStep.RENEW and await case.tx.rotation.signed_before(rotation.authority):
            return  # somebody who was out came back among the unproved; the next look says who
        if await case.tx.rotation.move(rotation.step, after, case.now):
            await case.record("ca.rotate", "ca", step=after)
    if after is RotationStep.DONE:
        await _publish(office)


async def look(office: Office) -> RotationState | None:
    """Where it is, and what is left for the next step; None where there never was a rollover."""
    async with office.database.reading() as tx:
        rotation = await tx.rotation.last()
        if rotation is None or not rotation.is_under_way:
            return None if rotation is None else RotationState(rotation, ())
        if rotation.step is RotationStep.MOVE:
            ids = await tx.rotation.signed_before(rotation.authority)
            grants = await tx.grants.some(ids)
            stuck = await moving.without_address(office.case(tx, THE_BOT), rotation)
            return RotationState(rotation, (*_profiles(grants), *_lines(words.NO_ADDRESS, stuck)))
        servers = [server for server in await tx.servers.all() if lets_in(server)]
    if rotation.authority - 1 not in office.keyring.numbers():
        return RotationState(rotation, ())  # destroyed, since nothing was left, and not noted yet
    # A server that hangs does not add to the others.
    left = await asyncio.gather(*(_on_server(office, server, rotation) for server in servers))
    return RotationState(rotation, tuple(line for line in left if line))


def _profiles(grants: Sequence[Grant]) -> tuple[str, ...]:
    live = [grant for grant in grants if grant.state in LIVE_STATES]
    return (
        *_lines(words.PROFILES_LEFT, [grant for grant in live if grant.imported_at is None]),
        *_lines(words.IMPORTED_LEFT, [grant for grant in live if grant.imported_at is not None]),
        *_lines(words.UNPROVED_LEFT, [grant for grant in grants if grant.state not in LIVE_STATES]),
    )


def _lines(template: Plural, some: Sequence[Grant]) -> Sequence[str]:
    """One, where there is anybody to be named."""
    return [plain(template, count=len(some), names=_some_names(some))] if some else []


def _some_names(grants: Sequence[Grant]) -> str:
    names = ", ".join(ascii(grant.common_name)[1:-1] for grant in grants[:_SHOWN])
    return f"{names} …" if len(grants) > _SHOWN else names


async def _on_server(office: Office, server: Server, rotation: Rotation) -> str | None:
    """What has to be done on one server before the next step; None where nothing has.

    What lies there comes first, then whether OpenVPN runs with it, and then the lists.
    """
    said = _commands(server)
    try:
        left = await _files_left(office, server, rotation, said)
    except HostError as error:
        return plain(words.NOT_READ, **said, reason=str(error))
    if left is not None:
        return left
    status = await office.fleet.status(server)
    if status.restart_pending:
        return plain(words.RESTART, **said)
    if not status.reachable or status.restart_pending is None:
        reasons = " ".join(finding.detail for finding in status.findings)
        return plain(words.NOT_ASKED, **said, reasons=reasons)
    lists = await office.fleet.crl_findings(server)
    if any(finding.code is not FindingCode.CRL_NOT_USED for finding in lists):
        reasons = " ".join(finding.detail for finding in lists)
        return plain(words.CRL_LEFT, **said, reasons=reasons)
    return None


async def _files_left(
    office: Office, server: Server, rotation: Rotation, said: dict[str, str]
) -> str | None:
    """Whether it is to trust others, or to show another certificate.

    Raises:
        HostError: the bot's account cannot read them.
    """
    old = office.keyring.certificate_of(rotation.authority - 1)
    new = office.keyring.certificate_of(rotation.authority)
    is_ours = server.adopted is None
    place, content = await _file(server, "ca")
    trusted = certificates_in(content)
    for each in (new,) if rotation.step is RotationStep.RETIRE else (old, new):
        if not any(is_one_of(one, [each]) for one in trusted):
            template = words.CA_LACKS if is_ours else words.CA_LACKS_ADOPTED
            return plain(template, **said, place=place, name=_shown_name(each))
    if rotation.step is RotationStep.RETIRE and any(is_one_of(one, [old]) for one in trusted):
        template = words.CA_HAS_OLD if is_ours else words.CA_HAS_OLD_ADOPTED
        return plain(template, **said, place=place, name=_shown_name(old))
    if rotation.step is RotationStep.TRUST:
        return None
    _, content = await _file(server, "cert")
    shown = certificates_in(content)
    # An operator's own may show a certificate of yet another CA, which is theirs to renew.
    fits = bool(shown) and is_issued_by(shown[0], new)
    if fits or (shown and not is_ours and not is_issued_by(shown[0], old)):
        return None
    return plain(words.SHOWS_OLD if is_ours else words.SHOWS_OLD_ADOPTED, **said)


def _commands(server: Server) -> dict[str, str]:
    """The values that the lines about a server name."""
    address = address_of(server)
    return {
        "server": server.name if address is None else f"{server.name} ({address.host})",
        "deploy": deploy_line(server),
        "adopt": adopt_line(server),
        "restart": restart_line(server),
    }


async def _file(server: Server, directive: str) -> tuple[str, bytes | None]:
    """What stands behind `ca` or `cert`, as OpenVPN would read it now, and where.

    Raises:
        HostError: the bot's account cannot read it.
    """
    host = host_of(server)
    if server.adopted is None:
        path = CA_CERTIFICATE if directive == "ca" else CERTIFICATE
        return f"{server.directory}/{path}", await host.read(path)
    layout = layout_of(server)
    facts = await read_facts(host, layout.conf, layout.start_folder)
    if facts is None:
        return f"/{layout.conf}", None
    name = file_argument(facts, directive)
    if name is None:
        block = (inline_text(facts, directive) or "").encode()
        return plain(words.BLOCK, directive=directive, path=f"/{layout.conf}"), block
    path = named_path(facts, layout.start_folder, name)
    return f"/{path}", await read_linked(host, path)


def _shown_name(certificate: x509.Certificate) -> str:
    return certificate.subject.rfc4514_string()
