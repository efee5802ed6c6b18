"""`vpnbot server`: the OpenVPN servers."""

import os
from contextlib import suppress
from dataclasses import replace
from ipaddress import IPv4Address, IPv4Network, IPv6Network
from pathlib import Path, PurePosixPath
from shlex import quote
from typing import Annotated

import typer

from bot.backup.backup import write_new
from bot.cli import server_group
from bot.cli.adopt import adopt
from bot.cli.asking import require_yes
from bot.cli.bots_unit import RELOAD, access_for
from bot.cli.firewall import firewall
from bot.cli.groups_help import CommandGroup
from bot.cli.sessions import sessions
from bot.cli.shared import Yes, operator, say, with_office
from bot.cli.ssh import HostKey, Ssh, SshKey, Sudo, confirm, key, ssh_, tell_way, way_in
from bot.errors import NotDone
from bot.fleet.elsewhere import address_of
from bot.fleet.upkeep import deploy_line
from bot.office import Office
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
from bot.texts import people as people_words
from bot.texts.adoption import UNIT
from bot.texts.fill import plain, utc
from storage.records import Server, ServerName
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
        dns=tuple(parse_address("--dns", text) for text in dns or ()),
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
            write_new(to_archive.absolute(), content)
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


@app.command("remove")
def remove(name: Name, yes: Yes = False) -> None:
    """Takes a server out; an end that it hasn't proved by then stays unproved, and is listed."""

    async def work(office: Office) -> None:
        known = await known_server(office, ServerName(name))
        require_yes(plain(people_words.ASK_SERVER, name=known.name), yes=yes)
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
    if lines := access_for(server):
        say(UNIT)
        for line in (*lines, RELOAD):
            say(f"  {line}")


def _network6(text: str) -> IPv6Network:
    """Raises NotDone where it is none."""
    try:
        return IPv6Network(text)
    except ValueError as error:
        raise NotDone(
            f"--network6 “{text}” isn't an IPv6 network; write for example fd12:3456::/64."
        ) from error


def parse_network(option: str, text: str) -> IPv4Network:
    """Raises NotDone where it is none."""
    try:
        return IPv4Network(text)
    except ValueError as error:
        wrong = f"{option} “{text}”".lstrip()
        with suppress(ValueError):
            meant = IPv4Network(text, strict=False)
            raise NotDone(f"{wrong} is an address in a network; do you mean {meant}?") from error
        raise NotDone(f"{wrong} isn't an IPv4 network; write for example 10.0.0.0/8.") from error


def parse_address(option: str, text: str) -> IPv4Address:
    """Raises NotDone where it is none."""
    try:
        return IPv4Address(text)
    except ValueError as error:
        wrong = f"{option} “{text}”".lstrip()
        raise NotDone(f"{wrong} isn't an IPv4 address; write for example 10.8.0.1.") from error
