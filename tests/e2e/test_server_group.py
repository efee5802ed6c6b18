"""A set of servers that share one profile: real OpenVPN servers, a real client, real taps."""

import os
import re
import shutil
from pathlib import Path

import pytest

from demo.errors import LabRefused
from demo.lab.network import NetLab, lab_missing
from demo.lab.stand_in import StandIn
from pki.authority_files import load_certificate
from pki.found_crls import read_crls
from pki.serial import parse_serial
from tests.bot.health.kit import everybody_pressed_start, findings
from tests.company import (
    ANNA,
    as_if_bot_ran,
    company_with_openvpn,
    company_with_stand_in,
    furnish_by_copy,
    open_company,
    until,
)
from tests.vpn.operator_kit import beside_ours, static_key

NEEDS_LAB = pytest.mark.skipif(lab_missing() is not None, reason=lab_missing() or "")

PARIS, ROME = 1195, 1196


def dialling(profile: str, port: int, tls_key: str) -> str:
    """What somebody makes of a shared profile to dial one server with its certificate."""
    before = profile.partition("<connection>")[0].partition("<tls-crypt-v2>")[0]
    lines = [line for line in before.splitlines() if not line.startswith("remote ")]
    return "\n".join([f"remote {NetLab.server_address} {port} udp", *lines, tls_key])


def tls_keys(profile: str) -> list[str]:
    """The blocks with them, in order."""
    return re.findall(r"<tls-crypt-v2>.*?</tls-crypt-v2>", profile, re.DOTALL)


@NEEDS_LAB
@pytest.mark.long
@pytest.mark.waits
async def test_a_client_takes_the_second_server_where_the_first_is_dead(folder: Path) -> None:
    """With a tls key of its own on each; an unapproved third one refuses it."""
    async with company_with_openvpn(folder) as (company, lab):
        for name, port in (("paris", PARIS), ("rome", ROME)):
            await company.add_server(name, port)
            await lab.start_beside(folder / name)
        said = (await company.done("server", "group", "add", "eu", "office", "paris")).out
        assert "A profile for eu opens office, paris" in said
        assert "OpenVPN Connect takes one key only" in said
        await company.start()
        await company.anna.says("/requestvpn")
        asked = await company.anna.hears("Which server do you need?")
        assert "one profile for office, paris" in asked.text
        await company.anna.taps("eu", message=asked)
        card = await company.card(company.boris, company.anna)
        assert "Servers: eu (office, paris)" in card.text
        await company.boris.taps("Approve", message=card)
        message = await company.anna.receives_document()
        assert message.document is not None
        profile = message.document.content.decode()
        (grant,) = await company.grants()
        assert (grant["server"], grant["servers"]) == ("eu", ["office", "paris"])
        tunnel = await lab.connect(profile)
        assert tunnel.address == grant["addresses"]["office"] == grant["address"]
        await tunnel.close()
        await lab.stop_server()
        tunnel = await lab.connect(profile, tries_next=True)
        assert tunnel.address == grant["addresses"]["paris"]
        assert await tunnel.ping("10.8.4.1")
        # The third was not approved, whatever else its clients know.
        romes = folder / "rome.ovpn"
        await company.done(
            "grant", "issue", str(ANNA.id), "--server", "rome", "--output", str(romes)
        )
        with pytest.raises(LabRefused):
            await lab.connect(dialling(profile, ROME, tls_keys(romes.read_text())[0]))
        paris_only = dialling(profile, PARIS, tls_keys(profile)[2])
        await lab.start_server(folder / "office")
        await company.boris.says("/revoke Anna")
        receipt = await company.boris.hears("Revoked")
        proved = re.findall(r"^✓ (\w+)|(\w+): proved", receipt.text, re.MULTILINE)
        assert {one or other for one, other in proved} >= {"office", "paris", "rome"}
        assert not await tunnel.ping("10.8.4.1", timeout=1)
        for text in (profile, paris_only):
            with pytest.raises(LabRefused):
                await lab.connect(text)


@pytest.mark.long
async def test_a_server_that_was_away_takes_in_who_came_meanwhile(folder: Path) -> None:
    async with company_with_stand_in(folder) as (company, _):
        await company.add_server("paris", PARIS)
        await company.done("server", "group", "add", "eu", "paris", "office", "--random")
        ccd = folder / "paris" / "live" / "ccd"
        ccd.rename(ccd.with_name("away"))
        ccd.touch()
        await company.start()
        profile = await company.approved("/requestvpn eu")
        assert "\nremote-random\n" in profile
        (grant,) = await company.grants()
        assert (folder / "office" / "live" / "ccd" / grant["common_name"]).exists()
        waits = "SELECT server FROM grant_places WHERE waiting_since IS NOT NULL"
        assert company.query(waits) == [("paris",)]
        await company.stop()
        ccd.unlink()
        ccd.with_name("away").rename(ccd)
        await company.start()
        await until(lambda: not company.query(waits), seconds=180)  # a look a minute
        file = ccd / grant["common_name"]
        assert f"ifconfig-push {grant['addresses']['paris']} " in file.read_text()
        (grant,) = await company.grants()
        crl = read_crls(
            (folder / "paris/live/crl.pem").read_bytes(), load_certificate(company.data / "ca")
        )
        assert parse_serial(grant["serial"]) not in {one.serial for one in crl[0].revocations}


@pytest.mark.long
async def test_a_set_is_shown_as_a_whole(folder: Path) -> None:
    """In the terminal, in the chat, and by the doctor, which tells one fault once."""
    async with company_with_stand_in(folder) as (company, _):
        everybody_pressed_start(company)
        await company.add_server("paris", PARIS)
        await company.done("server", "group", "add", "eu", "office", "paris")
        status = await company.vpnbot("server", "status")
        assert status.code == 1
        assert (
            "Set eu (office, paris): paris can't be asked; a client that doesn't get in there "
            "tries office." in status.out
        )
        with as_if_bot_ran(company.data):
            doctor = await company.vpnbot("doctor")
        (found,) = findings(doctor)
        assert found[0].startswith("Server paris: ")
        assert "note   Set eu: paris isn't well, see above; a client that" in doctor.out
        await company.start()
        await company.boris.says("/servers")
        assert (
            "⚠️ eu, one profile for office, paris:\nparis can’t be asked"
            in (await company.boris.hears("one profile for")).text
        )
        await company.stop()
        second = StandIn()
        await second.start(folder / "paris")
        try:
            rows = (await company.done("server", "status", "--json")).rows
            assert [row["sets"] for row in rows] == [["eu"], ["eu"]]
            said = (await company.done("server", "status")).out
            assert "Set eu (office, paris): each of them is well." in said
            with as_if_bot_ran(company.data):
                doctor = await company.done("doctor")
            assert "ok     Set eu (office, paris): each of them is well." in doctor.out
        finally:
            await second.stop()


async def test_what_a_set_may_be(folder: Path) -> None:
    async with open_company(folder) as company:
        await furnish_by_copy(company)
        remote = ("--remote", f"{company.host}:{PARIS}/udp", "--directory", str(folder / "paris"))
        await company.done("server", "add", "paris", *remote)

        async def refused(*words: str) -> str:
            ran = await company.vpnbot("server", *words)
            assert ran.code == 1, ran
            return ran.err

        assert "no server “oslo”" in await refused("group", "add", "eu", "office", "oslo")
        assert "two servers at least" in await refused("group", "add", "eu", "office")
        assert "named twice" in await refused("group", "add", "eu", "office", "office")
        assert "a server office already" in await refused("group", "add", "office", "paris")
        assert "no set of servers “eu”" in await refused("group", "edit", "eu", "--random")
        said = (await company.done("server", "group", "add", "eu", "office", "paris")).out
        # One that was never deployed takes the key that the others' clients have.
        assert "vpnbot server deploy paris" in said
        assert "Connect" not in said
        await company.done("server", "deploy", "paris")
        other = ("--remote", f"{company.host}:{ROME}/udp", "--directory", str(folder / "eu"))
        assert "a set of servers eu already" in await refused("add", "eu", *other)
        assert "is in eu" in await refused("remove", "paris")
        profile = folder / "anna.ovpn"
        to_file = ("--output", str(profile))
        said = (await company.done("grant", "issue", str(ANNA.id), "--server", "eu", *to_file)).out
        assert "on eu until" in said
        lines = profile.read_text().splitlines()
        assert [line for line in lines if line.startswith("remote ")][1].endswith(f"{PARIS} udp")
        assert "<connection>" not in lines
        assert "1 live grant uses eu" in await refused("group", "remove", "eu")
        said = (await company.done("server", "group", "edit", "eu", "paris", "office")).out
        assert "opens paris, office; clients try them in this order" in said
        await company.vpnbot("revoke", str(ANNA.id))
        await company.done("server", "group", "remove", "eu")
        assert (await company.done("server", "group", "list", "--json")).rows == []


@pytest.mark.long
@pytest.mark.skipif(os.geteuid() != 0, reason="Only root can adopt.")
async def test_what_operators_change_shows_at_the_set(folder: Path) -> None:
    """Two of their servers, which one profile opened; and what the doctor says is done."""
    async with open_company(folder) as company:
        await furnish_by_copy(company)
        everybody_pressed_start(company)
        key = static_key()

        async def adopts(name: str, port: int, *more: str) -> None:
            conf, remote = folder / name / "server.conf", f"127.0.0.1:{port}/udp"
            words = ("server", "adopt", name, "--config", str(conf), "--remote", remote)
            await company.done(*words, *more)

        for name, port in (("oslo", PARIS), ("rome", ROME)):
            (folder / name).mkdir()
            for file in ("ca.crt", "server.crt", "server.key", "live/crl.pem"):
                shutil.copy(folder / "office" / file, folder / name)
            (folder / name / "ta.key").write_text(key)
            text = beside_ours(port).replace("10.81.", f"10.8{port - PARIS}.")
            (folder / name / "server.conf").write_text(text)
            await adopts(name, port)
        await company.done("server", "group", "add", "eu", "oslo", "rome")

        async def said() -> list[tuple[str, str]]:
            found = findings(await company.vpnbot("doctor"))
            return [each for each in found if re.search(r"\beu\b", each[0])]

        no_lock = "has no second lock (ccd-exclusive), so an end of access to the set eu is proved"
        found = await said()
        assert [wrong.partition(": it ")[0] for wrong, _ in found] == ["Server oslo", "Server rome"]
        assert all(no_lock in wrong for wrong, _ in found)
        status = (await company.vpnbot("server", "status")).out
        assert "Set eu (oslo, rome): none of them can be asked" in status
        assert "oslo has no second lock" in status
        for (_, mend), port in zip(found, (PARIS, ROME), strict=True):
            name = "oslo" if port == PARIS else "rome"
            assert mend.startswith(f"Run as root: vpnbot server adopt {name} --config ")
            await adopts(name, port, *re.findall("--apply", mend))
        assert await said() == []
        with (folder / "rome" / "server.conf").open("a") as conf:
            conf.write("auth SHA512\n")
        await adopts("rome", ROME)
        ((wrong, mend),) = await said()
        assert wrong.startswith("Set eu: nobody gets a new profile, since no one profile opens all")
        assert "oslo and rome differ in auth: none and SHA512." in wrong
        assert "vpnbot server group edit eu" in mend
