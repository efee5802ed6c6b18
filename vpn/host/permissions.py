"""What accounts of a server's machine may do with its files: OpenVPN's, the bot's, and root.

For OpenVPN's, which nobody can become to try it, the kernel's rule for permission bits is applied:
access lists and security modules are not seen, so what is said to be open may be shut by those.
"""

import asyncio
from dataclasses import dataclass
from shlex import quote

from vpn.errors import HostError
from vpn.host.interface import NO_PROGRAM, ROOT, FileFacts, ServerHost, Way
from vpn.host.safe_place import foreign_link
from vpn.layout import NOBODY, Reader

_READ, _PASS = 4, 1
# 'nobody' and 'nogroup' where the machine has no such names: the kernel's own overflow ids.
_OVERFLOW = 65534
# The columns are those of passwd(5) and group(5).
_ACCOUNTS, _GROUPS = "passwd", "group"
_UID, _GID = 2, 3
# Of 32 bits.
_ID_DIGITS = 10
# What the replacement of a CRL takes.
_WRITE_AND_REPLACE = """\
set -e
umask 077
printf x >"$1/.vpnbot-try-$$"
mv -f -- "$1/.vpnbot-try-$$" "$1/.vpnbot-tried-$$"
rm -- "$1/.vpnbot-tried-$$"
"""


@dataclass(frozen=True, slots=True)
class _Ids:
    """An account as the kernel knows it."""

    uid: int
    gid: int


async def real_path(host: ServerHost, path: str) -> str:
    """Where a path leads once every symlink is followed, relative to /.

    What is missing, or cannot be looked at, stays as it is. Root follows its own links only: any
    other could lead to what only root may read.

    Raises:
        HostError: root cannot look at it, or does not follow a link on the way.
    """
    way = await host.resolve(path)
    link = foreign_link(way) if await host.caller() == ROOT else None
    if link is not None:
        raise HostError(
            f"{quote(str(link))} is a link that another account could have put there, so root "
            "doesn't follow it; put there what it leads to."
        )
    return str(way.end).lstrip("/")


async def read_linked(host: ServerHost, path: str) -> bytes | None:
    """A file as OpenVPN reads it, through symlinks; for root see `real_path`.

    Most often there is none: so it is read at its own path, where none is followed, at the same
    moment as it is looked where the path leads.

    Raises:
        HostError: see `ServerHost.read`.
    """
    named = str(host.directory / path).lstrip("/")
    real, content = await asyncio.gather(
        real_path(host, path), host.machine.read(named), return_exceptions=True
    )
    if isinstance(real, BaseException):
        raise real
    if real != named:
        return await host.machine.read(real)
    if isinstance(content, BaseException):
        raise content
    return content


async def shut_out(host: ServerHost, path: str, reader: Reader = NOBODY) -> str | None:
    """What shuts out the account that OpenVPN drops to: the first such path and its mend.

    A file must be readable, a folder passable, and so must every folder on the way. What does
    not exist shuts nobody out.

    Raises:
        HostError: it cannot be looked at.
    """
    way = await host.resolve(path)
    # Who OpenVPN becomes takes programs to tell, and does not matter where all may pass.
    if reader == NOBODY and _is_open(way):
        return None
    ids = await _ids_of(host, reader)
    if isinstance(ids, str):
        return ids
    end = None
    for step in way:
        if not _may(step.folder_facts, _PASS, ids):
            return _shut(str(step.folder), "x")
        end = step
    if end is None or end.facts is None:
        return None
    wanted, letter = (_PASS, "x") if end.facts.is_folder else (_READ, "r")
    return None if _may(end.facts, wanted, ids) else _shut(str(end.path), letter)


def _is_open(way: Way) -> bool:
    """Whether whoever it is may go this way, and read what is at its end."""
    end = None
    for step in way:
        if not _all_may(step.folder_facts, _PASS):
            return False
        end = step.facts
    return end is None or _all_may(end, _PASS if end.is_folder else _READ)


def _all_may(facts: FileFacts, bit: int) -> bool:
    bits = bit << 6 | bit << 3 | bit
    return facts.mode & bits == bits


async def shut_out_above(host: ServerHost) -> str | None:
    """`shut_out` for 'nobody', of the folders above the server's folder only.

    Raises:
        HostError: one of them cannot be looked at.
    """
    ids = await _ids_of(host, NOBODY)
    if isinstance(ids, str):
        raise HostError(ids)
    for step in await host.resolve(""):
        if not _may(step.folder_facts, _PASS, ids):
            return _shut(str(step.folder), "x")
    return None


def _shut(path: str, letter: str) -> str:
    return f"{quote(path)} shuts out OpenVPN's account; run: chmod o+{letter} {quote(path)}"


def _may(facts: FileFacts, bit: int, ids: _Ids) -> bool:
    """The kernel's own rule: the owner's bits for the owner, else the group's, else the rest's."""
    if ids.uid == ROOT:
        return True
    if facts.uid == ids.uid:
        bit <<= 6
    elif facts.gid == ids.gid:
        bit <<= 3
    return bool(facts.mode & bit)


async def _ids_of(host: ServerHost, reader: Reader) -> _Ids | str:
    """What OpenVPN becomes, or why that is not known.

    `user` without `group` changes the account alone: the group stays root's (OpenVPN's
    platform_user_group_set()).
    """
    unknown = "The configuration names the {} {}, which this machine doesn't have."
    uid = gid = ROOT
    account, group = await asyncio.gather(
        _entry(host, _ACCOUNTS, reader.user), _entry(host, _GROUPS, reader.group)
    )
    if reader.user is not None:
        if account is None and reader.user != "nobody":
            return unknown.format("account", reader.user)
        uid = _OVERFLOW if account is None else int(account[_UID])
    if reader.group is not None:
        if group is None and reader.group not in {"nogroup", "nobody"}:
            return unknown.format("group", reader.group)
        gid = _OVERFLOW if group is None else int(group[_UID])
    return _Ids(uid, gid)


async def _entry(host: ServerHost, table: str, name: str | None) -> list[str] | None:
    """What the machine knows of an account or a group; None where it knows none of that name.

    Most are in the file; others, for example of a directory service, `getent` knows.
    """
    if name is None:
        return None
    # By a program: the threads that read files may all wait for the server's folder.
    shown = await host.run(("cat", f"/etc/{table}"))
    for line in shown.output.decode("utf-8", "surrogateescape").splitlines():
        cells = line.split(":")
        if cells[0] == name and _are_ids(cells[_UID : _UID + 1]):
            return cells
    asked = await host.run(("getent", table, name))
    cells = asked.lines[0].split(":") if asked.status == 0 and asked.lines else []
    return cells if cells[0:1] == [name] and _are_ids(cells[_UID : _UID + 1]) else None


def _are_ids(cells: list[str]) -> bool:
    return bool(cells) and all(cell.isdecimal() and len(cell) <= _ID_DIGITS for cell in cells)


async def owner_of(host: ServerHost, account: str) -> tuple[int, int]:
    """An account's uid and its first group.

    Raises:
        HostError: there is no such account.
    """
    entry = await _entry(host, _ACCOUNTS, account)
    if entry is None or not _are_ids(entry[_GID : _GID + 1]):
        raise HostError(f"There is no account {account}.")
    return int(entry[_UID]), int(entry[_GID])


async def account_problem(host: ServerHost, account: str) -> str | None:
    """Why no folder can be given to this account, with what to do; None where it can."""
    try:
        uid, _ = await owner_of(host, account)
    except HostError:
        return f"There is no account {account}; make it, or name another with --account."
    if await host.caller() not in {ROOT, uid}:
        return f"Only root can give a folder to {account}; run this as root."
    return None


async def may_write(host: ServerHost, path: str, account: str) -> bool:
    """Whether the account may put files into this folder; tried as that account."""
    script = 'test -d "$1" -a -w "$1" -a -x "$1"'
    return await _tried_as(host, account, script, path) is None


async def may_read(host: ServerHost, path: str, account: str) -> bool:
    """Whether the account may read this file; tried as that account."""
    return await _tried_as(host, account, 'test -f "$1" -a -r "$1"', path) is None


async def may_pass(host: ServerHost, path: str, account: str) -> bool:
    """Whether the account may reach what lies in this folder; tried as that account."""
    return await _tried_as(host, account, 'test -d "$1" -a -x "$1"', path) is None


async def write_problem(host: ServerHost, path: str, account: str) -> str | None:
    """Why the account can put no file into this folder and replace it; None where it can.

    It is done, with a file of another name that is gone afterwards.
    """
    return await _tried_as(host, account, _WRITE_AND_REPLACE, path)


async def _tried_as(host: ServerHost, account: str, script: str, path: str) -> str | None:
    """Runs a few lines of sh as the account, with the path as $1; says what went wrong.

    Permission bits alone would not say it: there are access lists and mounts.
    """
    try:
        uid, gid = await owner_of(host, account)
    except HostError as error:
        return str(error)
    full = str(host.directory / path)
    command: tuple[str, ...] = ("/bin/sh", "-c", script, "sh", full)
    if await host.caller() == ROOT:
        # The real ids, too: a shell may give up the effective ones where they differ.
        command = ("setpriv", f"--reuid={uid}", f"--regid={gid}", "--init-groups", *command)
    elif await host.caller() != uid:
        return f"Only root can try what {account} may do."
    done = await host.run(command)
    if done.status == NO_PROGRAM:
        raise HostError(f"Nobody can tell what {account} may do with {full}: setpriv is missing.")
    if done.status == 0:
        return None
    return done.reason if done.lines else f"{account} may not use {full}."
