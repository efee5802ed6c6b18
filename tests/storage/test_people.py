"""Who is known, and who is on the allowlist."""

import pytest

from storage import people
from storage.database import Database
from storage.records import Person, UserId
from tests.storage.kit import ANNA, BORIS, HOUR, NOW, add_people


async def test_nobody_is_known_at_first(database: Database) -> None:
    async with database.reading() as tx:
        assert await tx.people.get(ANNA) is None
        assert await tx.people.all() == []


async def test_somebody_who_is_allowed_is_on_the_list(database: Database) -> None:
    async with database.writing() as tx:
        await tx.people.allow(ANNA, "Anna Петрова 🚀", NOW)
        assert await tx.people.get(ANNA) == Person(
            id=ANNA,
            name="Anna Петрова 🚀",
            username=None,
            allowed=True,
            reachable=None,
            added_at=NOW,
        )


async def test_allowing_again_changes_the_name_only(database: Database) -> None:
    async with database.writing() as tx:
        await tx.people.allow(ANNA, "Anna", NOW)
        await tx.people.note_username(ANNA, "anna", NOW)
        await tx.people.set_reachable(ANNA, reachable=True)
        await tx.people.allow(ANNA, "Anna Petrova", NOW + HOUR)

        assert await tx.people.get(ANNA) == Person(
            ANNA, "Anna Petrova", "anna", True, True, NOW, None, NOW, "anna"
        )


async def test_the_username_of_the_day_they_were_allowed_is_kept(database: Database) -> None:
    async with database.writing() as tx:
        await tx.people.note_newcomer(ANNA, "Anna", "anna", NOW)
        await tx.people.allow(ANNA, "Anna P.", NOW)
        found = await tx.people.get(ANNA)
        assert found is not None
        assert (found.username, found.allowed_username) == ("anna", "anna")
        # Not known before: the first one that they write with.
        await tx.people.allow(BORIS, "Boris", NOW)
        for username in ("boris", "boss", None):
            await tx.people.note_username(BORIS, username, NOW)
            found = await tx.people.get(BORIS)
            assert found is not None
            assert (found.username, found.allowed_username) == (username, "boris")
        # Whoever is allowed again is so by what they are called now.
        await tx.people.note_username(BORIS, "bb", NOW)
        await tx.people.allow(BORIS, "Boris", NOW)
        found = await tx.people.get(BORIS)
        assert found is not None
        assert found.allowed_username == "bb"


async def test_somebody_who_left_stays_known_and_may_come_back(database: Database) -> None:
    async with database.writing() as tx:
        await tx.people.allow(ANNA, "Anna", NOW)
        await tx.people.disallow(ANNA)
        left = await tx.people.get(ANNA)
        assert left is not None
        assert not left.allowed

        await tx.people.allow(ANNA, "Anna", NOW + HOUR)
        back = await tx.people.get(ANNA)
        assert back is not None
        assert back.allowed


async def test_an_admin_is_remembered_without_being_allowed(database: Database) -> None:
    async with database.writing() as tx:
        await tx.people.know(BORIS, "Boris", NOW)
        boris = await tx.people.get(BORIS)
        assert boris is not None
        assert (boris.name, boris.allowed) == ("Boris", False)


async def test_knowing_somebody_again_changes_nothing(database: Database) -> None:
    async with database.writing() as tx:
        await tx.people.allow(BORIS, "Boris", NOW)
        before = await tx.people.get(BORIS)
        await tx.people.know(BORIS, "An other name", NOW + HOUR)
        assert await tx.people.get(BORIS) == before


async def test_whoever_was_a_number_gets_a_name(database: Database) -> None:
    async with database.writing() as tx:
        for name in (str(BORIS), "Boris", str(BORIS)):
            await tx.people.know(BORIS, name, NOW)
        assert await tx.people.name_of(BORIS) == "Boris"


async def test_a_change_concerns_one_person(database: Database) -> None:
    async with database.writing() as tx:
        await add_people(tx)
        await tx.people.note_username(ANNA, "anna", NOW)
        await tx.people.set_reachable(ANNA, reachable=False)
        await tx.people.disallow(ANNA)

        boris = await tx.people.get(BORIS)
        assert boris is not None
        assert (boris.username, boris.reachable, boris.allowed) == (None, None, True)


async def test_a_username_can_go_away(database: Database) -> None:
    async with database.writing() as tx:
        await tx.people.allow(ANNA, "Anna", NOW)
        await tx.people.note_username(ANNA, "anna", NOW)
        await tx.people.note_username(ANNA, None, NOW)
        anna = await tx.people.get(ANNA)
        assert anna is not None
        assert anna.username is None


async def test_people_are_listed_in_the_order_they_came(database: Database) -> None:
    async with database.writing() as tx:
        await tx.people.allow(BORIS, "Boris", NOW + HOUR)
        await tx.people.allow(ANNA, "Anna", NOW)
        assert [person.id for person in await tx.people.all()] == [ANNA, BORIS]


async def test_somebody_is_called_by_their_name_or_else_by_their_id(database: Database) -> None:
    async with database.writing() as tx:
        await tx.people.allow(ANNA, "Anna", NOW)
        assert await tx.people.name_of(ANNA) == "Anna"
        assert await tx.people.name_of(BORIS) == "1002"


@pytest.mark.parametrize("common", [6, 5])
async def test_the_same_few_are_found_by_a_rare_word_and_by_a_common_one(
    database: Database, monkeypatch: pytest.MonkeyPatch, common: int
) -> None:
    """Whoever counts which of the two it is; they come in the order in which they came."""
    monkeypatch.setattr(people, "_COMMON", common)
    async with database.writing() as tx:
        for number in range(1, 6):
            await tx.people.allow(UserId(number), "Anna Petrova", NOW - number * HOUR)
        found = await tx.people.with_words(["anna"], limit=3)
    assert [one.id for one in found] == [3, 2, 1]
