"""What has its text kept gives what SQLAlchemy gives, each time."""

from typing import Any

import pytest
from sqlalchemy import Executable, Select, bindparam, insert, select, text, update
from sqlalchemy.exc import IntegrityError

from storage import tables
from storage.connection import AsyncConnection
from storage.database import Database
from storage.plans import Plans, Rows
from storage.transaction import Transaction
from tests.storage import everything
from tests.storage.kit import ANNA, BORIS, NOW, add_people, make_server
from tests.storage.noted import Noted, Sent

_people = tables.people
_SOME = select(_people.c.id).where(_people.c.id.in_(bindparam("some", expanding=True)))
_RENAME = update(_people).where(_people.c.id == bindparam("who")).values(name=bindparam("to"))


@pytest.fixture
async def sent(database: Database) -> Sent:
    statements: Sent = []
    async with database.writing() as tx:
        noted: Any = Noted(tx._connection, statements)
        await everything.pass_over_everything(Transaction(noted))
    return statements


def carried_out(
    plans: Plans, connection: AsyncConnection, statement: Executable, parameters: Any = None
) -> Rows[Any]:
    return plans.carry_out(connection._connection, connection._sqlite, statement, parameters)


async def test_every_question_is_answered_alike(database: Database, sent: Sent) -> None:
    plans = Plans()
    asked = [(one, rows[0]) for one, rows in sent if isinstance(one, Select)]
    async with database.reading() as tx:
        for statement, given in asked:
            usual = tx._connection._connection.execute(statement, given).all()
            for _ in range(3):
                rows = carried_out(plans, tx._connection, statement, given).all()
                assert [dict(row._mapping) for row in rows] == [dict(row._mapping) for row in usual]
                assert [[type(value) for value in row] for row in rows] == [
                    [type(value) for value in row] for row in usual
                ]
    assert len(asked) > 100


async def test_a_list_may_have_any_length(database: Database) -> None:
    async with database.writing() as tx:
        await add_people(tx)
        for many in (*range(3), 40, 41, *range(3), 40, 41):
            some = [ANNA, BORIS, *range(100, 150)][:many]
            rows = await tx._connection.execute(_SOME, {"some": some})
            assert sorted(rows.scalars()) == sorted({ANNA, BORIS}.intersection(some))


@pytest.mark.parametrize(
    ("statement", "given", "is_kept"),
    [
        (select(_people.c.id).order_by(_people.c.id), None, True),
        (_SOME, {"some": [ANNA]}, True),
        (_SOME, {"some": [ANNA] * 40}, True),
        (_SOME, {"some": [ANNA] * 41}, False),  # a text of its own for each length
        (_RENAME, {"who": ANNA, "to": "Anna A."}, True),
        (insert(tables.admins), [], True),
        (text("SELECT 1"), None, False),  # what SQLAlchemy has to read itself
    ],
)
async def test_what_comes_a_third_time_is_asked_of_sqlite_alone(
    database: Database, statement: Executable, given: Any, *, is_kept: bool
) -> None:
    plans = Plans()
    async with database.writing() as tx:
        await add_people(tx)
        results = []
        for turn in range(3):
            if given == []:
                given = [{"id": 100 + n, "after_decision": n} for n in range(2)]
            if isinstance(given, list):
                given = [row | {"id": row["id"] + 10} for row in given]
            connection: Any = tx._connection._connection if turn < 2 else None
            try:
                rows = plans.carry_out(connection, tx._connection._sqlite, statement, given)
            except AttributeError:  # without one nothing goes through SQLAlchemy
                assert turn == 2
                assert not is_kept
                return
            results.append((rows.rowcount, [tuple(row) for row in rows.all()]))
        assert is_kept
        assert results[0] == results[1] == results[2]


async def test_what_is_written_says_how_much(database: Database) -> None:
    async with database.writing() as tx:
        await add_people(tx)
        for name in ("Anna A.", "Anna B.", "Anna C."):
            done = await tx._connection.execute(_RENAME, {"who": ANNA, "to": name})
            assert done.rowcount == 1
            assert await tx.people.name_of(ANNA) == name
            nobody = await tx._connection.execute(_RENAME, {"who": 1, "to": name})
            assert nobody.rowcount == 0


async def test_several_rows_go_in_together(database: Database) -> None:
    add = insert(tables.admins)
    async with database.writing() as tx:
        for first in (100, 200, 300):
            rows = [{"id": first + n, "after_decision": n} for n in range(3)]
            await tx._connection.execute(add, rows)
        found = await tx._connection.execute(select(tables.admins).order_by(tables.admins.c.id))
        assert [tuple(row) for row in found] == [
            (first + n, n) for first in (100, 200, 300) for n in range(3)
        ]


async def test_what_may_not_be_is_said_in_the_same_words(database: Database) -> None:
    async with database.writing() as tx:
        await tx.servers.add(make_server())
        for _ in range(3):
            with pytest.raises(IntegrityError, match="servers"):
                async with tx.attempt():
                    await tx.servers.add(make_server())
        for _ in range(3):
            with pytest.raises(IntegrityError, match="UNIQUE constraint failed: people"):
                async with tx.attempt():
                    await _twice(tx)


async def _twice(tx: Transaction) -> None:
    row = {"id": ANNA, "name": "Anna", "allowed": True, "added_at": NOW}
    await tx._connection.execute(_ADD, row)
    await tx._connection.execute(_ADD, row)


_ADD = insert(_people)
