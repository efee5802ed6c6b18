"""Management interfaces of an operator's making, on a real server."""

import asyncio
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from tests.vpn.kit import codes, now
from tests.vpn.operator_kit import USUAL, Operator, connected, on_the_server, running
from tests.vpn.running import IN_THE_LAB
from vpn.errors import ManagementError, ManagementExposed, ManagementGone, ManagementMissing
from vpn.host.local import LocalHost
from vpn.layout import TcpPort
from vpn.proof.management import open_management

LOCKED = (
    USUAL + "remote-cert-tls client\ncrl-verify crl.pem\nclient-config-dir ccd\nccd-exclusive\n"
)
PASSWORD = "Öffne dich!\nonly the first line counts\n"


def an_office(folder: Path, line: str) -> Operator:
    operator = Operator(folder / "office", f"{LOCKED}{line}\n")
    operator.write("ccd/anna", "")
    operator.write("pw", PASSWORD, mode=0o640)
    return operator


class TestInTheLab:
    pytestmark = IN_THE_LAB

    @pytest.mark.parametrize(
        "line",
        [
            "management 127.0.0.1 7505",
            "management localhost 7505 pw",
            "management ::1 7505",
            "management m.sock unix pw",
        ],
    )
    async def test_a_cut_is_proved_by_it(self, open_folder: Path, line: str) -> None:
        operator = an_office(open_folder, line)
        anna, profile = operator.old_client("anna")
        async with running(operator) as lab, connected(lab, profile):
            live = await operator.live()
            with on_the_server(lab):
                assert [s.common_name for s in await live.sessions()] == [anna.common_name]
                (proof,) = await operator.cut(live, anna)
                status = await live.status(issuers=[operator.authority.certificate], now=now())
        assert (proof.proved, proof.sessions_cut) == (True, 1), proof.findings
        assert (status.reachable, status.findings) == (True, ())

    async def test_another_password_in_the_file_does_not_open_it(self, open_folder: Path) -> None:
        operator = an_office(open_folder, "management 127.0.0.1 7505 pw")
        async with running(operator) as lab:
            live = await operator.live()
            for text in ("another one\n", "", "x" * 5000):
                operator.write("pw", text, mode=0o640)
                with on_the_server(lab):
                    (proof,) = await operator.cut(live, operator.certificate("anna")[0])
                assert codes(proof) == ["management_gone"]
                assert "another one" not in repr(proof)

    async def test_a_busy_port_is_not_waited_for(self, open_folder: Path) -> None:
        operator = an_office(open_folder, "management 127.0.0.1 7505 pw")
        async with running(operator) as lab:
            live = await operator.live(timeout_s=0.5)
            with on_the_server(lab):
                _, writer = await asyncio.open_connection("127.0.0.1", 7505)
                (proof,) = await operator.cut(live, operator.certificate("anna")[0])
                writer.close()
                await writer.wait_closed()
        assert codes(proof) == ["management_silent"]


@pytest.mark.parametrize("host", ["0.0.0.0", "192.0.2.1", "tunnel", "vpn.example.com"])
async def test_what_others_can_reach_is_not_asked(open_folder: Path, host: str) -> None:
    operator = an_office(open_folder, f"management {host} 7505")
    live = await operator.live()
    (proof,) = await operator.cut(live, operator.certificate("anna")[0])
    assert codes(proof) == ["management_exposed"]
    with pytest.raises(ManagementExposed, match="isn't on loopback"):
        await live.sessions()
    advice = (await operator.examine()).advice
    assert any(each.directive == "management" and not each.applied for each in advice)


@pytest.mark.parametrize("lines", ["", "management 127.0.0.1 7505\nmanagement-client"])
async def test_without_one_nobody_is_asked(open_folder: Path, lines: str) -> None:
    live = await an_office(open_folder, lines).live()
    with pytest.raises(ManagementMissing, match="no management interface"):
        await live.sessions()
    cut = await live.cut_strangers({"anna"})
    assert cut.left == ("anna",)
    assert [finding.code for finding in cut.findings] == ["no_management", "session_live"]


async def test_nobody_listens(open_folder: Path) -> None:
    live = await an_office(open_folder, "management 127.0.0.1 1").live()
    with pytest.raises(ManagementGone, match="start the server"):
        await live.sessions()


SERVER_OF_SOMEBODY = """
import os, socket, sys
os.setuid(int(sys.argv[1]))
server = socket.socket()
server.bind(("127.0.0.1", 0))
server.listen()
print(server.getsockname()[1], flush=True)
sys.stdin.read()
"""


@contextmanager
def somebody_listens(uid: int) -> Iterator[int]:
    process = subprocess.Popen(
        [sys.executable, "-I", "-c", SERVER_OF_SOMEBODY, str(uid)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert process.stdout is not None
    try:
        yield int(process.stdout.readline())
    finally:
        process.communicate()


@pytest.mark.skipif(os.geteuid() != 0, reason="Only root can start a program as somebody else.")
async def test_a_port_that_somebody_else_opened_is_not_believed(open_folder: Path) -> None:
    live = await an_office(open_folder, "management 127.0.0.1 7505").live()
    with somebody_listens(65534) as port:
        layout = replace(live.layout, management=TcpPort("127.0.0.1", port))
        with pytest.raises(ManagementGone, match="account number 65534"):
            await Operator(open_folder / "other").live_with(layout).sessions()


async def test_whoever_does_not_ask_for_a_password_is_not_told(open_folder: Path) -> None:
    heard = bytearray()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b">INFO:OpenVPN Management Interface Version 5\r\n")
        heard.extend(await reader.read())
        writer.close()

    (open_folder / "pw").write_text(PASSWORD)
    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        with pytest.raises(ManagementError, match="didn't ask"):
            async with open_management(
                LocalHost(open_folder), place=TcpPort("127.0.0.1", port, "pw")
            ):
                pass
    assert not heard
