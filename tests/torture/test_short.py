"""The short form of `make torture`: a few kills and a good many faulty calls."""

from tests.torture.storm import Storm, one_storm


async def test_a_short_storm() -> None:
    def over(storm: Storm) -> bool:
        return storm.kills >= 3 and storm.dice.hits >= 35

    figures = await one_storm(7, over, crowd=8, pauses=(2.0, 5.0))
    print(f"\n{figures}")
    assert figures.kills >= 4
    assert figures.faults >= 35
    assert figures.leaks == ()
