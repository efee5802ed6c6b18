"""A company for tests: the real `vpnbot` as a process, on the look-alike of Telegram.

Everything is real but Telegram, and OpenVPN where a test chooses the stand-in. Nothing of ours is
patched: the tests type, tap, run commands, and look at what comes out.
"""

import asyncio
import atexit
import fcntl
import json
import os
import shutil
import signal
import socket
import sqlite3
import subprocess
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.serialization import pkcs12

from bot.process.reserve import Reserve
from demo.lab.network import NetLab
from demo.lab.stand_in import StandIn
from demo.people import DemoPerson
from demo.server import DemoServer
from demo.testing import DemoMessage, PersonChat
from pki.authority_files import import_authority
from pki.sealed import seal, unseal
from tests.forks import VPNBOT, Files, Forked, fork
from tests.hanging import PATIENCE_S
from vpn.deploy import CLOCK_TICK_S

TOKEN = "123456789:a-token-that-opens-nothing-at-all"
PASSPHRASE = "correct horse battery staple"
ANNA = DemoPerson(1001, "Anna", "anna", "Employee", started=True)
EMIL = DemoPerson(1002, "Emil", "emil", "Stranger", started=True)
BORIS = DemoPerson(2001, "Boris", "boris", "Admin", started=True)
CLARA = DemoPerson(2002, "Clara", None, "Admin", started=True)
PEOPLE = (ANNA, EMIL, BORIS, CLARA)
# More people, for tests that share a company: each takes somebody of its own.
_NAMES = (
    *("Aldo", "Bella", "Carl", "Dora", "Edna", "Fiona", "Gina", "Hans", "Ida", "Jonas", "Kira"),
    *("Lars", "Mona", "Nils", "Olga", "Pavel", "Quinn", "Rosa", "Sven", "Tilda", "Ugo", "Vera"),
    *("Wanda", "Xenia", "Yuri", "Zoe"),
)
CROWD = tuple(
    DemoPerson(3001 + number, name, name.lower(), "Employee", started=True)
    for number, name in enumerate(_NAMES)
)
_CHEAP = 10


# Measuring a command's coverage takes as long as the command itself, and there are a thousand.
_measured: set[tuple[str, ...]] = set()


def measured(*arguments: str) -> dict[str, str]:
    """What makes a program of ours measure its coverage: for the first of each command."""
    kind = arguments[:2]
    if kind in _measured:
        return {}
    _measured.add(kind)
    return {name: value for name, value in os.environ.items() if name.startswith("COVERAGE_")}


@dataclass(frozen=True)
class Ran:
    """What a command said."""

    code: int
    out: str
    err: str

    @property
    def rows(self) -> list[dict[str, Any]]:
        """The output of `--json`."""
        found: list[dict[str, Any]] = json.loads(self.out)
        return found


_LIVE = ("reserved", "issued", "active")


@dataclass
class Company:
    """A folder, people, and a bot that can be started, stopped and killed."""

    folder: Path
    telegram: DemoServer
    extra: dict[str, str] = field(default_factory=dict)
    bot: asyncio.subprocess.Process | Forked | None = None
    # Where the VPN server of the company listens: an address that its clients can dial.
    host: str = "127.0.0.1"
    crowd: Iterator[DemoPerson] = field(default_factory=lambda: iter(CROWD))
    program: tuple[str, ...] = (VPNBOT,)

    @property
    def anna(self) -> PersonChat:
        """On the allowlist."""
        return self.telegram.person(ANNA.id)

    @property
    def emil(self) -> PersonChat:
        """Not on the allowlist."""
        return self.telegram.person(EMIL.id)

    @property
    def boris(self) -> PersonChat:
        """An admin."""
        return self.telegram.person(BORIS.id)

    @property
    def clara(self) -> PersonChat:
        """An admin."""
        return self.telegram.person(CLARA.id)

    @property
    def data(self) -> Path:
        return self.folder / "data"

    @property
    def log(self) -> str:
        """All that the bot wrote to standard error."""
        path = self.folder / "bot.log"
        return path.read_text() if path.exists() else ""

    @property
    def environment(self) -> dict[str, str]:
        """What the program gets: nothing of the tester's own settings."""
        return {
            "PATH": os.environ["PATH"],
            "HOME": str(self.folder),
            "LANG": "C.UTF-8",
            "VPNBOT_BOT_TOKEN_FILE": str(self.folder / "token"),
            "VPNBOT_CA_PASSPHRASE_FILE": str(self.folder / "passphrase"),
            "VPNBOT_ADMIN_IDS": f"{BORIS.id},{CLARA.id}",
            "VPNBOT_DATA_DIR": str(self.data),
            # The servers of most tests cannot be dialled from where the bot is.
            "VPNBOT_CANARY": "off",
            "VPNBOT_TELEGRAM_API_URL": self.telegram.url,
            **self.extra,
        }

    async def vpnbot(self, *arguments: str, **extra: str) -> Ran:
        """Runs a command to its end."""
        environment = self.environment | measured(*arguments) | extra
        return await run((*self.program, *arguments), self.folder, environment)

    async def done(self, *arguments: str) -> Ran:
        """Runs a command that must succeed."""
        ran = await self.vpnbot(*arguments)
        assert ran.code == 0, (arguments, ran)
        return ran

    async def grants(self) -> list[dict[str, Any]]:
        return (await self.done("grant", "list", "--json")).rows

    async def start(self, *command: str) -> None:
        """Starts the bot, and waits for its first poll."""
        assert self.bot is None
        polls = sum(call.method == "getUpdates" for call in self.telegram.calls)
        with (self.folder / "bot.log").open("ab") as log:
            self.bot = await launch(
                command or (*self.program, "run"),
                self.folder,
                self.environment | measured("run"),
                (subprocess.DEVNULL, log, log),
            )
        end = time.monotonic() + PATIENCE_S
        while sum(call.method == "getUpdates" for call in self.telegram.calls) <= polls:
            assert self.bot.returncode is None, self.log
            assert time.monotonic() < end, self.log
            await asyncio.sleep(0.02)

    async def stop(self) -> int:
        """Ends the bot as systemd would."""
        return await self._end(signal.SIGTERM)

    async def kill(self) -> None:
        """Ends the bot as a power cut would."""
        await self._end(signal.SIGKILL)

    async def ended(self, timeout: float = PATIENCE_S) -> int:  # noqa: ASYNC109
        """Waits for the bot to end by itself."""
        assert self.bot is not None
        code = await asyncio.wait_for(self.bot.wait(), timeout)
        self.bot = None
        return code

    async def _end(self, number: signal.Signals) -> int:
        bot, self.bot = self.bot, None
        if bot is None:
            return 0
        if bot.returncode is None:
            bot.send_signal(number)
        try:
            return await asyncio.wait_for(bot.wait(), PATIENCE_S)
        except TimeoutError:
            bot.kill()
            return await bot.wait()

    async def furnish(self, port: int = 1194) -> None:
        """The first day: a CA, a server, and Anna on the allowlist."""
        await self.done("ca", "init")
        await self.add_server("office", port)
        await self.done("user", "allow", str(ANNA.id), "--name", "Anna Petrova")

    async def add_server(self, name: str, port: int) -> None:
        remote = f"{self.host}:{port}/udp"
        folder = str(self.folder / name)
        await self.done("server", "add", name, "--remote", remote, "--directory", folder)
        await self.done("server", "deploy", name)

    async def hires(self) -> PersonChat:
        """Somebody new, put on the allowlist by Boris. The bot must run."""
        person = next(self.crowd)
        await self.boris.says(f"/allow {person.id} {person.first_name}")
        await self.boris.hears(f"{person.first_name} is on the allowlist now")
        chat = self.telegram.person(person.id)
        await chat.hears("on the list now")
        return chat

    async def approved(self, text: str = "/requestvpn", who: PersonChat | None = None) -> str:
        """Somebody (Anna, unless said otherwise) asks, and Boris approves; gives the profile."""
        asker = who or self.anna
        await self.asks(asker, text)
        await self.boris.taps("Approve", message=await self.card(self.boris, asker))
        message = await asker.receives_document()
        assert message.document is not None
        # The profile is there a moment before the bot has noted that it is.
        await until(lambda: self.grants_of(asker)[-1]["state"] != "issued")
        return message.document.content.decode()

    async def asks(self, who: PersonChat, text: str = "/requestvpn") -> None:
        """For another device, where they have such access already."""
        before = len(who.messages)
        await who.says(text)
        if not any(grant["state"] in _LIVE for grant in self.grants_of(who)):
            return
        await self.settled()
        said = who.messages[before:]
        if offer := next((one for one in said if one.button("Another device")), None):
            await who.taps("Another device", message=offer)
            question = await who.hears("Which device is it for?")
            await who.taps("Something else", message=question)

    async def settled(self) -> None:
        """Waits until all that was said so far has been handled, and answered."""
        waiting = (
            "SELECT 1 FROM inbox WHERE state = 'new'",
            "SELECT 1 FROM outbox WHERE state IN ('queued', 'sending')",
        )
        await until(
            lambda: (
                not self.telegram.world.updates and all(self.query(sql) == [] for sql in waiting)
            )
        )

    async def card(self, admin: PersonChat, asker: PersonChat) -> DemoMessage:
        """The next card of somebody's that this admin can decide on."""
        while True:
            card = await admin.hears(f"{self.name_of(asker)} asks for VPN access")
            if card.button("Approve"):  # else it is an earlier one, with its decision
                return card

    def name_of(self, who: PersonChat) -> str:
        """As the allowlist has it."""
        return "Anna Petrova" if who.person is ANNA else who.person.first_name

    def grants_of(self, who: PersonChat) -> list[dict[str, Any]]:
        """Somebody's grants, oldest first, from the database."""
        columns = ("id", "common_name", "serial", "server", "address", "state", "end_reason")
        named = ", ".join(columns).replace("server", "grants.server")
        rows = self.query(
            f"SELECT {named} FROM grants LEFT JOIN grant_places ON id = grant_id AND position = 0"
            " WHERE user_id = ? ORDER BY not_before",
            who.person.id,
        )
        return [dict(zip(columns, row, strict=True)) for row in rows]

    def query(self, sql: str, *values: object) -> Sequence[tuple[Any, ...]]:
        """A look into the database from outside."""
        with closing(self._database()) as connection:
            return connection.execute(sql, values).fetchall()

    def tamper(self, sql: str, *values: object, maybe: bool = False) -> None:
        """Changes the database from outside, for example to let time pass.

        With `maybe` it does not matter whether there is anything to change.
        """
        with closing(self._database()) as connection, connection:
            done = connection.execute(sql, values)
            assert done.rowcount or maybe, "The statement changed nothing."

    def look_again(self) -> None:
        """Lets the wait before the next look for a proof be over; it grows with each in vain."""
        self.tamper("UPDATE proofs SET next_try_at = 0 WHERE NOT proved", maybe=True)

    def dump(self) -> dict[str, Sequence[tuple[Any, ...]]]:
        """All that was decided on anybody's access."""
        # What the bot notes by itself while it looks at servers and writes to people is left out.
        columns = {
            "people": "id, name, username, allowed, same_as",
            "servers": (
                "name, remote_host, remote_port, protocol, listen_port, directory, network, routes,"
                " dns, account, added_at, adopted, cuts_unknown"
            ),
            # Without the minute in which a decision can be taken back: the bot notes its end.
            "requests": (
                "id, user_id, server, duration, reason, state, asked_at, expires_at, decided_by,"
                " decided_by_name, decided_at, starts_at, extends, device"
            ),
            "decisions": "*",
            "grants": "*",
            "grant_places": "grant_id, server, position, address",
            "proofs": "grant_id, server, proved, dropped_at",
        }
        return {
            table: self.query(f"SELECT {names} FROM {table} ORDER BY 1, 2")
            for table, names in columns.items()
        }

    def _database(self) -> sqlite3.Connection:
        return sqlite3.connect(self.data / "vpnbot.db", timeout=PATIENCE_S)


async def launch(
    command: Sequence[str],
    folder: Path,
    environment: Mapping[str, str],
    files: Files,
    *,
    at_terminal: bool = False,
) -> asyncio.subprocess.Process | Forked:
    """Starts a command; `vpnbot` is forked, see `tests.forks`."""
    if command[0] == VPNBOT:
        return fork(*command[1:], cwd=folder, env=environment, files=files, at_terminal=at_terminal)
    words = ("setsid", "--ctty", "--wait", *command) if at_terminal else command
    return await asyncio.create_subprocess_exec(
        *words, cwd=folder, env=environment, stdin=files[0], stdout=files[1], stderr=files[2]
    )


async def run(command: Sequence[str], folder: Path, environment: Mapping[str, str]) -> Ran:
    """Runs a command to its end."""
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        process = await launch(command, folder, environment, (subprocess.DEVNULL, out, err))
        code = await process.wait()
        out.seek(0)
        err.seek(0)
        return Ran(code, out.read().decode(), err.read().decode())


async def until(condition: Callable[[], object], *, seconds: float = PATIENCE_S) -> None:
    """Waits for what is to happen outside of the chats; fails if it does not."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "It did not happen."
        await asyncio.sleep(0.02)


@asynccontextmanager
async def open_company(
    folder: Path, *, host: str = "127.0.0.1", people: Sequence[DemoPerson] = PEOPLE
) -> AsyncIterator[Company]:
    """A company without anything in it yet; whatever it started is ended."""
    _open_for_nobody(folder)
    for name, secret in (("token", TOKEN), ("passphrase", PASSPHRASE)):
        keep_secret(folder / name, secret)
    async with DemoServer(TOKEN, people) as telegram:
        company = Company(folder, telegram, host=host)
        try:
            yield company
        finally:
            await company.stop()


@asynccontextmanager
async def company_with_stand_in(
    folder: Path, *, people: Sequence[DemoPerson] = PEOPLE
) -> AsyncIterator[tuple[Company, StandIn]]:
    """A furnished company whose server is answered for by the stand-in."""
    async with open_company(folder, people=people) as company:
        await furnish_by_copy(company)
        server = StandIn()
        await server.start(folder / "office")
        try:
            yield company, server
        finally:
            await company.stop()
            await server.stop()


@contextmanager
def as_if_bot_ran(data: Path) -> Iterator[None]:
    """Holds what a running bot holds: its lock, and room on the disk."""
    Reserve(data / "reserve").tend()
    with (data / "locks" / "run.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


@asynccontextmanager
async def company_with_openvpn(
    folder: Path, *, people: Sequence[DemoPerson] = PEOPLE
) -> AsyncIterator[tuple[Company, NetLab]]:
    """A furnished company with a real server, between two network namespaces."""
    async with (
        NetLab("vpnbot-test", handshake_s=15) as lab,
        open_company(folder, host=lab.server_address, people=people) as company,
    ):
        await furnish_by_copy(company)
        await lab.start_server(folder / "office")
        yield company, lab


# Four commands with their key derivations for each test would be most of its time, so the first
# furnished company is kept, and the others are copies of it.
_kept: list[Path] = []
_PARTS = ("data", "office")


async def furnish_by_copy(company: Company) -> None:
    """The first day, as `furnish` leaves it."""
    if not _kept:
        await company.furnish(port=_free_port())
        kept = Path(tempfile.mkdtemp(prefix="vpnbot-test-"))
        atexit.register(shutil.rmtree, kept, ignore_errors=True)
        _make_cheap(company.data)
        for part in _PARTS:
            shutil.copytree(company.folder / part, kept / part)
        _kept.append(kept)
        return
    for part in _PARTS:
        shutil.copytree(_kept[0] / part, company.folder / part)
    folder = str(company.folder / "office")
    company.tamper("UPDATE servers SET directory = ?, remote_host = ?", folder, company.host)
    # Linux rounds the start of a process down to hundredths of a second: one that starts right
    # now would seem older than its files.
    await asyncio.sleep(CLOCK_TICK_S)


def _make_cheap(data: Path) -> None:
    """Keeps the CA's key and the tls keys anew so that a guess, and each opening, costs nothing.

    Nothing of the program can ask for that: it is an argument that only tests give.
    """
    content = pkcs12.load_pkcs12((data / "ca" / "ca.p12").read_bytes(), PASSPHRASE.encode())
    assert content.key is not None
    assert content.cert is not None
    shutil.rmtree(data / "ca")
    import_authority(
        data / "ca",
        certificate=content.cert.certificate,
        key=content.key,
        passphrase=PASSPHRASE,
        random_bytes=os.urandom,
        rounds=_CHEAP,
    )
    for path in (data / "tls-keys").iterdir():
        context = f"tls-crypt-v2 server {path.stem}"
        key = unseal(path.read_bytes(), passphrase=PASSPHRASE, context=context)
        sealed = seal(
            key, passphrase=PASSPHRASE, random_bytes=os.urandom, context=context, rounds=_CHEAP
        )
        path.write_bytes(sealed)


def keep_secret(path: Path, secret: str) -> Path:
    """A file with a secret in its first line, closed to others."""
    path.write_text(f"{secret}\n")
    path.chmod(0o600)
    return path


def _open_for_nobody(folder: Path) -> None:
    """OpenVPN runs as nobody and has to pass through; pytest closes its folders."""
    folder.chmod(0o755)
    for parent in folder.parents:
        if parent.stat().st_uid == os.geteuid() and parent != parent.parent:
            parent.chmod(parent.stat().st_mode | 0o011)


def _free_port() -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
