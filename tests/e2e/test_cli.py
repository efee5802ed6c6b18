"""The commands of `vpnbot`, each as somebody types it while the bot runs."""

import asyncio
import fcntl
import os
import signal
import stat
import sys
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from demo.lab.stand_in import StandIn
from tests.company import BORIS, Company, company_with_stand_in, until
from tests.e2e.refusing import one_line, refused
from tests.faketime import needs_faketime, shifted
from tests.forks import VPNBOT
from vpn.configuration.connect_rules import check_profile

pytestmark = pytest.mark.asyncio(loop_scope="module")

GRANT_KEYS = [
    *("id", "user_id", "user_name", "common_name", "serial", "server", "address", "state"),
    *("not_before", "not_after", "revoked_at", "servers", "addresses", "pause"),
    *("last_seen_at", "last_seen_on", "last_seen_from", "bytes_received", "bytes_sent"),
]
REQUEST_KEYS = [
    *("id", "user_id", "server", "duration", "reason", "state", "asked_at"),
    *("starts_at", "extends", "device", "decided_by", "decided_at"),
    *("user_name", "decided_by_name"),
]
STATUS_KEYS = {"reachable", "crl_number", "crl_this_update", "sessions", "restart_pending"}


# --- giving access without Telegram --------------------------------------------------------------


async def test_a_profile_in_a_file_and_its_end(company: Company, server: StandIn) -> None:
    bella = await company.hires()
    user_id, file = bella.person.id, company.folder / "bella.ovpn"
    command = ("grant", "issue", str(user_id), "--output", str(file), "--duration", "8h")
    mask = os.umask(0)
    try:
        await company.done(*command, "--server", "office")
    finally:
        os.umask(mask)
    assert (
        "Approved by an admin on the server"
        in (await company.boris.hears(f"{bella.person.first_name} asks")).text
    )
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert check_profile(file.read_text()) == []

    grant = next(row for row in await company.grants() if row["user_id"] == user_id)
    assert list(grant) == GRANT_KEYS
    assert grant["user_name"] == company.name_of(bella)
    assert (grant["state"], grant["server"], grant["revoked_at"]) == ("active", "office", None)
    assert grant["serial"] == grant["serial"].lower()
    assert grant["not_after"].endswith("Z")
    second = company.folder / "second.ovpn"
    ran = await company.done("grant", "issue", str(user_id), "--output", str(second))
    assert f"They have another live profile, {grant['common_name']} on office, until" in ran.out
    assert f"to end it: vpnbot revoke {grant['id']}" in ran.out
    newer = company.grants_of(bella)[-1]
    assert newer["id"] != grant["id"]
    await company.done("revoke", newer["id"])
    assert [grant[key] for key in GRANT_KEYS[-5:]] == [None, None, None, 0, 0]
    assert await server.connect(grant["common_name"])

    ran = await company.done("revoke", company.name_of(bella))
    assert ran.out.startswith("Revoked")
    assert grant["common_name"] in ran.out
    assert grant["common_name"] not in server.sessions
    assert not await server.connect(grant["common_name"])
    await bella.hears("took back your access")
    grant = next(row for row in await company.grants() if row["user_id"] == user_id)
    assert grant["state"] == "revoked"
    assert grant["revoked_at"] is not None
    one_line(await company.vpnbot("revoke", str(user_id)), "no live access")


@pytest.mark.long
async def test_what_cannot_be_issued(company: Company) -> None:
    file, link = company.folder / "mine.txt", company.folder / "link.txt"
    file.write_text("mine")
    link.symlink_to(company.folder / "nowhere")
    output = company.folder / "new.ovpn"
    await refused(
        company,
        {
            f"grant issue 1001 --output {file}": "exists already",
            f"grant issue 1001 --output {link}": "exists already",
            f"grant issue 4711 --output {output}": "allowlist",
            f"grant issue 1001 --output {company.folder / 'gone' / 'new.ovpn'}": "no folder",
            f"grant issue 1001 --output {output} --server paris": "no server",
            f"grant issue 1001 --output {output} --duration 31d": "31 days is more than the 30",
        },
    )
    assert file.read_text() == "mine"
    assert not link.exists()
    assert not output.exists()


@pytest.mark.long
@needs_faketime
async def test_a_clock_before_the_cas_beginning(open_folder: Path) -> None:
    """A profile of that day would never work, and nothing vouches for another time."""
    async with company_with_stand_in(open_folder) as (young, _):
        output = young.folder / "early.ovpn"
        early = replace(young, program=(sys.executable, VPNBOT))
        command = ("grant", "issue", "1001", "--output", str(output))
        ran = await early.vpnbot(*command, **shifted(timedelta(days=-9)))
        one_line(ran, "when the CA begins", "timedatectl")
        assert not output.exists()
        assert await young.grants() == []


async def test_limits_for_people_do_not_bind_whoever_is_at_the_machine(company: Company) -> None:
    """However often the person has asked within the hour, and for longer if that is meant."""
    ida = await company.hires()
    for _ in range(10):
        await ida.says("/requestvpn 1h")
        await ida.taps("Cancel", message=await ida.hears("waits for the admins"))
        await ida.hears("is cancelled")
    await ida.says("/requestvpn 1h")
    await ida.hears("10 times")
    output = company.folder / "ida.ovpn"
    command = f"grant issue {ida.person.id} --output {output} --duration 60d"
    await refused(company, {command: "add --yes"})
    await company.done(*command.split(), "--yes")
    assert check_profile(output.read_text()) == []


async def test_a_request_that_waits_is_what_is_answered(company: Company) -> None:
    """On the day Telegram is down the person has usually asked already."""
    fiona = await company.hires()
    await fiona.says("/requestvpn 2h before it went down")
    card = await company.card(company.boris, fiona)
    output = company.folder / "fiona.ovpn"
    command = f"grant issue {fiona.person.id} --output {output}"
    await refused(company, {f"{command} --duration 3h": "Leave --duration out"})
    await company.done(*command.split(), "--server", "office")
    assert check_profile(output.read_text()) == []
    edited = await company.boris.hears(f"{company.name_of(fiona)} asks")
    assert edited.message_id == card.message_id
    assert "Approved by an admin on the server for 2 hours" in edited.text
    ((state, reason),) = company.query(
        "SELECT state, reason FROM requests WHERE user_id = ?", fiona.person.id
    )
    assert (state, reason) == ("approved", "before it went down")

    # One that nobody decided in time is over, whether or not a bot has noticed.
    await company.asks(fiona, "/requestvpn 2h again")
    await company.card(company.boris, fiona)
    company.tamper("UPDATE requests SET expires_at = 1 WHERE state = 'pending'")
    output.unlink()
    await company.done(*command.split(), "--duration", "1h")
    states = company.query("SELECT state FROM requests WHERE user_id = ?", fiona.person.id)
    assert states == [("approved",), ("expired",), ("approved",)]


async def test_a_profile_that_was_revoked_before_it_was_ready(company: Company) -> None:
    hans = await company.hires()
    output = company.folder / "hans.ovpn"
    company.tamper(
        "CREATE TRIGGER revoked_at_once AFTER UPDATE ON grants WHEN NEW.state = 'issued' BEGIN "
        "UPDATE grants SET state = 'revoked', revoked_at = 1, end_reason = 'revoked' "
        "WHERE id = NEW.id; END"
    )
    try:
        ran = await company.vpnbot("grant", "issue", str(hans.person.id), "--output", str(output))
    finally:
        company.tamper("DROP TRIGGER revoked_at_once")
    one_line(ran, "was revoked before", "gone again")
    assert not output.exists()


async def test_access_ends_again_where_the_file_cannot_be_written(
    company: Company, server: StandIn
) -> None:
    dora = await company.hires()
    output = Path("/proc/dora.ovpn")
    ran = await company.vpnbot("grant", "issue", str(dora.person.id), "--output", str(output))
    one_line(ran, "can't be written", "ended again")
    (grant,) = company.grants_of(dora)
    assert grant["state"] == "revoked"
    assert not await server.connect(grant["common_name"])


async def test_killed_while_it_issues(company: Company) -> None:
    """The grant is there, and nobody has its profile: the bot ends it."""
    edna = await company.hires()
    output = company.folder / "edna.ovpn"
    with (company.data / "locks" / "server-office.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # so it has to wait right after the reservation
        issuing = await asyncio.create_subprocess_exec(
            *(VPNBOT, "grant", "issue", str(edna.person.id), "--output", str(output)),
            env=company.environment,
        )
        await until(lambda: [grant["state"] for grant in company.grants_of(edna)] == ["reserved"])
        issuing.send_signal(signal.SIGKILL)
        await issuing.wait()
        assert not output.exists()
    await until(lambda: company.grants_of(edna)[0]["state"] == "revoked")


# --- revoking ------------------------------------------------------------------------------------


async def test_grants_and_serials_can_be_named(company: Company) -> None:
    who = await company.hires()
    await company.approved(who=who)
    await company.approved(who=who)
    first, second = company.grants_of(who)
    one = await company.done("revoke", first["id"])
    assert one.out.startswith("Revoked: this profile")
    assert second["common_name"] in one.out
    other = await company.done("revoke", f"serial:{second['serial'].upper()}")
    assert other.out.startswith("Revoked: ")
    assert [grant["state"] for grant in company.grants_of(who)] == ["revoked", "revoked"]


@pytest.mark.long
async def test_two_fits_and_none(company: Company) -> None:
    gina, other = await company.hires(), await company.hires()
    name = company.name_of(gina)
    await company.approved(who=gina)
    await company.boris.says(f"/allow {other.person.id} {name}")
    await company.boris.hears("is on the allowlist; the name is up to date")
    before = company.dump()
    ran = await company.vpnbot("revoke", name.upper())
    one_line(ran, "isn't enough to tell who", str(gina.person.id), str(other.person.id))
    one_line(await company.vpnbot("revoke", "nobody at all"), "nobody at all")
    assert company.dump() == before
    removed = await company.done("user", "remove", str(gina.person.id))
    assert removed.out.startswith("Revoked")
    await gina.hears("took you off the list")
    removed = await company.done("user", "remove", str(other.person.id))
    assert "no live access" in removed.out


@pytest.mark.long
async def test_not_proved_is_exit_status_1(company: Company, server: StandIn) -> None:
    carl = await company.hires()
    await company.approved(who=carl)
    await server.stop()
    ran = await company.vpnbot("revoke", str(carl.person.id))
    assert ran.code == 1
    assert ran.out.startswith("Not proved")
    assert "vpnbot grant list" in ran.out
    assert company.grants_of(carl)[0]["state"] == "revoking"
    status = await company.vpnbot("server", "status", "--json")
    assert status.code == 1
    assert [(row["reachable"], row["sessions"]) for row in status.rows] == [(False, None)]

    # Removed after that, or once more: it is still not proved.
    await company.boris.says(f"/remove {carl.person.id}")
    await company.boris.hears("Not proved yet")
    ran = await company.vpnbot("user", "remove", str(carl.person.id))
    assert ran.code == 1
    assert ran.out.startswith("Not proved yet")
    assert "no live access" not in ran.out

    await server.start(company.folder / "office")

    def is_proved() -> bool:
        company.look_again()
        return bool(company.grants_of(carl)[0]["state"] == "revoked")

    await until(is_proved)
    assert (await company.boris.hears(f"{company.name_of(carl)} can’t connect")).text.startswith(
        "Revoked"
    )
    one_line(await company.vpnbot("user", "remove", str(carl.person.id)), company.name_of(carl))


@pytest.mark.long
async def test_all_accounts_of_a_person(company: Company) -> None:
    """Linked, unlinked again, and removed together."""
    one, two = await company.hires(), await company.hires()
    await company.approved(who=two)
    allow = ("user", "allow", str(two.person.id), "--name", company.name_of(two), "--same-as")
    said = await company.done(*allow, str(one.person.id))
    assert f"{company.name_of(one)} ({one.person.id}) are one person" in said.out
    assert "a person of its own" in (await company.done(*allow, str(two.person.id))).out
    one_line(await company.vpnbot(*allow, str(two.person.id)), "isn't linked to another one")
    await company.done(*allow, str(one.person.id))

    removed = await company.done("user", "remove", str(one.person.id))
    assert removed.out.startswith(f"Revoked: {company.name_of(two)}")
    for who in (one, two):
        assert f"{company.name_of(who)} ({who.person.id})" in removed.out
    assert company.grants_of(two)[0]["state"] == "revoked"
    rows = (await company.done("user", "list", "--json")).rows
    ids = {one.person.id, two.person.id}
    assert {row["allowed"] for row in rows if row["id"] in ids} == {False}
    assert "ends the link" in " ".join((await company.done("user", "allow", "--help")).out.split())


async def test_a_person_with_two_accounts_in_the_chat(company: Company) -> None:
    boris, one, two = company.boris, await company.hires(), await company.hires()
    await company.approved(who=two)
    allow = ("user", "allow", str(two.person.id), "--name", company.name_of(one), "--same-as")
    await company.done(*allow, str(one.person.id))
    await boris.says(f"/revoke {company.name_of(one)}")
    receipt = await boris.hears(f"{company.name_of(one)} can’t connect")
    assert receipt.text.startswith("Revoked")
    assert company.grants_of(two)[0]["state"] == "revoked"
    await boris.says(f"/remove {one.person.id}")
    answer = await boris.hears("All accounts of this person are off the allowlist")
    assert str(one.person.id) in answer.text
    assert str(two.person.id) in answer.text
    # By mistake: they are on it again, and what has ended stays ended.
    await boris.taps("Undo", message=answer)
    await boris.hears("is on the allowlist again, as before")
    for who in (one, two):
        await who.hears("Boris took that back: you’re on the list again")
    assert company.grants_of(two)[0]["state"] == "revoked"
    rows = (await company.done("user", "list", "--state", "allowed", "--json")).rows
    assert {one.person.id, two.person.id} <= {row["id"] for row in rows}


# --- requests ------------------------------------------------------------------------------------


async def test_requests_are_decided_without_telegram(company: Company) -> None:
    anna, boris = company.anna, company.boris
    await anna.says("/requestvpn 2h =formula")
    card = await company.card(boris, anna)
    request = (await company.done("request", "list", "--json")).rows[-1]
    assert list(request) == REQUEST_KEYS
    assert (request["user_id"], request["duration"], request["state"]) == (1001, "2h", "pending")
    assert (request["reason"], request["decided_by"]) == ("=formula", None)
    number = request["id"]

    approved = await company.done("request", "approve", str(number))
    assert "Anna Petrova" in approved.out
    assert (await anna.receives_document()).document is not None
    await until(lambda: company.grants_of(anna)[-1]["state"] == "active")
    edited = await boris.hears("Anna Petrova asks for VPN access")
    assert (edited.message_id, edited.buttons) == (card.message_id, [])
    assert "Approved by an admin on the server" in edited.text
    await refused(
        company,
        {
            f"request approve {number}": "Too late",
            f"request deny {number}": "Too late",
            "request approve 999": "no request 999",
        },
    )

    await company.asks(anna)
    await company.card(boris, anna)
    await company.done("request", "deny", str(number + 1), "--reason", "maintenance <tonight>")
    await anna.hears("denied your request for office: “maintenance <tonight>”")
    rows = (await company.done("request", "list", "--json")).rows[-2:]
    assert [row["state"] for row in rows] == ["approved", "denied"]
    assert {row["decided_by"] for row in rows} == {"system:root"}
    assert all(row["decided_at"].endswith("Z") for row in rows)


async def test_an_admins_own_request_can_be_approved_on_the_machine(company: Company) -> None:
    await company.boris.says(f"/allow {BORIS.id} Boris")
    await company.boris.hears("on the allowlist now")
    await company.boris.says("/requestvpn 1h")
    card = await company.boris.hears("own request")
    assert card.buttons == []
    ((number,),) = company.query("SELECT id FROM requests WHERE user_id = ?", BORIS.id)
    await company.done("request", "approve", str(number))
    await company.boris.receives_document()


@pytest.mark.long
async def test_more_time_from_the_terminal(company: Company) -> None:
    """As by the chat's button: a request of its own, and the earlier profile works meanwhile."""
    who = await company.hires()
    await company.asks(who, "/requestvpn 8h")
    await company.boris.taps("Approve", message=await company.card(company.boris, who))
    await who.receives_document()
    await until(lambda: [one["state"] for one in company.grants_of(who)] == ["active"])
    (grant,) = company.grants_of(who)
    long = await company.vpnbot("grant", "extend", grant["id"], "--duration", "60d")
    assert (long.code, "add --yes" in long.err) == (1, True)
    short = await company.vpnbot("grant", "extend", grant["id"], "--duration", "1h")
    assert short.code == 1

    done = (await company.done("grant", "extend", str(who.person.id), "--duration", "9h")).out
    assert done.startswith(f"{company.name_of(who)} gets ")
    assert f"{grant['common_name']} works until it was used." in done
    await who.receives_document()
    await until(lambda: [one["state"] for one in company.grants_of(who)] == ["active"] * 2)
    first, second = (await company.done("request", "list", "--json")).rows[-2:]
    assert (first["extends"], second["extends"], second["device"]) == (None, first["id"], None)
    assert (second["duration"], second["decided_by"]) == ("9h", "system:root")

    # By whoever it is, or by the newest profile; the earlier one has it already.
    again = await company.vpnbot("grant", "extend", grant["id"])
    assert again.code == 1
    # What they have asked for is approved by it.
    later = company.grants_of(who)[1]
    await who.taps("More time", message=[one for one in who.messages if one.document][-1])
    await company.settled()
    other = await company.vpnbot("grant", "extend", later["id"], "--duration", "3d")
    assert (other.code, "leave --duration out" in other.err) == (1, True)
    await company.done("grant", "extend", later["id"])
    await who.receives_document()
    await until(lambda: {one["state"] for one in company.grants_of(who)} == {"active"})
    # Two that are each other's have one name.
    await company.approved("/requestvpn 2h", who)
    several = await company.vpnbot("grant", "extend", str(who.person.id))
    assert (several.code, "several profiles" in several.err) == (1, True)
    nobody = await company.hires()
    nothing = await company.vpnbot("grant", "extend", str(nobody.person.id))
    assert nothing.code == 1


# --- listings ------------------------------------------------------------------------------------


@pytest.mark.long
async def test_listings_need_no_secret(company: Company) -> None:
    bare = {"VPNBOT_BOT_TOKEN_FILE": "", "VPNBOT_CA_PASSPHRASE_FILE": "", "VPNBOT_ADMIN_IDS": ""}
    commands = ("server list", "server status", "user list", "grant list")
    ran = await asyncio.gather(
        *(company.vpnbot(*command.split(), "--json", **bare) for command in commands),
        company.vpnbot("user", "list", **bare),
        company.vpnbot("ca", "show", **bare),
    )
    assert [(each.code, each.err) for each in ran] == [(0, "")] * len(ran)
    servers, status, users = (each.rows for each in ran[:3])
    assert list(servers[0]) == ["name", "remote", "directory", "network", "network6", "ssh"]
    assert servers[0]["network"] == "10.8.0.0/22"
    assert set(status[0]) >= STATUS_KEYS | {"name"}
    assert (status[0]["reachable"], status[0]["restart_pending"]) == (True, False)
    assert list(users[0]) == [
        *("id", "name", "username", "allowed", "role", "role_groups"),
        *("paused_since", "paused_until"),
    ]
    assert {"id": 1001, "name": "Anna Petrova", "allowed": True}.items() <= users[0].items()
    assert "Anna Petrova" in ran[-2].out
    assert "sha-256" in ran[-1].out


async def test_the_allowlist(company: Company) -> None:
    await company.done("user", "allow", "4140", "--name", "  Hans\nMüller ")
    rows = (await company.done("user", "list", "--json")).rows
    assert [row["name"] for row in rows if row["id"] == 4140] == ["Hans Müller"]
    await refused(
        company,
        {
            "user allow 0 --name X": "isn't a Telegram id",
            "user allow 12a --name X": "isn't a Telegram id",
            "user remove 4711": "4711",
        },
    )


# --- wrong usage ----------------------------------------------------------------------------------


async def test_wrong_usage(company: Company) -> None:
    wrong = ("sing", "revoke", "request approve x", "user allow", "demo --x")
    ran = await asyncio.gather(*(company.vpnbot(*command.split()) for command in wrong))
    assert [each.code for each in ran] == [2] * len(wrong)
    assert "Traceback" not in "".join(each.err for each in ran)


async def test_a_second_bot_on_the_folder(company: Company) -> None:
    await refused(company, {"run": "Another bot runs"})
    assert company.bot is not None
    assert company.bot.returncode is None


async def test_help_names_every_command(company: Company) -> None:
    shown = await company.done("--help")
    for command in ("ca", "server", "user", "grant", "revoke", "request", "audit", "run", "demo"):
        assert f" {command} " in shown.out
