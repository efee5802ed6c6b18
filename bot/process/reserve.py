"""Room on the disk for the emergency: a file of a few megabytes that is given up for a revocation.

A full disk stops a database. What must go on then is that access is taken away: so the first
revocation that finds no room gives the reserve up, and until there is room again nothing else is
taken on, see `bot.chat.poller` and `bot.chat.worker`. Accepted: what else fills the disk can take
the room that was given up; a revocation needs a few kilobytes of it at once.
"""

import logging
import os
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

from storage.errors import is_full

log = logging.getLogger(__name__)

SIZE = 4 * 1024 * 1024
# So much has to be free beside it before other things are taken on again.
MARGIN = 1024 * 1024
_PAGES = 64 * 1024
_BLOCK = 512  # the unit of st_blocks (POSIX, sys/stat.h)

_Result = TypeVar("_Result")


class Reserve:
    """The file, and whether the disk is full as far as this process knows."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.is_scarce = False

    def is_whole(self) -> bool:
        try:
            facts = self.path.lstat()
        except OSError:
            return False
        return facts.st_size == SIZE and facts.st_blocks * _BLOCK >= SIZE

    def give_up(self) -> bool:
        """Makes its room free; False where there is none, or it cannot be removed."""
        try:
            self.path.unlink()
        except OSError:
            return False
        log.warning("The disk is full; the reserve of %d bytes is given up", SIZE)
        return True

    def note_full(self) -> None:
        """Something could not be written for want of room."""
        if not self.is_scarce:
            log.warning("The disk is full; until there is room I take on revocations only")
        self.is_scarce = True

    def is_disk_full(self) -> bool:
        """Whether there is no room at all, not even without a reserve."""
        return self._free() < _PAGES

    async def for_revocation(self, write: Callable[[], Awaitable[_Result]]) -> _Result:
        """Records a revocation; without room for it, the reserve is given up first."""
        try:
            return await write()
        except Exception as error:
            if not is_full(error):
                raise
            self.note_full()
            if not self.give_up():
                raise
        return await write()

    def tend(self) -> None:
        """Makes the file where it is missing and there is room, and notices that there is again.

        Where it cannot be made, nothing is kept back, and a full disk stops revocations, too:
        `vpnbot doctor` says so.
        """
        with suppress(OSError):
            if not self.is_whole() and self._free() >= SIZE + MARGIN:
                self._make()
            if self.is_scarce and self._free() >= MARGIN:
                log.info("There is room on the disk again")
                self.is_scarce = False

    def _free(self) -> int:
        facts = os.statvfs(self.path.parent)
        return facts.f_bavail * facts.f_frsize

    def _make(self) -> None:
        self.path.unlink(missing_ok=True)
        handle = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            os.posix_fallocate(handle, 0, SIZE)
            os.fsync(handle)
        except OSError:
            self.path.unlink(missing_ok=True)
            raise
        finally:
            os.close(handle)
