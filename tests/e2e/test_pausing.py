"""Who is paused is out as if revoked, and finds again what they had."""

from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509

from demo.errors import LabRefused
from demo.lab.network import lab_missing
from pki.crl import RevocationReason, revocation_of
from tests.company import ANNA, Company, company_with_openvpn, company_with_stand_in, until
from tests.folders import open_folder

_MISSING = lab_missing()
pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.waits]


def grants(company: Company) -> list[tuple[str, str | None]]:
    return [tuple(row) for row in company.query("SELECT state, pause FROM grants ORDER BY id")]


@pytest.mark.long
@pytest.mark.skipif(_MISSING is not None, reason=_MISSING or "")
async def test_a_pause_cuts_a_real_session_and_resume_brings_the_same_profile_back() -> None:
    with open_folder() as folder:
        async with company_with_openvpn(folder) as (company, lab):
            await company.start()
            anna, boris = company.anna, company.boris
            profile = await company.approved()
            tunnel = await lab.connect(profile)

            await boris.says("/pause Anna Petrova until 14 Sept")
            await boris.hears("Anna Petrova is paused until")
            receipt = await boris.hears("Paused: Anna Petrova can’t connect any more.")
            assert "1 session was cut" in receipt.text
            await anna.hears("Boris paused your VPN access until")
            assert not await tunnel.ping("10.8.0.1")
            with pytest.raises(LabRefused):
                await lab.connect(profile)
            await anna.says("/requestvpn")
            await anna.hears("Your VPN access is paused")
            await anna.says("/myvpn")
            assert (await anna.hears("⏸ Your VPN access is paused until")).button("Revoke office")
            assert grants(company) == [("active", "paused")]

            await boris.says("/resume Anna Petrova")
            await boris.hears("isn’t paused any more: 1 profile works again")
            await anna.hears("Your VPN access is back.")
            again = await lab.connect(profile)
            assert again.address == tunnel.address
            assert grants(company) == [("active", None)]

            # Whatever was paused and resumed: revoked is revoked.
            await boris.says("/revoke Anna Petrova")
            assert "1 session was cut" in (await boris.hears("Revoked:")).text
            with pytest.raises(LabRefused):
                await lab.connect(profile)


async def test_the_command_line_pauses_and_resumes_and_shows_it() -> None:
    with open_folder() as folder:
        async with company_with_stand_in(folder) as (company, openvpn):
            await company.done("grant", "issue", str(ANNA.id), "--output", f"{folder}/a.ovpn")
            (file,) = (folder / "office/live/ccd").iterdir()
            assert await openvpn.connect(file.name)

            ran = await company.done("user", "pause", "Anna Petrova", "--until", "10d")
            assert ran.out.startswith("Paused: Anna Petrova can't connect any more.")
            assert "be let in until 20" in ran.out
            assert openvpn.sessions == ()
            assert not await openvpn.connect(file.name)
            assert on_hold(company) == {company.grants_of(company.anna)[0]["serial"]}
            (person,) = (await company.done("user", "list", "--json")).rows
            assert person["paused_since"]
            assert person["paused_until"]
            assert (await company.grants())[0]["pause"] == "paused"

            for refused in (
                ("grant", "issue", str(ANNA.id), "--output", f"{folder}/b.ovpn"),
                ("user", "pause", "Anna Petrova", "--until", "yesterday"),
                ("user", "pause", "Anna Petrova", "--until", "2020-01-01"),
                ("user", "pause", "nobody"),
            ):
                ran = await company.vpnbot(*refused)
                assert (ran.code, ran.out) == (1, ""), ran
            # Said again it is as it was, and the receipt comes again.
            assert (await company.done("user", "pause", "Anna Petrova")).out.startswith("Paused")

            # Where a server can't take them in yet, nothing is said to work.
            (folder / "office").rename(folder / "away")
            ran = await company.vpnbot("user", "resume", "Anna Petrova")
            (folder / "away").rename(folder / "office")
            assert (ran.code, "office can't let them in yet" in ran.out) == (1, True), ran
            assert "works again" not in ran.out
            await company.done("user", "pause", "Anna Petrova")

            ran = await company.done("user", "resume", "Anna Petrova")
            assert "back; 1 profile works again" in ran.out
            assert await openvpn.connect(file.name)
            assert on_hold(company) == set()
            assert (await company.vpnbot("user", "resume", "Anna Petrova")).code == 1
            trail = (await company.done("audit", "show")).out
            for act in ("user.pause", "grant.pause", "grant.pause_prove", "user.resume"):
                assert act in trail
            assert "grant.resume" in trail

            # Where the server is not there, nothing is said to work.
            await company.done("user", "pause", "Anna Petrova")
            (folder / "office/live").rename(folder / "away")
            ran = await company.vpnbot("user", "resume", "Anna Petrova")
            assert (ran.code, "works again" in ran.out) == (1, False), ran
            assert "not paused any more, but office can't let them in yet" in ran.out


@pytest.mark.long
async def test_whoever_is_back_by_the_calendar_is_let_in_by_the_bot_itself() -> None:
    with open_folder() as folder:
        async with company_with_stand_in(folder) as (company, openvpn):
            await company.start()
            boris, anna = company.boris, company.anna
            await company.approved()
            (file,) = (folder / "office/live/ccd").iterdir()
            await boris.says("/pause Anna Petrova until 2d")
            await boris.hears("Paused: Anna Petrova")
            assert not await openvpn.connect(file.name)
            await company.kill()
            # Their day comes while the bot is down.
            company.tamper("UPDATE pauses SET until = 1")
            await company.start()
            await anna.hears("Your VPN access is back.")
            await boris.hears("isn’t paused any more, as planned: 1 profile is being let in again.")
            await until(file.exists)
            await until(lambda: on_hold(company) == set())
            assert await openvpn.connect(file.name)


@pytest.mark.long
async def test_what_ended_meanwhile_does_not_come_back_and_what_waits_arrives_afterwards() -> None:
    with open_folder() as folder:
        async with company_with_stand_in(folder) as (company, openvpn):
            await company.start()
            boris, anna = company.boris, company.anna
            await company.approved()
            await boris.says("/pause Anna Petrova")
            await boris.hears("Paused: Anna Petrova")
            soon = int((datetime.now(UTC) + timedelta(seconds=1)).timestamp() * 1_000_000)
            company.tamper("UPDATE grants SET not_after = ?", soon)
            await until(lambda: grants(company) == [("expired", None)])
            await boris.taps(
                "Resume Anna Petrova", message=await boris.hears("is paused until you resume them")
            )
            await boris.hears("They have no profile to come back to.")

            # In the middle of a delivery: the server cannot take it in yet.
            await openvpn.stop()
            ccd = folder / "office/live/ccd"
            ccd.rename(folder / "away")
            ccd.write_text("no folder")
            await anna.says("/requestvpn")
            await boris.taps("Approve", message=await company.card(boris, anna))
            await until(lambda: ("reserved", None) in grants(company))
            await boris.says("/pause Anna Petrova")
            await until(lambda: any(state == "reserved" and p for state, p in grants(company)))
            ccd.unlink()
            (folder / "away").rename(ccd)
            await openvpn.start(folder / "office")
            await until(lambda: ("reserved", "paused") in grants(company))
            assert list(ccd.iterdir()) == []
            assert [m for m in anna.messages if m.document][1:] == []
            await boris.says("/resume Anna Petrova")
            await anna.receives_document()
            await until(lambda: ("active", None) in grants(company))


def on_hold(company: Company) -> set[str]:
    """The serials of people's certificates that the CRL keeps out for a while."""
    known = {serial for (serial,) in company.query("SELECT serial FROM grants")}
    crl = x509.load_pem_x509_crl((company.folder / "office/live/crl.pem").read_bytes())
    listed = map(revocation_of, crl)
    held = RevocationReason.CERTIFICATE_HOLD
    return {f"{one.serial:x}" for one in listed if one.reason is held} & known
