"""Files that only their owner may read, written all at once or not at all."""

import errno
import os
import shutil
import stat
import tempfile
from collections.abc import Mapping
from pathlib import Path
from shlex import quote

from pki.errors import AuthorityExists, UnsafePermissions

FOLDER_MODE = 0o700
FILE_MODE = 0o600
_OTHERS = 0o077


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
            _write(draft / name, content)  # (1)
        _sync_folder(draft)
        _put_in_place(draft, folder)  # (2)
    except BaseException:
        shutil.rmtree(draft, ignore_errors=True)
        raise
    _sync_folder(folder.parent)  # (3)


def require_vacant(folder: Path) -> None:
    """Says early what `write_folder` would say in the end, which alone decides.

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
            f"{quote(str(folder))} is not a folder; put a real folder there, no link."
        )
    _check(folder, facts, FOLDER_MODE)


def check_private_file(path: Path) -> None:
    """Raises UnsafePermissions unless it is a file of ours that is closed to all others.

    Raises FileNotFoundError where there is none.
    """
    facts = path.lstat()
    if not stat.S_ISREG(facts.st_mode):
        raise UnsafePermissions(
            f"{quote(str(path))} is not a file; put a real file there, no link."
        )
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


def _write(path: Path, content: bytes) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, FILE_MODE)
    with os.fdopen(descriptor, "wb") as file:
        os.fchmod(descriptor, FILE_MODE)
        file.write(content)
        file.flush()
        os.fsync(descriptor)


def _put_in_place(draft: Path, folder: Path) -> None:
    try:
        draft.rename(folder)
    except OSError as error:
        if error.errno in {errno.ENOTEMPTY, errno.EEXIST, errno.ENOTDIR}:
            raise _exists(folder) from error
        raise


def _exists(folder: Path) -> AuthorityExists:
    return AuthorityExists(
        f"{quote(str(folder))} holds something already, and a CA is never overwritten;"
        " move it away first if you mean to start anew."
    )


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
