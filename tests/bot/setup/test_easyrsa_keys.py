"""Keys that root reads for the bot's account: none that another account leads it to."""

import os
import secrets
from collections.abc import Iterator
from pathlib import Path

import pytest

from bot.errors import NotDone
from bot.setup.easyrsa import read_tls_key
from pki.errors import PkiError
from tests.accounts import DAEMON, give
from tests.folders import open_folder
from tests.vpn.operator_kit import static_key
from vpn.configuration.profile import TlsKey
from vpn.errors import HostError


@pytest.fixture
def place() -> Iterator[Path]:
    with open_folder() as folder:
        yield folder


def read(path: Path) -> str:
    found = read_tls_key({TlsKey.AUTH: path, TlsKey.CRYPT: None})
    assert found is not None
    return found.pem


def secret_key(place: Path) -> Path:
    path = place / "roots.key"
    path.write_text(static_key())
    path.chmod(0o600)
    return path


@pytest.mark.skipif(os.geteuid() != 0, reason="Only root can be led astray.")
@pytest.mark.parametrize("way", ["ta.key", "keys/ta.key"])
def test_a_link_of_another_account_is_not_followed(place: Path, way: str) -> None:
    key, home = secret_key(place), place / "home"
    home.mkdir()
    give(home)
    link = home / way.partition("/")[0]
    link.symlink_to(key if link.name == "ta.key" else place)
    os.chown(link, DAEMON.pw_uid, -1, follow_symlinks=False)
    key.rename(place / "ta.key") if link.name == "keys" else None
    with pytest.raises(HostError, match=f"{link} is a link that another account"):
        read(home / way)


@pytest.mark.skipif(os.geteuid() != 0, reason="Only root can be led astray.")
def test_nor_is_a_second_name_taken_for_the_file(place: Path) -> None:
    key, home = secret_key(place), place / "home"
    home.mkdir()
    give(home)
    (home / "ta.key").hardlink_to(key)
    with pytest.raises(HostError, match="isn't an ordinary file"):
        read(home / "ta.key")


def test_what_root_has_put_there_is_read(place: Path) -> None:
    key = secret_key(place)
    (place / "link").symlink_to(key)
    assert read(place / "link") == read(key)


def test_what_is_no_key_says_so(place: Path) -> None:
    with pytest.raises(NotDone, match="There is no"):
        read(place / "gone")
    (place / "noise").write_bytes(b"\xff" + secrets.token_bytes(9))
    with pytest.raises(NotDone, match="can't be read as a key"):
        read(place / "noise")
    (place / "text").write_text("hello")
    with pytest.raises(PkiError):
        read(place / "text")
