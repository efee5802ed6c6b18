"""Updates are stored once, and handled in the order of arrival."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import text

from storage.database import Database
from storage.records import ChatId, InboxItem
from storage.transaction import Transaction
from tests.storage.kit import DAY, HOUR, NOW


def update(update_id: int, payload: str = "{}") -> InboxItem:
    return InboxItem(update_id, ChatId(7), payload, NOW)


async def rows(tx: Transaction) -> dict[int, tuple[Any, ...]]:
    found = await tx._connection.execute(text("SELECT update_id, state, error FROM inbox"))
    return {row.update_id: (row.state, row.error) for row in found}


async def test_an_update_comes_back_as_it_was_stored(database: Database) -> None:
    item = update(5, '{"text": "Привет 🚀 \\u0000"}')
    async with database.writing() as tx:
        assert await tx.inbox.store([item]) == 1
        assert await tx.inbox.new() == [item]


async def test_nothing_is_stored_for_an_empty_poll(database: Database) -> None:
    async with database.writing() as tx:
        assert await tx.inbox.store([]) == 0
        assert await tx.inbox.new() == []


async def test_an_update_that_comes_again_is_stored_once(database: Database) -> None:
    async with database.writing() as tx:
        assert await tx.inbox.store([update(5), update(6)]) == 2
        assert await tx.inbox.store([update(6, "again"), update(7)]) == 1
        assert [(i.update_id, i.payload) for i in await tx.inbox.new()] == [
            (5, "{}"),
            (6, "{}"),
            (7, "{}"),
        ]


async def test_a_double_within_one_poll_is_stored_once(database: Database) -> None:
    async with database.writing() as tx:
        assert await tx.inbox.store([update(5), update(5)]) == 1


async def test_one_that_was_handled_is_not_handled_again(database: Database) -> None:
    async with database.writing() as tx:
        await tx.inbox.store([update(5)])
        assert await tx.inbox.finish(5)
        assert await tx.inbox.store([update(5)]) == 0
        assert await tx.inbox.new() == []


async def test_numbers_may_start_again_anywhere(database: Database) -> None:
    """After a quiet week Telegram goes on at a random number, maybe a lower one."""
    async with database.writing() as tx:
        await tx.inbox.store([update(900_000_001), update(900_000_002)])
        await tx.inbox.store([update(17), update(18)])
        await tx.inbox.store([update(2**40)])
        assert [item.update_id for item in await tx.inbox.new()] == [
            900_000_001,
            900_000_002,
            17,
            18,
            2**40,
        ]


async def test_of_what_was_handled_only_its_number_is_kept(database: Database) -> None:
    async with database.writing() as tx:
        await tx.inbox.store([update(5, '{"text": "secret"}'), update(6, "broken")])
        await tx.inbox.finish(5)
        await tx.inbox.quarantine(6, "unreadable")
        found = await tx._connection.execute(text("SELECT update_id, payload FROM inbox"))
        assert sorted(map(tuple, found)) == [(5, ""), (6, "broken")]


async def test_the_second_who_finishes_an_update_is_told(database: Database) -> None:
    async with database.writing() as tx:
        await tx.inbox.store([update(5), update(6)])
        assert await tx.inbox.finish(5)
        assert not await tx.inbox.finish(5)
        assert not await tx.inbox.quarantine(5, "too late")
        assert not await tx.inbox.finish(99)
        assert await rows(tx) == {5: ("done", None), 6: ("new", None)}


async def test_an_update_that_cannot_be_handled_stays_readable(database: Database) -> None:
    async with database.writing() as tx:
        await tx.inbox.store([update(5)])
        assert await tx.inbox.quarantine(5, "x" * 1000)
        assert await tx.inbox.new() == []
        assert not await tx.inbox.finish(5)
        assert await rows(tx) == {5: ("quarantined", "x" * 256)}


async def test_only_old_updates_that_are_done_go(database: Database) -> None:
    async with database.writing() as tx:
        late = replace(update(4), received_at=NOW + DAY)
        await tx.inbox.store([update(1), update(2), update(3), late])
        await tx.inbox.finish(1)
        await tx.inbox.quarantine(2, "odd")
        await tx.inbox.finish(4)

        # Some at a time: of a few there are no more.
        assert not await tx.inbox.prune(NOW)
        assert set(await rows(tx)) == {1, 2, 3, 4}
        await tx.inbox.prune(NOW + HOUR)
        assert set(await rows(tx)) == {2, 3, 4}


async def test_what_is_held_waits_for_its_writer(database: Database) -> None:
    async with database.writing() as tx:
        await tx.inbox.store([update(1, "old words"), update(2), update(3, "older")])
        for number in (1, 3):
            await tx.inbox.finish(number)
            await tx.inbox.hold(number, "old words")
        await tx.inbox.hold(2, "not met yet")
        assert [item.update_id for item in await tx.inbox.new()] == [2]
        assert await tx.inbox.waiting() == 1
        assert await tx.inbox.held(1) == "old words"
        assert await tx.inbox.held(2) is None
        assert await tx.inbox.release(1)
        assert not await tx.inbox.release(1)
        assert await tx.inbox.held(1) is None
        # After a restore nobody waits for that answer; in the end nobody does in any case.
        await tx.inbox.quarantine_new("restored")
        assert await tx.inbox.held(3) is None
        await tx.inbox.store([update(4)])
        await tx.inbox.finish(4)
        await tx.inbox.hold(4, "old words")
        await tx.inbox.prune(NOW + HOUR)
        assert set(await rows(tx)) == {2, 3}


def test_what_people_wrote_is_in_no_repr() -> None:
    assert "secret" not in repr(update(5, "secret"))


async def test_what_waits_is_counted(database: Database) -> None:
    async with database.writing() as tx:
        assert await tx.inbox.waiting() == 0
        await tx.inbox.store([update(1), update(2), update(3)])
        await tx.inbox.finish(1)
        await tx.inbox.quarantine(2, "odd")
        assert await tx.inbox.waiting() == 1


async def test_nothing_stays_of_an_update_that_is_forgotten(database: Database) -> None:
    async with database.writing() as tx:
        await tx.inbox.store([update(1), update(2)])
        await tx.inbox.forget(1)
        assert set(await rows(tx)) == {2}
        # Another bot's updates may have the numbers of what was handled.
        await tx.inbox.store([update(3), update(4)])
        for number in (3, 4):
            await tx.inbox.finish(number)
        await tx.inbox.hold(4, "old words")
        assert (await tx.inbox.held(3), await tx.inbox.held(4)) == (None, "old words")
        await tx.inbox.forget_handled()
        assert set(await rows(tx)) == {2}


async def test_only_the_newest_of_what_could_not_be_handled_is_kept(database: Database) -> None:
    async with database.writing() as tx:
        await tx.inbox.store([update(number) for number in (9, 7, 8, 1, 2)])
        for number in (9, 7, 8):
            await tx.inbox.quarantine(number, "odd")
        await tx.inbox.finish(1)
        await tx.inbox.trim_quarantine(2)
        # By arrival, not by number; what waits and what is done is left alone.
        assert set(await rows(tx)) == {7, 8, 1, 2}
        await tx.inbox.trim_quarantine(0)
        assert set(await rows(tx)) == {1, 2}


async def test_what_came_after_a_place_is_found(database: Database) -> None:
    async with database.writing() as tx:
        await tx.inbox.store([update(number) for number in (9, 3, 5)])
        [first, *_] = await tx.inbox.new()
        assert [item.update_id for item in await tx.inbox.new(after=first.seq)] == [3, 5]
        assert await tx.inbox.new(after=first.seq + 2) == []


async def test_many_are_finished_at_once(database: Database) -> None:
    """But not what is set aside."""
    async with database.writing() as tx:
        await tx.inbox.store([update(number) for number in range(1, 1300)])
        await tx.inbox.quarantine(7, "odd")
        await tx.inbox.finish_all(range(1, 1290))
        assert [item.update_id for item in await tx.inbox.new()] == list(range(1290, 1300))
        assert not await tx.inbox.finish(5)
        found = await tx._connection.exec_driver_sql(
            "SELECT count(*), sum(length(payload)) FROM inbox WHERE state = 'done'"
        )
        assert tuple(found.one()) == (1288, 0)


async def test_whether_anything_of_a_chat_waits(database: Database) -> None:
    async with database.writing() as tx:
        await tx.inbox.store([update(5)])
        assert await tx.inbox.has_new_of([1, 7])
        assert not await tx.inbox.has_new_of([1, 8])
        await tx.inbox.finish(5)
        assert not await tx.inbox.has_new_of([7])


@pytest.mark.parametrize(
    ("rows", "length", "left"),
    [(10, 1000, 5), (2, 1000, 2), (10, 250, 2), (10, 300, 3), (10, 10, 0), (0, 9, 0)],
)
async def test_what_is_set_aside_has_its_bounds(
    database: Database, rows: int, length: int, left: int
) -> None:
    """In rows and in characters; the newest stay, and what waits is not counted."""
    async with database.writing() as tx:
        await tx.inbox.store([update(number, "x" * 100) for number in range(1, 9)])
        for number in range(1, 6):
            await tx.inbox.quarantine(number, "odd")
        await tx.inbox.trim_quarantine(rows, length)
        found = await tx._connection.exec_driver_sql(
            "SELECT update_id FROM inbox WHERE state = 'quarantined' ORDER BY update_id"
        )
        assert list(found.scalars()) == [1, 2, 3, 4, 5][5 - left :]
        assert await tx.inbox.waiting() == 3


async def test_what_is_set_aside_goes_after_its_time(database: Database) -> None:
    item = update(1)
    async with database.writing() as tx:
        await tx.inbox.store([item])
        await tx.inbox.quarantine(1, "odd")
        later = item.received_at + timedelta(seconds=1)
        for before, left in ((item.received_at, 1), (later, 0)):
            await tx.inbox.prune(later, set_aside_before=before)
            found = await tx._connection.exec_driver_sql("SELECT count(*) FROM inbox")
            assert found.scalar() == left
