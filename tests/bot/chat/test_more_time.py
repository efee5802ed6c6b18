"""More time, as it is tapped and shown."""

from dataclasses import replace
from datetime import timedelta

import pytest

from bot.access.permission import THE_BOT
from bot.chat import cards, more_time
from bot.chat.more_time import Offered
from bot.texts.fill import Html
from storage.records import ChatId, Grant, OutboxKind, PostedMessage, RequestId, UserId
from tests.bot.chat.desk import ANNA, BORIS, CLARA, DAY, Desk
from tests.bot.reading import shown
from tests.gate.gate import Fate


async def has_access(desk: Desk) -> Grant:
    await desk.gate.gives(ANNA, "berlin")
    async with desk.gate.database.reading() as tx:
        (grant,) = await tx.grants.live_of_user(UserId(ANNA))
    return grant


async def offered(desk: Desk, grant: Grant) -> Offered | None:
    async with desk.gate.database.reading() as tx:
        return await more_time.offered_below(desk.gate.case(tx, THE_BOT), grant)


async def card_text(desk: Desk, number: int) -> str:
    async with desk.gate.database.reading() as tx:
        case = desk.gate.case(tx, THE_BOT)
        request = await tx.requests.get(RequestId(number))
        assert request is not None
        view = await cards.card(case, request, UserId(BORIS))
    return shown(Html(view.text)).text


async def test_one_tap_asks_and_a_second_is_told_that_it_did(desk: Desk) -> None:
    grant = await has_access(desk)
    desk.gate.now += 6 * DAY
    await desk.new()

    said = await desk.taps(ANNA, f"mt:{grant.id}")

    assert said.count("card") == 2
    assert said[-1] == "asked"
    assert await desk.counts() == (2, 1)
    assert await desk.taps(ANNA, f"mt:{grant.id}") == []
    assert await desk.counts() == (2, 1)
    card = await card_text(desk, 2)
    assert card.startswith("Request 2: P1001 asks for more time")
    assert f"More time for {grant.common_name}, which works until" in card
    # Nobody else gets it by that button.
    assert await desk.taps(CLARA, f"mt:{grant.id}") == []
    assert await desk.counts() == (2, 1)


async def test_below_the_profile_it_is_offered_while_it_can_be_had(desk: Desk) -> None:
    grant = await has_access(desk)
    assert await offered(desk, grant) is None  # as it was sent
    desk.gate.now += 6 * DAY
    await desk.taps(ANNA, f"mt:{grant.id}")
    assert await offered(desk, grant) == Offered(passphrase=False, more_time=False)
    await desk.taps(BORIS, "dn:2")
    assert await offered(desk, grant) == Offered(passphrase=False, more_time=True)


async def test_a_passphrase_is_offered_until_it_was_shown(desk: Desk) -> None:
    grant = await has_access(desk)
    async with desk.gate.database.writing() as tx:
        await tx.keys.lock(grant.id)
    assert await offered(desk, grant) is None  # as it was sent
    desk.gate.now += 6 * DAY
    await desk.taps(ANNA, f"mt:{grant.id}")
    assert await offered(desk, grant) == Offered(passphrase=True, more_time=False)
    async with desk.gate.database.writing() as tx:
        await tx.keys.shown(grant.id, desk.gate.now)
    assert await offered(desk, grant) == Offered(passphrase=False, more_time=False)


async def test_what_was_shown_is_offered_no_more(desk: Desk) -> None:
    grant = await has_access(desk)
    async with desk.gate.database.writing() as tx:
        await tx.keys.lock(grant.id)
        await tx.keys.shown(grant.id, desk.gate.now)
    assert await offered(desk, grant) == Offered(passphrase=False, more_time=True)


@pytest.mark.parametrize(
    ("kind", "place", "stays"),
    [
        (OutboxKind.REMINDER, {"edit": 5}, False),
        (OutboxKind.DELIVER, {}, True),
        (None, {"edit": 5}, False),
    ],
)
async def test_the_answer_takes_the_place_of_a_reminder_and_of_no_profile(
    desk: Desk, kind: OutboxKind | None, place: dict[str, int], stays: bool
) -> None:
    grant = await has_access(desk)
    desk.gate.now += 6 * DAY
    chat = ChatId(ANNA)  # in which each tap of the desk is on message 5
    async with desk.gate.database.writing() as tx:
        if kind is not None:
            await tx.posted.remember(PostedMessage(chat, 5, kind, grant.id, desk.gate.now))
    await desk.new()
    await desk.taps(ANNA, f"mt:{grant.id}")
    async with desk.gate.database.reading() as tx:
        [asked] = await tx.outbox.open(OutboxKind.ASKED)
        assert (await tx.posted.find(chat, 5) is not None) is stays
    assert asked.payload == {"request": 2, **place}


async def test_a_card_of_which_nothing_is_left_to_approve_says_so(desk: Desk) -> None:
    """The settings got shorter than what somebody has."""
    grant = await has_access(desk)
    desk.gate.now += 5 * DAY
    await desk.taps(ANNA, f"mt:{grant.id}")
    desk.gate.settle(replace(desk.gate.laws, max_duration=86_400))
    assert "nothing can be given that lasts for longer" in await card_text(desk, 2)
    desk.gate.now = grant.not_after + timedelta(seconds=1)
    await desk.gate.time_passes()
    await desk.gate.deliver(lambda: Fate.ARRIVES)
    assert "which has ended meanwhile" in await card_text(desk, 2)
