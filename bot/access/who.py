"""WHO: the one way from what somebody typed to a person or a grant, and from a person to words
that tell them from everybody else.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import replace

from bot.access import holdings, matching, roles
from bot.access.case import Case
from bot.access.matching import Fits
from bot.access.permission import Act, require
from bot.access.refusals import Refusal, Refused
from storage.name_keys import name_key
from storage.records import Person, UserId
from storage.transaction import Transaction

_LAST_DIGITS = 4


async def meant(case: Case, text: str) -> Fits:
    """The people and grants that may be meant, even those whose access is over.

    Whoever the settings name as an admin is known, also before they have said anything.

    Raises:
        Refused: ADMINS_ONLY.
    """
    require(case.actor, Act.LOOK)
    known = await roles.admins(case.tx, case.rules)
    return await matching.find(case.tx, matching.parse_who(text), case.now, admins=known)


async def people_meant(case: Case, text: str) -> Fits:
    """The people that may be meant: for a grant its holder."""
    fits = await meant(case, text)
    holders = await case.tx.people.some(g.user_id for g in fits.grants if g.user_id is not None)
    others = [person for person in holders.values() if person not in fits.people]
    return replace(fits, people=(*fits.people, *others), grants=())


async def one_person(case: Case, text: str) -> Person:
    """Who is meant, if that is one person beyond doubt.

    Raises:
        Refused: UNKNOWN_PERSON, SEVERAL_FIT, USERNAME_OLD.
    """
    fits = await people_meant(case, text)
    if not fits.exactly_one:
        raise not_one(text, fits)
    return fits.people[0]


def not_one(text: str, fits: Fits) -> Refused:
    """Why this is not enough to act on: UNKNOWN_PERSON, SEVERAL_FIT or USERNAME_OLD."""
    if fits.is_unsure:
        person = fits.people[0]
        return Refused(Refusal.USERNAME_OLD, who=text, name=person.name, id=person.id)
    people = [
        f"{person.name} (@{person.username}, {person.id})"
        if person.username
        else f"{person.name} ({person.id})"
        for person in (*fits.people, *fits.near)
    ]
    named = [*people, *(f"{grant.common_name} ({grant.id})" for grant in fits.grants)]
    if not named:
        return Refused(Refusal.UNKNOWN_PERSON, who=text)
    return Refused(Refusal.SEVERAL_FIT, who=text, named=named)


async def with_access(case: Case, people: Iterable[Person]) -> tuple[Person, ...]:
    """Those who have anything that could be ended."""
    return tuple([one for one in people if await holdings.of_person(case.tx, case.now, one.id)])


async def told_apart(tx: Transaction, people: Iterable[Person]) -> Mapping[UserId, str]:
    """Each one's name, with their username or the last digits of their id where others have it.

    Two accounts of one person are told apart by their names only.
    """
    given = list(people)
    keys = {person.id: name_key(person.name) for person in given}
    shared = await tx.people.namesakes(frozenset(keys.values()))
    persons = Counter(key for key, _ in {(keys[one.id], one.same_as or one.id) for one in given})
    endings = Counter((keys[one.id], _last_digits(one)) for one in given)
    names = {}
    for person in given:
        key = keys[person.id]
        if key not in shared and persons[key] == 1:
            names[person.id] = person.name
        elif person.username:
            names[person.id] = f"{person.name} (@{person.username})"
        elif endings[key, _last_digits(person)] == 1:
            names[person.id] = f"{person.name} (…{_last_digits(person)})"
        else:
            names[person.id] = f"{person.name} ({person.id})"
    return names


async def name_of(tx: Transaction, user_id: UserId) -> str:
    """What tells one person from all others; their id where they are not known."""
    person = await tx.people.get(user_id)
    return str(user_id) if person is None else (await told_apart(tx, [person]))[user_id]


def _last_digits(person: Person) -> str:
    return str(person.id)[-_LAST_DIGITS:]
