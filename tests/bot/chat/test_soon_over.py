"""What is said before a profile ends, to the second, and what is below the last word."""

from datetime import timedelta

from bot.access import pausing, people, requests
from bot.access.permission import THE_BOT
from bot.chat import soon_over
from storage.records import Grant, ServerName, UserId
from tests.bot.access.kit import ANNA, BERLIN, BORIS, DAY, EMIL, OPERATOR, PARIS, Paper

SECOND = timedelta(seconds=1)


async def now_reads(paper: Paper, grant: Grant) -> tuple[bool, str]:
    """Whether there is anything to remind of, and what the message says."""
    async with paper.database.reading() as tx:
        case = paper.case(tx, THE_BOT)
        soon = await soon_over.reminder(case, grant)
        return soon is not None, (await soon_over.as_it_is(case, grant)).text


async def test_a_profile_is_over_at_the_very_second(paper: Paper) -> None:
    grant = await paper.active()
    paper.now = grant.not_after - SECOND
    is_soon, text = await now_reads(paper, grant)
    assert is_soon
    assert "ends in" in text
    paper.now = grant.not_after
    assert await now_reads(paper, grant) == (False, "This profile has ended.")


async def test_whoever_may_not_ask_is_not_reminded(paper: Paper) -> None:
    grant = await paper.active()
    paper.now = grant.not_after - DAY
    await paper.by(await paper.actor(BORIS), pausing.pause, ANNA, None)
    is_soon, text = await now_reads(paper, grant)
    assert not is_soon
    assert text.endswith("once your VPN access is back.")
    assert await below(paper, BERLIN) == []


async def below(paper: Paper, server: ServerName | None, who: UserId = ANNA) -> list[str]:
    async with paper.database.reading() as tx:
        rows = await soon_over.ask_again(paper.case(tx, THE_BOT), who, server)
    return [button.data for row in rows for button in row]


async def test_below_the_last_word_is_the_same_again_or_anything(paper: Paper) -> None:
    grant = await paper.active()
    assert await below(paper, BERLIN) == [f"ag:{grant.request_id}"]
    assert await below(paper, PARIS) == ["as"], "nothing was asked for there"
    assert await below(paper, None) == ["as"], "of one from before the takeover"
    request = await paper.asked(server=PARIS)
    assert await below(paper, PARIS) == [], "it waits already"
    assert await below(paper, BERLIN) == [f"ag:{grant.request_id}"]
    await paper.by(await paper.actor(BORIS), requests.deny, request.id)
    assert await below(paper, PARIS) == [f"ag:{request.id}"]


async def test_what_another_account_of_theirs_asked_for_is_not_asked_again_by_this_one(
    paper: Paper,
) -> None:
    await paper.active(EMIL)
    await paper.by(OPERATOR, people.link, EMIL, ANNA)
    assert await below(paper, BERLIN) == ["as"]
    await paper.asked(EMIL, server=PARIS)
    assert await below(paper, PARIS) == [], "theirs waits already"
