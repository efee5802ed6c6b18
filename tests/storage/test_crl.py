"""What a revocation list is made of."""

from datetime import timedelta

import pytest
from sqlalchemy import text

from storage.database import Database
from storage.records import (
    ON_HOLD,
    EndReason,
    ForeignRevocation,
    GrantRevocation,
    GrantState,
)
from tests.storage.kit import HOUR, NOW, WEEK, add_grant, add_people

DAY, SECOND = timedelta(days=1), timedelta(seconds=1)


async def test_numbers_begin_at_one_and_rise(database: Database) -> None:
    for expected in (1, 2, 3):
        async with database.writing() as tx:
            assert await tx.crl.last_number() == expected - 1
            assert await tx.crl.next_number() == expected
            assert await tx.crl.last_number() == expected


async def test_there_is_one_counter_whatever_happens(database: Database) -> None:
    async with database.writing() as tx:
        await tx.crl.next_number()
        await tx.crl.next_number()
        found = await tx._connection.execute(text("SELECT id, number FROM crl_counter"))
        assert [tuple(row) for row in found] == [(1, 2)]


async def test_later_numbers_are_above_what_a_server_had(database: Database) -> None:
    async with database.writing() as tx:
        for number, last in ((0, 0), (5, 5), (3, 5), (5, 5), (9, 9)):
            await tx.crl.raise_to(number)
            assert await tx.crl.last_number() == last
        assert await tx.crl.next_number() == 10


async def test_only_revoked_grants_are_listed(database: Database) -> None:
    async with database.writing() as tx:
        await add_people(tx)
        await add_grant(tx, 1, state=GrantState.ACTIVE)
        late = {"revoked_at": NOW + HOUR, "end_reason": EndReason.LOST}
        second = await add_grant(tx, 2, state=GrantState.REVOKING, **late)
        early = {"revoked_at": NOW, "end_reason": EndReason.ENDED}
        first = await add_grant(tx, 3, state=GrantState.EXPIRED, **early)

        assert set(await tx.crl.entries(None)) == {
            GrantRevocation(first.serial, NOW, EndReason.ENDED),
            GrantRevocation(second.serial, NOW + HOUR, EndReason.LOST),
        }


@pytest.mark.parametrize("reason", list(EndReason))
async def test_every_reason_comes_back(database: Database, reason: EndReason) -> None:
    async with database.writing() as tx:
        await add_people(tx)
        await add_grant(tx, 1, state=GrantState.REVOKING, revoked_at=NOW, end_reason=reason)
        assert [entry.reason for entry in await tx.crl.entries(None)] == [reason]


@pytest.mark.parametrize(
    ("not_after", "revoked_at", "is_listed"),
    [
        (HOUR, -HOUR, True),  # not expired when the last list was made
        (timedelta(0), -HOUR, True),  # expired at that very moment
        (-HOUR, HOUR, True),  # revoked after the last list
        (-HOUR, timedelta(0), True),
        (-HOUR, -HOUR, False),  # the last list had it, after its end
    ],
)
async def test_an_entry_goes_once_a_list_had_it_after_its_end(
    database: Database, not_after: timedelta, revoked_at: timedelta, is_listed: bool
) -> None:
    last_published = NOW
    async with database.writing() as tx:
        await add_people(tx)
        await add_grant(
            tx,
            1,
            state=GrantState.EXPIRED,
            not_before=NOW - WEEK,
            not_after=NOW + not_after,
            revoked_at=NOW + revoked_at,
            end_reason=EndReason.ENDED,
        )
        assert len(await tx.crl.entries(last_published)) == is_listed
        assert len(await tx.crl.entries(None)) == 1


@pytest.mark.parametrize(
    ("ended", "revoked", "is_listed"),
    [
        (DAY, DAY, True),  # by a clock that lags it has only just ended
        (DAY + SECOND, DAY, False),
        (2 * DAY, timedelta(0), True),
        (2 * DAY, SECOND, False),  # a lag puts off an end, and no revocation
    ],
)
async def test_for_a_clock_that_lags_an_end_comes_later(
    database: Database, ended: timedelta, revoked: timedelta, is_listed: bool
) -> None:
    async with database.writing() as tx:
        await add_people(tx)
        await add_grant(
            tx,
            1,
            state=GrantState.REVOKED,
            not_before=NOW - WEEK,
            not_after=NOW - ended,
            revoked_at=NOW - revoked,
            end_reason=EndReason.REVOKED,
        )
        assert len(await tx.crl.entries(NOW, lag=DAY)) == is_listed


async def test_an_entry_stays_until_its_end_is_proved(database: Database) -> None:
    """A server that was down all the time until then has to be shown a list with the entry."""
    async with database.writing() as tx:
        await add_people(tx)
        await add_grant(
            tx,
            1,
            state=GrantState.REVOKING,
            not_before=NOW - WEEK,
            not_after=NOW - HOUR,
            revoked_at=NOW - HOUR,
            end_reason=EndReason.ENDED,
        )
        assert len(await tx.crl.entries(NOW)) == 1


async def test_a_serial_to_come_is_taken_once_the_oldest_first(database: Database) -> None:
    spares = ["b2", "c3", "a1"]
    async with database.writing() as tx:
        assert await tx.crl.take_spare() is None
        await tx.crl.add_spares(spares)
        await tx.crl.add_spares([])
        assert await tx.crl.spares() == ["b2", "c3", "a1"]
        assert [await tx.crl.take_spare() for _ in range(4)] == ["b2", "c3", "a1", None]


async def test_serials_that_are_given_up_stay_on_every_list(database: Database) -> None:
    async with database.writing() as tx:
        await tx.crl.add_spares(["a1"])
        await tx.crl.give_up_spares(NOW)
        assert await tx.crl.take_spare() is None
        (kept,) = await tx.crl.foreign()
    assert kept == ForeignRevocation("a1", NOW, EndReason.LOST, NOW, ON_HOLD)
