"""What both sides have to agree about, where the server says nothing: it goes by its default."""

from pathlib import Path

import pytest

from tests.bot.handover.kit import BLOCKS, NEEDED, PROFILE, SHORTEST, made, refused
from vpn.configuration.profile import DEPLOYED_PROFILE, ProfileSettings, TlsKey

SIGNED = ProfileSettings(tls_key=TlsKey.AUTH, key_direction=1)
OLD_CIPHER = ProfileSettings(ciphers=("AES-256-CBC",))
COMPRESSED = ProfileSettings(compression=("comp-lzo", "no"))
NEWER = ProfileSettings(compression=("compress", "lz4"))
SETTINGS = {
    "deployed": DEPLOYED_PROFILE,
    "tls-auth": SIGNED,
    "an old cipher": OLD_CIPHER,
    "comp-lzo": COMPRESSED,
    "compress": NEWER,
}


@pytest.mark.long
@pytest.mark.parametrize(
    ("line", "server"),
    [
        ("comp-lzo", "deployed"),
        ("comp-lzo no", "deployed"),
        ("comp-lzo adaptive", "tls-auth"),
        ("compress", "deployed"),
        ("compress lzo", "deployed"),
        ("compress lz4", "deployed"),
        ("compress stub", "deployed"),
        ("compress stub-v2", "comp-lzo"),
        ("compress", "comp-lzo"),
        ("comp-lzo no", "compress"),
        ("fragment 1300\nignore-unknown-option fragment", "deployed"),
        ("tun-mtu 1400", "deployed"),
        ("tun-mtu 9000", "tls-auth"),
        ("link-mtu 1500", "deployed"),
        ("auth SHA512", "tls-auth"),
        ("auth none", "tls-auth"),
        ("auth SHA256", "an old cipher"),
        ("data-ciphers AES-256-CBC", "deployed"),
        ("data-ciphers", "deployed"),
        ("ncp-ciphers BF-CBC:AES-192-CBC", "tls-auth"),
        ("ncp-ciphers AES-256-GCM", "an old cipher"),
    ],
)
async def test_what_the_server_does_not_expect(tmp_path: Path, line: str, server: str) -> None:
    first = line.split("\n", maxsplit=1)[0]
    with refused(tmp_path, PROFILE, f"'{first}' doesn't fit berlin", line=3):
        await made(tmp_path, f"{{{{ directives }}}}\n\n{line}\n{BLOCKS}", settings=SETTINGS[server])


@pytest.mark.long
@pytest.mark.parametrize(
    ("line", "server"),
    [
        ("compress lz4-v2", "deployed"),
        ("compress stub-v2", "deployed"),
        ("compress migrate", "tls-auth"),
        ("comp-lzo no", "comp-lzo"),
        ("compress lz4", "compress"),
        ("tun-mtu 1500", "deployed"),
        ("mssfix 1300", "deployed"),
        ("auth SHA512", "deployed"),
        ("auth SHA1", "tls-auth"),
        ("auth sha1", "an old cipher"),
        ("cipher AES-256-CBC", "deployed"),
        ("data-ciphers AES-256-GCM", "deployed"),
        ("data-ciphers aes-128-gcm:AES-256-CBC", "tls-auth"),
        ("ncp-ciphers AES-256-CBC:AES-256-GCM", "deployed"),
        ("data-ciphers-fallback AES-256-CBC", "deployed"),
    ],
)
async def test_what_works_all_the_same(tmp_path: Path, line: str, server: str) -> None:
    text = await made(
        tmp_path, f"{{{{ directives }}}}\n{line}\n{BLOCKS}", settings=SETTINGS[server]
    )
    assert f"\n{line}\n<ca>" in text


@pytest.mark.parametrize("name", [TlsKey.AUTH, TlsKey.CRYPT])
async def test_a_handshake_that_is_wrapped_twice(tmp_path: Path, name: str) -> None:
    """OpenVPN takes one of the wrappings only."""
    template = f"{NEEDED}{BLOCKS}<{name}>\nx\n</{name}>\n"
    with refused(tmp_path, PROFILE, f"'{name}' doesn't fit berlin", line=6):
        await made(tmp_path, template)


@pytest.mark.parametrize("name", TlsKey)
async def test_a_handshake_that_the_server_does_not_unwrap(tmp_path: Path, name: str) -> None:
    settings = ProfileSettings(tls_key=None)
    template = f"{SHORTEST}<{name}>\nx\n</{name}>\n"
    with refused(tmp_path, PROFILE, f"'{name}' doesn't fit berlin", line=3):
        await made(tmp_path, template, settings=settings)
