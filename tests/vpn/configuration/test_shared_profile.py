"""One profile for several servers: what they have to ask alike, and how it is written."""

from dataclasses import replace

import pytest

from vpn.configuration.connect_rules import check_profile
from vpn.configuration.directives import parse_directives
from vpn.configuration.profile import (
    CONNECTION,
    DEPLOYED_PROFILE,
    ProfileMaterial,
    ProfileSettings,
    TlsKey,
    beyond_connect,
    render_profile,
)
from vpn.configuration.shared_profile import (
    ServerSide,
    common_name_of,
    disagreements,
    shared_by,
)
from vpn.values import Protocol, Remote


def side(
    name: str,
    *,
    settings: ProfileSettings = DEPLOYED_PROFILE,
    common_name: str | None = "",
    protocol: Protocol = Protocol.UDP,
) -> ServerSide:
    called = f"server-{name}" if common_name == "" else common_name
    return ServerSide(name, Remote(f"{name}.example", 1194, protocol), settings, called)


def written(
    sides: list[ServerSide], tls_keys: list[str], *, random: bool = False
) -> list[tuple[str, ...]]:
    """Each line and block; checked as Connect reads it."""
    settings = sides[0].settings
    parts = render_profile(
        remote=sides[0].remote,
        server_common_name=common_name_of(sides),
        friendly_name="eu",
        material=ProfileMaterial("CA", "CERTIFICATE", "PRIVATE", tls_keys[0]),
        settings=settings,
        shared=shared_by(sides, tls_keys, random=random),
    )
    assert check_profile(parts.text, beyond_connect=beyond_connect(parts, settings)) == []
    return [(d.name, *d.arguments, d.inline or "") for d in parse_directives(parts.text)]


def test_with_one_key_for_all_each_has_a_line() -> None:
    lines = written([side("berlin"), side("paris")], ["KEY"])
    assert [line[1:3] for line in lines if line[0] == "remote"] == [
        ("berlin.example", "1194"),
        ("paris.example", "1194"),
    ]
    assert ("verify-x509-name", "server-", "name-prefix", "") in lines
    # Two minutes without an answer would be no help.
    assert ("server-poll-timeout", "10", "") in lines
    names = {line[0] for line in lines}
    assert names.isdisjoint({"remote-random", CONNECTION})
    assert ("tls-crypt-v2", "KEY\n") in lines


def test_each_client_has_an_order_of_its_own() -> None:
    assert ("remote-random", "") in written([side("berlin"), side("paris")], ["KEY"], random=True)


def test_with_keys_of_their_own_each_has_a_block_and_the_first_key_stands_for_connect() -> None:
    lines = written([side("berlin"), side("paris")], ["KEY1", "KEY2"])
    assert [line[1] for line in lines if line[0] == "remote"] == ["berlin.example"]
    assert ("tls-crypt-v2", "KEY1\n") in lines
    # OpenVPN takes for a block what was said before it.
    assert [line[0] for line in lines][-2:] == [CONNECTION] * 2
    first, second = (parse_directives(line[1]) for line in lines[-2:])
    assert [(d.name, d.arguments[:1], d.inline) for d in first + second] == [
        ("remote", ("berlin.example",), None),
        ("tls-crypt-v2", (), "KEY1\n"),
        ("remote", ("paris.example",), None),
        ("tls-crypt-v2", (), "KEY2\n"),
    ]


@pytest.mark.parametrize("second", Protocol)
def test_a_farewell_is_for_datagrams_only(second: Protocol) -> None:
    lines = written([side("berlin"), side("paris", protocol=second)], ["KEY"])
    farewell = ("explicit-exit-notify", "1", "") in lines
    assert farewell == (second is Protocol.UDP)


def test_a_single_server_is_not_shared() -> None:
    assert shared_by([side("berlin")], ["KEY"], random=True) is None


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (("vpn", "vpn"), "vpn"),
        (("server-a", "server-b"), "server-"),
        (("vpn.berlin", "vpn.paris"), "vpn."),
        ((None, None), None),
    ],
)
def test_how_clients_know_them(names: tuple[str | None, ...], expected: str | None) -> None:
    sides = [side(f"s{n}", common_name=name) for n, name in enumerate(names)]
    assert common_name_of(sides) == expected
    assert disagreements(sides) == []


@pytest.mark.parametrize(
    "names", [("vpn", None), ("berlin", "paris"), ("a-1", "a-2"), ("servera", "serverb")]
)
def test_clients_could_not_tell_them_from_others(names: tuple[str | None, ...]) -> None:
    sides = [side(f"s{n}", common_name=name) for n, name in enumerate(names)]
    [why] = disagreements(sides)
    assert "certificates" in why


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"device": "tap"}, "tun or tap: tun and tap"),
        ({"auth": "SHA512"}, "auth: none and SHA512"),
        ({"ciphers": ("AES-256-CBC",)}, "the ciphers: none and AES-256-CBC"),
        ({"tls_key": TlsKey.CRYPT}, "the kind of tls key: tls-crypt-v2 and tls-crypt"),
        ({"compression": ("comp-lzo", "no")}, "compression: none and comp-lzo; no"),
        ({"same_lines": (("tun-mtu", "1400"),)}, "both sides must have: none and tun-mtu 1400"),
        ({"asks_password": True}, "a password is asked for: no and yes"),
        ({"tls_version_min": "1.0"}, "TLS version: 1.2 and 1.0"),
    ],
)
def test_what_stands_in_a_profile_once_has_to_suit_all(
    change: dict[str, object], said: str
) -> None:
    other = side("paris", settings=replace(DEPLOYED_PROFILE, **change))  # type: ignore[arg-type]
    [why] = disagreements([side("berlin"), other])
    assert why.startswith("berlin and paris differ in ")
    assert said in why
