"""`vpnbot init`: asks what is needed and sets everything up; again, it goes on where it stopped."""

import asyncio
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING, Annotated

import typer

from bot.cli.asking import Asker
from bot.cli.bots_unit import RELOAD, access_for, fits, installed_unit, start_line
from bot.cli.server import tell_deployed
from bot.cli.server_choice import ServerFlags
from bot.cli.shared import (
    operator,
    require_own_place,
    say,
    say_steps,
    settings_of_env_owner,
)
from bot.errors import NotDone
from bot.fleet.live_servers import live_server, spec_of
from bot.fleet.upkeep import BOTS_ACCOUNT, deploy_line
from bot.health.local import USUAL_HOME, home_of_bot
from bot.office import Office, open_office
from bot.process.env_file import ENV_FILE
from bot.process.locks import is_locked
from bot.process.privileges import ROOT, act_as, as_root
from bot.settings import PREFIX, Settings, load_settings
from bot.setup.first_time import (
    Place,
    check_place,
    find_place,
    make_authority,
    make_private_folder,
    write_private_file,
)
from bot.setup.servers import add_server, deploy_server, known_server
from pki.authority_files import load_certificate
from pki.errors import AuthorityMissing
from storage.records import Server
from vpn.configuration.server import host_commands
from vpn.errors import HostError
from vpn.host.firewall import read_ruleset, shut_port
from vpn.host.local import LocalHost
from vpn.layout import CONF
from vpn.values import Protocol

if TYPE_CHECKING:
    from bot.cli.answers import Answers, Secret

# As the README has it.
_ACCOUNT = (
    f"useradd --system --create-home --home-dir {USUAL_HOME} --shell /usr/sbin/nologin "
    f"{BOTS_ACCOUNT}"
)


def init(
    token_file: Annotated[
        Path | None, typer.Option(metavar="F", help="A file with the token from @BotFather.")
    ] = None,
    admin: Annotated[
        list[str] | None,
        typer.Option(metavar="ID", help="An admin's numeric Telegram id; again for more."),
    ] = None,
    server: Annotated[
        str | None, typer.Option(metavar="NAME", help="A name for the OpenVPN server.")
    ] = None,
    remote: Annotated[
        str | None, typer.Option(metavar="HOST:PORT/PROTO", help="What clients dial.")
    ] = None,
    directory: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="The server's folder, such as /srv/openvpn/NAME."),
    ] = None,
    passphrase_file: Annotated[
        Path | None, typer.Option(metavar="F", help="A file with the CA's passphrase.")
    ] = None,
    route: Annotated[
        list[str] | None,
        typer.Option(metavar="CIDR", help="A network that clients reach; again for more."),
    ] = None,
    dns: Annotated[
        list[str] | None,
        typer.Option(metavar="IP", help="A resolver that clients ask; again for more."),
    ] = None,
    proxy_file: Annotated[
        Path | None,
        typer.Option(metavar="F", help="A file with the URL of a proxy on the way to Telegram."),
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Asks nothing.")] = False,
) -> None:
    """Sets everything up in this folder: settings, data folder, CA, and a server."""
    # Slow to import, because of the Telegram client.
    from bot.cli.answers import Flags, gather  # noqa: PLC0415

    stay_here(Asker(unattended=yes), home_of_bot())
    settings, became_another = settings_of_env_owner()
    place = find_place(settings.data_dir, is_theirs=became_another)
    require_own_place(place.folder.path, place.owner, f"{PREFIX}DATA_DIR")
    act_as(place.owner, place.home)
    check_place(place)
    asker = Asker(unattended=yes)
    asker.tell(f"This sets up VPN Access Bot in {place.home}, for the account {place.account}.")
    if place.owner == ROOT:
        asker.tell(
            "An account of the bot's own is better than root. To make one, press Ctrl-C, and:"
        )
        asker.tell(f"  {_ACCOUNT}")
        asker.tell(f"  cd {USUAL_HOME} && vpnbot init")
    asker.tell("Enter takes what stands in brackets; nothing is written before the last answer.")
    named = ServerFlags(
        server, remote, directory, tuple(route) if route else None, tuple(dns) if dns else None
    )
    flags = Flags(token_file, tuple(admin or ()), named, passphrase_file, proxy_file)
    answers = gather(settings, flags, place, asker)
    try:
        _write_files(place, answers)
        # From the files, as every command will read them from now on.
        left = asyncio.run(_build(load_settings(), answers))
    except KeyboardInterrupt:
        raise NotDone("Interrupted. Run it again: it goes on where it stopped.") from None
    _tell_next(place, answers, left)


def stay_here(asker: Asker, other: Path | None) -> None:
    """A second bot is seldom meant: mostly somebody is in the wrong folder.

    Args:
        other: where a bot lives; None where there is none.

    Raises:
        NotDone: that is so.
    """
    here = Path.cwd()
    if asker.silent or other in (None, here) or Path(ENV_FILE).exists():
        return
    if not asker.agrees(f"A bot lives in {other} already. Set up another one here, in {here}?"):
        raise NotDone(f"Nothing was done. To go there: cd {quote(str(other))}")


def _write_files(place: Place, answers: "Answers") -> None:
    """Each step leaves a state from which the next run goes on."""
    if make_private_folder(place.folder.path, place.owner, is_roots_word=not place.is_theirs):
        say(f"made   the data folder {place.folder.path}")
    else:
        say(f"kept   the data folder {place.folder.path}")
    _keep_secret(place, answers.token, "the bot's token")
    _keep_secret(place, answers.passphrase, "the CA's passphrase")
    if answers.env is None:
        say(f"kept   the settings in {place.env}")
    else:
        write_private_file(place.env, answers.env, place.owner)
        say(f"wrote  the settings to {place.env}")


def _keep_secret(place: Place, secret: "Secret", what: str) -> None:
    if secret.path is None:
        say(f"kept   {what} in its setting")
    elif secret.is_new:
        make_private_folder(place.secrets, place.owner)
        write_private_file(secret.path, f"{secret.value}\n", place.owner)
        say(f"wrote  {what} to {secret.path}")
    else:
        say(f"kept   {what} in {secret.path}")


@dataclass(frozen=True, slots=True)
class _Left:
    """What is still to be done.

    Attributes:
        commands: for root, on this machine.
        opens: likewise, so that the bot's unit may write where the servers are.
        silent_admins: those that the bot may not write to yet.
        has_people: whether anybody may ask for access.
    """

    commands: tuple[str, ...]
    opens: tuple[str, ...]
    silent_admins: tuple[str, ...]
    has_people: bool


async def _build(settings: Settings, answers: "Answers") -> _Left:
    commands: list[str] = []
    async with open_office(settings) as office:
        await _authority(office, answers.passphrase.value)
        for server in await _to_deploy(office, answers):
            deployed = await deploy_server(
                office, operator(), server.name, directory=answers.directory
            )
            tell_deployed(server, deployed, has_list=server.ssh is None)
            if server.ssh is None:
                commands += [*deployed.folder.commands, *await _openings(server)]
        commands += await _not_started(office)
        async with office.database.reading() as tx:
            known = [(admin, await tx.people.get(admin)) for admin in office.rules.admins]
            has_people = bool(await tx.people.listed(offset=0, limit=1))
            servers = await tx.servers.all()
    opens = [line for server in servers for line in access_for(server)]
    silent = tuple(str(admin) for admin, each in known if each is None or not each.reachable)
    return _Left(tuple(dict.fromkeys(commands)), tuple(opens), silent, has_people)


async def _not_started(office: Office) -> list[str]:
    """What starts the servers of ours here that an earlier run has written."""
    async with office.database.reading() as tx:
        servers = await tx.servers.all()
    ours = [one for one in servers if one.ssh is None and one.adopted is None]
    states = await asyncio.gather(*(office.fleet.status(server) for server in ours))
    commands: list[str] = []
    for server, state in zip(ours, states, strict=True):
        if not await _is_written(server):  # as after a restore
            commands.append(f"{deploy_line(server)} --directory DIR   (the folder that you chose)")
        elif not state.reachable:
            commands += [*host_commands(spec_of(server)), *await _openings(server)]
    return commands


async def _is_written(server: Server) -> bool:
    with suppress(HostError):
        return await live_server(server).host.stat(CONF) is not None
    return True


async def _openings(server: Server) -> list[str]:
    """What opens its port, where the firewall here shuts it; nobody but root sees that."""
    machine = LocalHost(Path("/"))
    with as_root():
        try:
            rules = await read_ruleset(machine)
            if rules is None:
                return []
            protocol = Protocol(server.protocol)
            opening = await shut_port(machine, rules, server.listen_port, protocol)
        except HostError:
            return []
    if opening is None:
        return []
    stays = "   (and put that rule into /etc/nftables.conf, to keep it)"
    return [f"{opening}{stays if opening.startswith('nft ') else ''}"]


async def _authority(office: Office, passphrase: str) -> None:
    try:
        load_certificate(office.folder.ca)
    except AuthorityMissing:
        await make_authority(office, operator(), passphrase)
        say(f"made   the CA in {office.folder.ca}")
    else:
        say(f"kept   the CA in {office.folder.ca}")


async def _to_deploy(office: Office, answers: "Answers") -> list[Server]:
    """The server that was named, or those that an earlier run did not get to."""
    if answers.new_server is not None:
        server = await add_server(office, operator(), answers.new_server)
        say(f"added  the server {server.name}, with the network {server.network}")
        if not server.routes:
            say(
                "       Its clients reach this machine and nothing behind it: no --route was named."
            )
        return [server]
    if answers.server is not None:
        say(f"kept   the server {answers.server}")
        return [await known_server(office, answers.server)]
    async with office.database.reading() as tx:
        servers = await tx.servers.all()
    for server in servers:
        say(f"kept   the server {server.name}")
    return [server for server in servers if server.crl_published_at is None]


def _start(place: Place, answers: "Answers") -> str:
    """What starts the bot, by its unit where that is for this place."""
    unit = installed_unit()
    by_hand = f"vpnbot run   (in {place.home}, as {place.account}"
    if unit is None:
        return f"{by_hand}; for systemd there is deploy/vpnbot.service)"
    if fits(place.home, place.account, (answers.token.path, answers.passphrase.path)):
        return f"as root: {start_line(unit)}"
    return (
        f"{by_hand}; for systemd take {unit}, with User=, WorkingDirectory= and LoadCredential= "
        "changed to yours)"
    )


def _tell_next(place: Place, answers: "Answers", left: _Left) -> None:
    if answers.passphrase.path is not None:
        say(f"Keep a copy of {answers.passphrase.path} somewhere safe: without it nothing can be")
        say("signed or revoked, and with it and the data folder anybody can let anyone in.")
    chat = f"https://t.me/{answers.username}" if answers.username else "the bot's chat"
    steps = [f"as root: {command}" for command in left.commands]
    runs = is_locked(place.folder.running)
    if left.opens:
        opening = " && ".join((*left.opens, *((RELOAD,) if runs else ())))
        steps.append(f"as root, if the bot is to run by its unit: {opening}")
    if not runs:
        steps.append(_start(place, answers))
    steps.append("vpnbot doctor")
    if left.silent_admins:
        who = ", ".join(left.silent_admins)
        steps.append(f"open {chat} and press Start, each admin for themselves: {who}")
    if not left.has_people:
        steps.append("vpnbot user allow ID --name NAME   for everybody who may ask for access")
    say_steps(steps)
