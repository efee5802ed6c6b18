"""Another address or host key of a server: of the same machine only, and beside nobody's place."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from bot.access.permission import THE_BOT
from bot.errors import NotDone
from bot.office import Office
from bot.setup.servers import change_way
from bot.setup.ways import WayIn
from storage.records import Server, ServerName
from tests.company import Company
from tests.sshd import NEEDS_SSHD, Sshd, run_sshd
from vpn.host.ssh_address import SshAddress

pytestmark = [NEEDS_SSHD, pytest.mark.asyncio(loop_scope="module")]

OFFICE, ROME = ServerName("office"), ServerName("rome")
_OTHER_KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ4hM0Lm0N5bWZ0PVvkYB6rLZJJ9gZQJZ0n0z8QmYw1u"


@pytest.fixture
def sshd(tmp_path: Path) -> Iterator[Sshd]:
    with run_sshd(tmp_path) as made:
        yield made


def put(company: Company, name: ServerName, address: str, host_key: str) -> None:
    ssh = {"address": address, "host_key": host_key, "key_file": None}
    company.tamper("UPDATE servers SET ssh = ? WHERE name = ?", json.dumps(ssh), name)


async def server_of(office: Office, name: ServerName = OFFICE) -> Server:
    async with office.database.reading() as tx:
        found = await tx.servers.get(name)
    assert found is not None
    return found


async def change(office: Office, sshd: Sshd) -> None:
    way = WayIn(SshAddress("vpnbot", "127.0.0.1", sshd.port), sshd.fingerprint)
    await change_way(office, THE_BOT, await server_of(office), way, lambda _: False)


async def test_another_machine_is_not_taken_for_it(
    company: Company, office: Office, sshd: Sshd
) -> None:
    here = f"vpnbot@127.0.0.1:{sshd.port}"
    put(company, OFFICE, "vpnbot@192.0.2.7:22", _OTHER_KEY)
    before = await server_of(office)
    with pytest.raises(NotDone, match="another address and another host key"):
        await change(office, sshd)
    assert await server_of(office) == before
    # One of the two tells that it is the same.
    for address, host_key in (("vpnbot@192.0.2.7:22", sshd.host_key), (here, _OTHER_KEY)):
        put(company, OFFICE, address, host_key)
        await change(office, sshd)
        ssh = (await server_of(office)).ssh
        assert ssh is not None
        assert (ssh["address"], ssh["host_key"]) == (here, sshd.host_key)


@pytest.mark.long
async def test_not_where_another_server_is(company: Company, office: Office, sshd: Sshd) -> None:
    await company.add_server(ROME, 1196)
    port = (await server_of(office)).listen_port
    company.tamper("UPDATE servers SET listen_port = ? WHERE name = ?", port, ROME)
    put(company, ROME, f"vpnbot@127.0.0.1:{sshd.port}", sshd.host_key)
    put(company, OFFICE, "vpnbot@192.0.2.7:22", sshd.host_key)
    await change(office, sshd)  # they were on one machine before
    put(company, ROME, "vpnbot@192.0.2.9:22", sshd.host_key)
    put(company, OFFICE, f"vpnbot@127.0.0.1:{sshd.port}", _OTHER_KEY)
    with pytest.raises(NotDone, match="another server on that machine"):
        await change(office, sshd)
