"""The server whose folder is on this machine.

Each component of a path is opened relative to the folder above it with O_NOFOLLOW, so that whoever
owns a folder in the middle cannot send root elsewhere (openat(2), 'Rationale for openat()').
"""

import asyncio
import errno
import os
import secrets
import shutil
import socket
import stat
import struct
import subprocess
import time
from asyncio import StreamReader, StreamWriter
from collections.abc import Callable, Coroutine, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from functools import lru_cache, partial, wraps
from pathlib import Path
from shlex import quote
from typing import Any, Concatenate, ParamSpec, TypeVar, cast

from vpn.errors import HostError, ManagementGone, NotReadable
from vpn.host.interface import (
    BY_OTHERS,
    NO_PROGRAM,
    READ_LIMIT,
    ROOT,
    FileFacts,
    Process,
    Ran,
    Way,
    path_components,
)
from vpn.host.safe_place import facts_of, steps_to
from vpn.layout import ManagementPlace, TcpPort

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_PASS = os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
# O_NONBLOCK: opening a pipe that somebody put there would otherwise wait for ever.
_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_CREATE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_SECOND_NS = 1_000_000_000
_RETRY_S = 0.05
_UCRED = struct.Struct("3i")  # unix(7): pid, uid, gid
_MACHINE = Path("/")
_ANSWER_S = 10.0
# For the kernel, to end a program that was killed.
_KILLED_S = 1.0
_THREADS = 4
# What a program takes to find programs and files, and to speak a language. Not a setting of whoever
# uses this library: it may hold a passphrase, and any account can read a child's that runs as it.
_ENVIRONMENT = frozenset({"PATH", "HOME", "LANG", "LC_ALL", "TZ", "TMPDIR"})

_P = ParamSpec("_P")
_T = TypeVar("_T")
_Method = Callable[Concatenate["LocalHost", _P], _T]
_Async = Callable[Concatenate["LocalHost", _P], Coroutine[Any, Any, _T]]


def child_environment(*, keep: Sequence[str] = ()) -> dict[str, str]:
    """What a program that is started here gets of our environment.

    Args:
        keep: beginnings of further names that it needs.
    """
    return {
        name: value
        for name, value in os.environ.items()
        if name in _ENVIRONMENT or name.startswith(tuple(keep))
    }


@lru_cache(maxsize=64)
def _threads(_directory: Path) -> ThreadPoolExecutor:
    """A folder's own, so that one that hangs takes none from the others."""
    return ThreadPoolExecutor(max_workers=_THREADS, thread_name_prefix="server-folder")


def _look(method: _Method[_P, _T]) -> _Async[_P, _T]:
    """Looks without holding up the loop, and all other servers with it; and not for ever.

    A look does no harm if it comes about later.
    """

    @wraps(method)
    async def looking(self: "LocalHost", /, *args: _P.args, **kwargs: _P.kwargs) -> _T:
        try:
            async with asyncio.timeout(self.answer_s):
                return await self.beside(partial(method, self, *args, **kwargs))
        except TimeoutError:
            raise HostError(
                f"{quote(str(self._threads_of))} gives no answer within {self.answer_s:g} s;"
                " see whether its disk or its mount hangs."
            ) from None

    return looking


def _change(method: _Method[_P, _T]) -> _Async[_P, _T]:
    """Changes something without holding up the loop: fsync may take seconds on a busy disk."""

    @wraps(method)
    async def changing(self: "LocalHost", /, *args: _P.args, **kwargs: _P.kwargs) -> _T:
        return await asyncio.to_thread(method, self, *args, **kwargs)

    return changing


class _Listener(asyncio.SubprocessProtocol):
    """Keeps what a program says, up to a bound.

    Attributes:
        ended: the program, with whatever it has started; or it says too much.
    """

    def __init__(self) -> None:
        self.output = bytearray()
        self.exited, self.ended = asyncio.Event(), asyncio.Event()

    def pipe_data_received(self, fd: int, data: bytes) -> None:  # noqa: ARG002
        self.output += data
        if len(self.output) > READ_LIMIT:
            self.ended.set()

    def process_exited(self) -> None:
        self.exited.set()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002
        self.ended.set()


class LocalHost:
    """See `vpn.host.interface.ServerHost` for what each method promises.

    Args:
        home: what paths are relative to: a deployed server's folder, or / for an adopted one.
        answer_s: how long a look may take; it is longer only where a disk or a mount hangs.
        threads_of: the server's folder, where that is not `home`.
    """

    def __init__(
        self, home: Path, *, answer_s: float = _ANSWER_S, threads_of: Path | None = None
    ) -> None:
        self.home = home
        self.answer_s = answer_s
        self._threads_of = threads_of or home

    @property
    def directory(self) -> Path:
        return self.home

    @property
    def machine(self) -> "LocalHost":
        return LocalHost(_MACHINE, answer_s=self.answer_s, threads_of=self._threads_of)

    async def beside(self, work: Callable[[], _T]) -> _T:
        """Runs it in a thread of the server's own."""
        threads = _threads(self._threads_of)
        return await asyncio.get_running_loop().run_in_executor(threads, work)

    async def caller(self) -> int:
        return os.geteuid()

    @_look
    def read(self, path: str) -> bytes | None:
        with self._plainly("read", path):
            try:
                with self._opened_parent(path, _PASS) as (parent, name):
                    handle = os.open(name, _READ, dir_fd=parent)
                    folder = os.fstat(parent)
            except FileNotFoundError:
                return None
            except OSError as error:
                if error.errno != errno.ELOOP:  # a link
                    raise
                raise NotReadable(self._no_file(path)) from None
            # No file object can be made of a folder, and then nobody would close what was opened.
            facts = os.fstat(handle)
            # Where others may put one, root reads no file of two names: the other may be a secret.
            by_others = folder.st_uid != ROOT or bool(folder.st_mode & BY_OTHERS)
            is_link = os.geteuid() == ROOT and by_others and facts.st_nlink > 1
            if is_link or not stat.S_ISREG(facts.st_mode):
                os.close(handle)
                # No file can be put over a folder: somebody has to remove it first.
                kind = HostError if stat.S_ISDIR(facts.st_mode) else NotReadable
                raise kind(self._no_file(path))
            with os.fdopen(handle, "rb") as file:
                content = file.read(READ_LIMIT + 1)
        if len(content) > READ_LIMIT:
            raise HostError(f"{self._full(path)} has more than {READ_LIMIT} bytes; remove it.")
        return content

    @_change
    def replace(
        self,
        path: str,
        content: bytes,
        *,
        mode: int,
        gid: int | None = None,
        as_folder: bool = False,
    ) -> None:
        """See `ServerHost.replace`.

        1. The new content goes into a file of another name, and to the disk.
        2. Mode, owner and times are set on it, before anybody can see it.
        3. A rename puts it in place; at no moment is there none, because OpenVPN goes on with
           the CRL it has when it finds none.
        4. The folder goes to the disk too, so that the rename outlives a power cut.

        A crash in between leaves a file named .vpnbot-… behind, with the mode 0600: accepted,
        because nothing reads it and to remove it could take a parallel writer's file away.
        """
        with self._plainly("write", path), self._opened_parent(path) as (parent, name):
            # Longer than any client's name, so that OpenVPN never takes it for somebody's file.
            temporary = f".vpnbot-{secrets.token_hex(32)}"
            handle = os.open(temporary, _CREATE, 0o600, dir_fd=parent)
            try:
                with os.fdopen(handle, "wb") as file:
                    file.write(content)  # (1)
                    if as_folder and os.geteuid() == ROOT:  # (2)
                        owner = os.fstat(parent)
                        os.fchown(handle, owner.st_uid, owner.st_gid)
                    elif gid is not None:
                        os.fchown(handle, -1, gid)
                    os.fchmod(handle, mode)
                    file.flush()
                    _move_time_on(handle, parent, name)
                    os.fsync(handle)
                os.rename(temporary, name, src_dir_fd=parent, dst_dir_fd=parent)  # (3)
                os.fsync(parent)  # (4)
            except BaseException:
                with suppress(FileNotFoundError):
                    os.unlink(temporary, dir_fd=parent)
                raise

    @_change
    def remove(self, path: str, *, is_folder: bool = False) -> bool:
        with self._plainly("remove", path):
            try:
                with self._opened_parent(path) as (parent, name):
                    (os.rmdir if is_folder else os.unlink)(name, dir_fd=parent)
                    os.fsync(parent)
            except FileNotFoundError:
                return False
        return True

    @_change
    def rename(self, path: str, to: str) -> bool:
        with self._plainly("move", path), self._opened_parent(to) as (new_parent, name):
            try:
                with self._opened_parent(path) as (parent, before):
                    os.rename(before, name, src_dir_fd=parent, dst_dir_fd=new_parent)
                    os.fsync(parent)
            except FileNotFoundError:
                return False
            os.fsync(new_parent)
        return True

    @_look
    def listdir(self, path: str) -> tuple[str, ...] | None:
        with self._plainly("read", path):
            try:
                with self._opened_folder(path) as folder:
                    return tuple(sorted(os.listdir(folder)))  # noqa: PTH208 - a descriptor
            except FileNotFoundError:
                return None

    @_look
    def stat(self, path: str) -> FileFacts | None:
        with self._plainly("look at", path):
            try:
                if not path:
                    return facts_of(self.home.stat())
                with self._opened_parent(path, _PASS) as (parent, name):
                    return facts_of(os.stat(name, dir_fd=parent, follow_symlinks=False))
            except FileNotFoundError:
                return None

    @_change
    def make_folder(self, path: str, *, mode: int, owner: tuple[int, int] | None = None) -> bool:
        owner = owner or (os.geteuid(), os.getegid())
        with self._plainly("make", path):
            made = self._make_one(path) if path else self._make_home()
            with self._opened_folder(path) as folder:
                before = os.fstat(folder)
                if (before.st_uid, before.st_gid) != owner:
                    os.fchown(folder, *owner)
                    made = True
                if stat.S_IMODE(before.st_mode) != mode:
                    os.fchmod(folder, mode)
                    made = True
        return made

    def _make_home(self) -> bool:
        missing = [path for path in (self.home, *self.home.parents) if not path.exists()]
        for folder in reversed(missing):
            folder.mkdir()
            folder.chmod(0o755)
        return bool(missing)

    def _make_one(self, path: str) -> bool:
        with self._opened_parent(path) as (parent, name):
            try:
                os.mkdir(name, 0o700, dir_fd=parent)
            except FileExistsError:
                return False
            os.fsync(parent)
        return True

    @_look
    def resolve(self, path: str) -> Way:
        steps = []
        try:
            for step in steps_to(self.home / path):
                steps.append(step)  # noqa: PERF402 - what came before an error is kept
        except OSError as error:
            kind = NotReadable if error.errno == errno.ELOOP else HostError
            place = quote(error.filename or str(self.home / path))
            return Way(tuple(steps), kind(f"Can't look at {place}: {error.strerror or error}."))
        return Way(tuple(steps))

    async def connect(self, place: ManagementPlace) -> tuple[StreamReader, StreamWriter]:
        if isinstance(place, TcpPort):
            try:
                return await asyncio.open_connection(place.host, place.port)
            except OSError as error:
                raise ManagementGone(
                    f"Nobody listens at {place} ({error.strerror}); start the server."
                ) from error
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            # A full queue has no event to wait for; the caller has a time-out.
            connected = partial(self._connected, connection, place.path)
            while not await self.beside(connected):  # noqa: ASYNC110
                await asyncio.sleep(_RETRY_S)
            return await asyncio.open_unix_connection(sock=connection)
        except BaseException:
            connection.close()
            raise

    async def listener_pid(self, path: str) -> int | None:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            try:
                connected = self._connected(connection, path)
            except ManagementGone:
                return None
            if not connected:
                return 0  # it listens, and its queue is full
            # unix(7): the peer's credentials are those it had when it called listen().
            peer = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _UCRED.size)
        pid: int = _UCRED.unpack(peer)[0]
        return pid

    def _connected(self, connection: socket.socket, path: str) -> bool:
        """Connects without waiting; False where the socket's queue is full.

        Raises:
            ManagementGone: nobody listens.
        """
        connection.setblocking(False)
        full = self.home / path
        try:
            folder = os.open(full.parent, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        except OSError as error:
            raise ManagementGone(
                f"The folder {quote(str(full.parent))} can't be opened: {error.strerror}."
            ) from error
        try:
            status = os.stat(full.name, dir_fd=folder, follow_symlinks=False)
            if not stat.S_ISSOCK(status.st_mode):
                raise ManagementGone(f"{quote(str(full))} isn't a socket; remove it.")
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

    async def run(self, command: Sequence[str], *, stdin: bytes = b"") -> Ran:
        path = f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"
        program = shutil.which(command[0], path=path)
        if program is None:
            return Ran(NO_PROGRAM, b"")
        # A program could take back what root has given up for a while only.
        is_lent = os.getuid() != os.geteuid()
        try:
            transport, listener = await asyncio.get_running_loop().subprocess_exec(
                _Listener,
                program,
                *command[1:],
                stderr=subprocess.STDOUT,
                user=os.geteuid() if is_lent else None,
                group=os.getegid() if is_lent else None,
                env=child_environment(),
                cwd="/",
            )
        except (OSError, subprocess.SubprocessError) as error:
            raise HostError(f"{command[0]} couldn't be run: {error}.") from error
        try:
            pipe = cast("asyncio.WriteTransport", transport.get_pipe_transport(0))
            pipe.write(stdin)
            pipe.write_eof()
            async with asyncio.timeout(self.answer_s):
                await listener.ended.wait()
        except TimeoutError:
            raise HostError(f"{command[0]} doesn't end within {self.answer_s:g} s.") from None
        finally:
            transport.close()  # kills what still runs
            with suppress(TimeoutError):
                async with asyncio.timeout(_KILLED_S):
                    await listener.exited.wait()
        if len(listener.output) > READ_LIMIT:
            raise HostError(f"{command[0]} says more than {READ_LIMIT} bytes.")
        status = transport.get_returncode()
        assert status is not None  # all its pipes were closed, and it has ended
        return Ran(status, bytes(listener.output))

    async def process(self, pid: int) -> Process | None:
        # By no thread: all of them may wait for the server's folder, and the kernel waits for none.
        try:
            said = Path(f"/proc/{pid}/stat").read_bytes()  # noqa: ASYNC240
        except OSError:
            return None
        booted = time.time() - time.clock_gettime(time.CLOCK_BOOTTIME)
        return Process(said, datetime.fromtimestamp(booted, UTC))

    @contextmanager
    def _opened_folder(self, path: str, last: int = _FOLDER) -> Iterator[int]:
        names = path_components(path)
        handle = os.open(self.home, (_PASS if names else last) & ~os.O_NOFOLLOW)
        try:
            for left, name in enumerate(names, start=1 - len(names)):
                # To pass a folder takes less than to read it.
                flags = last if left == 0 else _PASS
                try:
                    deeper = os.open(name, flags, dir_fd=handle)
                except NotADirectoryError:  # a link, too: O_DIRECTORY is looked at first
                    wrong = self._full("/".join(names[: len(names) + left]))
                    raise HostError(
                        f"{wrong} isn't a folder, or a link to one; remove it."
                    ) from None
                os.close(handle)
                handle = deeper
            yield handle
        finally:
            os.close(handle)

    @contextmanager
    def _opened_parent(self, path: str, last: int = _FOLDER) -> Iterator[tuple[int, str]]:
        """Whoever only looks passes `_PASS`: to sync a folder it has to be read."""
        *folders, name = path_components(path)
        with self._opened_folder("/".join(folders), last) as parent:
            yield parent, name

    @contextmanager
    def _plainly(self, verb: str, path: str) -> Iterator[None]:
        """Turns what the system says into one line for a person."""
        try:
            yield
        except OSError as error:
            kind = NotReadable if isinstance(error, PermissionError) else HostError
            raise kind(f"Can't {verb} {self._full(path)}: {error.strerror or error}.") from error

    def _no_file(self, path: str) -> str:
        return f"{self._full(path)} isn't an ordinary file; remove it."

    def _full(self, path: str) -> str:
        return quote(str(self.home / path))


def _move_time_on(handle: int, parent: int, name: str) -> None:
    """Puts the modification time into a later second than the replaced file's.

    OpenVPN reads a CRL again only when the size or the whole second differs, and our CRLs often
    have one size.
    """
    try:
        before = os.stat(name, dir_fd=parent, follow_symlinks=False).st_mtime_ns
    except FileNotFoundError:
        return
    own = os.fstat(handle).st_mtime_ns
    later = max(own, (before // _SECOND_NS + 1) * _SECOND_NS)
    os.utime(handle, ns=(later, later))
