"""Whose word counts: one person with two accounts, and a company that wants two approvals."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from demo.people import DemoPerson
from tests.company import BORIS, PEOPLE, Company, company_with_stand_in, until

BORIS_AT_HOME = DemoPerson(3001, "Bobby", None, "Boris’s other account", started=True)


@pytest.fixture
async def company(folder: Path) -> AsyncIterator[Company]:
    async with company_with_stand_in(folder, people=(*PEOPLE, BORIS_AT_HOME)) as (company, _):
        yield company


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
