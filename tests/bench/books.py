"""Long books: a list of revocations, an audit trail, an index of easy-rsa's; and short commands.

Each beside the part of it that nobody can do without, in processor time where it stays in one
process: that counts the same on a busy machine.
"""

import asyncio
import hashlib
import json
import os
import secrets
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from pki.authority import self_signed
from pki.crl import Revocation, RevocationReason
from pki.crl_signing import signed_crl
from pki.serial import SerialNumber, new_serial
from storage.audit import GENESIS, entry_digest
from storage.database import open_database, sqlite_url
from tests.bench.figures import Figures, table
from tests.bench.others import processor_seconds
from tests.forks import VPNBOT

ENTRIES = 100_000
ROWS = 100_000
_ROUNDS = 3
_LISTINGS = ("user list", "grant list", "server list")
# What of a listing is not ours: importing it, and nothing done with it.
_LISTING_IMPORTS = """\
from bot.process import garbage
with garbage.seldom_looked_for():
    import typer, pydantic_settings
    import sqlalchemy.dialects.sqlite.aiosqlite, aiosqlite
"""
_NOW = datetime(2026, 6, 1, tzinfo=UTC)
_CA = """\
[ca]
default_ca = here
[here]
database = index.txt
crlnumber = crlnumber
certificate = ca.crt
private_key = ca.key
default_md = sha256
default_crl_days = 7
"""


class Books:
    def __init__(self) -> None:
        self.library = Figures("the library’s building and signing")
        self.openssl = Figures(f"openssl ca -gencrl, {ENTRIES:,} entries")
        self.crl = Figures(
            f"one more on a CRL of {ENTRIES:,}",
            beside=(self.library, self.openssl),
            aim="2 times, 1/5",
        )
        self.hashing = Figures(f"hashing {ROWS:,} rows")
        self.verify = Figures(f"audit, {ROWS:,} rows", beside=(self.hashing,), aim="5 times")
        self.typer = Figures("import typer")
        self.libraries = Figures("a listing’s libraries alone", beside=(self.typer,))
        self.commands = [
            *(
                Figures(f"vpnbot {name}", beside=(self.typer,), aim="2 times")
                for name in ("--version", "--help")
            ),
            *(Figures(f"vpnbot {name}", beside=(self.typer,), aim="5 times") for name in _LISTINGS),
        ]

    @property
    def groups(self) -> Sequence[tuple[str, Sequence[Figures]]]:
        return (
            ("Long books, processor time", (self.crl, self.library, self.openssl)),
            ("The trail, processor time", (self.verify, self.hashing)),
            ("Commands, processor time", (*self.commands, self.libraries, self.typer)),
        )

    async def run(self, folder: Path) -> None:
        await asyncio.to_thread(self._crl, folder / "crl")
        await self._audit(folder / "trail.db")
        await asyncio.to_thread(self._commands, folder / "commands")

    def _crl(self, folder: Path) -> None:
        folder.mkdir()
        key = ec.generate_private_key(ec.SECP256R1())
        lifetime = timedelta(days=3650)
        serial = new_serial(os.urandom)
        issuer = self_signed(key, common_name="Big", serial=serial, now=_NOW, lifetime=lifetime)
        serials = [SerialNumber(secrets.randbits(150)) for _ in range(ENTRIES)]
        revoked = [Revocation(one, _NOW, RevocationReason.SUPERSEDED) for one in serials]

        def theirs() -> None:
            flag = x509.CRLReason(x509.ReasonFlags.superseded)
            entries = [
                x509.RevokedCertificateBuilder(one, _NOW).add_extension(flag, critical=False)
                for one in serials
            ]
            x509.CertificateRevocationListBuilder(
                issuer.subject,
                _NOW,
                _NOW + lifetime,
                revoked_certificates=[entry.build() for entry in entries],
            ).sign(key, hashes.SHA256()).public_bytes(Encoding.PEM)

        def ours() -> None:
            signed_crl(issuer, key, number=7, revocations=revoked, now=_NOW)

        clear = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        (folder / "ca.key").write_bytes(clear)
        (folder / "ca.crt").write_bytes(issuer.public_bytes(Encoding.PEM))
        (folder / "ca.conf").write_text(_CA)
        (folder / "crlnumber").write_text("01\n")
        (folder / "index.txt").write_text(
            "".join(
                f"R\t351231235959Z\t260601000000Z,superseded\t{_hex(one)}\tunknown\t/CN=p-{n}\n"
                for n, one in enumerate(serials)
            )
        )
        for _ in range(_ROUNDS):
            self.library.add_seconds(_cpu(theirs))
            self.crl.add_seconds(_cpu(ours))
            if shutil.which("openssl"):
                command = ("openssl", "ca", "-config", "ca.conf", "-gencrl", "-out", "crl.pem")
                self.openssl.add_seconds(processor_seconds(command, folder, dict(os.environ)))

    async def _audit(self, path: Path) -> None:
        database = await open_database(sqlite_url(path))
        write_trail(path, ROWS)
        with closing(sqlite3.connect(path)) as connection:
            rows = connection.execute("SELECT * FROM audit ORDER BY seq").fetchall()
        for _ in range(_ROUNDS):
            self.hashing.add_seconds(_cpu(lambda: [_hashed(row) for row in rows]))
            began = time.process_time()
            async with database.reading() as tx:
                assert await tx.audit.first_fault() is None
            self.verify.add_seconds(time.process_time() - began)
        await database.close()

    def _commands(self, home: Path) -> None:
        home.mkdir()
        (home / "passphrase").write_text("a passphrase for the bench")
        (home / "passphrase").chmod(0o600)
        environment = {
            "PATH": os.environ["PATH"],
            "VPNBOT_CA_PASSPHRASE_FILE": str(home / "passphrase"),
        }
        subprocess.run(
            (VPNBOT, "ca", "init"), cwd=home, env=environment, check=True, capture_output=True
        )
        for _ in range(_ROUNDS + 2):
            for figures, statement in (
                (self.typer, "import typer"),
                (self.libraries, _LISTING_IMPORTS),
            ):
                command = (sys.executable, "-c", statement)
                figures.add_seconds(processor_seconds(command, home, environment))
            for figures in self.commands:
                words = figures.name.split()[1:]
                figures.add_seconds(processor_seconds((VPNBOT, *words), home, environment))


def write_trail(path: Path, rows: int) -> None:
    """A trail of so many rows, whose chain fits."""
    previous, written = GENESIS, []
    for seq in range(1, rows + 1):
        at = _NOW + timedelta(seconds=seq)
        words = ("telegram:2001", "grant.end", f"grant:g-{seq:08d}", '{"reason":"revoked"}')
        digest = entry_digest(previous, seq, at, *words)
        written.append((seq, round(at.timestamp() * 1_000_000), *words, previous, digest))
        previous = digest
    with closing(sqlite3.connect(path)) as connection:
        connection.executemany(
            "INSERT INTO audit (seq, at, actor, action, subject, detail, previous, digest) "
            "VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            written,
        )
        connection.execute("DELETE FROM audit_head")
        connection.execute(
            "INSERT INTO audit_head (id, seq, digest) VALUES (1, ?, ?)", (rows, previous)
        )
        connection.commit()


def _hashed(row: tuple[object, ...]) -> str:
    return hashlib.sha256(json.dumps(row, ensure_ascii=False).encode()).hexdigest()


def _hex(serial: int) -> str:
    digits = f"{serial:X}"
    return digits.zfill(len(digits) + len(digits) % 2)


def _cpu(work: Callable[[], object]) -> float:
    began = time.process_time()
    work()
    return time.process_time() - began


async def _main() -> None:
    """These alone: `python -m tests.bench.books`."""
    books = Books()
    with tempfile.TemporaryDirectory(prefix="vpnbot-books-") as folder:
        await books.run(Path(folder))
    print(table(books.groups))


if __name__ == "__main__":
    asyncio.run(_main())
