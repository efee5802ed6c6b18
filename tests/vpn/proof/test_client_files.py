"""What stands in a client's own file, and where it has none."""

from dataclasses import replace
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path

import pytest

from tests.vpn.kit import NETWORK
from tests.vpn.operator_kit import USUAL, Operator
from vpn.host.local import LocalHost
from vpn.layout import DEPLOYED, Layout, NamedBy
from vpn.proof.client_files import COMMENT, client_file, client_files
from vpn.values import CommonName, Pushed

ADDRESS = IPv4Address("10.77.0.5")
OWN = "ifconfig-push 10.77.0.5 255.255.252.0\n"
OPEN = replace(DEPLOYED, adopted=True, ccd="ccd", exclusive=False)
LOCKED = replace(OPEN, exclusive=True)


@pytest.mark.parametrize(
    ("layout", "address", "default", "content"),
    [
        (DEPLOYED, ADDRESS, None, OWN),
        (DEPLOYED, None, None, COMMENT),
        # There no operator says anything for all.
        (DEPLOYED, ADDRESS, "push x\n", OWN),
        # What the operator's DEFAULT says for all goes along, but for what is each client's own.
        (OPEN, ADDRESS, None, OWN),
        (OPEN, ADDRESS, "push x\nifconfig-push 10.77.0.9 255.255.252.0\n", f"{OWN}push x\n"),
        (LOCKED, None, None, COMMENT),
        (LOCKED, None, "push x\n", f"{COMMENT}push x\n"),
        (OPEN, None, "disable\npush x\n", f"{COMMENT}push x\n"),
        # The server's pool gives the address, and nothing shuts the client out.
        (OPEN, None, "push x\n", None),
        # There is no place for one.
        (replace(OPEN, ccd=None), ADDRESS, None, None),
        (replace(LOCKED, ccd=None), None, None, None),
    ],
)
async def test_a_client_has_a_file_where_it_needs_one(
    tmp_path: Path,
    layout: Layout,
    address: IPv4Address | None,
    default: str | None,
    content: str | None,
) -> None:
    if default is not None:
        folder = tmp_path / str(layout.ccd)
        folder.mkdir(parents=True)
        (folder / "DEFAULT").write_text(default)
    found = await client_file(LocalHost(tmp_path), layout, address, NETWORK)
    assert found == (None if content is None else content.encode())


async def test_what_is_pushed_to_one_client_comes_after_what_all_get(tmp_path: Path) -> None:
    """So it takes that away, too; and makes a file where there would be none."""
    folder = tmp_path / str(OPEN.ccd)
    folder.mkdir(parents=True)
    (folder / "DEFAULT").write_text('push "route 10.2.0.0 255.255.0.0"\n')
    pushed = Pushed(routes=(IPv4Network("10.1.0.0/16"),))
    found = await client_file(LocalHost(tmp_path), OPEN, None, NETWORK, pushed)
    assert found is not None
    assert found.decode().splitlines()[1:] == [
        'push "route 10.2.0.0 255.255.0.0"',
        'push-remove "route "',
        'push-remove "route-ipv6 "',
        'push-remove "redirect-gateway"',
        'push "route 10.1.0.0 255.255.0.0"',
    ]


async def test_no_file_tells_of_a_client_where_there_is_no_folder_or_another_name(
    tmp_path: Path,
) -> None:
    (tmp_path / "ccd").mkdir()
    (tmp_path / "ccd/anna").touch()
    host = LocalHost(tmp_path)
    assert await client_files(host, LOCKED) == ("anna",)
    assert await client_files(host, replace(LOCKED, ccd=None)) == ()
    assert await client_files(host, replace(LOCKED, named_by=NamedBy.USER_NAME)) == ()


async def test_a_file_that_is_needed_no_more_goes_when_somebody_is_let_in(tmp_path: Path) -> None:
    """Where the server's pool gives the addresses now, an old one would still be given."""
    operator = Operator(tmp_path / "office", USUAL + "crl-verify crl.pem\nclient-config-dir ccd\n")
    anna = CommonName("anna-k7f3qz2m")
    operator.write(f"ccd/{anna}", OWN)
    live = await operator.live()
    await live.admit(anna, None)
    assert await client_files(live.host, live.layout) == ()
    await live.admit(anna, None)
