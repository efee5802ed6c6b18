from ipaddress import IPv4Network
from pathlib import Path, PurePosixPath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.vpn.kit import make_spec
from vpn.errors import InvalidRemote, InvalidServer, NetworksExhausted
from vpn.values import (
    CommonName,
    Protocol,
    Remote,
    make_server_spec,
    next_free_network,
    parse_remote,
    server_common_name,
    valid_common_name,
)

FOLDER = Path("/srv/vpn")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("vpn.example.com:1194/udp", Remote("vpn.example.com", 1194, Protocol.UDP)),
        ("VPN.Example.com:443/TCP", Remote("vpn.example.com", 443, Protocol.TCP)),
        ("192.0.2.7", Remote("192.0.2.7", 1194, Protocol.UDP)),
        ("office/tcp", Remote("office", 1194, Protocol.TCP)),
        ("[2001:DB8::1]:1195/udp", Remote("2001:db8::1", 1195, Protocol.UDP)),
    ],
)
def test_a_remote_is_read(text: str, expected: Remote) -> None:
    assert parse_remote(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "",
        ":1194/udp",
        "vpn.example.com:0/udp",
        "vpn.example.com:65536",
        "vpn.example.com:1194/icmp",
        "vpn.example.com:1194/udp extra",
        "two words:1194",
        "2001:db8::1",
        "[2001:db8::zz]:1194",
        "300.1.2.3:1194",
        "bücher.example:1194",
        "host\nup /bin/sh:1194",
        "a" * 64 + ".example",
    ],
)
def test_what_is_no_remote_is_refused(text: str) -> None:
    with pytest.raises(InvalidRemote):
        parse_remote(text)


@given(
    host=st.sampled_from(["vpn.example.com", "192.0.2.1", "2001:db8::5"]),
    port=st.integers(1, 65535),
    protocol=st.sampled_from(Protocol),
)
def test_a_remote_reads_back_what_it_says(host: str, port: int, protocol: Protocol) -> None:
    remote = Remote(host, port, protocol)
    assert parse_remote(str(remote)) == remote


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("ann-7f3a", True),
        ("a" * 64, True),
        ("a" * 65, False),
        ("", False),
        ("Ann", False),
        ("ann:1", False),
        ("../ann", False),
        ("ann\n", False),
        ("änn", False),
    ],
)
def test_common_names_are_plain_file_names(text: str, expected: bool) -> None:
    assert valid_common_name(text) is expected


def test_a_servers_common_name_is_one() -> None:
    assert server_common_name("main") == CommonName("server-main")
    assert valid_common_name(server_common_name("m" * 32))


@pytest.mark.parametrize("name", ["", "1st", "Main", "a" * 33, "ma in", "-a", "main\n"])
def test_a_bad_server_name_is_refused(name: str) -> None:
    with pytest.raises(InvalidServer, match="name"):
        make_spec(FOLDER, name=name)


@pytest.mark.parametrize(
    "directory", ["/", "relative", "/srv/../etc", "/srv/a b", "/srv/%n", "/srv/a'b", "/srv/ä"]
)
def test_a_folder_that_would_need_quoting_is_refused(directory: str) -> None:
    with pytest.raises(InvalidServer, match="folder"):
        make_spec(Path(directory))


@pytest.mark.parametrize("account", ["", "root\nup x", "Ann", "a b"])
def test_a_bad_account_is_refused(account: str) -> None:
    with pytest.raises(InvalidServer, match="account"):
        make_spec(FOLDER, account=account)


@pytest.mark.parametrize("port", [0, 65536])
def test_a_bad_port_is_refused(port: int) -> None:
    with pytest.raises(InvalidServer, match="port"):
        make_spec(FOLDER, listen_port=port)


@pytest.mark.parametrize("network", ["10.8.0.0/30", "10.0.0.0/7", "224.0.0.0/8", "127.0.0.0/8"])
def test_a_network_without_room_or_sense_is_refused(network: str) -> None:
    with pytest.raises(InvalidServer, match="network"):
        make_server_spec(
            name="main",
            remote=parse_remote("vpn.example.com"),
            directory=PurePosixPath(FOLDER),
            listen_port=1194,
            network=IPv4Network(network, strict=False),
            routes=(),
            dns=(),
            account="root",
        )


def test_the_next_free_network_overlaps_none() -> None:
    assert next_free_network([]) == IPv4Network("10.8.0.0/22")
    taken = [IPv4Network("10.8.0.0/22"), IPv4Network("10.8.6.0/24"), IPv4Network("10.8.8.0/21")]
    assert next_free_network(taken) == IPv4Network("10.8.16.0/22")


def test_networks_can_run_out() -> None:
    with pytest.raises(NetworksExhausted, match="--network"):
        next_free_network([IPv4Network("10.0.0.0/8")])
