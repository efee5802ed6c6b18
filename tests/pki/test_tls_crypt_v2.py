"""Against keys that OpenVPN 2.6.14 made, stored in data/, and against the openvpn that is here."""

import base64
import secrets
import shutil
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pki.errors import DamagedKey
from pki.pem import read_pem, write_pem
from pki.tls_crypt_v2 import (
    CLIENT_LABEL,
    MAX_METADATA_BYTES,
    SERVER_LABEL,
    generate_server_key,
    wrap_client_key,
)
from tests.tls_crypt_v2 import unwrap

# The types are in the manual, at --tls-crypt-v2-verify.
USER_METADATA, TIME_METADATA = 0, 1
DATA = Path(__file__).parent / "data"
SERVER = (DATA / "openvpn-server.pem").read_text()
USER_TEXT = "g-7 мария".encode()

needs_openvpn = pytest.mark.skipif(
    shutil.which("openvpn") is None, reason="the openvpn program is not installed"
)


def known(name: str) -> str:
    return (DATA / f"openvpn-client-{name}.pem").read_text()


class TestKnownAnswers:
    @pytest.mark.parametrize(
        ("name", "kind", "metadata"),
        [
            ("user", USER_METADATA, USER_TEXT),
            ("full", USER_METADATA, b"m" * MAX_METADATA_BYTES),
            ("time", TIME_METADATA, (0x6B055B6B).to_bytes(8, "big")),
        ],
    )
    def test_unwrap(self, name: str, kind: int, metadata: bytes) -> None:
        found = unwrap(SERVER, known(name))
        assert (found.metadata_type, found.metadata) == (kind, metadata)
        assert found.key == read_pem(CLIENT_LABEL, known(name))[:256]

    @pytest.mark.parametrize(
        ("name", "metadata"), [("user", USER_TEXT), ("full", b"m" * MAX_METADATA_BYTES)]
    )
    def test_wrap(self, name: str, metadata: bytes) -> None:
        """With the same key to wrap, the file is OpenVPN's to the last byte."""
        stored = read_pem(CLIENT_LABEL, known(name))
        made = wrap_client_key(SERVER, metadata=metadata, random_bytes=lambda n: stored[:n])
        assert made == known(name)

    def test_server_key(self) -> None:
        stored = read_pem(SERVER_LABEL, SERVER)
        assert generate_server_key(lambda n: stored[:n]) == SERVER


@needs_openvpn
class TestThisOpenvpn:
    def test_reads_our_server_key(self, tmp_path: Path) -> None:
        server_key = generate_server_key(secrets.token_bytes)
        client_key = self.genkey(tmp_path, server_key, base64.b64encode(USER_TEXT).decode())
        found = unwrap(server_key, client_key)
        assert (found.metadata_type, found.metadata) == (USER_METADATA, USER_TEXT)

    def test_writes_the_time_where_no_metadata_is_given(self, tmp_path: Path) -> None:
        server_key = generate_server_key(secrets.token_bytes)
        found = unwrap(server_key, self.genkey(tmp_path, server_key))
        assert (found.metadata_type, len(found.metadata)) == (TIME_METADATA, 8)

    @staticmethod
    def genkey(folder: Path, server_key: str, *metadata: str) -> str:
        (folder / "server.pem").write_text(server_key)
        subprocess.run(
            [
                "openvpn",
                *("--tls-crypt-v2", "server.pem"),
                *("--genkey", "tls-crypt-v2-client", "client.pem", *metadata),
            ],
            cwd=folder,
            check=True,
            capture_output=True,
            timeout=60,
        )
        return (folder / "client.pem").read_text()


@given(st.binary(max_size=MAX_METADATA_BYTES))
def test_what_is_wrapped_can_be_unwrapped(metadata: bytes) -> None:
    client_key = wrap_client_key(SERVER, metadata=metadata, random_bytes=secrets.token_bytes)
    found = unwrap(SERVER, client_key)
    assert (found.metadata_type, found.metadata) == (USER_METADATA, metadata)
    assert found.key == read_pem(CLIENT_LABEL, client_key)[:256]


def test_keys_differ() -> None:
    made = [
        wrap_client_key(SERVER, metadata=b"same", random_bytes=secrets.token_bytes)
        for _ in range(2)
    ]
    keys = {unwrap(SERVER, pem).key for pem in made}
    assert len(keys) == 2


def test_too_much_metadata() -> None:
    with pytest.raises(ValueError, match="at most 733 bytes"):
        wrap_client_key(
            SERVER, metadata=b"m" * (MAX_METADATA_BYTES + 1), random_bytes=secrets.token_bytes
        )


class TestDamaged:
    def test_the_key_of_another_server(self) -> None:
        other = generate_server_key(secrets.token_bytes)
        with pytest.raises(AssertionError):
            unwrap(other, known("user"))

    @pytest.mark.parametrize(
        "server_key",
        [
            "",
            known("user"),
            SERVER + SERVER,
            SERVER[:-10],
            SERVER.replace("A", "!"),
            SERVER.replace("A", "А"),  # a Cyrillic letter
            write_pem(SERVER_LABEL, bytes(127)),
            write_pem(SERVER_LABEL, bytes(129)),
        ],
    )
    def test_no_server_key(self, server_key: str) -> None:
        with pytest.raises(DamagedKey, match=r"^The .*; restore it from a backup\.$"):
            wrap_client_key(server_key, metadata=b"", random_bytes=secrets.token_bytes)

    def test_text_around_the_key_does_not_matter(self) -> None:
        dressed = f"# of berlin\r\n{SERVER}# end\n".replace("\n", "\r\n")
        made = wrap_client_key(dressed, metadata=USER_TEXT, random_bytes=secrets.token_bytes)
        assert unwrap(SERVER, made).metadata == USER_TEXT
