"""USER@HOST:PORT, as it is typed and shown."""

import pytest

from vpn.errors import InvalidServer
from vpn.host.ssh_address import SshAddress, parse_ssh_address


@pytest.mark.parametrize(
    ("text", "address", "shown"),
    [
        ("vpnbot@paris", SshAddress("vpnbot", "paris"), "vpnbot@paris"),
        ("a.b@Paris.example.com:22", SshAddress("a.b", "paris.example.com"), None),
        ("root@192.0.2.1:2222", SshAddress("root", "192.0.2.1", 2222), "root@192.0.2.1:2222"),
        ("root@[2001:db8::1]:2222", SshAddress("root", "2001:db8::1", 2222), None),
        ("root@[2001:db8::1]", SshAddress("root", "2001:db8::1"), "root@[2001:db8::1]"),
    ],
)
def test_what_is_typed(text: str, address: SshAddress, shown: str | None) -> None:
    assert parse_ssh_address(text) == address
    assert shown is None or str(address) == shown
    assert parse_ssh_address(str(address)) == address


@pytest.mark.parametrize(
    "text",
    [
        *(
            "",
            "paris",
            "@paris",
            "vpnbot@",
            "vpnbot@paris:",
            "vpnbot@paris:0",
            "vpnbot@paris:65536",
        ),
        *(
            "-o@paris",
            "a b@paris",
            "vpnbot@pa ris",
            "vpnbot@-oProxyCommand=x",
            "a@b;reboot",
        ),
        *("a@[::1", "a@::1", "$(id)@paris"),
    ],
)
def test_what_is_none(text: str) -> None:
    with pytest.raises(InvalidServer, match="USER@HOST:PORT"):
        parse_ssh_address(text)
