"""New files where whoever types a command has named them: a profile, a backup, an archive."""

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePath
from shlex import quote

from bot.process.privileges import ROOT, as_root
from vpn.host.safe_place import foreign_link, steps_to

_FOLDER = os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


@contextmanager
def as_root_at(target: Path) -> Iterator[Path]:
    """Acts as root, if root started this, and gives a path for the file that leads nowhere else.

    A folder on the way may be another account's, which puts a link in its place at any moment: to
    where the system runs what root has written, and some of that are the bot's account's words. So
    root follows its own links only, and then goes from one folder to the next that it holds open.

    Args:
        target: absolute.

    Raises:
        OSError: there is a link on the way that is not root's, or a folder cannot be opened.
    """
    with as_root():
        if os.geteuid() != ROOT:
            yield target
            return
        way = [*steps_to(target.parent)]
        link = foreign_link(way)
        if link is not None:
            why = (
                f"{quote(str(link))} is a link that another account could have put there, so root"
                " doesn't follow it"
            )
            raise OSError(errno.ELOOP, why, str(target))
        folder = _opened(way[-1].leads_to if way else target.parent)
        try:
            yield Path(f"/proc/self/fd/{folder}") / target.name
        finally:
            os.close(folder)


def _opened(folder: PurePath) -> int:
    """A handle of a folder, reached without following any link."""
    handle = os.open("/", _FOLDER)
    for name in folder.parts[1:]:
        try:
            deeper = os.open(name, _FOLDER, dir_fd=handle)
        finally:
            os.close(handle)
        handle = deeper
    return handle
