"""The file with a server's tls key that an import is given."""

from pathlib import Path

import pytest

from bot.errors import NotDone
from bot.setup.easyrsa import read_tls_key
from pki.errors import PkiError
from vpn.configuration.profile import TlsKey


def test_none_and_several(tmp_path: Path) -> None:
    assert read_tls_key({TlsKey.AUTH: None}) is None
    with pytest.raises(NotDone, match="name one of"):
        read_tls_key({TlsKey.AUTH: tmp_path / "a", TlsKey.CRYPT: tmp_path / "b"})


def test_what_cannot_be_read_says_why(tmp_path: Path) -> None:
    """Whoever is root already is not told to be root."""
    lost, binary = tmp_path / "ta.key", tmp_path / "binary"
    binary.write_bytes(b"\xff\xfe")
    for path, why in (
        (lost, r"\(No such file or directory\); name another file"),
        (tmp_path, r"\(Is a directory\); name another file"),
        (binary, r"\(it isn't a text\); name another file"),
    ):
        with pytest.raises(NotDone, match=why):
            read_tls_key({TlsKey.AUTH: path})
    lost.write_text("no key")
    with pytest.raises(PkiError):
        read_tls_key({TlsKey.AUTH: lost})
