"""Makes a backup, also while the bot runs."""

import asyncio
import os
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

from sqlalchemy import URL

from bot.access.permission import Actor
from bot.backup.archive import (
    DATABASE,
    EARLIER_TLS_KEY,
    FORMAT,
    SSH_KEY,
    BackupContents,
    Manifest,
    digest,
    pack,
    tls_key_name,
)
from bot.errors import NotDone
from bot.office import Office
from bot.process.data_folder import DataFolder
from bot.process.named_files import as_root_at
from pki.authority_files import CERTIFICATE_FILE, KEY_FILE, check_folder
from pki.private_files import write_file

_BUSY_S = 15.0
_INTACT = "ok"


@dataclass(frozen=True, slots=True)
class _Snapshot:
    """The database as it was at one moment."""

    content: bytes = field(repr=False)
    revision: str
    audit_seq: int
    audit_digest: str
    servers: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Made:
    """The result of a backup.

    Attributes:
        without: servers whose keys are lost; better a backup without them than none.
    """

    manifest: Manifest
    without: tuple[str, ...]


async def make_backup(office: Office, actor: Actor, target: Path, secret: str) -> Made:
    """Writes a backup to a new file.

    (1) It is recorded first: whoever takes a copy of the CA's key along stands in the trail, and
    the copy has the row, too. (2) The database is copied as one reader sees it, its write-ahead
    log included, into memory: no plain copy lies on the disk for a moment. (3) The rest is read;
    the CA's key and the servers' keys are sealed as they lie there. (4) All of it goes into one
    file, whole or not at all.

    Raises:
        PkiError: there is no CA.
        NotDone: the database is damaged, or the file is there or cannot be written.
    """
    check_folder(office.folder.ca)
    async with office.acting(actor) as case:  # (1)
        await case.record("backup.make", "backup", file=target.name)
    async with office.database.reading() as tx:
        fault = await tx.audit.first_fault()
    snapshot = await asyncio.to_thread(_snapshot, office.settings.url())  # (2)
    files = {DATABASE: snapshot.content, **_sealed(office.folder.path, snapshot.servers)}  # (3)
    manifest = Manifest(
        format=FORMAT,
        created_at=case.now,
        revision=snapshot.revision,
        audit_seq=snapshot.audit_seq,
        audit_digest=snapshot.audit_digest,
        audit_fault=fault,
        files={name: digest(content) for name, content in files.items()},
    )
    contents = BackupContents(manifest, files)
    sealed = await asyncio.to_thread(pack, contents, secret)
    write_new(target, sealed)  # (4)
    return Made(manifest, tuple(s for s in snapshot.servers if s not in contents.tls_keys))


def require_new(target: Path) -> None:
    """Refuses early what `write_new` would refuse in the end; only that one decides.

    Raises:
        NotDone: the file exists, or its folder does not.
    """
    if os.path.lexists(target):
        raise _exists(target)
    if not target.parent.is_dir():
        raise NotDone(f"There is no folder {target.parent}; make it, or name another file.")


def write_new(target: Path, content: bytes) -> None:
    """Writes a new file of mode 0600, whole or not at all, as root where root has named it.

    Args:
        target: absolute.

    Raises:
        NotDone: it is there already, or it cannot be written.
    """
    try:
        with as_root_at(target) as place:
            write_file(place, content, replace=False)
    except FileExistsError:
        raise _exists(target) from None
    except OSError as error:
        raise NotDone(
            f"{target} can't be written ({error.strerror}); name a file in another folder."
        ) from error


def _exists(target: Path) -> NotDone:
    return NotDone(f"{target} exists already; name a new file.")


def _snapshot(url: URL) -> _Snapshot:
    """Copies the database within one transaction, so that no change is in it by half."""
    uri = f"{Path(url.database or '').absolute().as_uri()}?mode=rw"
    try:
        with closing(sqlite3.connect(uri, uri=True, timeout=_BUSY_S)) as database:
            database.execute("BEGIN")
            (revision,) = database.execute("SELECT version_num FROM alembic_version").fetchone()
            seq, last = database.execute(
                "SELECT seq, digest FROM audit ORDER BY seq DESC LIMIT 1"
            ).fetchone()
            servers = tuple(name for (name,) in database.execute("SELECT name FROM servers"))
            require_whole(database)
            return _Snapshot(database.serialize(), revision, seq, last, servers)
    except sqlite3.Error as error:
        raise NotDone(
            f"The database is damaged ({error}), and so would be its backup; run: vpnbot doctor"
        ) from error


def require_whole(database: sqlite3.Connection) -> None:
    """Runs SQLite's own check of every page.

    Raises:
        sqlite3.Error: it found something.
    """
    (answer,) = database.execute("PRAGMA quick_check(1)").fetchone()
    if answer != _INTACT:
        raise sqlite3.DatabaseError(" ".join(str(answer).split()))


def _sealed(folder: Path, servers: Sequence[str]) -> dict[str, bytes]:
    keys = [EARLIER_TLS_KEY, SSH_KEY, *(tls_key_name(server) for server in servers)]
    authorities = DataFolder(folder).authorities().values()
    names = [f"{each.name}/{file}" for each in authorities for file in (CERTIFICATE_FILE, KEY_FILE)]
    names += [name for name in keys if (folder / name).exists()]
    try:
        return {name: (folder / name).read_bytes() for name in names}
    except OSError as error:
        raise NotDone(
            f"{error.filename} can't be read ({error.strerror}); run: vpnbot doctor"
        ) from error
