"""Looks for secrets where none may be: in files, in what was written, in a process's environment.

A client's private key may be nowhere but in the profile that its owner got; the token and the
passphrase may be nowhere but in the files that hold them. Backups are opened and looked through.
"""

import re
import tarfile
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from io import BytesIO
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from pyrage import passphrase

from demo.testing import PersonChat
from tests.company import PASSPHRASE, TOKEN, Company, keep_secret
from tests.crash.stage import PLAIN

# How every unencrypted P-256 key begins, in DER: PKCS#8 (RFC 5958), and SEC1 (RFC 5915) within it.
_DER = (
    bytes.fromhex("308187020100301306072a8648ce3d020106082a8648ce3d030107046d306b0201010420"),
    bytes.fromhex("306b0201010420"),
)
_PEM = (b"PRIVATE KEY-----", b"tls-crypt-v2 client key-----")
_INLINE = re.compile(r"<(key|tls-crypt-v2)>\n(.*?)</\1>", re.DOTALL)
_SHORTEST_LINE = 24
# These hold what they are for.
_HOMES = {"token": "token", "passphrase": "passphrase", "server.key": "any private key"}
# A backup has a passphrase of its own.
BACKUP_SECRET = "another horse for another battery"
_BACKUPS = "backup-*.age"

Secrets = Mapping[str, Collection[bytes]]


@dataclass(frozen=True, slots=True)
class Leak:
    where: str
    what: str


def profiles(chats: Iterable[PersonChat]) -> list[str]:
    """All that were ever delivered."""
    return [
        message.document.content.decode()
        for chat in chats
        for message in chat.messages
        if message.document is not None
    ]


def secrets_of(delivered: Iterable[str]) -> dict[str, set[bytes]]:
    """What to look for, in each form in which it may be lying about."""
    keys: set[bytes] = set()
    for profile in delivered:
        for kind, pem in _INLINE.findall(profile):
            lines = [line.encode() for line in pem.splitlines() if not line.startswith("-----")]
            keys |= {line for line in lines if len(line) >= _SHORTEST_LINE}
            if kind == "key":
                keys |= _forms(pem.encode())
    return {
        "a delivered key": keys,
        "any private key": {*_DER, *_PEM},
        "token": {TOKEN.encode(), TOKEN.replace(":", "%3A").encode(), TOKEN[10:].encode()},
        "passphrase": {PASSPHRASE.encode(), PASSPHRASE.replace(" ", "+").encode()},
    }


def _forms(pem: bytes) -> set[bytes]:
    key = load_pem_private_key(pem, None)
    assert isinstance(key, EllipticCurvePrivateKey)
    number = key.private_numbers().private_value
    return {
        key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption()),
        number.to_bytes(32),
        f"{number:064x}".encode(),
        str(number).encode(),
    }


def leaks_in(where: str, content: bytes, secrets: Secrets, *, allowed: str = "") -> Iterator[Leak]:
    """Each kind of secret that is in there, but for the one that is allowed."""
    for what, forms in secrets.items():
        if what != allowed and any(form in content for form in forms):
            yield Leak(where, what)


def leaks_below(folder: Path, secrets: Secrets) -> list[Leak]:
    """Looks through every file: database, WAL, logs, what killed writers left."""
    found: list[Leak] = []
    for path in sorted(folder.rglob("*")):
        if path.is_file() and not path.is_symlink():
            allowed = _HOMES.get(path.name, "")
            where = str(path.relative_to(folder))
            found += leaks_in(where, path.read_bytes(), secrets, allowed=allowed)
    return found


def leaks_of_process(pid: int, secrets: Secrets) -> list[Leak]:
    """What other programs of the same account can read of a process."""
    return [
        leak
        for name in ("environ", "cmdline")
        for leak in leaks_in(name, Path(f"/proc/{pid}/{name}").read_bytes(), secrets)
    ]


async def back_up(company: Company) -> Path:
    """Takes a backup by the command, whatever becomes of the bot meanwhile."""
    secret = keep_secret(company.folder / "backup-passphrase", BACKUP_SECRET)
    target = company.folder / f"backup-{len(backups(company.folder)) + 1}.age"
    terminal = replace(company, program=PLAIN, bot=None)
    await terminal.done("backup", str(target), "--passphrase-file", str(secret))
    return target


def backups(folder: Path) -> list[Path]:
    return sorted(folder.glob(_BACKUPS))


def leaks_in_backup(path: Path, secrets: Secrets) -> Iterator[Leak]:
    """As `age -d FILE | tar x` opens it: whoever has the backup's passphrase has no more than it.

    The CA's key and the servers' keys are sealed in there, so nothing is allowed.
    """
    plain = passphrase.decrypt(path.read_bytes(), BACKUP_SECRET)
    with tarfile.open(fileobj=BytesIO(plain), mode="r:") as tar:
        members = {member.name: tar.extractfile(member) for member in tar}
        assert "vpnbot.db" in members
        for name, file in members.items():
            assert file is not None
            yield from leaks_in(f"{name} in {path.name}", file.read(), secrets)


def company_leaks(company: Company, chats: Iterable[PersonChat]) -> list[Leak]:
    """Everything that a company's bot could have written, and every backup of it."""
    secrets = secrets_of(profiles(chats))
    found = leaks_below(company.folder, secrets)
    for path in backups(company.folder):
        found += leaks_in_backup(path, secrets)
    return found
