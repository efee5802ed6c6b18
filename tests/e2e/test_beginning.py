"""What is to begin later begins then: on a real server, nobody gets in before."""

from datetime import UTC, datetime, timedelta

import pytest

from demo.errors import LabRefused
from demo.lab.network import lab_missing
from tests.company import ANNA, CLARA, Company, company_with_openvpn, company_with_stand_in, until
from tests.folders import open_folder

_MISSING = lab_missing()
pytestmark = pytest.mark.asyncio(loop_scope="module")


def comes(company: Company, when: timedelta) -> None:
    """Lets the time pass until a beginning is that far ahead."""
    at = int((datetime.now(UTC) + when).timestamp() * 1_000_000)
    company.tamper("UPDATE requests SET starts_at = ? WHERE state = 'scheduled'", at)


async def scheduled(company: Company) -> None:
    anna, boris = company.anna, company.boris
    await anna.says("/requestvpn from tomorrow 9:00 for 2d")
    await boris.taps("Approve", message=await company.card(boris, anna))
    await until(lambda: company.query("SELECT 1 FROM requests WHERE state = 'scheduled'"))


@pytest.mark.long
@pytest.mark.skipif(_MISSING is not None, reason=_MISSING or "")
async def test_a_profile_that_came_early_opens_nothing_before_its_time() -> None:
    with open_folder() as folder:
        async with company_with_openvpn(folder) as (company, lab):
            await company.start()
            await scheduled(company)
            comes(company, timedelta(minutes=9))
            message = await company.anna.receives_document()
            assert message.document is not None
            with pytest.raises(LabRefused):
                await lab.connect(message.document.content.decode())

            await scheduled(company)
            # As after a bot that was down at that moment.
            comes(company, timedelta(minutes=-1))
            message = await company.anna.receives_document()
            assert message.document is not None
            tunnel = await lab.connect(message.document.content.decode())
            assert await tunnel.ping("10.8.0.1")


async def test_the_terminal_approves_shows_and_denies_it() -> None:
    with open_folder() as folder:
        async with company_with_stand_in(folder) as (company, _):
            await company.start()
            await company.anna.says("/requestvpn from tomorrow 9:00 for 2d")
            await company.anna.hears("It begins")
            said = (await company.done("request", "approve", "1")).out
            assert said.startswith(
                "Approved: Anna Petrova gets a profile for office minutes before"
            )
            await company.anna.hears("approved your request")
            (row,) = (await company.done("request", "list", "--json")).rows
            assert (row["state"], row["user_id"]) == ("scheduled", ANNA.id)
            begins = datetime.fromisoformat(str(row["starts_at"]))
            assert f"{begins.astimezone():%H:%M}" == "09:00"
            listed = (await company.done("request", "list", "--state", "scheduled")).out
            assert "2 days" in listed
            await company.done("request", "deny", "1")
            await company.anna.hears("denied your request")


@pytest.mark.long
async def test_it_does_not_begin_on_the_word_of_somebody_who_is_no_admin_by_then() -> None:
    with open_folder() as folder:
        async with company_with_stand_in(folder) as (company, _):
            await company.start()
            await company.clara.says("/help")
            await company.clara.hears("Hello")
            await scheduled(company)
            await company.stop()
            company.extra["VPNBOT_ADMIN_IDS"] = str(CLARA.id)
            await company.start()
            comes(company, timedelta(minutes=9))
            for who in (company.anna, company.clara):
                told = await who.hears("I didn’t give it")
                assert "may no longer decide" in told.text
            assert company.grants_of(company.anna) == []
            (row,) = company.query(
                "SELECT actor, subject FROM audit WHERE action = 'request.cancel'"
            )
            assert row == ("vpnbot", "request:1")
