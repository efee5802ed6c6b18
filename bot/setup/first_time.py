"""Setting up a system: where it lives, its `.env`, its CA, and files for one account alone."""

import os
import pwd
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path

from bot.access.permission import Actor
from bot.errors import BadSettings, NotDone
from bot.office import Office
from bot.process.data_folder import DataFolder, account_name
from bot.process.env_file import ENV_FILE, env_values, parse_env
from bot.process.privileges import ROOT, as_root
from pki.authority_files import create_authority
from pki.private_files import write_file
from pki.serial import SerialNumber, serial_hex
from vpn.host.safe_place import weak_step

AUTHORITY_NAME = "VPN Access Bot CA"
_PLAIN_VALUE = re.compile(r"[A-Za-z0-9_./:@,+-]+", re.ASCII)


@dataclass(frozen=True, slots=True)
class Place:
    """Where a system lives: `.env` and `secrets/` in the current folder, and the data folder.

    The secrets lie beside the data folder, not in it: a copy of it alone does not open the CA.

    Attributes:
        is_theirs: the account itself has named the data folder, so root makes nothing there.
    """

    home: Path
    folder: DataFolder
    owner: int
    is_theirs: bool = False

    @property
    def account(self) -> str:
        return account_name(self.owner)

    @property
    def secrets(self) -> Path:
        return self.home / "secrets"

    @property
    def env(self) -> Path:
        return self.home / ENV_FILE


def find_place(data_dir: Path, *, is_theirs: bool) -> Place:
    """The data folder's owner runs the bot; before there is one, the current folder's owner.

    For anybody but root both are whoever this runs as.
    """
    home, folder = Path.cwd(), DataFolder(data_dir.absolute())
    if os.geteuid() != ROOT:
        return Place(home, folder, os.geteuid(), is_theirs)
    base = folder.path if folder.is_there() else home
    return Place(home, folder, base.stat().st_uid)


def check_place(place: Place) -> None:
    """Finds what would stop the work halfway, before it begins.

    Raises:
        BadDataFolder, NotDone
    """
    if place.folder.is_there():
        place.folder.check()
    if os.getuid() != ROOT and not os.access(place.home, os.W_OK):
        raise NotDone(f"You may not write into {place.home}; run this in a folder of your own.")


def make_private_folder(path: Path, owner: int, *, is_roots_word: bool = True) -> bool:
    """Makes a folder of mode 0700 for an account; False where there is one already.

    Args:
        is_roots_word: whether root has named it; the account could name any place.

    Raises:
        NotDone: it cannot be made.
    """
    missing = [folder for folder in (path, *path.parents) if not folder.exists()]
    try:
        for folder in reversed(missing):
            with _able_to_write(folder.parent) if is_roots_word else nullcontext():
                folder.mkdir(mode=0o700 if folder == path else 0o755)
                if os.geteuid() != owner:
                    os.chown(folder, owner, pwd.getpwuid(owner).pw_gid, follow_symlinks=False)
    except OSError as error:
        raise NotDone(f"{path} can't be made ({error.strerror}); make it by hand.") from error
    return bool(missing)


def write_private_file(path: Path, content: str, owner: int) -> None:
    """Puts a file of mode 0600 for an account in place: whole, or the old one stays.

    Raises:
        NotDone: it cannot be written.
    """
    try:
        with _able_to_write(path.parent):
            write_file(path, content.encode(), replace=True, owner=owner)
    except OSError as error:
        raise NotDone(f"{path} can't be written ({error.strerror}).") from error


@contextmanager
def _able_to_write(folder: Path) -> Iterator[None]:
    """Acts as root in root's own folders only: elsewhere a link could lead root astray."""
    with as_root():
        if os.geteuid() == ROOT and weak_step(folder / "a file", ROOT) is None:
            yield
            return
    yield


def edit_env(text: str, values: Mapping[str, str]) -> str:
    """The text of a `.env` with these values in it; all other lines stay as they are.

    Raises:
        BadSettings: a value would not be read back as it is.
    """
    left = dict(values)
    lines = []
    for line in parse_env(text):
        if line.name is None or line.name not in values:
            lines.append(line.text)
        elif line.name in left:  # else it is the same line once more
            lines.append(_assignment(line.name, left.pop(line.name)))
    kept = "".join(lines)
    if kept and not kept.endswith("\n"):
        kept += "\n"
    edited = kept + "".join(_assignment(name, value) for name, value in left.items())
    read_back = env_values(edited)
    for name, value in values.items():
        if read_back.get(name) != value:
            raise BadSettings(f"{name} can't be written to {ENV_FILE}: choose a plainer path.")
    return edited


def _assignment(name: str, value: str) -> str:
    if _PLAIN_VALUE.fullmatch(value):
        return f"{name}={value}\n"
    quoted = value.replace("\\", "\\\\").replace("'", "\\'")
    return f"{name}='{quoted}'\n"


async def make_authority(office: Office, actor: Actor, passphrase: str) -> None:
    """Makes the CA and records it.

    Raises:
        NotDone: the books of another one are here.
        AuthorityExists: there is one already.
        WrongPassphrase: the passphrase is empty, or no text.
    """
    await require_no_books(office)
    authority = create_authority(
        office.folder.ca,
        common_name=AUTHORITY_NAME,
        passphrase=passphrase,
        now=office.clock(),
        random_bytes=os.urandom,
    )
    office.keyring.keep(authority)
    serial = serial_hex(SerialNumber(authority.certificate.serial_number))
    async with office.acting(actor) as case:
        await case.record("ca.init", "ca", serial=serial)


async def require_no_books(office: Office) -> None:
    """An import that was interrupted has left the books of its CA: another cannot revoke those.

    Raises:
        NotDone: there are some.
    """
    async with office.database.reading() as tx:
        imported = await tx.grants.imported()
    if imported:
        raise NotDone(
            f"{len(imported)} certificates of an easy-rsa CA are here, and its key isn't: their "
            "import was interrupted. Run it again: vpnbot ca import-easyrsa PKI_DIR"
        )
