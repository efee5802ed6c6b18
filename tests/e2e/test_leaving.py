"""Who seems to have left is proposed to the admins, through the Bot API; one tap ends it all."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from demo.lab.stand_in import StandIn
from demo.testing import DemoMessage, GroupChat
from tests.company import BORIS, CROWD, PEOPLE, Company, company_with_stand_in, until

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shared(module_folder: Path) -> AsyncIterator[tuple[Company, StandIn]]:
    """Its admins and the first of its people are in a group, and the bot is there, too."""
    async with company_with_stand_in(module_folder, people=(*PEOPLE, *CROWD)) as (made, server):
        made.telegram.add_group("Admins", [BORIS.id, *(one.id for one in CROWD)])
        (number,) = made.telegram.world.groups
        made.extra["VPNBOT_ADMIN_GROUP"] = str(number)
        await made.start()
        yield made, server


def group(company: Company) -> GroupChat:
    (number,) = company.telegram.world.groups
    return GroupChat(company.telegram.world, number)


async def asked(company: Company, words: str) -> list[DemoMessage]:
    """The cards of both admins."""
    cards = [await admin.hears(words) for admin in (company.boris, company.clara)]
    await until(
        lambda: len(company.query("SELECT 1 FROM posted_messages WHERE kind = 'leaving'")) >= 2
    )
    return cards


async def test_who_leaves_the_group_is_removed_by_one_tap(company: Company) -> None:
    who = await company.hires()
    name = company.name_of(who)
    await company.approved(who=who)
    group(company).leaves(who.person.id)
    cards = await asked(company, f"{name} has left your group")
    assert "They have 1 active profile." in cards[0].text
    assert [button.text for button in cards[0].buttons[0]] == ["Remove", "Keep"]
    assert company.grants_of(who)[0]["state"] == "active", "nothing ends without the tap"

    await company.boris.taps("Remove", message=cards[0])
    receipt = await company.boris.hears("Revoked:")
    assert name in receipt.text
    await who.hears("took you off the list")
    assert company.grants_of(who)[0]["state"] == "revoked"
    decided = await company.clara.hears(f"Boris took {name} off the allowlist")
    assert (decided.message_id, decided.buttons) == (cards[1].message_id, [])
    # Undo stands where the card was.
    undo = await company.boris.hears("is off the allowlist")
    assert undo.message_id == cards[0].message_id
    assert undo.button("Undo")
    # A client that shows the old card still.
    tap = await company.clara.taps_data(cards[1].message_id, "lv:1")
    assert "nothing to decide" in (await company.clara.is_answered(tap)).text


async def test_who_is_kept_is_not_asked_about_again(company: Company) -> None:
    who = await company.hires()
    name = company.name_of(who)
    group(company).leaves(who.person.id)
    cards = await asked(company, f"{name} has left your group")
    await company.clara.taps("Keep", message=cards[1])
    kept = await company.boris.hears(f"that {name} stays")
    assert (kept.message_id, kept.buttons) == (cards[0].message_id, [])
    # Only once they were back it is news.
    group(company).joins(who.person.id)
    group(company).leaves(who.person.id)
    await asked(company, f"{name} has left your group")
    group(company).joins(who.person.id)
    back = await company.boris.hears(f"{name} is there again")
    assert back.buttons == []


async def test_a_deleted_account_is_told_by_what_cannot_be_sent(company: Company) -> None:
    who, other = await company.hires(), await company.hires()
    for chat in (who, other):
        await company.asks(chat)
    cards = {chat: await company.card(company.boris, chat) for chat in (who, other)}
    who.deletes_account()
    other.blocks_bot()
    for chat in (other, who):
        await company.boris.taps("Approve", message=cards[chat])
    (card, _) = await asked(company, f"{company.name_of(who)}’s Telegram account is deleted.")
    await company.settled()
    # Whoever blocks the bot has not left.
    (found,) = company.query("SELECT user_id FROM leavings WHERE cause = 'deleted'")
    assert found == (who.person.id,)
    await company.boris.taps("Remove", message=card)
    await company.clara.hears(f"Boris took {company.name_of(who)} off the allowlist")
    assert {one["state"] for one in company.grants_of(who)} == {"revoked"}


@pytest.mark.long
async def test_a_list_of_the_staff_proposes_who_is_gone(company: Company) -> None:
    who = await company.hires()
    name = company.name_of(who)
    listed = (await company.done("user", "list", "--state", "allowed", "--json")).rows
    rows = [f"{row['id']},{row['name']}" for row in listed if row["id"] != who.person.id]
    file = company.folder / "people.csv"
    file.write_text("\n".join(["id,name", *rows]), "utf-8")
    sync = ("user", "sync", str(file), "--max-share", "100", "--propose")
    assert "Asked the admins about 1." in (await company.done(*sync)).out
    cards = await asked(company, f"{name} isn’t on the list of the staff any more")
    assert "Asked the admins about 0." in (await company.done(*sync, "--apply")).out
    still = (await company.done("user", "list", "--state", "allowed", "--json")).rows
    assert who.person.id in {row["id"] for row in still}
    # By somebody at the terminal, meanwhile.
    await company.done("user", "remove", str(who.person.id))
    over = await company.boris.hears(f"took {name} off the allowlist")
    assert (over.message_id, over.buttons) == (cards[0].message_id, [])
    actions = [row["action"] for row in (await company.done("audit", "show", "--json")).rows]
    assert "user.seems_gone" in actions


@pytest.mark.long
async def test_a_group_that_becomes_a_supergroup_is_followed(company: Company) -> None:
    """By its new number at once, and after a restart; admins read once what to write."""
    who, other = await company.hires(), await company.hires()
    now = group(company).becomes_supergroup()
    told = [await admin.hears("a supergroup") for admin in (company.boris, company.clara)]
    assert all(f"VPNBOT_ADMIN_GROUP={now.id}" in one.text for one in told)
    now.leaves(who.person.id)
    await asked(company, f"{company.name_of(who)} has left your group")
    await company.stop()
    await company.start()
    now.leaves(other.person.id)
    await asked(company, f"{company.name_of(other)} has left your group")
    assert sum("a supergroup" in one.text for one in company.boris.messages) == 1
