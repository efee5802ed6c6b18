"""Brings a server's folder to what it should be, changing only what differs."""

import asyncio
from collections.abc import Callable, Sequence, Set
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from pki.key_ids import Issuers
from vpn.configuration.address_sets import AddressSet
from vpn.configuration.forwarding import render_forwarding, render_rules
from vpn.configuration.server import (
    firewall_command,
    firewall_units,
    host_commands,
    inspect_conf,
    render_server_conf,
    render_unit,
    unit_name,
)
from vpn.configuration.sets_script import firewall_path, render_sets_script
from vpn.errors import DirectoryInUse, HostError, PortInUse
from vpn.host.certificates import (
    certificates_in,
    is_issued_by,
    key_fits,
    parse_certificate,
)
from vpn.host.interface import BY_OTHERS, NO_PROGRAM, ROOT, ServerHost
from vpn.host.machine import changed_since_start, port_in_use
from vpn.host.permissions import account_problem, owner_of, shut_out_above
from vpn.layout import (
    CA_CERTIFICATE,
    CCD,
    CERTIFICATE,
    CONF,
    FORWARDING,
    LIVE,
    MANAGEMENT_SOCKET,
    NETWORK_RULES,
    PRIVATE_KEY,
    SETS_SCRIPT,
    TLS_CRYPT_V2_KEY,
)
from vpn.values import CommonName, ServerSpec, check_spec, server_common_name

SERVER_CERTIFICATE_LIFETIME = timedelta(days=730)
# The 60 days are the operator's time to notice that a restart is due.
SERVER_CERTIFICATE_RENEW_BEFORE = timedelta(days=60)

# Linux tells when a process began in hundredths of a second, rounded down. A server that is
# started right after a deploy must not seem older than its files.
CLOCK_TICK_S = 0.02

_PUBLIC, _SECRET, _PROGRAM = 0o644, 0o600, 0o755
_UNIT_PREFIX, _UNIT_SUFFIX = "vpnbot-openvpn-", ".service"
_LEFTOVER_PREFIX = ".vpnbot-"


@dataclass(frozen=True, slots=True)
class ServerIdentity:
    """A server's certificate and its key, as PEM."""

    certificate_pem: str
    private_key_pem: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class HomeFile:
    """A file of a server's folder that is root's."""

    path: str
    text: str = field(repr=False)
    mode: int


def home_files(
    spec: ServerSpec,
    identity: ServerIdentity,
    *,
    ca_pem: str,
    tls_crypt_v2_pem: str,
    sets: Sequence[AddressSet] = (),
) -> tuple[HomeFile, ...]:
    """All that a server's folder has beside `live/`, in the order in which `deploy` writes it.

    Args:
        sets: what its firewall is to know; their names count.
    """
    return (
        HomeFile(unit_name(spec.name), render_unit(spec), _PUBLIC),
        HomeFile(FORWARDING, render_forwarding(spec), _PUBLIC),
        HomeFile(NETWORK_RULES, render_rules(spec, sets), _PUBLIC),
        HomeFile(SETS_SCRIPT, render_sets_script(spec), _PROGRAM),
        *(HomeFile(name, text, _PUBLIC) for name, text in firewall_units(spec).items()),
        HomeFile(CA_CERTIFICATE, ca_pem, _PUBLIC),
        HomeFile(TLS_CRYPT_V2_KEY, tls_crypt_v2_pem, _SECRET),
        HomeFile(PRIVATE_KEY, identity.private_key_pem, _SECRET),
        HomeFile(CERTIFICATE, identity.certificate_pem, _PUBLIC),
        HomeFile(CONF, render_server_conf(spec), _PUBLIC),
    )


@dataclass(frozen=True, slots=True)
class DeployReport:
    """What a deploy did.

    Attributes:
        changed: paths below the server's folder, in the order of the change.
        restart_needed: the server runs, and something that it reads only at its start has
            changed since, now or in an earlier deploy.
        certificate_end: when the server's certificate ends.
        commands: shell lines for the operator to run as root now.
    """

    changed: tuple[str, ...]
    restart_needed: bool
    certificate_end: datetime
    commands: tuple[str, ...]


async def deploy(
    spec: ServerSpec,
    host: ServerHost,
    *,
    ca_pem: str,
    tls_crypt_v2_pem: str,
    issue: Callable[[CommonName], ServerIdentity],
    now: datetime,
    sets: Sequence[AddressSet] = (),
) -> DeployReport:
    """Writes all that `openvpn --config server.conf`, started in the folder, needs.

    1. Nothing is written before the checks have passed.
    2. The unit's file comes first: by its name the next deploy knows the folder as this
       server's, also when this one is interrupted.
    3. Only `live/` belongs to the bot's account. All else belongs to the caller, normally root:
       who may write server.conf may run commands as root.
    4. The key is written before the certificate. A crash in between leaves two that do not
       match, which the next deploy sees and mends by issuing both again.
    5. The CRL is not written here: publish it next, OpenVPN does not start without it.

    What the firewall is to know is `sets`, see `home_files`.

    While one CA takes another's place, `ca_pem` holds both, first the one that signs for servers.

    A parent folder that belongs to another account than root is accepted: its owner could move
    the server's folder away. The demo and a single person's machine need that.

    Raises:
        InvalidServer, HostError, DirectoryInUse, PortInUse: nothing was written.
        HostError: also later, where the machine refuses a write. Deploying again goes on.
    """
    pid = await check_place(spec, host, sets)  # (1)
    identity = await _identity_in_place(spec, host, ca_pem, now)
    if identity is None:
        identity = issue(server_common_name(spec.name))
    files = home_files(spec, identity, ca_pem=ca_pem, tls_crypt_v2_pem=tls_crypt_v2_pem, sets=sets)
    writer = _Writer(host)
    await writer.folder("", account=None)
    await writer.file(files[0])  # (2)
    await writer.folder(LIVE, account=spec.account)  # (3)
    await writer.folder(CCD, account=spec.account)
    for file in files[1:]:
        await writer.file(file)  # (4)
    if writer.changed:
        await asyncio.sleep(CLOCK_TICK_S)
    restart_needed = False
    if pid is not None:
        try:
            restart_needed = bool(await changed_since_start(host, pid))
        except HostError:
            restart_needed = True  # one restart too many does no harm
    commands = host_commands(spec)
    if pid is not None:
        commands = _commands(spec, writer.content_changed, restart_needed=restart_needed)
    commands = [*await _missing_programs(host), *commands]
    certificate = x509.load_pem_x509_certificate(identity.certificate_pem.encode())
    return DeployReport(
        changed=tuple(writer.changed),
        restart_needed=restart_needed,
        certificate_end=certificate.not_valid_after_utc,
        commands=tuple(commands),
    )


def _commands(spec: ServerSpec, changed: Set[str], *, restart_needed: bool) -> list[str]:
    """What root has to run for a server that runs; without cutting anybody where that can be."""
    unit = unit_name(spec.name)
    commands = ["systemctl daemon-reload"] if unit in changed else []
    if firewall_path(spec.name) in changed:  # it runs since before there was one
        commands.append(firewall_command(spec))
    if restart_needed:
        commands.append(f"systemctl restart {unit}")
    elif not changed.isdisjoint((FORWARDING, NETWORK_RULES, SETS_SCRIPT)):
        commands.append(f"systemctl reload {unit}")
    return commands


async def is_home_of(host: ServerHost, name: str, issuers: Issuers) -> bool:
    """Whether root has deployed this server here before, for this CA, or for one of two.

    The unit's file has the server's name, and the CA's certificate is told by its fingerprint.
    Both count only where nobody but root could have written them.

    Raises:
        HostError: the folder could not be looked at.
    """
    for path in ("", unit_name(name), CA_CERTIFICATE):
        facts = await host.stat(path)
        if facts is None or facts.uid != ROOT or facts.mode & BY_OTHERS:
            return False
    trusted = certificates_in(await host.read(CA_CERTIFICATE))
    return any(certificate in issuers for certificate in trusted)


async def check_place(
    spec: ServerSpec, host: ServerHost, sets: Sequence[AddressSet] = ()
) -> int | None:
    """What `deploy` checks before it writes, without writing.

    Returns:
        Who listens on the server's management socket, see `ServerHost.listener_pid`.

    Raises:
        InvalidServer, HostError, DirectoryInUse, PortInUse
    """
    check_spec(spec)
    problem = await shut_out_above(host) or await account_problem(host, spec.account)
    if problem:
        raise HostError(problem)
    await _check_folder(spec, host)
    await _check_rules(spec, host, sets)
    pid = await host.listener_pid(MANAGEMENT_SOCKET)
    await _check_port(spec, host, running=pid is not None)
    return pid


async def _check_rules(spec: ServerSpec, host: ServerHost, sets: Sequence[AddressSet]) -> None:
    """Whether nftables there takes the rules: else the unit would not start."""
    if await host.caller() != ROOT:
        return  # only root may ask
    rules = render_rules(spec, sets).encode()
    tried = await host.run(("nft", "--check", "--file", "-"), stdin=rules)
    # In a container root may have no rights on the network.
    if tried.status in (0, NO_PROGRAM) or b"not permitted" in tried.output:
        return
    raise HostError(f"nft refuses the rules for {spec.name}: {tried.reason}")


async def _missing_programs(host: ServerHost) -> list[str]:
    """What installs the programs without which the unit does not start."""
    asked = {"nftables": ("nft", "--version"), "procps": ("sysctl", "--version")}
    missing = [
        package
        for package, command in asked.items()
        if (await host.run(command)).status == NO_PROGRAM
    ]
    return [f"apt-get install {' '.join(missing)}"] if missing else []


class _Writer:
    """Writes what differs, and remembers it."""

    def __init__(self, host: ServerHost) -> None:
        self._host = host
        self.changed: list[str] = []
        self.content_changed: set[str] = set()

    async def folder(self, path: str, *, account: str | None) -> None:
        owner = None if account is None else await owner_of(self._host, account)
        if await self._host.make_folder(path, mode=0o755, owner=owner):
            self.changed.append(f"{path}/" if path else "./")

    async def file(self, file: HomeFile) -> None:
        path, content, mode = file.path, file.text.encode(), file.mode
        same = await self._host.read(path) == content
        facts = await self._host.stat(path) if same else None
        if facts and (facts.mode, facts.uid) == (mode, await self._host.caller()):
            return
        await self._host.replace(path, content, mode=mode)
        self.changed.append(path)
        if not same:
            self.content_changed.add(path)


async def _check_folder(spec: ServerSpec, host: ServerHost) -> None:
    names = [n for n in await host.listdir("") or () if not n.startswith(_LEFTOVER_PREFIX)]
    if not names or unit_name(spec.name) in names:
        return
    others = [
        name.removeprefix(_UNIT_PREFIX).removesuffix(_UNIT_SUFFIX)
        for name in names
        if name.startswith(_UNIT_PREFIX) and name.endswith(_UNIT_SUFFIX)
    ]
    if not others and await host.read(CONF) == render_server_conf(spec).encode():
        return  # it has lost its unit
    owner = f"belongs to the server '{others[0]}'" if others else "isn't empty"
    raise DirectoryInUse(f"{spec.directory} {owner}; choose a folder of its own.")


async def _check_port(spec: ServerSpec, host: ServerHost, *, running: bool) -> None:
    port, protocol = spec.listen_port, spec.remote.protocol
    old_conf = await host.read(CONF) if running else None
    if old_conf is not None:
        facts = inspect_conf(old_conf.decode("utf-8", "replace"))
        if (facts.port, facts.protocol) == (port, protocol):
            return  # taken, by this very server
    if await port_in_use(host, port, protocol):
        raise PortInUse(
            f"Another program listens on port {port}/{protocol}; end it or choose another port"
            " with --listen."
        )


async def _identity_in_place(
    spec: ServerSpec, host: ServerHost, ca_pem: str, now: datetime
) -> ServerIdentity | None:
    """What the folder has, where it can stay: ours, matching, and not about to end."""
    certificate_pem = await host.read(CERTIFICATE)
    key_pem = await host.read(PRIVATE_KEY)
    certificate = parse_certificate(certificate_pem)
    if certificate is None or certificate_pem is None or key_pem is None:
        return None
    issuer = x509.load_pem_x509_certificate(ca_pem.encode())
    name = server_common_name(spec.name)
    stays = (
        is_issued_by(certificate, issuer)
        and _is_server_certificate(certificate, name)
        and key_fits(certificate, key_pem)
        and certificate.not_valid_before_utc <= now
        and not ends_soon(certificate, issuer, now)
    )
    return ServerIdentity(certificate_pem.decode(), key_pem.decode()) if stays else None


def ends_soon(certificate: x509.Certificate, issuer: x509.Certificate, now: datetime) -> bool:
    """Whether a new one is due, which would last longer."""
    end = certificate.not_valid_after_utc
    return now >= end - SERVER_CERTIFICATE_RENEW_BEFORE and end < issuer.not_valid_after_utc


def _is_server_certificate(certificate: x509.Certificate, name: CommonName) -> bool:
    names = certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    try:
        usage = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    except (x509.ExtensionNotFound, ValueError):
        return False
    return [n.value for n in names] == [name] and ExtendedKeyUsageOID.SERVER_AUTH in usage
