import shutil
import subprocess
from dataclasses import replace
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Interface, IPv6Network
from pathlib import Path, PurePosixPath

import pytest

from tests.vpn.kit import NETWORK, make_spec
from vpn.configuration.server import (
    conf_problems,
    firewall_units,
    host_commands,
    inspect_conf,
    render_ccd,
    render_server_conf,
    render_unit,
    unit_name,
)
from vpn.values import Protocol, Pushed, Remote, ServerSpec, make_server_spec

SPEC = make_spec(
    Path("/srv/vpn/main"),
    listen_port=1199,
    routes=(IPv4Network("10.99.0.0/16"), IPv4Network("0.0.0.0/0")),
    dns=(IPv4Address("10.99.0.53"),),
    account="vpnbot",
)


def test_the_whole_server_conf() -> None:
    facts = inspect_conf(render_server_conf(SPEC))
    assert [" ".join((d.name, *d.arguments)) for d in facts.directives] == [
        "port 1199",
        "proto udp",
        "explicit-exit-notify 1",
        "dev tun",
        "topology subnet",
        "server 10.77.0.0 255.255.252.0 nopool",
        "ca ca.crt",
        "cert server.crt",
        "key server.key",
        "dh none",
        "tls-crypt-v2 tls-crypt-v2.key",
        "tls-version-min 1.2",
        "remote-cert-tls client",
        "crl-verify live/crl.pem",
        "client-config-dir live/ccd",
        "ccd-exclusive",
        "keepalive 10 60",
        "push route 10.99.0.0 255.255.0.0",
        "push redirect-gateway def1",
        "push dhcp-option DNS 10.99.0.53",
        "user nobody",
        "group nogroup",
        "persist-key",
        "persist-tun",
        "management management.sock unix",
        "management-client-user vpnbot",
        "verb 3",
    ]


def test_what_is_written_has_no_problems() -> None:
    assert conf_problems(render_server_conf(SPEC), account="vpnbot") == []


def server_with(remote: Remote) -> ServerSpec:
    return make_server_spec(
        name="main",
        remote=remote,
        directory=PurePosixPath("/srv/vpn"),
        listen_port=443,
        network=NETWORK,
        routes=(),
        dns=(),
        account="root",
    )


@pytest.mark.parametrize(
    ("remote", "proto", "exit_notify"),
    [
        (Remote("192.0.2.1", 443, Protocol.UDP), "udp", True),
        (Remote("2001:db8::1", 443, Protocol.UDP), "udp6", True),
        (Remote("192.0.2.1", 443, Protocol.TCP), "tcp-server", False),
        (Remote("2001:db8::1", 443, Protocol.TCP), "tcp6-server", False),
    ],
)
def test_the_transport_follows_the_remote(remote: Remote, proto: str, exit_notify: bool) -> None:
    facts = inspect_conf(render_server_conf(server_with(remote)))
    assert facts.last("proto") == (proto,)
    assert facts.has("explicit-exit-notify") is exit_notify
    assert (facts.port, facts.protocol) == (443, remote.protocol)


@pytest.mark.parametrize(
    ("text", "port"),
    [("", 1194), ("port 7", 7), ("port 7\nlport 8", 8), ("port seven", 0), ("port", 1194)],
)
def test_the_port_of_a_foreign_conf(text: str, port: int) -> None:
    assert inspect_conf(text).port == port


@pytest.mark.parametrize(
    ("old", "new", "directive"),
    [
        ("ccd-exclusive", "", "ccd-exclusive"),
        ("ccd-exclusive", "# ccd-exclusive", "ccd-exclusive"),
        ("ccd-exclusive", "<ca>\nccd-exclusive\n</ca>", "ccd-exclusive"),
        ("crl-verify live/crl.pem", "", "crl-verify"),
        ("crl-verify live/crl.pem", "crl-verify live/crl.pem dir", "crl-verify"),
        ("verb 3", "crl-verify other.pem", "crl-verify"),
        ("client-config-dir live/ccd", "client-config-dir ccd", "client-config-dir"),
        ("verb 3", "config more.conf", "config"),
        ("verb 3", "chroot /srv", "chroot"),
        ("verb 3", "cd /elsewhere", "cd"),
        ("verb 3", "cd", "cd"),
        ("verb 3", "verify-client-cert none", "verify-client-cert"),
        ("verb 3", "username-as-common-name", "username-as-common-name"),
        ("verb 3", "x509-username-field email", "x509-username-field"),
        ("verb 3", "capath /etc/ssl/certs", "capath"),
    ],
)
def test_a_missing_lock_is_found(old: str, new: str, directive: str) -> None:
    text = render_server_conf(SPEC)
    assert old in text
    (problem,) = conf_problems(text.replace(old, new), directory=SPEC.directory)
    assert problem.directive == directive
    assert problem.is_lock


@pytest.mark.parametrize(
    ("old", "new", "directive"),
    [
        ("remote-cert-tls client", "", "remote-cert-tls"),
        ("verb 3", "duplicate-cn", "duplicate-cn"),
        (
            "management-client-user vpnbot",
            "management-client-user daemon",
            "management-client-user",
        ),
        ("management-client-user vpnbot", "", "management-client-user"),
    ],
)
def test_other_problems_are_no_locks(old: str, new: str, directive: str) -> None:
    text = render_server_conf(SPEC)
    assert old in text
    (problem,) = conf_problems(text.replace(old, new), account="vpnbot")
    assert problem.directive == directive
    assert not problem.is_lock


@pytest.mark.parametrize("line", ["cd /srv/vpn/main", "verify-client-cert require"])
def test_what_changes_nothing_is_fine(line: str) -> None:
    assert conf_problems(render_server_conf(SPEC) + line, directory=SPEC.directory) == []


def test_a_client_gets_its_address() -> None:
    text = render_ccd(IPv4Address("10.77.0.9"), NETWORK)
    assert text == "ifconfig-push 10.77.0.9 255.255.252.0\n"


def test_a_client_gets_what_its_groups_say_in_the_place_of_the_servers_own() -> None:
    """Only of what is said: routes leave DNS alone, and an address of IPv6 both."""
    address = IPv4Address("10.77.0.9")
    routes = (IPv4Network("0.0.0.0/0"), IPv4Network("10.1.0.0/16"), IPv6Network("fd00:9::/48"))
    assert render_ccd(address, NETWORK, Pushed(routes=routes)).splitlines()[1:] == [
        'push-remove "route "',
        'push-remove "route-ipv6 "',
        'push-remove "redirect-gateway"',
        'push "redirect-gateway def1"',
        'push "route 10.1.0.0 255.255.0.0"',
        'push "route-ipv6 fd00:9::/48"',
    ]
    dns = (IPv4Address("10.1.0.1"), IPv6Address("fd00:9::1"))
    assert render_ccd(address, NETWORK, Pushed(dns=dns)).splitlines()[1:] == [
        'push-remove "dhcp-option DNS"',
        'push "dhcp-option DNS 10.1.0.1"',
        'push "dhcp-option DNS fd00:9::1"',
    ]
    own = Pushed(address6=IPv6Interface("fd00:8::9/64"))
    assert render_ccd(address, NETWORK, own).splitlines()[1:] == ["ifconfig-ipv6-push fd00:8::9/64"]


def test_a_server_has_the_first_ipv6_address() -> None:
    spec = replace(SPEC, network6=IPv6Network("fd00:8::/64"))
    assert "ifconfig-ipv6 fd00:8::1/64 fd00:8::2\n" in render_server_conf(spec)
    assert "ipv6" not in render_server_conf(SPEC)


def test_an_address_of_elsewhere_is_refused() -> None:
    with pytest.raises(ValueError, match="isn't in"):
        render_ccd(IPv4Address("10.8.0.9"), NETWORK)


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="systemd-analyze is missing")
def test_systemd_understands_the_unit(tmp_path: Path) -> None:
    units = {unit_name("main"): render_unit(SPEC), **firewall_units(SPEC)}
    for name, text in units.items():
        (tmp_path / name).write_text(text)
    paths = [str(tmp_path / name) for name in units]
    result = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", "--recursive-errors=no", *paths],
        capture_output=True,
        text=True,
        check=False,
    )
    assert not any(name in result.stderr for name in units), result.stderr


@pytest.mark.parametrize(
    ("directory", "home", "private_tmp"),
    [
        ("/srv/vpn", "ProtectHome=yes", "PrivateTmp=yes"),
        ("/home/ann/vpn", "ProtectHome=no", "PrivateTmp=yes"),
        ("/tmp/vpn", "ProtectHome=yes", "PrivateTmp=no"),
    ],
)
def test_the_unit_does_not_hide_the_servers_folder(
    directory: str, home: str, private_tmp: str
) -> None:
    lines = render_unit(make_spec(Path(directory))).splitlines()
    assert {home, private_tmp, f"WorkingDirectory={directory}"} <= set(lines)


def test_the_commands_for_the_machine() -> None:
    """All else is in files that the units load."""
    (line,) = host_commands(SPEC)
    link, _, enable = line.partition(" && ")
    assert link == "systemctl link /srv/vpn/main/vpnbot-firewall-main.service"
    assert enable.split() == [
        *("systemctl", "enable", "--now"),
        "/srv/vpn/main/vpnbot-firewall-main.path",
        "/srv/vpn/main/vpnbot-openvpn-main.service",
    ]
