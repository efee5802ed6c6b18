"""The data folder: database, CA, sealed keys and locks, for one account alone."""

import os
import pwd
import re
import stat
from dataclasses import dataclass
from pathlib import Path
from shlex import quote

from bot.errors import BadDataFolder

_PRIVATE = 0o700
_FIRST_CA = 1
# The first one's has no number.
_CA = re.compile(r"ca(?:-([2-9]|[1-9][0-9]{1,3}))?", re.ASCII)


@dataclass(frozen=True, slots=True)
class DataFolder:
    path: Path

    def __str__(self) -> str:
        """For messages and shell lines."""
        return quote(str(self.path))

    @property
    def ca(self) -> Path:
        """The folder of the CA; while a second one takes its place, of the older one."""
        return next(iter(self.authorities().values()), self.ca_of(_FIRST_CA))

    def ca_of(self, number: int) -> Path:
        """Where a CA has its files; see `storage.rotation` for the numbers."""
        return self.path / ("ca" if number == _FIRST_CA else f"ca-{number}")

    def authorities(self) -> dict[int, Path]:
        """The folders of the CAs that are there, by their numbers, the oldest first."""
        try:
            names = [path.name for path in self.path.iterdir()]
        except (FileNotFoundError, NotADirectoryError):
            return {}
        found = [int(match[1] or _FIRST_CA) for match in map(_CA.fullmatch, names) if match]
        return {number: self.ca_of(number) for number in sorted(found)}

    @property
    def locks(self) -> Path:
        return self.path / "locks"

    @property
    def tls_keys(self) -> Path:
        return self.path / "tls-keys"

    @property
    def ssh_key(self) -> Path:
        """What opens servers on other machines, unless the settings name another one."""
        return self.path / "ssh" / "id_ed25519"

    @property
    def running(self) -> Path:
        """Locked while a bot runs on this folder."""
        return self.locks / "run.lock"

    @property
    def pending_issues(self) -> Path:
        return self.locks / "issue.lock"

    @property
    def reserve(self) -> Path:
        """See `bot.process.reserve`."""
        return self.path / "reserve"

    def is_there(self) -> bool:
        """Whether there is one.

        Raises:
            BadDataFolder: a folder above is closed to this account; whose it is, is said.
        """
        try:
            self.path.stat()
        except (FileNotFoundError, NotADirectoryError):
            return False
        except OSError as error:
            above = [*reversed(self.path.parents), self.path]
            shut = [each for each in above if not os.access(each, os.X_OK, effective_ids=True)]
            place = shut[0] if shut else self.path.parent
            raise BadDataFolder(
                f"The data folder {self} can't be looked at ({error.strerror}): "
                f"{quote(str(place))} belongs to {account_name(place.stat().st_uid)}; run this "
                "command as that account, or as root."
            ) from error
        return True

    def prepare(self) -> None:
        """Makes the folder where it is missing, and checks that it is private.

        Raises:
            BadDataFolder: it cannot be made or used.
        """
        if self.is_there() and self.path.is_dir():
            self.check()  # first: in somebody else's there is nothing to be made
        try:
            self.path.mkdir(mode=_PRIVATE, parents=True, exist_ok=True)
            for part in (self.locks, self.tls_keys):
                part.mkdir(mode=_PRIVATE, exist_ok=True)
        except OSError as error:
            raise BadDataFolder(
                f"The data folder {self} can't be made: {error.strerror}; make it, or set "
                "VPNBOT_DATA_DIR."
            ) from error
        self.check()

    def check(self) -> None:
        """Raises BadDataFolder where others can look in, or it belongs to somebody else."""
        facts = self.path.stat()
        if not stat.S_ISDIR(facts.st_mode):
            raise BadDataFolder(f"{self} isn't a folder; set VPNBOT_DATA_DIR to one.")
        if facts.st_uid != os.geteuid():
            raise BadDataFolder(
                f"The data folder {self} belongs to {account_name(facts.st_uid)}; run this "
                "command as that account, or as root."
            )
        if stat.S_IMODE(facts.st_mode) & 0o077:
            raise BadDataFolder(f"Others can look into the data folder; run: chmod 700 {self}")

    def account(self) -> str:
        """The account that owns the folder and so runs the bot."""
        return account_name(self.owner())

    def owner(self) -> int:
        """Of the folder, or of the nearest folder above that exists."""
        place = self.path.absolute()
        while not place.exists():
            place = place.parent
        return place.stat().st_uid


def account_name(uid: int) -> str:
    """The account's name, or its number where it has none."""
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)
