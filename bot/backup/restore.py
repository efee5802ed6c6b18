"""Puts a backup back, in a place where nothing is."""

import errno
import os
import shutil
import sqlite3
import stat
import tempfile
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from shlex import quote

from bot.access.permission import Actor
from bot.access.restored import begin_again
from bot.backup.archive import (
    DATABASE,
    LONGEST_FILE,
    SSH_KEY,
    TLS_KEYS,
    BackupContents,
    Manifest,
)
from bot.backup.backup import require_whole
from bot.core import Core
from bot.desk import real_chance
from bot.errors import BadBackup, NotDone, VpnbotError
from bot.keyring import Keyring
from bot.process.clock import Clock, since_boot, utc_now
from bot.process.data_folder import DataFolder, account_name
from bot.settings import Settings
from pki.errors import PkiError, WrongPassphrase
from pki.private_files import sync, write_folder
from storage import tables
from storage.database import Database, open_database, sqlite_url
from storage.errors import StorageError, is_passing
from storage.records import LIVE_STATES, ServerName
from storage.schema import require_known
from storage.transaction import Transaction

_PRIVATE = 0o700
# More requests than are made between two backups.
_NUMBERS_SKIPPED = 10_000


@dataclass(frozen=True, slots=True)
class Restored:
    """The result of a restore."""

    folder: Path
    people: int
    servers: tuple[str, ...]
    grants: int


def read_file(path: Path) -> bytes:
    """The content of a backup.

    Raises:
        NotDone: it cannot be read, or is no file that this can be in.
    """
    try:
        # O_NONBLOCK: opening a pipe that somebody put there would otherwise wait for ever.
        handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        with os.fdopen(handle, "rb") as file:
            facts = os.fstat(handle)
            if not stat.S_ISREG(facts.st_mode) or facts.st_size > LONGEST_FILE:
                raise NotDone(
                    f"{path} isn't an ordinary file of at most {LONGEST_FILE} bytes; name a backup."
                )
            return file.read(LONGEST_FILE)
    except OSError as error:
        raise NotDone(f"{path} can't be read ({error.strerror}); name a backup.") from error


def require_vacant(settings: Settings) -> None:
    """Refuses a data folder that holds something: a restore replaces nothing.

    Raises:
        NotDone: the data folder holds something, or the database would lie elsewhere.
    """
    folder = _place(settings)
    database = Path(settings.url().database or "").absolute()
    if database != settings.data_dir.absolute() / DATABASE:
        raise NotDone(
            "VPNBOT_DATABASE_URL names another place than the data folder; leave it away for the "
            f"restore, and move {DATABASE} there afterwards."
        )
    try:
        names = sorted(path.name for path in folder.iterdir())
    except FileNotFoundError:
        return
    except OSError as error:
        raise NotDone(
            f"{folder} can't be used ({error.strerror}); set VPNBOT_DATA_DIR to another place."
        ) from error
    if names:
        raise _occupied(folder, names[0])


async def put_back(
    settings: Settings, actor: Actor, contents: BackupContents, clock: Clock = utc_now
) -> Restored:
    """Puts a backup, already checked by `unpack`, into the empty data folder.

    (1) Everything goes into a folder beside it, as closed as the real one. (2) There it is tried:
    the CA's files belong together and open, where the passphrase is set; the database is whole,
    and its audit trail is as it was. (3) The database is told that time has gone by, see
    `begin_again`. (4) Requests get numbers that none had after the backup: a card of then, whose
    Deny button names a number, must not mean another request. (5) One rename puts all of it in
    place: the system replaces an empty folder, never a full one. Accepted: who is killed before
    it leaves the folder beside it behind.

    Raises:
        NewerSchema: a newer version made it.
        BadBackup: what was tried failed.
        NotDone: the data folder cannot be written, or holds something by now.
        With each of them the data folder is as it was.
    """
    require_known(contents.manifest.revision)
    target = _place(settings)
    try:
        target.parent.mkdir(mode=_PRIVATE, parents=True, exist_ok=True)
        draft = Path(tempfile.mkdtemp(prefix=f".{target.name}-", dir=target.parent))
    except OSError as error:
        raise _unwritable(target.parent, error.strerror) from error
    try:
        _lay_out(draft, contents)  # (1)
        await _try_authority(settings, draft, contents)  # (2)
        database = await _open_tried(draft / DATABASE)  # (2)
        try:
            core = Core(database, settings.rules(), real_chance(), clock, since_boot)
            async with core.acting(actor) as case:
                await _check_trail(case.tx, contents.manifest)  # (2)
                made_at = contents.manifest.created_at.isoformat(timespec="seconds")
                await begin_again(case, made_at=made_at)  # (3)
                restored = Restored(
                    folder=target,
                    people=sum(person.allowed for person in await case.tx.people.all()),
                    servers=tuple(server.name for server in await case.tx.servers.all()),
                    grants=sum(
                        grant.state in LIVE_STATES for grant in await case.tx.grants.not_over()
                    ),
                )
        finally:
            await database.close()
        _skip_numbers(draft / DATABASE)  # (4)
        _put_in_place(draft, target)  # (5)
    except BaseException as error:
        shutil.rmtree(draft, ignore_errors=True)
        if is_passing(error) or isinstance(error, sqlite3.OperationalError):
            raise _unwritable(target.parent, "the database couldn't be written") from error
        raise
    return restored


def _place(settings: Settings) -> Path:
    """Where the data folder really is: a link to it stays one."""
    return Path(os.path.realpath(settings.data_dir))


def _lay_out(draft: Path, contents: BackupContents) -> None:
    try:
        write_folder(draft, {DATABASE: contents.files[DATABASE]})
        for name, files in contents.authorities.items():
            write_folder(draft / name, files)
        write_folder(draft / TLS_KEYS, contents.sealed_keys)
        if SSH_KEY in contents.files:
            folder, _, name = SSH_KEY.partition("/")
            write_folder(draft / folder, {name: contents.files[SSH_KEY]})
        (draft / "locks").mkdir(mode=_PRIVATE)
    except OSError as error:
        raise _unwritable(draft.parent, error.strerror) from error


async def _try_authority(settings: Settings, draft: Path, contents: BackupContents) -> None:
    passphrase = settings.passphrase()
    keyring = Keyring(DataFolder(draft), lambda: passphrase)
    try:
        keyring.certificates()
        if passphrase is None:
            return
        await keyring.authorities()
        for server in contents.tls_keys:
            await keyring.tls_key(ServerName(server))
        await keyring.earlier_tls_key()
    except WrongPassphrase as error:
        raise BadBackup(
            "VPNBOT_CA_PASSPHRASE_FILE doesn't open the CA in the backup; name a file with the "
            "passphrase that the CA had then."
        ) from error
    except (PkiError, VpnbotError) as error:
        raise BadBackup("The CA in the backup is damaged; take another backup.") from error


async def _open_tried(path: Path) -> Database:
    try:
        with closing(sqlite3.connect(path)) as connection:
            require_whole(connection)
        return await open_database(sqlite_url(path))
    except (StorageError, sqlite3.Error) as error:
        raise BadBackup(f"The database in the backup can't be used: {error}") from error


async def _check_trail(tx: Transaction, manifest: Manifest) -> None:
    """Compares the trail with the manifest, also where it was broken when the backup was made."""
    last = await tx.audit.last()
    end = (last.seq, last.digest) if last else None
    fault = await tx.audit.first_fault()
    if end != (manifest.audit_seq, manifest.audit_digest) or fault != manifest.audit_fault:
        raise BadBackup("The audit trail in the backup was changed; take another backup.")


def _skip_numbers(path: Path) -> None:
    """Moves the counter of requests on. SQLite has it in a row, once a number was given."""
    name = tables.requests.name
    with closing(sqlite3.connect(path)) as connection, connection:
        done = connection.execute(
            "UPDATE sqlite_sequence SET seq = seq + ? WHERE name = ?", (_NUMBERS_SKIPPED, name)
        )
        if not done.rowcount:
            connection.execute(
                "INSERT INTO sqlite_sequence VALUES (?, ?)", (name, _NUMBERS_SKIPPED)
            )


def _put_in_place(draft: Path, target: Path) -> None:
    for path in (draft / DATABASE, draft):
        sync(path)
    try:
        draft.rename(target)
    except OSError as error:
        if error.errno in {errno.ENOTEMPTY, errno.EEXIST}:
            raise _occupied(target, "something") from error
        raise NotDone(
            f"{target} can't be made ({error.strerror}); set VPNBOT_DATA_DIR to a folder that "
            "doesn't exist yet."
        ) from error
    sync(target.parent)


def _unwritable(folder: Path, reason: str | None) -> NotDone:
    return NotDone(
        f"{account_name(os.geteuid())} can't write {folder} ({reason}); set VPNBOT_DATA_DIR to a "
        "place with room, in a folder of that account."
    )


def _occupied(folder: Path, name: str) -> NotDone:
    return NotDone(
        f"{folder} holds {name} already, and a restore replaces nothing; move it away first: "
        f"mv {quote(str(folder))} {quote(f'{folder}.old')}"
    )
