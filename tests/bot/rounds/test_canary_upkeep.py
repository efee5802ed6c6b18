"""What a try from outside needs and leaves behind; a program stands in for OpenVPN's client.

With the real one, and a real server, see test_canary.
"""

import asyncio
import json
import stat
from collections.abc import Collection, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bot.access import canaries
from bot.access.permission import THE_BOT
from bot.access.takeover import CrlEntry, take_over
from bot.fleet.fixed_addresses import given_by_others, known_files
from bot.fleet.live_servers import live_server
from bot.office import Office
from bot.rounds.canary import CanaryRound
from bot.rounds.keeper import Keeper
from demo.lab.stand_in import StandIn
from storage.records import (
    ON_HOLD,
    Canary,
    CanaryRole,
    CanaryTrouble,
    EndReason,
    ServerName,
    Untried,
)
from tests.bot.rounds.canaries import (
    ROME,
    TAKES,
    TURNS_AWAY,
    Client,
    adopted,
    ccd,
    in_use,
    look,
    on_hold,
    server_of,
    tried,
)
from tests.bot.rounds.keeping import MINUTE, OFFICE, notices
from tests.company import Company, until
from tests.folders import open_folder
from tests.machine import Machine
from vpn.layout import DEPLOYED
from vpn.proof.client_files import fixed_addresses

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_what_is_tried_with_is_kept_for_half_its_life(
    company: Company, office: Office, round_: CanaryRound, machine: Machine, client: Client
) -> None:
    client.says(TAKES)
    assert await look(office) is None  # nothing at the start: that is when all is restarted
    await tried(round_, machine)
    first = await in_use(office)
    await tried(round_, machine)
    assert await in_use(office) == first
    assert ccd(company) == [first[CanaryRole.GOOD].common_name]

    machine.gone_by += canaries.LIFE / 2
    await tried(round_, machine)

    second = await in_use(office)
    assert {each.serial for each in first.values()}.isdisjoint(
        each.serial for each in second.values()
    )
    assert ccd(company) == [second[CanaryRole.GOOD].common_name]


async def test_every_servers_list_has_the_revoked_ones_and_no_other(
    company: Company, office: Office, round_: CanaryRound, machine: Machine
) -> None:
    await tried(round_, machine)
    of_office = await in_use(office)
    revoked = of_office[CanaryRole.REVOKED].serial
    assert on_hold(company, office, OFFICE) == {revoked}

    await company.add_server(ROME, 1196)
    assert revoked in on_hold(company, office, ROME)
    assert of_office[CanaryRole.GOOD].serial not in on_hold(company, office, ROME)


async def test_a_list_of_ours_that_comes_back_revokes_nobody_for_good(
    office: Office, round_: CanaryRound, machine: Machine
) -> None:
    await tried(round_, machine)
    serial = (await in_use(office))[CanaryRole.REVOKED].serial
    entry = CrlEntry(serial, office.clock(), EndReason.REVOKED, ON_HOLD)

    async with office.acting(THE_BOT) as case:
        taken = await take_over(case, OFFICE, 1, [entry])
        foreign = await case.tx.crl.foreign()

    assert (list(taken.unknown), list(foreign)) == ([], [])


async def test_where_another_answers_admins_are_told(
    office: Office, round_: CanaryRound, machine: Machine, client: Client
) -> None:
    client.says(TAKES)  # whoever comes

    await tried(round_, machine)

    seen = await look(office)
    assert seen is not None
    assert seen.troubles == (CanaryTrouble.REVOKED_LET_IN, CanaryTrouble.NO_SECOND_LOCK)
    assert set(await notices(office)) >= {"canary_revoked_let_in", "canary_no_second_lock"}


async def test_status_chat_and_doctor_say_what_was_seen(
    company: Company, office: Office, round_: CanaryRound, machine: Machine, client: Client
) -> None:
    client.says(TURNS_AWAY)
    await tried(round_, machine)

    (row,) = (await company.vpnbot("server", "status", "--json")).rows
    assert row["well_from_outside"] is False
    assert row["troubles_from_outside"] == "revoked_passes, good_refused"
    assert row["untried"] is None
    assert row["tried_at"] is not None
    table = (await company.vpnbot("server", "status")).out
    assert "its revocation list isn't in force, it refuses a valid certificate" in table
    doctor = await company.vpnbot("doctor")
    assert "it refused a valid certificate" in doctor.out + doctor.err
    assert "vpnbot-canary-" not in doctor.out + doctor.err


async def test_switched_off_nothing_of_it_stays(
    company: Company, office: Office, round_: CanaryRound, machine: Machine
) -> None:
    await tried(round_, machine)
    assert ccd(company)

    off = CanaryRound(office, lambda: None, None)
    await off.tend()
    await off.done()

    assert ccd(company) == []
    assert (await in_use(office), await look(office)) == ({}, None)


@pytest.mark.long
async def test_a_server_that_is_taken_out_is_forgotten(
    company: Company, office: Office, round_: CanaryRound, machine: Machine
) -> None:
    await company.add_server(ROME, 1196)
    await tried(round_, machine)
    assert await look(office, ROME) is not None
    assert await in_use(office, ROME)

    await company.done("server", "remove", ROME)

    assert await look(office, ROME) is None
    assert await in_use(office, ROME) == {}


@pytest.mark.long
async def test_nothing_is_remembered_of_a_server_that_was_taken_out(
    company: Company,
    office: Office,
    round_: CanaryRound,
    machine: Machine,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Neither its keys nor what kept it from being tried: another of its name begins anew."""
    await company.add_server(ROME, 1196)
    await tried(round_, machine)
    assert round_._known[ROME].kit is not None
    await company.done("server", "remove", ROME)
    await tried(round_, machine)
    assert set(round_._known) == {OFFICE}

    renew = office.fleet.renew_canaries

    async def without_room(name: ServerName, roles: Collection[CanaryRole]) -> Sequence[Canary]:
        return () if name == ROME else await renew(name, roles)

    await company.add_server(ROME, 1196)
    with monkeypatch.context() as patch:
        patch.setattr(office.fleet, "renew_canaries", without_room)
        await tried(round_, machine)
    seen = await look(office, ROME)
    assert seen is not None
    assert seen.untried is Untried.NETWORK_FULL
    await company.done("server", "remove", ROME)
    await tried(round_, machine)
    await company.add_server(ROME, 1196)
    await tried(round_, machine)
    seen = await look(office, ROME)
    assert seen is not None
    assert seen.untried is None
    await company.done("server", "remove", ROME)


async def test_the_keys_are_in_no_file(
    company: Company, office: Office, round_: CanaryRound, machine: Machine, client: Client
) -> None:
    """The profile goes to the client's standard input; here it says whether that is a pipe."""
    client.says("[ -p /dev/stdin ] && echo 'TLS: Initial packet from there'; exit 1")
    await tried(round_, machine)
    seen = await look(office)
    assert seen is not None
    assert seen.troubles == (CanaryTrouble.GOOD_REFUSED,)
    kit = round_._known[OFFICE].kit
    assert kit is not None
    assert "PRIVATE KEY" not in repr(kit)
    secrets = [
        line.encode()
        for profile in kit.profiles.values()
        for line in profile.partition("<key>")[2].partition("</key>")[0].splitlines()
        if line and not line.startswith("-----")
    ]
    assert secrets
    for path in company.folder.rglob("*"):
        if stat.S_ISREG(path.lstat().st_mode):
            content = path.read_bytes()
            assert not any(secret in content for secret in secrets), path


async def test_a_keeper_that_stops_ends_what_it_has_started(
    office: Office, openvpn: StandIn, client: Client, machine: Machine
) -> None:
    with open_folder() as folder:
        folder.chmod(0o777)
        client.says(f"echo $$ > {folder}/pid; exec sleep 600")
        settings = office.settings.model_copy(update={"canary": 60})
        keeper = Keeper(replace(office, settings=settings), lambda: None)
        machine.gone_by += 2 * MINUTE
        await keeper.sweep()
        await until((folder / "pid").exists)
        await until((folder / "pid").read_text)
        pid = int((folder / "pid").read_text())
        await keeper._canary.stop()
        await until(lambda: not Path(f"/proc/{pid}").exists())


@pytest.mark.parametrize(
    ("layout", "roles"),
    [
        ({}, set(CanaryRole)),
        ({"exclusive": False}, {CanaryRole.GOOD, CanaryRole.REVOKED}),
        ({"crl": None, "exclusive": False}, {CanaryRole.GOOD}),
    ],
)
async def test_an_operators_own_server_is_tried_as_far_as_its_locks_go(
    company: Company,
    office: Office,
    round_: CanaryRound,
    machine: Machine,
    layout: dict[str, Any],
    roles: set[CanaryRole],
) -> None:
    """Its address is one that no file of the operator's gives away, and stays the bot's own."""
    home = str(company.folder / "office").lstrip("/")
    theirs = replace(
        DEPLOYED,
        adopted=True,
        conf=f"{home}/server.conf",
        crl=f"{home}/live/crl.pem",
        ccd=f"{home}/live/ccd",
        management=None,
    )
    as_theirs = json.dumps(adopted(layout=replace(theirs, **layout).to_json()))
    operators = company.folder / "office/live/ccd/router"
    operators.write_text("ifconfig-push 10.8.0.2 255.255.252.0\n")
    company.tamper("UPDATE servers SET adopted = ?", as_theirs)
    await tried(round_, machine)

    drawn = await in_use(office)
    assert set(drawn) == roles
    assert drawn[CanaryRole.GOOD].address not in (None, "10.8.0.2")
    file = operators.with_name(drawn[CanaryRole.GOOD].common_name)
    assert f"ifconfig-push {drawn[CanaryRole.GOOD].address} " in file.read_text()
    async with office.database.reading() as tx:
        known = await known_files(tx, OFFICE)
    live = live_server(await server_of(office))
    files = await fixed_addresses(live.host, live.layout)
    others = given_by_others(files, OFFICE, known)
    assert drawn[CanaryRole.GOOD].address not in others
    assert "10.8.0.2" in others
    await office.fleet.retire_canaries(OFFICE)
    assert ccd(company) == ["router"]


async def test_before_a_server_is_said_to_refuse_people_it_is_tried_with_new_ones(
    office: Office, round_: CanaryRound, machine: Machine, client: Client
) -> None:
    client.says(TAKES)
    await tried(round_, machine)
    first = await in_use(office)
    client.says(TURNS_AWAY)

    await tried(round_, machine)
    second = await in_use(office)
    assert first[CanaryRole.GOOD].serial != second[CanaryRole.GOOD].serial
    seen = await look(office)
    assert seen is not None
    assert CanaryTrouble.GOOD_REFUSED in seen.troubles

    await tried(round_, machine)  # it goes on refusing: that draws none anew
    assert await in_use(office) == second


async def test_a_server_that_is_taken_out_meanwhile_gets_none(
    company: Company, office: Office, round_: CanaryRound, machine: Machine
) -> None:
    """The removal takes no lock of the server's, so it may come after the server was read."""
    await company.add_server(ROME, 1196)
    async with office.database.writing() as tx:
        renewal = asyncio.create_task(office.fleet.renew_canaries(ROME, tuple(CanaryRole)))
        await until(lambda: office.database._writer._waiters)  # it waits for the database
        await tx.servers.remove(ROME)
    assert await renewal == ()
    assert await in_use(office, ROME) == {}
