"""Every command of the chat, with good and bad input, as people type and tap them."""

from functools import partial
from typing import Any

import pytest

from demo.testing import PersonChat
from tests.company import BORIS, Company, until

pytestmark = pytest.mark.asyncio(loop_scope="module")

ADMINS = {"pending", "grants", "online", "revoke", "users", "allow", "remove", "servers"}


def stranger(company: Company) -> PersonChat:
    """Somebody whom nobody has put on the list."""
    return company.telegram.person(next(company.crowd).id)


def newest_request(company: Company) -> dict[str, Any]:
    columns = ("id", "user_id", "server", "duration", "reason", "state")
    (row,) = company.query(f"SELECT {', '.join(columns)} FROM requests ORDER BY id DESC LIMIT 1")
    return dict(zip(columns, row, strict=True))


def commands(who: PersonChat) -> set[str]:
    return {entry["command"] for entry in who.menu}


# --- who you are ---------------------------------------------------------------------------------


async def test_a_stranger_learns_their_number_and_nothing_else(company: Company) -> None:
    people = company.dump()["people"]
    for text in ("/start", "/help", "/requestvpn 2d", "/users", "hello", "/nonsense"):
        who = stranger(company)
        await who.says(text)
        answer = await who.hears(str(who.person.id))
        assert "not on it yet" in answer.text
        assert "office" not in answer.text
        assert "Anna" not in answer.text
        assert commands(who) == {"help"}
    assert company.dump()["people"] == people


async def test_menus_and_help_follow_the_role(company: Company) -> None:
    who = await company.hires()
    await until(lambda: commands(who) == {"requestvpn", "myvpn", "help"})
    await who.says("/start")
    hello = await who.hears(f"Hello, {company.name_of(who)}!")
    assert "/requestvpn" in hello.text
    assert "/allow" not in hello.text

    await company.clara.says("/start")
    hello = await company.clara.hears("Hello, Clara!")
    assert "You’re an admin" in hello.text
    assert hello.button("Put me on the allowlist")
    await until(lambda: commands(company.clara) >= {*ADMINS, "help"})
    assert "requestvpn" not in commands(company.clara)

    await company.boris.says(f"/remove {company.name_of(who)}")
    await company.boris.hears("had no live access")
    await until(lambda: commands(who) == {"help"})


# --- asking --------------------------------------------------------------------------------------

DAY = 86_400
FORMS = [
    ("/requestvpn", 7 * DAY, ""),
    ("/requestvpn 2h", 7200, ""),
    ("/requestvpn 2H OFFICE urgent  thing", 7200, "urgent thing"),
    ("/requestvpn office 30m", 1800, ""),
    ("/requestvpn because I need it", 7 * DAY, "because I need it"),
    ("/requestvpn 2hours please", 7200, "please"),
    ("/REQUESTVPN@vpn_access_demo_bot 1w", 7 * DAY, ""),
    ("/requestvpn\n3d a\nreason", 3 * DAY, "a reason"),
]


async def test_the_forms_of_a_request(company: Company) -> None:
    who = await company.hires()
    for text, duration, reason in FORMS:
        await who.says(text)
        asked = await who.hears("waits for the admins")
        request = newest_request(company)
        assert (request["user_id"], request["server"]) == (who.person.id, "office"), text
        assert (request["duration"], request["reason"]) == (duration, reason), text
        await who.taps("Cancel request", message=asked)
        cancelled = await who.hears("is cancelled")
        assert cancelled.message_id == asked.message_id
        assert newest_request(company)["state"] == "cancelled"


async def test_requests_that_cannot_be(company: Company) -> None:
    who = await company.hires()
    await who.says("/help")
    await who.hears("Hello")
    before = company.dump()
    for words in ("5y please", "0h", "2 please", "999999999999d", "because I need it 2h"):
        await who.says(f"/requestvpn {words}")
        await who.hears("How long do you need it?")
    await who.says("/requestvpn 31d")
    await who.hears("Ask for less")
    assert company.dump() == before
    await who.says("/requestvpn")
    await who.hears("waits for the admins")
    asked = company.dump()
    await who.says("/requestvpn 1h")
    await who.hears("have asked for office already")
    assert company.dump() == asked


async def test_long_and_odd_texts(company: Company) -> None:
    who = await company.hires()
    await who.says("/requestvpn 1h " + "long " * 800)
    await company.card(company.boris, who)
    assert len(newest_request(company)["reason"]) <= 200
    await who.says("well?")
    await who.hears("commands only")
    await who.says("/fly me")
    await who.hears("don’t know this command")
    for text in ("/", "/\u202ehelp"):
        await who.says(text)
        await who.hears("Hello")
    await who.says("\u0000🦆" + "x" * 4000)
    await who.hears("commands only")


# --- deciding ------------------------------------------------------------------------------------


async def test_a_card_its_shorter_choices_and_the_decision(company: Company) -> None:
    boris, clara = company.boris, company.clara
    who = await company.hires()
    await who.says("/requestvpn 7d visiting a customer")
    asked = await who.hears("waits for the admins")
    cards = [await company.card(admin, who) for admin in (boris, clara)]
    for card in cards:
        for words in (f"@{who.person.username}", str(who.person.id), "office", "7 days"):
            assert words in card.text
        assert "visiting a customer" in card.text
        assert [button.text for row in card.buttons for button in row] == [
            *("Approve 7 days", "Approve 1 day", "Approve 8 hours", "Longer …"),
            *("Deny", "Deny with a reason"),
        ]
    answer = await boris.is_answered(await boris.taps("Approve 8 hours", message=cards[0]))
    assert company.name_of(who) in answer.text
    document = await who.receives_document()
    assert "was approved" in document.text
    decided = await who.hears("Boris approved your request")
    assert (decided.message_id, decided.buttons) == (asked.message_id, [])
    for admin, card in zip((boris, clara), cards, strict=True):
        edited = await admin.hears(f"{company.name_of(who)} asks")
        assert edited.message_id == card.message_id
        assert [b.text for row in edited.buttons for b in row] == ["Undo"] * (admin is boris)
        assert "Approved by Boris for 8 hours" in edited.text
    ((seconds,),) = company.query(
        "SELECT (not_after - not_before) / 1000000 FROM grants WHERE user_id = ?", who.person.id
    )
    assert seconds == 8 * 3600


async def test_the_second_tap_learns_who_was_first(company: Company) -> None:
    boris, clara = company.boris, company.clara
    who = await company.hires()
    await who.says("/requestvpn")
    cards = [await company.card(admin, who) for admin in (boris, clara)]
    await boris.is_answered(await boris.taps("Deny", message=cards[0]))
    await who.hears("Boris denied your request")
    late = await clara.is_answered(await clara.taps("Approve", message=cards[1]))
    assert late.show_alert
    assert late.text == "Too late: Boris has denied this request already."
    assert company.grants_of(who) == []


async def test_two_admins_at_once_give_one_grant(company: Company) -> None:
    admins = (company.boris, company.clara)
    who = await company.hires()
    await who.says("/requestvpn")
    cards = [await company.card(admin, who) for admin in admins]
    taps = [
        await admin.taps("Approve", message=card) for admin, card in zip(admins, cards, strict=True)
    ]
    answers = [await admin.is_answered(tap) for admin, tap in zip(admins, taps, strict=True)]
    assert answers[0].text.startswith("Approved.")
    assert answers[1].text == "Too late: Boris has approved this request already."
    await who.receives_document()
    await until(lambda: [grant["state"] for grant in company.grants_of(who)] == ["active"])
    assert len([message for message in who.messages if message.document]) == 1


async def test_nobody_decides_on_their_own_request(company: Company) -> None:
    boris, clara = company.boris, company.clara
    await boris.says(f"/allow {BORIS.id} Boris")
    await boris.hears("You’re on the allowlist now")
    await boris.says("/requestvpn 1h")
    own = await boris.hears("This is your own request")
    assert own.buttons == []
    card = await clara.hears("Boris asks for VPN access")
    approve, deny = card.button("Approve"), card.button("Deny")
    assert approve
    assert deny
    before = company.dump()
    for data in (approve.callback_data, deny.callback_data):
        answer = await boris.is_answered(await boris.taps_data(own.message_id, data or ""))
        assert "your own request" in answer.text
    assert company.dump() == before
    refused = company.query(
        "SELECT subject FROM audit WHERE action = 'refused' AND actor = ?", f"telegram:{BORIS.id}"
    )
    assert refused == [(approve.callback_data,), (deny.callback_data,)]
    await clara.taps("Approve", message=card)
    await boris.receives_document()
    await until(partial(_is_active, company, boris))


async def test_nobody_decided_in_time(company: Company) -> None:
    who = await company.hires()
    await who.says("/requestvpn")
    asked = await who.hears("waits for the admins")
    card = await company.card(company.boris, who)
    company.tamper("UPDATE requests SET expires_at = 1 WHERE user_id = ?", who.person.id)
    await who.hears("Nobody decided on your request")
    # By its own words: where the time changed while the card was on its way, that is shown before.
    edited = await company.boris.hears("Nobody decided in time")
    assert (edited.message_id, edited.buttons) == (card.message_id, [])
    assert f"{company.name_of(who)} asks" in edited.text
    late = await company.boris.is_answered(
        await company.boris.taps_data(card.message_id, _tap(card))
    )
    assert "Too late" in late.text
    late = await who.is_answered(await who.taps("Cancel", message=asked))
    assert "Too late" in late.text
    assert newest_request(company)["state"] == "expired"


def _tap(card: Any) -> str:
    return str(card.button("Approve").callback_data)


async def test_what_people_write_does_not_become_markup(company: Company) -> None:
    boris, who = company.boris, stranger(company)
    name = '<b>Bobby</b> & "Tables"'
    await boris.says(f"/allow {who.person.id} {name}")
    await boris.hears(f"{name} is on the allowlist now")
    await who.says("/requestvpn 1h <a href='https://evil.test'>look</a> &amp; <script>")
    card = await boris.hears(f"{name} asks for VPN access")
    assert "<a href='https://evil.test'>look</a> &amp; <script>" in card.text
    assert not any(entity["type"] == "text_link" for entity in card.entities)
    answer = await boris.is_answered(await boris.taps("Approve", message=card))
    assert answer.text.startswith(f"Approved. I’m sending {name} the profile")
    document = (await who.receives_document()).document
    assert document is not None
    assert document.file_name.startswith("office-b-bobby-b-tables-")
    await boris.says(f"/revoke {who.person.id}")
    receipt = await boris.hears(f"{name} can’t connect any more")
    assert receipt.text.startswith("Revoked")
    await boris.says(f"/remove {who.person.id}")
    await boris.hears(f"{name} is off the allowlist")


# --- one's own access ----------------------------------------------------------------------------


async def test_my_vpn(company: Company) -> None:
    who = await company.hires()
    await who.says("/myvpn")
    await who.hears("no VPN access and no open request")
    await who.says("/requestvpn 3h")
    await company.card(company.boris, who)
    await who.says("/myvpn")
    waiting = await who.hears("waits for an admin")
    assert waiting.button("Cancel request")
    await company.boris.taps("Approve 3 hours")
    first = await who.receives_document()
    await who.says("/myvpn")
    mine = await who.hears("active")
    (old,) = company.grants_of(who)
    assert old["common_name"] in mine.text
    assert old["address"] in mine.text

    await who.taps("New profile", message=mine)
    await who.taps("Keep it", message=await who.hears("stops working"))
    await who.hears("Nothing was changed")
    await who.taps("New profile", message=mine)
    await who.taps("New profile now", message=await who.hears("stops working"))
    second = await who.receives_document()
    assert "no longer works" in second.text
    assert first.document is not None
    assert second.document is not None
    assert first.document.file_name != second.document.file_name
    receipt = await who.hears("Revoked: your earlier profile no longer works")
    assert old["common_name"] in receipt.text
    dead, live = company.grants_of(who)
    assert (dead["state"], dead["end_reason"], live["state"]) == ("revoked", "replaced", "active")
    ((ends,),) = company.query(
        "SELECT count(DISTINCT not_after) FROM grants WHERE user_id = ?", who.person.id
    )
    assert ends == 1

    late = await who.is_answered(await who.taps("New profile", message=mine))
    assert "has ended already" in late.text
    await who.says("/myvpn")
    await who.taps("Revoke office", message=await who.hears(live["common_name"]))
    await who.taps("Revoke now", message=await who.hears("End your access"))
    receipt = await who.hears("can’t connect any more")
    assert live["common_name"] in receipt.text
    assert [grant["end_reason"] for grant in company.grants_of(who)] == ["replaced", "by_owner"]


async def test_what_is_left_is_said_and_can_be_ended(company: Company) -> None:
    """By the holder's own button, by an admin, and by the time."""
    boris, who = company.boris, await company.hires()
    name = company.name_of(who)
    for _ in range(5):
        await company.approved(who=who)
    first, second, third, fourth, fifth = [g["common_name"] for g in company.grants_of(who)]

    await who.says("/myvpn")
    mine = await who.hears(first)
    await who.taps("Revoke office", message=mine)
    await who.taps("Revoke now", message=await who.hears("End your access"))
    receipt = await who.hears(f"Revoked: this profile of {name}")
    assert f"{name} can still get in:\n• {second}, for office, until" in receipt.text
    await who.taps(f"Revoke {second}", message=receipt)
    await who.taps("Revoke now", message=await who.hears("End your access"))
    receipt = await who.hears(f"Revoked: this profile of {name}")
    left = receipt.text.split("\n\n")[1]
    assert second not in left
    assert third in left

    company.tamper("UPDATE grants SET not_after = 1 WHERE common_name = ?", third)
    told = await who.hears("One of your profiles for office has reached its end")
    assert "You still have:\n• office until" in told.text

    # An ordinary end is nobody else's news; a revocation's receipt offers what is left.
    await boris.says(f"/revoke {fourth}")
    receipt = await boris.hears(f"Revoked: this profile of {name}")
    assert third not in receipt.text.split("\n\n")[1]
    await boris.taps(f"Revoke the rest of {name}", message=receipt)
    await boris.taps("Revoke now", message=await boris.hears("on every server now?"))
    receipt = await boris.hears(f"Revoked: {name} can’t connect any more.")
    assert fifth in receipt.text
    assert {grant["state"] for grant in company.grants_of(who)} == {"revoked", "expired"}


# --- admins --------------------------------------------------------------------------------------


async def test_revoke_finds_whom_it_means(company: Company) -> None:
    boris, who = company.boris, await company.hires()
    name = company.name_of(who)
    for form in ("{id}", "{name}", "@{username}", "{common_name}", "{grant}", "{serial}"):
        await company.approved(who=who)
        grant = company.grants_of(who)[-1]
        told = {
            "id": who.person.id,
            "name": f"  {name.upper()} ",
            "username": name.lower(),
            "common_name": grant["common_name"],
            "grant": grant["id"],
            "serial": f"serial:{grant['serial'].upper()}",
        }
        await boris.says(f"/revoke {form.format(**told)}")
        receipt = await boris.hears(grant["common_name"])
        assert receipt.text.startswith("Revoked"), form
        await who.hears("took back your access")
    await boris.says(f"/revoke {name}")
    await boris.hears(f"{name} has no live access")
    await boris.says(f"/revoke {grant['id']}")
    await boris.hears("has ended already")


async def test_revoke_asks_where_it_is_not_clear(company: Company) -> None:
    boris, (one, two) = company.boris, (await company.hires(), await company.hires())
    for number, who in enumerate((one, two)):
        name = f"Marta{' Lind' * number}"
        await boris.says(f"/allow {who.person.id} {name}")
        await boris.hears(f"{name} is on the allowlist; the name")
        await who.says("/requestvpn")
        await boris.taps("Approve", message=await boris.hears(f"{name} asks"))
        await who.receives_document()
    for who in (one, two):
        await until(partial(_is_active, company, who))
    live = company.dump()["grants"]

    await boris.says("/revoke mart")
    near = await boris.hears("Nobody has exactly this name")
    assert {button.text for row in near.buttons for button in row} == {
        *("Revoke Marta", "Revoke Marta Lind")
    }
    await boris.says("/revoke xyzzy")
    await boris.hears("I know nobody called “xyzzy”")
    await boris.says("/revoke")
    everybody = await boris.hears("Whose access do you want to end?")
    assert everybody.button("Revoke Marta Lind")
    await boris.taps("Revoke Marta Lind", message=near)
    sure = await boris.hears("End Marta Lind’s access")
    assert sure.message_id == near.message_id
    await boris.taps("Keep it", message=sure)
    await boris.hears("Nothing was changed")
    assert company.dump()["grants"] == live

    # Two of one name are told apart wherever one of them is named.
    await boris.says(f"/allow {two.person.id} MARTA")
    told_apart = f"MARTA (@{two.person.username})"
    await boris.hears(f"{told_apart} is on the allowlist")
    await boris.says("/revoke Marta")
    both = await boris.hears("fits more than one")
    await boris.taps("Revoke MARTA", message=both)
    await boris.taps("Revoke now", message=await boris.hears("End MARTA"))
    assert (await boris.hears(f"{told_apart} can’t connect")).text.startswith("Revoked")
    assert company.grants_of(one)[0]["state"] == "active"
    assert company.grants_of(two)[0]["state"] == "revoked"


def _is_active(company: Company, who: PersonChat) -> bool:
    return bool(company.grants_of(who)[-1]["state"] == "active")


async def test_the_allowlist(company: Company) -> None:
    boris, who = company.boris, stranger(company)
    before = company.dump()
    for text, words in {
        "/allow": "Write the numeric id and the name",
        "/allow bob Bob": "isn’t a Telegram id",
        "/allow 0 Bob": "isn’t a Telegram id",
        "/allow 99999999999999999999 Bob": "isn’t a Telegram id",
        f"/allow {who.person.id}": "add the person’s name",
        "/remove": "Who do you want to take off",
        "/remove xyzzy": "I know nobody",
    }.items():
        await boris.says(text)
        await boris.hears(words)
    assert company.dump() == before

    await boris.says(f"/allow {who.person.id}\nOld  Name")
    await boris.hears("Old Name is on the allowlist now")
    await who.hears("on the list now")
    await boris.says(f"/allow {who.person.id} New Name")
    await boris.hears("New Name is on the allowlist; the name is up to date")
    await boris.says("/users")
    assert "New Name" in (await boris.hears("on the allowlist:")).text

    await boris.says(f"/allow {who.person.id} Ulla Berg")
    await boris.hears("Ulla Berg is on the allowlist; the name")
    await who.says("/requestvpn")
    await boris.taps("Approve", message=await boris.hears("Ulla Berg asks"))
    await who.receives_document()
    await company.asks(who, "/requestvpn 1h more")
    card = await boris.hears("Has 1 active profile already")
    await boris.says("/remove ulla")
    await boris.taps("Remove Ulla Berg", message=await boris.hears("Nobody has exactly this name"))
    await boris.taps("Remove now", message=await boris.hears("Take Ulla Berg off"))
    assert (await boris.hears("Ulla Berg can’t connect any more")).text.startswith("Revoked")
    await who.hears("took you off the list")
    late = await boris.is_answered(await boris.taps_data(card.message_id, _tap(card)))
    assert "Too late" in late.text
    assert newest_request(company)["state"] == "cancelled"
    await who.says("/myvpn")
    assert "not on it yet" in (await who.hears("Hello!")).text


async def test_listings(company: Company) -> None:
    boris, who = company.boris, await company.hires()
    name = company.name_of(who)
    await company.approved(who=who)
    await company.asks(who, "/requestvpn 1h")
    await company.card(boris, who)
    await boris.says("/pending")
    await boris.hears("for a decision:")
    again = await company.card(boris, who)
    await boris.is_answered(await boris.taps("Deny", message=again))
    await boris.says("/grants")
    listing = await boris.hears(company.grants_of(who)[0]["common_name"])
    assert f"{name}, office, until" in listing.text
    await boris.says("/servers")
    servers = await boris.hears("office, 127.0.0.1:")
    for words in ("reachable", "revocation list ", "server certificate until"):
        assert words in servers.text


async def test_members_are_no_admins(company: Company) -> None:
    who = await company.hires()
    await who.says("/help")
    await who.hears("Hello")
    before = company.dump()
    for command in sorted(ADMINS):
        await who.says(f"/{command} {who.person.id} X")
        await who.hears("Only admins can do this")
    assert company.dump() == before
    tried = company.query(
        "SELECT subject FROM audit WHERE action = 'refused' AND actor = ? ORDER BY seq",
        f"telegram:{who.person.id}",
    )
    assert tried == [(f"/{command} {who.person.id} X",) for command in sorted(ADMINS)]
