"""Who somebody means by what they type, why that is not enough, and what tells namesakes apart."""

from dataclasses import replace

import pytest

from bot.access import importing, linking, people, who
from bot.access.importing import Certificate
from bot.access.matching import Fits
from bot.access.refusals import Refusal
from storage.records import Person, UserId
from tests.bot.access.kit import ANNA, DAY, EMIL, MORNING, OPERATOR, Paper

ONE, TWO, THREE = UserId(3001), UserId(3002), UserId(53002)


async def allow(paper: Paper, user_id: UserId, name: str, username: str | None = None) -> Person:
    await paper.by(OPERATOR, people.allow, user_id, name)
    if username:
        async with paper.database.writing() as tx:
            await tx.people.note_username(user_id, username, paper.now)
    return await paper.person(user_id)


async def told_apart(paper: Paper, *given: Person) -> list[str]:
    async with paper.database.reading() as tx:
        names = await who.told_apart(tx, given)
    return [names[one.id] for one in given]


def known(user_id: UserId, name: str, username: str | None = None) -> Person:
    return Person(user_id, name, username, allowed=True, reachable=None, added_at=MORNING)


async def test_a_profile_means_its_holder_and_each_person_comes_once(paper: Paper) -> None:
    grant = await paper.active(ANNA)
    anna = await paper.person(ANNA)
    assert await paper.by(OPERATOR, who.people_meant, grant.id) == Fits(people=(anna,))
    # A serial that is somebody's name as well, and a certificate that is nobody's yet.
    await paper.by(OPERATOR, people.allow, EMIL, "beef")
    books = [Certificate("beef", "old", None, paper.now + DAY)]
    await paper.by(OPERATOR, importing.take_in, books)
    emil = await paper.person(EMIL)
    assert await paper.by(OPERATOR, who.people_meant, "beef") == Fits(people=(emil,))
    await paper.by(OPERATOR, linking.link, "old", EMIL)
    assert await paper.by(OPERATOR, who.people_meant, "beef") == Fits(people=(emil,))
    await paper.refuses(await paper.actor(ANNA), Refusal.ADMINS_ONLY, who.people_meant, "beef")


async def test_one_person_is_one_beyond_doubt(paper: Paper) -> None:
    anna = await paper.person(ANNA)
    assert await paper.by(OPERATOR, who.one_person, "anna petrova") == anna
    none = await paper.refuses(OPERATOR, Refusal.UNKNOWN_PERSON, who.one_person, "zoe")
    assert none == {"who": "zoe"}
    near = await paper.refuses(OPERATOR, Refusal.SEVERAL_FIT, who.one_person, "petr")
    assert near == {"who": "petr", "named": ["Anna Petrova (1001)"]}
    await allow(paper, ONE, "Max")
    await allow(paper, TWO, "Max", "max_two")
    several = await paper.refuses(OPERATOR, Refusal.SEVERAL_FIT, who.one_person, "max")
    assert several == {"who": "max", "named": ["Max (3001)", "Max (@max_two, 3002)"]}
    paper.now += 8 * DAY
    old = await paper.refuses(OPERATOR, Refusal.USERNAME_OLD, who.one_person, "@max_two")
    assert old == {"who": "@max_two", "name": "Max", "id": TWO}


async def test_profiles_that_fit_are_named_as_well(paper: Paper) -> None:
    grant = await paper.active(ANNA)
    refused = who.not_one("x", Fits(grants=(grant,)))
    assert refused.code is Refusal.SEVERAL_FIT
    assert refused.values == {"who": "x", "named": [f"{grant.common_name} ({grant.id})"]}


async def test_who_has_something_that_could_be_ended(paper: Paper) -> None:
    await paper.active(ANNA)
    anna, emil = await paper.person(ANNA), await paper.person(EMIL)
    assert await paper.by(OPERATOR, who.with_access, [emil, anna]) == (anna,)


@pytest.mark.parametrize("is_stored", [True, False])
async def test_namesakes_are_told_apart(paper: Paper, is_stored: bool) -> None:
    """Also those whom only the settings know."""
    max_one, max_two = known(ONE, "Max"), known(TWO, "max", "max_two")
    if is_stored:
        max_one = await allow(paper, ONE, "Max")
        max_two = await allow(paper, TWO, "max", "max_two")
        assert await told_apart(paper, max_one) == ["Max (…3001)"]
    anna = await paper.person(ANNA)
    assert await told_apart(paper, anna, max_one, max_two) == [
        *("Anna Petrova", "Max (…3001)", "max (@max_two)")
    ]
    max_three = replace(max_two, id=THREE, username=None, name="Max")
    assert await told_apart(paper, max_one, max_three, replace(max_two, username=None)) == [
        *("Max (…3001)", "Max (53002)", "max (3002)")
    ]


async def test_two_accounts_of_one_person_have_one_name(paper: Paper) -> None:
    await allow(paper, ONE, "Max")
    await allow(paper, TWO, "Max", "max_two")
    await paper.by(OPERATOR, people.link, TWO, ONE)
    accounts = [await paper.person(one) for one in (ONE, TWO)]
    assert await told_apart(paper, *accounts) == ["Max", "Max"]
