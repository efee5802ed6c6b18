"""Whose word counts: one person with two accounts, and a company that wants two approvals."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from demo.people import DemoPerson
from tests.company import BORIS, CLARA, PEOPLE, Company, company_with_stand_in, until

BORIS_AT_HOME = DemoPerson(3001, "Bobby", None, "Boris’s other account", started=True)


@pytest.fixture
async def company(folder: Path) -> AsyncIterator[Company]:
    async with company_with_stand_in(folder, people=(*PEOPLE, BORIS_AT_HOME)) as (company, _):
        yield company


@pytest.mark.long
async def test_nobody_approves_their_own_request_by_another_account(company: Company) -> None:
    await company.start()
    await company.boris.says("/help")
    await company.boris.hears("Hello")
    other = company.telegram.person(BORIS_AT_HOME.id)
    names = ("--name", BORIS_AT_HOME.first_name, "--same-as", str(BORIS.id))
    await company.done("user", "allow", str(BORIS_AT_HOME.id), *names)
    await other.says("/requestvpn")
    shown = await company.boris.hears("asks for VPN access")
    card = await company.card(company.clara, other)
    approve = card.button("Approve")
    assert shown.buttons == []
    assert approve is not None

    tap = await company.boris.taps_data(shown.message_id, str(approve.callback_data))

    assert "your own request" in (await company.boris.is_answered(tap)).text
    assert company.grants_of(other) == []
    await company.clara.taps("Approve", message=card)
    await other.receives_document()


@pytest.mark.long
async def test_two_admins_have_to_agree_and_one_of_them_twice_is_one(company: Company) -> None:
    company.extra["VPNBOT_APPROVALS"] = "2"
    await company.start()
    await company.anna.says("/requestvpn")
    card = await company.card(company.boris, company.anna)
    approve = card.button("Approve")
    assert approve is not None

    first = await company.boris.taps("Approve", message=card)
    assert "1 more is needed" in (await company.boris.is_answered(first)).text
    again = await company.boris.taps_data(card.message_id, str(approve.callback_data))
    assert "approved this request already" in (await company.boris.is_answered(again)).text
    assert company.grants_of(company.anna) == []
    assert company.query("SELECT state FROM requests") == [("pending",)]

    await company.clara.hears("1 approval is still needed")
    await company.clara.taps("Approve")
    await company.anna.receives_document()
    await until(lambda: company.grants_of(company.anna)[0]["state"] == "active")


@pytest.mark.long
async def test_the_settings_in_force_bind_what_was_asked_and_agreed_before(
    company: Company,
) -> None:
    """An admin who was taken off the list and put back says it anew, and nobody gives too much."""
    company.extra["VPNBOT_APPROVALS"] = "2"
    await company.start()
    await company.anna.says("/requestvpn 30d")
    old = await company.card(company.boris, company.anna)
    much = old.button("Approve 30 days")
    assert much is not None
    await company.boris.taps("Approve 30 days", message=old)
    await company.clara.hears("1 approval is still needed")
    await company.stop()

    company.extra["VPNBOT_ADMIN_IDS"] = f"{CLARA.id},{BORIS_AT_HOME.id}"
    await company.start()
    await company.stop()
    del company.extra["VPNBOT_ADMIN_IDS"]
    company.extra |= {"VPNBOT_MAX_GRANT_DURATION": "1d", "VPNBOT_GRANT_DURATION": "8h"}
    await company.start()

    card = await company.clara.hears("no more than 1 day can be given")
    assert card.button("Approve 30 days") is None
    assert "2 approvals are still needed" in card.text
    first = await company.clara.taps("Approve 1 day", message=card)
    assert "1 more is needed" in (await company.clara.is_answered(first)).text
    late = await company.boris.taps_data(old.message_id, str(much.callback_data))
    assert "has changed" in (await company.boris.is_answered(late)).text
    assert company.grants_of(company.anna) == []
    await company.boris.taps("Approve 1 day")
    await company.anna.receives_document()
    ((seconds,),) = company.query("SELECT (not_after - not_before) / 1000000 FROM grants")
    assert seconds == 86_400
