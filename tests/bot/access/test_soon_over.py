"""Who is reminded that a profile ends, and when; never twice."""

from datetime import timedelta

import pytest

from bot.access import extending, importing, linking, pausing, revocation, soon_over
from bot.access.importing import Certificate
from storage.records import Grant, GrantId, OutboxKind
from tests.bot.access.kit import ANNA, BORIS, DAY, DAY_S, HOUR, MINUTE, OPERATOR, WEEK_S, Paper
from tests.bot.access.test_extending import delivered, two

LONG = 30 * DAY


async def has_for(paper: Paper, seconds: int) -> Grant:
    request = await paper.asked(duration=seconds)
    grant = await delivered(paper, (await paper.yes(BORIS, request.id)).grant)
    await paper.forget()
    return grant


async def reminded(paper: Paper) -> list[str]:
    """Of which profiles at this sweep."""
    await paper.do(soon_over.remind_due)
    rows = [one for one in await paper.heard() if one.kind is OutboxKind.REMINDER]
    assert {one.chat for one in rows} <= {ANNA}
    return [one.payload["grant"] for one in rows]


async def until_the_end(paper: Paper, grant: Grant, step: timedelta) -> list[timedelta]:
    """How long before the end each reminder came."""
    found = []
    while paper.now < grant.not_after:
        if await reminded(paper):
            found.append(grant.not_after - paper.now)
        paper.now += step
    return found


@pytest.mark.parametrize(
    ("seconds", "step", "before"),
    [
        (30 * DAY_S, HOUR, [7 * DAY, DAY, HOUR]),
        (WEEK_S, HOUR, [DAY, HOUR]),
        (DAY_S, MINUTE * 15, [HOUR]),
        (8 * 3600, MINUTE * 15, [HOUR]),
        (3600, MINUTE, []),
    ],
)
async def test_they_fit_the_duration(
    paper: Paper, seconds: int, step: timedelta, before: list[timedelta]
) -> None:
    grant = await has_for(paper, seconds)
    assert await until_the_end(paper, grant, step) == before
    assert await reminded(paper) == []


@pytest.mark.parametrize("shorter", [0, 60])
@pytest.mark.parametrize("before", [7 * DAY, DAY, HOUR])
async def test_three_quarters_of_its_time_are_over_by_then(
    paper: Paper, before: timedelta, shorter: int
) -> None:
    """Of four times as long it comes; of a minute less it does not."""
    grant = await has_for(paper, 4 * round(before.total_seconds()) - shorter)
    paper.now = grant.not_after - before
    assert await reminded(paper) == ([] if shorter else [grant.id])


async def test_of_what_was_missed_only_the_last_one_comes(paper: Paper) -> None:
    """The bot was down."""
    grant = await has_for(paper, 30 * DAY_S)
    paper.now = grant.not_after - timedelta(minutes=30)
    assert await reminded(paper) == [grant.id]
    assert await reminded(paper) == []


async def test_of_what_was_missed_none_comes_at_the_end(paper: Paper) -> None:
    grant = await has_for(paper, 30 * DAY_S)
    paper.now = grant.not_after
    assert await reminded(paper) == []


async def test_what_needs_no_reminder_is_not_looked_at_again(paper: Paper) -> None:
    grant = await has_for(paper, WEEK_S)
    boris = await paper.actor(BORIS)
    await paper.by(boris, pausing.pause, ANNA, None)
    paper.now = grant.not_after - DAY
    # Of whoever is paused that is asked every five minutes, until the end.
    assert [await paper.do(soon_over.remind_due) for _ in range(2)] == [1, 0]
    paper.now += 5 * MINUTE
    assert [await paper.do(soon_over.remind_due) for _ in range(2)] == [1, 0]
    paper.now = grant.not_after
    assert await paper.do(soon_over.remind_due) == 1
    paper.now += HOUR
    assert await paper.do(soon_over.remind_due) == 0


async def test_what_is_over_is_looked_at_once(paper: Paper) -> None:
    grant = await has_for(paper, WEEK_S)
    await paper.by(await paper.actor(ANNA), revocation.give_up, grant.id)
    paper.now = grant.not_after - HOUR
    assert [await paper.do(soon_over.remind_due) for _ in range(2)] == [1, 0]


async def test_none_comes_twice_when_the_clock_jumps(paper: Paper) -> None:
    grant = await has_for(paper, WEEK_S)
    paper.now = grant.not_after - DAY
    assert await reminded(paper) == [grant.id]
    paper.now -= DAY
    assert await reminded(paper) == []
    paper.now += DAY
    assert await reminded(paper) == []
    paper.now += 2 * DAY
    assert await reminded(paper) == []


async def test_not_by_a_clock_in_doubt(paper: Paper) -> None:
    grant = await has_for(paper, WEEK_S)
    paper.now = grant.not_after - DAY
    paper.may_expire = False
    assert await reminded(paper) == []
    paper.may_expire = True
    assert await reminded(paper) == [grant.id]


async def test_whoever_is_paused_reads_of_it_when_they_are_back(paper: Paper) -> None:
    grant = await has_for(paper, WEEK_S)
    boris = await paper.actor(BORIS)
    await paper.by(boris, pausing.pause, ANNA, None)
    paper.now = grant.not_after - DAY
    assert await reminded(paper) == []
    await paper.by(boris, pausing.resume, ANNA)
    paper.now += HOUR
    assert await reminded(paper) == [grant.id]


async def test_none_of_what_is_over_or_has_more_time(paper: Paper) -> None:
    old, fresh = await two(paper)
    paper.now = old.not_after - HOUR
    await paper.forget()
    assert await reminded(paper) == []
    await paper.do(extending.used, [fresh.id])
    paper.now = fresh.not_after - DAY
    assert await reminded(paper) == [fresh.id]
    await paper.by(await paper.actor(ANNA), revocation.give_up, fresh.id)
    paper.now = fresh.not_after - HOUR
    assert await reminded(paper) == []


async def test_a_certificate_from_before_once_it_is_somebodys(paper: Paper) -> None:
    ends = paper.now + 6 * DAY
    certificate = Certificate("deed01", "anna", paper.now - LONG, ends)
    await paper.by(OPERATOR, importing.take_in, [certificate])
    await paper.forget()
    assert await reminded(paper) == []
    (grant,) = await paper.by(OPERATOR, linking.link, "anna", ANNA)
    assert await reminded(paper) == [grant.id]
    assert await reminded(paper) == []


async def test_those_from_before_the_update_are_looked_at_soon(paper: Paper) -> None:
    grant = await has_for(paper, WEEK_S)
    async with paper.database.writing() as tx:
        await tx.reminders.plan(GrantId(grant.id), paper.now)
    assert await reminded(paper) == []
    paper.now = grant.not_after - DAY
    assert await reminded(paper) == [grant.id]
