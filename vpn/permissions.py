"""Whether an account can reach a file, by the kernel's rule for permission bits.

Access lists and security modules are not seen: what is said to be open may be shut by those.
"""

import grp
import os
import pwd
import stat
from dataclasses import dataclass
from pathlib import Path
from shlex import quote

from vpn.layout import Reader

_ROOT = 0
# 'nobody' and 'nogroup' where the machine has no such names: the kernel's own overflow ids.
_OVERFLOW = 65534


@dataclass(frozen=True, slots=True)
class Ids:
    """An account as the kernel knows it."""

    uid: int
    gids: frozenset[int]


def ids_of_reader(reader: Reader) -> Ids | str:
    """What OpenVPN becomes, or why that is not known.

    `user` without `group` changes the account alone: the group stays root's (OpenVPN's
    platform_user_group_set()).
    """
    try:
        uid = _ROOT if reader.user is None else _uid(reader.user)
        gid = _ROOT if reader.group is None else _gid(reader.group)
    except KeyError as error:
        return f"The configuration names {error.args[0]}, which this machine does not have."
    return Ids(uid, frozenset({gid}))


def _uid(user: str) -> int:
    try:
        return pwd.getpwnam(user).pw_uid
    except KeyError:
        if user == "nobody":
            return _OVERFLOW
        raise KeyError(f"the account {user}") from None


def _gid(group: str) -> int:
    try:
        return grp.getgrnam(group).gr_gid
    except KeyError:
        if group in {"nogroup", "nobody"}:
            return _OVERFLOW
        raise KeyError(f"the group {group}") from None


def shut_out_above(directory: Path, path: str, ids: Ids) -> str | None:
    """The first folder on the way to the path that the account may not pass, with its mend."""
    # A link above the server's folder is followed by OpenVPN too: both ways must be open.
    real = Path(os.path.realpath(directory)) / path
    above = {*(directory / path).parents, *real.parents}
    for folder in sorted(above, key=lambda each: len(each.parts)):
        if folder.exists() and not may(folder, stat.S_IXOTH, ids):
            return _shut(folder, "x")
    return None


def shut_out_at(target: Path, ids: Ids) -> str | None:
    """Whether the account may not read the file, or pass the folder, with the mend."""
    if not target.exists():
        return None
    wanted, letter = (stat.S_IXOTH, "x") if target.is_dir() else (stat.S_IROTH, "r")
    if may(target, wanted, ids):
        return None
    return _shut(target, letter)


def _shut(path: Path, letter: str) -> str:
    shown = quote(str(path))
    return f"{shown} shuts out OpenVPN's account; run: chmod o+{letter} {shown}"


def may(path: Path, bits_for_others: int, ids: Ids) -> bool:
    """The kernel's own rule: the owner's bits for the owner, else the group's, else the rest's."""
    if ids.uid == _ROOT:
        return True
    status = path.stat()
    wanted = bits_for_others
    if status.st_uid == ids.uid:
        wanted = bits_for_others << 6
    elif status.st_gid in ids.gids:
        wanted = bits_for_others << 3
    return status.st_mode & wanted == wanted
