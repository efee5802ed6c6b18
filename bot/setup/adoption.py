"""Takes in a server that already runs, with a configuration of the operator's own.

1. The configuration is read, as root, and whom the server refuses today; nothing is changed by
   that. What would become of each client that is connected, and of a new profile, is worked out. If
   the operator wants a change, all that it needs is tried before anything else happens, see
   `vpn.adopt.applying`.
2. What clients of this server need besides their certificate is sealed: its tls key.
3. The server is recorded. From here on cuts and proofs go there, too.
4. Whom it refuses today is taken over, whatever the books say: each later CRL lists them. Where
   that cannot be known, nothing is replaced.
5. If the operator wants it, what is missing for proofs is added.
6. A CRL of ours takes the place of the old one: with every revocation of before, a number above,
   and the lists of other CAs behind it.
7. Whoever was revoked before, or has access to another server only, and is connected all the same
   is cut now. That needs (6).
8. If the operator wants it, the server gets a new certificate: nobody else can renew what easy-rsa
   has issued, once that is put away.

Again, it reads the configuration anew. What needs a restart of OpenVPN is said, never done.
"""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from ipaddress import IPv4Network
from pathlib import PurePosixPath

from cryptography import x509

from bot.access import grants, revocation
from bot.access.addresses import fits
from bot.access.case import Case
from bot.access.permission import Actor
from bot.access.refusals import Refused
from bot.access.takeover import TakenOver
from bot.errors import NotDone
from bot.fleet.elsewhere import is_same_machine
from bot.fleet.fixed_addresses import given_by_others, known_files
from bot.fleet.live_servers import layout_of
from bot.fleet.upkeep import adopt_line
from bot.office import Office
from bot.process.privileges import as_root
from bot.setup.deploying import trusted_by_servers
from bot.setup.entering import Machine, enter
from bot.setup.server_sets import require_free_name
from bot.setup.servers import readmit
from bot.setup.ways import WayIn
from pki.key_ids import Issuers
from pki.serial import parse_serial, serial_hex
from pki.static_key import check_static_key, check_tls_crypt_v2_server_key
from storage.records import Server, ServerName
from storage.transaction import Transaction
from vpn.adopt.adopting import Examined, examine
from vpn.adopt.advice import trusts
from vpn.adopt.applying import Applied, Plan, apply, plan_changes, prepare
from vpn.adopt.identity import Renewed, plan_renewal, put_identity
from vpn.adopt.outlook import Outlook, outlook, sessions_now, status_now
from vpn.configuration.profile import TlsKey
from vpn.deploy import SERVER_CERTIFICATE_LIFETIME, ServerIdentity
from vpn.errors import HostError, VpnError
from vpn.findings import Finding
from vpn.host.interface import ServerHost
from vpn.host.permissions import account_problem
from vpn.proof.client_files import fixed_addresses
from vpn.proof.list_in_force import ListInForce, read_list_in_force
from vpn.values import Remote, check_server_name

_SHOWN = 10


@dataclass(frozen=True, slots=True)
class ServerToAdopt:
    """A server as the operator names it.

    Attributes:
        account: the one that runs the bot, or that it logs in to there.
        login: of a server elsewhere: whoever adopts it, normally root there.
    """

    name: str
    config: PurePosixPath
    remote: Remote
    account: str
    login: WayIn | None = None


class UnknownClients(StrEnum):
    """What a new lock does with a connected client that is in none of the bot's books."""

    KEEP = "keep"  # a file of its own lets it in
    SHUT_OUT = "shut-out"


@dataclass(frozen=True, slots=True)
class AdoptionResult:
    """The result of an adoption.

    Attributes:
        in_force: whom the server refused until now; None where it refused nobody.
        taken_over: what of that was not known here.
        crl_number: of the CRL that lies there now; None where it could not be put in place.
        crl_problem: why not.
        open_to_others: why it may let in who has a profile for another server.
        cut: names that had no business here, and were connected until now.
        renewed: the server's own certificate.
    """

    server: Server
    examined: Examined
    applied: Applied | None
    in_force: ListInForce | None
    taken_over: TakenOver
    crl_number: int | None
    crl_problem: str | None
    open_to_others: tuple[Finding, ...]
    cut: tuple[str, ...]
    renewed: Renewed | None


async def account_there(office: Office, name: str, login: WayIn | None) -> str:
    """The bot's account on a server's machine, where whoever adopts it does not name one.

    Elsewhere it stays what it was; here it is the data folder's owner.

    Raises:
        NotDone: the server is elsewhere, and nobody says how to get in there.
    """
    async with office.database.reading() as tx:
        before = await tx.servers.get(ServerName(name))
    if before is None or before.ssh is None or before.adopted is None:
        return office.folder.account()
    if login is None:
        raise NotDone(f"{name} is on another machine; say how root gets in: {adopt_line(before)}")
    return before.account


async def adopt_server(
    office: Office,
    actor: Actor,
    wanted: ServerToAdopt,
    *,
    apply_changes: bool,
    tell: Callable[[Outlook], None],
    unknown: UnknownClients | None = None,
    renew: bool = False,
    confirm: Callable[[str], bool] = lambda _question: False,
) -> AdoptionResult:
    """Adopts a server, or looks at an adopted one again.

    Args:
        apply_changes: adds to the configuration what is missing.
        tell: says what becomes of clients by that, before anything is changed.
        unknown: what becomes of who is connected and in no books; where there are any, nothing is
            changed without it.
        renew: puts a new certificate and key in the place of the server's own.
        confirm: asks whether a host key is the right one.

    Raises:
        NotDone: the name is another server's, something that clients need cannot be read, or
            nobody knows whom the server refuses, so that nothing may be added.
        VpnError, PkiError: the configuration cannot be used, or not be changed, or the certificate
            not be renewed.
    """
    check_server_name(wanted.name)
    name = ServerName(wanted.name)
    # What lies in the data folder is for its owner to read, and not for root.
    issuers = office.keyring.certificates()
    machine = await enter(
        office, name, wanted.login, wanted.account, confirm, makes_account=apply_changes
    )
    with as_root():
        examined = await _examine(office, machine.host, wanted, issuers)  # (1)
        in_force = await read_list_in_force(
            machine.host, examined.adoption, issuers, office.clock()
        )
        plan = await plan_changes(
            machine.host, examined, account=wanted.account, now=office.clock()
        )
    async with office.database.reading() as tx:
        await _previous_record(tx, _server(office, wanted, machine, examined, ()))
    if apply_changes and in_force is not None and in_force.problem is not None:
        raise NotDone(in_force.problem)
    await office.keyring.authority()
    tls_key = await _tls_key(office, examined)
    foreseen = await _outlook(office, name, machine, plan, in_force)
    tell(foreseen)
    if apply_changes:
        if foreseen.strangers and unknown is None:
            raise NotDone(
                f"{some_names(foreseen.strangers)} wouldn't get in any more: connected now, and "
                "in none of the bot's books. Run this again with --strangers keep, or --strangers "
                "shut-out. Nothing was changed."
            )
        names = await _live_names(office, name)
        with as_root():
            await prepare(machine.host, plan, names)
    if tls_key is not None:
        office.keyring.keep_tls_key(name, tls_key)  # (2)
    server = await _record(office, actor, wanted, machine, examined)  # (3)
    taken_over = TakenOver()
    if in_force is not None:
        taken_over = await office.fleet.take_over(name, in_force, actor)  # (4)
    applied = None
    if apply_changes:
        kept = foreseen.strangers if unknown is UnknownClients.KEEP else ()
        applied = await _apply(office, name, machine, plan, kept)  # (5)
        examined = applied.examined
        server = await _record(office, actor, wanted, machine, examined)
    number, problem = None, in_force.problem if in_force else None
    if problem is None:
        # Why nothing can be published is told: what can be done without it is done.
        try:
            number = await office.fleet.publish(name)  # (6)
        except VpnError as error:
            problem = str(error)
    cut = await office.fleet.cut_earlier(name) if number is not None else ()  # (7)
    await readmit(office, name)
    renewed = None
    if renew:
        renewed = await _renew(office, actor, server, machine, examined)  # (8)
        with as_root():
            examined = await _examine(office, machine.host, wanted, issuers)
        server = await _record(office, actor, wanted, machine, examined)
    opens = await office.others.look(server)
    return AdoptionResult(
        server, examined, applied, in_force, taken_over, number, problem, opens, cut, renewed
    )


def some_names(names: Sequence[str]) -> str:
    """The first of them, and how many there are besides; what does not show is escaped."""
    shown = ", ".join(map(ascii, names[:_SHOWN]))
    return shown if len(names) <= _SHOWN else f"{shown} and {len(names) - _SHOWN} more"


async def _examine(
    office: Office, host: ServerHost, wanted: ServerToAdopt, issuers: Issuers
) -> Examined:
    problem = await account_problem(host, wanted.account)
    if problem:
        raise HostError(problem)
    return await examine(
        host, wanted.config, account=wanted.account, issuers=issuers, now=office.clock()
    )


async def _outlook(
    office: Office,
    name: ServerName,
    machine: Machine,
    plan: Plan,
    in_force: ListInForce | None,
) -> Outlook:
    layout, now = plan.examined.layout, office.clock()
    host = machine.host
    # OpenVPN answers the account that its configuration names, and root where it names none.
    connected = await sessions_now(machine.own, layout, now)
    with as_root():
        if connected is None:
            connected = await sessions_now(host, layout, now)
        if connected is None:
            connected = await status_now(host, layout, plan.examined.adoption.facts)
    refused = {serial_hex(each.serial) for each in in_force.revocations} if in_force else set()
    async with office.database.reading() as tx:
        live = {g.common_name for g in await tx.grants.live_for(name) if g.serial not in refused}
        known = [
            *await tx.grants.imported(),
            *await tx.grants.named(connected.names if connected else ()),
        ]
    return outlook(connected, plan, live=live, over={grant.common_name for grant in known})


async def _live_names(office: Office, name: ServerName) -> set[str]:
    async with office.database.reading() as tx:
        return {grant.common_name for grant in await tx.grants.live_for(name)}


async def _tls_key(office: Office, examined: Examined) -> str | None:
    kind = examined.adoption.server.profile.tls_key
    if kind is None:
        return None
    text = examined.adoption.tls_key
    if text is None:
        earlier = await office.keyring.earlier_tls_key()
        text = earlier[1] if earlier and earlier[0] == kind else None
    if text is None:
        raise NotDone(
            f"The {kind} key of /{examined.layout.conf} can't be read, and clients need it; run "
            f"this as root, or import it first: vpnbot ca import-easyrsa PKI_DIR --{kind} FILE"
        )
    return (
        check_tls_crypt_v2_server_key(text) if kind is TlsKey.CRYPT_V2 else check_static_key(text)
    )


async def _record(
    office: Office,
    actor: Actor,
    wanted: ServerToAdopt,
    machine: Machine,
    examined: Examined,
) -> Server:
    """Writes down what the configuration says, in the place of what an earlier one said."""
    name, layout = ServerName(wanted.name), examined.layout
    with as_root():
        files = await fixed_addresses(machine.host, layout)
    async with office.database.reading() as tx:
        # What the operator's files give away, as opposed to the addresses of our own grants.
        taken = sorted(given_by_others(files, name, await known_files(tx, name)))
    server = _server(office, wanted, machine, examined, taken)
    async with office.acting(actor) as case:
        before = await _previous_record(case.tx, server)
        if before is None:
            await case.tx.servers.add(server)
        else:
            server = replace(server, added_at=before.added_at, restored_at=before.restored_at)
            if layout_of(before).crl == layout_of(server).crl:
                server = replace(
                    server,
                    crl_published_at=before.crl_published_at,
                    crl_number=before.crl_number,
                    crl_digest=before.crl_digest,
                )
            await case.tx.servers.set_adopted(server)
            await _move(case, server)
        await revocation.ask_adopted(case, server.name)
        if before is None or before.adopted != server.adopted:
            await case.record(
                "server.adopt",
                f"server:{server.name}",
                remote=str(wanted.remote),
                config=str(wanted.config),
            )
    return server


async def _move(case: Case, server: Server) -> None:
    """Gives each grant an address of the network that the server has now; all of them, or none.

    Raises:
        NotDone: there is no room for all.
    """
    live = await case.tx.grants.live_on(server.name)
    for grant in live:
        if fits(server, grant.address_on(server.name)):
            continue
        try:
            await grants.move(case, server, grant)
        except Refused as error:
            raise NotDone(
                f"{server.network} of {server.name} has too few addresses beside its pool for all"
                f" live profiles there ({len(live)}); revoke some first: vpnbot grant list"
            ) from error


def _server(
    office: Office,
    wanted: ServerToAdopt,
    machine: Machine,
    examined: Examined,
    taken: Sequence[str],
) -> Server:
    facts = examined.adoption.server
    if facts.addresses.network is None:
        raise NotDone(
            f"/{examined.layout.conf} gives its clients no network of their own (a bridge, or no "
            "`server` line); such a server can't be adopted yet."
        )
    if wanted.remote.protocol is not facts.protocol:
        raise NotDone(
            f"/{examined.layout.conf} says {facts.protocol}, but --remote says "
            f"{wanted.remote.protocol}; correct --remote."
        )
    return Server(
        name=ServerName(wanted.name),
        remote_host=wanted.remote.host,
        remote_port=wanted.remote.port,
        protocol=facts.protocol,
        listen_port=facts.port,
        # Several servers may have their configurations in one folder.
        directory=str(wanted.config),
        network=str(facts.addresses.network),
        routes=(),
        dns=(),
        account=wanted.account,
        added_at=office.clock(),
        adopted=facts.to_json()
        | {
            "taken": list(taken),
            "trusts_us": trusts(examined.adoption, office.keyring.certificates()),
        },
        ssh=machine.ssh,
    )


async def _previous_record(tx: Transaction, server: Server) -> Server | None:
    """The record whose place this one takes, if it was adopted before.

    Raises:
        NotDone: the name, the configuration or the network is another server's.
    """
    known = await tx.servers.all()
    await require_free_name(tx, server.name)
    before = next((one for one in known if one.name == server.name), None)
    if before is not None and (
        before.adopted is None
        or before.directory != server.directory
        or not is_same_machine(before.ssh, server.ssh)
    ):
        raise NotDone(f"There is another server {server.name} already; choose another name.")
    network = IPv4Network(server.network)
    for other in known:
        if other.name == server.name:
            continue
        if other.directory == server.directory and is_same_machine(other.ssh, server.ssh):
            raise NotDone(f"{server.directory} is adopted already, as {other.name}.")
        if IPv4Network(other.network).overlaps(network):
            raise NotDone(
                f"Its network {server.network} overlaps {other.network} of {other.name}; take "
                "that one out first: vpnbot server remove NAME"
            )
    return before


async def _apply(
    office: Office, name: ServerName, machine: Machine, plan: Plan, kept: Collection[str]
) -> Applied:
    names = await _live_names(office, name) | set(kept)
    issuers = office.keyring.certificates()
    async with office.fleet.next_crl(name) as pem:
        with as_root():
            return await apply(
                machine.host, plan, names=names, crl_pem=pem, issuers=issuers, now=office.clock()
            )


async def _renew(
    office: Office, actor: Actor, server: Server, machine: Machine, examined: Examined
) -> Renewed:
    signing, *_ = await trusted_by_servers(office)
    authority = await office.keyring.authority(signing)
    host, issuers = machine.host, office.keyring.certificates()
    with as_root():
        plan = await plan_renewal(host, examined, issuers=issuers)
    serial = office.chance.serial()
    # Recorded before anything is signed, like a client's.
    async with office.acting(actor) as case:
        await case.record("server.renew", f"server:{server.name}", serial=serial)
    now = office.clock()

    def issue(before: x509.Certificate) -> ServerIdentity:
        end = min(now + SERVER_CERTIFICATE_LIFETIME, authority.certificate.not_valid_after_utc)
        issued = authority.renew_server(
            before, serial=parse_serial(serial), not_before=now, not_after=end
        )
        return ServerIdentity(issued.certificate_pem, issued.private_key_pem)

    with as_root():
        return await put_identity(host, plan, issue, issuer=authority.certificate, now=now)
