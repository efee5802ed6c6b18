"""Who is on a server, or has a file there, and may not: what is done, and what the admins hear."""

import asyncio
import json
import os
from datetime import timedelta

import pytest

from bot.office import Office
from bot.rounds.keeper import Keeper
from demo.lab.stand_in import StandIn
from tests.bot.folders import adopt
from tests.bot.rounds.keeping import audited, issued, minutes_go_by, notices, put_back_an_older_one
from tests.company import Company
from tests.machine import Machine
from vpn.deploy import CLOCK_TICK_S

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_whoever_has_no_grant_is_put_out(
    company: Company, openvpn: StandIn, office: Office, machine: Machine, keeper: Keeper
) -> None:
    """A file that came back with a copy of the folder, one added by hand, and their sessions."""
    friend, leaver = await issued(company, "friend"), await issued(company, "leaver")
    content = leaver.read_text()
    await company.done("revoke", leaver.name)
    draft = f".vpnbot-{'0' * 64}"  # no client can have so long a name
    strangers = {leaver.name, "mallory-1", ".hidden"}
    for name in (*strangers, draft):
        leaver.with_name(name).write_text(content)
    for name in (friend.name, leaver.name, "mallory-1"):
        assert await openvpn.connect(name)
    await minutes_go_by(keeper, machine)
    assert {path.name for path in friend.parent.iterdir()} == {friend.name, draft}
    aside = company.folder / "office/live/set-aside"
    assert {path.name for path in aside.iterdir()} == strangers
    assert (aside / "mallory-1").read_text() == content
    assert openvpn.sessions == (friend.name,)
    rows = await audited(office, "server.shut_out")
    assert {row["seen_as"]: row["names"] for row in rows} == {
        "over": [f"{leaver.name} (Anna Petrova)"],
        "cut": ["mallory-1"],
        "file": [".hidden"],
    }
    said = {code for code in await notices(office) if "crl" not in code}
    assert said >= {"over_cut_off", "strangers_cut_off", "strangers_files"}
    # It was proved once more.
    states = company.query("SELECT state FROM grants WHERE common_name = ?", leaver.name)
    assert states == [("revoked",)]
    again = {"name": "vpnbot", "grants": 1, "sessions": 1}
    assert await audited(office, "server.prove_again") == [again]
    await minutes_go_by(keeper, machine)
    assert await audited(office, "server.shut_out") == rows


async def test_of_a_server_that_does_not_answer_nobody_says_that_nobody_is_on(
    company: Company, openvpn: StandIn, office: Office, machine: Machine, keeper: Keeper
) -> None:
    """After a list was put back, those who are out are not proved until it answers again."""
    leaver = await issued(company, "leaver")
    await company.done("revoke", leaver.name)
    await put_back_an_older_one(company, office)
    await openvpn.stop()
    await minutes_go_by(keeper, machine)
    said = [code for code in await notices(office) if code.startswith("nobody")]
    assert said == ["nobody_can_see"]
    find = "SELECT state FROM grants WHERE common_name = ?"
    assert company.query(find, leaver.name) == [("revoking",)]
    await asyncio.sleep(CLOCK_TICK_S)
    again = StandIn()
    await again.start(company.folder / "office")
    try:
        await minutes_go_by(keeper, machine)
        assert company.query(find, leaver.name) == [("revoked",)]
    finally:
        await again.stop()


async def test_who_is_found_on_is_not_left_until_the_next_try_is_due(
    company: Company, openvpn: StandIn, machine: Machine, keeper: Keeper
) -> None:
    """The server was down for so long that the bot tried every five minutes only."""
    leaver = await issued(company, "leaver")
    content = leaver.read_text()
    await openvpn.stop()
    await company.vpnbot("revoke", leaver.name)
    while company.query("SELECT 1 FROM proofs WHERE attempts > 8") == []:
        await minutes_go_by(keeper, machine)
    await asyncio.sleep(CLOCK_TICK_S)
    again = StandIn()
    await again.start(company.folder / "office")
    try:
        leaver.write_text(content)
        assert await again.connect(leaver.name)
        await minutes_go_by(keeper, machine)
        assert (again.sessions, leaver.exists()) == ((), False)
    finally:
        await again.stop()


async def test_names_that_are_no_certificates_say_nothing(
    company: Company, openvpn: StandIn, office: Office, machine: Machine, keeper: Keeper
) -> None:
    """With `username-as-common-name` anybody may be called like somebody whose access is over."""
    leaver = await issued(company, "leaver")
    content = leaver.read_text()
    await company.done("revoke", leaver.name)
    for name in (leaver.name, "bob"):
        leaver.with_name(name).write_text(content)
        assert await openvpn.connect(name)
    adopt(company)
    ((adopted,),) = company.query("SELECT adopted FROM servers")
    values = json.loads(adopted)
    values["layout"]["named_by"] = "user_name"
    company.tamper("UPDATE servers SET adopted = ?, cuts_unknown = 1", json.dumps(values))
    await minutes_go_by(keeper, machine)
    assert openvpn.sessions == (leaver.name, "bob")
    assert not [code for code in await notices(office) if "over" in code or "strangers" in code]
    find = "SELECT state FROM grants WHERE common_name = ?"
    assert company.query(find, leaver.name) == [("revoked",)]


async def test_of_a_file_that_comes_back_again_the_admins_hear_once(
    company: Company, office: Office, machine: Machine, keeper: Keeper
) -> None:
    path = company.folder / "office/live/ccd/mallory-1"
    for _ in range(3):
        path.touch()
        await minutes_go_by(keeper, machine)
        assert not path.exists()
    assert len(await audited(office, "server.shut_out")) == 1
    assert (await notices(office)).count("strangers_files") == 1
    path.touch()
    machine.gone_by += timedelta(days=1)
    await minutes_go_by(keeper, machine)
    assert (await notices(office)).count("strangers_files") == 2


async def test_a_file_with_a_name_that_nobody_can_write(
    company: Company, office: Office, machine: Machine, keeper: Keeper
) -> None:
    """It may be called anything; what is said of it can be sent."""
    ccd = company.folder / "office/live/ccd"
    (ccd / os.fsdecode(b"\xff\x1b[31m" + b"x" * 58)).touch()
    await minutes_go_by(keeper, machine)
    assert list(ccd.iterdir()) == []
    ((said,),) = [row["names"] for row in await audited(office, "server.shut_out")]
    assert said == "?[31m" + "x" * 58


async def test_a_revocation_under_way_is_no_stranger(
    company: Company, openvpn: StandIn, office: Office, machine: Machine, keeper: Keeper
) -> None:
    """Its own proof tells of it."""
    leaver = await issued(company, "leaver")
    await openvpn.connect(leaver.name)
    company.tamper("UPDATE grants SET state = 'revoking', revoked_at = 1, end_reason = 'revoked'")
    await minutes_go_by(keeper, machine)
    assert leaver.exists()
    assert openvpn.sessions == (leaver.name,)
    assert not [code for code in await notices(office) if "over" in code or "strangers" in code]


async def test_an_operators_own_files_and_people_stay(
    company: Company, openvpn: StandIn, office: Office, machine: Machine, keeper: Keeper
) -> None:
    """On an adopted server only whose access through the bot is over goes."""
    leaver = await issued(company, "leaver")
    content = leaver.read_text()
    await company.done("revoke", leaver.name)
    ours = leaver.with_name("theirs-k7f3qz2m")  # a name of our form, of which we know nothing
    for path in (leaver, ours, leaver.with_name("DEFAULT"), leaver.with_name("printer")):
        path.write_text(content)
    for name in (leaver.name, ours.name, "printer"):
        assert await openvpn.connect(name)
    adopt(company)
    await minutes_go_by(keeper, machine)
    left = {path.name for path in leaver.parent.iterdir()}
    assert left == {ours.name, "DEFAULT", "printer"}
    assert openvpn.sessions == (ours.name, "printer")
    (row,) = await audited(office, "server.shut_out")
    # This configuration was never adopted in earnest, so nothing is proved.
    assert (row["seen_as"], row["names"]) == ("over_left", [f"{leaver.name} (Anna Petrova)"])
    (shown,) = await audited(office, "server.sight")
    assert shown["names"] == ["printer", ours.name]
    await minutes_go_by(keeper, machine)
    assert len(await audited(office, "server.sight")) == 1
