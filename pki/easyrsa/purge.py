"""Removes clients' private keys that easy-rsa left in clear."""

import errno
import os
import stat
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path, PurePath

from pki.easyrsa.private_keys import clear_blocks
from pki.errors import NotRemovable

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW
_AUTHORITY_KEY = "ca.key"


def purge_client_keys(folder: Path, paths: Iterable[Path]) -> None:
    """Removes exactly these files, which `read_pki` found: EasyRsaPki.client_keys.

    (1) Each is looked at before any is removed: it lies in the PKI's folder, no link is on the way
    to it, it is a plain file with this one name, and it holds a private key in clear. (2) They are
    removed by their folder's handle, so that no link put there meanwhile leads elsewhere. (3) Each
    folder is synced, so that no power cut brings a key back.

    The names are gone then; the bytes need not be. A file system may have copied them, a solid
    state disk keeps what it wrote until it sees fit, and there are backups. To write over a file
    proves nothing about that, so it is not done. A key that has to be dead is dead once its
    certificate is revoked.

    Args:
        folder: of the PKI; a link to it is followed.

    Raises:
        NotRemovable: a file is not as in (1), and nothing was removed; or the system refused one,
            and some of the others are gone.
    """
    root = folder.resolve()
    wanted = _by_folder(folder, root, paths)
    for place, names in wanted.items():
        with _opened(root, place) as handle:
            for name in names:
                _check(handle, root / place / name)  # (1)
    for place, names in wanted.items():
        with _opened(root, place) as handle:
            for name in names:
                try:
                    os.unlink(name, dir_fd=handle)  # (2)
                except OSError as error:
                    raise NotRemovable(
                        f"{root / place / name} couldn't be removed ({error.strerror});"
                        " remove it by hand, or mend that and try again."
                    ) from error
            os.fsync(handle)  # (3)


def _by_folder(folder: Path, root: Path, paths: Iterable[Path]) -> Mapping[PurePath, list[str]]:
    wanted: dict[PurePath, list[str]] = defaultdict(list)
    for path in dict.fromkeys(paths):
        base = folder if path.is_relative_to(folder) else root
        if not path.is_relative_to(base) or ".." in path.parts:
            raise NotRemovable(f"{path} isn't in {folder}; nothing was removed.")
        if path.name == _AUTHORITY_KEY:
            raise NotRemovable(f"{path} is the CA's key; nothing was removed.")
        place = path.relative_to(base)
        wanted[place.parent].append(place.name)
    return wanted


@contextmanager
def _opened(root: Path, place: PurePath) -> Iterator[int]:
    """A handle of a folder, reached without a link below the root."""
    handle = os.open(root, _FOLDER)
    try:
        at = root
        for part in place.parts:
            at = at / part
            try:
                inner = os.open(part, _FOLDER, dir_fd=handle)
            except OSError as error:
                if error.errno in {errno.ENOTDIR, errno.ELOOP}:
                    raise NotRemovable(f"{at} is a link; remove what it holds by hand.") from error
                raise _unreachable(at, error) from error
            os.close(handle)
            handle = inner
        yield handle
    finally:
        os.close(handle)


def _check(handle: int, path: Path) -> None:
    try:
        facts = os.stat(path.name, dir_fd=handle, follow_symlinks=False)
    except OSError as error:
        raise _unreachable(path, error) from error
    if not stat.S_ISREG(facts.st_mode):
        raise NotRemovable(f"{path} is a link, or no file; remove it by hand.")
    if facts.st_nlink != 1:
        raise NotRemovable(f"{path} has a second name (a hard link); remove both by hand.")
    if not clear_blocks(_content(handle, path)):
        raise NotRemovable(f"{path} holds no key in clear any more; read the PKI again.")


def _content(handle: int, path: Path) -> bytes:
    try:
        descriptor = os.open(path.name, os.O_RDONLY | os.O_NOFOLLOW, dir_fd=handle)
    except OSError as error:
        raise _unreachable(path, error) from error
    with os.fdopen(descriptor, "rb") as file:
        return file.read()


def _unreachable(path: Path, error: OSError) -> NotRemovable:
    return NotRemovable(f"{path} can't be reached ({error.strerror}); nothing was removed.")
