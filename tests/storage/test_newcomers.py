"""Strangers who wrote lately, accounts of one person, and whose a username is."""

from datetime import timedelta

import pytest
from sqlalchemy import insert

from storage.database import Database
from storage.name_tables import newcomers
from storage.records import Person, UserId
from tests.storage.kit import ANNA, BORIS, DAY, HOUR, INSTANT, NOW, add_people

EVE, MAX = UserId(3001), UserId(3002)
BLANK = "\u3164"


async def test_strangers_are_kept_by_their_last_word(database: Database) -> None:
    async with database.writing() as tx:
        await tx.people.note_newcomer(EVE, "Eva", "eva", NOW - HOUR)
        await tx.people.note_newcomer(EVE, "Eve", "eve", NOW)
        await tx.people.note_newcomer(MAX, "Max", "Eve_2", NOW + HOUR)
        eve = Person(EVE, "Eve", "eve", False, None, NOW, None, NOW)
        assert await tx.people.newcomer(EVE) == eve
        assert await tx.people.newcomers_named("eve", limit=9) == [eve]
        assert [one.id for one in await tx.people.newcomers_named("eve_2", limit=9)] == [MAX]
        assert await tx.people.newcomers_named("eva", limit=9) == []
        await tx.people.prune_newcomers(NOW)
        assert await tx.people.newcomer(EVE) == eve
        await tx.people.prune_newcomers(NOW + INSTANT)
        assert await tx.people.newcomer(EVE) is None
        # Whoever is known is none; the others stay.
        await tx.people.note_newcomer(EVE, "Eve", None, NOW)
        await tx.people.allow(MAX, "Max", NOW)
        assert await tx.people.newcomer(MAX) is None
        assert await tx.people.newcomer(EVE) is not None


async def test_a_thousand_strangers_are_kept_and_not_one_more(database: Database) -> None:
    async with database.writing() as tx:
        rows = [
            {"id": n, "name": f"P{n}", "name_key": f"p{n}", "seen_at": NOW + n * HOUR}
            for n in range(1, 1001)
        ]
        await tx._connection.execute(insert(newcomers), rows)
        await tx.people.note_newcomer(UserId(5000), "Late", None, NOW + 2000 * HOUR)
        assert await tx.people.newcomer(UserId(1)) is None
        assert await tx.people.newcomer(UserId(2)) is not None


async def test_a_name_that_shows_nothing_is_nobodys(database: Database) -> None:
    async with database.writing() as tx:
        await tx.people.allow(ANNA, BLANK, NOW)
        await tx.people.note_newcomer(EVE, BLANK, None, NOW)
        assert await tx.people.named("") == []
        assert await tx.people.newcomers_named("", limit=9) == []
        assert await tx.people.with_words([], limit=9) == []


async def test_a_username_is_whose_used_it_last(database: Database) -> None:
    async with database.writing() as tx:
        await add_people(tx)
        await tx.people.note_newcomer(EVE, "Eve", "Nick", NOW)
        await tx.people.note_newcomer(MAX, "Max", "max", NOW)
        await tx.people.note_username(ANNA, "nick", NOW)
        found = [await tx.people.newcomer(one) for one in (EVE, MAX)]
        assert [one and one.username for one in found] == [None, "max"]
        await tx.people.note_username(BORIS, "NICK", NOW + HOUR)
        anna, boris = [await tx.people.get(one) for one in (ANNA, BORIS)]
        assert anna is not None
        assert boris is not None
        assert (anna.username, anna.username_seen_at) == (None, None)
        assert (boris.username, boris.username_seen_at) == ("NICK", NOW + HOUR)
        assert await tx.people.with_words(["nick"], limit=9) == [boris]
        # Whoever has none takes nothing from those who have none either.
        await tx.people.note_username(ANNA, "anna", NOW)
        await tx.people.note_username(ANNA, None, NOW + HOUR)
        await tx.people.note_username(BORIS, None, NOW + DAY)
        anna = await tx.people.get(ANNA)
        assert anna is not None
        assert anna.username_seen_at == NOW + HOUR


@pytest.mark.parametrize(
    ("after", "is_noted"), [(DAY - INSTANT, False), (DAY, True), (-DAY, True), (HOUR, False)]
)
async def test_once_a_day_it_is_noted_that_a_username_is_still_theirs(
    database: Database, after: timedelta, *, is_noted: bool
) -> None:
    async with database.writing() as tx:
        await add_people(tx)
        for user_id, username in ((ANNA, "anna"), (BORIS, None)):
            await tx.people.note_username(user_id, username, NOW)
            await tx.people.note_username(user_id, username, NOW + after)
        anna, boris = [await tx.people.get(one) for one in (ANNA, BORIS)]
        assert anna is not None
        assert boris is not None
        assert anna.username_seen_at == (NOW + after if is_noted else NOW)
        assert boris.username_seen_at is None


async def test_accounts_of_one_person(database: Database) -> None:
    async with database.writing() as tx:
        await add_people(tx)
        await tx.people.allow(MAX, "Anna", NOW)
        await tx.people.link(MAX, ANNA)
        assert [await tx.people.person_of(one) for one in (MAX, ANNA, BORIS, EVE)] == [
            *(ANNA, ANNA, BORIS, EVE)
        ]
        accounts = [await tx.people.accounts_of(one) for one in (MAX, ANNA, BORIS, EVE)]
        assert accounts == [[ANNA, MAX], [ANNA, MAX], [BORIS], [EVE]]
        # They share a name with themselves alone; and then with somebody else.
        await tx.people.allow(ANNA, "Anna", NOW)
        assert await tx.people.namesakes(["anna", "boris"]) == frozenset()
        await tx.people.allow(BORIS, "anna", NOW)
        assert await tx.people.namesakes(["anna", "boris"]) == {"anna"}


async def test_each_word_of_an_admin_counts(database: Database) -> None:
    async with database.writing() as tx:
        await add_people(tx)
        assert [await tx.people.revision(one) for one in (ANNA, EVE)] == [0, 0]
        await tx.people.allow(ANNA, "Anna", NOW)
        await tx.people.disallow(ANNA)
        await tx.people.link(ANNA, BORIS)
        assert [await tx.people.revision(one) for one in (ANNA, BORIS)] == [3, 0]


async def test_nobody_knows_any_more_who_can_be_reached(database: Database) -> None:
    async with database.writing() as tx:
        await add_people(tx)
        for user_id in (ANNA, BORIS):
            await tx.people.set_reachable(user_id, reachable=user_id == ANNA)
        await tx.people.forget_reachable()
        assert [person.reachable for person in await tx.people.all()] == [None, None]
