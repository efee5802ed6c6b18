"""`vpnbot server`: the OpenVPN servers."""

import asyncio
import os
from collections.abc import Sequence
from dataclasses import replace
from ipaddress import IPv4Address, IPv4Network, IPv6Network
from pathlib import Path, PurePosixPath
from shlex import quote
from typing import Annotated, Any

import typer

from bot.access.canaries import current
from bot.access.endings import AUTHORITY_NOTICE
from bot.backup.backup import write_new
from bot.cli import server_group
from bot.cli.adopt import adopt
from bot.cli.firewall import firewall
from bot.cli.groups_help import CommandGroup
from bot.cli.sessions import sessions
from bot.cli.shared import operator, say, show, stamp, with_office
from bot.cli.ssh import HostKey, Ssh, SshKey, Sudo, confirm, key, ssh_, tell_way, way_in
from bot.errors import NotDone
from bot.fleet.elsewhere import address_of
from bot.fleet.live_servers import remote_of
from bot.fleet.upkeep import deploy_line
from bot.handover.sets import SetLook, line, look_at_sets, sentences
from bot.office import Office
from bot.process.privileges import as_root
from bot.setup.deploying import SUDO_LASTS, SUDOERS_FILE
from bot.setup.servers import (
    Deployed,
    ServerToAdd,
    add_server,
    deploy_server,
    known_server,
    pack_server,
    remove_server,
)
from bot.texts.canary import seen_from_outside
from bot.texts.fill import utc
from storage.records import CanaryLook, Server, ServerName
from vpn.findings import ServerStatus
from vpn.host.ssh_address import sudoers_line
from vpn.values import parse_remote

app = typer.Typer(help="The OpenVPN servers.", no_args_is_help=True, cls=CommandGroup)
app.command("adopt")(adopt)
app.command("key")(key)
app.command("ssh")(ssh_)
app.command("sessions")(sessions)
app.command("firewall")(firewall)
app.add_typer(server_group.app, name="group")

Name = Annotated[str, typer.Argument(metavar="NAME", help="The server's name.")]
AsJson = Annotated[bool, typer.Option("--json", help="A list of objects.")]


@app.command("add")
def add(
    name: Name,
    remote: Annotated[str, typer.Option(metavar="HOST:PORT/PROTO", help="What clients dial.")],
    directory: Annotated[
        Path, typer.Option(metavar="DIR", help="Its folder, such as /srv/openvpn/NAME.")
    ],
    listen: Annotated[
        int | None, typer.Option(metavar="PORT", help="The port it listens on, if not that.")
    ] = None,
    network: Annotated[
        str | None,
        typer.Option(
            metavar="CIDR", help="Its clients' network; else the next free /22 from 10.8.0.0."
        ),
    ] = None,
    network6: Annotated[
        str | None,
        typer.Option(
            metavar="CIDR", help="Its clients' IPv6 network, such as fd12:3456::/64; else none."
        ),
    ] = None,
    route: Annotated[
        list[str] | None,
        typer.Option(
            metavar="CIDR",
            help="A network that clients reach; again for more; 0.0.0.0/0 is everything.",
        ),
    ] = None,
    dns: Annotated[
        list[str] | None,
        typer.Option(metavar="IP", help="A resolver that clients ask; again for more."),
    ] = None,
    account: Annotated[
        str | None, typer.Option(metavar="USER", help="The account that runs the bot.")
    ] = None,
    ssh: Ssh = None,
    host_key: HostKey = None,
    ssh_key: SshKey = None,
    sudo: Annotated[
        bool,
        typer.Option("--sudo", help="Says how to deploy by an account there that may use sudo."),
    ] = False,
) -> None:
    """Names a server, here or on another machine. `server deploy` then writes its folder."""
    way = way_in(ssh, host_key, ssh_key, sudo=sudo)
    wanted = ServerToAdd(
        name=name,
        remote=parse_remote(remote),
        directory=PurePosixPath(directory.absolute()),
        listen_port=listen,
        network=parse_network("--network", network) if network else None,
        routes=tuple(parse_network("--route", text) for text in route or ()),
        dns=tuple(parse_address(text) for text in dns or ()),
        account=account,
        ssh=way and replace(way, sudo=False),  # the bot never uses it
        network6=_network6(network6) if network6 else None,
    )

    async def work(office: Office) -> None:
        server = await add_server(office, operator(), wanted, confirm=confirm)
        networks = " and ".join(filter(None, (server.network, server.network6)))
        say(f"{server.name} is added, with the network {networks}.")
        tell_way(server)
        place = quote(str(wanted.directory))
        write = deploy_line(server)
        if wanted.ssh and sudo:
            you = os.environ.get("SUDO_USER") or "YOU"
            write = write.replace("--ssh root@", f"--ssh {you}@") + " --sudo"
            line = sudoers_line(you, office.clock() + SUDO_LASTS)
            say(f"On {wanted.ssh.address.host}, as root, by `visudo -f {SUDOERS_FILE}`:")
            say(f"  {line}")
        say(f"Next: {write} --directory {place}")
        if wanted.ssh:
            say(
                f"  or, to carry it over: vpnbot server deploy {server.name} --to-archive FILE "
                f"--directory {place}"
            )

    with_office(work)


@app.command("deploy")
def deploy(
    name: Name,
    directory: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR", help="Its folder, as root has to say the first time it writes there."
        ),
    ] = None,
    ssh: Annotated[
        str | None,
        typer.Option(metavar="USER@HOST[:PORT]", help="Root of a machine elsewhere; see --sudo."),
    ] = None,
    ssh_key: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Your private key for it; else yours, and your agent's."),
    ] = None,
    sudo: Sudo = False,
    to_archive: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="A new tar instead, to be carried there by hand."),
    ] = None,
    account: Annotated[
        str | None,
        typer.Option(
            metavar="USER",
            help=(
                "The bot's account there, as root has to say where it was there before, or has a "
                "name that isn't like vpnbot."
            ),
        ),
    ] = None,
) -> None:
    """Writes all that OpenVPN needs into the server's folder, as root; again, what has changed."""
    named = None if directory is None else PurePosixPath(directory.absolute())
    login = way_in(ssh, None, ssh_key, sudo=sudo)

    async def work(office: Office) -> None:
        server = await known_server(office, name)
        if to_archive is not None:
            content = await pack_server(
                office, operator(), server.name, directory=named, account=account
            )
            with as_root():
                write_new(to_archive, content)
            say(
                f"{quote(str(to_archive))} has the folder of {name}, keys included. On its machine:"
            )
            say(f"  tar -xf {quote(to_archive.name)} && sh vpnbot-{name}/install.sh")
            say(f"Then here, and after that start OpenVPN there: vpnbot server deploy {name}")
            return
        deployed = await deploy_server(
            office, operator(), server.name, directory=named, account=account, login=login
        )
        tell_deployed(server, deployed)

    with_office(work)


@app.command("list")
def list_(as_json: AsJson = False) -> None:
    """The servers."""

    async def work(office: Office) -> None:
        async with office.database.reading() as tx:
            servers = await tx.servers.all()
        rows = [
            {
                "name": server.name,
                "remote": str(remote_of(server)),
                "directory": server.directory,
                "network": server.network,
                "network6": server.network6,
                "ssh": None if server.ssh is None else server.ssh["address"],
            }
            for server in servers
        ]
        elsewhere = ("ssh",) if any(row["ssh"] for row in rows) else ()
        show(rows, ("name", "remote", "directory", "network", *elsewhere), as_json=as_json)

    with_office(work)


@app.command("status")
def status(as_json: AsJson = False) -> None:
    """What each server answers now."""

    async def work(office: Office) -> bool:
        async with office.database.reading() as tx:
            servers = await tx.servers.all()
            seen = await tx.canaries.looks()
            sets = await look_at_sets(tx)
        now, period_s = office.clock(), office.settings.canary
        looks = {name: current(look, now, period_s) for name, look in seen.items()}
        states = await asyncio.gather(*(office.fleet.status(server) for server in servers))
        rows = [
            _status_object(state, looks.get(ServerName(state.server)), sets) for state in states
        ]
        shown = [name for name in (rows[0] if rows else ("name",)) if sets or name != "sets"]
        if not as_json:
            rows = [row | {"sets": " ".join(row["sets"])} for row in rows]
        show(rows, shown, as_json=as_json)
        if not as_json:
            for state in states:
                for finding in state.findings:
                    say(f"{state.server}: {finding.detail}")
            for look in looks.values():
                template, said = seen_from_outside(look)
                say(f"{look.server}: {template.format(said=said, moment=utc(look.at))}.")
            answers = {ServerName(state.server): state for state in states}
            for each in sets:
                say(line(each, sentences(each, answers, looks)))
            ends = office.fleet.authority_end()
            if ends - now < AUTHORITY_NOTICE and len(office.keyring.numbers()) == 1:
                say(f"The CA ends at {utc(ends)}; have another take its place: vpnbot ca rotate")
        return all(state.reachable for state in states)

    if not with_office(work):
        raise typer.Exit(1)


@app.command("remove")
def remove(name: Name) -> None:
    """Takes a server out; an end that it hasn't proved by then stays unproved, and is listed."""

    async def work(office: Office) -> None:
        server = await remove_server(office, operator(), ServerName(name))
        say(f"{name} is taken out. Its folder {server.directory} stays; stop OpenVPN there.")

    with_office(work)


def tell_deployed(server: Server, deployed: Deployed, *, has_list: bool = False) -> None:
    """Says what a deploy changed and what the machine still needs.

    Args:
        has_list: whether the commands follow in a list of their own.
    """
    report = deployed.folder
    for path in report.changed:
        say(f"wrote {PurePosixPath(server.directory) / path}")
    if not report.changed:
        say(f"Configuration, certificate and keys in {server.directory} are as they should be.")
    say(f"A new CRL is in place, with number {deployed.crl_number}.")
    if deployed.admitted:
        say(f"Address files in place: {deployed.admitted}, one for each who has access.")
    say(f"The server's certificate is valid until {utc(report.certificate_end)}.")
    if report.restart_needed:
        say("OpenVPN reads what has changed only when it starts: restart it.")
    if has_list:
        return
    if report.commands:
        address = address_of(server)
        place = "this machine" if address is None else address.host
        say(f"Still to be run as root on {place}, where it isn't done yet:")
    for command in report.commands:
        say(f"  {command}")


def _status_object(
    state: ServerStatus, look: CanaryLook | None, sets: Sequence[SetLook]
) -> dict[str, Any]:
    return {
        "name": state.server,
        "reachable": state.reachable,
        "crl_number": state.crl_number,
        "crl_this_update": stamp(state.crl_signed_at),
        "sessions": state.sessions,
        "restart_pending": state.restart_pending,
        "open_to_others": bool(state.open_to_others),
        # Whether clients get in as they should; `null` where that was not tried.
        "well_from_outside": None if look is None or look.untried else not look.troubles,
        "tried_at": stamp(look.at if look else None),
        "untried": look and look.untried,
        "troubles_from_outside": None if look is None else ", ".join(look.troubles),
        "certificate_end": stamp(state.certificate_end),
        "clock_ahead_s": state.clock_ahead and round(state.clock_ahead.total_seconds()),
        # Those that it belongs to.
        "sets": [each.name for each in sets if state.server in each.servers],
    }


def _network6(text: str) -> IPv6Network:
    """Raises NotDone where it is none."""
    try:
        return IPv6Network(text)
    except ValueError as error:
        raise NotDone(
            f"--network6 {text!r} is no IPv6 network; write for example fd12:3456::/64."
        ) from error


def parse_network(option: str, text: str) -> IPv4Network:
    """Raises NotDone where it is none."""
    try:
        return IPv4Network(text)
    except ValueError as error:
        raise NotDone(
            f"{option} {text!r} is no IPv4 network; write for example 10.0.0.0/8."
        ) from error


def parse_address(text: str) -> IPv4Address:
    """Raises NotDone where it is none."""
    try:
        return IPv4Address(text)
    except ValueError as error:
        raise NotDone(f"--dns {text!r} is no IPv4 address; write for example 10.8.0.1.") from error
