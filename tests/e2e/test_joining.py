"""How people come onto the allowlist, through the Bot API and at the terminal."""

import re

import pytest

from demo.errors import NotPossible
from demo.testing import DemoMessage
from tests.company import Company, until

pytestmark = pytest.mark.asyncio(loop_scope="module")

_LINK = re.compile(r"https://t\.me/vpn_access_demo_bot\?start=([A-Za-z0-9_-]{22})")


def carried(message: DemoMessage) -> str:
    found = _LINK.search(message.text)
    assert found is not None
    return found[1]


async def test_an_invitation_from_the_chat_lets_one_in(company: Company) -> None:
    await company.boris.says("/invite Ines Ibarra")
    message = await company.boris.hears("Invitation for Ines Ibarra")
    token = carried(message)
    ines, other = (company.telegram.person(next(company.crowd).id) for _ in range(2))
    await ines.says(f"/start {token}")
    welcome = await ines.hears("on the list now")
    assert welcome.button("Ask for VPN access")
    told = await company.boris.hears("opened the invitation")
    assert str(ines.person.id) in told.text
    used = await company.boris.hears("used the invitation")
    assert (used.message_id, used.buttons) == (message.message_id, [])
    assert token not in used.text
    await other.says(f"/start {token}")
    await other.hears("This invitation doesn’t work")
    # From the welcome to a request it is one tap.
    await ines.taps("Ask for VPN access", message=welcome)
    await ines.hears("waits for the admins")


@pytest.mark.long
async def test_an_invitation_from_the_terminal_and_back(company: Company) -> None:
    said = (await company.done("user", "invite", "Jo Jansen")).out
    found = _LINK.search(said)
    assert found is not None
    (row,) = [
        one
        for one in (await company.done("user", "invitations", "--json")).rows
        if one["name"] == "Jo Jansen"
    ]
    assert (row["state"], row["groups"], row["used_by"]) == ("open", [], None)
    assert "Jo Jansen" in (await company.done("user", "invitations")).out
    number = str(row["id"])
    await company.done("user", "withdraw", number)
    jo = company.telegram.person(next(company.crowd).id)
    await jo.says(f"/start {found[1]}")
    await jo.hears("This invitation doesn’t work")
    again = await company.vpnbot("user", "withdraw", number)
    assert (again.code, again.err) == (
        1,
        "The invitation for Jo Jansen is withdrawn already. Nothing was changed.\n",
    )
    none = await company.vpnbot("user", "withdraw", "999")
    assert none.code == 1
    assert "no invitation 999" in none.err


async def test_withdrawn_where_it_was_sent(company: Company) -> None:
    await company.boris.says("/invite Kim")
    message = await company.boris.hears("Invitation for Kim")
    await company.boris.taps("Withdraw", message=message)
    gone = await company.boris.hears("The invitation for Kim is withdrawn")
    assert gone.message_id == message.message_id
    await until(lambda: not company.query("SELECT 1 FROM posted_messages WHERE kind='invitation'"))


async def test_what_nobody_used_in_time_loses_its_link(company: Company) -> None:
    await company.boris.says("/invite Lea")
    message = await company.boris.hears("Invitation for Lea")
    await until(
        lambda: company.query("SELECT 1 FROM posted_messages WHERE kind='invitation'") != []
    )
    company.tamper("UPDATE invitations SET ends_at = made_at WHERE name = 'Lea'")
    gone = await company.boris.hears("Nobody used the invitation for Lea in time")
    assert gone.message_id == message.message_id


async def test_a_stranger_asks_and_an_admin_answers_on_every_card(company: Company) -> None:
    mia = company.telegram.person(next(company.crowd).id)
    await mia.says("/start")
    await mia.taps("Ask to join", message=await mia.hears("not on it yet"))
    await mia.hears("When an admin decides")
    asks = f"{mia.person.first_name} asks to be put on the allowlist"
    cards = [await admin.hears(asks) for admin in (company.boris, company.clara)]
    await company.boris.taps("Allow", message=cards[0])
    await mia.hears("on the list now")
    for admin, card in zip((company.boris, company.clara), cards, strict=True):
        answered = await admin.hears("Boris allowed it")
        assert (answered.message_id, answered.buttons) == (card.message_id, [])


async def test_people_picked_from_the_contacts(company: Company) -> None:
    """As Telegram takes the button, and says who was picked."""
    boris = company.boris
    one, two = next(company.crowd), next(company.crowd)
    await boris.says("/allow")
    await boris.hears("Or pick people from your contacts")
    offered = boris.picker
    assert offered
    assert offered.most == 10
    await boris.picks(one, two)
    assert boris.picker is None
    with pytest.raises(NotPossible, match="has not asked"):
        await boris.picks(one)
    question = await boris.hears("Put these 2 people from your contacts on the allowlist?")
    for person in (one, two):
        assert f"{person.first_name}, @{person.username}, id {person.id}" in question.text
    await boris.taps("Allow now", message=question)
    done = await boris.hears("2 people are on the allowlist now:")
    assert one.first_name in done.text
    rows = (await company.done("user", "list", "--state", "allowed", "--json")).rows
    assert {one.id, two.id} <= {row["id"] for row in rows}
    await company.telegram.person(one.id).says("/start")
    assert "/requestvpn" in (await company.telegram.person(one.id).hears("Hello")).text


async def test_the_list_of_the_staff(company: Company) -> None:
    who = await company.hires()
    await company.approved(who=who)
    listed = (await company.done("user", "list", "--state", "allowed", "--json")).rows
    rows = [f"{row['id']},{row['name']}" for row in listed if row["id"] != who.person.id]
    file = company.folder / "people.csv"
    file.write_text("\n".join(["id,name", *rows, "5150,Nils Novak"]), "utf-8")

    shown = (await company.done("user", "sync", str(file), "--max-share", "100")).out
    assert "New: 1\n  Nils Novak (5150)\n" in shown
    assert f"Gone: 1\n  {company.name_of(who)} ({who.person.id})\n" in shown
    assert "Nothing was changed yet" in shown
    assert (await company.done("user", "list", "--state", "allowed", "--json")).rows == listed

    done = (await company.done("user", "sync", str(file), "--apply", "--max-share", "100")).out
    assert "Revoked" in done
    assert done.endswith("Done.\n")
    await who.hears("took you off the list")
    assert company.grants_of(who)[0]["state"] == "revoked"
    assert "the same already" in (await company.done("user", "sync", str(file))).out

    file.write_text("id,name\n5150,Nils Novak\n5151,Ольга", "utf-8")
    stopped = await company.vpnbot("user", "sync", str(file), "--apply", "--max-share", "0")
    assert (stopped.code, "so nothing was done" in stopped.err) == (1, True)
    await company.done("user", "import", str(file), "--apply")
    file.write_bytes("id;name\n5152;Ольга Ким\n".encode("windows-1251"))
    wrong = await company.vpnbot("user", "import", str(file))
    assert "--encoding windows-1251" in wrong.err
    named = await company.done("user", "import", str(file), "--encoding", "windows-1251")
    assert "Ольга Ким (5152)" in named.out
    file.write_bytes("id\tname\r\n5153\tОльга Ли\r\n".encode("utf-16"))
    assert "Ольга Ли (5153)" in (await company.done("user", "import", str(file))).out
    file.write_bytes("id;name\n5152;Ольга Ким\n".encode("windows-1251"))
    for typed, words in {
        ("user", "import", f"{file}.none"): "can't be read",
        ("user", "import", str(file), "--encoding", "runes"): "no encoding runes",
        ("user", "import", str(file), "--encoding", "utf-16"): "isn't in utf-16",
    }.items():
        ran = await company.vpnbot(*typed)
        assert (ran.code, ran.err.count("\n")) == (1, 1)
        assert words in ran.err
