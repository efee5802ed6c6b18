"""What the command line does, for programs as for people: as an object, and asked at a terminal."""

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from demo.testing import PersonChat
from tests.company import CROWD, PEOPLE, Company, company_with_stand_in
from tests.terminal import at_terminal

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def company(module_folder: Path) -> AsyncIterator[Company]:
    async with company_with_stand_in(module_folder, people=(*PEOPLE, *CROWD)) as (made, _):
        await made.start()
        yield made


async def has_access(company: Company) -> PersonChat:
    who = await company.hires()
    await company.approved(who=who)
    return who


async def done(company: Company, *typed: str) -> dict[str, Any]:
    found = json.loads((await company.done(*typed, "--json")).out)
    assert isinstance(found, dict)
    return found


async def test_what_ends_access_says_what_was_proved(company: Company) -> None:
    who = await has_access(company)
    (grant,) = company.grants_of(who)
    account = str(who.person.id)
    paused = await done(company, "user", "pause", account, "--until", "30d")
    assert (paused["paused"], paused["proved"]) == ([who.person.id], True)
    assert paused["until"].startswith("20")
    assert [(one["id"], one["pause"]) for one in paused["grants"]] == [(grant["id"], "paused")]
    back = await done(company, "user", "resume", account)
    assert back == {"resumed": [who.person.id], "grants": [grant["id"]], "not_yet_on": []}
    revoked = await done(company, "revoke", account)
    assert (revoked["proved"], revoked["left"]) == (True, [])
    assert revoked["grants"][0]["state"] == "revoked"
    assert revoked["grants"][0]["proved_on"] == ["office"]
    removed = await done(company, "user", "remove", account, "--yes")
    assert (removed["removed"], removed["proved"]) == ([who.person.id], True)


@pytest.mark.long
async def test_a_terminal_asks_before_something_ends(company: Company) -> None:
    who = await has_access(company)
    account, name = str(who.person.id), company.name_of(who)
    for typed, words in (
        (("revoke", account), f"End all that {name} ({account}) has"),
        (("user", "remove", account), f"Take {name} ({account}) off the allowlist"),
    ):
        left = await at_terminal(company, *typed, answers=((words, "n"),))
        assert left.code == 1
        assert "Nothing was done" in left.text
        assert company.grants_of(who)[0]["state"] == "active"
    agreed = await at_terminal(company, "revoke", account, answers=(("End all that", "y"),))
    assert agreed.code == 0
    assert "Revoked" in agreed.text
    silent = await at_terminal(company, "user", "remove", account, "--yes")
    assert silent.code == 0
    assert "y/N" not in silent.text
    await company.done("group", "add", "ops")
    kept = await at_terminal(
        company, "group", "remove", "ops", answers=(("Take the group ops away", "n"),)
    )
    assert kept.code == 1
    # Whoever runs a script has said so by that.
    assert "is gone" in (await company.done("group", "remove", "ops")).out
    out = await at_terminal(company, "server", "remove", "office", answers=(("Take office", ""),))
    assert (out.code, "Nothing was done" in out.text) == (1, True)


async def test_requests_and_invitations_are_objects(company: Company) -> None:
    who = await company.hires()
    await who.says("/requestvpn 8h")
    await company.card(company.boris, who)
    ((number,),) = company.query("SELECT id FROM requests WHERE user_id = ?", who.person.id)
    denied = await done(company, "request", "deny", str(number), "--reason", "ask Clara first")
    assert (denied["id"], denied["state"], denied["duration"]) == (number, "denied", "8h")
    await who.hears("ask Clara first")
    await who.says("/requestvpn 8h")
    await company.card(company.boris, who)
    approved = await done(company, "request", "approve", str(number + 1))
    assert approved["state"] == "approved"
    await who.receives_document()
    assert approved["grant"] == company.grants_of(who)[0]["id"]
    invited = await done(company, "user", "invite", "Jo Jansen")
    assert invited["name"] == "Jo Jansen"
    assert "?start=" in invited["link"]
    await company.done("user", "withdraw", str(invited["id"]))


@pytest.mark.long
async def test_the_list_of_the_staff_as_an_object(company: Company) -> None:
    who = await has_access(company)
    listed = (await company.done("user", "list", "--state", "allowed", "--json")).rows
    rows = [f"{row['id']},{row['name']}" for row in listed if row["id"] != who.person.id]
    file = company.folder / "people.csv"
    file.write_text("\n".join(["id,name", *rows, "5150,Nils Novak"]), "utf-8")
    sync = ("user", "sync", str(file), "--max-share", "100")
    shown = await done(company, *sync)
    gone = [{"id": who.person.id, "name": company.name_of(who)}]
    assert (shown["gone"], shown["applied"]) == (gone, False)
    assert shown["new"] == [{"id": 5150, "name": "Nils Novak"}]
    left = await at_terminal(company, *sync, "--apply", answers=(("Take 1 person", "n"),))
    assert left.code == 1
    assert company.grants_of(who)[0]["state"] == "active"
    applied = await done(company, *sync, "--apply", "--yes")
    assert (applied["applied"], applied["proved"]) == (True, True)
    assert applied["grants"][0]["state"] == "revoked"
    again = await done(company, "user", "import", str(file), "--apply")
    assert (again["new"], again["renamed"], again["gone"]) == ([], [], [])
