"""A server whose command line says more than its configuration, as containers start it."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from demo.lab.network import NetLab
from demo.lab.processes import Child
from tests.vpn.kit import CALLER, codes, now
from tests.vpn.operator_kit import USUAL, Operator, connected
from tests.vpn.running import IN_THE_LAB
from vpn.configuration.command_line import Started, options, overruling, running
from vpn.errors import NotAdoptable
from vpn.findings import FindingCode
from vpn.host.local import LocalHost

pytestmark = IN_THE_LAB

HOST = LocalHost(Path("/"))
COMPLETE = (
    f"{USUAL}remote-cert-tls client\ncrl-verify crl.pem\nclient-config-dir ccd\nccd-exclusive\n"
    f"management m.sock unix\nmanagement-client-user {CALLER}\n"
)


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("openvpn server.conf", ()),
        ("openvpn --config server.conf", ()),
        ("/usr/sbin/openvpn --status /run/a --suppress-timestamps --config a.conf", ()),
        ("openvpn --daemon ovpn-a --status /run/a 10 --cd /etc/openvpn --config a.conf", ()),
        ("openvpn --config a.conf --verb 4 --push route 10.0.0.0", ()),
        ("openvpn --config a.conf --crl-verify b.pem", ("--crl-verify",)),
        (
            "openvpn --config a.conf --client-config-dir ccd --crl-verify b.pem",
            ("--client-config-dir", "--crl-verify"),
        ),
        ("openvpn --duplicate-cn --config a.conf", ("--duplicate-cn",)),
        ("openvpn --config a.conf --config b.conf", ("--config",)),
        ("openvpn --config a.conf --frobnicate", ("--frobnicate",)),
        ("python3 --crl-verify x", ()),
        ("", ()),
    ],
)
async def test_what_counts_more_than_the_file(line: str, found: tuple[str, ...]) -> None:
    assert overruling(line.split()) == found


async def test_where_the_configuration_is() -> None:
    def conf(line: str, folder: str = "/home") -> str:
        return Started("1", folder, tuple(line.split())).conf

    assert conf("openvpn a.conf") == "/home/a.conf"
    assert conf("openvpn --cd /etc/openvpn --config a.conf") == "/etc/openvpn/a.conf"
    assert conf("openvpn --cd sub --config a.conf", "") == "sub/a.conf"
    assert conf("openvpn --config /srv/a.conf") == "/srv/a.conf"
    assert conf("openvpn --dev tun --remote x") == ""
    assert options(("openvpn",)) == ()


async def test_in_a_folder_that_cannot_be_seen_the_name_counts() -> None:
    process = Started("0", "", ("openvpn", "--config", "server.conf"))
    assert await process.runs(HOST, "/srv/office/server.conf")
    assert not await process.runs(HOST, "/srv/office/other.conf")


@pytest_asyncio.fixture(loop_scope="module")
async def lab() -> AsyncIterator[NetLab]:
    async with NetLab("line", handshake_s=15) as made:
        yield made


async def start(lab: NetLab, operator: Operator, *more: str) -> Child:
    command = ("openvpn", "--config", "server.conf", *more)
    child = await lab._start(lab._server_space, *command, cwd=operator.directory)
    assert await child.waits_for(lambda: "Initialization Sequence Completed" in child.log, 60)
    return child


@pytest.mark.long
async def test_such_a_server_is_not_taken_in_and_proves_nothing(
    lab: NetLab, open_folder: Path
) -> None:
    """The list on its command line is the one that it reads, whatever lies in the other's place."""
    operator = Operator(open_folder / "office", COMPLETE)
    operator.write("ccd/bob", "")
    operator.write("theirs.pem", operator.crl().decode())
    operator.write("theirs/bob", "")
    bob, bobs = operator.old_client("bob")
    live = await operator.live()
    child = await start(
        lab, operator, "--crl-verify", "theirs.pem", "--client-config-dir", "theirs"
    )
    try:
        (proof,) = await operator.cut(live, bob)
        assert FindingCode.LOCK_MISSING in {finding.code for finding in proof.findings}
        assert not proof.proved
        async with connected(lab, bobs):  # the list and the file were those of the configuration
            pass
        assert operator.directory in {Path(each.folder) for each in await running(HOST)}
        with pytest.raises(NotAdoptable, match="with --crl-verify --client-config-dir on its"):
            await operator.examine()
    finally:
        await child.end()
    child = await start(lab, operator, "--verb", "3", "--status", "status.log")
    try:
        await operator.examine()
        (proof,) = await operator.cut(live, bob)
        assert proof.proved, (codes(proof), now())
    finally:
        await child.end()
