"""What was decided by others in the meantime, or is for others to decide: it binds at the act."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from demo.people import DemoPerson
from tests.company import BORIS, CLARA, PEOPLE, Company, company_with_stand_in, until

DORA = DemoPerson(2003, "Dora", None, "Approver", started=True)


@pytest.fixture
async def company(folder: Path) -> AsyncIterator[Company]:
    async with company_with_stand_in(folder, people=(*PEOPLE, DORA)) as (company, _):
        yield company


async def say_hello(company: Company, *who: DemoPerson) -> None:
    for one in who:
        chat = company.telegram.person(one.id)
        await chat.says("/help")
        await chat.hears("Hello")


def tried(company: Company) -> list[tuple[str, str]]:
    """What was refused and is in the trail: by whom, and what."""
    rows = company.query("SELECT actor, subject FROM audit WHERE action = 'refused' ORDER BY seq")
    return [(str(actor), str(subject)) for actor, subject in rows]


@pytest.mark.long
async def test_an_approver_reads_no_card_of_another_group_by_a_forged_button(
    company: Company,
) -> None:
    """Decided or not: it tells who asks for what, and why."""
    await company.done("group", "add", "red")
    await company.done("user", "role", str(DORA.id), "approver", "--group", "red")
    await company.start()
    await say_hello(company, DORA)
    dora = company.telegram.person(DORA.id)
    await company.anna.says("/requestvpn 8h a secret customer")
    card = await company.card(company.boris, company.anna)
    ours = await dora.says("/pending")
    nothing = await dora.hears("No request waits")
    assert ours.message_id < nothing.message_id

    await dora.taps_data(nothing.message_id, "cd:1")
    assert "others decide on it" in (await dora.hears("Request 1")).text
    await company.boris.taps("Deny", message=card)
    await company.anna.hears("denied your request")
    await dora.taps_data(nothing.message_id, "cd:1")
    await company.settled()
    assert all("secret" not in message.text for message in dora.messages)

    # What became of a card that was theirs they still read, once others decide.
    await company.done("user", "allow", "1001", "--name", "Anna Petrova", "--group", "red")
    await company.anna.says("/requestvpn 8h for dora")
    await dora.hears("for dora")
    await company.done("user", "allow", "1001", "--name", "Anna Petrova", "--leave-group", "red")
    await dora.hears("others decide on it now")
    await company.boris.taps("Deny")
    await dora.hears("Denied by Boris")


@pytest.mark.long
async def test_who_is_away_is_asked_where_the_others_are_too_few(company: Company) -> None:
    company.extra["VPNBOT_APPROVALS"] = "2"
    await company.start()
    await say_hello(company, BORIS, CLARA)
    await company.clara.says("/away 3d")
    await company.clara.hears("away until")

    await company.anna.says("/requestvpn")

    await company.boris.taps("Approve", message=await company.card(company.boris, company.anna))
    await company.clara.taps("Approve", message=await company.card(company.clara, company.anna))
    await company.anna.receives_document()


async def test_nobody_is_left_alone_with_their_own_request(company: Company) -> None:
    await company.start()
    await say_hello(company, BORIS, CLARA)
    await company.boris.says(f"/allow {BORIS.id} Boris")
    await company.boris.hears("on the allowlist now")
    await company.clara.says("/away 3d")
    await company.clara.hears("away until")

    await company.boris.says("/requestvpn")

    asked = await company.boris.hears("Clara")
    assert "Clara" in asked.text
    await company.clara.taps("Approve", message=await company.card(company.clara, company.boris))
    await company.boris.receives_document()
    await until(lambda: company.grants_of(company.boris)[0]["state"] == "active")


async def test_somebody_is_away_until_the_day_begins_by_the_companys_clock(
    company: Company,
) -> None:
    company.extra["VPNBOT_TIME_ZONE"] = "Pacific/Auckland"
    await company.start()
    await say_hello(company, BORIS, CLARA)
    await company.boris.says("/away until 2027-03-09")
    await company.boris.hears("away until")
    await company.done("user", "away", str(CLARA.id), "--until", "2027-03-09")
    midnight = int(datetime(2027, 3, 8, 11, tzinfo=UTC).timestamp() * 1_000_000)
    assert company.query("SELECT until FROM absences") == [(midnight,), (midnight,)]


@pytest.mark.long
async def test_whose_access_an_admin_ended_has_it_back_by_no_standing_approval(
    company: Company,
) -> None:
    await company.done("group", "add", "oncall", "--standing", "8h")
    allow = ("user", "allow", "1001", "--name", "Anna Petrova")
    await company.done(*allow, "--group", "oncall")
    await company.start()
    await say_hello(company, BORIS)
    await company.anna.says("/requestvpn 1h")
    await company.anna.receives_document()
    await until(lambda: company.grants_of(company.anna)[0]["state"] == "active")

    await company.boris.says("/revoke 1001")
    await company.boris.hears("Revoked")
    await company.anna.says("/requestvpn 1h")

    card = await company.card(company.boris, company.anna)
    assert "Boris" in card.text
    assert len(company.grants_of(company.anna)) == 1
    assert company.query("SELECT state FROM requests WHERE id = 2") == [("pending",)]


@pytest.mark.long
async def test_an_invitation_into_a_group_that_was_taken_away_opens_none_of_its_name(
    company: Company,
) -> None:
    await company.done("group", "add", "dev")
    await company.start()
    await say_hello(company, BORIS)
    await company.boris.says("/invite Emil dev")
    link = (await company.boris.hears("start=")).text
    token = link.partition("start=")[2].split()[0]
    await company.done("group", "remove", "dev")
    await company.boris.hears("is withdrawn")
    await company.done("group", "add", "dev", "--standing", "8h")

    await company.emil.says(f"/start {token}")

    await company.emil.hears("This invitation doesn’t work")
    assert company.query("SELECT 1 FROM memberships") == []
    assert company.query("SELECT allowed FROM people WHERE id = ?", company.emil.person.id) == []


@pytest.mark.long
async def test_one_admin_is_not_two_by_a_role_for_another_account(company: Company) -> None:
    company.extra["VPNBOT_APPROVALS"] = "2"
    await company.start()
    await say_hello(company, BORIS, DORA)
    await company.anna.says("/requestvpn")
    card = await company.card(company.boris, company.anna)
    await company.boris.taps("Approve", message=card)
    await company.boris.hears("1 approval is still needed")

    await company.boris.says(f"/role {DORA.id} admin")
    told = await company.boris.hears("Several have to agree")
    assert f"vpnbot user role {DORA.id} admin" in told.text
    assert (f"telegram:{BORIS.id}", f"/role {DORA.id} admin") in tried(company)
    approve = card.button("Approve")
    assert approve is not None
    await company.telegram.person(DORA.id).taps_data(1, str(approve.callback_data))
    await company.settled()
    assert company.query("SELECT state FROM requests") == [("pending",)]

    await company.done("user", "role", str(DORA.id), "admin")
    dora = company.telegram.person(DORA.id)
    await dora.taps("Approve", message=await company.card(dora, company.anna))
    await company.anna.receives_document()


@pytest.mark.long
async def test_an_admin_who_was_paused_does_not_let_themselves_in(company: Company) -> None:
    await company.done("user", "allow", str(BORIS.id), "--name", "Boris")
    await company.start()
    await say_hello(company, BORIS, CLARA)
    await company.clara.says(f"/pause {BORIS.id}")
    await company.boris.hears("paused")
    await company.boris.says(f"/resume {BORIS.id}")
    told = await company.boris.hears("you can’t change that yourself")
    assert f"vpnbot user resume {BORIS.id}" in told.text
    await company.boris.says(f"/pause {BORIS.id} until 1m")
    await company.boris.hears("you can’t change that yourself")
    assert company.query("SELECT until FROM pauses") == [(None,)]
    who, number = f"telegram:{BORIS.id}", BORIS.id
    assert tried(company) == [(who, f"/resume {number}"), (who, f"/pause {number} until 1m")]
    await company.clara.says(f"/resume {BORIS.id}")
    await until(lambda: company.query("SELECT 1 FROM pauses") == [])
