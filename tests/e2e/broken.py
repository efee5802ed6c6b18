"""A real OpenVPN server, and all that can be wrong with it."""

import asyncio
import os
import shutil
import signal
import socket
import subprocess
from asyncio import StreamReader, StreamWriter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from bot.keyring import Keyring
from bot.process.data_folder import DataFolder
from demo.lab.network import NetLab
from pki.crl import CRL_BACKDATE
from tests.company import PASSPHRASE, Company
from tests.e2e.refusing import is_refused
from tests.vpn.kit import DAY, now
from vpn.deploy import CLOCK_TICK_S

_FAR = 4_000_000_000_000_000  # in a hundred years


@dataclass
class Room:
    """A company whose bot runs, and its OpenVPN server, which can be ended and started."""

    company: Company
    lab: NetLab
    pid: int = 0

    @property
    def office(self) -> Path:
        return self.company.folder / "office"

    async def start_server(self) -> None:
        await asyncio.sleep(CLOCK_TICK_S)
        self.pid = await self.lab.start_server(self.office)

    async def kill_server(self) -> None:
        """Asked politely it would tell its clients first, which takes two seconds."""
        os.kill(self.pid, signal.SIGKILL)
        await self.lab.stop_server()

    def look_again(self) -> None:
        """Lets the wait before the next try be over, if that was not under way already."""
        self.company.look_again()

    def look_later(self) -> None:
        """Nobody looks by itself for now."""
        self.company.tamper("UPDATE proofs SET next_try_at = ? WHERE NOT proved", _FAR)

    async def refuses(self, profile: str) -> bool:
        return await is_refused(self.lab, self.lab.server_log, profile)


@contextmanager
def read_only(folder: Path) -> Iterator[None]:
    """Not even root can write there."""
    where = str(folder)
    for command in (["--bind", where, where], ["-o", "remount,ro,bind", where]):
        subprocess.run(["mount", *command], check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", folder], check=True)


@asynccontextmanager
async def crl_is_a_folder(room: Room) -> AsyncIterator[None]:
    crl = room.office / "live" / "crl.pem"
    crl.unlink()
    (crl / "x").mkdir(parents=True)
    yield
    shutil.rmtree(crl)


@asynccontextmanager
async def live_is_shut(room: Room) -> AsyncIterator[None]:
    live = room.office / "live"
    live.chmod(0o700)
    yield
    live.chmod(0o755)


@asynccontextmanager
async def server_is_down(room: Room) -> AsyncIterator[None]:
    await room.kill_server()
    yield
    await room.start_server()


@asynccontextmanager
async def server_hangs(room: Room) -> AsyncIterator[None]:
    os.kill(room.pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(room.pid, signal.SIGCONT)


@asynccontextmanager
async def somebody_else_asks(room: Room) -> AsyncIterator[None]:
    """OpenVPN talks with one at a time."""
    with socket.socket(socket.AF_UNIX) as other:
        other.connect(str(room.office / "management.sock"))
        await asyncio.to_thread(other.recv, 1)
        yield


@asynccontextmanager
async def serials_instead_of_a_crl(room: Room) -> AsyncIterator[None]:
    """OpenVPN looks for files named after serials, and our CRL is nothing to it."""
    serials = room.office / "live" / "serials"
    text = (room.office / "server.conf").read_text()
    serials.mkdir()
    await restart_with(room, text.replace("crl-verify live/crl.pem", "crl-verify live/serials dir"))
    yield
    serials.rmdir()
    await restart_with(room, text)


async def restart_with(room: Room, text: str) -> None:
    conf = room.office / "server.conf"
    assert conf.read_text() != text
    conf.write_text(text)
    await room.kill_server()
    await room.start_server()


@asynccontextmanager
async def stuck_crl(room: Room, content: bytes) -> AsyncIterator[None]:
    """Something else lies there, and nobody can put ours in its place."""
    live = room.office / "live"
    (live / "crl.pem").write_bytes(content)
    with read_only(live):
        yield


async def crl_of(room: Room, at: datetime, number: int = 1) -> bytes:
    """With our own signature, and nobody on it."""
    authority = await Keyring(DataFolder(room.company.data), lambda: PASSPHRASE).authority()
    return authority.sign_crl(number=number, revocations=(), now=at)


@asynccontextmanager
async def crl_has_expired(room: Room) -> AsyncIterator[None]:
    async with stuck_crl(room, await crl_of(room, now() - 8 * DAY)):
        yield


@asynccontextmanager
async def crl_is_of_tomorrow(room: Room) -> AsyncIterator[None]:
    async with stuck_crl(room, await crl_of(room, now() + CRL_BACKDATE + DAY)):
        yield


@asynccontextmanager
async def crl_is_cut_off(room: Room) -> AsyncIterator[None]:
    whole = await crl_of(room, now())
    async with stuck_crl(room, whole[: len(whole) // 2]):
        yield


@asynccontextmanager
async def socket_in_between(
    room: Room, on_kill: Callable[[str], Awaitable[bool]]
) -> AsyncIterator[None]:
    """Whoever asks OpenVPN passes by here; where the hook says so, the talk ends at a kill."""
    path = room.office / "management.sock"
    real = path.rename(path.with_suffix(".real"))

    async def talk(reader: StreamReader, writer: StreamWriter) -> None:
        theirs, ours = await asyncio.open_unix_connection(real)
        back = asyncio.create_task(_copy(theirs, writer))
        with suppress(OSError):
            while line := await reader.readline():
                command, _, name = line.decode().strip().partition(" ")
                if command == "kill" and not await on_kill(name):
                    break
                ours.write(line)
        for each in (ours, writer):
            each.close()
        await asyncio.gather(back, return_exceptions=True)

    async with await asyncio.start_unix_server(talk, path):
        yield
    path.unlink(missing_ok=True)
    if real.exists():
        real.rename(path)


async def _copy(source: StreamReader, target: StreamWriter) -> None:
    with suppress(OSError):
        while content := await source.read(4096):
            target.write(content)
        target.close()


@asynccontextmanager
async def socket_talks_nonsense(room: Room) -> AsyncIterator[None]:
    async def talk(_reader: StreamReader, writer: StreamWriter) -> None:
        writer.write(b"220 mail.example.com ESMTP\r\n" * 9)
        writer.close()

    path = room.office / "management.sock"
    real = path.rename(path.with_suffix(".real"))
    async with await asyncio.start_unix_server(talk, path):
        yield
    path.unlink(missing_ok=True)
    real.rename(path)


@asynccontextmanager
async def server_is_restarted_at_the_kill(room: Room) -> AsyncIterator[None]:
    """Its clients come back by themselves; only a look at the new process can prove anything."""

    async def restart(_name: str) -> bool:
        os.kill(room.pid, signal.SIGKILL)
        return False

    async with socket_in_between(room, restart):
        yield
    (room.office / "management.sock").unlink()
    await room.lab.stop_server()
    await room.start_server()


@asynccontextmanager
async def address_file_comes_back(room: Room) -> AsyncIterator[None]:
    """Somebody puts it back by hand, in the middle of the cut."""
    ccd = room.office / "live" / "ccd"

    async def put_back(name: str) -> bool:
        (ccd / name).write_text("ifconfig-push 10.8.0.9 255.255.252.0\n")
        return True

    async with socket_in_between(room, put_back):
        yield


CONDITIONS = [
    (crl_is_a_folder, "The CRL couldn’t be written"),
    (live_is_shut, "can’t read the CRL"),
    (server_is_down, "nobody answers"),
    (server_hangs, "busy or hangs"),
    (somebody_else_asks, "busy or hangs"),
    (serials_instead_of_a_crl, "lacks one of the two locks"),
    (crl_has_expired, "has expired"),
    (crl_is_of_tomorrow, "isn’t valid yet"),
    (crl_is_cut_off, "is damaged"),
    (socket_talks_nonsense, "answers nonsense"),
    (server_is_restarted_at_the_kill, "can’t be asked"),
    (address_file_comes_back, "The address file is there again"),
]
