"""The buttons below what somebody has: asked again, renewed, given up, and tapped too late."""

import pytest

from bot.access import linking
from bot.texts.fill import Html
from storage.records import Grant, UserId
from tests.bot.chat.desk import ANNA, BORIS, DAY, Desk
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
    assert await desk.counts() == (3, 1)


async def test_a_button_below_a_profile_that_is_over_goes(desk: Desk, grant: Grant) -> None:
    await desk.says(BORIS, f"/revoke {ANNA}")
    await desk.new()
    desk._number += 1
    tapped = updates.tap(ANNA, f"hw:{grant.id}:android")
    await desk.gate.takes({"update_id": desk._number, "callback_query": tapped})
    edit = {"kind": "deliver", "subject": grant.id, "message": 5}
    assert await desk.new() == [("edit", edit)]
