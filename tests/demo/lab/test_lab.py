"""The lab with a real OpenVPN server and client, from certificates made by openssl."""

import asyncio
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from demo.errors import LabError, LabRefused
from demo.lab.network import NetLab, lab_missing

MISSING = lab_missing()
pytestmark = pytest.mark.skipif(MISSING is not None, reason=MISSING or "")

SERVER_CONF = """\
port 1194
proto udp
dev tun
topology subnet
server 10.97.0.0 255.255.255.0 nopool
ca ca.crt
cert server.crt
key server.key
dh none
client-config-dir ccd
ccd-exclusive
verb 3
"""
MAKE_KEYS = """\
set -eu
new() { openssl ecparam -name prime256v1 -genkey -noout -out $1.key; }
new ca
openssl req -x509 -new -key ca.key -subj /CN=lab-ca -days 2 -out ca.crt
for name in server client; do
    new $name
    openssl req -new -key $name.key -subj /CN=$name -out $name.csr
    openssl x509 -req -in $name.csr -CA ca.crt -CAkey ca.key -CAcreateserial -days 2 -out $name.crt
done
"""


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    subprocess.run(["sh", "-c", MAKE_KEYS], cwd=tmp_path, check=True, capture_output=True)
    (tmp_path / "server.conf").write_text(SERVER_CONF)
    (tmp_path / "ccd").mkdir()
    (tmp_path / "ccd" / "client").write_text("ifconfig-push 10.97.0.9 255.255.255.0\n")
    return tmp_path


@pytest.fixture
def profile(directory: Path) -> str:
    inline = "".join(
        f"<{tag}>\n{(directory / name).read_text()}</{tag}>\n"
        for tag, name in (("ca", "ca.crt"), ("cert", "client.crt"), ("key", "client.key"))
    )
    return f"client\ndev tun\nnobind\nremote {NetLab.server_address} 1194 udp\n{inline}"


@pytest_asyncio.fixture(loop_scope="session")
async def lab() -> AsyncIterator[NetLab]:
    async with NetLab("labtest", handshake_s=15) as built:
        yield built


def spaces() -> str:
    return subprocess.run(["ip", "netns"], check=True, capture_output=True, text=True).stdout


def alive(pid: int) -> bool:
    return Path(f"/proc/{pid}").exists()


def program(pid: int) -> str:
    return Path(f"/proc/{pid}/comm").read_text().strip()


async def test_a_client_connects_and_pings(lab: NetLab, directory: Path, profile: str) -> None:
    pid = await lab.start_server(directory)
    tunnel = await lab.connect(profile)

    assert program(pid) == "openvpn"
    assert tunnel.address == "10.97.0.9"
    assert await tunnel.ping("10.97.0.1")
    assert not await tunnel.ping("10.97.0.250", timeout=1)
    assert "PUSH_REPLY" in tunnel.log
    assert "client/192.0.2.2" in lab.server_log()
    assert not await tunnel.wait_closed(0.01)

    await lab.stop_server()
    assert not alive(pid)
    assert not await tunnel.ping("10.97.0.1", timeout=1)
    await tunnel.close()
    assert not tunnel.running
    assert not alive(tunnel.pid)
    assert "SIGTERM" in lab.server_log()


async def test_a_client_that_is_refused_says_why(
    lab: NetLab, directory: Path, profile: str
) -> None:
    await lab.start_server(directory)
    (directory / "ccd" / "client").unlink()

    with pytest.raises(LabRefused, match="AUTH_FAILED"):
        await lab.connect(profile)


async def test_a_profile_that_makes_no_sense(lab: NetLab) -> None:
    with pytest.raises(LabRefused, match="Options error"):
        await lab.connect("client\ndev tun\nno-such-option\n")


async def test_a_server_that_does_not_start(lab: NetLab, directory: Path) -> None:
    (directory / "ca.crt").unlink()

    with pytest.raises(LabError, match=r"didn't start.*ca\.crt"):
        await lab.start_server(directory)


async def test_one_server_at_a_time(lab: NetLab, directory: Path, profile: str) -> None:
    first = await lab.start_server(directory)
    with pytest.raises(LabError, match="stop it first"):
        await lab.start_server(directory)

    second = await lab.restart_server(directory)

    assert not alive(first)
    assert alive(second)
    assert (await lab.connect(profile)).running


async def test_labs_run_side_by_side_and_leave_nothing(directory: Path, profile: str) -> None:
    async with NetLab("twin") as one, NetLab("twin") as two:
        pids = [await one.start_server(directory), await two.start_server(directory)]
        tunnels = await asyncio.gather(one.connect(profile), two.connect(profile))
        pids += [tunnel.pid for tunnel in tunnels]
        assert spaces().count("twin-") == 4

    assert "twin-" not in spaces()
    assert not any(map(alive, pids))


async def test_a_cancelled_lab_leaves_nothing(directory: Path) -> None:
    pids: list[int] = []
    started = asyncio.Event()

    async def run() -> None:
        async with NetLab("cancelled") as lab:
            pids.append(await lab.start_server(directory))
            started.set()
            await asyncio.Event().wait()

    running = asyncio.create_task(run())
    await started.wait()
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)

    assert running.cancelled()
    assert "cancelled-" not in spaces()
    assert not alive(pids[0])


async def test_a_name_that_cannot_be_had(tmp_path: Path) -> None:
    with pytest.raises(LabError, match="netns add"):
        async with NetLab("a/b"):
            pass
