"""A backup as one file: a tar behind a manifest, encrypted in the age format.

    manifest.json         what the rest has to be, see `Manifest`
    vpnbot.db             the database, as SQLite has it
    ca/ca.crt, ca/ca.p12  the CA; ca-2/… and so on for those after it, of which there are two
                          while one takes the other's place
    tls-keys/NAME.sealed  one for each server
    tls-keys/_earlier.sealed  the servers' one from before a takeover, if there was one
    ssh/id_ed25519        the bot's own key for servers elsewhere, if it has one there

Sources: age-encryption.org/v1 with a passphrase (its 'scrypt' recipient stanza), so that
`age -d FILE | tar x` opens it without this program; ustar of POSIX.1-1988. age's own tags tell a
damaged file; the manifest tells what the file was when it was whole.
"""

import hashlib
import re
import tarfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from io import BytesIO
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pyrage import DecryptError, passphrase

from bot.errors import BadBackup

FORMAT = 1
MANIFEST = "manifest.json"
DATABASE = "vpnbot.db"
AUTHORITY = ("ca/ca.crt", "ca/ca.p12")
TLS_KEYS = "tls-keys"
# No server has a name like this one.
EARLIER_TLS_KEY = f"{TLS_KEYS}/_earlier.sealed"
SSH_KEY = "ssh/id_ed25519"
# All of it is held in memory, more than once.
LONGEST_FILE = 1 << 30

_TLS_KEY = re.compile(r"tls-keys/([a-z][a-z0-9-]{0,31})\.sealed", re.ASCII)
_AUTHORITY = re.compile(r"(ca(?:-[1-9][0-9]{0,3})?)/(ca\.crt|ca\.p12)", re.ASCII)
_NAMES = {DATABASE, MANIFEST, EARLIER_TLS_KEY, SSH_KEY}
_MEASURED_AGAIN = 50
_AGE = b"age-encryption.org/v1\n"
_BLOCK = tarfile.BLOCKSIZE
_MODE = 0o600
_FOREIGN = "isn't a backup that `vpnbot backup` made"

Digest = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class Manifest(BaseModel):
    """What a backup holds.

    Attributes:
        revision: of the database's schema.
        audit_seq, audit_digest: the last row of the audit trail.
        audit_fault: the first row that did not fit the chain when the backup was made.
        files: SHA-256 of every other file, by its name.
    """

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid")

    format: int
    created_at: datetime
    revision: str
    audit_seq: int
    audit_digest: Digest
    audit_fault: int | None
    files: dict[str, Digest]


class _Version(BaseModel):
    """What every format has: a newer one may differ in all else."""

    model_config = ConfigDict(strict=True)

    format: int


@dataclass(frozen=True, slots=True)
class BackupContents:
    """The files of a backup, by the names above."""

    manifest: Manifest
    files: Mapping[str, bytes] = field(repr=False)

    @property
    def authorities(self) -> dict[str, dict[str, bytes]]:
        """The files of each CA, by the name of its folder."""
        found: dict[str, dict[str, bytes]] = {}
        for name, content in self.files.items():
            if match := _AUTHORITY.fullmatch(name):
                found.setdefault(match[1], {})[match[2]] = content
        return found

    @property
    def is_complete(self) -> bool:
        """Whether it has the database and a CA, and of each CA both files."""
        folders = self.authorities.values()
        both = all(len(files) == len(AUTHORITY) for files in folders)
        return DATABASE in self.files and bool(folders) and both

    @property
    def tls_keys(self) -> dict[str, bytes]:
        """The servers' sealed keys, by the server's name."""
        return {
            match[1]: content
            for name, content in self.files.items()
            if (match := _TLS_KEY.fullmatch(name))
        }

    @property
    def sealed_keys(self) -> dict[str, bytes]:
        """All that lies in `tls-keys/`, by the names there."""
        folder = f"{TLS_KEYS}/"
        return {
            name.removeprefix(folder): content
            for name, content in self.files.items()
            if name.startswith(folder)
        }


def tls_key_name(server: str) -> str:
    """Where a server's sealed key is in the tar."""
    return f"{TLS_KEYS}/{server}.sealed"


def digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def pack(contents: BackupContents, secret: str) -> bytes:
    """Encrypts a backup. Computes for about a second.

    Raises:
        BadBackup: it is too long to be restored.
    """
    plain = BytesIO()
    with tarfile.open(fileobj=plain, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        _add(tar, MANIFEST, contents.manifest.model_dump_json(indent=2).encode(), contents)
        for name, content in contents.files.items():
            _add(tar, name, content, contents)
    # age adds 16 bytes to each 64 KiB, and a header.
    if plain.tell() > LONGEST_FILE - LONGEST_FILE // 1024:
        raise BadBackup(f"The backup would be longer than {LONGEST_FILE} bytes; nothing was made.")
    return passphrase.encrypt(plain.getvalue(), secret)


def unpack(sealed: bytes, secret: str, name: str) -> BackupContents:
    """Reads a backup and checks all of it, without touching anything.

    (1) It is an age file, it opens with the passphrase, and its tags hold. (2) It is a tar of
    plain files alone, each named in the list above; links, devices, folders, and headers that
    change what follows them are refused. No name is ever used as a path. (3) The manifest is of
    a version that is known here. (4) Each file is what the manifest says, and none is missing.

    Args:
        name: what to call the file.

    Raises:
        BadBackup: any of it is not so.
    """
    plain = _decrypted(sealed, secret, name)  # (1)
    files = dict(_members(plain, name))  # (2)
    text = files.pop(MANIFEST, b"")
    try:
        version = _Version.model_validate_json(text)
        manifest = Manifest.model_validate_json(text) if version.format <= FORMAT else None
    except ValidationError:
        raise BadBackup(f"The manifest in {name} can't be read; take another backup.") from None
    if manifest is None:  # (3)
        raise BadBackup(f"{name} was made by a newer vpnbot; install that one to restore it.")
    digests = {each: digest(content) for each, content in files.items()}
    contents = BackupContents(manifest, files)
    if digests != manifest.files or not contents.is_complete:  # (4)
        raise BadBackup(f"{name} isn't what its manifest says; take another backup.")
    return contents


def _add(tar: tarfile.TarFile, name: str, content: bytes, contents: BackupContents) -> None:
    info = tarfile.TarInfo(name)
    info.size = len(content)
    info.mode = _MODE
    info.mtime = int(contents.manifest.created_at.timestamp())
    tar.addfile(info, BytesIO(content))


def _decrypted(sealed: bytes, secret: str, name: str) -> bytes:
    if not sealed.startswith(_AGE):
        raise BadBackup(f"{name} {_FOREIGN}; name one.")
    tries = 1
    while True:
        try:
            return passphrase.decrypt(sealed, secret)
        except DecryptError as error:
            # age measures this machine for a millisecond before it says that the work is too much
            # for it: one that is busy with something else right then is taken for a slow one.
            if tries < _MEASURED_AGAIN and "Excessive work" in str(error):
                tries += 1
                continue
            # Its words, two lines of them, have no secret. That it cannot tell a wrong passphrase
            # from a damaged header is the nature of the format.
            reason = " ".join(str(error).split()).rstrip(".")
            raise BadBackup(
                f"The passphrase doesn't open {name} ({reason}); if it is certainly the right "
                "one, the file is damaged: take another backup."
            ) from None


def _members(plain: bytes, name: str) -> Iterator[tuple[str, bytes]]:
    """The files of a tar, block by block: no more of the format than our own writer needs."""
    foreign = BadBackup(f"What is in {name} {_FOREIGN}; name one.")
    seen: set[str] = set()
    offset = 0
    while True:
        block = plain[offset : offset + _BLOCK]
        if len(block) == _BLOCK and not any(block):
            break
        offset += _BLOCK
        try:
            info = tarfile.TarInfo.frombuf(block, "ascii", "strict")
        except (tarfile.HeaderError, ValueError):
            raise foreign from None
        if info.type != tarfile.REGTYPE or not 0 <= info.size <= len(plain) - offset:
            raise foreign
        patterns = (_TLS_KEY, _AUTHORITY)
        is_known = info.name in _NAMES or any(each.fullmatch(info.name) for each in patterns)
        if info.name in seen or not is_known:
            raise foreign
        seen.add(info.name)
        yield info.name, plain[offset : offset + info.size]
        offset += -(-info.size // _BLOCK) * _BLOCK
    if plain[offset:].strip(b"\0"):
        raise foreign
