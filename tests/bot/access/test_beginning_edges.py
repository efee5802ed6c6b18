"""What begins later, decided at the last moment: of its time to be decided, and of its own."""

from datetime import timedelta

import pytest

from bot.access import requests
from bot.access.refusals import Refusal
from tests.bot.access.kit import BORIS, DAY_S, MINUTE, Paper
from tests.bot.access.test_beginning import START, TWO_DAYS, ask, scheduled

TICK = timedelta(microseconds=1)


async def test_by_a_clock_in_doubt_nothing_is_promised(paper: Paper) -> None:
    request = await ask(paper)
    paper.may_give = False
    boris = await paper.actor(BORIS)
    await paper.refuses(boris, Refusal.CLOCK_IN_DOUBT, requests.approve, request.id, None)


@pytest.mark.parametrize(("left", "gives"), [(MINUTE, True), (MINUTE - TICK, False)])
async def test_what_is_over_in_less_than_a_minute_is_not_given(
    paper: Paper, left: timedelta, gives: bool
) -> None:
    paper.request_ttl = 9 * DAY_S
    request, boris = await ask(paper), await paper.actor(BORIS)
    paper.now = START + timedelta(seconds=TWO_DAYS) - left
    if gives:
        assert (await paper.yes(BORIS, request.id)).grant.not_after == paper.now + MINUTE
    else:
        await paper.refuses(boris, Refusal.START_OVER, requests.approve, request.id, None)


async def test_a_no_when_its_time_to_be_decided_is_over_stands(paper: Paper) -> None:
    request, boris = await scheduled(paper), await paper.actor(BORIS)
    paper.now = request.expires_at - TICK
    assert (await paper.by(boris, requests.deny, request.id)).undo_until is not None
    other = await scheduled(paper)
    paper.now = other.expires_at
    assert (await paper.by(boris, requests.deny, other.id)).undo_until is None
