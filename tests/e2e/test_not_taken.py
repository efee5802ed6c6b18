"""What Telegram, or somebody on the way to it, does not take: said to whom it concerns, once."""

import pytest

from demo.api.faults import Fault, FaultKind, OldTags, page, status
from demo.lab.stand_in import StandIn
from demo.testing import PersonChat
from tests.company import Company, until
from tests.crash.outcome import documents

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.waits]

_ALWAYS = 10_000
# Five tries, one, two, four, … seconds apart.
_LATE_S = 180.0


@pytest.fixture
def company(shared: tuple[Company, StandIn]) -> Company:
    shared[0].telegram.faults.clear()
    return shared[0]


def meet(company: Company, method: str, kind: FaultKind, times: int = 1) -> None:
    company.telegram.faults.append(Fault(method, times, kind))


async def at_rest(company: Company) -> None:
    """Everything was sent that had been caused so far."""
    waiting = "SELECT 1 FROM outbox WHERE state IN ('queued', 'sending')"
    await until(lambda: company.query(waiting) == [])


async def asked(company: Company) -> PersonChat:
    who = await company.hires()
    await who.says("/requestvpn")
    await who.hears("waits for the admins")
    for admin in (company.boris, company.clara):
        await company.card(admin, who)
    await at_rest(company)
    return who


async def approved(company: Company, who: PersonChat) -> None:
    ((number,),) = company.query("SELECT max(id) FROM requests")
    await company.done("request", "approve", str(number))


async def has_none(company: Company, who: PersonChat) -> None:
    """Told once, and nothing is left that would work."""
    await who.hears("couldn’t send you your profile", timeout=_LATE_S)
    for admin in (company.boris, company.clara):
        await admin.hears(f"Telegram doesn’t take the profile of {company.name_of(who)}")
    company.telegram.faults.clear()
    await at_rest(company)
    assert {grant["state"] for grant in company.grants_of(who)} == {"revoked"}
    assert sum("couldn’t send you" in message.text for message in who.messages) == 1


async def test_a_profile_that_telegram_refuses(company: Company, shared: object) -> None:
    who = await asked(company)
    meet(company, "sendDocument", status(413, "Request Entity Too Large"), _ALWAYS)
    await approved(company, who)
    await has_none(company, who)
    (grant,) = company.grants_of(who)
    assert grant["end_reason"] == "not_taken"
    doctor = await company.vpnbot("doctor")
    assert "never will be: 1. The reason: request entity too large" in doctor.out


async def test_a_page_on_the_way_refuses_nobody(company: Company) -> None:
    """The same profile goes out as soon as it can; nobody is taken for somebody who blocks."""
    who = await asked(company)
    for refused in (page(403, "<h1>Forbidden</h1>"), page(400, "<h1>chat not found</h1>")):
        meet(company, "sendDocument", refused)
        meet(company, "sendMessage", refused)
    await approved(company, who)
    await who.receives_document()
    await who.says("/myvpn")
    await who.hears("active")
    await at_rest(company)
    assert len(company.grants_of(who)) == 1
    assert company.query("SELECT 1 FROM people WHERE reachable = 0") == []
    given_up = "SELECT 1 FROM outbox WHERE state = 'failed' AND error LIKE '%http%'"
    assert company.query(given_up) == []


async def test_an_older_bot_api_gets_plain_text(company: Company) -> None:
    """Cards, answers, edits and captions arrive all the same, with their buttons."""
    who = await company.hires()
    await at_rest(company)
    for method in ("sendMessage", "sendDocument", "editMessageText"):
        meet(company, method, OldTags("b"), _ALWAYS)
    await who.says("/requestvpn")
    asked = await who.hears("waits for the admins")
    assert "office, 7 days" in asked.text
    await company.boris.taps("Approve", message=await company.card(company.boris, who))
    document = await who.receives_document()
    assert "This is your profile for office." in document.text
    await at_rest(company)
    assert len(company.grants_of(who)) == len(documents(who)) == 1
    for admin in (company.boris, company.clara):
        (shown,) = [m for m in admin.messages if f"{company.name_of(who)} asks" in m.text]
        assert "Approved by Boris" in shown.text
        assert shown.button("Approve") is None
    given_up = "SELECT 1 FROM outbox WHERE state = 'failed' AND error LIKE '%tag%'"
    assert company.query(given_up) == []


@pytest.mark.long
async def test_nobody_got_the_card(company: Company) -> None:
    who = await company.hires()
    await at_rest(company)
    # Both tries of both cards, whichever of the three messages goes first.
    refused = status(400, "Bad Request: can't parse entities")
    company.telegram.faults.append(Fault("sendMessage", 6, refused))
    await who.says("/requestvpn")
    await who.hears("couldn’t show your request for office to any admin")
    await at_rest(company)
    assert sum("couldn’t show" in message.text for message in who.messages) == 1


@pytest.mark.long
@pytest.mark.parametrize(
    ("fault", "made"),
    [
        # It may have arrived each time, so each is dead; and it is not tried for ever.
        (status(500, "Internal Server Error"), 5),
        (page(502, "<h1>Bad Gateway</h1>"), 5),
        # It certainly did not arrive.
        (page(413, "<h1>Request Entity Too Large</h1>"), 1),
        (page(404, "<h1>Not Found</h1>"), 1),
        (status(404, "Not Found"), 1),
    ],
)
async def test_a_profile_that_never_gets_through(
    company: Company, fault: FaultKind, made: int
) -> None:
    who = await asked(company)
    meet(company, "sendDocument", fault, _ALWAYS)
    await approved(company, who)
    await has_none(company, who)
    assert len(company.grants_of(who)) == made
