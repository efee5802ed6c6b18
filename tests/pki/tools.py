"""Values and helpers that several tests of this room share."""

import secrets
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ed25519
from cryptography.x509.oid import NameOID

from pki.authority import Authority, IssuedCertificate
from pki.key_ids import AuthorityKey
from pki.profiles import CA, with_profile
from pki.serial import SerialNumber, new_serial

# No whole hour, so that a lost minute or second shows; no summer time; a known year.
NOW = datetime(2026, 3, 2, 9, 31, 27, tzinfo=UTC)
WEEK = timedelta(days=7)
CA_NAME = "Example VPN CA"
# Beyond ASCII, and beyond 16 bits: PKCS#12 stores neither as it comes.
# What nobody guesses at need not cost a third of a second each time.
CHEAP = 10
PASSPHRASE = "pä ss 🔑 фраза"


def serial() -> SerialNumber:
    return new_serial(secrets.token_bytes)


def client(authority: Authority, common_name: str = "anna-1") -> IssuedCertificate:
    return authority.issue_client(
        common_name=common_name, serial=serial(), not_before=NOW, not_after=NOW + WEEK
    )


def server(authority: Authority, common_name: str = "server-berlin") -> IssuedCertificate:
    return authority.issue_server(
        common_name=common_name, serial=serial(), not_before=NOW, not_after=NOW + WEEK
    )


def openssl(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """Runs the system's openssl. It shares no code with cryptography's own copy of the library."""
    try:
        return subprocess.run(
            ["openssl", *arguments], capture_output=True, text=True, check=False, timeout=60
        )
    except FileNotFoundError:
        pytest.skip("the openssl command is not installed")


def saved(folder: Path, name: str, content: str | bytes) -> Path:
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def name_of(common_name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def authority_with(
    key: AuthorityKey | ed25519.Ed25519PrivateKey,
    *,
    has_key_id: bool = True,
    start: datetime = NOW - WEEK,
) -> Authority:
    """A CA with this key, as somebody else's program may have made it."""
    builder = x509.CertificateBuilder(
        issuer_name=name_of(CA_NAME),
        subject_name=name_of(CA_NAME),
        public_key=key.public_key(),
        serial_number=serial(),
        not_valid_before=start,
        not_valid_after=start + 52 * WEEK,
    )
    if has_key_id:
        key_id = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
        builder = builder.add_extension(key_id, critical=False)
    builder = with_profile(builder, CA)
    digest = None if isinstance(key, ed25519.Ed25519PrivateKey) else hashes.SHA256()
    return Authority(builder.sign(key, digest), key)  # type: ignore[arg-type]
