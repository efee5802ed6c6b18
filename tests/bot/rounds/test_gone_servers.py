"""Of a server that was taken out nothing is kept in memory; one of its name is another server."""

from collections.abc import Container  # noqa: TC003
from datetime import timedelta

import pytest

from bot.office import Office
from bot.rounds.keeper import Keeper
from demo.lab.stand_in import StandIn
from storage.records import ServerName
from tests.bot.rounds.keeping import minutes_go_by, notices, sweep
from tests.company import Company
from tests.machine import Machine

pytestmark = pytest.mark.asyncio(loop_scope="module")

OFFICE = ServerName("office")


async def test_of_a_server_that_was_taken_out_nothing_is_kept(
    company: Company, office: Office, openvpn: StandIn, machine: Machine, keeper: Keeper
) -> None:
    await minutes_go_by(keeper, machine)
    await office.keyring.tls_key(OFFICE)
    await openvpn.stop()
    for _ in range(2):
        await minutes_go_by(keeper, machine)
    assert "server_silent" in await notices(office)
    assert keeper._watch._known[OFFICE].silent
    kept: list[Container[str]] = [
        *(keeper._known, keeper._watch._known, office.time._servers, office.keyring._tls_keys),
        *(office.fleet._members._lines, office.others._turns),
    ]
    assert all(OFFICE in each for each in kept)

    await company.done("server", "remove", OFFICE)
    machine.gone_by += timedelta(seconds=1)
    await sweep(keeper)

    assert [each for each in kept if OFFICE in each] == []
