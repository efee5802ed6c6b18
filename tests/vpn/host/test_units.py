"""How an operator's own server is restarted."""

import pytest

from vpn.host.units import restart_command


@pytest.mark.parametrize(
    ("conf", "command"),
    [
        ("etc/openvpn/server/office.conf", "systemctl restart openvpn-server@office"),
        ("etc/openvpn/office.conf", "systemctl restart openvpn@office"),
        ("etc/openvpn/of fice.conf", "# restart the OpenVPN that runs with"),
        ("srv/office.conf", "# restart the OpenVPN that runs with /srv/office.conf"),
    ],
)
def test_how_it_is_restarted(conf: str, command: str) -> None:
    assert restart_command(conf).startswith(command)
