import re

import pytest

from tests.vpn.kit import DEMANDING
from vpn.configuration.connect_rules import check_profile
from vpn.configuration.directives import parse_directives
from vpn.configuration.profile import (
    DEPLOYED_PROFILE,
    ProfileMaterial,
    ProfileSettings,
    render_profile,
)
from vpn.values import Protocol, Remote

MATERIAL = ProfileMaterial(
    ca_pem="CA\n",
    certificate_pem="CERTIFICATE\n",
    private_key_pem="PRIVATE\n",
    tls_key="WRAPPED\n",
)


def profile(
    *,
    protocol: Protocol = Protocol.UDP,
    friendly_name: str = "main (Ann)",
    server_common_name: str | None = "server-main",
    settings: ProfileSettings = DEPLOYED_PROFILE,
) -> str:
    return render_profile(
        remote=Remote("vpn.example.com", 1194, protocol),
        server_common_name=server_common_name,
        friendly_name=friendly_name,
        material=MATERIAL,
        settings=settings,
    ).text


def test_the_whole_profile() -> None:
    assert [(d.name, *d.arguments, d.inline) for d in parse_directives(profile())] == [
        ("client", None),
        ("dev", "tun", None),
        ("remote", "vpn.example.com", "1194", "udp", None),
        ("nobind", None),
        ("resolv-retry", "infinite", None),
        ("persist-tun", None),
        ("remote-cert-tls", "server", None),
        ("verify-x509-name", "server-main", "name", None),
        ("tls-version-min", "1.2", None),
        ("verb", "3", None),
        ("setenv", "FRIENDLY_NAME", "main (Ann)", None),
        ("explicit-exit-notify", "1", None),
        ("ca", "CA\n"),
        ("cert", "CERTIFICATE\n"),
        ("key", "PRIVATE\n"),
        ("tls-crypt-v2", "WRAPPED\n"),
    ]


@pytest.mark.parametrize("protocol", Protocol)
def test_openvpn_connect_takes_it(protocol: Protocol) -> None:
    assert check_profile(profile(protocol=protocol)) == []


def test_tcp_has_no_exit_notification() -> None:
    assert "explicit-exit-notify" not in profile(protocol=Protocol.TCP)


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ("Иван Ю.", "Ivan Yu."),
        ('a"b\\c\nup /bin/sh', "abcup /bin/sh"),
        ("", "VPN"),
        ('"\n', "VPN"),
        ("x" * 300, "x" * 100),
    ],
)
def test_the_friendly_name_cannot_break_out(given: str, shown: str) -> None:
    text = profile(friendly_name=given)
    (found,) = re.findall(r'^setenv FRIENDLY_NAME "(.*)"$', text, re.MULTILINE)
    assert found == shown
    assert len(parse_directives(text)) == 16


def test_keys_are_not_shown() -> None:
    assert "PRIVATE" not in repr(MATERIAL)
    assert "WRAPPED" not in repr(MATERIAL)


def test_what_an_operators_server_demands() -> None:
    """Each line is tried with a real server in test_adopted_profiles."""
    text = profile(settings=DEMANDING, server_common_name='the "office" server')
    assert check_profile(text) == []
    assert [(d.name, *d.arguments) for d in parse_directives(text)][6:-5] == [
        ("remote-cert-tls", "server"),
        ("verify-x509-name", 'the "office" server', "name"),
        ("tls-version-min", "1.1"),
        ("auth", "SHA512"),
        ("ignore-unknown-option", "data-ciphers", "data-ciphers-fallback"),
        ("data-ciphers", "AES-256-GCM:AES-128-GCM:AES-256-CBC"),
        ("data-ciphers-fallback", "AES-256-CBC"),
        ("cipher", "AES-256-CBC"),
        ("comp-lzo", "no"),
        ("tun-mtu", "1400"),
        ("auth-user-pass",),
        ("key-direction", "1"),
        ("verb", "3"),
        ("setenv", "FRIENDLY_NAME", "main (Ann)"),
    ]
    assert "<tls-auth>\nWRAPPED\n</tls-auth>" in text


def test_a_server_that_does_not_say_who_it_is() -> None:
    settings = ProfileSettings(tls_key=None, is_marked=False)
    text = profile(settings=settings, server_common_name=None)
    assert "remote-cert-tls" not in text
    assert "verify-x509-name" not in text
    assert "WRAPPED" not in text


def test_what_connect_does_not_have_is_known() -> None:
    settings = ProfileSettings(device="tap", same_lines=(("fragment", "1300"), ("tun-mtu", "1400")))
    assert settings.beyond_connect == ("tap", "fragment")
    text = profile(settings=settings)
    assert len(check_profile(text)) == 2
    assert check_profile(text, beyond_connect=settings.beyond_connect) == []
