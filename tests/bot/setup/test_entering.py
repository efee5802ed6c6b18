"""Whoever adopts a server elsewhere as the bot's own account has root read no key of the bot's."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from bot.office import Office
from bot.setup.entering import enter
from bot.setup.ways import WayIn
from storage.records import ServerName
from tests.sshd import NEEDS_SSHD, Sshd, run_sshd
from vpn.errors import KeyRefused
from vpn.host.ssh_address import SshAddress

pytestmark = [NEEDS_SSHD, pytest.mark.asyncio(loop_scope="module")]

ACCOUNT = "daemon"


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
