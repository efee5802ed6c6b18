"""The checks that need nothing but this machine's files: settings, secrets, data folder."""

import os
import re
import stat
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from shlex import quote

from bot.errors import BadSettings
from bot.health.results import Fine, Result, Trouble, mend_with, trouble, trouble_from
from bot.process.data_folder import DataFolder, account_name
from bot.process.env_file import ENV_FILE
from bot.process.locks import is_locked
from bot.process.reserve import Reserve
from bot.settings import PREFIX, Settings, open_to_others
from bot.texts import health as words
from bot.texts.durations import duration_text
from bot.texts.fill import plain
from vpn.errors import HostError
from vpn.host.local import LocalHost
from vpn.host.machine import LITTLE_ROOM, room_left


def look_at_place(settings: Settings, environment: Mapping[str, str]) -> Trouble | None:
    """Whether this is started where no bot lives: all else would only say that nothing is here."""
    is_told = any(value and name.upper().startswith(PREFIX) for name, value in environment.items())
    if is_told or Path(ENV_FILE).exists() or settings.data_dir.exists():
        return None
    home, here = home_of_bot(), Path.cwd()
    if home is None or home == here:
        return trouble(words.NOTHING_HERE, here=here)
    return trouble(words.WRONG_FOLDER, here=here, home=home)


def elsewhere(settings: Settings, home: Path | None) -> str | None:
    """Where to go, for whoever typed a command where no bot lives; None where it is not that."""
    here = Path.cwd()
    if look_at_place(settings, os.environ) is None or home in (None, here):
        return None
    return words.GO_THERE.format(here=quote(str(here)), home=quote(str(home)))


def look_at_configuration(settings: Settings) -> Iterator[Result]:
    """All checks of what the operator has set."""
    yield from look_at_settings(settings)
    yield from look_at_secrets(settings)


def look_at_settings(settings: Settings) -> Iterator[Result]:
    """Checks what `load_settings` does not insist on."""
    count = len(settings.admin_ids)
    if count == 0:
        yield trouble(words.NO_ADMINS)
        return
    for name, needed in settings.approvals_needed():
        if needed > count:
            yield trouble(words.TOO_FEW_ADMINS, setting=name)
            return
    yield Fine(
        plain(
            words.SETTINGS_FINE,
            count=count,
            default=duration_text(settings.grant_duration),
            longest=duration_text(settings.max_grant_duration),
        )
    )


def look_at_secrets(settings: Settings) -> Iterator[Result]:
    """Whether the bot's account can read them, and nobody else can."""
    yield from _look_at_env(Path(ENV_FILE).absolute())
    if settings.bot_token is None and settings.bot_token_file is None:
        yield trouble(words.NO_TOKEN)
    else:
        yield _secret(settings.token, settings.bot_token_file, "Token")
    if settings.ca_passphrase is None and settings.ca_passphrase_file is None:
        yield trouble(words.NO_PASSPHRASE)
    else:
        yield _secret(settings.passphrase, settings.ca_passphrase_file, "Passphrase")


def _look_at_env(path: Path) -> Iterator[Result]:
    try:
        with path.open("rb"):
            pass
    except FileNotFoundError:
        return
    except OSError:
        yield trouble(words.ENV_SHUT, account=account_name(os.geteuid()), path=path)


def _secret(read: Callable[[], object], path: Path | None, what: str) -> Result:
    try:
        read()
    except BadSettings as error:
        account = account_name(os.geteuid())
        mend = mend_with(words.UNREADABLE_MEND, account=account, path=path and path.absolute())
        return trouble_from(error, mend)
    return Fine(words.KEPT.format(what=what))


def look_at_database_place(name: str, folder: DataFolder) -> Iterator[Result]:
    """Whether others can read a database that lies outside of the data folder."""
    path = Path(name).absolute()
    if folder.path not in path.parents and open_to_others(path.stat()):
        yield trouble(words.OPEN_TO_OTHERS, path=path)


# As the README has it.
BOTS_UNIT = Path("/etc/systemd/system/vpnbot.service")
USUAL_HOME = Path("/var/lib/vpnbot")
_WORKING_DIRECTORY = re.compile(r"^WorkingDirectory=(/\S*)\s*$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class FolderLook:
    results: tuple[Result, ...]
    # Whether a look inside can succeed.
    usable: bool


def look_at_folder(folder: DataFolder) -> FolderLook:
    """Whether it is there, ours alone, and in use."""
    unusable = _unusable(folder.path)
    if unusable is not None:
        return FolderLook((unusable,), usable=False)
    troubles: list[Result] = []
    if stat.S_IMODE(folder.path.stat().st_mode) & 0o077:
        troubles.append(trouble(words.FOLDER_OPEN, folder=folder.path))
    stranger = _stranger(folder)
    if stranger is not None:
        troubles.append(stranger)
    if not troubles:
        text = words.FOLDER_FINE.format(folder=folder.path, owner=folder.account())
        troubles.append(Fine(text))
    return FolderLook(tuple(troubles), usable=True)


def look_at_bot(folder: DataFolder, unit: Path = BOTS_UNIT) -> Result:
    """Whether it runs: else nobody is let in, and no access ends."""
    if bot_runs(folder):
        return Fine(words.BOT_RUNS)
    return trouble(words.BOT_STOPPED_UNIT if unit.exists() else words.BOT_STOPPED)


def home_of_bot(unit: Path = BOTS_UNIT, usual: Path = USUAL_HOME) -> Path | None:
    """Where the bot's .env is: as its unit says, or else where the pages put it."""
    with suppress(OSError, UnicodeDecodeError):
        match = _WORKING_DIRECTORY.search(unit.read_text(encoding="utf-8"))
        if match is not None:
            return Path(match[1])
    with suppress(OSError):
        if (usual / ENV_FILE).exists():
            return usual
    return None


# Where systemd keeps what a bot says.
_LOGS = Path("/var/log")


async def look_at_room(folder: DataFolder) -> AsyncIterator[Result]:
    """Whether a disk will soon be full, and whether room is kept back for that day."""
    for place in (folder.path, _LOGS):
        with suppress(HostError):
            left = await room_left(LocalHost(place), "")
            if left is not None and left < LITTLE_ROOM:
                yield trouble(words.LITTLE_ROOM, path=place, left=left // 1_000_000)
    if not Reserve(folder.reserve).is_whole() and bot_runs(folder):
        yield trouble(words.NO_RESERVE, path=folder.path)


def _unusable(path: Path) -> Trouble | None:
    try:
        facts = path.stat()
    except FileNotFoundError:
        return trouble(words.FOLDER_MISSING, folder=path)
    except OSError as error:
        return trouble(words.FOLDER_SHUT, folder=path, reason=error.strerror)
    if not stat.S_ISDIR(facts.st_mode):
        return trouble(words.FOLDER_NONE, folder=path)
    if facts.st_uid != os.geteuid():
        return trouble(
            words.FOLDER_FOREIGN,
            folder=path,
            owner=account_name(facts.st_uid),
            account=account_name(os.geteuid()),
        )
    return None


def _stranger(folder: DataFolder) -> Trouble | None:
    """The first file that is another account's, mostly root's: the bot could not change it."""
    for path in folder.path.rglob("*"):
        with suppress(FileNotFoundError):  # SQLite's side files come and go
            owner = path.lstat().st_uid
            if owner != os.geteuid():
                return trouble(
                    words.FOLDER_STRANGER,
                    path=path,
                    stranger=account_name(owner),
                    owner=folder.account(),
                    folder=folder.path,
                )
    return None


def bot_runs(folder: DataFolder) -> bool:
    """Whether a bot holds its lock on the folder."""
    return is_locked(folder.running)
