"""Where easy-rsa keeps what. Links are followed, as easy-rsa itself does."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from pki.easyrsa.values import FolderLayout
from pki.errors import DamagedPki
from pki.serial import SerialNumber, parse_serial

_INDEX = "index.txt"
_AUTHORITY = "ca.crt"
_KEY = "ca.key"
_CRL = "crl.pem"


class Shelf(StrEnum):
    """What easy-rsa means by putting a certificate there."""

    ISSUED = "issued"
    RENEWED = "renewed"
    REVOKED = "revoked"


_BUNDLES = frozenset({".creds", ".inline", ".ovpn"})
# Of all versions from 3.0 to 3.2: the folder, what it means, and how the names end.
_CERTIFICATES3 = (
    ("issued", Shelf.ISSUED, {".crt"}),
    ("certs_by_serial", Shelf.ISSUED, {".pem"}),
    ("renewed/issued", Shelf.RENEWED, {".crt"}),
    ("renewed/certs_by_serial", Shelf.RENEWED, {".crt"}),
    ("expired", Shelf.RENEWED, {".crt"}),
    ("revoked/certs_by_serial", Shelf.REVOKED, {".crt", ".pem"}),
    # A key and its certificate in one file, with the CA's.
    (".", Shelf.ISSUED, _BUNDLES),
    ("inline", Shelf.ISSUED, _BUNDLES),
    ("inline/private", Shelf.ISSUED, _BUNDLES),
)
# What is moved here was revoked, and is named by its serial: certificates, requests, keys.
_REVOKED3 = "revoked"
_BY_SERIAL = "_by_serial"
_KEYS3 = (
    ".",
    "private",
    "inline",
    "inline/private",
    "renewed/private",
    "renewed/private_by_serial",
    "revoked/private_by_serial",
)
_KEY_ENDINGS = frozenset({".key", ".p8", ".p1"}) | _BUNDLES
_HEX = frozenset("0123456789abcdefABCDEF")


@dataclass(frozen=True, slots=True)
class Places:
    folder: Path
    layout: FolderLayout

    @property
    def index(self) -> Path:
        return self.folder / _INDEX

    @property
    def authority(self) -> Path:
        return self.folder / _AUTHORITY

    @property
    def key(self) -> Path:
        return self._private / _KEY

    @property
    def crl(self) -> Path:
        return self.folder / _CRL

    @property
    def _private(self) -> Path:
        return self.folder / "private" if self.layout is FolderLayout.EASYRSA3 else self.folder

    def certificates(self) -> list[tuple[Path, Shelf]]:
        """Every file that should hold a certificate that this CA issued, in a settled order."""
        if self.layout is FolderLayout.EASYRSA2:
            return [(path, Shelf.ISSUED) for path in _files(self.folder) if _is_issued2(path)]
        return [
            (path, shelf)
            for name, shelf, endings in _CERTIFICATES3
            for path in _files(self.folder / name)
            if path.suffix in endings
        ]

    def is_bundle(self, path: Path) -> bool:
        """Whether a file may well hold no certificate at all."""
        return path.suffix in _BUNDLES

    def serial_of(self, path: Path) -> SerialNumber | None:
        """Of a file that is named by a serial, the serial; what is inside may say otherwise."""
        by_serial = path.parent.name.endswith(_BY_SERIAL)
        if self.layout is FolderLayout.EASYRSA2:
            by_serial = path.suffix == ".pem"
        try:
            return parse_serial(path.stem) if by_serial else None
        except ValueError:
            return None

    def revoked_by_name(self) -> list[tuple[Path, SerialNumber]]:
        """The files whose very place and name say that a serial was revoked."""
        folder = self.folder / _REVOKED3
        if self.layout is FolderLayout.EASYRSA2 or not folder.is_dir():
            return []
        return [
            (path, serial)
            for shelf in sorted(each for each in folder.iterdir() if each.is_dir())
            for path in _files(shelf)
            if (serial := self.serial_of(path)) is not None
        ]

    def keys(self) -> list[Path]:
        """Every file that may hold a private key in PEM, but for the CA's own."""
        folders = (".",) if self.layout is FolderLayout.EASYRSA2 else _KEYS3
        return [
            path
            for name in folders
            for path in _files(self.folder / name)
            if path.suffix in _KEY_ENDINGS and path != self.key
        ]


def find(folder: Path) -> Places:
    """Tells the two layouts apart.

    Raises:
        DamagedPki: the folder is neither, or a file of the CA is missing.
    """
    if not (folder / _INDEX).is_file():
        raise DamagedPki(f"{folder} holds no {_INDEX}, so it is no PKI of easy-rsa{_hint(folder)}")
    is_sorted = (folder / "private").is_dir() or (folder / "issued").is_dir()
    places = Places(folder, FolderLayout.EASYRSA3 if is_sorted else FolderLayout.EASYRSA2)
    for path in (places.authority, places.key):
        if not path.is_file():
            raise DamagedPki(f"{path} is missing; restore it from a backup, or copy it there.")
    return places


def _hint(folder: Path) -> str:
    for name in ("pki", "keys", "easy-rsa/pki", "easy-rsa/keys"):
        if (folder / name / _INDEX).is_file():
            return f"; give {folder / name} instead."
    return "; give the folder that holds it, often named pki or keys."


def _is_issued2(path: Path) -> bool:
    if path.suffix == ".crt":
        return path.name != _AUTHORITY
    return path.suffix == ".pem" and set(path.stem) <= _HEX  # 0A.pem, but not dh2048.pem


def _files(folder: Path) -> Iterator[Path]:
    if not folder.is_dir():
        return
    with os.scandir(folder) as entries:  # tells files apart without asking for each
        names = sorted(entry.name for entry in entries if entry.is_file())
    yield from (folder / name for name in names)
