"""A CA made once: its files cost a second of key derivation, so each test gets a copy."""

import os
import secrets
import shutil
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from pki.authority import Authority, self_signed
from pki.authority_files import AUTHORITY_LIFETIME, create_authority
from pki.serial import new_serial
from tests.easyrsa import EasyRsa
from tests.pki.easyrsa_pkis import EasyRsa2, make_easyrsa2, make_ec_pki, make_rsa_pki
from tests.pki.tools import CA_NAME, CHEAP, NOW, PASSPHRASE, WEEK


@pytest.fixture(scope="session")
def authority() -> Authority:
    """A CA in memory, as `create_authority` makes it."""
    return other_authority()


@pytest.fixture(scope="session")
def stranger() -> Authority:
    """Another CA of the same name, as one has after a second `ca init`."""
    return other_authority()


@pytest.fixture(scope="session")
def made_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("made") / "ca"
    create_authority(
        folder,
        common_name=CA_NAME,
        passphrase=PASSPHRASE,
        now=NOW,
        random_bytes=secrets.token_bytes,
        rounds=CHEAP,
    )
    return folder


@pytest.fixture
def ca_folder(made_folder: Path, tmp_path: Path) -> Path:
    """A copy to be damaged."""
    return Path(shutil.copytree(made_folder, tmp_path / "ca"))


def other_authority() -> Authority:
    key = ec.generate_private_key(ec.SECP256R1())
    certificate = self_signed(
        key,
        common_name=CA_NAME,
        serial=new_serial(secrets.token_bytes),
        # A CA that has been there for a while: a first CRL is backdated by more than its CA.
        now=NOW - WEEK,
        lifetime=AUTHORITY_LIFETIME,
    )
    return Authority(certificate, key)


@pytest.fixture(scope="session")
def rsa_pki(tmp_path_factory: pytest.TempPathFactory) -> EasyRsa:
    return make_rsa_pki(tmp_path_factory.mktemp("easyrsa-rsa"))


@pytest.fixture(scope="session")
def ec_pki(tmp_path_factory: pytest.TempPathFactory) -> EasyRsa:
    return make_ec_pki(tmp_path_factory.mktemp("easyrsa-ec"))


@pytest.fixture(scope="session")
def easyrsa2(tmp_path_factory: pytest.TempPathFactory) -> EasyRsa2:
    return make_easyrsa2(tmp_path_factory.mktemp("easyrsa2"))


@pytest.fixture
def synced(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Path, bytes]]:
    """What a power cut leaves from now on: each folder, and each file with what is in it."""
    safe: list[tuple[Path, bytes]] = []
    fsync = os.fsync

    def noted(handle: int) -> None:
        fsync(handle)
        path = Path(f"/proc/self/fd/{handle}").readlink()
        safe.append((path, b"" if path.is_dir() else path.read_bytes()))

    monkeypatch.setattr(os, "fsync", noted)
    return safe
