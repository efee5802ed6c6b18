"""Which servers are on one machine, whatever name it is entered by."""

from dataclasses import replace

import pytest

from bot.fleet.on_hold import beside
from storage.records import Payload, Server
from tests.storage.kit import BERLIN, PARIS, make_server

_KEY, _OTHER = "ssh-ed25519 AAAAone", "ssh-ed25519 AAAAother"


def elsewhere(address: str, host_key: str = _KEY) -> Payload:
    return {"address": address, "host_key": host_key, "key_file": None}


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        (None, None, True),
        (None, elsewhere("root@vpn.example.com"), False),
        (elsewhere("root@vpn.example.com"), None, False),
        (elsewhere("root@vpn.example.com"), elsewhere("vpnbot@vpn.example.com", _OTHER), True),
        (elsewhere("root@vpn.example.com"), elsewhere("root@203.0.113.5"), True),
        (elsewhere("root@vpn.example.com"), elsewhere("root@203.0.113.5", _OTHER), False),
        (elsewhere("root@vpn.example.com:22"), elsewhere("root@vpn.example.com:23"), True),
    ],
)
def test_by_its_address_or_its_host_key(
    one: Payload | None, other: Payload | None, expected: bool
) -> None:
    berlin: Server = replace(make_server(), ssh=one)
    paris = replace(make_server(PARIS), ssh=other)
    assert [each.name for each in beside(berlin, [berlin, paris])] == [PARIS] * expected
    assert [each.name for each in beside(paris, [berlin, paris])] == [BERLIN] * expected
