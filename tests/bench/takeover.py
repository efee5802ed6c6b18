"""A big easy-rsa PKI, and how long its import takes."""

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from pki.authority import self_signed
from pki.serial import new_serial
from tests.bench.others import timed
from tests.company import PASSPHRASE, keep_secret
from tests.forks import VPNBOT

ROWS = 50_000
# Each tenth certificate was revoked.
_REVOKED_EACH = 10


def write_big_pki(folder: Path) -> None:
    """The CA, and an index of easy-rsa's own form; the certificates' files were cleared away."""
    (folder / "private").mkdir(parents=True)
    (folder / "issued").mkdir()
    now = datetime.now(UTC)
    key = ec.generate_private_key(ec.SECP256R1())
    certificate = self_signed(
        key,
        common_name="Big CA",
        serial=new_serial(os.urandom),
        now=now,
        lifetime=timedelta(days=3650),
    )
    (folder / "ca.crt").write_bytes(certificate.public_bytes(Encoding.PEM))
    clear = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    (folder / "private" / "ca.key").write_bytes(clear)
    (folder / "index.txt").write_text("".join(_row(number, now) for number in range(ROWS)))


def _row(number: int, now: datetime) -> str:
    ends, revoked = (f"{now + timedelta(days=days):%y%m%d%H%M%SZ}" for days in (400, -9))
    is_revoked = number % _REVOKED_EACH == 0
    status, when = ("R", revoked) if is_revoked else ("V", "")
    return f"{status}\t{ends}\t{when}\t{number + 1:032X}\tunknown\t/CN=person-{number}\n"


async def import_seconds(pki: Path, home: Path) -> float:
    """The whole command, from an empty folder: the seconds."""
    environment = {"PATH": os.environ["PATH"], "VPNBOT_CA_PASSPHRASE_FILE": _empty(home)}
    return await timed((VPNBOT, "ca", "import-easyrsa", str(pki)), home, environment)


def _empty(home: Path) -> str:
    """A folder with nothing but a passphrase, whose path is given."""
    home.mkdir()
    return str(keep_secret(home / "passphrase", PASSPHRASE))
