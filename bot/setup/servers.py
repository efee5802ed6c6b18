"""The use cases around a server: add, deploy, remove. They touch its folder, too."""

import os
import pwd
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Network
from pathlib import Path, PurePosixPath
from shlex import quote

from bot.access import requests, revocation
from bot.access.permission import Actor
from bot.access.terms import ranges_in
from bot.errors import NotDone
from bot.fleet.elsewhere import address_of, authorized_line, is_same_machine
from bot.fleet.live_servers import host_of
from bot.fleet.upkeep import adopt_line
from bot.office import Office
from bot.process.data_folder import account_name
from bot.process.privileges import ROOT, acts_for_another, as_root
from bot.setup.deploying import (
    issuing,
    look_elsewhere,
    pack,
    require_named_account,
    write_elsewhere,
    write_home,
)
from bot.setup.server_sets import require_alone, require_free_name, require_unused
from bot.setup.ways import WayIn, make_key, pinned_key, record_of
from pki.key_ids import Issuers
from storage.records import Grant, GrantState, Payload, Server, ServerName
from vpn.deploy import DeployReport, is_home_of
from vpn.host.safe_place import unsafe_above
from vpn.host.ssh_address import parse_ssh_address
from vpn.layout import MANAGEMENT_SOCKET
from vpn.values import Remote, ServerSpec, make_server_spec, next_free_network

# unix(7): 108 bytes with the zero at its end.
_LONGEST_SOCKET_PATH = 107
_SHOWS_PROFILE = (GrantState.ISSUED, GrantState.ACTIVE)


@dataclass(frozen=True, slots=True)
class ServerToAdd:
    """A server as the operator describes it; None where a default is wanted."""

    name: str
    remote: Remote
    directory: PurePosixPath
    listen_port: int | None = None
    network: IPv4Network | None = None
    routes: tuple[IPv4Network, ...] = ()
    dns: tuple[IPv4Address, ...] = ()
    account: str | None = None
    ssh: WayIn | None = None
    network6: IPv6Network | None = None

    def spec(self, known: Sequence[Server], account: str) -> ServerSpec:
        """The description with its defaults filled in, checked.

        Args:
            account: whose the data folder is.

        Raises:
            InvalidServer, NetworksExhausted: it cannot be like this.
        """
        taken = [IPv4Network(server.network) for server in known]
        return make_server_spec(
            name=self.name,
            remote=self.remote,
            directory=self.directory,
            listen_port=self.listen_port or self.remote.port,
            network=self.network or next_free_network(taken),
            routes=self.routes,
            dns=self.dns,
            account=self.account or (self.ssh.address.user if self.ssh else account),
            network6=self.network6,
        )


@dataclass(frozen=True, slots=True)
class Deployed:
    """What a deployment did.

    Attributes:
        folder: all but what follows.
        crl_number: of the CRL that was put in place.
        admitted: how many people have their address file, because they have access.
    """

    folder: DeployReport
    crl_number: int
    admitted: int


async def add_server(
    office: Office,
    actor: Actor,
    wanted: ServerToAdd,
    *,
    confirm: Callable[[str], bool] = lambda _question: False,
) -> Server:
    """Names a server, and makes its tls-crypt-v2 key.

    Args:
        confirm: asks whether a host key is the right one.

    Raises:
        SshError: its machine cannot be reached.
        InvalidServer, NetworksExhausted: it cannot be like this.
        NotDone: the name, the folder or the network is taken, there is no such account, or the
            folder would not be root's alone.
        PkiError: the CA is missing.
    """
    async with office.database.reading() as tx:
        known = await tx.servers.all()
        await require_free_name(tx, wanted.name)
    spec = wanted.spec(known, office.folder.account())
    way = wanted.ssh
    # Before the machine has shown its host key, by its address.
    ssh = None if way is None else record_of(way, host_key="")
    _refuse_collision(spec, ssh, known)
    if way is None:
        _require_account(spec.account)
        require_safe_place(spec.directory)
    else:
        _require_short_path(spec.directory)
        if way.key_file is None:
            make_key(office)
        else:
            authorized_line(way.key_file)  # whether it can be used
        ssh = record_of(way, await pinned_key(way, confirm))
    await office.keyring.authority()  # a wrong passphrase must not seal a key
    office.keyring.make_tls_key(ServerName(spec.name))
    server = Server(
        name=ServerName(spec.name),
        remote_host=spec.remote.host,
        remote_port=spec.remote.port,
        protocol=spec.remote.protocol,
        listen_port=spec.listen_port,
        directory=str(spec.directory),
        network=str(spec.network),
        routes=tuple(map(str, spec.routes)),
        dns=tuple(map(str, spec.dns)),
        account=spec.account,
        added_at=office.clock(),
        ssh=ssh,
        network6=str(spec.network6) if spec.network6 else None,
    )
    async with office.acting(actor) as case:
        _refuse_collision(spec, ssh, await case.tx.servers.all())
        await require_free_name(case.tx, spec.name)
        await case.tx.servers.add(server)
        await case.record(
            "server.add",
            f"server:{spec.name}",
            remote=str(spec.remote),
            directory=str(spec.directory),
            network=str(spec.network),
            **({"ssh": ssh["address"], "host_key": ssh["host_key"]} if ssh else {}),
        )
    return server


def _require_account(account: str) -> None:
    try:
        pwd.getpwnam(account)
    except KeyError:
        raise NotDone(
            f"There is no account {account}; make it, or name another with --account."
        ) from None


def _require_short_path(directory: PurePosixPath) -> None:
    """sshd connects to a socket by its whole path, which unix(7) bounds."""
    if len(str(directory / MANAGEMENT_SOCKET)) > _LONGEST_SOCKET_PATH:
        raise NotDone(
            f"{directory} is too long a path: sshd there couldn't connect to OpenVPN's socket in"
            f" it, which may have {_LONGEST_SOCKET_PATH} characters; choose a shorter one."
        )


async def deploy_server(
    office: Office,
    actor: Actor,
    name: ServerName,
    *,
    directory: PurePosixPath | None = None,
    account: str | None = None,
    login: WayIn | None = None,
) -> Deployed:
    """Writes a server's folder, publishes the CRL, and lets in whoever has a live grant.

    Args:
        directory: its folder, in the words of whoever types the command; the first time root
            needs them, since what the database says the bot's account may have written.
        account: the bot's there, likewise, of a server elsewhere.
        login: of a server elsewhere: root there. Without it nothing of root's is written there.

    Raises:
        NotDone: there is no such server (any more), its folder would not be root's alone, only
            root may make it, or root does not know the folder.
        VpnError, PkiError: it could not be written; what was written so far is used next time.
    """
    server = await known_server(office, name)
    _require_ours(server)
    if server.ssh is None:
        if login is not None:
            raise NotDone(f"{name} is on this machine; leave --ssh out, and run this as root.")
        await _require_named_by_root(server, directory, office.keyring.certificates())
        require_safe_place(server.directory)
        _require_right_to_write(Path(server.directory))
        parts = await issuing(office, actor, server)
        with as_root():
            report = await write_home(office, server, parts, host_of(server))
    elif login is not None:
        _require_same_folder(server, directory)
        report = await write_elsewhere(office, actor, server, login, directory, account)
    else:
        report = await look_elsewhere(office, server)
    number = await office.fleet.publish(name)
    if number is None:
        raise NotDone(f"The server {name} was taken out meanwhile; see: vpnbot server list")
    return Deployed(report, number, await readmit(office, name))


async def pack_server(
    office: Office,
    actor: Actor,
    name: ServerName,
    *,
    directory: PurePosixPath | None,
    account: str | None,
) -> bytes:
    """A server's folder with a script, for root of its machine; see `deploying.pack`.

    Args:
        directory, account: in the words of whoever types the command; see `deploy_server`.

    Raises:
        NotDone: there is no such server, it is not elsewhere, or nobody named its folder or the
            account.
        PkiError: the CA or the server's key does not open.
    """
    server = await known_server(office, name)
    _require_ours(server)
    if directory is None:
        raise NotDone(
            f"Root there will write {server.directory}; where that is the folder that you chose, "
            f"say so: --directory {quote(server.directory)}"
        )
    _require_same_folder(server, directory)
    require_named_account(server, account)
    return await pack(office, actor, server, is_named=account is not None)


def _require_ours(server: Server) -> None:
    if server.adopted is not None:
        raise NotDone(
            f"{server.name} runs with its operator's own configuration, which isn't written from "
            f"here; see: {adopt_line(server)} --apply"
        )


async def change_way(
    office: Office, actor: Actor, server: Server, way: WayIn, confirm: Callable[[str], bool]
) -> None:
    """Pins a host key anew, or notes another address or key.

    Raises:
        NotDone: the server is on this machine, nobody knows the host key, or it is another machine.
        SshError: the machine cannot be reached.
    """
    if server.ssh is None:
        raise NotDone(f"{server.name} is on this machine; there is nothing to log in to.")
    ssh = record_of(way, await pinned_key(way, confirm))
    if not is_same_machine(server.ssh, ssh):
        # An end that is to be proved where the server was would be proved where it never was.
        raise NotDone(
            f"{way.address.host} has another address and another host key than the machine of"
            f" {server.name}, so it may be another one. If the machine is the same, change one at"
            f" a time; if it is another, take {server.name} out (vpnbot server remove"
            f" {server.name}) and add it anew."
        )
    before = address_of(server)
    is_same = before is not None and before.user == way.address.user
    async with office.acting(actor) as case:
        beside = [
            other
            for other in await case.tx.servers.all()
            if other.name != server.name
            and is_same_machine(other.ssh, ssh)
            and not is_same_machine(other.ssh, server.ssh)
        ]
        try:
            refuse_taken_folder(PurePosixPath(server.directory), beside)
            refuse_taken_port(server.listen_port, server.protocol, beside)
        except NotDone as taken:
            raise NotDone(f"There is another server on that machine. {taken}") from None
        account = server.account if is_same else way.address.user
        await case.tx.servers.set_ssh(server.name, ssh, account)
        await case.record(
            "server.ssh", f"server:{server.name}", address=ssh["address"], host_key=ssh["host_key"]
        )


async def remove_server(office: Office, actor: Actor, name: ServerName) -> Server:
    """Takes a server out, its open proofs with it: they stay unproved. Its folder stays as it is.

    Raises:
        NotDone: there is no such server, people have access through it, or a group names it.
    """
    server = await known_server(office, name)
    async with office.acting(actor) as case:
        await require_alone(case.tx, name)
        require_unused(name, await case.tx.grants.live_on(name))
        for group in await case.tx.groups.all():
            networks = (server.network, server.network6)
            if name in group.servers or any(ranges_in(group, each) for each in networks):
                # Without it the group might open every server.
                raise NotDone(
                    f"The group {group.name} names {name}; change that first: vpnbot group edit "
                    f"{group.name} --help"
                )
        for request in await case.tx.requests.open_on(name):
            await requests.withdraw(case, request, tell=True)
        await case.tx.addresses.forget_files(name)
        await case.tx.strangers.forget_on(name)
        await case.tx.canaries.forget_on(name)
        await case.record("server.remove", f"server:{name}")
        await revocation.take_out(case, server)
    office.keyring.forget_tls_key(name)
    return server


async def known_server(office: Office, name: str) -> Server:
    """Raises NotDone where there is no such server."""
    async with office.database.reading() as tx:
        server = await tx.servers.get(ServerName(name))
    if server is None:
        raise NotDone(f"There is no server “{name}”; see: vpnbot server list")
    return server


async def _require_named_by_root(
    server: Server, directory: PurePosixPath | None, issuers: Issuers
) -> None:
    """Refuses a folder that root has neither been told of nor deployed before.

    Raises:
        NotDone
    """
    _require_same_folder(server, directory)
    if directory is not None or not acts_for_another():
        return
    with as_root():
        host = host_of(server)
        if await is_home_of(host, server.name, issuers) and not unsafe_above(
            Path(server.directory)
        ):
            return
    raise NotDone(
        f"Root hasn't deployed {server.name} in {server.directory}, with this CA, so it would "
        f"write where {account_name(os.geteuid())} wants it to; where that is the folder that you "
        f"chose, say so: vpnbot server deploy {server.name} --directory DIR"
    )


def _require_same_folder(server: Server, directory: PurePosixPath | None) -> None:
    if directory is not None and str(directory) != server.directory:
        raise NotDone(
            f"The folder of {server.name} is {server.directory}, and not {directory}; name that "
            "one, or remove the server and add it anew."
        )


def require_safe_place(directory: str | PurePosixPath) -> None:
    """Refuses a folder that somebody could swap for another one behind root's back.

    For any other account nothing is asked, because what it could lose is its own: accepted for
    the demo and for a single person's machine.

    Raises:
        NotDone: somebody else could put another folder in its place.
    """
    with as_root():
        if os.geteuid() != ROOT:
            return
        try:
            problem = unsafe_above(Path(directory))
        except OSError as error:
            problem = f"{directory} can't be looked at ({error.strerror or error})."
    if problem is not None:
        raise NotDone(problem)


def _require_right_to_write(directory: Path) -> None:
    with as_root():
        place = next(path for path in (directory, *directory.parents) if path.exists())
        if os.access(place, os.W_OK | os.X_OK, effective_ids=True):
            return
    raise NotDone(f"{account_name(os.geteuid())} may not write {place}; run this as root.")


async def readmit(office: Office, name: ServerName) -> int:
    """Writes the address files of all who hold a profile, if they are lost; gives their number.

    Also whose each address is, for the firewall.
    """
    await office.fleet.refit(name)
    admitted = 0
    async with office.database.reading() as tx:
        here = await tx.grants.live_on(name)
        live = [g for g in here if g.state in _SHOWS_PROFILE and g.pause is None]
    for grant in live:

        async def if_live(grant_id: str = grant.id) -> Grant | None:
            async with office.database.reading() as tx:
                return next((g for g in await tx.grants.live_on(name) if g.id == grant_id), None)

        admitted += await office.fleet.admit(name, grant, if_live)
    return admitted


def _refuse_collision(spec: ServerSpec, ssh: Payload | None, known: Sequence[Server]) -> None:
    if any(other.name == spec.name for other in known):
        raise NotDone(f"There is a server {spec.name} already; choose another name.")
    beside = [other for other in known if is_same_machine(other.ssh, ssh)]
    try:
        refuse_taken_folder(spec.directory, beside)
        refuse_taken_port(spec.listen_port, spec.remote.protocol, beside)
    except NotDone as error:
        raise NotDone(f"{error}{_if_a_copy(ssh, beside)}") from error
    for other in known:
        if IPv4Network(other.network).overlaps(spec.network):
            raise NotDone(
                f"The network {spec.network} overlaps {other.network} of {other.name}; "
                "choose another one with --network."
            )
        theirs = other.network6 and IPv6Network(other.network6)
        if theirs and spec.network6 and theirs.overlaps(spec.network6):
            raise NotDone(
                f"The network {spec.network6} overlaps {theirs} of {other.name}; choose another "
                "one with --network6."
            )


def _if_a_copy(ssh: Payload | None, beside: Sequence[Server]) -> str:
    """What to do where one machine counts for another only because both show one host key."""
    mine = ssh and parse_ssh_address(ssh["address"])
    for other in beside:
        theirs = address_of(other)
        if mine and theirs and (mine.host, mine.port) != (theirs.host, theirs.port):
            return (
                f" {mine.host} shows the host key of {other.name} ({theirs.host}): where it is a "
                "copy of that machine, give it host keys of its own, and name it again."
            )
    return ""


def refuse_taken_folder(directory: PurePosixPath, known: Sequence[Server]) -> None:
    """Raises NotDone where another server lives there, or one would live inside the other."""
    for other in known:
        if other.directory == str(directory):
            raise NotDone(f"{directory} is the folder of {other.name}; choose another one.")
        their = PurePosixPath(other.directory)
        if directory.is_relative_to(their) or their.is_relative_to(directory):
            raise NotDone(
                f"One of {directory} and {other.directory} of {other.name} is inside the "
                "other; choose a folder beside it."
            )


def refuse_taken_port(port: int, protocol: str, known: Sequence[Server]) -> None:
    """Raises NotDone where another server listens there."""
    for other in known:
        if (other.listen_port, other.protocol) == (port, protocol):
            raise NotDone(
                f"{other.name} listens on port {other.listen_port}/{other.protocol} already; "
                "choose another one with --listen."
            )
