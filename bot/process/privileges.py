"""Root acts as the account that the settings and the data folder belong to.

Whoever took over the bot's account may have written both, so root reads neither. OpenVPN's
management socket admits one account, not even root, and whatever root wrote into the data folder
would be closed to the bot. So a command that root starts takes on the owner's identity; `as_root`
gives it back for what only root can do: read and write at places that root has named, on the
command line or by a file of its own there. The bot does none of this, so it gives root up for
good: whoever takes it over cannot have it back.
"""

import ctypes
import os
import pwd
import resource
import sysconfig
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from shlex import quote

from bot.errors import BadDataFolder

ROOT = 0
_PR_SET_DUMPABLE = 4  # prctl(2), linux/prctl.h
_NOT_DUMPABLE = 0


def keep_memory_private() -> None:
    """A crash leaves no copy of the memory, where the CA's key is.

    (1) No core file, which a handler that cores are piped to does not heed. (2) No core at all,
    and no other process of this account may look into this one. Linux forgets (2) whenever the
    identity changes, see PR_SET_DUMPABLE in prctl(2).
    """
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # (1)
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(_PR_SET_DUMPABLE, _NOT_DUMPABLE, 0, 0, 0)  # (2)


def act_as(uid: int, place: Path, *, for_good: bool = False) -> bool:
    """Takes on an account's identity, where root runs the command for it; says whether it did.

    Args:
        place: what belongs to the account, for the message.
        for_good: whether nothing can make this process root again, `as_root` included.

    Raises:
        BadDataFolder: the account has no name, so nobody knows its groups; or it cannot read
            the program that it is to run.
    """
    if os.geteuid() != ROOT or uid == ROOT:
        return False
    try:
        account = pwd.getpwuid(uid)
    except KeyError as error:
        raise BadDataFolder(
            f"{place} belongs to account number {uid}, which has no name here; give it to the "
            f"account that runs the bot: chown -R ACCOUNT: {quote(str(place))}"
        ) from error
    os.initgroups(account.pw_name, account.pw_gid)
    if for_good:
        os.setresgid(account.pw_gid, account.pw_gid, account.pw_gid)
        os.setresuid(uid, uid, uid)
    else:
        os.setegid(account.pw_gid)
        os.seteuid(uid)
    keep_memory_private()
    _require_program(account.pw_name, place)
    return True


def _require_program(account: str, place: Path) -> None:
    """Parts of the program are loaded when they are needed, then by this account."""
    for part in (sysconfig.get_path("stdlib"), __file__):
        if not os.access(part, os.R_OK, effective_ids=True):
            raise BadDataFolder(
                f"{place} belongs to {account}, which can't read {part}; install "
                "vpnbot and its Python where every account can read them, for example in /opt."
            )


def acts_for_another() -> bool:
    """Whether root started this, and it acts as another account now."""
    return os.getuid() == ROOT != os.geteuid()


@contextmanager
def as_root() -> Iterator[None]:
    """Back to root for a while, if root started this process; else nothing changes."""
    uid, gid = os.geteuid(), os.getegid()
    if not acts_for_another():
        yield
        return
    os.seteuid(ROOT)
    os.setegid(ROOT)
    keep_memory_private()
    try:
        yield
    finally:
        os.setegid(gid)
        os.seteuid(uid)
        keep_memory_private()
