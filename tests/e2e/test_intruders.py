"""What nobody may do: strangers, forged and repeated taps, edited and forwarded words, groups."""

from pathlib import Path

import pytest
import pytest_asyncio

from demo.lab.stand_in import StandIn
from demo.testing import DemoMessage, PersonChat
from tests.company import (
    ANNA,
    BORIS,
    CLARA,
    EMIL,
    Company,
    company_with_stand_in,
    until,
)
from tests.gate import updates

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shared(shared: tuple[Company, StandIn]) -> tuple[Company, StandIn]:
    """Where the known people have said hello."""
    company, _ = shared
    for who in (company.anna, company.boris, company.clara):
        await who.says("/help")
        await who.hears("Hello")
    return shared


async def at_work(company: Company) -> tuple[PersonChat, DemoMessage, str]:
    """Somebody with access and an open request; gives the card and the grant's id."""
    who = await company.hires()
    await company.approved(who=who)
    await company.asks(who)
    card = await company.card(company.boris, who)
    return who, card, company.grants_of(who)[0]["id"]


def refusals(company: Company, who: PersonChat) -> list[str]:
    """What somebody tried that was not theirs, by the audit trail."""
    rows = company.query(
        "SELECT subject FROM audit WHERE action = 'refused' AND actor = ? ORDER BY seq",
        f"telegram:{who.person.id}",
    )
    return [subject for (subject,) in rows]


def forged(card: DemoMessage, who: PersonChat, grant: str) -> list[str]:
    """The data of every button that could be about this person."""
    buttons = [str(button.callback_data) for row in card.buttons for button in row]
    number, person = buttons[0].split(":")[1], who.person.id
    return [
        *buttons,
        *(
            f"{tap}:{number}"
            for tap in ("cd", "ch", "cx", "dn", "dw", "mi", "nu", "sv", "ud", "wy")
        ),
        *(f"ch:{number}:60", f"dr:{number}:long", f"ds:{number}:1", f"sv:{number}:office"),
        *(
            f"{tap}:{grant}"
            for tap in ("gu", "guy", "mt", "np", "npy", "pw", "rg", "rgy", "rr", "tr")
        ),
        *(f"{tap}:{person}" for tap in ("al", "aly", "pa", "pay", "rm", "rmy", "rp", "rpy", "rs")),
    ]


# Buttons that are refused to whoever is not on the list before anybody looks whose they are.
FOR_MEMBERS = {"ch", "mt", "nu", "pw", "tr", "wy"}


async def test_forged_taps_of_strangers_and_members(company: Company) -> None:
    who, card, grant = await at_work(company)
    data = forged(card, who, grant)
    # What somebody tries is worth twenty rows an hour.
    tries = [data[at : at + 20] for at in range(0, len(data), 20)]
    members = [await company.hires() for _ in tries]
    strangers = [company.telegram.person(next(company.crowd).id) for _ in tries]
    for intruder in (*members, *strangers):
        await intruder.says("/help")
        await intruder.hears("Hello")
    before = company.dump()
    for intruders in (strangers, members):
        for intruder, some in zip(intruders, tries, strict=True):
            for each in some:
                await intruder.taps_data(1, each)
    await company.settled()
    assert company.dump() == before
    for member, stranger, some in zip(members, strangers, tries, strict=True):
        # Who is not on the list is no member; that alone is not worth a row.
        silent = {each for each in some if each.split(":")[0] in FOR_MEMBERS or "office" in each}
        assert set(refusals(company, stranger)) == set(some) - silent
        assert set(refusals(company, member)) == set(some)
        # The member gets an answer to each tap; none says more than that it is not theirs.
        for answer in member.answers:
            assert company.name_of(who) not in answer.text
    await company.boris.taps("Deny", message=card)


async def test_data_that_no_button_carries(company: Company) -> None:
    _, card, grant = await at_work(company)
    approve = str(card.buttons[0][0].callback_data)
    head, _, digest = approve.rpartition(":")
    number = head.split(":")[1]
    before = company.dump()
    for data in (
        "x",
        "ap",
        f"ap:{number}",
        f"{head}:00000000",
        f"ap:{number}:315360000:{digest}",
        f"ap:{number}:-1:{digest}",
        f"ap:{number}:60:{digest}",
        f"ap:999999:604800:{digest}",
        f"ap:{number} OR 1=1:1:{digest}",
        "dn:999999",
        "rpy:0",
        "rgy:g-xxxxxxxx",
        f"rgy:{grant}'",
        "rmy:999999",
        "💥" * 16,
    ):
        query = await company.boris.taps_data(card.message_id, data)
        assert (await company.boris.is_answered(query)).text, data
    assert company.dump() == before
    await company.boris.taps("Deny", message=card)


async def test_repeated_taps_and_updates(company: Company) -> None:
    boris = company.boris
    who, card, _ = await at_work(company)
    data = str(card.buttons[0][0].callback_data)
    queries = [await boris.taps_data(card.message_id, data) for _ in range(3)]
    answers = [(await boris.is_answered(query)).text for query in queries]
    assert answers[0].startswith("Approved")
    assert [answer[:8] for answer in answers[1:]] == ["Too late"] * 2
    await who.receives_document()
    await until(lambda: company.grants_of(who)[-1]["state"] == "active")

    # The very same updates once more, as after a connection that broke before the answer. The
    # number tells: each would be another request.
    rows = company.query("SELECT update_id FROM inbox WHERE chat_id = ?", who.person.id)
    assert rows
    before = company.dump()
    heard = len(who.messages)
    for (update_id,) in rows:
        again = updates.message(who.person.id, "/requestvpn 1h")
        company.telegram.inject({"update_id": update_id, "message": again})
    await company.settled()
    assert company.dump() == before
    assert len(who.messages) == heard
    assert len(company.grants_of(who)) == 2


async def test_edited_and_forwarded_words(company: Company) -> None:
    who, card, _ = await at_work(company)
    await company.boris.taps("Deny", message=card)
    await who.hears("denied your request")
    said = await who.says("/help")
    await who.hears("Hello")
    order = await company.boris.says("/users")
    await company.boris.hears("on the allowlist:")
    before = company.dump()
    await who.edits(said.message_id, "/requestvpn")
    await company.boris.edits(order.message_id, f"/revoke {who.person.id}")
    await who.forwards("/requestvpn")
    await who.hears("not on forwarded ones")
    await company.boris.forwards(f"/revoke {who.person.id}")
    await company.boris.hears("not on forwarded ones")
    await company.settled()
    assert company.dump() == before


async def test_groups_are_shown_the_way_home(company: Company) -> None:
    who, card, _ = await at_work(company)
    group = company.telegram.add_group("Everybody", (ANNA.id, BORIS.id, EMIL.id, who.person.id))
    before = company.dump()
    await group.says_anonymously(f"/revoke {who.person.id}")
    await group.says(BORIS.id, f"/revoke {who.person.id}")
    await group.says(ANNA.id, "/requestvpn")
    await group.taps(BORIS.id, card.message_id, str(card.buttons[0][0].callback_data))
    await company.settled()
    await until(lambda: any(message.from_bot for message in group.messages))
    assert company.dump() == before
    said = [message.text for message in group.messages if message.from_bot]
    assert said == [said[0]]
    assert "https://t.me/vpn_access_demo_bot" in said[0]
    assert company.name_of(who) not in said[0]
    await company.boris.taps("Deny", message=card)


async def test_an_update_that_cannot_be_read_holds_up_nobody(company: Company) -> None:
    poison = (
        {"message": "garbage"},
        {"message": {"message_id": "x", "chat": []}},
        {"message": {"message_id": 1, "date": 1, "chat": {"id": 5}, "text": 7}},
        {"callback_query": {"id": 5}},
        {"callback_query": None},
        {"my_chat_member": {"chat": {"id": "?", "type": 4}}},
    )
    ids = [company.telegram.inject(dict(update)) for update in poison]
    await company.anna.says("/myvpn")
    await company.anna.hears("no VPN access")
    await company.settled()  # somebody who is known goes ahead of what nobody can be read from
    marks = ", ".join("?" * len(ids))
    rows = company.query(f"SELECT state FROM inbox WHERE update_id IN ({marks})", *ids)
    # What can be read and says nothing is not kept.
    assert 0 < len(rows) < len(ids)
    assert {state for (state,) in rows} == {"quarantined"}
    assert "cannot be read" in company.log
    assert company.bot is not None
    assert company.bot.returncode is None


async def test_somebody_who_is_taken_off_can_do_nothing_more(company: Company) -> None:
    who, card, _ = await at_work(company)
    await who.says("/myvpn")
    mine = await who.hears("active")
    await company.boris.says(f"/remove {who.person.id}")
    await who.hears("took you off the list")
    await until(lambda: company.grants_of(who)[0]["state"] == "revoked")
    before = company.dump()
    for button in ("New profile", "Revoke office", "Cancel request"):
        await who.taps(button, message=mine)
    await who.says("/requestvpn")
    late = await company.boris.is_answered(
        await company.boris.taps_data(card.message_id, str(card.buttons[0][0].callback_data))
    )
    assert "Too late" in late.text
    await company.settled()
    assert company.dump() == before


@pytest.mark.long
async def test_an_admin_of_yesterday(folder: Path) -> None:
    """Who is an admin is asked at the moment of the act, not when the card was sent."""
    async with company_with_stand_in(folder) as (company, _):
        await company.start()
        await company.anna.says("/requestvpn")
        card = await company.card(company.clara, company.anna)
        await company.stop()
        company.extra["VPNBOT_ADMIN_IDS"] = str(BORIS.id)
        await company.start()
        await company.clara.says("/grants")
        await company.clara.hears("not on it yet")
        # Strangers get an answer a minute, and this one has had it.
        await company.clara.taps("Approve", message=card)
        await company.boris.says("/help")
        await company.boris.hears("Hello, Boris!")
        assert company.query("SELECT state FROM requests") == [("pending",)]
        assert company.query("SELECT 1 FROM grants") == []
        tried = refusals(company, company.telegram.person(CLARA.id))
        assert tried[0] == "/grants"
        assert tried[1].startswith("ap:1:")


@pytest.mark.long
async def test_a_flood_is_answered_once(company: Company) -> None:
    who, stranger = await company.hires(), company.telegram.person(next(company.crowd).id)
    for _ in range(40):
        await who.says("/myvpn")
        await stranger.says("/start")
    await company.settled()
    await who.hears("Too many messages at once")
    await until(lambda: len([m for m in who.messages if "no VPN access" in m.text]) == 30)
    assert len([m for m in who.messages if "Too many messages at once" in m.text]) == 1
    assert len([m for m in stranger.messages if m.from_bot]) == 3
    await company.anna.says("/myvpn")
    await company.anna.hears("no VPN access")
