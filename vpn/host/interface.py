"""What a server's machine offers: files below the server's folder, its socket, and programs.

`LocalHost` is this machine; another one gives the same primitives through SSH. What they are used
for is above them: `vpn.host.permissions`, `vpn.host.safe_place`, `vpn.host.machine`.
"""

from asyncio import StreamReader, StreamWriter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import PurePath
from typing import TYPE_CHECKING, Protocol

from vpn.errors import HostError

if TYPE_CHECKING:
    from vpn.layout import ManagementPlace

# A CRL of 100,000 entries has 6 MB. More than this is a mistake, or an attack on our memory.
READ_LIMIT = 32 * 1024 * 1024
ROOT = 0
BY_OTHERS = 0o022  # for the group or for all to write
# What a shell says of a program that is not there.
NO_PROGRAM = 127
# In characters, of what a machine says: messages are logged, stored and sent, and it may say much.
LONGEST_REASON = 200


def path_components(path: str) -> list[str]:
    """The names on the way to a path below a server's folder; raises ValueError where it is none.

    '' is the folder itself.
    """
    names = path.split("/") if path else []
    if any(name in {"", ".", ".."} for name in names):
        raise ValueError(f"{path!r} isn't a path below a server's folder")
    return names


@dataclass(frozen=True, slots=True)
class FileFacts:
    """What lies at a path; of a symlink, the link itself.

    Attributes:
        mode: the permission bits.
        uid, gid: whose it is.
        modified_at: what OpenVPN compares, in whole seconds, to see a new CRL.
        changed_at: when content, name, owner or permissions last changed. Unlike
            `modified_at` it cannot be set, so it does not lie after `cp -p` or `mv`.
    """

    mode: int
    uid: int
    gid: int
    is_folder: bool
    modified_at: datetime
    changed_at: datetime


@dataclass(frozen=True, slots=True)
class Step:
    """One look-up on the way to a path, path_resolution(7).

    Attributes:
        folder: where it is looked up, absolute and without links.
        folder_facts: of that folder.
        path: what is looked up there.
        facts: what lies there; None where nothing does, or the caller may not look.
        is_link: whether that is a symlink.
        leads_to: the whole path, as far as it is known now.
        is_last: whether nothing of the path is to come, unless this is a link.
    """

    folder: PurePath
    folder_facts: FileFacts
    path: PurePath
    facts: FileFacts | None
    is_link: bool
    leads_to: PurePath
    is_last: bool


@dataclass(frozen=True, slots=True)
class Way:
    """The look-ups that lead to a path, as far as it exists and the caller may look.

    To go through them raises `problem` where they end too soon.
    """

    steps: tuple[Step, ...]
    problem: HostError | None = None

    def __iter__(self) -> Iterator[Step]:
        yield from self.steps
        if self.problem is not None:
            raise self.problem

    @property
    def end(self) -> PurePath:
        """Where it leads; what is missing, or cannot be looked at, stays as it is."""
        return self.steps[-1].leads_to if self.steps else PurePath("/")


@dataclass(frozen=True, slots=True)
class Ran:
    """What a program did: its exit status, and what it said on both outputs."""

    status: int
    output: bytes

    @property
    def lines(self) -> list[str]:
        return self.output.decode("utf-8", "replace").strip().splitlines()

    @property
    def reason(self) -> str:
        """For a message: its last line, or its status where it said nothing."""
        return (self.lines or [f"status {self.status}"])[-1][:LONGEST_REASON]


@dataclass(frozen=True, slots=True)
class Process:
    """What the kernel says of a process.

    Attributes:
        stat: /proc/PID/stat, see proc(5).
        booted_at: when the machine was started, by its clock as it is now; rather too early than
            late.
    """

    stat: bytes
    booted_at: datetime


class ServerHost(Protocol):
    """The primitives. No rule of ours is in them, but for what they promise about links.

    Paths are relative to `directory`, written with '/'; '' is the folder itself. '..' is refused
    with ValueError. Links above the folder are followed; below it none is, since root reads and
    writes there, too, and the bot's account may write below `live/`: a link on the way, or in the
    place of a file, is an error. Only `resolve` and what `run` starts follow them.

    All is done as the account that `caller` names. Every method raises HostError where the
    machine stands in the way, or does not answer in time: NotReadable is a file that is closed to
    the caller, or no file. Looks end in a bounded time, whatever the disk does. A change is not
    given up halfway, so it may take longer; it is on the disk, its folder included, when it
    returns.
    """

    @property
    def directory(self) -> PurePath:
        """The server's folder on its machine, absolute; / for an adopted one."""
        ...

    @property
    def machine(self) -> "ServerHost":
        """The same machine, with paths that begin at /."""
        ...

    async def caller(self) -> int:
        """The numeric id of the account that acts there."""
        ...

    async def read(self, path: str) -> bytes | None:
        """The whole content; None where there is no such file.

        It is an ordinary file of at most READ_LIMIT bytes. Where others than root may put one,
        root reads none that has a second name, which may be that of a secret.
        """
        ...

    async def replace(
        self,
        path: str,
        content: bytes,
        *,
        mode: int,
        gid: int | None = None,
        as_folder: bool = False,
    ) -> None:
        """Puts a file in place at once: whoever reads sees the old or the new one, whole.

        It is written beside it, synced, and renamed. Its modification time is in a later second
        than that of the file it replaces. The mode is exact, whatever the umask.

        Args:
            gid: its group; None is the caller's.
            as_folder: written by root it gets owner and group of its folder, whatever `gid` is.
        """
        ...

    async def remove(self, path: str, *, is_folder: bool = False) -> bool:
        """Removes a file, or an empty folder, and says whether there was one."""
        ...

    async def rename(self, path: str, to: str) -> bool:
        """Moves what lies there to another path; False where nothing does.

        A file that lies there already is replaced.
        """
        ...

    async def listdir(self, path: str) -> tuple[str, ...] | None:
        """The names in a folder, in order; None where there is no such folder."""
        ...

    async def stat(self, path: str) -> FileFacts | None:
        """What lies there; None where nothing does."""
        ...

    async def make_folder(
        self, path: str, *, mode: int, owner: tuple[int, int] | None = None
    ) -> bool:
        """Makes a folder, or gives an existing one this mode and owner.

        Args:
            owner: uid and gid; None are the caller's. Missing parents of '' get mode 0755.

        Returns:
            Whether anything changed.
        """
        ...

    async def resolve(self, path: str) -> Way:
        """How the kernel gets there, following each link; a circle of links is NotReadable."""
        ...

    async def connect(self, place: "ManagementPlace") -> tuple[StreamReader, StreamWriter]:
        """Connects to a unix socket, or to a port from that machine itself.

        Waits while the socket's queue is full: the caller has a time-out.

        Raises:
            ManagementGone: nobody listens.
        """
        ...

    async def listener_pid(self, path: str) -> int | None:
        """Who listens on a unix socket, whether or not it would let us in.

        None where nobody does; 0 where somebody does whose process id cannot be seen.
        """
        ...

    async def run(self, command: Sequence[str], *, stdin: bytes = b"") -> Ran:
        """Runs a program as the caller, in /, with nothing of our settings in its environment.

        It is looked for on PATH, in /usr/sbin and in /sbin; NO_PROGRAM where it is not there.
        What it says has at most READ_LIMIT bytes.
        """
        ...

    async def process(self, pid: int) -> Process | None:
        """What the kernel says of a process; None where it cannot be seen."""
        ...
