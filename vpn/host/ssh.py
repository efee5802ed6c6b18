"""The server whose folder is on another machine, reached by SSH; nothing is installed there.

Each primitive is a few lines of POSIX sh with coreutils, run in one go. SFTP is not used: it
follows whatever link lies at a path, and tells neither the change time nor who else has the file.

A shell cannot open a path relative to a folder that it holds open, but it can stand in one: each
folder of a path is entered by its name alone, and where it then stands has to be, by device and
inode, what `stat` had called a folder there and no link. A file is opened first; what was opened
has to be, in the same way, what lies at the name. So nobody who owns a folder in the middle can
lead root elsewhere, however fast links are swapped.
"""

import asyncio
import errno
import os
import re
import secrets
from asyncio import StreamReader, StreamWriter
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import PurePath, PurePosixPath
from shlex import join, quote

from vpn.errors import ForwardingForbidden, HostError, ManagementGone, NotReadable
from vpn.host.interface import (
    LONGEST_REASON,
    READ_LIMIT,
    FileFacts,
    Process,
    Ran,
    Step,
    Way,
    path_components,
)
from vpn.host.machine import port_in_use
from vpn.host.safe_place import Entry, steps_to
from vpn.host.ssh_address import SshTarget
from vpn.host.ssh_link import ForwardingFailed, SshLink, link_to
from vpn.host.ssh_scripts import A_FOLDER, CUT_OFF, FACTS, FAILED, NO_FILE, NO_FOLDER
from vpn.host.ssh_shell import Done
from vpn.layout import ManagementPlace, TcpPort
from vpn.values import Protocol

_S_IFMT, _S_IFDIR, _S_IFLNK, _PERMISSIONS = 0o170000, 0o040000, 0o120000, 0o7777
# unix(7): with the zero at its end.
_SOCKET_PATH = 108
_RETRY_S = 0.05
# Of a socket with room in its queue: then it is sshd that does not want to.
_REFUSED = 2
# /proc/uptime has hundredths of a second, rounded down.
_UPTIME_TICK = timedelta(seconds=0.01)
# By what the C library calls them, to the numbers that the rest goes by; dash has its own words.
_ERRNO = {os.strerror(code): code for code in errno.errorcode} | {
    "No such file": errno.ENOENT,
    "Directory nonexistent": errno.ENOENT,
}
_NOTHING_THERE = (errno.ENOENT, errno.ENOTDIR)


@dataclass(frozen=True, slots=True)
class _Listener:
    """Who listens on a socket; `pid` is 0 where that is not seen."""

    pid: int
    is_full: bool


class SshHost:
    """See `vpn.host.interface.ServerHost` for what each method promises.

    Args:
        home: what paths are relative to: a deployed server's folder, or / for an adopted one.
    """

    def __init__(self, target: SshTarget, home: PurePosixPath) -> None:
        self.target = target
        self.home = home

    @property
    def directory(self) -> PurePosixPath:
        return self.home

    @property
    def machine(self) -> "SshHost":
        return SshHost(self.target, PurePosixPath("/"))

    @property
    def _link(self) -> SshLink:
        return link_to(self.target)

    async def caller(self) -> int:
        await self._link.connection()
        assert self._link.uid is not None
        return self._link.uid

    async def read(self, path: str) -> bytes | None:
        folders, name = self._parent(path)
        script = f"{self._there(folders)}; read_file {quote(f'./{name}')}"
        done = await self._link.look(script, limit=READ_LIMIT + 1)
        if done.status in {NO_FILE, A_FOLDER}:
            # No file can be put over a folder: somebody has to remove it first.
            kind = HostError if done.status == A_FOLDER else NotReadable
            raise kind(f"{self._full(path)} isn't an ordinary file; remove it.")
        if self._problem("read", path, done):
            return None
        if len(done.output) > READ_LIMIT:
            raise HostError(f"{self._full(path)} has more than {READ_LIMIT} bytes; remove it.")
        return done.output

    async def replace(
        self,
        path: str,
        content: bytes,
        *,
        mode: int,
        gid: int | None = None,
        as_folder: bool = False,
    ) -> None:
        folders, name = self._parent(path)
        # Longer than any client's name, so that OpenVPN never takes it for somebody's file.
        temporary = f".vpnbot-{secrets.token_hex(32)}"
        owner = "" if gid is None else f":{gid}"
        size, is_folders = str(len(content)), "1" if as_folder else ""
        put = ("put", f"./{name}", f"{mode:o}", size, owner, is_folders, temporary)
        script = f"{self._there(folders)}; {join(put)}"
        done = await self._link.change(script, stdin=content, settles=True)
        if self._problem("write", path, done):
            raise HostError(f"Can't write {self._full(path)}: No such file or directory.")

    async def remove(self, path: str, *, is_folder: bool = False) -> bool:
        folders, name = self._parent(path)
        command = ("take_away", "rmdir" if is_folder else "unlink", f"./{name}")
        script = f"{self._there(folders)}; {join(command)}"
        return not self._problem("remove", path, await self._link.change(script))

    async def rename(self, path: str, to: str) -> bool:
        (folders, name), (new_folders, new_name) = self._parent(path), self._parent(to)
        await self._require_folder(to, new_folders)
        script = (
            f"{self._there(new_folders)}; exec 3<. || exit {FAILED}; {self._there(folders)};"
            f" {join(('move', f'./{name}', new_name))}"
        )
        return not self._problem("move", path, await self._link.change(script))

    async def _require_folder(self, path: str, folders: Sequence[str]) -> None:
        """A missing folder to move to is an error, and not 'nothing to move'."""
        if self._problem("move", path, await self._link.look(self._there(folders))):
            raise HostError(f"Can't move {self._full(path)}: No such file or directory.")

    async def listdir(self, path: str) -> tuple[str, ...] | None:
        done = await self._link.look(f"{self._there(path_components(path))}; list")
        if self._problem("read", path, done):
            return None
        names = done.output.decode("utf-8", "surrogateescape").split("\0")
        return tuple(sorted(names[:-1]))

    async def stat(self, path: str) -> FileFacts | None:
        if path:
            folders, name = self._parent(path)
            look = join(("stat", "-c", FACTS, "--", f"./{name}"))
            script = f"{self._there(folders)}; exec {look}"
        else:
            script = join(("exec", "stat", "-Lc", FACTS, "--", str(self.home)))
        done = await self._link.look(script)
        if self._problem("look at", path, done):
            return None
        return self._facts(path, done.output.decode("utf-8", "replace"))[0]

    async def make_folder(
        self, path: str, *, mode: int, owner: tuple[int, int] | None = None
    ) -> bool:
        ids = "" if owner is None else "{}:{}".format(*owner)
        if path:
            folders, name = self._parent(path)
            script = f"{self._there(folders)}; {join(('make_one', name))}"
        else:
            script = f"make_home {quote(str(self.home))}; home {quote(str(self.home))}"
        setting = join(("set_folder", f"{mode:o}", ids))
        done = await self._link.change(f"made=; {script}; {setting}")
        if self._problem("make", path, done):
            raise HostError(f"Can't make {self._full(path)}: No such file or directory.")
        return bool(done.output.strip())

    async def resolve(self, path: str) -> Way:
        full = self.home / path
        seen: dict[PurePath, Entry | OSError | None] = {}
        missing: PurePath | None = full

        def look(at: PurePath) -> Entry | None:
            nonlocal missing
            if at not in seen:
                missing = at
                raise _NotSeen
            found = seen[at]
            if isinstance(found, OSError):
                raise found
            return found

        steps: list[Step] = []
        # A path is looked at as a whole, and again whenever a link has led to another one.
        while missing is not None:
            ahead = steps[-1].leads_to if steps else full
            seen |= await self._look(
                {missing, *missing.parents, ahead, *ahead.parents} - seen.keys()
            )
            missing, steps = None, []
            try:
                for step in steps_to(full, look):
                    steps.append(step)
            except _NotSeen:
                continue
            except OSError as error:
                kind = NotReadable if error.errno == errno.ELOOP else HostError
                place = quote(error.filename or str(full))
                reason = error.strerror or error
                return Way(tuple(steps), kind(f"Can't look at {place}: {reason}."))
        return Way(tuple(steps))

    async def _look(self, paths: set[PurePath]) -> dict[PurePath, Entry | OSError | None]:
        asked = {str(path): path for path in sorted(paths)}
        done = await self._link.look(join(("look", *asked)))
        cells = done.output.decode("utf-8", "surrogateescape").split("\0")
        said = dict(zip(cells[::2], cells[1::2], strict=False))
        found: dict[PurePath, Entry | OSError | None] = {}
        for name, path in asked.items():
            if f"={name}" in said:
                what, is_link = self._facts(name, said[f"={name}"])
                target = said.get(f">{name}")
                if is_link and not target:
                    found[path] = OSError(errno.EIO, "the link can't be read", name)
                else:
                    leads_to = PurePosixPath(target) if is_link and target else None
                    found[path] = Entry(what, leads_to)
            elif f"!{name}" in said:
                code, reason = _reason(said[f"!{name}"])
                gone = code in _NOTHING_THERE
                found[path] = None if gone else OSError(code or errno.EIO, reason, name)
        if len(found) != len(asked):
            raise HostError(f"{self.target.address} doesn't tell what lies at its paths.")
        return found

    async def connect(self, place: ManagementPlace) -> tuple[StreamReader, StreamWriter]:
        try:
            if isinstance(place, TcpPort):
                return await self._connect_port(place)
            refused = 0
            while refused < _REFUSED:
                try:
                    return await self._link.open(place, self._socket_path(place.path))
                except ForwardingFailed:
                    # sshd says no more. Where the queue is full, it is by now or was a moment ago.
                    is_full = (await self._listener(place.path)).is_full
                refused = 0 if is_full else refused + 1
                await asyncio.sleep(_RETRY_S)
            raise self._forbidden(str(self.home / place.path))
        except HostError as error:
            raise ManagementGone(str(error)) from error

    async def _connect_port(self, place: TcpPort) -> tuple[StreamReader, StreamWriter]:
        try:
            return await self._link.open(place, "")
        except ForwardingFailed as error:
            if await port_in_use(self, place.port, Protocol.TCP):
                raise self._forbidden(str(place)) from error
            raise ManagementGone(f"Nobody listens at {place}; start the server.") from error

    def _forbidden(self, place: str) -> ForwardingForbidden:
        address = self.target.address
        if self.target.sudo:
            return ForwardingForbidden(
                f"OpenVPN listens at {place}, and {address.user} may not connect to it: sudo makes"
                " programs root's, and no connections."
            )
        return ForwardingForbidden(
            f"OpenVPN listens at {place}, and sshd on {address.host} lets {address.user} not"
            " through to it; set AllowTcpForwarding and AllowStreamLocalForwarding to yes (or"
            f" local) in its sshd_config for {address.user}, and port-forwarding in the line of"
            " authorized_keys."
        )

    async def listener_pid(self, path: str) -> int | None:
        try:
            return (await self._listener(path)).pid
        except ManagementGone:
            return None

    async def _listener(self, path: str) -> _Listener:
        """Who listens there.

        Raises:
            ManagementGone: nobody does.
        """
        full = self.home / path
        # Links on the way are followed, as by whoever connects.
        done = await self._link.look(join(("listeners", str(full))))
        if done.status == NO_FILE:
            raise ManagementGone(f"{quote(str(full))} isn't a socket; remove it.")
        _, reason = _reason(done.complaint)
        if done.status == NO_FOLDER:
            raise ManagementGone(f"The folder {quote(str(full.parent))} can't be opened: {reason}.")
        if done.status == FAILED:
            raise ManagementGone(
                f"Nobody listens on {quote(str(full))} ({reason}); start the server."
            )
        if done.status != 0:
            raise HostError(
                f"Nobody can tell who listens on {quote(str(full))}; install iproute2 on"
                f" {self.target.address.host}."
            )
        with suppress(ValueError):  # of no figures, or not as many
            waiting, room, pid = map(int, done.output.split())
            return _Listener(pid, waiting > room)
        raise ManagementGone(
            f"Nobody listens on {quote(str(full))} (Connection refused); start the server."
        )

    async def run(self, command: Sequence[str], *, stdin: bytes = b"") -> Ran:
        if stdin:
            script = join(("fed", str(len(stdin)), *command))
            done = await self._link.run(script, stdin)
        else:
            done = await self._link.look(join(("program", *command)))
        return Ran(done.status, done.output)

    async def process(self, pid: int) -> Process | None:
        done = await self._link.look(join(("process", str(pid))))
        if done.status != 0:
            return None
        times, _, stat = done.output.partition(b"\n")
        match = re.fullmatch(r"(\d+\.\d+) (\d+\.\d+)", times.decode("utf-8", "replace"))
        if match is None:
            raise HostError(f"{self.target.address} doesn't tell since when it runs.")
        try:
            now = datetime.fromtimestamp(float(match[1]), UTC)
            return Process(stat, now - timedelta(seconds=float(match[2])) - _UPTIME_TICK)
        except (ValueError, OverflowError, OSError) as error:
            raise HostError(f"{self.target.address} tells no time since when it runs.") from error

    def _parent(self, path: str) -> tuple[list[str], str]:
        *folders, name = path_components(path)
        return folders, name

    def _there(self, folders: Sequence[str]) -> str:
        """Goes into a folder below the home, by its name alone at each step."""
        return join(("there", str(self.home), *folders))

    def _socket_path(self, path: str) -> str:
        full = str(self.home / path)
        if len(os.fsencode(full)) >= _SOCKET_PATH:
            raise ManagementGone(
                f"sshd can't connect to {full}, which has more than {_SOCKET_PATH - 1} bytes;"
                " choose a folder with a shorter path."
            )
        return full

    def _problem(self, verb: str, path: str, done: Done) -> bool:
        """Whether there is nothing at the path.

        Raises:
            HostError: anything else went wrong.
        """
        if done.status == 0:
            return False
        if done.status == NO_FOLDER:
            names, last = path_components(path), done.complaint.rstrip("\n").rpartition("\n")[2]
            end = names.index(last) + 1 if last in names else len(names)
            wrong = self._full("/".join(names[:end]))
            raise HostError(f"{wrong} isn't a folder, or a link to one; remove it.")
        if done.status == CUT_OFF:
            raise HostError(
                f"Can't write {self._full(path)}: the connection ended before it all came."
            )
        code, reason = _reason(done.complaint)
        if code == errno.ENOENT:
            return True
        kind = NotReadable if code in {errno.EACCES, errno.EPERM} else HostError
        raise kind(f"Can't {verb} {self._full(path)}: {reason or f'status {done.status}'}.")

    def _facts(self, path: str, said: str) -> tuple[FileFacts, bool]:
        try:
            return _facts(said)
        except (ValueError, OverflowError, OSError) as error:
            raise HostError(
                f"{self.target.address} doesn't tell what lies at {self._full(path)}."
            ) from error

    def _full(self, path: str) -> str:
        return quote(str(self.home / path))


class _NotSeen(Exception):
    """A path that nobody has asked about yet."""


def _facts(line: str) -> tuple[FileFacts, bool]:
    """What `stat` says in the form of FACTS, and whether it is a link.

    Raises:
        ValueError, OverflowError, OSError: it says something else, or what can't be.
    """
    mode_hex, uid, gid, modified, changed = line.split()
    mode = int(mode_hex, 16)
    facts = FileFacts(
        mode=mode & _PERMISSIONS,
        uid=int(uid),
        gid=int(gid),
        is_folder=mode & _S_IFMT == _S_IFDIR,
        modified_at=datetime.fromtimestamp(float(modified), UTC),
        changed_at=datetime.fromtimestamp(float(changed), UTC),
    )
    return facts, mode & _S_IFMT == _S_IFLNK


def _reason(complaint: str) -> tuple[int | None, str]:
    """What the last line says after its last colon, and its number if it is an error's name."""
    lines = complaint.strip().splitlines()
    reason = lines[-1].rpartition(": ")[2].strip()[:LONGEST_REASON] if lines else ""
    return _ERRNO.get(reason), reason
