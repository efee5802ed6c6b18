"""A CA of Debian's easy-rsa, as a company has one: made by the real script."""

import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

SCRIPT = Path("/usr/share/easy-rsa/easyrsa")
NEEDS_EASYRSA = pytest.mark.skipif(
    not SCRIPT.exists() or shutil.which("openssl") is None,
    reason="easy-rsa is not installed.",
)


@dataclass(frozen=True)
class EasyRsa:
    """A PKI folder and the script that works in it; the CA's key has no passphrase."""

    pki: Path
    algorithm: str = "ec"

    def __call__(self, *arguments: str, **settings: str) -> str:
        """Runs one command; `EASYRSA_` is put before each setting's name."""
        environment = {
            "PATH": os.environ["PATH"],
            "EASYRSA_BATCH": "1",
            "EASYRSA_PKI": str(self.pki),
            "EASYRSA_ALGO": self.algorithm,
            "EASYRSA_CURVE": "prime256v1",
            **{f"EASYRSA_{name}": value for name, value in settings.items()},
        }
        done = subprocess.run(
            [SCRIPT, *arguments],
            cwd=self.pki.parent,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def begin(self) -> None:
        """The CA itself."""
        self("init-pki")
        self("build-ca", "nopass", REQ_CN="Corp VPN CA")

    def client(self, name: str, *, days: int = 825) -> None:
        self("build-client-full", name, "nopass", CERT_EXPIRE=str(days))

    def forget(self, name: str) -> None:
        """The index loses a row, as it does in a restore of an older one."""
        index = self.pki / "index.txt"
        rows = index.read_text().splitlines(keepends=True)
        index.write_text("".join(row for row in rows if not row.endswith(f"/CN={name}\n")))

    def lists(self, name: str, serial: int, ends: str = "361121143933Z") -> None:
        """The index gets a row of a valid certificate, whose file is nowhere."""
        with (self.pki / "index.txt").open("a") as index:
            index.write(f"V\t{ends}\t\t{serial:02X}\tunknown\t/CN={name}\n")

    def serial(self, name: str) -> str:
        """Of the certificate that was issued last under this name, as the bot writes serials."""
        text = (self.pki / "index.txt").read_text()
        rows = [line.split("\t") for line in text.splitlines()]
        return [row[3].lower().lstrip("0") for row in rows if row[5] == f"/CN={name}"][-1]

    def pem(self, name: str) -> str:
        return (self.pki / "issued" / f"{name}.crt").read_text()
