"""The server whose folder is on this machine."""

import asyncio
import os
import pwd
import shutil
import socket
import stat
import struct
import subprocess
import time
from asyncio import StreamReader, StreamWriter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import lru_cache, partial
from pathlib import Path
from shlex import quote
from typing import TypeVar

from vpn.children import child_environment
from vpn.config import MANAGEMENT_SOCKET
from vpn.errors import HostError, ManagementExposed, ManagementGone
from vpn.files import Folder, room_left
from vpn.host import FileFacts
from vpn.layout import (
    DEPLOYED,
    NOBODY,
    Layout,
    ManagementPlace,
    Reader,
    TcpPort,
    UnixSocket,
)
from vpn.permissions import Ids, ids_of_reader, shut_out_above, shut_out_at
from vpn.ports import port_in_use, tcp_listener_uid
from vpn.safe_place import foreign_link
from vpn.values import Protocol

_RETRY_S = 0.05
_UCRED = struct.Struct("3i")  # unix(7): pid, uid, gid
_PROC = Path("/proc")
_MACHINE = Path("/")
# proc(5), /proc/pid/stat: the name in parentheses may hold spaces, so count after it.
_START_TIME = 19
_SOCKET = UnixSocket(MANAGEMENT_SOCKET)
# What the replacement of a CRL takes.
_WRITE_AND_REPLACE = """\
set -e
umask 077
printf x >"$1/.vpnbot-try-$$"
mv -f -- "$1/.vpnbot-try-$$" "$1/.vpnbot-tried-$$"
rm -- "$1/.vpnbot-tried-$$"
"""
_SYNTAX_CHECK_S = 10
_ANSWER_S = 10.0
_T = TypeVar("_T")
_THREADS = 4


class LocalHost:
    """See `vpn.host.ServerHost` for what each method promises.

    Args:
        directory: what paths are relative to: a deployed server's folder, or / for an adopted one.
        bot_folders: what root writes there belongs to the folder's owner.
        answer_s: how long a look may take; it is longer only where a disk or a mount hangs.
    """

    def __init__(
        self,
        directory: Path,
        *,
        bot_folders: tuple[str, ...] = DEPLOYED.bot_folders,
        answer_s: float = _ANSWER_S,
    ) -> None:
        self._folder = Folder(directory, bot_folders=bot_folders)
        self._answer_s = answer_s

    async def _beside(self, look: Callable[[], _T]) -> _T:
        """Looks at the folder without holding up the loop, and all other servers with it."""
        threads = _threads(self._folder.directory)
        return await asyncio.get_running_loop().run_in_executor(threads, look)

    async def _look(self, look: Callable[[], _T]) -> _T:
        """Likewise, and not for ever: a look does no harm if it comes about later."""
        try:
            async with asyncio.timeout(self._answer_s):
                return await self._beside(look)
        except TimeoutError:
            raise HostError(
                f"{quote(str(self._folder.directory))} gives no answer within {self._answer_s:g} s;"
                " see whether its disk or its mount hangs."
            ) from None

    async def read(self, path: str) -> bytes | None:
        return await self._look(partial(self._folder.read, path))

    async def read_linked(self, path: str) -> bytes | None:
        def look() -> bytes | None:
            real = os.path.realpath(directory / _resolve(directory, path))
            return Folder(_MACHINE, bot_folders=()).read(real.lstrip("/"))

        directory = self._folder.directory
        return await self._look(look)

    async def replace(
        self, path: str, content: bytes, *, mode: int, gid: int | None = None
    ) -> None:
        # fsync may take seconds on a busy disk.
        await asyncio.to_thread(self._folder.replace, path, content, mode=mode, gid=gid)

    async def remove(self, path: str) -> bool:
        return await asyncio.to_thread(self._folder.remove, path)

    async def rename(self, path: str, to: str) -> bool:
        return await asyncio.to_thread(self._folder.rename, path, to)

    async def listdir(self, path: str) -> tuple[str, ...] | None:
        return await self._look(partial(self._folder.listdir, path))

    async def room(self, path: str) -> int | None:
        return await self._look(partial(room_left, self._folder.directory / path))

    async def facts(self, path: str) -> FileFacts | None:
        return await self._look(partial(self._folder.facts, path))

    async def make_folder(self, path: str, *, mode: int, account: str | None = None) -> bool:
        return self._folder.make_folder(path, mode=mode, account=account)

    async def remove_folder(self, path: str) -> None:
        await asyncio.to_thread(self._folder.remove_folder, path)

    async def connect_management(
        self, place: ManagementPlace = _SOCKET
    ) -> tuple[StreamReader, StreamWriter]:
        if isinstance(place, TcpPort):
            return await _connect_tcp(place)
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            # A full queue has no event to wait for; the caller has a time-out.
            connected = partial(self._connected, connection, place.path)
            while not await self._beside(connected):  # noqa: ASYNC110
                await asyncio.sleep(_RETRY_S)
            return await asyncio.open_unix_connection(sock=connection)
        except BaseException:
            connection.close()
            raise

    async def listener_pid(self) -> int | None:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            try:
                connected = self._connected(connection, MANAGEMENT_SOCKET)
            except ManagementGone:
                return None
            if not connected:
                return 0  # it listens, and its queue is full
            # unix(7): the peer's credentials are those it had when it called listen().
            peer = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _UCRED.size)
        pid: int = _UCRED.unpack(peer)[0]
        return pid

    async def shut_out_above(self) -> str | None:
        ids = _ids(NOBODY)
        with _plainly():
            return shut_out_above(self._folder.directory, "", ids)

    async def shut_out(self, path: str, reader: Reader = NOBODY) -> str | None:
        found = ids_of_reader(reader)
        if isinstance(found, str):
            return found
        return await self._look(partial(_shut_out, self._folder.directory, path, found))

    async def may_write(self, path: str, account: str) -> bool:
        return await self._tried(account, 'test -d "$1" -a -w "$1" -a -x "$1"', path) is None

    async def may_read(self, path: str, account: str) -> bool:
        return await self._tried(account, 'test -f "$1" -a -r "$1"', path) is None

    async def may_pass(self, path: str, account: str) -> bool:
        return await self._tried(account, 'test -d "$1" -a -x "$1"', path) is None

    async def write_problem(self, path: str, account: str) -> str | None:
        return await self._tried(account, _WRITE_AND_REPLACE, path)

    async def _tried(self, account: str, script: str, path: str) -> str | None:
        full = self._folder.directory / path
        return await self._look(partial(_tried_as, account, script, full))

    async def resolve(self, path: str) -> str:
        return await asyncio.to_thread(_resolve, self._folder.directory, path)

    async def syntax_problem(self, folder: str, text: str) -> str | None:
        return await asyncio.to_thread(_syntax_problem, self._folder.directory / folder, text)

    async def process_started_at(self, pid: int) -> datetime | None:
        try:
            text = (_PROC / str(pid) / "stat").read_text()
        except OSError:
            return None
        ticks = int(text.rpartition(")")[2].split()[_START_TIME])
        per_second = os.sysconf("SC_CLK_TCK")
        # The time of boot as of now, so that a clock set since then does not matter.
        booted = time.time() - time.clock_gettime(time.CLOCK_BOOTTIME)
        return datetime.fromtimestamp(booted + ticks / per_second, UTC)

    async def account_problem(self, account: str) -> str | None:
        try:
            uid = pwd.getpwnam(account).pw_uid
        except KeyError:
            return f"There is no account {account}; make it, or name another with --account."
        if os.geteuid() not in {0, uid}:
            return f"Only root can give a folder to {account}; run this as root."
        return None

    async def is_caller(self, uid: int) -> bool:
        return uid == os.geteuid()

    async def port_in_use(self, port: int, protocol: Protocol) -> bool:
        return port_in_use(port, protocol)

    def _connected(self, connection: socket.socket, path: str) -> bool:
        """Connects without waiting; False where the socket's queue is full.

        Raises:
            ManagementGone: nobody listens.
        """
        connection.setblocking(False)
        full = self._folder.directory / path
        try:
            folder = os.open(full.parent, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        except OSError as error:
            raise ManagementGone(
                f"The folder {quote(str(full.parent))} cannot be opened: {error.strerror}."
            ) from error
        try:
            status = os.stat(full.name, dir_fd=folder, follow_symlinks=False)
            if not stat.S_ISSOCK(status.st_mode):
                raise ManagementGone(f"{quote(str(full))} is no socket; remove it.")
            # A unix socket's path has 107 bytes at most (unix(7)); this one is short.
            connection.connect(f"/proc/self/fd/{folder}/{full.name}")
        except BlockingIOError:
            return False
        except OSError as error:
            raise ManagementGone(
                f"Nobody listens on {quote(str(full))} ({error.strerror}); start the server."
            ) from error
        finally:
            os.close(folder)
        return True


def host_of(layout: Layout, directory: Path) -> LocalHost:
    """This machine, as the layout's paths want it.

    Args:
        directory: the server's folder; an adopted server's paths begin at / instead.
    """
    if not layout.adopted:
        return LocalHost(directory)
    return LocalHost(Path("/"), bot_folders=layout.bot_folders)


@lru_cache(maxsize=64)
def _threads(_directory: Path) -> ThreadPoolExecutor:
    """A folder's own, so that one that hangs takes none from the others."""
    return ThreadPoolExecutor(max_workers=_THREADS, thread_name_prefix="server-folder")


def _shut_out(directory: Path, path: str, ids: Ids) -> str | None:
    with _plainly():
        return shut_out_above(directory, path, ids) or shut_out_at(directory / path, ids)


def _resolve(directory: Path, path: str) -> str:
    """Root follows its own links only: any other could lead to what only root may read."""
    if os.geteuid() == 0:
        try:
            link = foreign_link(directory / path)
        except OSError as error:
            place = quote(str(directory / path))
            raise HostError(f"Cannot look at {place}: {error.strerror or error}.") from error
        if link is not None:
            raise HostError(
                f"{quote(str(link))} is a link that another account could have put there, so root "
                "does not follow it; put there what it leads to."
            )
    return os.path.relpath(os.path.realpath(directory / path), directory)


async def _connect_tcp(place: TcpPort) -> tuple[StreamReader, StreamWriter]:
    """Connects to a port of this machine that root opened.

    1. Nothing but loopback: the protocol is clear text, and whoever answers from elsewhere
       could say anything.
    2. Any account of this machine may open a port that is free, for example while OpenVPN is
       down, and answer that nobody is connected. So the listener must be root's: OpenVPN opens
       its port before it drops to another account.
    """
    if not place.is_loopback:  # (1)
        raise ManagementExposed(
            f"The management interface at {place} is not on loopback, so others could answer"
            " there; use a unix socket, or 127.0.0.1."
        )
    try:
        reader, writer = await asyncio.open_connection(place.host, place.port)
    except OSError as error:
        raise ManagementGone(
            f"Nobody listens at {place} ({error.strerror}); start the server."
        ) from error
    uid = tcp_listener_uid(place.host, place.port)
    if uid not in {0, os.geteuid()}:  # (2)
        writer.close()
        raise ManagementGone(
            f"The port at {place} was not opened by root but by account number {uid};"
            " find out which program that is."
        )
    return reader, writer


def _syntax_problem(folder: Path, text: str) -> str | None:
    """Lets OpenVPN read the lines: with an option that only shows something, it ends then.

    The text comes through a pipe, because it may hold keys.
    """
    program = shutil.which("openvpn", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin")
    if program is None:
        return None
    command = [program, "--cd", str(folder), "--config", "/dev/stdin", "--show-digests"]
    try:
        done = subprocess.run(
            command,
            input=text.encode("utf-8", "surrogateescape"),
            env=child_environment(),
            capture_output=True,
            timeout=_SYNTAX_CHECK_S,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise HostError(f"OpenVPN could not check the configuration: {error}.") from error
    if done.returncode == 0:
        return None
    lines = done.stdout.decode("utf-8", "replace").splitlines()
    return next((line for line in lines if "rror" in line), lines[-1] if lines else "no reason")


def _tried_as(account: str, script: str, path: Path) -> str | None:
    """Runs a few lines of sh as the account, with the path as $1; says what went wrong.

    Permission bits alone would not say it: there are access lists and mounts.
    """
    try:
        entry = pwd.getpwnam(account)
    except KeyError:
        return f"There is no account {account}."
    is_root = os.geteuid() == 0
    if not is_root and entry.pw_uid != os.geteuid():
        return f"Only root can try what {account} may do."
    try:
        done = subprocess.run(
            ["/bin/sh", "-c", script, "sh", str(path)],
            # The real ids, too: a shell may give up the effective ones where they differ.
            user=entry.pw_uid,
            group=entry.pw_gid,
            extra_groups=os.getgrouplist(account, entry.pw_gid) if is_root else None,
            env=child_environment(),
            cwd="/",
            capture_output=True,
            timeout=_SYNTAX_CHECK_S,
            check=False,
        )
    except (OSError, subprocess.SubprocessError) as error:
        raise HostError(f"Nobody can tell what {account} may do with {path}: {error}.") from error
    if done.returncode == 0:
        return None
    lines = done.stderr.decode("utf-8", "replace").strip().splitlines()
    return lines[-1] if lines else f"{account} may not use {path}."


def _ids(reader: Reader) -> Ids:
    found = ids_of_reader(reader)
    if isinstance(found, str):
        raise HostError(found)
    return found


@contextmanager
def _plainly() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise HostError(
            f"Cannot look at {quote(str(error.filename))}: {error.strerror}."
        ) from error
