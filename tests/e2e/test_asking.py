"""A request on its way to a decision: what whoever asked, and whoever decides, can say of it."""

import pytest

from demo.testing import DemoMessage, PersonChat
from tests.company import Company, until
from tests.e2e.test_commands import newest_request

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_a_request_is_changed_where_it_stands(company: Company) -> None:
    who = await company.hires()
    name = company.name_of(who)
    await who.says("/requestvpn 7d")
    asked = await who.hears("Asked: ")
    assert "Boris" in asked.text
    await company.boris.hears(f"{name} asks")
    await who.taps("Another duration", message=asked)
    question = await who.hears("For how long")
    assert question.message_id == asked.message_id
    await who.taps("8 hours", message=question)
    await who.hears("8 hours, waits for the admins")
    card = await company.boris.hears(f"{name} changed this request")
    assert card.button("Approve 8 hours")
    assert not card.button("Approve 7 days")
    await who.says("night shift", replies_to=asked)
    await who.hears("adding it to the admins")
    card = await company.boris.hears("Reason: night shift")
    await company.boris.taps("Approve 8 hours", message=card)
    await until(lambda: newest_request(company)["state"] == "approved")
    assert newest_request(company)["reason"] == "night shift"
    await who.receives_document()


async def test_an_undecided_request_comes_back_and_is_denied_with_words(company: Company) -> None:
    who = await company.hires()
    name, boris = company.name_of(who), company.boris
    await who.says("/requestvpn 8h")
    asked = await who.hears("Asked: ")
    first = await boris.hears(f"{name} asks")
    at_once = await who.is_answered(await who.taps("Nudge", message=asked))
    assert "just now" in at_once.text
    earlier(company, who, minutes=11)
    await who.taps("Nudge", message=asked)
    await who.hears("You nudged those")
    second = await boris.hears("Nudged")
    await until(lambda: first.message_id not in {one.message_id for one in boris.messages})
    earlier(company, who, minutes=13 * 60)
    third = await boris.hears("Still waiting")
    await until(lambda: second.message_id not in {one.message_id for one in boris.messages})
    await who.hears("A reminder to those")

    await boris.says("what is it <for>?", replies_to=third)
    question = await boris.hears("with these words?")
    await boris.taps("Deny with these words", message=question)
    await who.hears("denied your request for office: “what is it <for>?”")
    await boris.hears("The reason: “what is it <for>?”")
    await boris.taps("Undo")
    await who.hears("is open again")
    await boris.taps("Deny with a reason", message=third)
    await boris.hears("reply to this card")
    await boris.taps("Deny: say what for", message=as_it_is(boris, third))
    await who.hears("“Please say what you need it for.”")


def earlier(company: Company, who: PersonChat, *, minutes: int) -> None:
    """As if they had asked so much longer ago."""
    back = "UPDATE requests SET asked_at = asked_at - ? WHERE user_id = ?"
    company.tamper(back, minutes * 60_000_000, who.person.id)


def as_it_is(chat: PersonChat, card: DemoMessage) -> DemoMessage:
    return next(one for one in chat.messages if one.message_id == card.message_id)


@pytest.mark.long
async def test_who_is_away_gets_what_waits_on_the_day(company: Company) -> None:
    who, clara = await company.hires(), company.clara
    name = company.name_of(who)
    await clara.says("/away until 3d")
    away = await clara.hears("You’re away until")
    assert away.button("I’m back")
    await company.boris.hears("Clara is away until")
    await who.says("/requestvpn 8h")
    asked = await who.hears("Asked: ")
    assert "Boris" in asked.text
    assert "Clara" not in asked.text
    card = await company.boris.hears(f"{name} asks")
    assert not any(f"{name} asks" in message.text for message in clara.messages)
    company.tamper("UPDATE absences SET until = 1")
    await clara.hears("You’re back")
    assert (await clara.hears(f"{name} asks")).button("Approve")
    assert "Clara" in (await who.hears("Asked: ")).text
    await company.boris.taps("Deny", message=card)
    await who.hears("denied your request")
