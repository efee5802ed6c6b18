"""What a server's folder gets, and how it gets there where the server is on another machine.

Root has to be there once: by `--ssh root@…`, by sudo, or by hand with an archive. From then on the
bot's account there does all, which may write `live/` and nothing else.
"""

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from pathlib import PurePosixPath
from shlex import quote

from bot.access.permission import Actor
from bot.errors import NotDone
from bot.fleet.elsewhere import authorized_line, host_as, key_file_of
from bot.fleet.live_servers import host_of, spec_of
from bot.fleet.members import address_sets
from bot.fleet.upkeep import deploy_line, is_own_account
from bot.office import Office
from bot.process.privileges import as_root
from bot.setup.ways import WayIn
from pki.authority import pem_of
from pki.serial import parse_serial
from storage.records import Payload, Server
from storage.rotation import FIRST_AUTHORITY
from vpn.configuration.address_sets import AddressSet
from vpn.configuration.server import host_commands, render_server_conf
from vpn.deploy import (
    SERVER_CERTIFICATE_LIFETIME,
    DeployReport,
    ServerIdentity,
    deploy,
    ends_soon,
    home_files,
    is_home_of,
)
from vpn.deploy_archive import account_script, archive
from vpn.errors import HostError, KeyRefused, SudoRefused
from vpn.host.certificates import certificate_end, certificates_in, is_issued_by
from vpn.host.interface import ROOT, ServerHost
from vpn.host.safe_place import weak_step_of
from vpn.host.ssh_address import parse_ssh_address, sudoers_line
from vpn.layout import CA_CERTIFICATE, CERTIFICATE, CONF
from vpn.values import CommonName, server_common_name

# How long a line of sudoers lasts that we print.
SUDO_LASTS = timedelta(hours=1)
SUDOERS_FILE = "/etc/sudoers.d/vpnbot"


@dataclass(frozen=True, slots=True)
class Issuing:
    """What a server's folder is made of beside its description; `issue` makes it a certificate.

    Attributes:
        ca_pem: what it is to trust; `issue` signs with the first one.
        sets: what its firewall is to know.
    """

    ca_pem: str
    tls_key: str
    issue: Callable[[CommonName], ServerIdentity]
    sets: Sequence[AddressSet] = ()


async def trusted_by_servers(office: Office) -> tuple[int, ...]:
    """The numbers of the CAs that servers are to trust now; the first one signs for servers."""
    async with office.database.reading() as tx:
        rotation = await tx.rotation.last()
    return (FIRST_AUTHORITY,) if rotation is None else rotation.trusted


def bundle(office: Office, numbers: Sequence[int]) -> str:
    """The certificates of these CAs, as PEM. Raises PkiError where one cannot be read."""
    return "".join(pem_of(office.keyring.certificate_of(number)) for number in numbers)


async def issuing(office: Office, actor: Actor, server: Server) -> Issuing:
    """Opens the CA and the server's key, and records the serial of what may be signed.

    Raises:
        PkiError: one of them does not open.
    """
    trusted = await trusted_by_servers(office)
    authority = await office.keyring.authority(trusted[0])
    serial = office.chance.serial()
    # Recorded before anything is signed, like a client's; used if a certificate is due.
    async with office.acting(actor) as case:
        sets = await address_sets(case.tx, server.name)
        await case.record("server.deploy", f"server:{server.name}", serial_if_due=serial)
    # From here on it is in use, see `bot.setup.server_sets`.
    tls_key = await office.keyring.tls_key(server.name)
    now = office.clock()

    def issue(common_name: CommonName) -> ServerIdentity:
        # A CA that ends sooner can still have servers until then.
        end = min(now + SERVER_CERTIFICATE_LIFETIME, authority.certificate.not_valid_after_utc)
        issued = authority.issue_server(
            common_name=common_name,
            serial=parse_serial(serial),
            not_before=now,
            not_after=end,
        )
        return ServerIdentity(issued.certificate_pem, issued.private_key_pem)

    return Issuing(bundle(office, trusted), tls_key, issue, sets)


async def write_home(
    office: Office, server: Server, parts: Issuing, host: ServerHost
) -> DeployReport:
    """Brings the folder to what it should be; see `vpn.deploy.deploy`."""
    return await deploy(
        spec_of(server),
        host,
        ca_pem=parts.ca_pem,
        tls_crypt_v2_pem=parts.tls_key,
        issue=parts.issue,
        now=office.clock(),
        sets=parts.sets,
    )


async def write_elsewhere(
    office: Office,
    actor: Actor,
    server: Server,
    login: WayIn,
    directory: PurePosixPath | None,
    account: str | None,
) -> DeployReport:
    """Makes the bot's account on the server's machine, and its folder, as root there.

    Args:
        directory: as whoever types the command names it; else the folder has to be known there.
        account: likewise; see `require_named_account`.

    Raises:
        NotDone: that account is not root, the folder would not be root's alone, or nobody has
            named it, or the bot's account.
        VpnError: something could not be written.
    """
    require_named_account(server, account)
    home, ssh = PurePosixPath(server.directory), _ssh_of(server)
    host = await root_there(office, ssh, login, home)
    place = login.address.host
    if await host.caller() != ROOT:
        raise NotDone(
            f"{login.address} isn't root, who has to write {home}; log in as root, or add --sudo "
            "where that account may become root, or carry it over by hand: vpnbot server deploy "
            f"{server.name} --to-archive FILE"
        )
    weak = weak_step_of(await host.resolve(""), home, ROOT)
    if weak is not None:
        raise NotDone(
            f"On {place}: {weak.why}; choose a folder such as /srv/openvpn/NAME, or run there: "
            f"{weak.command}"
        )
    issuers = office.keyring.certificates()
    if directory is None and not await is_home_of(host, server.name, issuers):
        raise NotDone(
            f"Root hasn't deployed {server.name} in {home} on {place}, with this CA; where that is"
            f" the folder that you chose, say so: --directory {home}"
        )
    parts = await issuing(office, actor, server)
    await make_account(server.account, ssh, host, is_named=account is not None)
    return await write_home(office, server, parts, host)


async def root_there(office: Office, ssh: Payload, login: WayIn, home: PurePosixPath) -> ServerHost:
    """The machine, by the account of whoever types the command: root, or one that may use sudo.

    Args:
        ssh: how the bot gets in every day: by another account, and another key.

    Raises:
        NotDone: the bot itself could become root by that, or the account may not use sudo.
        SshError: it cannot be entered.
    """
    everyday = parse_ssh_address(ssh["address"])
    if login.sudo and login.address.user == everyday.user:
        raise NotDone(
            f"{everyday.user} is the bot's account on {everyday.host}: if it could become root, so "
            "could whoever takes over the bot. Log in by your own account there: --ssh "
            f"YOU@{everyday.host} --sudo"
        )
    if login.key_file is not None:
        with as_root():
            own = authorized_line(login.key_file)
        if own.split()[:3] == authorized_line(key_file_of(ssh)).split()[:3]:
            raise NotDone(
                f"{login.key_file} is the bot's own key: if it opened {login.address}, whoever "
                "takes over the bot could become root there; take a key of your own."
            )
    try:
        return await host_as(ssh, login.address, login.key_file, home, sudo=login.sudo)
    except SudoRefused as error:
        line = sudoers_line(login.address.user, office.clock() + SUDO_LASTS)
        raise NotDone(
            f"{login.address} doesn't become root by sudo ({error}); as root there, put this line "
            f"into a file of its own by `visudo -f {SUDOERS_FILE}`, for as long as you need it: "
            f"{line}"
        ) from error


def require_named_account(server: Server, account: str | None) -> None:
    """Refuses to let root open an account that only the database names.

    The bot's account may have written that, and would get in as whoever it likes. One of a name
    like vpnbot may be made; if it is there already, see `account_script`.

    Args:
        account: in the words of whoever types the command.

    Raises:
        NotDone: it is another one, or not named where it has to be.
    """
    if account is None and is_own_account(server.account):
        return
    if account != server.account:
        raise NotDone(
            f"The bot's key would open the account {quote(server.account)} on the machine of "
            f"{server.name}; where that is the account that you chose for the bot, say so: "
            f"--account {quote(server.account)}"
        )


async def make_account(account: str, ssh: Payload, host: ServerHost, *, is_named: bool) -> None:
    """Makes the account that the bot logs in to, as root there, and lets the bot's key in.

    Args:
        is_named: whether whoever types the command named it.

    Raises:
        NotDone: it could not be made.
    """
    line = authorized_line(key_file_of(ssh))
    script = account_script(account, line, is_named=is_named)
    made = await host.run(("/bin/sh", "-euc", script))
    if made.status != 0:
        raise NotDone(f"The account {account} couldn't be made there: {made.reason}")


async def look_elsewhere(office: Office, server: Server) -> DeployReport:
    """What is to be done by the bot's account itself: nothing of root's, where that is in place.

    Raises:
        NotDone: root has to write there first.
        VpnError: it cannot be looked at.
    """
    host = host_of(server)
    spec = spec_of(server)
    try:
        is_there = await is_home_of(host, server.name, office.keyring.certificates())
        is_there = is_there and await host.read(CONF) == render_server_conf(spec).encode()
        is_there = is_there and await _has_its_certificates(office, host)
    except KeyRefused:
        is_there = False  # the account is not there yet, or does not know the bot
    if not is_there:
        raise NotDone(
            f"{server.directory} there isn't as it should be, and only root can change that; run: "
            f"{deploy_line(server)} --directory {quote(server.directory)} (or in the place of "
            "--ssh root@…: --ssh YOU@… --sudo, or --to-archive FILE, which you carry over)"
        )
    end = None
    with suppress(HostError):
        end = await certificate_end(host)
    if end is None:
        raise NotDone(
            f"The certificate in {server.directory} can't be read by {server.account}; deploy "
            "again as root."
        )
    return DeployReport((), restart_needed=False, certificate_end=end, commands=())


async def _has_its_certificates(office: Office, host: ServerHost) -> bool:
    """Whether it trusts whom it is to trust, and shows a certificate of the right one, for long."""
    wanted = [office.keyring.certificate_of(each) for each in await trusted_by_servers(office)]
    trusted = certificates_in(await host.read(CA_CERTIFICATE))
    shown = certificates_in(await host.read(CERTIFICATE))
    return (
        set(trusted) == set(wanted)
        and bool(shown)
        and is_issued_by(shown[0], wanted[0])
        and not ends_soon(shown[0], wanted[0], office.clock())
    )


async def pack(office: Office, actor: Actor, server: Server, *, is_named: bool) -> bytes:
    """A tar with a script, to be carried to the server's machine and run there as root.

    It has a new certificate each time: what lies there nobody can see from here.

    Args:
        is_named: whether whoever types the command named the bot's account there.

    Raises:
        NotDone: the server is on this machine.
        PkiError: the CA or the server's key does not open.
    """
    ssh = _ssh_of(server)
    parts = await issuing(office, actor, server)
    spec = spec_of(server)
    return archive(
        spec,
        home_files(
            spec,
            parts.issue(server_common_name(server.name)),
            ca_pem=parts.ca_pem,
            tls_crypt_v2_pem=parts.tls_key,
            sets=parts.sets,
        ),
        account_lines=account_script(
            server.account, authorized_line(key_file_of(ssh)), is_named=is_named
        ),
        commands=host_commands(spec),
        now=office.clock(),
    )


def _ssh_of(server: Server) -> Payload:
    if server.ssh is None:
        raise NotDone(f"{server.name} is on this machine; run: vpnbot server deploy {server.name}")
    return server.ssh
