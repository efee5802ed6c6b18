"""Root acts as the account that owns the data folder, and as root only where it must.

OpenVPN's management socket admits one account, not even root, and whatever root wrote into the
data folder would be closed to the bot. So a command that root starts takes on the owner's
identity. `as_root` gives it back for the one thing that needs it: writing a server's folder. The
bot writes none, so it gives root up for good: whoever takes it over cannot have it back.
"""

import ctypes
import os
import pwd
import resource
import sysconfig
from collections.abc import Iterator
from contextlib import contextmanager, suppress

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


def act_as(uid: int, *, for_good: bool = False) -> None:
    """Takes on an account's identity, where root runs the command for a folder of its own.

    Args:
        for_good: whether nothing can make this process root again, `as_root` included.

    Raises:
        BadDataFolder: the account has no name, so nobody knows its groups; or it cannot read
            the program that it is to run.
    """
    if os.geteuid() != ROOT or uid == ROOT:
        return
    try:
        account = pwd.getpwuid(uid)
    except KeyError as error:
        raise BadDataFolder(
            f"The data folder belongs to account number {uid}, which has no name here; give it "
            "to the account that runs the bot: chown -R ACCOUNT: FOLDER"
        ) from error
    os.initgroups(account.pw_name, account.pw_gid)
    if for_good:
        os.setresgid(account.pw_gid, account.pw_gid, account.pw_gid)
        os.setresuid(uid, uid, uid)
    else:
        os.setegid(account.pw_gid)
        os.seteuid(uid)
    keep_memory_private()
    _require_program(account.pw_name)


def _require_program(account: str) -> None:
    """Parts of the program are loaded when they are needed, then by this account."""
    for place in (sysconfig.get_path("stdlib"), __file__):
        if not os.access(place, os.R_OK, effective_ids=True):
            raise BadDataFolder(
                f"The data folder belongs to {account}, which cannot read {place}; install "
                "vpnbot and its Python where every account can read them, for example in /opt."
            )


@contextmanager
def as_root() -> Iterator[None]:
    """Back to root for a while, if root started this process; else nothing changes."""
    uid, gid = os.geteuid(), os.getegid()
    if os.getuid() != ROOT or uid == ROOT:
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
