"""Types and constraints that every repository relies on."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import BigInteger, create_engine, insert, make_url, select
from sqlalchemy.exc import IntegrityError, StatementError

from storage import tables
from storage.database import Database
from storage.records import GrantId, GrantState, RequestId, RequestState
from storage.tables import UtcTime
from storage.transaction import import_repositories
from tests.storage.kit import (
    ANNA,
    BERLIN,
    NOW,
    PARIS,
    add_grant,
    add_people,
    add_request,
    make_grant,
)

DIALECT = make_url("sqlite://").get_dialect()()
MOMENTS = st.datetimes(
    timezones=st.timedeltas(min_value=timedelta(hours=-14), max_value=timedelta(hours=14)).map(
        timezone
    ),
    min_value=datetime(1, 1, 3),  # noqa: DTZ001 - hypothesis wants it naive
    max_value=datetime(9999, 12, 29),  # noqa: DTZ001
)


@given(moment=MOMENTS)
def test_a_time_comes_back_as_the_same_moment_in_utc(moment: datetime) -> None:
    kept = UtcTime().process_bind_param(moment, DIALECT)
    assert isinstance(kept, int)
    assert -(2**63) <= kept < 2**63  # it fits a BIGINT

    found = UtcTime().process_result_value(kept, DIALECT)

    assert found == moment
    assert found is not None
    assert found.tzinfo is UTC


@given(first=MOMENTS, second=MOMENTS)
def test_stored_times_sort_like_the_moments(first: datetime, second: datetime) -> None:
    kept = [UtcTime().process_bind_param(moment, DIALECT) or 0 for moment in (first, second)]
    assert (kept[0] < kept[1]) == (first < second)


@given(moments=st.lists(MOMENTS, min_size=1, max_size=5))
def test_times_survive_a_real_table(moments: list[datetime]) -> None:
    engine = create_engine("sqlite://")
    with engine.begin() as connection:
        tables.audit.create(connection)
        for seq, moment in enumerate(moments):
            connection.execute(insert(tables.audit).values(**_audit_row(seq, moment)))
        found = connection.execute(select(tables.audit.c.at).order_by(tables.audit.c.seq))
        assert list(found.scalars()) == moments
    engine.dispose()


def test_no_time_stays_no_time() -> None:
    assert UtcTime().process_bind_param(None, DIALECT) is None
    assert UtcTime().process_result_value(None, DIALECT) is None


async def test_a_time_without_a_zone_is_refused(database: Database) -> None:
    async with database.writing() as tx:
        with pytest.raises(StatementError, match="offset-naive"):
            await tx.people.allow(ANNA, "Anna", NOW.replace(tzinfo=None))


def test_times_are_kept_as_numbers_everywhere() -> None:
    import_repositories()
    for table in tables.metadata.sorted_tables:
        for column in table.columns:
            if isinstance(column.type, UtcTime):
                assert isinstance(column.type.impl, BigInteger), column


async def test_an_approval_has_one_live_grant_at_most(database: Database) -> None:
    async with database.writing() as tx:
        await add_people(tx)
        request = await add_request(tx)
        await tx.grants.add(make_grant(1, request.id))
        for state in (GrantState.RESERVED, GrantState.ISSUED, GrantState.ACTIVE):
            with pytest.raises(IntegrityError):
                async with tx.attempt():
                    await tx.grants.add(make_grant(2, request.id, state=state))


@pytest.mark.parametrize("state", [GrantState.REVOKING, GrantState.REVOKED, GrantState.EXPIRED])
async def test_an_ended_grant_makes_room_for_another_one_of_its_approval(
    database: Database, state: GrantState
) -> None:
    async with database.writing() as tx:
        await add_people(tx)
        request = await add_request(tx)
        await tx.grants.add(make_grant(1, request.id, state=state))
        await tx.grants.add(make_grant(2, request.id))
        assert len(await tx.grants.all()) == 2


@pytest.mark.parametrize(
    "state",
    [GrantState.RESERVED, GrantState.ISSUED, GrantState.ACTIVE, GrantState.REVOKING],
)
async def test_an_address_belongs_to_one_grant_until_its_end_is_proved(
    database: Database, state: GrantState
) -> None:
    async with database.writing() as tx:
        await add_people(tx)
        await add_grant(tx, 1, address="10.8.0.2", state=state)
        with pytest.raises(IntegrityError):
            async with tx.attempt():
                await add_grant(tx, 2, address="10.8.0.2")
        await add_grant(tx, 3, address="10.8.0.2", server=PARIS)


@pytest.mark.parametrize("state", [GrantState.REVOKED, GrantState.EXPIRED])
async def test_an_address_is_free_again_after_the_proof(
    database: Database, state: GrantState
) -> None:
    async with database.writing() as tx:
        await add_people(tx)
        await add_grant(tx, 1, address="10.8.0.2", state=state)
        await add_grant(tx, 2, address="10.8.0.2")
        assert len(await tx.grants.all()) == 2


@pytest.mark.parametrize("field", ["common_name", "serial"])
async def test_a_common_name_and_a_serial_are_never_used_twice(
    database: Database, field: str
) -> None:
    async with database.writing() as tx:
        await add_people(tx)
        first = await add_grant(tx, 1, state=GrantState.REVOKED)
        with pytest.raises(IntegrityError):
            async with tx.attempt():
                await add_grant(tx, 2, **{field: getattr(first, field)})


async def test_a_person_has_one_pending_request_for_a_server(database: Database) -> None:
    async with database.writing() as tx:
        await add_people(tx)
        await add_request(tx)
        with pytest.raises(IntegrityError):
            async with tx.attempt():
                await add_request(tx)


async def test_a_person_has_one_request_that_waits_for_its_server(database: Database) -> None:
    async with database.writing() as tx:
        await add_people(tx)
        await add_request(tx, server=None)
        with pytest.raises(IntegrityError):
            async with tx.attempt():
                await add_request(tx, server=None)
        await add_request(tx, server=BERLIN)


@pytest.mark.parametrize("state", [RequestState.PENDING, RequestState.APPROVED])
async def test_no_request_is_pending_or_approved_without_a_server(
    database: Database, state: RequestState
) -> None:
    async with database.writing() as tx:
        await add_people(tx)
        request = await add_request(tx, server=None)
        values = {"state": state}
        with pytest.raises(IntegrityError, match="has_server"):
            await tx._connection.execute(
                tables.requests.update().where(tables.requests.c.id == request.id).values(**values)
            )


async def test_a_grant_needs_a_person_and_a_request(database: Database) -> None:
    async with database.writing() as tx:
        with pytest.raises(IntegrityError, match="FOREIGN KEY"):
            await tx.grants.add(make_grant(1, RequestId(77)))


async def test_a_grant_replaces_one_that_exists(database: Database) -> None:
    async with database.writing() as tx:
        await add_people(tx)
        with pytest.raises(IntegrityError, match="FOREIGN KEY"):
            await add_grant(tx, 1, replaces=GrantId("g-missing"))


def _audit_row(seq: int, at: datetime) -> dict[str, object]:
    names = ("actor", "action", "subject", "detail", "previous", "digest")
    return {"seq": seq, "at": at} | dict.fromkeys(names, "")
