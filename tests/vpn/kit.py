"""A company with a CA and one server, made of real parts."""

import os
import pwd
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address, IPv4Network
from itertools import count
from pathlib import Path, PurePosixPath

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec

from demo.lab.network import Tunnel
from pki.authority import Authority, self_signed
from pki.crl import Revocation, RevocationReason
from pki.serial import new_serial
from pki.tls_crypt_v2 import generate_server_key, wrap_client_key
from vpn.configuration.profile import ProfileMaterial, ProfileSettings, TlsKey, render_profile
from vpn.deploy import SERVER_CERTIFICATE_LIFETIME, DeployReport, ServerIdentity, deploy
from vpn.findings import ServerProof, Target
from vpn.host.local import LocalHost
from vpn.proof.live import LiveServer
from vpn.values import (
    CommonName,
    Protocol,
    Remote,
    ServerSpec,
    make_server_spec,
    server_common_name,
)

NETWORK = IPv4Network("10.77.0.0/22")
SERVER_INSIDE = "10.77.0.1"
CALLER = pwd.getpwuid(os.geteuid()).pw_name
DAY = timedelta(days=1)
# What an operator's own server may ask of its clients.
DEMANDING = ProfileSettings(
    tls_key=TlsKey.AUTH,
    key_direction=1,
    auth="SHA512",
    ciphers=("AES-256-CBC",),
    negotiates=False,
    compression=("comp-lzo", "no"),
    same_lines=(("tun-mtu", "1400"),),
    tls_version_min="1.1",
    asks_password=True,
)


def now() -> datetime:
    """OpenVPN has no other clock than the system's, so these tests have none either."""
    return datetime.now(UTC)


def make_authority(common_name: str = "Test CA") -> Authority:
    """All have one name, like those of somebody who ran `ca init` twice."""
    key = ec.generate_private_key(ec.SECP256R1())
    certificate = self_signed(
        key,
        common_name=common_name,
        serial=new_serial(secrets.token_bytes),
        now=now() - DAY,
        lifetime=timedelta(days=3650),
    )
    return Authority(certificate, key)


def make_spec(
    directory: Path,
    *,
    name: str = "main",
    protocol: Protocol = Protocol.UDP,
    listen_port: int = 1194,
    routes: tuple[IPv4Network, ...] = (IPv4Network("10.99.0.0/16"),),
    dns: tuple[IPv4Address, ...] = (),
    account: str = CALLER,
) -> ServerSpec:
    return make_server_spec(
        name=name,
        remote=Remote("192.0.2.1", 1194, protocol),
        directory=PurePosixPath(directory),
        listen_port=listen_port,
        network=NETWORK,
        routes=routes,
        dns=dns,
        account=account,
    )


@dataclass(frozen=True, slots=True)
class Issued:
    """A profile that was handed out, and what is needed to take it back."""

    target: Target
    address: IPv4Address
    profile: str


class Company:
    """Issues, admits and revokes the way the bot does, without its database."""

    def __init__(self, spec: ServerSpec) -> None:
        self.spec = spec
        self.directory = Path(spec.directory)
        self.host = LocalHost(self.directory)
        self.live = LiveServer(spec, self.host)
        self.authority = make_authority()
        self.server_key = generate_server_key(secrets.token_bytes)
        self.revocations: list[Revocation] = []
        self.server_certificates = 0
        self._crl_numbers = count(1)
        self._clients = count(2)

    @property
    def issuer(self) -> x509.Certificate:
        return self.authority.certificate

    async def deploy(
        self, *, at: datetime | None = None, until: datetime | None = None
    ) -> DeployReport:
        when = at or now()

        def issue(common_name: CommonName) -> ServerIdentity:
            self.server_certificates += 1
            issued = self.authority.issue_server(
                common_name=common_name,
                serial=new_serial(secrets.token_bytes),
                not_before=when,
                not_after=until or when + SERVER_CERTIFICATE_LIFETIME,
            )
            return ServerIdentity(issued.certificate_pem, issued.private_key_pem)

        return await deploy(
            self.spec,
            self.host,
            ca_pem=self.authority.certificate_pem,
            tls_crypt_v2_pem=self.server_key,
            issue=issue,
            now=when,
        )

    def crl(self, *, at: datetime | None = None, number: int | None = None) -> bytes:
        """A new CRL of all that was revoked."""
        return self.authority.sign_crl(
            number=number or next(self._crl_numbers),
            revocations=self.revocations,
            now=at or now(),
        )

    async def publish(self) -> int:
        return await self.live.publish(self.crl(), issuers=[self.issuer])

    async def ready(self) -> None:
        await self.deploy()
        await self.publish()

    def issue(self) -> Issued:
        """A profile; nobody is let in with it yet."""
        number = next(self._clients)
        common_name = CommonName(f"client-{number}")
        issued = self.authority.issue_client(
            common_name=common_name,
            serial=new_serial(secrets.token_bytes),
            not_before=now(),
            not_after=now() + DAY,
        )
        material = ProfileMaterial(
            ca_pem=self.authority.certificate_pem,
            certificate_pem=issued.certificate_pem,
            private_key_pem=issued.private_key_pem,
            tls_key=wrap_client_key(
                self.server_key, metadata=common_name.encode(), random_bytes=secrets.token_bytes
            ),
        )
        profile = render_profile(
            remote=self.spec.remote,
            server_common_name=server_common_name(self.spec.name),
            friendly_name=f"{self.spec.name} ({common_name})",
            material=material,
        ).text
        return Issued(Target(common_name, issued.serial), NETWORK[number], profile)

    async def admit(self) -> Issued:
        issued = self.issue()
        await self.live.admit(issued.target.common_name, issued.address)
        return issued

    def revoke(self, issued: Issued) -> None:
        """Records it; nothing is published."""
        entry = Revocation(issued.target.serial, now(), RevocationReason.UNSPECIFIED)
        self.revocations.append(entry)

    async def cut(self, issued: Issued, *, crl_pem: bytes | None = None) -> ServerProof:
        """Revokes on the server, with a new CRL that lists it unless one is given."""
        self.revoke(issued)
        (proof,) = await self.live.cut(
            [issued.target], crl_pem=crl_pem or self.crl(), issuers=[self.issuer], now=now
        )
        return proof


def codes(result: ServerProof) -> list[str]:
    return [finding.code.value for finding in result.findings]


@asynccontextmanager
async def closing(tunnel: Tunnel) -> AsyncIterator[Tunnel]:
    try:
        yield tunnel
    finally:
        await tunnel.close()
