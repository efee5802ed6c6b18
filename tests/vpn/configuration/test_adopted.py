"""What is read out of an operator's configuration."""

import json
from collections.abc import Callable
from ipaddress import IPv4Address, IPv4Network
from pathlib import PurePosixPath

import pytest

from tests.vpn.operator_kit import USUAL, static_key
from vpn.configuration.address_plan import free_addresses
from vpn.configuration.adopted import AdoptedServer, Adoption, inspect
from vpn.configuration.profile import TlsKey
from vpn.configuration.server import inspect_conf
from vpn.errors import NotAdoptable
from vpn.layout import Reader, TcpPort, UnixSocket
from vpn.values import Protocol

CONF = PurePosixPath("/etc/openvpn/server/office.conf")
FOLDER = "etc/openvpn/server"


def no_file(_path: PurePosixPath) -> None:
    return None


def reading(text: str, read_file: Callable[[PurePosixPath], bytes | None] = no_file) -> Adoption:
    return inspect(inspect_conf(text), CONF, read_file)


def test_a_usual_server() -> None:
    server = reading(USUAL).server
    assert (server.port, server.protocol) == (1194, Protocol.UDP)
    layout = server.layout
    assert (layout.conf, layout.crl, layout.ccd) == (f"{FOLDER}/office.conf", None, None)
    assert (layout.exclusive, layout.management) == (False, None)
    assert layout.certificate == f"{FOLDER}/office server.crt"
    names = ("office.conf", "ca.crt", "office server.crt", "server.key")
    assert layout.read_at_start == tuple(f"{FOLDER}/{name}" for name in names)
    assert layout.reader == Reader("nobody", "nogroup")
    assert layout.hand_window_s == 60
    assert server.profile.device == "tun"
    assert server.profile.tls_key is None


@pytest.mark.parametrize(
    ("line", "crl"),
    [
        ("crl-verify crl.pem", f"{FOLDER}/crl.pem"),
        ("crl-verify ../easy-rsa/pki/crl.pem", "etc/openvpn/easy-rsa/pki/crl.pem"),
        ("crl-verify /var/lib/crl.pem", "var/lib/crl.pem"),
        ("cd /srv/vpn\ncrl-verify crl.pem", "srv/vpn/crl.pem"),
        ("cd keys\ncrl-verify crl.pem", f"{FOLDER}/keys/crl.pem"),
        ("chroot /srv/jail\ncrl-verify /crl.pem", "srv/jail/crl.pem"),
        ("chroot jail\ncrl-verify crl.pem", f"{FOLDER}/jail/crl.pem"),
        ("crl-verify a.pem\ncrl-verify b.pem", f"{FOLDER}/b.pem"),
        ("crl-verify revoked dir", None),
        ("crl-verify [inline]\n<crl-verify>\nx\n</crl-verify>", None),
        ("", None),
    ],
)
def test_where_the_crl_is(line: str, crl: str | None) -> None:
    assert reading(USUAL + line).server.layout.crl == crl


@pytest.mark.parametrize(
    ("lines", "ccd", "exclusive"),
    [
        ("client-config-dir ccd", f"{FOLDER}/ccd", False),
        ("client-config-dir /etc/ccd\nccd-exclusive", "etc/ccd", True),
        ("chroot /jail\nclient-config-dir /ccd", "jail/ccd", False),
        ("ccd-exclusive", None, False),
    ],
)
def test_where_the_clients_files_are(lines: str, ccd: str | None, exclusive: bool) -> None:
    layout = reading(USUAL + lines).server.layout
    assert (layout.ccd, layout.exclusive) == (ccd, exclusive)


@pytest.mark.parametrize(
    ("lines", "place"),
    [
        ("management /run/vpn.sock unix", UnixSocket("run/vpn.sock")),
        ("management m.sock unix pw", UnixSocket(f"{FOLDER}/m.sock", f"{FOLDER}/pw")),
        ("management localhost 7505", TcpPort("127.0.0.1", 7505)),
        ("management 127.0.0.1 7505 /etc/pw", TcpPort("127.0.0.1", 7505, "etc/pw")),
        ("management 0.0.0.0 7505", TcpPort("0.0.0.0", 7505)),
        ("management tunnel 7505", TcpPort("tunnel", 7505)),
        ("management 127.0.0.1 some", None),
        ("management 127.0.0.1", None),
        ("management 127.0.0.1 7505\nmanagement-client", None),
    ],
)
def test_where_it_can_be_asked(lines: str, place: object) -> None:
    assert reading(USUAL + lines).server.layout.management == place


@pytest.mark.parametrize(
    ("lines", "reader"),
    [
        ("user openvpn\ngroup openvpn", Reader("openvpn", "openvpn")),
        ("user openvpn", Reader("openvpn", None)),
        ("", Reader(None, None)),
    ],
)
def test_whom_it_becomes(lines: str, reader: Reader) -> None:
    text = USUAL.replace("user nobody\ngroup nogroup\n", "") + lines
    assert reading(text).server.layout.reader == reader


def test_the_handshakes_window() -> None:
    assert reading(USUAL + "hand-window 30").server.layout.hand_window_s == 30


def test_another_folder_to_start_in() -> None:
    adoption = inspect(
        inspect_conf(USUAL + "crl-verify crl.pem"),
        CONF,
        no_file,
        start_folder=PurePosixPath("/etc/openvpn"),
    )
    assert adoption.server.layout.crl == "etc/openvpn/crl.pem"


@pytest.mark.parametrize(
    "text",
    [
        "client\nremote x\n",
        "secret static.key\nserver 10.8.0.0 255.255.255.0\n",
        "dev tun\nifconfig 10.8.0.1 10.8.0.2\n",
        "",
        USUAL + "client\n",
    ],
)
def test_what_is_no_server(text: str) -> None:
    with pytest.raises(NotAdoptable, match=str(CONF)):
        reading(text)


class TestKeys:
    def test_come_from_a_file_or_the_text_and_are_not_shown(self) -> None:
        key = static_key()
        from_file = reading(USUAL + "tls-auth /keys/ta.key 0\n", lambda path: _only(path, key))
        inline = reading(f"{USUAL}key-direction 0\n<tls-auth>\n{key}</tls-auth>\n")
        for adoption in (from_file, inline):
            assert adoption.server.profile.tls_key is TlsKey.AUTH
            assert adoption.server.profile.key_direction == 1
            assert adoption.tls_key is not None
            assert adoption.tls_key.strip() == key.strip()
            assert key.splitlines()[5] not in repr(adoption)
            assert key.splitlines()[5] not in json.dumps(adoption.server.to_json())

    def test_the_best_of_several_is_taken(self) -> None:
        profile = reading(f"{USUAL}tls-auth ta.key 0\ntls-crypt-v2 v2.key\n").server.profile
        assert (profile.tls_key, profile.key_direction) == (TlsKey.CRYPT_V2, None)

    def test_one_that_cannot_be_read(self) -> None:
        adoption = reading(USUAL + "tls-crypt ta.key\n")
        assert (adoption.tls_key, adoption.ca_pem, adoption.server.common_name) == (
            None,
            None,
            None,
        )
        assert adoption.server.profile.is_marked

    def test_a_certificate_that_is_none(self) -> None:
        adoption = reading(USUAL, lambda _path: b"hello")
        assert (adoption.ca_pem, adoption.server.common_name) == ("hello", None)


def _only(path: PurePosixPath, key: str) -> bytes | None:
    return key.encode() if path == PurePosixPath("/keys/ta.key") else None


@pytest.mark.parametrize(
    ("lines", "ciphers", "negotiates"),
    [
        ("cipher AES-256-CBC", (), True),
        ("cipher AES-256-CBC\nncp-disable", ("AES-256-CBC",), False),
        ("ncp-disable", ("BF-CBC",), False),
        ("ncp-ciphers aes-256-gcm:BF-CBC", (), True),
        ("data-ciphers ?CHACHA20-POLY1305:AES-192-CBC", ("CHACHA20-POLY1305", "AES-192-CBC"), True),
        ("data-ciphers DEFAULT", (), True),
        ("", (), True),
    ],
)
def test_ciphers(lines: str, ciphers: tuple[str, ...], negotiates: bool) -> None:
    profile = reading(USUAL + lines).server.profile
    assert (profile.ciphers, profile.negotiates) == (ciphers, negotiates)


@pytest.mark.parametrize(
    ("lines", "asks"),
    [
        ("auth-user-pass-verify check.sh via-file", True),
        ("plugin /usr/lib/openvpn/openvpn-plugin-auth-pam.so login", True),
        ("plugin /usr/lib/openvpn/openvpn-plugin-down-root.so x", False),
        ("plugin radius.so\nauth-user-pass-optional", False),
        ("management-client-auth", True),
        ("", False),
    ],
)
def test_whether_a_password_is_asked(lines: str, asks: bool) -> None:
    assert reading(USUAL + lines).server.profile.asks_password is asks


def test_an_old_server_speaks_old_tls() -> None:
    assert reading(USUAL + "tls-version-max 1.1").server.profile.tls_version_min == "1.1"
    assert reading(USUAL + "tls-version-max 1.3").server.profile.tls_version_min == "1.2"


@pytest.mark.parametrize(
    "lines",
    [
        "crl-verify crl.pem\nclient-config-dir ccd\nccd-exclusive\nmanagement ::1 7505 pw\n",
        "tls-auth ta.key 0\ncomp-lzo adaptive\nfragment 1300\ncipher AES-256-CBC\nncp-disable\n",
        "management m.sock unix\ntls-crypt ta.key\nauth SHA512\n",
    ],
)
def test_what_is_remembered_outlives_the_database(lines: str) -> None:
    server = reading(USUAL + lines).server
    assert AdoptedServer.from_json(json.loads(json.dumps(server.to_json()))) == server


def test_another_format_is_refused() -> None:
    values = reading(USUAL).server.to_json()
    with pytest.raises(ValueError, match="format 2"):
        AdoptedServer.from_json(values | {"format": 2})


class TestAddresses:
    @pytest.mark.parametrize(
        ("server", "first"),
        [
            ("server 10.78.0.0 255.255.255.0", None),
            ("server 10.78.0.0 255.255.255.0 nopool", "10.78.0.2"),
            (
                "server 10.78.0.0 255.255.255.0 nopool\nifconfig-pool 10.78.0.2 10.78.0.99",
                "10.78.0.100",
            ),
            ("mode server\nifconfig 10.78.0.1 255.255.255.0", "10.78.0.2"),
            (
                "mode server\nifconfig 10.78.0.1 255.255.255.0\nifconfig-pool 10.78.0.9 10.78.0.9",
                "10.78.0.2",
            ),
            ("server-bridge 10.78.0.4 255.255.255.0 10.78.0.128 10.78.0.254", None),
            ("server-bridge", None),
            ("server 10.78.0.0", None),
            ("server hello 255.255.255.0", None),
            ("server-ipv6 fd00::/64", None),
        ],
    )
    def test_what_is_left(self, server: str, first: str | None) -> None:
        text = USUAL.replace("server 10.78.0.0 255.255.255.0", server)
        plan = reading(text).server.addresses
        found = next(free_addresses(plan, ()), None)
        assert found == (first and IPv4Address(first))
        assert plan.has_fixed is (first is not None)

    def test_without_topology_subnet_there_is_no_room(self) -> None:
        text = USUAL.replace("topology subnet\n", "").replace(
            "255.255.255.0", "255.255.255.0 nopool"
        )
        assert not reading(text).server.addresses.has_fixed

    def test_what_others_have_is_not_given_again(self) -> None:
        text = USUAL.replace("255.255.255.0", "255.255.255.248 nopool")
        plan = reading(text).server.addresses
        taken = {IPv4Address("10.78.0.2"), IPv4Address("10.78.0.4")}
        assert plan.network == IPv4Network("10.78.0.0/29")
        assert [str(address) for address in free_addresses(plan, taken)] == [
            "10.78.0.3",
            "10.78.0.5",
            "10.78.0.6",
        ]

    def test_a_pool_that_takes_a_huge_network_is_not_walked_through(self) -> None:
        text = USUAL.replace("10.78.0.0 255.255.255.0", "10.0.0.0 255.0.0.0")
        assert not reading(text).server.addresses.has_fixed
