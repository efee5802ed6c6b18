"""Today's server takes tomorrow's profile: every variant with a real server and a real client."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from demo.lab.network import NetLab
from tests.vpn.operator_kit import USUAL, Operator, connected, is_refused, v2_key
from tests.vpn.running import IN_THE_LAB

pytestmark = [*IN_THE_LAB, pytest.mark.waits]

INSIDE = "10.78.0.1"
CBC = "cipher AES-256-CBC\ndata-ciphers AES-256-CBC\n"
# 2.6 has lost the option, and this is what it did.
NO_NEGOTIATION = (
    f"{CBC}data-ciphers-fallback AES-256-CBC\nignore-unknown-option ncp-disable\nncp-disable\n"
)
TCP = USUAL.replace("proto udp", "proto tcp-server")
TAP = USUAL.replace("dev tun", "dev tap0")


def inline(operator: Operator) -> str:
    return f"key-direction 1\n<tls-auth>\n{operator.secret}</tls-auth>\n"


VARIANTS = {
    "nothing": ("", []),
    "tls-auth 0": ("tls-auth ta.key 0\n", ["key-direction 1"]),
    "tls-auth 1": ("tls-auth ta.key 1\n", ["key-direction 0"]),
    "tls-auth both ways": ("tls-auth ta.key\n", []),
    "tls-auth SHA512": ("auth SHA512\ntls-auth ta.key 0\n", ["auth SHA512", "key-direction 1"]),
    "tls-crypt": ("tls-crypt ta.key\n", []),
    "tls-crypt-v2": ("tls-crypt-v2 v2.key\n", []),
    "v2 beside tls-auth": ("tls-auth ta.key 0\ntls-crypt-v2 v2.key\n", []),
    "cbc": (CBC, ["cipher AES-256-CBC"]),
    "ncp-disable": (NO_NEGOTIATION, ["data-ciphers-fallback AES-256-CBC", "cipher AES-256-CBC"]),
    "cbc beside gcm": ("cipher AES-256-CBC\nncp-ciphers AES-128-GCM:AES-256-CBC\n", []),
    "chacha": ("data-ciphers CHACHA20-POLY1305\n", ["cipher CHACHA20-POLY1305"]),
    "comp-lzo": ("comp-lzo\n", ["comp-lzo"]),
    "comp-lzo no": ("comp-lzo no\n", ["comp-lzo no"]),
    "compress": ("compress lz4-v2\n", ["compress lz4-v2"]),
    "migrate": ("compress migrate\n", []),
    "stub-v2": ("compress stub-v2\n", []),
    "pushed": ('compress stub-v2\npush "compress stub-v2"\n', []),
    "mtu": ("tun-mtu 1400\n", ["tun-mtu 1400"]),
    "fragment": ("fragment 1200\nmssfix\n", ["fragment 1200"]),
}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def lab() -> AsyncIterator[NetLab]:
    async with NetLab("profiles", handshake_s=15) as made:
        yield made


async def connects(lab: NetLab, operator: Operator) -> list[str]:
    """Whether a new profile gets in and through, and what it says."""
    profile = operator.new_profile(await operator.examine())
    await lab.start_server(operator.directory)
    try:
        async with connected(lab, profile) as tunnel:
            assert await tunnel.ping(INSIDE), tunnel.log
            assert "WARNING: 'link-mtu'" not in tunnel.log
    finally:
        await lab.stop_server()
    return profile.splitlines()


FORCED = ("auth", "key-direction", "cipher", "data-ciphers-fallback", "comp", "tun-mtu", "fragm")


@pytest.mark.parametrize("variant", VARIANTS)
async def test_a_new_profile_fits(lab: NetLab, open_folder: Path, variant: str) -> None:
    lines, wanted = VARIANTS[variant]
    operator = Operator(open_folder / "office", USUAL + lines)
    operator.write("v2.key", v2_key())
    said = await connects(lab, operator)
    assert [line for line in said if line.startswith(FORCED)] == wanted
    assert 'verify-x509-name "office server" name' in said
    assert "remote-cert-tls server" in said


@pytest.mark.parametrize(
    ("conf", "line"),
    [
        (TCP, "remote 192.0.2.1 1194 tcp"),
        (TAP, "dev tap"),
        (USUAL.replace("topology subnet\n", ""), "remote 192.0.2.1 1194 udp"),
        (USUAL.replace("dev tun", "dev vpn0\ndev-type tun"), "dev tun"),
        (USUAL.replace("proto udp", "proto udp6"), "dev tun"),
        (USUAL.replace("port 1194", "port 1195"), "remote 192.0.2.1 1195 udp"),
    ],
)
async def test_the_way_to_the_server(lab: NetLab, open_folder: Path, conf: str, line: str) -> None:
    assert line in await connects(lab, Operator(open_folder / "office", conf))


async def test_an_inline_key_and_its_direction(lab: NetLab, open_folder: Path) -> None:
    operator = Operator(open_folder / "office")
    operator.write("server.conf", USUAL + inline(operator))
    assert "key-direction 0" in await connects(lab, operator)


OTHER_PRINT = ":".join(["A5"] * 32)
USES = {
    "remote-cert-eku 1.3.6.1.5.5.7.3.4": "VERIFY EKU ERROR",
    'remote-cert-eku "TLS Web Client Authentication"': None,
    "remote-cert-eku 1.3.6.1.5.5.7.3.2": None,
    "remote-cert-ku e0 a0": "VERIFY KU ERROR",
    "remote-cert-ku 08 0x80": None,
    "remote-cert-ku": None,
    "remote-cert-tls server": "VERIFY EKU ERROR",
    "remote-cert-eku 1.2.3\nremote-cert-ku e0\nremote-cert-tls client": None,
    "remote-cert-tls client\nremote-cert-eku 1.2.3": "VERIFY EKU ERROR",
    f"<peer-fingerprint>\n{OTHER_PRINT}\n</peer-fingerprint>": "hash verification failed",
}


@pytest.mark.long
@pytest.mark.parametrize("lines", USES)
async def test_a_server_that_wants_another_certificate(
    lab: NetLab, open_folder: Path, lines: str
) -> None:
    """Then no profile is offered there, and whoever adopts it hears why."""
    operator = Operator(open_folder / "office", f"{USUAL}{lines}\n")
    examined = await operator.examine()
    because, closed = USES[lines], examined.adoption.server.closed
    assert (closed is None) is (because is None), closed
    if because is None:
        await connects(lab, operator)
        return
    await lab.start_server(operator.directory)
    try:
        assert await is_refused(lab, operator.new_profile(examined), because)
    finally:
        await lab.stop_server()
