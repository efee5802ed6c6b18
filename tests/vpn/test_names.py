"""Names of other CAs; what OpenVPN itself does with them is in test_foreign_names."""

import json
from dataclasses import replace

import pytest

from bot.access.names import common_name
from vpn.layout import DEPLOYED, Layout, Reader, TcpPort, UnixSocket
from vpn.names import ccd_file_name, is_ours, kill_command, look_alike, name_in_sessions
from vpn.values import CommonName


@pytest.mark.parametrize(
    ("name", "file"),
    [
        ("anna@corp.example", "anna@corp.example"),
        ("a:b", "a:b"),
        ("<a|b?*>", "<a|b?*>"),
        ("../server.conf", ".._server.conf"),
        ("tab\tx\n", "tab_x_"),
        (".", None),
        ("..", None),
        ("", None),
        ("DEFAULT", None),
    ],
)
def test_the_file_of_a_name(name: str, file: str | None) -> None:
    assert ccd_file_name(name) == file


def test_control_characters_are_not_shown_in_the_session_list() -> None:
    assert name_in_sessions("a\tb\x7f/c") == "a_b_/c"
    assert name_in_sessions("anna\0x") == "anna"
    assert look_alike("a/b") == look_alike("a_b") == look_alike("a\tb")


@pytest.mark.parametrize("name", ["Anna Петрова", "x", "-", "", "O'Brien " * 9])
def test_the_names_that_we_make_are_known_again(name: str) -> None:
    assert is_ours(common_name(name, "k7f3qz2m"))


@pytest.mark.parametrize(
    "name", ["anna", "anna-laptop", "anna-laptop1", "Anna-k7f3qz2m", "-k7f3qz2m", "a--k7f3qz2m"]
)
def test_names_of_others_are_not_ours(name: str) -> None:
    assert not is_ours(name)


def test_a_quote_does_not_end_the_word() -> None:
    assert kill_command(CommonName('x" ; signal "SIGTERM')) == 'kill "x\\" ; signal \\"SIGTERM"'


@pytest.mark.parametrize(
    "layout",
    [
        DEPLOYED,
        Layout(
            conf="etc/openvpn/a.conf",
            crl=None,
            ccd=None,
            exclusive=False,
            management=TcpPort("127.0.0.1", 7505, "etc/openvpn/pw"),
            certificate=None,
            read_at_start=("etc/openvpn/a.conf",),
            reader=Reader(None, None),
        ),
        Layout(
            conf="a.conf",
            crl="crl.pem",
            ccd="ccd",
            exclusive=True,
            management=UnixSocket("m.sock"),
            certificate="s.crt",
            read_at_start=("a.conf", "s.crt"),
            reader=Reader("openvpn", None),
            hand_window_s=30,
            bot_folders=("live", "live/ccd"),
            start_folder="x",
            named_conf="b.conf",
        ),
    ],
)
def test_a_layout_outlives_the_database(layout: Layout) -> None:
    again = Layout.from_json(json.loads(json.dumps(layout.to_json())))
    assert again.adopted
    assert again.to_json() == layout.to_json()
    if layout.adopted:
        assert again == layout


def test_where_the_firewall_is_told_whose_each_address_is() -> None:
    """Only in a folder that is the bot's."""
    adopted = replace(DEPLOYED, adopted=True, bot_folders=("etc/openvpn/vpnbot", "etc/x/ccd"))
    assert DEPLOYED.members == "live/members"
    assert adopted.members == "etc/openvpn/vpnbot/members"
    assert replace(adopted, bot_folders=()).members is None


@pytest.mark.parametrize(
    ("host", "loopback"),
    [("127.0.0.1", True), ("127.9.9.9", True), ("::1", True), ("0.0.0.0", False), ("x", False)],
)
def test_loopback_is_this_machine_alone(host: str, loopback: bool) -> None:
    assert TcpPort(host, 7505).is_loopback is loopback
