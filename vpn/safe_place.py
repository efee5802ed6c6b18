"""Whether a folder of root's lies where nobody but root can put another one in its place.

Whoever may write a folder may rename what is in it, whomever that belongs to (rename(2)): the
server's folder would be moved away, and another one with a configuration of the attacker's put
there, which OpenVPN's unit starts as root. Only in a folder with the sticky bit, such as /tmp, are
the things of others left alone.
"""

import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from shlex import quote

_ROOT = 0
_WRITABLE = stat.S_IWGRP | stat.S_IWOTH
# path_resolution(7): the kernel gives up after as many.
_LONGEST_CHAIN = 40


@dataclass(frozen=True, slots=True)
class WeakStep:
    """Where somebody could put another folder in the place of one.

    Attributes:
        why: who could, as a sentence without its end.
        command: a shell line for root that ends it.
    """

    why: str
    command: str


def unsafe_above(directory: Path) -> str | None:
    """What lets somebody else than root replace a server's folder, with what to do; or None.

    Raises:
        OSError: it cannot be looked at, or its links lead in a circle.
    """
    weak = weak_step(directory, _ROOT)
    if weak is None:
        return None
    return f"{weak.why}; choose a folder such as /srv/openvpn/NAME, or run: {weak.command}"


def weak_step(directory: Path, owner: int) -> WeakStep | None:
    """What lets others than root and an account replace a folder; None where nothing does.

    Looks at every folder and link that is passed on the way to it, as far as they exist. The
    folder itself counts only where others can make one beside it: elsewhere those two alone have
    made it what it is, and `deploy` takes it over. An access list shows in the group's bits,
    acl(5).

    Args:
        directory: absolute.

    Raises:
        OSError: it cannot be looked at, or its links lead in a circle.
    """
    for folder, step, is_last in _passed(directory):
        mode = folder.lstat().st_mode
        if _is_shared(mode):
            return WeakStep(
                f"Others than root may write {quote(str(folder))}, and so put another folder in "
                f"the place of {quote(str(directory))}",
                f"chmod go-w {quote(str(folder))}",
            )
        counts = bool(mode & _WRITABLE) or not is_last
        if counts and os.path.lexists(step) and step.lstat().st_uid not in (_ROOT, owner):
            return WeakStep(
                f"{quote(str(step))} does not belong to root, and its owner could put another "
                f"folder in the place of {quote(str(directory))}",
                f"chown -h root: {quote(str(step))}",
            )
    return None


def shared_above(path: Path) -> Path | None:
    """The first folder on the way in which others than its owner may replace what they like.

    Raises:
        OSError: it cannot be looked at, or its links lead in a circle.
    """
    for folder, _, _ in _passed(path):
        if _is_shared(folder.lstat().st_mode):
            return folder
    return None


def foreign_link(path: Path) -> Path | None:
    """The first link on the way that somebody else than root made, or could have put there.

    Raises:
        OSError: it cannot be looked at, or its links lead in a circle.
    """
    theirs = False
    for folder, step, _ in _passed(path):
        found = folder.lstat()
        theirs = theirs or found.st_uid != _ROOT or _is_shared(found.st_mode)
        if step.is_symlink() and (theirs or step.lstat().st_uid != _ROOT):
            return step
    return None


def _is_shared(mode: int) -> bool:
    return bool(mode & _WRITABLE) and not mode & stat.S_ISVTX


def _passed(directory: Path) -> Iterator[tuple[Path, Path, bool]]:
    """One step at a time: a real folder, what is looked up in it, and whether that is the last."""
    here = Path("/")
    left = list(directory.parts[1:])
    links = 0
    while left:
        name = left.pop(0)
        if name == "..":
            here = here.parent
            continue
        step = here / name
        yield here, step, not left
        if not os.path.lexists(step):
            return
        if not step.is_symlink():
            here = step
            continue
        links += 1
        if links > _LONGEST_CHAIN:
            raise OSError(f"the links of {quote(str(directory))} lead in a circle")
        target = step.readlink()
        here = Path("/") if target.is_absolute() else here
        left = [*target.parts[target.is_absolute() :], *left]
