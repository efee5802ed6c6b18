"""Buttons: asked again, renewed, given up, tapped too late, and what is said beside them."""

from dataclasses import replace

import pytest

from bot.access import linking
from bot.texts.fill import Html
from storage.records import Grant, UserId
from tests.bot.chat.desk import ANNA, BORIS, DAY, EVE, Desk
from tests.bot.chat.test_beginning import approve, newest
from tests.bot.chat.test_more_time import card_text
from tests.bot.reading import shown
from tests.gate import updates
from tests.gate.gate import OPERATOR

UNTIL = "until 2026-03-09 09:31 UTC"


@pytest.fixture
async def grant(desk: Desk) -> Grant:
    """Anna's, for berlin."""
    await desk.gate.gives(ANNA, "berlin")
    await desk.new()
    async with desk.gate.database.reading() as tx:
        (grant,) = await tx.grants.of_user(UserId(ANNA))
    return grant


async def old_laptop(desk: Desk) -> Grant:
    """Anna's certificate from before the takeover."""
    await desk.gate.take_over()
    async with desk.gate.database.writing() as tx:
        (old,) = await linking.link(desk.gate.case(tx, OPERATOR), "old-laptop", UserId(ANNA))
    await desk.new()
    return old


async def read(desk: Desk, data: str) -> list[str]:
    """What Anna reads after her tap."""
    return [shown(Html(text)).text for text in await desk.taps(ANNA, data)]


async def test_a_new_profile_comes_once_it_was_asked_back(desk: Desk, grant: Grant) -> None:
    [question] = await read(desk, f"np:{grant.id}")
    assert question == (
        f"Send a new profile for berlin? The one that you have now, {grant.common_name}, "
        f"{UNTIL}, stops working."
    )
    assert f"npy:{grant.id}" in (await desk.buttons()).values()
    assert await desk.counts() == (1, 1)
    said = await read(desk, f"npy:{grant.id}")
    assert said[-1] == (
        "A new profile for berlin is on its way; the earlier one is being switched off."
    )
    assert "deliver" in said
    # Of a certificate that the bot never made there is no other.
    old = await old_laptop(desk)
    assert await desk.taps(ANNA, f"np:{old.id}") == []


async def test_access_ends_once_it_was_asked_back(desk: Desk, grant: Grant) -> None:
    [question] = await read(desk, f"gu:{grant.id}")
    assert question == (
        f"End your access to berlin now? The profile {grant.common_name}, {UNTIL}, won’t work "
        "any more."
    )
    assert await desk.counts() == (1, 1)
    old = await old_laptop(desk)
    [question] = await read(desk, f"gu:{old.id}")
    assert question.startswith("End your access to old-laptop now?")
    await desk.taps(ANNA, f"guy:{grant.id}")
    async with desk.gate.database.reading() as tx:
        assert [one.id for one in await tx.grants.live_of_user(UserId(ANNA))] == [old.id]


async def test_what_was_denied_is_asked_for_again_where_it_still_fits(
    desk: Desk, grant: Grant
) -> None:
    """More time, of a profile that is there; the message that was tapped loses its buttons."""
    desk.gate.now += 6 * DAY
    await desk.taps(ANNA, f"mt:{grant.id}")
    await desk.taps(BORIS, "dn:2")
    assert sorted(await desk.taps(ANNA, "ag:2")) == ["asked", "card", "card", "edit_card"]
    async with desk.gate.database.reading() as tx:
        again = (await tx.requests.all())[-1]
    assert (again.id, again.server) == (3, "berlin")
    assert (await card_text(desk, 3)).startswith("Request 3: P1001 asks for more time")
    assert await desk.counts() == (3, 1)


async def test_the_same_again_is_what_was_asked_for_and_not_what_was_given(desk: Desk) -> None:
    """As far as it may be given now."""
    await desk.says(ANNA, "/requestvpn from wed 9:00 for 2d berlin the fair")
    _, _, _, digest = (await approve(desk)).split(":")
    await desk.taps(BORIS, f"ap:1:{3600 * 24}:{digest}")
    assert (await newest(desk)).duration == 3600 * 24
    await desk.taps(ANNA, "cx:1")
    begins = (await newest(desk)).starts_at
    assert begins is not None
    desk.gate.now = begins
    again = []
    for longest in (7 * 3600 * 24, 3600):
        desk.gate.settle(replace(desk.gate.laws, max_duration=longest))
        said = await desk.taps(ANNA, "ag:1")
        assert sorted(said) == ["asked", "card", "card", "edit_card"]
        request = await newest(desk)
        again.append((request.duration, request.starts_at, request.reason))
        await desk.taps(ANNA, f"cx:{request.id}")
    assert again == [(2 * 3600 * 24, None, "the fair"), (3600, None, "the fair")]


async def test_where_no_server_was_chosen_it_is_asked_again(desk: Desk) -> None:
    [question] = await desk.says(ANNA, "/requestvpn 8h")
    await desk.taps(ANNA, "cx:1")
    assert question in await desk.taps(ANNA, "ag:1")
    assert "sv:2:berlin" in (await desk.buttons()).values()


async def test_who_is_let_in_is_asked_back_where_the_button_was(desk: Desk) -> None:
    """But for oneself: that message has more on it."""
    await desk.says(EVE, "/start")
    places = []
    for who in (EVE, BORIS):
        await desk.taps(BORIS, f"al:{who}")
        yes = next(data for data in (await desk.buttons()).values() if data.startswith("aly:"))
        async with desk.gate.database.reading() as tx:
            asked = (await tx.outbox.due(desk.gate.now, 1000))[-1]
        await desk.taps(BORIS, yes)
        async with desk.gate.database.reading() as tx:
            rows = await tx.outbox.due(desk.gate.now, 1000)
        done = [row for row in rows if row.id > asked.id and row.chat_id == BORIS]
        places.append([row.payload.get("edit") for row in (asked, *done) if row.kind == "reply"])
        assert await desk.is_allowed(who)
    assert places == [[5, 5], [None, 5]]


async def test_whoever_approves_reads_at_the_button_what_comes_of_it(desk: Desk) -> None:
    await desk.says(ANNA, "/requestvpn 8h berlin")
    assert (await desk.pops_up(BORIS, await approve(desk))).startswith(
        f"Approved. I’m sending P{ANNA} the profile"
    )
    await desk.says(ANNA, "/requestvpn from wed 9:00 paris")
    assert await desk.pops_up(BORIS, await approve(desk)) == (
        f"Approved. P{ANNA} gets the profile shortly before it begins."
    )


async def test_that_somebody_can_not_be_written_to_is_said_at_the_button(desk: Desk) -> None:
    await desk.says(ANNA, "/requestvpn 8h berlin")
    async with desk.gate.database.writing() as tx:
        await tx.people.set_reachable(UserId(ANNA), reachable=False)
    assert (await desk.pops_up(BORIS, await approve(desk))).startswith(
        f"Approved, but P{ANNA} blocked me or never pressed Start"
    )


async def test_an_approval_of_several_says_how_many_are_missing(desk: Desk) -> None:
    desk.gate.settle(replace(desk.gate.laws, approvals=2))
    await desk.says(ANNA, "/requestvpn 8h berlin")
    assert await desk.pops_up(BORIS, await approve(desk)) == (
        "Your approval is noted. 1 more is needed."
    )


async def places(desk: Desk, who: int, data: str) -> list[tuple[str, object]]:
    """What comes of a tap, and in the place of which message."""
    desk._number += 1
    tapped = updates.tap(who, data)
    await desk.gate.takes({"update_id": desk._number, "callback_query": tapped})
    return [(payload.get("text", kind), payload.get("edit")) for kind, payload in await desk.new()]


async def test_a_yes_that_comes_too_late_takes_the_place_of_its_question(
    desk: Desk, grant: Grant
) -> None:
    await desk.says(BORIS, f"/revoke {ANNA}")
    await desk.new()
    assert await places(desk, ANNA, f"gu:{grant.id}") == [], "it is said at the button alone"
    [(said, place)] = await places(desk, ANNA, f"guy:{grant.id}")
    assert str(said).startswith("This profile has been ended already, but may still work")
    assert place == 5


async def test_a_card_that_says_something_else_by_now_is_shown_anew(desk: Desk) -> None:
    await desk.says(ANNA, "/requestvpn 8h berlin")
    assert await places(desk, BORIS, "ap:1:28800:0badcafe") == [("edit_card", None)]
    assert await desk.counts() == (1, 0)


async def test_a_server_that_is_gone_is_chosen_again(desk: Desk) -> None:
    [question] = await desk.says(ANNA, "/requestvpn 8h")
    assert await places(desk, ANNA, "sv:1:rome") == [(question, 5)]


async def test_a_button_below_a_profile_that_is_over_goes(desk: Desk, grant: Grant) -> None:
    await desk.says(BORIS, f"/revoke {ANNA}")
    await desk.new()
    desk._number += 1
    tapped = updates.tap(ANNA, f"hw:{grant.id}:android")
    await desk.gate.takes({"update_id": desk._number, "callback_query": tapped})
    edit = {"kind": "deliver", "subject": grant.id, "message": 5}
    assert await desk.new() == [("edit", edit)]
