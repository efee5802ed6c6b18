"""Whoever adopts a server elsewhere as the bot's own account has root read no key of the bot's."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path, PurePosixPath

import pytest

from bot.access.permission import THE_BOT
from bot.errors import NotDone
from bot.office import Office
from bot.setup.adoption import account_there
from bot.setup.entering import enter
from bot.setup.servers import ServerToAdd, add_server
from bot.setup.ways import WayIn
from storage.records import ServerName
from tests.sshd import NEEDS_SSHD, Sshd, run_sshd
from tests.storage.kit import make_server
from vpn.errors import KeyRefused
from vpn.host.ssh_address import SshAddress
from vpn.values import Protocol, Remote

pytestmark = [NEEDS_SSHD, pytest.mark.asyncio(loop_scope="module")]

ACCOUNT = "daemon"


async def test_an_adopted_server_elsewhere_keeps_its_account(office: Office) -> None:
    ssh = {"address": "vpnbot-2@oslo.example.com", "host_key": "x", "key_file": None}
    oslo = replace(make_server(ServerName("oslo")), adopted={}, account="vpnbot-2", ssh=ssh)
    async with office.database.writing() as tx:
        await tx.servers.add(oslo)
    login = WayIn(SshAddress("root", "oslo.example.com"))
    assert await account_there(office, "oslo", login) == "vpnbot-2"
    with pytest.raises(NotDone, match=r"--ssh root@oslo\.example\.com --account vpnbot-2"):
        await account_there(office, "oslo", None)
    assert await account_there(office, "new", login) == office.folder.account()
    async with office.database.writing() as tx:
        await tx.servers.remove(oslo.name)


@pytest.fixture
def sshd(tmp_path: Path) -> Iterator[Sshd]:
    with run_sshd(tmp_path) as made:
        yield made


async def test_the_bots_own_account_is_entered_by_the_bot(office: Office, sshd: Sshd) -> None:
    """At once, and not at the first question, which root asks."""
    login = WayIn(SshAddress(ACCOUNT, "127.0.0.1", sshd.port), sshd.fingerprint)
    with pytest.raises(KeyRefused):
        await enter(
            office, ServerName("oslo"), login, ACCOUNT, lambda _: False, makes_account=False
        )


async def test_a_copied_machine_is_told_from_one_with_two_names(office: Office, sshd: Sshd) -> None:
    def named(name: str, host: str) -> ServerToAdd:
        return ServerToAdd(
            name,
            Remote(host, 1194, Protocol.UDP),
            PurePosixPath("/srv/openvpn", name),
            ssh=WayIn(SshAddress("vpnbot", host, sshd.port), sshd.fingerprint),
        )

    added = await add_server(office, THE_BOT, named("paris", "127.0.0.1"))
    with pytest.raises(NotDone, match=r"paris listens on port .* localhost shows the host"):
        await add_server(office, THE_BOT, named("rome", "localhost"))
    with pytest.raises(NotDone, match=r"with --listen\.$"):
        await add_server(office, THE_BOT, named("rome", "127.0.0.1"))
    async with office.database.writing() as tx:
        await tx.servers.remove(added.name)
