"""Files that only their owner may read, written all at once or not at all."""

import errno
import os
import pwd
import secrets
import shutil
import stat
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from shlex import quote

from pki.errors import AuthorityExists, UnsafePermissions

FOLDER_MODE = 0o700
FILE_MODE = 0o600
_OTHERS = 0o077
_OCCUPIED = {errno.ENOTEMPTY, errno.EEXIST, errno.ENOTDIR}


def write_file(path: Path, content: bytes, *, replace: bool, owner: int | None = None) -> None:
    """Puts a file of mode 0600 in place: whole and on the disk, or all is as it was.

    (1) It is written beside its place, under a name that nobody can foresee. (2) It takes its
    place. A link, unlike a rename, never replaces what somebody has put there meanwhile. (3) The
    folder is synced, so that the name survives a power cut. Accepted: who is killed before (2)
    leaves a file named .vpnbot-… behind, as closed as the real one.

    Args:
        replace: whether an earlier file of this name goes.
        owner: the account that gets it; None for whoever this runs as.

    Raises:
        FileExistsError: there is one already, and it stays.
        OSError: it cannot be written.
    """
    draft = path.with_name(f".vpnbot-{secrets.token_hex(8)}")
    create_file(draft, content, owner=owner)  # (1)
    try:
        if replace:
            draft.replace(path)  # (2)
        else:
            os.link(draft, path)  # (2)
        sync(path.parent)  # (3)
    finally:
        with suppress(OSError):
            draft.unlink()


def create_file(
    path: Path, content: bytes, *, owner: int | None = None, even_open: bool = False
) -> None:
    """Writes a new file of mode 0600, whatever the umask, where it is to stay, and syncs it.

    Half a file is seen meanwhile, and taken away where it fails.

    Args:
        owner: the account that gets it; None for whoever this runs as.
        even_open: also where the file system knows no modes, such as that of most sticks.

    Raises:
        FileExistsError: there is one already, and it stays.
        OSError: it cannot be written.
    """
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    handle = os.open(path, flags, FILE_MODE)
    try:
        with os.fdopen(handle, "wb") as file:
            if owner is not None and owner != os.geteuid():
                os.fchown(handle, owner, pwd.getpwuid(owner).pw_gid)
            with suppress(*((PermissionError,) if even_open else ())):
                os.fchmod(handle, FILE_MODE)
            file.write(content)
            file.flush()
            os.fsync(handle)
    except BaseException:
        path.unlink(missing_ok=True)
        raise


def sync(path: Path) -> None:
    """Waits until a file, or the names in a folder, are on the disk."""
    handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def write_folder(folder: Path, files: Mapping[str, bytes]) -> None:
    """Makes `folder` with these files in it: 0700 and 0600, whatever the umask.

    (1) The files go into a temporary folder beside it and are synced. (2) One rename puts them in
    place: the system replaces an empty folder, never a full one, so that of two writers exactly
    one succeeds. Accepted: a crash before it leaves the temporary folder behind, as closed as the
    real one. (3) The parent is synced, so that the name survives a power cut.

    Raises:
        AuthorityExists: something is there already.
    """
    folder.parent.mkdir(mode=FOLDER_MODE, parents=True, exist_ok=True)
    draft = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
    try:
        draft.chmod(FOLDER_MODE)
        for name, content in files.items():
            create_file(draft / name, content)  # (1)
        sync(draft)
        draft.rename(folder)  # (2)
    except BaseException as error:
        shutil.rmtree(draft, ignore_errors=True)
        if isinstance(error, OSError) and error.errno in _OCCUPIED:
            raise _exists(folder) from error
        raise
    sync(folder.parent)  # (3)


def require_vacant(folder: Path) -> None:
    """Refuses early what `write_folder` would refuse in the end; only that one decides.

    Raises:
        AuthorityExists: something is there already.
    """
    try:
        vacant = not any(folder.iterdir())
    except FileNotFoundError:
        vacant = True
    except NotADirectoryError:
        vacant = False
    if not vacant:
        raise _exists(folder)


def check_private_folder(folder: Path) -> None:
    """Raises UnsafePermissions unless it is a folder of ours that is closed to all others.

    Raises FileNotFoundError where there is none.
    """
    facts = folder.lstat()
    if not stat.S_ISDIR(facts.st_mode):
        raise UnsafePermissions(
            f"{quote(str(folder))} isn't a folder; put a real folder there, no link."
        )
    _check(folder, facts, FOLDER_MODE)


def check_private_file(path: Path) -> None:
    """Raises UnsafePermissions unless it is a file of ours that is closed to all others.

    Raises FileNotFoundError where there is none.
    """
    facts = path.lstat()
    if not stat.S_ISREG(facts.st_mode):
        raise UnsafePermissions(f"{quote(str(path))} isn't a file; put a real file there, no link.")
    _check(path, facts, FILE_MODE)


def _check(path: Path, facts: os.stat_result, wanted: int) -> None:
    shown = quote(str(path))
    if facts.st_uid != os.geteuid():
        raise UnsafePermissions(
            f"{shown} belongs to account number {facts.st_uid}, and this runs as {os.geteuid()};"
            " run it as the owner, or change the owner with chown."
        )
    if facts.st_mode & _OTHERS:
        raise UnsafePermissions(f"{shown} is open to other accounts; run: chmod {wanted:o} {shown}")


def _exists(folder: Path) -> AuthorityExists:
    return AuthorityExists(
        f"{quote(str(folder))} holds something already, and a CA is never overwritten;"
        " move it away first if you mean to start anew."
    )
