"""What the rest of this library needs of a server's machine.

`LocalHost` is the server on this machine; one over SSH has the same methods.
"""

from asyncio import StreamReader, StreamWriter
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from vpn.layout import ManagementPlace, Reader
from vpn.values import Protocol as Transport


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


# In bytes: less than this is gone within hours where something fills a disk.
LITTLE_ROOM = 64 * 1024 * 1024


class ServerHost(Protocol):
    """A server's folder, its socket, and a little of the machine around.

    Paths are relative to the server's folder and are written with '/'; '' is the folder itself.
    For an adopted server, whose files may be anywhere, the folder is the machine's root.
    No symlink is followed inside it: the bot's account may write below `live/`, and root reads
    and writes there too. Every method raises HostError where the machine stands in the way.
    """

    async def read(self, path: str) -> bytes | None:
        """The whole content; None where there is no such file."""
        ...

    async def read_linked(self, path: str) -> bytes | None:
        """Likewise, through symlinks, as OpenVPN reads it; for root see `resolve`."""
        ...

    async def replace(
        self, path: str, content: bytes, *, mode: int, gid: int | None = None
    ) -> None:
        """Puts a file in place at once: whoever reads sees the old or the new one, whole.

        It is on the disk when this returns. Its modification time is in a later second than
        that of the file it replaces. The mode is exact, whatever the umask. Written by root, a
        file in a folder of the bot's belongs to that folder's owner.

        Args:
            gid: its group; None is the caller's, or the folder's where the owner is, too.
        """
        ...

    async def remove(self, path: str) -> bool:
        """Removes a file, and says whether there was one."""
        ...

    async def rename(self, path: str, to: str) -> bool:
        """Moves what lies there to another path; False where nothing does.

        A file that lies there already is replaced.
        """
        ...

    async def listdir(self, path: str) -> tuple[str, ...] | None:
        """The names in a folder, in order; None where there is no such folder."""
        ...

    async def room(self, path: str) -> int | None:
        """How many bytes can still be written on the disk there; None where nothing is there.

        0 where no file can be made any more, whatever room there is.
        """
        ...

    async def facts(self, path: str) -> FileFacts | None:
        """What lies there; None where nothing does."""
        ...

    async def make_folder(self, path: str, *, mode: int, account: str | None = None) -> bool:
        """Makes a folder, or gives an existing one this mode and owner.

        Args:
            account: its owner; None is the caller. Missing parents of '' get mode 0755.

        Returns:
            Whether anything changed.
        """
        ...

    async def remove_folder(self, path: str) -> None:
        """Removes a folder that has nothing in it; nothing happens where it has, or is not."""
        ...

    async def connect_management(
        self, place: ManagementPlace = ...
    ) -> tuple[StreamReader, StreamWriter]:
        """Connects to OpenVPN's management interface, where `deploy` puts it or at the place.

        Raises:
            ManagementGone: nobody listens.
            ManagementExposed: the place is not on this machine alone.
        """
        ...

    async def listener_pid(self) -> int | None:
        """Who listens on a deployed server's management socket, whether or not it would let us in.

        None where nobody does; 0 where somebody does whose process id cannot be seen.
        """
        ...

    async def shut_out_above(self) -> str | None:
        """Like `shut_out` for 'nobody', for the folders above the server's folder only."""
        ...

    async def shut_out(self, path: str, reader: Reader = ...) -> str | None:
        """What shuts out the account that OpenVPN drops to: the first such path and its mend.

        A file must be readable, a folder passable, and so must every folder above. What does
        not exist shuts nobody out. Only the permission bits are looked at: an access list that
        denies the account what the bits allow is not seen.

        Args:
            reader: that account; 'nobody' where it is left out.
        """
        ...

    async def may_write(self, path: str, account: str) -> bool:
        """Whether the account may put files into this folder; tried as that account."""
        ...

    async def may_read(self, path: str, account: str) -> bool:
        """Whether the account may read this file; tried as that account."""
        ...

    async def may_pass(self, path: str, account: str) -> bool:
        """Whether the account may reach what lies in this folder; tried as that account."""
        ...

    async def write_problem(self, path: str, account: str) -> str | None:
        """Why the account can put no file into this folder and replace it; None where it can.

        It is done, with a file of another name that is gone afterwards.
        """
        ...

    async def resolve(self, path: str) -> str:
        """Where the path leads once every symlink is followed; what is missing stays as it is."""
        ...

    async def syntax_problem(self, folder: str, text: str) -> str | None:
        """What OpenVPN itself has against the lines of a configuration, read in that folder.

        None also where OpenVPN is not installed.
        """
        ...

    async def process_started_at(self, pid: int) -> datetime | None:
        """When the process began, rounded down; None where it cannot be seen."""
        ...

    async def account_problem(self, account: str) -> str | None:
        """Why no folder can be given to this account, with what to do; None where it can."""
        ...

    async def is_caller(self, uid: int) -> bool:
        """Whether this is the account that acts on the machine."""
        ...

    async def port_in_use(self, port: int, protocol: Transport) -> bool:
        """Whether somebody listens there."""
        ...
