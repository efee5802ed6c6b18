"""A profile that gives more time to another one: once it is seen in use, the other one is cut."""

import asyncio
from datetime import timedelta

import pytest

from bot.rounds.keeper import Keeper
from demo.lab.stand_in import StandIn
from tests.bot.rounds.keeping import issued, minutes_go_by, sweep
from tests.company import ANNA, Company, until
from tests.machine import Machine

pytestmark = pytest.mark.asyncio(loop_scope="module")

_STATES = "SELECT state, end_reason FROM grants WHERE user_id = ? ORDER BY not_before"


async def test_the_earlier_one_is_cut_and_proved_out(
    company: Company, openvpn: StandIn, keeper: Keeper, machine: Machine
) -> None:
    old = await issued(company, "old")
    fresh = await issued(company, "fresh")
    company.tamper("UPDATE requests SET extends = 1 WHERE id = 2")
    assert await openvpn.connect(old.name)
    await minutes_go_by(keeper, machine)
    assert company.query(_STATES, ANNA.id) == [("active", None), ("active", None)]

    assert await openvpn.connect(fresh.name)
    await minutes_go_by(keeper, machine)
    machine.gone_by += timedelta(seconds=3)
    await sweep(keeper)

    # The end is in the same transaction as the first sight of the new one.
    assert company.query("SELECT count(*) FROM usages") == [(2,)]
    assert company.query(_STATES, ANNA.id) == [("revoked", "replaced"), ("active", None)]
    await until(lambda: openvpn.sessions == (fresh.name,))
    assert not old.exists()
    assert not await openvpn.connect(old.name)
    await asyncio.gather(*keeper._jobs())
