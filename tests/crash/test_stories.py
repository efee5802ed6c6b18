"""The bot is killed at each step of what people do with it.

By default every step of approval and revocation, and a choice of the other stories' steps.
`CRASH_TESTS=all` takes every step of every story, and every second death during the restart;
`make torture` includes it.
"""

import asyncio
import os
from collections.abc import Iterable, Iterator
from itertools import count
from pathlib import Path

import pytest

from tests.crash.stage import Stage
from tests.crash.stories import (
    APPROVE,
    AT_ONCE,
    DENY,
    EXPIRE,
    EXPIRE_LATE,
    LEAVE,
    LOSE,
    MORE_TIME,
    NOT_BEGUN,
    NOT_ME,
    PAUSE,
    REMIND,
    RENEW,
    REQUEST,
    RESUME,
    REVOKE,
    SCHEDULE,
    SOON_OVER,
    Story,
)

pytestmark = pytest.mark.asyncio(loop_scope="module")

_BEYOND = 9999
# A story, the first step that is tried by default, and the distance to the next ones. A late expiry
# has a moment of its own: the CRL is in place, and what was seen is not recorded yet.
STORIES = (
    (APPROVE, 1, 1),
    (REVOKE, 1, 1),
    (REQUEST, 4, 4),
    (REMIND, 2, 6),
    (DENY, 5, 5),
    (PAUSE, 2, 6),
    (RESUME, 2, 6),
    (NOT_ME, 2, 6),
    (LEAVE, 2, 6),
    (RENEW, 2, 6),
    (AT_ONCE, 1, 6),
    (SCHEDULE, 1, 5),
    (NOT_BEGUN, 2, 6),
    (MORE_TIME, 3, 7),
    (EXPIRE, 1, 6),
    (EXPIRE_LATE, 2, 6),
    (LOSE, 5, 9),
)


@pytest.mark.parametrize(
    ("story", "first", "stride"), STORIES, ids=[row[0].name for row in STORIES]
)
async def test_killed_at_a_step(
    stages: list[Stage], story: Story, first: int, stride: int, exhaustive: bool
) -> None:
    """Until a story is over before its step comes."""
    numbers = count(1, 1) if exhaustive else count(first, stride)
    deaths = await play(stages, story, ((number,) for number in numbers))
    # Each of these stories has more steps than this.
    assert deaths >= 12 // stride


async def test_killed_while_somebody_is_told_of_an_end(
    stages: list[Stage], exhaustive: bool
) -> None:
    """That is a short story."""
    plans = ((number,) for number in count(1, 1 if exhaustive else 3))
    assert await play(stages, SOON_OVER, plans) >= 3


async def test_killed_again_after_each_step_of_the_restart(
    stages: list[Stage], exhaustive: bool
) -> None:
    """First when the profile is on its way and nobody knows whether it arrived."""
    whole = await APPROVE.round(stages[0], _BEYOND)
    steps = [step.split(" ", 1) for step in whole if step[0].isdigit()]
    first = next(int(number) for number, what in steps if what == "sent sendDocument")
    plans = ((first, number) for number in count(1, 1 if exhaustive else 7))
    assert await play(stages, APPROVE, plans, least=2) >= 6


async def play(
    stages: list[Stage], story: Story, plans: Iterable[tuple[int, ...]], *, least: int = 1
) -> int:
    """Plays a story by each plan, until one kills less often than `least`; gives the deaths."""
    assert stages, "An earlier story ended in the middle and left its companies in disorder."
    left = iter(plans)
    try:
        async with asyncio.TaskGroup() as group:
            playing = [group.create_task(_play_some(stage, story, left, least)) for stage in stages]
    except BaseException:
        stages.clear()
        raise
    deaths = sum(task.result() for task in playing)
    _tally(deaths)
    return deaths


def _tally(deaths: int) -> None:
    """For `make torture`, which adds them up."""
    if name := os.environ.get("CRASH_TALLY"):
        with Path(name).open("a") as tally:
            tally.write(f"{deaths}\n")


async def _play_some(
    stage: Stage, story: Story, plans: Iterator[tuple[int, ...]], least: int
) -> int:
    deaths = 0
    for plan in plans:
        begin = len(stage.steps)
        try:
            steps = await story.round(stage, *plan)
        except Exception as error:
            last = "\n".join(stage.steps[begin:][-40:])
            error.add_note(f"{story.name}, plan {plan}:\n{last}\n{stage.company.log[-4000:]}")
            raise
        deaths += steps.count("killed")
        if steps.count("killed") < least:
            break
    return deaths
