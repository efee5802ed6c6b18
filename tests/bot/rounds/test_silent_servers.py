"""An OpenVPN that is gone: admins hear of it soon, a restart is no alarm, and so of its end."""

from datetime import timedelta

import pytest

from bot.office import Office
from bot.rounds.keeper import Keeper
from demo.lab.stand_in import StandIn
from tests.bot.rounds.keeping import audited, make_keeper, minutes_go_by, notices, sweep
from tests.company import Company
from tests.machine import Machine

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def told(office: Office) -> list[str]:
    codes = ("server_silent", "server_unreachable", "server_heard")
    return [code for code in await notices(office) if code in codes]


async def test_admins_hear_of_it_within_a_minute_or_so_and_once(
    company: Company, office: Office, openvpn: StandIn, machine: Machine, keeper: Keeper
) -> None:
    await minutes_go_by(keeper, machine)
    assert await told(office) == []
    await openvpn.stop()
    await minutes_go_by(keeper, machine)
    # It may be a restart; so it is looked at again, and not after another minute.
    assert await told(office) == []
    machine.gone_by += timedelta(seconds=21)
    await sweep(keeper)
    assert await told(office) == ["server_silent"]
    await minutes_go_by(keeper, machine, 3)
    # Not by another process either.
    await minutes_go_by(make_keeper(office), machine, 3)
    assert await told(office) == ["server_silent"]

    await openvpn.start(company.folder / "office")
    await minutes_go_by(keeper, machine, 2)
    assert await told(office) == ["server_silent", "server_heard"]
    codes = [entry["code"] for entry in await audited(office, "server.answers")]
    assert codes == ["server_silent", "server_heard"]


async def test_a_restart_is_no_alarm(
    company: Company, office: Office, openvpn: StandIn, machine: Machine, keeper: Keeper
) -> None:
    await openvpn.stop()
    await minutes_go_by(keeper, machine)
    await openvpn.start(company.folder / "office")
    machine.gone_by += timedelta(seconds=21)
    await sweep(keeper)
    await minutes_go_by(keeper, machine, 2)
    assert await told(office) == []
