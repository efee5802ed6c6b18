"""Each trouble that the demo's page offers, met by the real program; nothing is lost by any."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio

from demo.api.faults import Fault, hang, status
from demo.lab.stand_in import StandIn
from demo.testing import PersonChat
from demo.trouble import TroubleKind
from tests.company import CROWD, PEOPLE, Company, company_with_stand_in, until
from tests.crash.outcome import documents

pytestmark = pytest.mark.asyncio(loop_scope="module")

_TOO_OLD = "Bad Request: query is too old and response timeout expired or query ID is invalid"
_NEVER_S = 3600.0
# The program's own time-out for a call is 20 s.
_LATE_S = 60.0


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shared(module_folder: Path) -> AsyncIterator[tuple[Company, StandIn]]:
    """One company for the whole module; its bot calls where connections can be refused."""
    async with company_with_stand_in(module_folder, people=(*PEOPLE, *CROWD)) as (company, server):
        company.extra["VPNBOT_TELEGRAM_API_URL"] = company.telegram.api_url
        await company.start()
        yield company, server


async def order(company: Company, name: str, **body: Any) -> None:
    """What a hand on the page does."""
    async with httpx.AsyncClient() as page:
        answer = await page.post(f"{company.telegram.url}/api/{name}", json=body)
    assert answer.json() == {"ok": True}


async def switch(company: Company, kind: TroubleKind, **choices: str) -> None:
    await order(company, "trouble", kind=kind, on=True, **choices)


async def asked(company: Company) -> tuple[PersonChat, Any]:
    """Somebody who waits for an admin, and Boris's card."""
    who = await company.hires()
    await who.says("/requestvpn")
    await who.hears("waits for the admins")
    return who, await company.card(company.boris, who)


async def at_rest(company: Company) -> None:
    """Nothing is on its way, and every end is proved."""
    open_rows = (
        "SELECT 1 FROM inbox WHERE state = 'new'",
        "SELECT 1 FROM outbox WHERE state IN ('queued', 'sending')",
        "SELECT 1 FROM grants WHERE state IN ('reserved', 'issued', 'revoking')",
    )
    await until(
        lambda: (
            not company.telegram.world.updates
            and all(company.query(sql) == [] for sql in open_rows)
        ),
        seconds=_LATE_S,
    )


async def has_one_valid_profile(company: Company, server: StandIn, who: PersonChat) -> None:
    """The newest that they were sent; all others are dead."""
    await at_rest(company)
    grants = company.grants_of(who)
    assert [grant["serial"] for grant in grants if grant["state"] == "active"] == [
        documents(who)[-1]
    ]
    for grant in grants:
        assert await server.connect(grant["common_name"]) == (grant["state"] == "active")


# How many profiles are made and how many arrive: where nobody can know whether one did, that one
# is dead, and another follows.
PROFILES = {
    TroubleKind.TOO_MANY: (1, 1),
    TroubleKind.SERVER_ERROR: (2, 1),
    TroubleKind.BAD_GATEWAY: (2, 1),
    TroubleKind.DROP_BEFORE: (2, 1),
    TroubleKind.DROP_AFTER: (2, 2),
    TroubleKind.REFUSE: (2, 1),
}


async def hit(company: Company, kind: TroubleKind) -> None:
    """The switch went off, with the call that it was for."""
    await until(lambda: kind not in company.telegram.trouble.shown()["on"])


@pytest.mark.long
async def test_profiles_that_meet_it(company: Company, server: StandIn) -> None:
    asking = {kind: await asked(company) for kind in PROFILES}
    for kind, (who, card) in asking.items():
        await switch(company, kind, often="next", calls="documents")
        await company.boris.taps("Approve", message=card)
        await hit(company, kind)
        # All of them: what is still to come would meet the next switch.
        for _ in range(PROFILES[kind][1]):
            await who.receives_document()
    for kind, (who, _) in asking.items():
        await has_one_valid_profile(company, server, who)
        assert (len(company.grants_of(who)), len(documents(who))) == PROFILES[kind], kind


@pytest.mark.long
async def test_words_that_meet_it(company: Company) -> None:
    for kind in PROFILES:
        who = await company.hires()
        await at_rest(company)
        await switch(company, kind, often="next", calls="all")
        await who.says("/myvpn")
        await hit(company, kind)
        await who.hears("no VPN access")


async def test_nothing_gets_through_for_a_while(company: Company, server: StandIn) -> None:
    """Where no connection comes about, it is certain that the profile did not arrive."""
    who, _ = await asked(company)
    ((number,),) = company.query("SELECT max(id) FROM requests")
    await switch(company, TroubleKind.REFUSE, often="every", calls="all")
    await company.done("request", "approve", str(number))
    await until(lambda: company.grants_of(who)[0]["state"] == "issued")
    await until(lambda: f"{company.grants_of(who)[0]['id']} was not sent" in company.log)
    await order(company, "calm")
    await who.receives_document()
    await has_one_valid_profile(company, server, who)
    assert len(company.grants_of(who)) == 1


@pytest.mark.long
async def test_calls_that_hang_until_the_time_out(company: Company, server: StandIn) -> None:
    """They hold up their own chats only; in the end everything is there, in its order."""
    (who, card), (other, _) = [await asked(company) for _ in range(2)]
    clara = company.clara
    others_card = await company.card(clara, other)
    late = await company.hires()
    await at_rest(company)
    await switch(company, TroubleKind.HANG, often="next", calls="documents")
    for method in ("editMessageText", "answerCallbackQuery"):
        company.telegram.faults.append(Fault(method, 1, hang(_NEVER_S)))
    await company.boris.taps("Approve", message=card)
    await until(lambda: company.telegram.trouble.shown()["on"] == {})
    await until(lambda: company.telegram.faults == [])
    company.telegram.faults.append(Fault("sendMessage", 1, hang(_NEVER_S)))
    await late.says("/help")
    await late.says("/myvpn")
    await until(lambda: company.telegram.faults == [])

    # Meanwhile somebody else is served from the request to the profile.
    await clara.taps("Approve", message=others_card)
    await other.receives_document()
    assert documents(who) == []
    assert company.grants_of(who)[0]["state"] == "issued"

    await who.receives_document(_LATE_S)
    await has_one_valid_profile(company, server, who)
    dead, live = company.grants_of(who)
    assert (dead["end_reason"], live["state"], len(documents(who))) == ("lost", "active", 1)
    said = [message.text for message in late.messages if message.from_bot][1:]
    assert ["Hello" in said[0], "no VPN access" in said[1]] == [True, True]
    for admin in (company.boris, clara):
        (shown,) = [m for m in admin.messages if f"{company.name_of(who)} asks" in m.text]
        assert "Approved by Boris" in shown.text


async def test_a_lost_hour(company: Company, server: StandIn) -> None:
    """Words are kept for the bot, taps are not: who tapped taps again, or asks for /pending."""
    who, card = await asked(company)
    late = await company.hires()
    await at_rest(company)
    await switch(company, TroubleKind.AWAY)
    await company.boris.taps("Approve", message=card)
    await who.says("/myvpn")
    await late.says("/requestvpn")
    await order(company, "calm")

    await who.hears("waits for an admin", timeout=_LATE_S)
    await late.hears("waits for the admins", timeout=_LATE_S)
    assert company.grants_of(who) == []
    await company.boris.says("/pending")
    await company.boris.hears("wait for a decision")
    for asker in (who, late):
        again = await company.card(company.boris, asker)
        await company.boris.taps("Approve", message=again)
        await asker.receives_document()
        await has_one_valid_profile(company, server, asker)
        assert len(company.grants_of(asker)) == 1


async def test_a_tap_that_is_too_old_to_be_answered(company: Company, server: StandIn) -> None:
    """Its answer is a courtesy; what was tapped is done all the same, once."""
    who, card = await asked(company)
    company.telegram.faults.append(Fault("answerCallbackQuery", 1, status(400, _TOO_OLD)))
    await company.boris.taps("Approve", message=card)
    await who.receives_document()
    await has_one_valid_profile(company, server, who)
    assert company.telegram.faults == []
    assert len(company.grants_of(who)) == 1


async def test_a_card_that_was_deleted(company: Company, server: StandIn) -> None:
    """Its admin reads the decision all the same, in a new message."""
    who, card = await asked(company)
    for admin, message in ((company.boris, card), (company.clara, None)):
        gone = message or await company.card(admin, who)
        if admin is company.boris:
            place = {"person": admin.person.id, "message_id": gone.message_id}
            await order(company, "delete", **place)
        else:
            await admin.taps("Approve", message=gone)
    await who.receives_document()
    await at_rest(company)
    words = f"{company.name_of(who)} asks"
    (shown,) = [message for message in company.boris.messages if words in message.text]
    assert "Approved by Clara" in shown.text
    assert shown.button("Approve") is None


async def test_somebody_who_blocks_the_bot(company: Company, server: StandIn) -> None:
    who, card = await asked(company)
    await order(company, "block", person=who.person.id)
    await company.boris.taps("Approve", message=card)
    for admin in (company.boris, company.clara):
        await admin.hears(f"{company.name_of(who)} didn’t get the profile")
    await at_rest(company)
    (grant,) = company.grants_of(who)
    assert (grant["state"], grant["end_reason"]) == ("revoked", "undeliverable")
    assert not await server.connect(grant["common_name"])
    await order(company, "unblock", person=who.person.id)
    await company.approved(who=who)
    await has_one_valid_profile(company, server, who)


@pytest.mark.long
async def test_a_second_poller_that_goes_again(company: Company) -> None:
    """As while one process takes another's place."""
    company.telegram.trouble.second_poller_s = 1.0
    who = await company.hires()
    await switch(company, TroubleKind.SECOND_POLLER)
    await who.says("/myvpn")
    await who.hears("no VPN access")
    assert "conflict" in company.log


@pytest.mark.long
async def test_a_second_poller_that_stays(company: Company) -> None:
    """The bot says so and ends; what was typed meanwhile is there for the next start."""
    company.telegram.trouble.second_poller_s = _LATE_S
    who = await company.hires()
    await switch(company, TroubleKind.SECOND_POLLER)
    await who.says("/requestvpn")
    assert await company.ended() == 1
    last = company.log.splitlines()[-1]
    assert last.startswith("Another program fetches this bot's updates")
    await order(company, "calm")
    await company.start()
    await who.hears("waits for the admins")
    assert (await company.done("audit", "verify")).out.startswith("All ")
