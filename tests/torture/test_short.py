"""The short form of `make torture`: tens of kills and a good many faulty calls."""

from tests.crash.stage import RUNNER
from tests.torture.storm import Storm, Weather, one_storm

_KILLS = 20
_FAULTS = 35


async def test_a_short_storm() -> None:
    def over(storm: Storm) -> bool:
        return storm.kills >= _KILLS and storm.dice.hits >= _FAULTS

    figures = await one_storm(
        7, over, Weather(crowd=5, pauses=(0.1, 1.2), flood=200), program=RUNNER
    )
    print(f"\n{figures}")
    assert figures.kills > _KILLS
    assert figures.faults >= _FAULTS
    assert figures.leaks == ()
