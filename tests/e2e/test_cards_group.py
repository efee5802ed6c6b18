"""A group of the admins holds the cards: whoever has a role decides there, and nobody else."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from demo.testing import DemoMessage, GroupChat, PersonChat
from tests.company import BORIS, CLARA, CROWD, PEOPLE, Company, company_with_stand_in, until

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def company(module_folder: Path) -> AsyncIterator[Company]:
    async with company_with_stand_in(module_folder, people=(*PEOPLE, *CROWD)) as (made, _):
        made.telegram.add_group("Gate", [BORIS.id, CLARA.id, *(one.id for one in CROWD)])
        (number,) = made.telegram.world.groups
        made.extra["VPNBOT_CARDS_GROUP"] = str(number)
        await made.start()
        yield made


def group(company: Company) -> GroupChat:
    (number,) = company.telegram.world.groups
    return GroupChat(company.telegram.world, number)


async def asks(company: Company) -> tuple[PersonChat, DemoMessage]:
    """Somebody new, and the card in the group."""
    who = await company.hires()
    await who.says("/requestvpn 8h")
    await until(lambda: cards(company, who) != [])
    await who.hears("waits for the admins")
    return who, cards(company, who)[-1]


def cards(company: Company, who: PersonChat, there: GroupChat | None = None) -> list[DemoMessage]:
    words = f"{company.name_of(who)} asks"
    return [one for one in (there or group(company)).messages if words in one.text]


async def taps(company: Company, who: PersonChat, card: DemoMessage, button: str) -> str:
    found = card.button(button)
    assert found is not None
    assert found.callback_data is not None
    tap = await group(company).taps(who.person.id, card.message_id, found.callback_data)
    return (await who.is_answered(tap)).text


async def taps_silently(company: Company, who: PersonChat, card: DemoMessage, button: str) -> None:
    found = card.button(button)
    assert found is not None
    assert found.callback_data is not None
    await group(company).taps(who.person.id, card.message_id, found.callback_data)


async def test_a_card_comes_once_and_there_alone(company: Company) -> None:
    who, card = await asks(company)
    assert len(cards(company, who)) == 1
    words = f"{company.name_of(who)} asks"
    for admin in (company.boris, company.clara):
        assert not any(words in one.text for one in admin.messages)
    assert [button.text for button in card.buttons[0]] == ["Approve 8 hours"]


async def test_who_has_a_role_decides_and_nobody_else(company: Company) -> None:
    who, card = await asks(company)
    for other in (who, await company.hires()):
        assert "Only admins" in await taps(company, other, card, "Approve 8 hours")
    assert company.grants_of(who) == []
    assert company.name_of(who) in await taps(company, company.boris, card, "Approve 8 hours")
    await who.receives_document()
    await until(lambda: "Approved by Boris" in cards(company, who)[-1].text)
    assert len(cards(company, who)) == 1
    # A second one comes too late.
    assert "Boris" in await taps(company, company.clara, card, "Approve 8 hours")


async def test_a_no_with_its_reason_and_undo_are_there(company: Company) -> None:
    who, card = await asks(company)
    await taps_silently(company, company.clara, card, "Deny with a reason")
    await until(lambda: cards(company, who)[-1].button("Deny: not now") is not None)
    asked = cards(company, who)[-1]
    assert asked.message_id == card.message_id
    assert "write /pending to me alone" in asked.text
    await taps(company, company.clara, asked, "Deny: not now")
    await who.hears("Not now, please ask again later")
    await until(lambda: cards(company, who)[-1].button("Undo") is not None)
    denied = cards(company, who)[-1]
    assert "Clara" in await taps(company, company.boris, denied, "Undo")
    await taps(company, company.clara, denied, "Undo")
    await who.hears("took back")
    await until(lambda: cards(company, who)[-1].button("Approve 8 hours") is not None)


async def test_more_than_was_asked_for_is_a_tap_further(company: Company) -> None:
    who, card = await asks(company)
    await taps_silently(company, company.boris, card, "Longer")
    await until(lambda: cards(company, who)[-1].button("Approve 7 days") is not None)
    # What Boris opened is for whoever has a say.
    await taps(company, company.clara, cards(company, who)[-1], "Approve 7 days")
    await who.receives_document()
    assert len(company.grants_of(who)) == 1
    shown = company.query("SELECT duration FROM requests WHERE user_id = ?", who.person.id)
    assert shown == [(7 * 86_400,)]


async def test_no_other_button_does_anything_in_a_group(company: Company) -> None:
    who, card = await asks(company)
    await taps(company, company.boris, card, "Approve 8 hours")
    await who.receives_document()
    await company.settled()
    (grant,) = company.grants_of(who)
    for data in (f"rgy:{grant['id']}", f"rpy:{who.person.id}", f"rmy:{who.person.id}"):
        await group(company).taps(BORIS.id, 1, data)
    await company.settled()
    assert company.grants_of(who)[0]["state"] == "active"


async def test_the_group_is_followed_when_it_becomes_a_supergroup(company: Company) -> None:
    now = group(company).becomes_supergroup()
    await company.boris.hears(f"VPNBOT_CARDS_GROUP={now.id}")
    who = await company.hires()
    await who.says("/requestvpn 8h")
    await until(lambda: cards(company, who, now) != [])
    card = cards(company, who, now)[-1]
    approve = card.button("Approve 8 hours")
    assert approve is not None
    assert approve.callback_data is not None
    await now.taps(BORIS.id, card.message_id, approve.callback_data)
    await who.receives_document()


@pytest.mark.long
async def test_where_the_group_takes_no_card_each_admin_gets_one(company: Company) -> None:
    await company.stop()
    company.extra["VPNBOT_CARDS_GROUP"] = "-100777"
    await company.start()
    who = await company.hires()
    await who.says("/requestvpn 8h")
    for admin in (company.boris, company.clara):
        await company.card(admin, who)
