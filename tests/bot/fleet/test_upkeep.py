"""The commands that root is told to type about a server: whole, wherever it is."""

import shlex
from dataclasses import replace

from bot.fleet.upkeep import adopt_line, deploy_line, restart_line
from storage.records import Payload, Server
from tests.storage.kit import make_server


def elsewhere(address: str) -> Payload:
    return {"address": address, "host_key": "ssh-ed25519 AAAA", "key_file": None}


def there(address: str, account: str) -> Server:
    return replace(make_server(), ssh=elsewhere(address), account=account)


def test_here_nothing_is_said_of_the_way() -> None:
    server = make_server()
    assert deploy_line(server) == f"vpnbot server deploy {server.name}"
    assert restart_line(server) == f"systemctl restart vpnbot-openvpn-{server.name}.service"


def test_elsewhere_root_is_told_the_way_with_its_port() -> None:
    server = there("vpnbot@vpn.example.com", "vpnbot")
    assert deploy_line(server).endswith(" --ssh root@vpn.example.com")
    assert deploy_line(there("vpnbot-2@[2001:db8::1]:2222", "vpnbot-2")).endswith(
        " --ssh 'root@[2001:db8::1]:2222'"
    )


def test_an_account_that_is_not_the_bots_by_its_name_is_said() -> None:
    server = there("olga@vpn.example.com", "olga")
    assert deploy_line(server).endswith(" --ssh root@vpn.example.com --account olga")


def test_an_adopted_one_is_looked_at_where_it_is() -> None:
    config = "/etc/openvpn/my office.conf"
    server = replace(there("vpnbot@oslo.example.com", "vpnbot"), adopted={}, directory=config)
    words = shlex.split(adopt_line(server))
    assert words[:6] == ["vpnbot", "server", "adopt", server.name, "--config", config]
    assert words[8:] == ["--ssh", "root@oslo.example.com", "--account", "vpnbot"]
    assert restart_line(server) == f"restart the OpenVPN that runs with '{config}'"
    assert "--ssh" not in adopt_line(replace(server, ssh=None))
