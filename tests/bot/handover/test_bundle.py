"""The archive: a real profile's parts as files of their own, for whoever opens it with what."""

import io
import secrets
import shutil
import stat
import subprocess
import zipfile
from datetime import timedelta, timezone
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from bot.handover.bundle import Member, parts_of, zipped
from pki.serial import new_serial
from pki.tls_crypt_v2 import generate_server_key, wrap_client_key
from tests.bot.handover.kit import MATERIAL, NOW, built_in
from tests.tls_crypt_v2 import unwrap
from tests.vpn.kit import make_authority, now
from vpn.configuration.profile import ProfileMaterial, ProfileSettings, TlsKey, render_profile
from vpn.values import Protocol, Remote

MEMBERS = [
    ("berlin-anna.ovpn", b"client\n"),
    ("instructions/linux.txt", "Öffne ein Terminal ⋮\n".encode()),
    ("files/Правила & more.pdf", b"%PDF" * 10_000),
]


def opened(content: bytes) -> zipfile.ZipFile:
    archive = zipfile.ZipFile(io.BytesIO(content))
    assert archive.testzip() is None
    return archive


def made(*members: Member) -> bytes:
    return zipped("berlin-anna", members or MEMBERS, when=NOW)


# --- the parts ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        (TlsKey.CRYPT_V2, "tls-crypt-v2.key"),
        (TlsKey.CRYPT, "tls-crypt.key"),
        (TlsKey.AUTH, "ta.key"),
        (None, None),
    ],
)
def test_each_part_as_it_stands_in_the_profile(kind: TlsKey | None, name: str | None) -> None:
    found = dict(parts_of(built_in(settings=ProfileSettings(tls_key=kind)).text))
    expected = {
        "ca.crt": MATERIAL.ca_pem,
        "client.crt": MATERIAL.certificate_pem,
        "client.key": MATERIAL.private_key_pem,
    } | ({} if name is None else {name: MATERIAL.tls_key})
    assert found == {part: f"{pem}\n".encode() for part, pem in expected.items()}


def test_other_blocks_and_remarks_are_no_parts() -> None:
    text = "client\n# <ca>\nca file\n<extra-certs>\nx\n</extra-certs>\n<cert>\ny\n</cert>\n"
    assert list(parts_of(text)) == [("client.crt", b"y\n")]


def test_the_parts_of_a_real_profile_can_be_used() -> None:
    """As by a program that takes files: the key is the certificate's, and the CA has signed it."""
    authority = make_authority()
    start = now()
    issued = authority.issue_client(
        common_name="anna-k3m9",
        serial=new_serial(secrets.token_bytes),
        not_before=start,
        not_after=start + timedelta(days=7),
    )
    server_key = generate_server_key(secrets.token_bytes)
    wrapped = wrap_client_key(server_key, metadata=b"7f", random_bytes=secrets.token_bytes)
    text = render_profile(
        remote=Remote("vpn.example.com", 1194, Protocol.UDP),
        server_common_name="server-berlin",
        friendly_name="berlin",
        material=ProfileMaterial(
            authority.certificate_pem, issued.certificate_pem, issued.private_key_pem, wrapped
        ),
    ).text
    found = dict(parts_of(text))
    ca = x509.load_pem_x509_certificate(found["ca.crt"])
    certificate = x509.load_pem_x509_certificate(found["client.crt"])
    key = load_pem_private_key(found["client.key"], password=None)
    certificate.verify_directly_issued_by(ca)
    assert (ca, certificate.serial_number) == (authority.certificate, issued.serial)
    assert key.public_key() == certificate.public_key()
    client_key = unwrap(server_key, found["tls-crypt-v2.key"].decode())
    assert client_key == unwrap(server_key, wrapped)


# --- the archive ----------------------------------------------------------------------------------


def test_what_went_in_comes_out_in_one_folder() -> None:
    with opened(made()) as archive:
        assert archive.namelist() == [
            "berlin-anna/berlin-anna.ovpn",
            "berlin-anna/instructions/linux.txt",
            "berlin-anna/files/Правила & more.pdf",
        ]
        for name, content in MEMBERS:
            assert archive.read(f"berlin-anna/{name}") == content


def test_each_is_a_file_for_its_owner_alone() -> None:
    with opened(made()) as archive:
        for entry in archive.infolist():
            assert stat.filemode(entry.external_attr >> 16) == "-rw-------"
            assert entry.create_system == 3  # Unix, or the mode means nothing
            assert entry.compress_type == zipfile.ZIP_DEFLATED


@pytest.mark.parametrize("hours", [0, 5, -11])
def test_its_times_are_in_utc(hours: int) -> None:
    """ZIP knows no zone, and even seconds only."""
    there = NOW.astimezone(timezone(timedelta(hours=hours)))
    with opened(zipped("x", MEMBERS, when=there)) as archive:
        assert {entry.date_time for entry in archive.infolist()} == {(2026, 3, 2, 9, 31, 26)}


def test_it_is_packed() -> None:
    assert len(made()) < sum(len(content) for _, content in MEMBERS) / 10


@pytest.mark.skipif(shutil.which("unzip") is None, reason="the unzip command is not installed")
def test_unzip_opens_it(tmp_path: Path) -> None:
    (tmp_path / "x.zip").write_bytes(made())
    subprocess.run(["unzip", "-q", "x.zip"], cwd=tmp_path, check=True, timeout=60)
    found = {
        str(path.relative_to(tmp_path / "berlin-anna")): path
        for path in tmp_path.glob("berlin-anna/**/*")
        if path.is_file()
    }
    assert {name: path.read_bytes() for name, path in found.items()} == dict(MEMBERS)
    assert {stat.S_IMODE(path.stat().st_mode) for path in found.values()} == {0o600}
