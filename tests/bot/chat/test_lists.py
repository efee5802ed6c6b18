"""Who and which: lists a part at a time, and what tells one from another of the same name."""

from datetime import timedelta

from bot.access import importing, linking
from bot.access.importing import Certificate
from bot.access.matching import USERNAME_LASTS
from bot.chat import lists
from bot.texts import chat as words
from bot.texts import questions as asking
from bot.texts.fill import fill
from storage.records import UserId
from tests.bot.chat.desk import ANNA, BORIS, DAY, EVE, Desk
from tests.gate import updates
from tests.gate.case import Laws
from tests.gate.gate import OPERATOR

NAME = "Anna Petrova"


async def hire(desk: Desk, user_id: int, name: str, username: str | None = None) -> None:
    async with desk.gate.database.writing() as tx:
        await tx.people.allow(UserId(user_id), name, desk.gate.now)
        if username is not None:
            await tx.people.note_username(UserId(user_id), username, desk.gate.now)


async def fill_the_list(desk: Desk, count: int) -> None:
    for number in range(count):
        await hire(desk, 5000 + number, f"Person Number{number:03}")


async def starts(desk: Desk, user_id: int, username: str) -> None:
    sender = updates.user(user_id) | {"username": username}
    message = updates.message(user_id, "/start", **{"from": sender})
    await desk.gate.takes({"update_id": 99_001, "message": message})


async def turned(desk: Desk, label: str) -> str:
    """What the message says once its button has been tapped."""
    [said] = await desk.taps(BORIS, (await desk.buttons())[label])
    return said


async def test_two_of_one_name_are_told_apart_to_the_end(desk: Desk) -> None:
    await hire(desk, 10004711, NAME)
    await hire(desk, 10000815, NAME, "annap")
    for user_id in (10004711, 10000815):
        await desk.gate.gives(user_id, "berlin")
    await desk.new()
    for typed in ("/revoke", f"/revoke {NAME}"):
        await desk.says(BORIS, typed)
        labels = await desk.buttons()
        assert set(labels) == {f"Revoke {NAME} (…4711)", f"Revoke {NAME} (@annap)"}
    question = await turned(desk, f"Revoke {NAME} (…4711)")
    assert f"{NAME} (…4711)" in question
    await desk.says(BORIS, f"/remove {NAME}")
    question = await turned(desk, f"Remove {NAME} (@annap)")
    assert f"{NAME} (@annap)" in question


async def test_whoever_has_nothing_is_not_offered(desk: Desk) -> None:
    await hire(desk, 1, "Karl Carlson")
    await hire(desk, 2, "Karl Carlson")
    await hire(desk, 3, "Karl Maier")
    await desk.gate.gives(2, "berlin")
    await desk.new()
    for typed in ("/revoke Karl", "/revoke Karl Carlson"):
        await desk.says(BORIS, typed)
        assert list((await desk.buttons()).values()) == ["rp:2"]
    for typed in ("/revoke maier", "/revoke maier for 2d"):
        assert await desk.says(BORIS, typed) == [fill(words.NOBODY_HAS, who="maier")]


async def test_what_means_two_things_is_asked(desk: Desk) -> None:
    await hire(desk, 4711, "Max")
    await hire(desk, 9, "4711")
    await hire(desk, 8, "G-Star Kim")
    for user_id in (4711, 9, 8):
        await desk.gate.gives(user_id, "berlin")
    await desk.new()
    assert await desk.says(BORIS, "/revoke 4711") == [words.CHOOSE_AMONG]
    assert set((await desk.buttons()).values()) == {"rp:9", "rp:4711"}
    assert await desk.counts() == (3, 3)
    assert (await desk.says(BORIS, "/revoke G-Star Kim"))[-1] == "receipt"
    assert await desk.counts() == (3, 2)


async def test_an_old_username_asks_before_it_acts(desk: Desk) -> None:
    await hire(desk, 7, "Oleg", "maxi")
    await desk.gate.gives(7, "berlin")
    desk.gate.now += USERNAME_LASTS + timedelta(minutes=1)
    await desk.new()
    assert await desk.says(BORIS, "/revoke @maxi") == [words.CHOOSE_OLD_USERNAME]
    assert await desk.buttons() == {"Revoke Oleg": "rp:7"}
    assert await desk.says(BORIS, "/remove @maxi") == [words.CHOOSE_OLD_USERNAME]
    # Whoever writes with it takes it, also a stranger.
    await starts(desk, EVE, "maxi")
    await desk.new()
    [said] = await desk.says(BORIS, "/revoke @maxi")
    assert "I know nobody" in said


async def test_beyond_twenty_there_is_a_way_on(desk: Desk) -> None:
    await fill_the_list(desk, 25)
    for number in range(25):
        await desk.gate.gives(5000 + number, "berlin" if number % 2 else "paris")
    await desk.new()
    for typed, first in (("/revoke", "Revoke"), ("/remove", "Remove")):
        await desk.says(BORIS, typed)
        labels = await desk.buttons()
        assert sum(label.startswith(first) for label in labels) == 20
        await turned(desk, words.BUTTON_NEXT)
        labels = await desk.buttons()
        assert f"{first} Person Number024" in labels
        assert f"{first} Person Number000" not in labels
        assert words.BUTTON_NEXT not in labels
        await turned(desk, words.BUTTON_BACK)
        assert f"{first} Person Number000" in await desk.buttons()


async def test_the_allowlist_in_parts_and_by_name(desk: Desk) -> None:
    await fill_the_list(desk, 50)
    [said] = await desk.says(BORIS, "/users")
    assert "51 people on the allowlist:" in said
    assert f"1–{lists.USERS_SHOWN} of 51" in said
    assert "Number010" in said
    said = await turned(desk, words.BUTTON_NEXT)
    assert "Number049" in said
    assert "31–51 of 51" in said
    assert not said.startswith(words.ADMINS)
    assert list(await desk.buttons()) == [words.BUTTON_BACK]
    [said] = await desk.says(BORIS, "/users number04")
    assert "10 people on the allowlist:" in said
    assert await desk.buttons() == {}
    [said] = await desk.says(BORIS, "/users person")
    assert "1–30 of 50" in said
    assert not said.startswith(words.ADMINS)
    said = await turned(desk, words.BUTTON_NEXT)
    assert "31–50 of 50" in said
    assert list(await desk.buttons()) == [words.BUTTON_BACK]
    [said] = await desk.says(BORIS, "/users nobody")
    assert "I know nobody called" in said


async def test_the_admins_of_the_settings_are_listed_and_known(desk: Desk) -> None:
    desk.gate.settle(Laws((BORIS, 2002, 2009)))
    [said] = await desk.says(BORIS, "/users")
    assert said.startswith(f"{words.ADMINS}\n<b>P2001</b>, <code>2001</code>\n")
    assert "<code>2009</code>, hasn’t written to me yet" in said
    # Nor is a number a name.
    async with desk.gate.database.writing() as tx:
        await tx.people.know(UserId(2009), "2009", desk.gate.now)
    assert "<code>2009</code>, hasn’t written to me yet" in (await desk.says(BORIS, "/users"))[0]
    [said] = await desk.says(BORIS, f"/users {BORIS}")
    assert words.USER_ADMIN in said
    for user_id in (BORIS, 2009):
        [said] = await desk.says(BORIS, f"/remove {user_id}")
        assert "VPNBOT_ADMIN_IDS" in said
        [said] = await desk.says(BORIS, f"/revoke {user_id}")
        assert "no live access" in said or "has access at the moment" in said


async def test_access_by_its_end_in_parts_and_by_name(desk: Desk) -> None:
    await fill_the_list(desk, 18)
    for number in range(18):
        await desk.gate.gives(5000 + number, "berlin" if number % 2 else "paris")
        desk.gate.now += timedelta(minutes=1)
    await desk.new()
    [said] = await desk.says(BORIS, "/grants")
    assert said.startswith("18 VPN profiles:")
    assert said.index("Number000") < said.index("Number001")
    assert f"1–{lists.GRANTS_SHOWN} of 18" in said
    said = await turned(desk, words.BUTTON_NEXT)
    assert "Number017" in said
    assert "16–18 of 18" in said
    assert list(await desk.buttons()) == [words.BUTTON_BACK]
    [said] = await desk.says(BORIS, "/grants number005")
    assert said.startswith("1 VPN profile:")
    [said] = await desk.says(BORIS, "/grants 5005")
    assert "Number005" in said
    [said] = await desk.says(BORIS, "/grants person")
    assert f"1–{lists.GRANTS_SHOWN} of 18" in said
    assert "people fit" not in said
    said = await turned(desk, words.BUTTON_NEXT)
    assert "16–18 of 18" in said
    assert list(await desk.buttons()) == [words.BUTTON_BACK]
    [said] = await desk.says(BORIS, f"/grants {ANNA}")
    assert said == fill(words.GRANTS_NONE_OF, who=ANNA)
    # Mistyped, and still found.
    [said] = await desk.says(BORIS, "/grants nubmer005")
    assert "Number005" in said
    [said] = await desk.says(BORIS, "/grants nobody")
    assert "I know nobody called" in said
    # A part of a list that has become shorter.
    assert await desk.taps(BORIS, "gr:900") != []
    assert await desk.taps(BORIS, "gr:0:nobody") == [words.GRANTS_NONE]


async def test_who_has_just_written_is_allowed_by_their_username(desk: Desk) -> None:
    await starts(desk, EVE, "eve_x")
    await desk.new()
    [said] = await desk.says(BORIS, "/allow @nobody")
    assert "has written to me lately" in said
    await desk.says(BORIS, "/allow @Eve_X Eve Adams")
    assert await desk.is_allowed(EVE)
    async with desk.gate.database.reading() as tx:
        eve = await tx.people.get(UserId(EVE))
    assert eve is not None
    assert eve.name == "Eve Adams"


async def test_a_name_is_never_enough_to_be_allowed(desk: Desk) -> None:
    """Anybody can call themselves like somebody who is expected."""
    async with desk.gate.database.writing() as tx:
        for user_id in (31, 32):
            await tx.people.note_newcomer(UserId(user_id), NAME, None, desk.gate.now)
    assert await desk.says(BORIS, f"/allow {NAME}") == [words.CHOOSE_ALLOW]
    assert set((await desk.buttons()).values()) == {"al:31", "al:32"}
    [said] = await desk.taps(BORIS, "al:31")
    assert said == fill(asking.CONFIRM_ALLOW_NO_USERNAME, name=NAME, id=31)
    assert not await desk.is_allowed(31)
    yes = (await desk.buttons())[words.BUTTON_ALLOW_YES]
    await desk.taps(ANNA, yes)
    assert not await desk.is_allowed(31)
    await desk.taps(BORIS, yes)
    assert await desk.is_allowed(31)
    # An older yes does not undo what was decided since.
    await desk.remove(31)
    [said] = await desk.taps(BORIS, yes)
    assert said.startswith(asking.QUESTION_CHANGED)
    assert not await desk.is_allowed(31)
    assert await desk.taps(BORIS, "al:33") == []


async def test_a_name_that_shows_as_nothing_is_none(desk: Desk) -> None:
    for name in ("\u3164", "\u2800 \u3164", "\u0301"):
        [said] = await desk.says(BORIS, f"/allow 77 {name}")
        assert "name" in said
        assert not await desk.is_allowed(77)


async def test_a_list_is_for_those_who_may_look(desk: Desk) -> None:
    await desk.gate.gives(ANNA, "berlin")
    await desk.new()
    for tap in ("gr:0", "us:0", "pd:0"):
        assert await desk.taps(ANNA, tap) == []
        assert await desk.taps(BORIS, tap) != []
    for typed in ("/grants", "/users"):
        [refused] = await desk.says(ANNA, typed)
        assert refused.startswith("Only admins can do this.")


async def test_one_person_of_the_list_has_a_button(desk: Desk) -> None:
    [said] = await desk.says(BORIS, "/users")
    assert said.endswith("1 person on the allowlist:\n\n<b>P1001</b>, <code>1001</code>")
    assert await desk.buttons() == {}
    for typed in ("/users p1001", f"/users {ANNA}"):
        [said] = await desk.says(BORIS, typed)
        assert said.endswith("<b>P1001</b>, <code>1001</code>")
        assert await desk.buttons() == {"Pause P1001": f"pa:{ANNA}"}
    await desk.remove(ANNA)
    [said] = await desk.says(BORIS, "/users")
    assert said.startswith(f"{words.USERS_NONE}\n\n{words.ADMINS}")


async def test_who_is_called_exactly_so_is_shown_beside_the_list(desk: Desk) -> None:
    await hire(desk, 7, "Karl")
    await desk.remove(7)
    await hire(desk, 8, "Karl Maier", "maxi")
    [said] = await desk.says(BORIS, "/users Karl")
    assert said == (
        "1 person on the allowlist:\n\n<b>Karl Maier</b>, @maxi, <code>8</code>\n\n"
        f"<b>Karl</b>, <code>7</code>, {words.USER_NOT_LISTED}"
    )
    # Whoever is on it is not said twice.
    await hire(desk, 7, "Karl")
    [said] = await desk.says(BORIS, "/users Karl")
    assert said.count("<code>7</code>") == 1
    # A username is no word of a name.
    await hire(desk, 9, "Maxi Adams")
    [said] = await desk.says(BORIS, "/users @maxi")
    assert said == "<b>Karl Maier</b>, @maxi, <code>8</code>"


async def test_names_from_before_the_takeover_are_one_tap_from_the_allowlist(desk: Desk) -> None:
    await desk.gate.take_over()
    await desk.new()
    await desk.says(BORIS, "/users")
    assert await desk.buttons() == {words.BUTTON_OLD_CERTIFICATES.format(count=3): "oc"}
    await desk.says(BORIS, "/users p1001")
    assert await desk.buttons() == {"Pause P1001": f"pa:{ANNA}"}
    [said] = await desk.says(BORIS, "/grants laptop")
    assert said.startswith("1 VPN profile:")
    assert "old-laptop" in said


async def test_a_profile_is_found_by_its_name_once(desk: Desk) -> None:
    await desk.gate.gives(ANNA, "berlin")
    await desk.new()
    name = "p1001-code0001"
    for _ in range(2):
        [said] = await desk.says(BORIS, f"/grants {name}")
        assert said.startswith("1 VPN profile:")
        assert said.count(name) == 1
        # Somebody may be called so.
        await hire(desk, 7, name)
    await hire(desk, 8, "Karl Maier")
    assert await desk.says(BORIS, "/grants karl") == [fill(words.GRANTS_NONE_OF, who="karl")]


async def test_what_has_ended_says_where_that_is_not_proved(desk: Desk) -> None:
    for user_id in (ANNA, EVE):
        await desk.allow(user_id)
        await desk.gate.gives(user_id, "berlin")
    await desk.says(BORIS, f"/pause {ANNA}")
    await desk.says(BORIS, f"/revoke {EVE}")
    await desk.new()
    [said] = await desk.says(BORIS, "/grants")
    assert said.count(fill(words.GRANT_UNPROVED, servers="berlin, paris")) == 2
    await desk.gate.prove()
    [said] = await desk.says(BORIS, "/grants")
    assert "not confirmed" not in said


async def test_of_more_than_a_message_holds_there_is_no_button_to_the_others(desk: Desk) -> None:
    books = [
        Certificate(f"deed{number:036x}", "anna", desk.gate.now, desk.gate.now + DAY)
        for number in range(60)
    ]
    async with desk.gate.database.writing() as tx:
        await importing.take_in(desk.gate.case(tx, OPERATOR), books)
        await linking.link(desk.gate.case(tx, OPERATOR), "anna", UserId(ANNA))
    await desk.new()
    [said] = await desk.says(BORIS, f"/grants {ANNA}")
    assert said.startswith("60 VPN profiles:")
    assert said.splitlines()[-1] == "… and 26 more; <code>vpnbot grant list</code> shows all."
    assert await desk.buttons() == {}
