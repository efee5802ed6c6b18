"""The whole product in a temporary folder, on loopback, without Telegram: for `vpnbot demo`.

The bot, the database, the CA and the profiles are the real ones. Telegram is the look-alike of
`demo/`. OpenVPN is real between network namespaces where the machine allows it; elsewhere a
stand-in answers in its place, and the page says so. With sshd there is a second server, on a
machine that the bot reaches by SSH alone.
"""

import asyncio
import logging
import secrets
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory

from bot.access import appointing, groups, pausing, people
from bot.access.permission import Actor
from bot.access.roles import identify
from bot.chat.client import connect
from bot.errors import VpnbotError
from bot.fleet.upkeep import BOTS_ACCOUNT
from bot.office import Office, open_office
from bot.run import serve
from bot.settings import Hidden, Settings
from bot.setup.first_time import make_authority
from bot.setup.servers import ServerToAdd, add_server, deploy_server
from bot.setup.ways import WayIn
from bot.showcase_devices import LabDevices, StandInDevices
from demo.errors import LabError
from demo.lab.elsewhere import Elsewhere, elsewhere_missing
from demo.lab.network import NetLab, lab_missing
from demo.lab.stand_in import StandIn
from demo.people import DemoPerson
from demo.server import DemoServer
from pki.private_files import write_file
from storage.group_records import Group, GroupName
from storage.key_records import KeyWay
from storage.outbox import Done
from storage.records import ServerName, UserId
from storage.role_records import Role
from vpn.host.ssh_address import SshAddress
from vpn.values import Protocol as Transport
from vpn.values import Remote

log = logging.getLogger(__name__)

ANNA = DemoPerson(1001, "Anna", "anna", "Employee")
EMIL = DemoPerson(1002, "Emil", "emil", "Not on the allowlist")
BORIS = DemoPerson(2001, "Boris", "boris", "Admin", started=True)
CLARA = DemoPerson(2002, "Clara", "clara", "Admin", started=True)
DORA = DemoPerson(2003, "Dora", "dora", "Approver", started=True)
FINN = DemoPerson(1003, "Finn", "finn", "Employee, paused")
# As the page shows them.
PEOPLE = (ANNA, BORIS, CLARA, DORA, FINN, EMIL)
OFFICE, PARIS = ServerName("office"), ServerName("paris")

_REAL = "Real OpenVPN in network namespaces of this machine; {paris}."
_PARIS = "paris is reached by SSH only"
_NO_PARIS = "no second server by SSH ({reason})"
_STAND_IN = "No real OpenVPN here ({reason}): a stand-in answers in the server’s place."
_OPERATOR = Actor(key="system:demo", name="demo", is_operator=True)
# Whose requests the approver decides on, beside the admins.
_TEAM = GroupName("sales")
_ON_LEAVE = timedelta(days=14)
_READY_S = 20.0
# As the unit in deploy/ does it, only sooner: somebody watches.
_AGAIN_S = 2.0
_ENDED = "The bot ended: {reason} It is started again, as systemd would do it."


@dataclass(frozen=True, slots=True)
class Showcase:
    """Everything that runs."""

    telegram: DemoServer
    office: Office
    # None where a stand-in takes OpenVPN's place.
    lab: NetLab | None
    banner: str
    # Whether there is a server on a machine elsewhere, too.
    has_paris: bool


@asynccontextmanager
async def open_showcase(port: int = 0) -> AsyncIterator[Showcase]:
    """Starts everything, and leaves nothing behind.

    Raises:
        OSError: the port is taken, the disk is full, or the bot does not begin in time.
        LabError: OpenVPN does not start.
    """
    missing = lab_missing()
    banner = _STAND_IN.format(reason=missing)
    token = f"{secrets.randbelow(10**9) + 10**8}:{secrets.token_urlsafe(24)}"
    async with AsyncExitStack() as stack:
        base = stack.enter_context(_temporary_folder())
        telegram = DemoServer(token, PEOPLE, port=port)
        await stack.enter_async_context(telegram)
        settings = _settings(base, token, telegram.api_url)
        office = await stack.enter_async_context(open_office(settings))
        lab = await stack.enter_async_context(NetLab("vpnbot-demo")) if missing is None else None
        await _furnish(office, base, lab)
        await _start_vpn(stack, telegram, lab, base / OFFICE)
        has_paris = False
        if lab is not None:
            why_not = await _open_paris(stack, office, base, lab)
            has_paris = why_not is None
            banner = _REAL.format(paris=_PARIS if has_paris else _NO_PARIS.format(reason=why_not))
        telegram.banner = banner
        bot = asyncio.create_task(_keep_serving(office, telegram, token))
        stack.push_async_callback(_stop, bot)
        roles = asyncio.create_task(_keep_roles(office, telegram))
        stack.push_async_callback(_stop, roles)
        await _until_polling(telegram, bot)
        yield Showcase(telegram, office, lab, banner, has_paris=has_paris)


def _settings(base: Path, token: str, url: str) -> Settings:
    """Nothing of the operator's own gets in."""
    return Settings(
        bot_token=Hidden(token),
        admin_ids=(BORIS.id, CLARA.id),
        data_dir=base / "data",
        profile_key=(KeyWay.PLAIN, KeyWay.LOCKED),
        ca_passphrase=Hidden(secrets.token_urlsafe(24)),
        telegram_api_url=url,
        # Real servers of the demo are in a network that this process is not in.
        canary=0,
    )


async def _furnish(office: Office, base: Path, lab: NetLab | None) -> None:
    """What an operator does on the first day."""
    passphrase = office.settings.passphrase()
    assert passphrase is not None
    await make_authority(office, _OPERATOR, passphrase)
    wanted = ServerToAdd(
        name=OFFICE,
        remote=Remote(lab.server_address if lab else "127.0.0.1", _free_port(), Transport.UDP),
        directory=PurePosixPath(base / OFFICE),
    )
    await add_server(office, _OPERATOR, wanted)
    await deploy_server(office, _OPERATOR, OFFICE)
    async with office.acting(_OPERATOR) as case:
        anna, finn = UserId(ANNA.id), UserId(FINN.id)
        await people.allow(case, anna, "Anna Petrova")
        await people.allow(case, finn, "Finn Falk")
        await groups.add(case, Group(_TEAM))
        for member in (anna, finn):
            await groups.join(case, _TEAM, member)
        for one in (BORIS, CLARA, DORA):
            await case.tx.people.know(UserId(one.id), one.first_name, case.now)
        await appointing.appoint(case, UserId(DORA.id), Role.APPROVER, [_TEAM])
        await pausing.pause(case, finn, case.now + _ON_LEAVE)
        # Nobody has pressed Start yet, so there is nobody to greet.
        for item in await case.tx.outbox.due(office.clock(), 100):
            await case.tx.outbox.claim(item.id)
            await case.tx.outbox.conclude(item, Done())


async def _start_vpn(
    stack: AsyncExitStack, telegram: DemoServer, lab: NetLab | None, directory: Path
) -> None:
    if lab is not None:
        await lab.start_server(directory)
        devices = LabDevices(lab, telegram.page)
        telegram.page.connector = devices
        stack.push_async_callback(devices.close)
        return
    stand_ins = StandInDevices(telegram.page)
    server = StandIn(stand_ins.on_event)
    stand_ins.server = server
    await server.start(directory)
    telegram.page.connector = stand_ins
    stack.push_async_callback(server.stop)


async def _open_paris(stack: AsyncExitStack, office: Office, base: Path, lab: NetLab) -> str | None:
    """A second server, on a machine elsewhere; why there is none, where it cannot be had."""
    from vpn.host.ssh_keys import fingerprint_of, new_key  # noqa: PLC0415 - takes half a second

    missing = elsewhere_missing()
    if missing is not None:
        return missing
    folder, roots_key = base / "machine", base / "roots-key"
    folder.mkdir()
    folder.chmod(0o711)
    host_key, host_line = new_key("demo")
    private, line = new_key("demo")
    write_file(roots_key, private, replace=False)
    machine = Elsewhere(
        lab, folder, account=BOTS_ACCOUNT, host_key=host_key, roots_line=f"{line}\n"
    )
    stack.push_async_callback(machine.close)
    try:
        await machine.start()
    except LabError as error:
        return str(error).rstrip(".")
    directory = PurePosixPath(base / PARIS)

    def way_of(user: str, key_file: Path | None = None) -> WayIn:
        address = SshAddress(user, "127.0.0.1", machine.port)
        return WayIn(address, fingerprint_of(host_line), key_file)

    wanted = ServerToAdd(
        name=PARIS,
        remote=Remote(machine.address, _free_port(), Transport.UDP),
        directory=directory,
        ssh=way_of(BOTS_ACCOUNT),
    )
    await add_server(office, _OPERATOR, wanted)
    await deploy_server(
        *(office, _OPERATOR, PARIS),
        directory=directory,
        account=BOTS_ACCOUNT,
        login=way_of("root", roots_key),
    )
    await machine.start_server(base / PARIS)
    return None


async def _keep_serving(office: Office, telegram: DemoServer, token: str) -> None:
    """Runs the bot, and runs it again when it gave up: a second poller makes it do so."""
    banner = telegram.banner
    while True:
        try:
            await serve(office, connect(token, telegram.api_url, office.time))
        except VpnbotError as error:
            telegram.banner = _ENDED.format(reason=error)
            log.error("%s", telegram.banner)  # noqa: TRY400 - it says all that there is to say
        await asyncio.sleep(_AGAIN_S)
        telegram.banner = banner


async def _keep_roles(office: Office, telegram: DemoServer) -> None:
    """Below each name: what they are to the bot now, which says something after each change."""
    said = asyncio.Event()
    telegram.world.listeners.append(lambda _event: said.set())
    while True:
        said.clear()
        async with office.database.reading() as tx:
            for person_id, state in telegram.world.people.items():
                name = state.person.first_name
                actor = await identify(tx, office.rules, UserId(person_id), name)
                telegram.page.show_role(person_id, role_text(actor))
        await said.wait()


def role_text(actor: Actor) -> str:
    """What the page calls somebody."""
    paused = ", paused" if actor.is_paused else ""
    if not actor.has_role:
        return f"Employee{paused}" if actor.is_allowed else "Not on the allowlist"
    role = "Admin" if actor.is_admin else "Auditor" if actor.is_auditor else "Approver"
    return f"{role}, allowlisted{paused}" if actor.is_allowed else role


async def _until_polling(telegram: DemoServer, bot: asyncio.Task[None]) -> None:
    loop = asyncio.get_running_loop()
    end = loop.time() + _READY_S
    while not any(call.method == "getUpdates" for call in telegram.calls):
        if bot.done():
            await bot
        if loop.time() > end:
            raise TimeoutError("The bot didn’t start to poll.")
        await asyncio.sleep(0.02)


async def _stop(bot: asyncio.Task[None]) -> None:
    bot.cancel()
    await asyncio.gather(bot, return_exceptions=True)


@contextmanager
def _temporary_folder() -> Iterator[Path]:
    """A folder that OpenVPN, as nobody, can pass through, and that is gone afterwards."""
    with TemporaryDirectory(prefix="vpnbot-demo-", ignore_cleanup_errors=True) as name:
        path = Path(name)
        path.chmod(0o711)
        yield path


def _free_port() -> int:
    """A UDP port that nobody listens on."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
