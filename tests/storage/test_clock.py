"""What is kept of the machine's clock."""

from storage.clock_records import ClockAnchor
from storage.database import Database
from tests.storage.kit import DAY, HOUR, NOW


async def test_the_last_one_counts(database: Database) -> None:
    async with database.writing() as tx:
        assert await tx.clock.last() is None
        for anchor in (ClockAnchor("one", NOW, HOUR), ClockAnchor("two", NOW + DAY, DAY, HOUR)):
            await tx.clock.record(anchor)
            assert await tx.clock.last() == anchor
