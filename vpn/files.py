"""Files below one folder, reached without following a symlink.

Each component is opened relative to the folder above it with O_NOFOLLOW, so that whoever owns
a folder in the middle cannot send root elsewhere (openat(2), 'Rationale for openat()').
"""

import errno
import os
import pwd
import secrets
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from shlex import quote

from vpn.errors import HostError, NotReadable
from vpn.host import FileFacts

# A CRL of 100,000 entries has 6 MB. More than this is a mistake, or an attack on our memory.
READ_LIMIT = 32 * 1024 * 1024

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_PASS = os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
# O_NONBLOCK: opening a pipe that somebody put there would otherwise wait for ever.
_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_CREATE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_ROOT = 0
_BY_OTHERS = stat.S_IWGRP | stat.S_IWOTH
_SECOND_NS = 1_000_000_000


def room_left(path: Path) -> int | None:
    """See `ServerHost.room`."""
    try:
        facts = os.statvfs(path)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise HostError(
            f"Nobody can tell how much room is left at {quote(str(path))}: {error.strerror}."
        ) from error
    # Some file systems have no count of files.
    return 0 if facts.f_files and not facts.f_favail else facts.f_bavail * facts.f_frsize


class Folder:
    """The files below a folder. All methods may block on the disk, and raise HostError."""

    def __init__(self, directory: Path, *, bot_folders: tuple[str, ...]) -> None:
        self.directory = directory
        self._bot_folders = bot_folders

    def read(self, path: str) -> bytes | None:
        """See `ServerHost.read`."""
        with self._plainly("read", path):
            try:
                with self._opened_parent(path) as (parent, name):
                    handle = os.open(name, _READ, dir_fd=parent)
                    folder = os.fstat(parent)
            except FileNotFoundError:
                return None
            except OSError as error:
                if error.errno != errno.ELOOP:  # a link
                    raise
                raise NotReadable(self._no_file(path)) from None
            # No file object can be made of a folder, and then nobody would close what was opened.
            found = os.fstat(handle)
            # Where others may put one, root reads no file of two names: the other may be a secret.
            by_others = folder.st_uid != _ROOT or bool(folder.st_mode & _BY_OTHERS)
            is_link = os.geteuid() == _ROOT and by_others and found.st_nlink > 1
            if is_link or not stat.S_ISREG(found.st_mode):
                os.close(handle)
                # No file can be put over a folder: somebody has to remove it first.
                kind = HostError if stat.S_ISDIR(found.st_mode) else NotReadable
                raise kind(self._no_file(path))
            with os.fdopen(handle, "rb") as file:
                content = file.read(READ_LIMIT + 1)
        if len(content) > READ_LIMIT:
            raise HostError(f"{self._full(path)} has more than {READ_LIMIT} bytes; remove it.")
        return content

    def replace(self, path: str, content: bytes, *, mode: int, gid: int | None = None) -> None:
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
                    if self._is_the_bots(path) and os.geteuid() == 0:  # (2)
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

    def _is_the_bots(self, path: str) -> bool:
        return path.rpartition("/")[0] in self._bot_folders

    def remove(self, path: str) -> bool:
        """See `ServerHost.remove`."""
        with self._plainly("remove", path):
            try:
                with self._opened_parent(path) as (parent, name):
                    os.unlink(name, dir_fd=parent)
                    os.fsync(parent)
            except FileNotFoundError:
                return False
        return True

    def remove_folder(self, path: str) -> None:
        """See `ServerHost.remove_folder`."""
        with (
            self._plainly("remove", path),
            suppress(FileNotFoundError),
            self._opened_parent(path) as (parent, name),
        ):
            try:
                os.rmdir(name, dir_fd=parent)
            except OSError as error:
                if error.errno != errno.ENOTEMPTY:
                    raise

    def rename(self, path: str, to: str) -> bool:
        """See `ServerHost.rename`."""
        with self._plainly("move", path), self._opened_parent(to) as (new_parent, name):
            try:
                with self._opened_parent(path) as (parent, before):
                    os.rename(before, name, src_dir_fd=parent, dst_dir_fd=new_parent)
                    os.fsync(parent)
            except FileNotFoundError:
                return False
            os.fsync(new_parent)
        return True

    def listdir(self, path: str) -> tuple[str, ...] | None:
        """See `ServerHost.listdir`."""
        with self._plainly("read", path):
            try:
                with self._opened_folder(path) as folder:
                    return tuple(sorted(os.listdir(folder)))  # noqa: PTH208 - a descriptor
            except FileNotFoundError:
                return None

    def facts(self, path: str) -> FileFacts | None:
        """See `ServerHost.facts`."""
        with self._plainly("look at", path):
            try:
                if not path:
                    return _facts(self.directory.stat())
                with self._opened_parent(path) as (parent, name):
                    return _facts(os.stat(name, dir_fd=parent, follow_symlinks=False))
            except FileNotFoundError:
                return None

    def make_folder(self, path: str, *, mode: int, account: str | None) -> bool:
        """See `ServerHost.make_folder`."""
        uid, gid = _owner(account)
        with self._plainly("make", path):
            made = self._make_home() if not path else self._make_one(path)
            with self._opened_folder(path) as folder:
                before = os.fstat(folder)
                if (before.st_uid, before.st_gid) != (uid, gid):
                    os.fchown(folder, uid, gid)
                    made = True
                if stat.S_IMODE(before.st_mode) != mode:
                    os.fchmod(folder, mode)
                    made = True
        return made

    def _make_home(self) -> bool:
        missing = [p for p in (self.directory, *self.directory.parents) if not p.exists()]
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

    @contextmanager
    def _opened_folder(self, path: str) -> Iterator[int]:
        names = _components(path)
        handle = os.open(self.directory, (_PASS if names else _FOLDER) & ~os.O_NOFOLLOW)
        try:
            for left, name in enumerate(names, start=1 - len(names)):
                # To pass a folder takes less than to read it.
                flags = _FOLDER if left == 0 else _PASS
                try:
                    deeper = os.open(name, flags, dir_fd=handle)
                except NotADirectoryError:  # a link, too: O_DIRECTORY is looked at first
                    wrong = self._full("/".join(names[: len(names) + left]))
                    raise HostError(f"{wrong} is no folder, or a link to one; remove it.") from None
                os.close(handle)
                handle = deeper
            yield handle
        finally:
            os.close(handle)

    @contextmanager
    def _opened_parent(self, path: str) -> Iterator[tuple[int, str]]:
        *folders, name = _components(path)
        with self._opened_folder("/".join(folders)) as parent:
            yield parent, name

    @contextmanager
    def _plainly(self, verb: str, path: str) -> Iterator[None]:
        """Turns what the system says into one line for a person."""
        try:
            yield
        except OSError as error:
            kind = NotReadable if isinstance(error, PermissionError) else HostError
            raise kind(f"Cannot {verb} {self._full(path)}: {error.strerror or error}.") from error

    def _no_file(self, path: str) -> str:
        return f"{self._full(path)} is no ordinary file; remove it."

    def _full(self, path: str) -> str:
        return quote(str(self.directory / path))


def _components(path: str) -> list[str]:
    names = path.split("/") if path else []
    if any(name in {"", ".", ".."} for name in names):
        raise ValueError(f"{path!r} is no path below a server's folder")
    return names


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


def _owner(account: str | None) -> tuple[int, int]:
    if account is None:
        return os.geteuid(), os.getegid()
    try:
        entry = pwd.getpwnam(account)
    except KeyError as error:
        raise HostError(f"There is no account {account}.") from error
    return entry.pw_uid, entry.pw_gid


def _facts(status: os.stat_result) -> FileFacts:
    return FileFacts(
        mode=stat.S_IMODE(status.st_mode),
        uid=status.st_uid,
        gid=status.st_gid,
        is_folder=stat.S_ISDIR(status.st_mode),
        modified_at=datetime.fromtimestamp(status.st_mtime, UTC),
        changed_at=datetime.fromtimestamp(status.st_ctime, UTC),
    )
