"""Two real OpenVPN processes on loopback: what the server says decides.

They need no root, because `dev null` makes no interface.
"""

import os
import secrets
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from pki.authority import Authority, IssuedCertificate, self_signed
from pki.crl import Revocation, RevocationReason, read_crl
from pki.errors import ForeignCrl
from pki.tls_crypt_v2 import generate_server_key, wrap_client_key
from tests.faketime import needs_faketime, shifted
from tests.pki.tools import saved, serial

pytestmark = pytest.mark.skipif(
    shutil.which("openvpn") is None, reason="the openvpn program is not installed"
)

DEADLINE_S = 60
# OpenVPN goes by the real clock.
START = datetime.now(UTC)
END = START + timedelta(days=1)

ACCEPTED = "Peer Connection Initiated"
SHOW_METADATA = """#!/bin/sh
printf '%s:' "$metadata_type" > seen
cat "$metadata_file" >> seen
"""


@dataclass
class Pair:
    """A server and the client that dials it, with their files in one folder."""

    folder: Path
    authority: Authority
    server_key: str
    client: IssuedCertificate
    metadata: bytes = b"g-7"
    # What the server's process gets beside the test's own environment.
    server_environment: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        server = self.authority.issue_server(
            common_name="server-x", serial=serial(), not_before=START, not_after=END
        )
        self.save("ca.crt", self.authority.certificate_pem)
        self.save_identity("server", server)
        self.save_identity("client", self.client)
        self.save("server-v2.key", self.server_key)
        self.save_client_key(self.server_key)
        self.save_crl(self.authority)
        self.save("show-metadata", SHOW_METADATA).chmod(0o700)

    def save(self, name: str, content: str | bytes) -> Path:
        path = saved(self.folder, name, content)
        path.chmod(0o600)
        return path

    def save_identity(self, name: str, issued: IssuedCertificate) -> None:
        self.save(f"{name}.crt", issued.certificate_pem)
        self.save(f"{name}.key", issued.private_key_pem)

    def save_client_key(self, server_key: str) -> None:
        self.save(
            "client-v2.key",
            wrap_client_key(server_key, metadata=self.metadata, random_bytes=secrets.token_bytes),
        )

    def save_crl(self, authority: Authority, *revoked: IssuedCertificate) -> None:
        reason = RevocationReason.KEY_COMPROMISE
        entries = [Revocation(issued.serial, START, reason) for issued in revoked]
        self.save("crl.pem", authority.sign_crl(number=1, revocations=entries, now=START))

    def server_says(self, expected: str) -> str:
        """Lets the client dial; the server's log once it holds `expected`, or at the deadline."""
        with ExitStack() as running:
            port = free_port()
            running.enter_context(self.openvpn("server", *self.server_options(port)))
            self.wait_for("server.log", "UDPv4 link remote")
            running.enter_context(self.openvpn("client", *self.client_options(port)))
            return self.wait_for("server.log", expected)

    def server_options(self, port: int) -> list[str]:
        return [
            *("--local", "127.0.0.1", "--port", str(port), "--tls-server", "--dh", "none"),
            *("--remote-cert-tls", "client", "--crl-verify", "crl.pem"),
            *("--script-security", "2", "--tls-crypt-v2-verify", "./show-metadata"),
        ]

    def client_options(self, port: int) -> list[str]:
        return [
            *("--remote", "127.0.0.1", str(port), "--nobind", "--tls-client"),
            *("--remote-cert-tls", "server", "--verify-x509-name", "server-x", "name"),
        ]

    @contextmanager
    def openvpn(self, name: str, *options: str) -> Iterator[None]:
        with (self.folder / f"{name}.log").open("wb") as log:
            process = subprocess.Popen(
                [
                    *("openvpn", "--dev", "null", "--proto", "udp", "--verb", "3"),
                    *("--ca", "ca.crt", "--cert", f"{name}.crt", "--key", f"{name}.key"),
                    *("--tls-crypt-v2", f"{name}-v2.key", *options),
                ],
                cwd=self.folder,
                env=os.environ | (self.server_environment if name == "server" else {}),
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        try:
            yield
        finally:
            process.terminate()
            process.wait(timeout=DEADLINE_S)

    def wait_for(self, name: str, expected: str) -> str:
        deadline = time.monotonic() + DEADLINE_S
        while True:
            text = (self.folder / name).read_text()
            if expected in text or time.monotonic() > deadline:
                return text
            time.sleep(0.02)


def free_port() -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture
def pair(authority: Authority, tmp_path: Path) -> Pair:
    return make_pair(authority, tmp_path)


def make_pair(authority: Authority, tmp_path: Path) -> Pair:
    client = authority.issue_client(
        common_name="anna-1", serial=serial(), not_before=START, not_after=END
    )
    return Pair(tmp_path, authority, generate_server_key(secrets.token_bytes), client)


@needs_faketime
@pytest.mark.parametrize(
    ("ahead", "expected"),
    [
        (-timedelta(hours=23), ACCEPTED),
        (timedelta(hours=23), ACCEPTED),
        (-timedelta(hours=25), "CRL is not yet valid"),
    ],
    ids=["behind", "ahead", "far-behind"],
)
def test_a_server_whose_clock_differs(tmp_path: Path, ahead: timedelta, expected: str) -> None:
    """The CA, the certificates and the CRL were all made just now."""
    key = ec.generate_private_key(ec.SECP256R1())
    year = timedelta(days=365)
    made = self_signed(key, common_name="CA", serial=serial(), now=START, lifetime=year)
    pair = make_pair(Authority(made, key), tmp_path)
    pair.server_environment = shifted(ahead)
    assert expected in pair.server_says(expected)


def test_a_client_of_ours_comes_in(pair: Pair) -> None:
    log = pair.server_says(ACCEPTED)
    assert f"[anna-1] {ACCEPTED}" in log
    assert "VERIFY WARNING" not in log
    assert "WARNING: Failed" not in log


def test_the_server_sees_the_metadata(pair: Pair) -> None:
    pair.metadata = "g-8 мария".encode()
    pair.save_client_key(pair.server_key)
    assert "TLS CRYPT V2 VERIFY SCRIPT OK" in pair.server_says("TLS CRYPT V2 VERIFY SCRIPT OK")
    assert (pair.folder / "seen").read_text() == "0:g-8 мария"


def test_a_revoked_client_is_refused(pair: Pair) -> None:
    pair.save_crl(pair.authority, pair.client)
    log = pair.server_says("certificate revoked")
    assert "certificate revoked: CN=anna-1" in log
    assert ACCEPTED not in log


def test_a_foreign_crl_would_let_the_revoked_in(pair: Pair, stranger: Authority) -> None:
    """Why `read_crl` refuses it: OpenVPN warns, and goes on."""
    pair.save_crl(stranger, pair.client)
    with pytest.raises(ForeignCrl):
        read_crl((pair.folder / "crl.pem").read_bytes(), pair.authority.certificate)
    log = pair.server_says(ACCEPTED)
    assert ACCEPTED in log
    assert "unable to get certificate CRL" in log


def test_a_servers_certificate_is_no_clients(pair: Pair) -> None:
    posing = pair.authority.issue_server(
        common_name="server-y", serial=serial(), not_before=START, not_after=END
    )
    pair.save_identity("client", posing)
    log = pair.server_says("VERIFY ERROR")
    assert "unsuitable certificate purpose: CN=server-y" in log
    assert ACCEPTED not in log


def test_the_tls_crypt_v2_key_of_another_server(pair: Pair) -> None:
    pair.save_client_key(generate_server_key(secrets.token_bytes))
    log = pair.server_says("can not extract")
    assert "can not extract tls-crypt-v2 client key" in log
    assert "TLS: Initial packet" not in log
