"""Setting up a system: where it lives, what goes into `.env`, and files for one account alone."""

import io
import os
import pwd
import re
import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from dotenv import dotenv_values
from dotenv.parser import parse_stream

from bot.data_folder import DataFolder, account_name
from bot.errors import BadSettings, NotDone
from bot.privileges import ROOT, as_root
from bot.settings import ENV_FILE

_PLAIN_VALUE = re.compile(r"[A-Za-z0-9_./:@,+-]+", re.ASCII)


@dataclass(frozen=True, slots=True)
class Place:
    """Where a system lives: `.env` and `secrets/` in the current folder, and the data folder.

    The secrets lie beside the data folder, not in it: a copy of it alone does not open the CA.
    """

    home: Path
    folder: DataFolder
    owner: int

    @property
    def account(self) -> str:
        return account_name(self.owner)

    @property
    def secrets(self) -> Path:
        return self.home / "secrets"

    @property
    def env(self) -> Path:
        return self.home / ENV_FILE


def find_place(data_dir: Path) -> Place:
    """The data folder's owner runs the bot; before there is one, the current folder's owner.

    For anybody but root both are whoever started the command.
    """
    home, folder = Path.cwd(), DataFolder(data_dir.absolute())
    if os.geteuid() != ROOT:
        return Place(home, folder, os.geteuid())
    base = folder.path if folder.path.exists() else home
    return Place(home, folder, base.stat().st_uid)


def check_place(place: Place) -> None:
    """What would stop the work halfway, before it has begun.

    Raises:
        BadDataFolder, NotDone
    """
    if place.folder.path.exists():
        place.folder.check()
    if os.getuid() != ROOT and not os.access(place.home, os.W_OK):
        raise NotDone(f"You may not write into {place.home}; run this in a folder of your own.")


def make_private_folder(path: Path, owner: int) -> bool:
    """Makes a folder of mode 0700 for an account; False where there is one already.

    Raises:
        NotDone: it cannot be made.
    """
    missing = [folder for folder in (path, *path.parents) if not folder.exists()]
    try:
        for folder in reversed(missing):
            with _able_to_write(folder.parent):
                folder.mkdir(mode=0o700 if folder == path else 0o755)
                if os.geteuid() != owner:
                    os.chown(folder, owner, pwd.getpwuid(owner).pw_gid, follow_symlinks=False)
    except OSError as error:
        raise NotDone(f"{path} cannot be made ({error.strerror}); make it by hand.") from error
    return bool(missing)


def write_private_file(path: Path, content: str, owner: int) -> None:
    """Puts a file of mode 0600 for an account in place: whole, or the old one stays.

    Raises:
        NotDone: it cannot be written.
    """
    draft = path.with_name(f".{path.name}-{secrets.token_hex(8)}")
    try:
        with _able_to_write(path.parent):
            try:
                _write(draft, content, owner)
                draft.replace(path)
                _sync(path.parent)
            except BaseException:
                draft.unlink(missing_ok=True)
                raise
    except OSError as error:
        raise NotDone(f"{path} cannot be written ({error.strerror}).") from error


@contextmanager
def _able_to_write(folder: Path) -> Iterator[None]:
    """As the account in its own folders, where its links could lead root astray; else as root."""
    if folder.stat().st_uid == os.geteuid():
        yield
    else:
        with as_root():
            yield


def _write(path: Path, content: str, owner: int) -> None:
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    handle = os.open(path, flags, 0o600)
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        if os.geteuid() != owner:
            os.fchown(handle, owner, pwd.getpwuid(owner).pw_gid)
        os.fchmod(handle, 0o600)
        file.write(content)
        file.flush()
        os.fsync(handle)


def _sync(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def read_env(place: Place) -> str:
    """The text of `.env`; empty where there is none.

    Raises:
        BadSettings: it cannot be read.
    """
    try:
        # Never as root in the account's folder: what a link there leads to would be copied.
        with _able_to_write(place.home):
            return place.env.read_text(encoding="utf-8")
    except FileNotFoundError:
        return ""
    except OSError as error:
        raise BadSettings(
            f"{place.env} cannot be read ({error.strerror}); run: chown {place.account} {place.env}"
        ) from error


def env_values(text: str) -> dict[str, str]:
    """What a `.env` sets, by upper-case names; empty values count as unset."""
    found = dotenv_values(stream=io.StringIO(text))
    return {name.upper(): value for name, value in found.items() if value}


def edit_env(text: str, values: Mapping[str, str]) -> str:
    """The text of a `.env` with these values in it; all other lines stay as they are.

    Raises:
        BadSettings: a value would not be read back as it is.
    """
    left = dict(values)
    lines = []
    for binding in parse_stream(io.StringIO(text)):
        name = (binding.key or "").upper()
        if name in values:
            # A second line of the same name would win over the first: it goes.
            lines += [_line(name, left.pop(name))] if name in left else []
        else:
            lines.append(binding.original.string)
    kept = "".join(lines)
    if kept and not kept.endswith("\n"):
        kept += "\n"
    edited = kept + "".join(_line(name, value) for name, value in left.items())
    read_back = env_values(edited)
    for name, value in values.items():
        if read_back.get(name) != value:
            raise BadSettings(f"{name} cannot be written to {ENV_FILE}: choose a plainer path.")
    return edited


def _line(name: str, value: str) -> str:
    if _PLAIN_VALUE.fullmatch(value):
        return f"{name}={value}\n"
    quoted = value.replace("\\", "\\\\").replace("'", "\\'")
    return f"{name}='{quoted}'\n"
