"""The commands of `vpnbot`, each as somebody types it while the bot runs."""

import asyncio
import fcntl
import json
import os
import re
import signal
import socket
import stat
import sys
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from demo.lab.stand_in import StandIn
from tests.company import BORIS, Company, Ran, company_with_stand_in, until
from tests.faketime import needs_faketime, shifted
from tests.forks import VPNBOT
from vpn.configuration.connect_rules import check_profile

pytestmark = pytest.mark.asyncio(loop_scope="module")

GRANT_KEYS = [
    *("id", "user_id", "user_name", "common_name", "serial", "server", "address", "state"),
    *("not_before", "not_after", "revoked_at", "servers", "addresses"),
    *("last_seen_at", "last_seen_on", "last_seen_from", "bytes_received", "bytes_sent"),
]
REQUEST_KEYS = [
    *("id", "user_id", "server", "duration", "reason", "state", "asked_at"),
    *("decided_by", "decided_at"),
]
STATUS_KEYS = {"reachable", "crl_number", "crl_this_update", "sessions", "restart_pending"}


def one_line(ran: Ran, *words: str) -> None:
    """The command could not do it, and said so in one line with all these words."""
    assert ran.code == 1, ran
    assert ran.err.count("\n") == 1, ran
    for word in words:
        assert word in ran.err, ran


async def refused(company: Company, wrong: dict[str, str]) -> None:
    """Each of the commands is refused with its words, and changes nothing."""
    # Nor does the bot meanwhile: what an earlier test began is over.
    under_way = "SELECT id FROM grants WHERE state IN ('reserved', 'issued', 'revoking')"
    await until(lambda: company.query(under_way) == [])
    before = company.dump()
    ran = await asyncio.gather(*(company.vpnbot(*command.split()) for command in wrong))
    for each, words in zip(ran, wrong.values(), strict=True):
        one_line(each, words)
    assert company.dump() == before


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
    assert "Approved by root" in (await company.boris.hears(f"{bella.person.first_name} asks")).text
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
        await ida.taps("Cancel", message=await ida.hears("is with the admins"))
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
    assert "Approved by root for 2 hours" in edited.text
    ((state, reason),) = company.query(
        "SELECT state, reason FROM requests WHERE user_id = ?", fiona.person.id
    )
    assert (state, reason) == ("approved", "before it went down")

    # One that nobody decided in time is over, whether or not a bot has noticed.
    await fiona.says("/requestvpn 2h again")
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
    one_line(ran, "cannot be written", "ended again")
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
    assert other.out.startswith("Revoked: the access")
    assert [grant["state"] for grant in company.grants_of(who)] == ["revoked", "revoked"]


async def test_two_fits_and_none(company: Company) -> None:
    gina, other = await company.hires(), await company.hires()
    name = company.name_of(gina)
    await company.approved(who=gina)
    await company.boris.says(f"/allow {other.person.id} {name}")
    await company.boris.hears("is on the allowlist; the name is up to date")
    before = company.dump()
    ran = await company.vpnbot("revoke", name.upper())
    one_line(ran, "not enough to tell who", str(gina.person.id), str(other.person.id))
    one_line(await company.vpnbot("revoke", "nobody at all"), "nobody at all")
    assert company.dump() == before
    removed = await company.done("user", "remove", str(gina.person.id))
    assert removed.out.startswith("Revoked")
    await gina.hears("took you off the list")
    removed = await company.done("user", "remove", str(other.person.id))
    assert "no live access" in removed.out


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
    assert (await company.boris.hears(f"the access of {company.name_of(carl)}")).text.startswith(
        "Revoked"
    )
    one_line(await company.vpnbot("user", "remove", str(carl.person.id)), company.name_of(carl))


async def test_all_accounts_of_a_person(company: Company) -> None:
    """Linked, unlinked again, and removed together."""
    one, two = await company.hires(), await company.hires()
    await company.approved(who=two)
    allow = ("user", "allow", str(two.person.id), "--name", company.name_of(two), "--same-as")
    said = await company.done(*allow, str(one.person.id))
    assert f"{company.name_of(one)} ({one.person.id}) are one person" in said.out
    assert "a person of its own" in (await company.done(*allow, str(two.person.id))).out
    one_line(await company.vpnbot(*allow, str(two.person.id)), "not linked to another one")
    await company.done(*allow, str(one.person.id))

    removed = await company.done("user", "remove", str(one.person.id))
    assert removed.out.startswith(f"Revoked: the access of {company.name_of(two)}")
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
    receipt = await boris.hears(f"the access of {company.name_of(one)}")
    assert receipt.text.startswith("Revoked")
    assert company.grants_of(two)[0]["state"] == "revoked"
    await boris.says(f"/remove {one.person.id}")
    answer = await boris.hears("All accounts of this person are off the allowlist")
    assert str(one.person.id) in answer.text
    assert str(two.person.id) in answer.text


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
    assert "Approved by root" in edited.text
    await refused(
        company,
        {
            f"request approve {number}": "Too late",
            f"request deny {number}": "Too late",
            "request approve 999": "no request 999",
        },
    )

    await anna.says("/requestvpn")
    await company.card(boris, anna)
    await company.done("request", "deny", str(number + 1))
    await anna.hears("denied your request")
    rows = (await company.done("request", "list", "--json")).rows[-2:]
    assert [row["state"] for row in rows] == ["approved", "denied"]
    assert {row["decided_by"] for row in rows} == {"system:root"}
    assert all(row["decided_at"].endswith("Z") for row in rows)


async def test_an_admins_own_request_can_be_approved_on_the_machine(company: Company) -> None:
    await company.boris.says(f"/allow {BORIS.id} Boris")
    await company.boris.hears("Boris is on the allowlist")
    await company.boris.says("/requestvpn 1h")
    card = await company.boris.hears("own request")
    assert card.buttons == []
    ((number,),) = company.query("SELECT id FROM requests WHERE user_id = ?", BORIS.id)
    await company.done("request", "approve", str(number))
    await company.boris.receives_document()


# --- listings ------------------------------------------------------------------------------------


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
    assert list(users[0]) == ["id", "name", "username", "allowed"]
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
            "user allow 0 --name X": "no Telegram id",
            "user allow 12a --name X": "no Telegram id",
            "user remove 4711": "4711",
        },
    )


# --- servers -------------------------------------------------------------------------------------


async def test_servers_that_cannot_be(company: Company) -> None:
    office, there = company.folder / "office", company.folder / "there"
    paris = f"server add paris --remote vpn.example.com:1194/udp --directory {there}"
    beside = f"server add paris --directory {there}"
    inside = "server add paris --remote vpn.example.com:1194/udp --directory"
    ((port,),) = company.query("SELECT listen_port FROM servers WHERE name = 'office'")
    await refused(
        company,
        {
            f"server add office --remote a.example.com:1 --directory {there}": "office already",
            f"server add paris --remote a.example.com:1 --directory {office}": "folder of office",
            f"{inside} {office}/paris": "is inside the other",
            f"{inside} {company.folder}": "is inside the other",
            f"{beside} --remote a.example.com:{port}/udp": f"office listens on port {port}/udp",
            f"{beside} --remote a.example.com:1 --listen {port}": "another one with --listen",
            f"{paris} --network 10.8.2.0/24": "overlaps",
            f"{paris} --network 10.8.0.0/33": "no IPv4 network",
            f"{paris} --ssh paris": "no USER@HOST:PORT",
            f"{paris} --ssh a@paris.invalid": "cannot be reached by SSH",
            f"{paris} --host-key SHA256:x": "add --ssh",
            f"{paris} --account no-such-account": "no account no-such-account",
            "server deploy rome": "rome",
        },
    )


async def test_a_deploy_says_what_it_put_back(company: Company) -> None:
    office = company.folder / "office"
    await company.done("server", "deploy", "office")
    person = await company.hires()
    await company.done("grant", "issue", str(person.person.id), "--output", "back.ovpn")
    (grant,) = company.grants_of(person)
    file = office / "live" / "ccd" / grant["common_name"]
    [(before,)] = company.query("SELECT number FROM crl_counter")
    (office / "live" / "crl.pem").unlink()
    file.unlink()
    said = (await company.done("server", "deploy", "office")).out
    assert file.exists()
    assert f"Configuration, certificate and keys in {office} are as they should be." in said
    # The bot may have signed another one since: it looks at the server, too.
    [(newest,)] = company.query("SELECT number FROM crl_counter")
    number = re.search(r"^A new CRL is in place, with number (\d+)\.$", said, re.MULTILINE)
    assert number
    assert before < int(number[1]) <= newest
    live = company.query("SELECT count(*) FROM grants WHERE state IN ('issued', 'active')")[0][0]
    assert f"Address files in place: {live}, one for each who has access." in said
    await company.done("revoke", str(person.person.id))


@pytest.mark.skipif(os.geteuid() != 0, reason="Only root can give folders away.")
async def test_what_root_writes_has_to_stay_where_it_is(company: Company) -> None:
    """Whoever owns a folder above could put a configuration of their own in the server's place."""
    theirs = company.folder / "theirs"
    theirs.mkdir()
    add = ("server", "add", "oslo", "--remote", "127.0.0.1:47113/udp", "--directory")
    os.chown(theirs, 1, 1)
    await refused(company, {f"{' '.join(add)} {theirs / 'oslo'}": f"chown -h root: {theirs}"})
    os.chown(theirs, 0, 0)
    await company.done(*add, str(theirs / "oslo"))
    theirs.chmod(0o777)
    await refused(company, {"server deploy oslo": f"chmod go-w {theirs}"})
    assert list(theirs.iterdir()) == []
    theirs.chmod(0o755)
    await company.done("server", "deploy", "oslo")
    await company.done("server", "remove", "oslo")


async def test_a_taken_port_and_a_taken_folder(company: Company) -> None:
    folder = company.folder / "taken"
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        where = ("--remote", f"127.0.0.1:{port}/udp", "--directory", str(folder))
        await company.done("server", "add", "taken", *where)
        one_line(await company.vpnbot("server", "deploy", "taken"), "port", str(port))
        assert not folder.exists()
    folder.mkdir()
    (folder / "somebody.txt").write_text("mine")
    one_line(await company.vpnbot("server", "deploy", "taken"), str(folder))
    assert [path.name for path in folder.iterdir()] == ["somebody.txt"]
    await company.done("server", "remove", "taken")


async def test_a_full_network_and_a_server_with_live_access(company: Company) -> None:
    where = ("--remote", "127.0.0.1:47111/udp", "--directory", str(company.folder / "tiny"))
    await company.done("server", "add", "tiny", *where, "--network", "10.98.0.0/29")
    await company.done("server", "deploy", "tiny")
    ida = await company.hires()
    for _ in range(5):
        await company.approved("/requestvpn tiny 1h", ida)
    held = {grant["address"] for grant in company.grants_of(ida)}
    assert held == {f"10.98.0.{n}" for n in range(2, 7)}

    await ida.says("/requestvpn tiny")
    card = await company.card(company.boris, ida)
    answer = await company.boris.is_answered(await company.boris.taps("Approve", message=card))
    assert "no free address on tiny" in answer.text
    ((number, state),) = company.query("SELECT id, state FROM requests ORDER BY id DESC LIMIT 1")
    assert state == "pending"
    await refused(
        company,
        {
            f"request approve {number}": "no free address on tiny",
            "server remove tiny": "5 live grants",
        },
    )

    # Nobody listens on tiny, so nothing is proved there; and what is not proved keeps its address.
    await company.boris.says(f"/revoke {ida.person.id}")
    receipt = await company.boris.hears("Not proved")
    assert "5 of 5 profiles" in receipt.text
    one_line(await company.vpnbot("request", "approve", str(number)), "no free address on tiny")
    await company.done("server", "remove", "tiny")
    await ida.hears("was closed")
    assert {grant["state"] for grant in company.grants_of(ida)} == {"revoked"}
    # That OpenVPN may still run with its old files, so nothing is called proved.
    receipt = await company.boris.hears("Not proved on tiny, which was taken out")
    assert "tiny: not proved before it was taken out. Stop OpenVPN there." in receipt.text
    assert "office: proved" in receipt.text
    assert "keep trying" not in receipt.text
    mine = [row for row in await company.grants() if row["user_id"] == ida.person.id]
    assert {row["state"] for row in mine} == {"revoking"}
    await company.boris.says("/grants")
    assert "not proved on tiny" in (await company.boris.hears("not proved on")).text
    again = await company.vpnbot("revoke", str(ida.person.id))
    assert again.code == 1
    assert again.out.startswith("Not proved on tiny, which was taken out")
    ended = [f"grant:{grant['id']}" for grant in company.grants_of(ida)]
    rows = [json.loads(line) for line in (await company.done("audit", "export")).out.splitlines()]
    closed = [row["action"] for row in rows if row["subject"] in ended][-5:]
    assert closed == ["grant.drop"] * 5
    assert not any(row["action"] == "grant.prove" and row["subject"] in ended for row in rows)


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
