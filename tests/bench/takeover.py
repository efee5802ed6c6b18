"""A big easy-rsa PKI, and how long its import takes beside reading it.

What stands beside the import is what nobody can import without: a program that takes the lines of
the index apart, opens every file, has the library parse each certificate once, and asks it for its
serial, its names, its dates and its extensions. It compares nothing, checks no signature, and keeps
nothing; so what the import takes beyond it is its comparing and its books.
"""

import os
import sys
import tempfile
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from pki.authority import self_signed
from pki.key_ids import authority_key_id
from pki.serial import new_serial
from tests.bench.figures import Figures, table
from tests.bench.others import processor_seconds
from tests.company import PASSPHRASE, keep_secret
from tests.forks import VPNBOT

CERTIFICATES = 50_000
_ROUNDS = 3
# Each tenth certificate was revoked.
_REVOKED_EACH = 10
_ISSUED, _REVOKED = ("issued", "certs_by_serial"), ("revoked/certs_by_serial",)
_READING = f"""\
import sys
from pathlib import Path
from cryptography import x509

pki, seen, read = Path(sys.argv[1]), set(), []
rows = [line.split("\\t") for line in (pki / "index.txt").read_text().splitlines()]
for folder in {(*_ISSUED, *_REVOKED)}:
    for path in (pki / folder).iterdir():
        content = path.read_bytes()
        if content in seen:
            continue
        seen.add(content)
        one = x509.load_pem_x509_certificate(content)
        dates = one.not_valid_before_utc, one.not_valid_after_utc
        read.append((one.serial_number, one.subject, one.issuer, dates, one.extensions))
assert len(read) == len(rows)
"""


class Takeover:
    def __init__(self) -> None:
        self.reading = Figures(f"reading {CERTIFICATES:,} certificates and their index", "s")
        self.import_ = Figures(
            f"import of {CERTIFICATES:,} certificates",
            "s",
            beside=(self.reading,),
            aim="3 times",
        )

    @property
    def groups(self) -> Sequence[tuple[str, Sequence[Figures]]]:
        return (("Takeover, processor time", (self.import_, self.reading)),)

    def run(self, folder: Path) -> None:
        """Each import into an empty data folder of its own."""
        pki = folder / "pki"
        write_big_pki(pki)
        environment = {"PATH": os.environ["PATH"]}
        for number in range(_ROUNDS):
            reading = (sys.executable, "-c", _READING, pki)
            self.reading.add_seconds(processor_seconds(reading, folder, environment))
            home = folder / f"home-{number}"
            home.mkdir()
            secret = keep_secret(home / "passphrase", PASSPHRASE)
            self.import_.add_seconds(
                processor_seconds(
                    (VPNBOT, "ca", "import-easyrsa", pki),
                    home,
                    environment | {"VPNBOT_CA_PASSPHRASE_FILE": str(secret)},
                )
            )


def write_big_pki(folder: Path) -> None:
    """All that easy-rsa 3 keeps of so many clients, but for their requests and their keys."""
    for name in ("private", *_ISSUED, *_REVOKED):
        (folder / name).mkdir(parents=True)
    now = datetime.now(UTC).replace(microsecond=0)
    key = ec.generate_private_key(ec.SECP256R1())
    authority = self_signed(
        key,
        common_name="Big CA",
        serial=new_serial(os.urandom),
        now=now,
        lifetime=timedelta(days=3650),
    )
    (folder / "ca.crt").write_bytes(authority.public_bytes(Encoding.PEM))
    clear = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    (folder / "private" / "ca.key").write_bytes(clear)
    ends = now + timedelta(days=400)
    # One key for all: nothing here looks at it, and each would take its time.
    client = _client_of(authority, now, ends)
    rows = []
    for number in range(CERTIFICATES):
        serial, name = number + 1, f"person-{number}"
        is_revoked = number % _REVOKED_EACH == 0
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        signed = client.serial_number(serial).subject_name(subject).sign(key, hashes.SHA256())
        pem = signed.public_bytes(Encoding.PEM)
        by_serial = f"{serial:032X}"
        if is_revoked:
            (folder / _REVOKED[0] / f"{by_serial}.crt").write_bytes(pem)
        else:
            (folder / _ISSUED[0] / f"{name}.crt").write_bytes(pem)
            (folder / _ISSUED[1] / f"{by_serial}.pem").write_bytes(pem)
        status, revoked = ("R", _index_time(now - timedelta(days=9))) if is_revoked else ("V", "")
        fields = (status, _index_time(ends), revoked, by_serial, "unknown", f"/CN={name}")
        rows.append("\t".join(fields) + "\n")
    (folder / "index.txt").write_text("".join(rows))


def _index_time(moment: datetime) -> str:
    return f"{moment:%y%m%d%H%M%SZ}"


def _client_of(
    authority: x509.Certificate, begins: datetime, ends: datetime
) -> x509.CertificateBuilder:
    """With the extensions that easy-rsa gives to a client."""
    key = ec.generate_private_key(ec.SECP256R1()).public_key()
    usage = dict.fromkeys(
        (
            *("content_commitment", "key_encipherment", "data_encipherment", "key_agreement"),
            *("key_cert_sign", "crl_sign", "encipher_only", "decipher_only"),
        ),
        False,
    )
    extensions: tuple[x509.ExtensionType, ...] = (
        x509.BasicConstraints(ca=False, path_length=None),
        x509.SubjectKeyIdentifier.from_public_key(key),
        authority_key_id(authority),
        x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH]),
        x509.KeyUsage(digital_signature=True, **usage),
    )
    builder = (
        x509.CertificateBuilder()
        .issuer_name(authority.subject)
        .public_key(key)
        .not_valid_before(begins)
        .not_valid_after(ends)
    )
    for extension in extensions:
        builder = builder.add_extension(extension, critical=False)
    return builder


def _main() -> None:
    """This alone: `python -m tests.bench.takeover`."""
    takeover = Takeover()
    with tempfile.TemporaryDirectory(prefix="vpnbot-takeover-") as folder:
        takeover.run(Path(folder))
    print(table(takeover.groups))


if __name__ == "__main__":
    _main()
