"""Why a server was not tried from outside, and that nobody then takes it for well."""

import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from bot.office import Office
from bot.rounds.canary import CanaryRound
from storage.records import (
    Untried,
)
from tests.bot.rounds.canaries import (
    adopted,
    ccd,
    in_use,
    look,
    server_of,
    tried,
)
from tests.bot.rounds.keeping import audited
from tests.company import Company
from tests.machine import Machine
from vpn.layout import DEPLOYED

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_without_openvpn_here_that_is_said(
    office: Office, round_: CanaryRound, machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shutil.which", lambda *_, **__: None)
    await tried(round_, machine)
    seen = await look(office)
    assert seen is not None
    assert seen.untried is Untried.NO_OPENVPN


async def test_without_its_tls_key_that_is_said(
    company: Company, office: Office, round_: CanaryRound, machine: Machine
) -> None:
    sealed = company.data / "tls-keys/office.sealed"
    sealed.rename(sealed.with_suffix(".gone"))
    await tried(round_, machine)
    seen = await look(office)
    assert seen is not None
    assert seen.untried is Untried.TLS_KEY


@pytest.mark.parametrize(
    ("changes", "untried"),
    [
        ({"adopted": adopted(asks=True)}, Untried.PASSWORD),
        ({"adopted": adopted(closed="its clients have another CA")}, Untried.CLOSED),
        ({"adopted": adopted(trusts_us=False)}, Untried.CLOSED),
        ({"crl_published_at": None}, Untried.NOT_DEPLOYED),
        ({"restored_at": True}, Untried.RESTORED),
    ],
)
async def test_why_a_server_is_not_tried(
    office: Office, round_: CanaryRound, changes: dict[str, Any], untried: Untried
) -> None:
    before = await server_of(office)
    if "restored_at" in changes:
        changes = {"restored_at": office.clock()}

    await round_._try(replace(before, **changes))

    seen = await look(office)
    assert seen is not None
    assert seen.untried is untried
    assert await in_use(office) == {}


async def test_by_a_clock_in_doubt_nothing_is_signed(
    office: Office, round_: CanaryRound, machine: Machine
) -> None:
    office.time.telegram_said(machine.clock(), age=timedelta(0))
    machine.wrong_by = timedelta(days=2)
    await tried(round_, machine)
    seen = await look(office)
    assert seen is not None
    assert seen.untried is Untried.CLOCK


@pytest.mark.long
async def test_what_could_not_be_made_ready_is_not_drawn_anew_with_each_round(
    company: Company, office: Office, round_: CanaryRound, machine: Machine
) -> None:
    before = len(await audited(office, "canary.draw"))
    folder = company.folder / "office/live/ccd"
    folder.rename(folder.with_name("elsewhere"))
    for _ in range(5):
        await tried(round_, machine)
    seen = await look(office)
    assert seen is not None
    assert seen.untried is Untried.NOT_PREPARED
    assert len(await audited(office, "canary.draw")) == before + 1
    folder.with_name("elsewhere").rename(folder)
    for _ in range(6):
        await tried(round_, machine)
    seen = await look(office)
    assert seen is not None
    assert seen.untried is None


async def test_what_nobody_expected_leaves_no_look_that_says_well(
    company: Company, office: Office, round_: CanaryRound, machine: Machine
) -> None:
    await tried(round_, machine)
    company.tamper("UPDATE servers SET adopted = ?", json.dumps({"profile": None}))
    await tried(round_, machine)
    seen = await look(office)
    assert seen is not None
    assert seen.untried is Untried.NOT_PREPARED


async def test_a_look_that_is_too_old_is_none(
    company: Company, office: Office, round_: CanaryRound, machine: Machine
) -> None:
    await tried(round_, machine)
    seen = await look(office)
    assert seen is not None
    async with office.database.writing() as tx:
        await tx.canaries.see(replace(seen, at=seen.at - timedelta(days=30), troubles=()))

    (row,) = (await company.vpnbot("server", "status", "--json")).rows
    assert (row["well_from_outside"], row["untried"]) == (None, "overdue")
    assert "not tried from outside since" in (await company.vpnbot("server", "status")).out
    doctor = await company.vpnbot("doctor", VPNBOT_CANARY="5m")
    assert "it wasn't tried from outside since" in doctor.out + doctor.err


async def test_where_no_address_can_be_spared_that_is_said_and_none_is_held(
    company: Company, office: Office, round_: CanaryRound, machine: Machine
) -> None:
    await tried(round_, machine)
    home = str(company.folder / "office").lstrip("/")
    conf, crl = f"{home}/server.conf", f"{home}/live/crl.pem"
    theirs = replace(DEPLOYED, adopted=True, conf=conf, crl=crl)
    layout = replace(theirs, ccd=f"{home}/live/ccd", management=None)
    plan = {"network": "10.8.0.0/29", "own": "10.8.0.1", "pool": None, "one_each": True}
    taken = [f"10.8.0.{last}" for last in range(2, 6)]
    full = adopted(layout=layout.to_json(), addresses=plan, taken=taken)
    company.tamper("UPDATE servers SET adopted = ?", json.dumps(full))
    for _ in range(2):
        await tried(round_, machine)
        seen = await look(office)
        assert seen is not None
        assert seen.untried is Untried.NETWORK_FULL
    assert (await in_use(office), ccd(company)) == ({}, [])
