"""Whether a folder of root's lies where nobody but root can put another one in its place.

Whoever may write a folder may rename what is in it, whomever that belongs to (rename(2)): the
server's folder would be moved away, and another one with a configuration of the attacker's put
there, which OpenVPN's unit starts as root. Only in a folder with the sticky bit, such as /tmp, are
the things of others left alone.
"""

import errno
import os
import stat
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path, PurePath, PurePosixPath
from shlex import quote

from vpn.host.interface import BY_OTHERS, ROOT, FileFacts, Step

# path_resolution(7): the kernel gives up after as many.
_MOST_LINKS = 40
# In bytes, with the zero at its end, and in names: a machine elsewhere may tell of any link.
_LONGEST_LINK, _MOST_NAMES = 4096, 1000


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
    weak = weak_step(directory, ROOT)
    if weak is None:
        return None
    return f"{weak.why}; choose a folder such as /srv/openvpn/NAME, or run: {weak.command}"


def weak_step(directory: Path, owner: int) -> WeakStep | None:
    """`weak_step_of` for a folder of this machine.

    Raises:
        OSError: it cannot be looked at, or its links lead in a circle.
    """
    return weak_step_of(steps_to(directory), directory, owner)


def weak_step_of(steps: Iterable[Step], directory: PurePath, owner: int) -> WeakStep | None:
    """What lets others than root and an account replace a folder; None where nothing does.

    Looks at every folder and link that is passed on the way to it, as far as they exist. The
    folder itself counts only where others can make one beside it: elsewhere those two alone have
    made it what it is, and `deploy` takes it over. An access list shows in the group's bits,
    acl(5).
    """
    for step in steps:
        if _is_shared(step.folder_facts.mode):
            return WeakStep(
                f"Others than root may write {quote(str(step.folder))}, and so put another folder "
                f"in the place of {quote(str(directory))}",
                f"chmod go-w {quote(str(step.folder))}",
            )
        counts = bool(step.folder_facts.mode & BY_OTHERS) or not step.is_last
        if counts and step.facts is not None and step.facts.uid not in (ROOT, owner):
            return WeakStep(
                f"{quote(str(step.path))} doesn't belong to root, and its owner could put another "
                f"folder in the place of {quote(str(directory))}",
                f"chown -h root: {quote(str(step.path))}",
            )
    return None


def shared_above(path: Path) -> PurePath | None:
    """The first folder on the way in which others than its owner may replace what they like.

    Raises:
        OSError: it cannot be looked at, or its links lead in a circle.
    """
    shared = (step.folder for step in steps_to(path) if _is_shared(step.folder_facts.mode))
    return next(shared, None)


def foreign_link(steps: Iterable[Step]) -> PurePath | None:
    """The first link on the way that somebody else than root made, or could have put there."""
    theirs = False
    for step in steps:
        folder = step.folder_facts
        theirs = theirs or folder.uid != ROOT or _is_shared(folder.mode)
        if step.is_link and step.facts is not None and (theirs or step.facts.uid != ROOT):
            return step.path
    return None


def _is_shared(mode: int) -> bool:
    return bool(mode & BY_OTHERS) and not mode & stat.S_ISVTX


@dataclass(frozen=True, slots=True)
class Entry:
    """What lies at a path, and where it leads if it is a symlink."""

    facts: FileFacts
    target: PurePath | None = None


def _entry_here(path: PurePath) -> Entry | None:
    here = Path(path)
    try:
        status = here.lstat()
        target = here.readlink() if stat.S_ISLNK(status.st_mode) else None
    except (FileNotFoundError, NotADirectoryError):
        return None
    return Entry(facts_of(status), target)


def steps_to(
    path: PurePath, look: Callable[[PurePath], Entry | None] = _entry_here
) -> Iterator[Step]:
    """See `ServerHost.resolve`.

    Args:
        path: absolute.
        look: what lies at a path, on whatever machine it is; None where nothing does.

    Raises:
        OSError: a step cannot be looked at, or the links lead in a circle (ELOOP), or to a path
            that is too long (ENAMETOOLONG).
    """
    here: PurePath = PurePosixPath("/")
    left = list(path.parts[1:])
    links = 0
    while left:
        name = left.pop(0)
        if name == "..":
            here = here.parent
            continue
        step, entry, problem = here / name, None, None
        try:
            entry = look(step)
        except OSError as error:
            problem = error
        target = None if entry is None else entry.target
        if target is not None and (
            len(os.fsencode(target)) >= _LONGEST_LINK
            or len(here.parts) + len(target.parts) + len(left) > _MOST_NAMES
        ):
            raise OSError(errno.ENAMETOOLONG, os.strerror(errno.ENAMETOOLONG), str(step))
        # An absolute target takes the place of all before it.
        whole = step if target is None else here / target
        folder = look(here)
        if folder is None:
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(here))
        yield Step(
            folder=here,
            folder_facts=folder.facts,
            path=step,
            facts=None if entry is None else entry.facts,
            is_link=target is not None,
            leads_to=PurePosixPath(os.path.normpath(whole.joinpath(*left))),
            is_last=not left,
        )
        if problem is not None:
            raise problem
        if entry is None:
            return
        if target is None:
            here = step
            continue
        links += 1
        if links > _MOST_LINKS:
            raise OSError(errno.ELOOP, f"the links of {quote(str(path))} lead in a circle")
        here = PurePosixPath("/") if target.is_absolute() else here
        left = [*target.parts[target.is_absolute() :], *left]


def facts_of(status: os.stat_result) -> FileFacts:
    return FileFacts(
        mode=stat.S_IMODE(status.st_mode),
        uid=status.st_uid,
        gid=status.st_gid,
        is_folder=stat.S_ISDIR(status.st_mode),
        modified_at=datetime.fromtimestamp(status.st_mtime, UTC),
        changed_at=datetime.fromtimestamp(status.st_ctime, UTC),
    )
