"""What people read of a request and of a profile, from the beginning to the end of both."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from demo.testing import DemoMessage, PersonChat
from tests.company import CROWD, PEOPLE, Company, company_with_stand_in, until

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def company(module_folder: Path) -> AsyncIterator[Company]:
    async with company_with_stand_in(module_folder, people=(*PEOPLE, *CROWD)) as (company, _):
        await company.start()
        yield company


def now(chat: PersonChat, message: DemoMessage) -> DemoMessage:
    """A message as it looks by now."""
    return next(one for one in chat.messages if one.message_id == message.message_id)


async def becomes(chat: PersonChat, message: DemoMessage, words: str) -> DemoMessage:
    await until(lambda: words in now(chat, message).text)
    return now(chat, message)


async def asks(company: Company, who: PersonChat, text: str) -> tuple[DemoMessage, DemoMessage]:
    """A request; its cards with Boris and Clara."""
    await company.asks(who, text)
    return await company.card(company.boris, who), await company.card(company.clara, who)


def receipts_about(company: Company, admin: PersonChat, who: PersonChat) -> list[str]:
    name = company.name_of(who)
    return [m.text for m in admin.messages if "Revoked" in m.text and name in m.text]


async def test_everything_follows_a_profile_to_its_end(company: Company) -> None:
    who, boris, clara = await company.hires(), company.boris, company.clara
    first, second = await asks(company, who, "/requestvpn 2h office")
    await boris.taps("Approve 1 hour", message=first)
    file = await who.receives_document()
    # What was asked for, beside what was given.
    for chat, card in ((boris, first), (clara, second)):
        shown = await becomes(chat, card, "has the profile")
        assert "1 hour (asked: 2 hours)" in shown.text
    assert "1 hour (asked: 2 hours)" in (await who.hears("You have your profile")).text
    assert "works until" in file.text
    await who.says("/myvpn")
    mine = await who.hears("active")
    assert mine.button("Revoke")

    await clara.says(f"/revoke {company.name_of(who)}")
    await clara.hears("Revoked")
    await who.hears("Clara took back your access to office")
    dead = await becomes(who, file, "✖ No longer works")
    assert "Clara ended your access" in dead.text
    assert dead.buttons == []
    assert (await becomes(who, mine, "You have no VPN access")).buttons == []
    for chat, card in ((boris, first), (clara, second)):
        assert "✅" not in (await becomes(chat, card, "Clara ended it")).text
    # A line to the other admin, and no receipt.
    line = await boris.hears(f"Clara is ending {company.name_of(who)}’s access to office.")
    assert len(line.text.splitlines()) == 1
    assert not receipts_about(company, boris, who)


async def test_a_renewed_profile_names_the_one_that_is_dead(company: Company) -> None:
    who, boris = await company.hires(), company.boris
    card, _ = await asks(company, who, "/requestvpn 2h office")
    await boris.taps("Approve", message=card)
    file = await who.receives_document()
    assert file.document
    guide = file.button("iPhone")
    assert guide
    assert guide.callback_data
    await who.says("/myvpn")
    await who.taps("New profile", message=await who.hears("active"))
    await who.hears("Send a new profile for office?")
    await who.taps("New profile now")
    fresh = await who.receives_document()
    assert file.document.file_name in fresh.text
    dead = await becomes(who, file, "✖ No longer works")
    assert dead.buttons == []
    # A button that somebody still has on their screen.
    query = await who.taps_data(file.message_id, guide.callback_data)
    assert "ended already" in (await who.is_answered(query)).text
    assert "iPhone" in str(now(who, fresh).buttons)


async def test_an_earlier_answer_to_myvpn_has_no_buttons(company: Company) -> None:
    who, boris = await company.hires(), company.boris
    card, _ = await asks(company, who, "/requestvpn 2h office")
    await boris.taps("Approve", message=card)
    await who.receives_document()
    await who.says("/myvpn")
    earlier = await who.hears("active")
    await who.says("/myvpn")
    newer = await who.hears("active")
    assert (await becomes(who, earlier, "further down")).buttons == []
    assert now(who, newer).button("Revoke")


async def test_who_blocked_the_bot_reads_what_happened(company: Company) -> None:
    who, boris, clara = await company.hires(), company.boris, company.clara
    first, second = await asks(company, who, "/requestvpn 2h office printing")
    mine = await who.hears("waits for the admins")
    who.blocks_bot()
    await boris.taps("Approve", message=first)
    name = company.name_of(who)
    for chat, card in ((boris, first), (clara, second)):
        shown = await becomes(chat, card, "Not delivered")
        assert f"{name} has blocked me" in shown.text
        assert "✅" not in shown.text
        await chat.hears(f"{name} didn’t get the profile for office")
        assert not receipts_about(company, chat, who)
    who.unblocks_bot()
    told = await who.hears("you had blocked me")
    assert "Boris approved" in told.text
    assert (await becomes(who, mine, "you had blocked me")).button("Cancel") is None
    await who.says("/myvpn")
    assert "you had blocked me" in (await who.hears("you had blocked me")).text
    await who.taps("Ask again", message=told)
    card = await company.card(boris, who)
    assert "printing" in card.text
    assert "2 hours" in card.text
    await boris.taps("Approve", message=card)
    assert (await who.receives_document()).document


async def test_a_tap_on_what_is_stale_mends_it(company: Company) -> None:
    """An older version has sent it, or an edit got lost: the button says what is so, and goes."""
    who = await company.hires()
    card, _ = await asks(company, who, "/requestvpn 2h office")
    mine = await who.hears("waits for the admins")
    cancel = mine.button("Cancel")
    assert cancel
    assert cancel.callback_data
    await company.boris.taps("Deny", message=card)
    await who.hears("Boris denied your request")
    query = await who.taps_data(mine.message_id, cancel.callback_data)
    assert "Boris has denied" in (await who.is_answered(query)).text
    assert (await becomes(who, mine, "Boris denied your request")).buttons == []


async def test_who_is_removed_while_asking(company: Company) -> None:
    who, boris, clara = await company.hires(), company.boris, company.clara
    first, second = await asks(company, who, "/requestvpn 2h office")
    mine = await who.hears("waits for the admins")
    name = company.name_of(who)
    await boris.says(f"/remove {name}")
    await boris.hears(f"{name} is off the allowlist")
    await who.hears("Boris took you off the list")
    for chat, card in ((boris, first), (clara, second)):
        shown = await becomes(chat, card, f"Boris took {name} off the allowlist")
        assert shown.buttons == []
    assert (await becomes(who, mine, "Boris closed your request")).buttons == []


async def test_a_no_of_one_admin_is_on_the_card_of_the_other(company: Company) -> None:
    who, boris, clara = await company.hires(), company.boris, company.clara
    first, _ = await asks(company, who, "/requestvpn 2h office")
    await boris.taps("Deny", message=first)
    await who.hears("Boris denied your request")
    _, second = await asks(company, who, "/requestvpn 2h office")
    assert "Boris said no to this person for office" in second.text
    approve = second.button("Approve")
    assert approve
    assert approve.style is None
    await clara.taps("Approve", message=second)
    await who.receives_document()
    await clara.says(f"/revoke {company.name_of(who)}")
    await who.hears("Clara took back")
    third, _ = await asks(company, who, "/requestvpn 2h office")
    assert "Clara ended this person’s access to office" in third.text
    assert "Boris said no" in third.text


async def test_what_is_decided_on_the_machine_is_an_admins_word(company: Company) -> None:
    who, boris = await company.hires(), company.boris
    card, _ = await asks(company, who, "/requestvpn 2h office")
    ((number,),) = company.query("SELECT max(id) FROM requests WHERE user_id = ?", who.person.id)
    await company.done("request", "deny", str(number))
    await who.hears("An admin on the server denied your request")
    assert "Denied by an admin on the server" in (await becomes(boris, card, "Denied")).text
    card, _ = await asks(company, who, "/requestvpn 2h office")
    await boris.taps("Approve", message=card)
    await who.receives_document()
    await company.done("revoke", str(who.person.id))
    await who.hears("An admin on the server took back your access")
    await boris.hears(f"An admin on the server is ending {company.name_of(who)}’s access")
    await becomes(boris, card, "An admin on the server ended it")


@pytest.mark.long
async def test_an_ordinary_end_is_no_news_to_admins(company: Company) -> None:
    who, boris = await company.hires(), company.boris
    card, _ = await asks(company, who, "/requestvpn 1h office")
    await boris.taps("Approve", message=card)
    file = await who.receives_document()
    before = len(boris.messages)
    await company.stop()
    company.tamper("UPDATE grants SET not_after = not_before WHERE user_id = ?", who.person.id)
    await company.start()
    await who.hears("has reached its end")
    await becomes(who, file, "✖ No longer works")
    await becomes(boris, card, "its time was up")
    await until(
        lambda: (
            company.query("SELECT count(*) FROM outbox WHERE kind = 'receipt' AND state <> 'done'")
            == [(0,)]
        )
    )
    assert len(boris.messages) == before
