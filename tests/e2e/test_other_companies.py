"""The chat where there are several servers, or none, or no admin who can be reached."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.company import (
    ANNA,
    BORIS,
    CLARA,
    Company,
    company_with_stand_in,
    furnish_by_copy,
    open_company,
)

pytestmark = pytest.mark.asyncio(loop_scope="module")


def newest(company: Company, column: str) -> Any:
    """Of the last request."""
    ((value,),) = company.query(f"SELECT {column} FROM requests ORDER BY id DESC LIMIT 1")
    return value


async def test_several_servers(folder: Path) -> None:
    async with company_with_stand_in(folder) as (company, _):
        anna, boris = company.anna, company.boris
        await company.add_server("paris", 47115)
        await company.start()
        await anna.says("/requestvpn 2h both are fine")
        choice = await anna.hears("Which server do you need?")
        assert [row[0].text for row in choice.buttons] == ["office", "paris", "Cancel request"]
        assert not any("Anna Petrova asks" in message.text for message in boris.messages)
        await anna.says("/myvpn")
        await anna.hears("waits for you to choose")
        number = newest(company, "id")
        await anna.taps_data(choice.message_id, f"sv:{number}:rome")
        await anna.taps("paris", message=choice)
        asked = await anna.hears("Your request for paris")
        assert asked.message_id == choice.message_id
        again = await anna.is_answered(
            await anna.taps_data(choice.message_id, f"sv:{number}:office")
        )
        assert "waits for a decision already" in again.text
        await boris.taps("Approve", message=await company.card(boris, anna))
        document = (await anna.receives_document()).document
        assert document is not None
        assert document.file_name.startswith("paris-")

        for text in ("/requestvpn OFFICE 1h", "/requestvpn 1h office"):
            await anna.says(text)
            asked = await anna.hears("Your request for office, 1 hour")
            await anna.taps("Cancel", message=asked)
            await anna.hears("is cancelled")
        await anna.says("/requestvpn rome")  # no server of this name: so it is the reason
        offer = await anna.hears("You have paris until")
        await anna.taps("Another server", message=offer)
        await anna.taps("Cancel", message=await anna.hears("Which server"))
        await anna.hears("is cancelled")
        assert newest(company, "reason") == "rome"
        await _two_requests_at_once(company)


async def _two_requests_at_once(company: Company) -> None:
    """Then the machine is told which one is meant."""
    for server in ("office", "paris"):
        await company.asks(company.anna, f"/requestvpn {server} 1h")
        await company.anna.hears(f"Your request for {server}, 1 hour")
    issue = ("grant", "issue", str(ANNA.id), "--output", str(company.folder / "anna.ovpn"))
    ran = await company.vpnbot(*issue)
    assert (ran.code, ran.err) == (1, "Name one of the servers with --server: office, paris\n")
    await company.done(*issue, "--server", "paris")
    states = company.query("SELECT server, state FROM requests ORDER BY id DESC LIMIT 2")
    assert states == [("paris", "approved"), ("office", "pending")]
    ((number,),) = company.query("SELECT id FROM requests WHERE state = 'pending'")
    await company.done("request", "deny", str(number))
    await company.anna.hears("denied your request")


@pytest.mark.long
async def test_no_admin_can_be_reached(folder: Path) -> None:
    people = (ANNA, replace(BORIS, started=False), replace(CLARA, started=False))
    async with company_with_stand_in(folder, people=people) as (company, _):
        anna, boris = company.anna, company.boris
        await company.start()
        await anna.says("/requestvpn")
        await anna.hears("can’t reach any admin about your request")
        await anna.says("/requestvpn")
        await anna.hears("have asked for office already")
        assert "was refused" in company.log

        await boris.says("/start")
        card = await company.card(boris, anna)
        await boris.taps("Approve", message=card)
        await anna.receives_document()
        assert next(m for m in boris.messages if m.from_bot).message_id == card.message_id


@pytest.mark.long
async def test_a_lone_company_without_a_server(folder: Path) -> None:
    async with open_company(folder) as company:
        await furnish_by_copy(company)
        await company.done("server", "remove", "office")
        await company.start()
        await company.anna.says("/requestvpn")
        await company.anna.hears("There is no VPN server yet")
        for command, words in {
            "/servers": "There is no server yet",
            "/grants": "Nobody has access",
            "/pending": "No request waits",
            "/revoke": "Nobody has live access",
        }.items():
            await company.boris.says(command)
            await company.boris.hears(words)
