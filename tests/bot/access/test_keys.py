"""How somebody's private key reaches them: what they chose, and what the settings allow."""

import pytest

from bot.access import keys, pausing
from bot.access.refusals import Refusal
from storage.key_records import KeyWay
from storage.records import ChatId, OutboxKind, PostedMessage, UserId
from tests.bot.access.kit import ANNA, OPERATOR, Noted, Paper, to

KEY = "a public key"


@pytest.fixture
def free(paper: Paper) -> Paper:
    """People choose."""
    paper.key_ways = (KeyWay.PLAIN, KeyWay.LOCKED, KeyWay.OWN)
    return paper


async def way(paper: Paper) -> KeyWay:
    return await paper.do(keys.way_for, ANNA)


async def test_what_was_chosen_counts_as_long_as_it_is_allowed(free: Paper) -> None:
    assert await way(free) is KeyWay.PLAIN

    await free.by(await free.actor(ANNA), keys.choose, KeyWay.LOCKED)

    assert await way(free) is KeyWay.LOCKED
    assert (await free.noted())[-1].detail["way"] == KeyWay.LOCKED
    free.key_ways = (KeyWay.OWN, KeyWay.PLAIN)
    assert await way(free) is KeyWay.OWN


async def test_a_way_that_the_settings_leave_out_is_not_to_be_had(paper: Paper) -> None:
    anna = await paper.actor(ANNA)
    await paper.refuses(anna, Refusal.NO_BUTTON, keys.choose, KeyWay.LOCKED)
    await paper.refuses(anna, Refusal.NO_FILES, keys.take, KEY)


async def test_whoever_keeps_their_own_has_to_send_it_first(free: Paper) -> None:
    anna = await free.actor(ANNA)
    await free.refuses(anna, Refusal.NO_OWN_KEY, keys.choose, KeyWay.OWN)

    await free.by(anna, keys.take, KEY)

    assert await way(free) is KeyWay.OWN
    assert await free.do(keys.own_key, ANNA) == KEY
    # It is kept for whoever comes back to it.
    await free.by(anna, keys.choose, KeyWay.PLAIN)
    await free.by(anna, keys.choose, KeyWay.OWN)
    await free.do(keys.require_way, ANNA)


async def test_where_only_ones_own_is_taken_nothing_is_made_before(paper: Paper) -> None:
    paper.key_ways = (KeyWay.OWN,)
    await paper.refused(Refusal.NO_OWN_KEY, keys.require_way, ANNA)


async def test_what_was_chosen_shows_in_their_list_and_in_the_trail(free: Paper) -> None:
    async with free.database.writing() as tx:
        answer = PostedMessage(ChatId(ANNA), 31, OutboxKind.REPLY, str(ANNA), free.now)
        await tx.posted.remember(answer)
    anna = await free.actor(ANNA)
    shown = to(ANNA, OutboxKind.EDIT, {"kind": "reply", "subject": str(ANNA), "message": 31})
    for act, way in ((keys.take, KeyWay.OWN), (keys.choose, KeyWay.LOCKED)):
        await free.by(anna, act, KEY if act is keys.take else way)  # type: ignore[arg-type]
        assert await free.heard() == [shown]
        detail = {"name": "Anna", "way": way}
        assert await free.noted() == [Noted(anna.key, "user.key", f"user:{ANNA}", detail)]


@pytest.mark.parametrize("who", ["a stranger", "somebody who is paused"])
async def test_who_may_ask_for_nothing_chooses_nothing(free: Paper, who: str) -> None:
    code = Refusal.NOT_ALLOWED
    if who != "a stranger":
        code = Refusal.PAUSED
        await free.by(OPERATOR, pausing.pause, ANNA, None)
    actor = await free.actor(UserId(9) if code is Refusal.NOT_ALLOWED else ANNA)
    await free.refuses(actor, code, keys.take, KEY)
    await free.refuses(actor, code, keys.choose, KeyWay.LOCKED)
