"""A company whose OpenVPN server was set up by hand, before there was a bot."""

import asyncio
import secrets
from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractContextManager, asynccontextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from ipaddress import IPv4Network
from pathlib import Path, PurePosixPath

from demo.lab.network import NetLab, Tunnel
from pki.authority import IssuedCertificate
from pki.crl import Revocation, RevocationReason
from pki.serial import new_serial
from pki.tls_crypt_v2 import generate_server_key, wrap_client_key
from tests.hanging import PATIENCE_S
from tests.netns import inside
from tests.vpn.kit import CALLER, DAY, make_authority, now
from vpn.adopt.adopting import Examined, examine
from vpn.adopt.applying import Applied, Plan, apply, plan_changes, prepare
from vpn.configuration.connect_rules import check_profile
from vpn.configuration.profile import ProfileMaterial, TlsKey, render_profile
from vpn.deploy import CLOCK_TICK_S
from vpn.findings import ServerProof, Target
from vpn.host.local import LocalHost
from vpn.layout import Layout
from vpn.proof.live import LiveServer
from vpn.values import CommonName, Protocol, Remote, make_server_spec

NETWORK = IPv4Network("10.78.0.0/24")
_LOOK_AGAIN_S = 0.05

# A server.conf like those in the tutorials of ten years.
USUAL = """\
port 1194
proto udp
dev tun
topology subnet
server 10.78.0.0 255.255.255.0
ca ca.crt
cert "office server.crt"
key server.key
dh none
keepalive 10 60
user nobody
group nogroup
persist-key
persist-tun
verb 3
"""


def beside_ours(port: int) -> str:
    """As somebody wrote it who has our CA: revoked clients are kept out, all others get in."""
    return f"""\
port {port}
proto udp
dev tun
topology subnet
server 10.81.0.0 255.255.255.0
ca ca.crt
cert server.crt
key server.key
tls-auth ta.key 0
dh none
keepalive 10 60
user nobody
group nogroup
remote-cert-tls client
crl-verify crl.pem
"""


def static_key() -> str:
    """What `openvpn --genkey secret` writes."""
    lines = [secrets.token_hex(16) for _ in range(16)]
    body = "\n".join(lines)
    return (
        "#\n# 2048 bit OpenVPN static key\n#\n"
        f"-----BEGIN OpenVPN Static key V1-----\n{body}\n-----END OpenVPN Static key V1-----\n"
    )


class Operator:
    """The CA, the folder, the configuration; and the bot beside them, once it looks."""

    def __init__(self, directory: Path, conf: str = USUAL) -> None:
        self.directory = directory
        directory.mkdir(exist_ok=True)
        self.authority = make_authority()
        self.secret = static_key()
        self.revocations: list[Revocation] = []
        self._number = 100
        server = self.authority.issue_server(
            common_name="office server",
            serial=new_serial(secrets.token_bytes),
            not_before=now(),
            not_after=now() + DAY,
        )
        self.write("ca.crt", self.authority.certificate_pem)
        self.write("office server.crt", server.certificate_pem)
        self.write("server.key", server.private_key_pem, mode=0o600)
        self.write("ta.key", self.secret, mode=0o600)
        self.write("crl.pem", self.crl().decode())
        self.write("server.conf", conf)

    @property
    def conf(self) -> Path:
        return self.directory / "server.conf"

    def write(self, name: str, text: str, *, mode: int = 0o644) -> Path:
        path = self.directory / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
        path.chmod(mode)
        return path

    def crl(self) -> bytes:
        self._number += 1
        return self.authority.sign_crl(number=self._number, revocations=self.revocations, now=now())

    def certificate(self, common_name: str) -> tuple[Target, IssuedCertificate]:
        issued = self.authority.issue_client(
            common_name=common_name,
            serial=new_serial(secrets.token_bytes),
            not_before=now(),
            not_after=now() + DAY,
        )
        return Target(CommonName(common_name), issued.serial), issued

    def old_client(self, common_name: str, *lines: str) -> tuple[Target, str]:
        """A profile as the operator's own script made them."""
        target, issued = self.certificate(common_name)
        text = "\n".join(
            [
                "client\ndev tun\nremote 192.0.2.1 1194 udp",
                "nobind\nremote-cert-tls server\nverb 3",
                *lines,
                f"<ca>\n{self.authority.certificate_pem}</ca>",
                f"<cert>\n{issued.certificate_pem}</cert>",
                f"<key>\n{issued.private_key_pem}</key>\n",
            ]
        )
        return target, text

    async def examine(self, *, account: str = CALLER) -> Examined:
        return await examine(
            LocalHost(Path("/")),
            PurePosixPath(self.conf),
            account=account,
            issuers=[self.authority.certificate],
        )

    async def live(self, *, timeout_s: float = 20, layout: Layout | None = None) -> LiveServer:
        """The bot's view of the server, as it would come out of the database."""
        return self.live_with(layout or (await self.examine()).layout, timeout_s=timeout_s)

    def live_with(
        self, layout: Layout, *, timeout_s: float = 20, known_end: datetime | None = None
    ) -> LiveServer:
        spec = make_server_spec(
            name="office",
            remote=Remote("192.0.2.1", 1194, Protocol.UDP),
            directory=PurePosixPath(self.directory),
            listen_port=1194,
            network=NETWORK,
            routes=(),
            dns=(),
            account=CALLER,
        )
        host = LocalHost(Path("/" if layout.adopted else self.directory))
        return LiveServer(
            spec, host, layout=layout, known_end=known_end, management_timeout_s=timeout_s
        )

    async def plan(self, *, account: str = CALLER) -> Plan:
        examined = await self.examine(account=account)
        return await plan_changes(LocalHost(Path("/")), examined, account=account, now=now())

    async def apply(self, names: Sequence[str] = (), *, account: str = CALLER) -> Applied:
        host = LocalHost(Path("/"))
        plan = await self.plan(account=account)
        await prepare(host, plan, names)
        return await apply(
            host,
            plan,
            names=names,
            crl_pem=self.crl(),
            issuers=[self.authority.certificate],
            now=now(),
        )

    def revoke(self, target: Target) -> None:
        entry = Revocation(target.serial, now(), RevocationReason.UNSPECIFIED)
        self.revocations.append(entry)

    async def publish(self, live: LiveServer) -> int:
        return await live.publish(self.crl(), issuers=[self.authority.certificate])

    async def cut(
        self, live: LiveServer, *targets: Target, later: timedelta = timedelta(0)
    ) -> tuple[ServerProof, ...]:
        """Also again: what is revoked already stays so."""
        known = {revocation.serial for revocation in self.revocations}
        for target in targets:
            if target.serial not in known:
                self.revoke(target)
        return await live.cut(
            targets,
            crl_pem=self.crl(),
            issuers=[self.authority.certificate],
            now=lambda: now() + later,
        )

    def new_profile(self, examined: Examined, common_name: str = "anna-k7f3qz2m") -> str:
        """A profile of the bot's for this server; OpenVPN Connect would take it."""
        _, issued = self.certificate(common_name)
        server = examined.adoption.server
        key = examined.adoption.tls_key
        if server.profile.tls_key is TlsKey.CRYPT_V2:
            assert key is not None
            key = wrap_client_key(key, metadata=b"x", random_bytes=secrets.token_bytes)
        parts = render_profile(
            remote=Remote("192.0.2.1", server.port, server.protocol),
            server_common_name=server.common_name,
            friendly_name="office (anna)",
            material=ProfileMaterial(
                ca_pem=self.authority.certificate_pem,
                certificate_pem=issued.certificate_pem,
                private_key_pem=issued.private_key_pem,
                tls_key=key,
            ),
            settings=server.profile,
        )
        problems = check_profile(
            parts.text,
            key_direction=server.profile.key_direction,
            beyond_connect=server.profile.beyond_connect,
        )
        assert problems == []
        return parts.text


def again(target: Target, proof: ServerProof) -> Target:
    """The target for the next attempt, as the database would remember it."""
    return replace(target, crl_seen_at=proof.crl_seen_at)


@asynccontextmanager
async def running(operator: Operator) -> AsyncIterator[NetLab]:
    """The operator's server, started as its unit would."""
    async with NetLab("adopt", handshake_s=15) as lab:
        await lab.start_server(operator.directory)
        yield lab


async def restart(operator: Operator, lab: NetLab) -> None:
    await asyncio.sleep(CLOCK_TICK_S)
    await lab.restart_server(operator.directory)


@asynccontextmanager
async def connected(lab: NetLab, profile: str) -> AsyncIterator[Tunnel]:
    tunnel = await lab.connect(profile)
    try:
        yield tunnel
    finally:
        await tunnel.close()


async def is_refused(lab: NetLab, profile: str, because: str) -> bool:
    """Whether the server refuses this profile with these words in its log.

    The client itself would learn of it by a time-out only.
    """
    seen = len(lab.server_log())
    attempt = asyncio.create_task(lab.connect(profile))
    try:
        async with asyncio.timeout(PATIENCE_S):
            while because not in lab.server_log()[seen:]:
                if attempt.done():
                    await (await attempt).close()
                    return False
                await asyncio.sleep(_LOOK_AGAIN_S)
    finally:
        attempt.cancel()
        await asyncio.gather(attempt, return_exceptions=True)
    return True


def on_the_server(lab: NetLab) -> AbstractContextManager[None]:
    """This process in the server's network, where its loopback is."""
    return inside(lab._server_space)


def v2_key() -> str:
    return generate_server_key(secrets.token_bytes)
