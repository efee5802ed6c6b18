"""Who is meant: what only nearly fits is never acted on, and what fits twice is asked."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.access.matching import (
    NEAR,
    USERNAME_LASTS,
    Fits,
    Who,
    find,
    parse_who,
    propose,
    says_the_same,
)
from storage.database import Database
from storage.records import Grant, GrantId, GrantState, Person, UserId
from tests.bot.access.kit import MORNING as NOW
from tests.bot.access.kit import Paper

SERIAL = "c0ffee" + "0" * 33 + "1"
ANNA, ANNE, BOB, JOERG = (UserId(number) for number in (1001, 1002, 1003, 1004))


def grant(number: int, common_name: str, serial: str, user_id: UserId | None = ANNA) -> Grant:
    """An imported one, which may have any name."""
    return Grant(
        id=GrantId(f"g-code000{number}"),
        request_id=None,
        user_id=user_id,
        server=None,
        common_name=common_name,
        serial=serial,
        places=(),
        state=GrantState.ACTIVE,
        not_before=NOW,
        not_after=NOW + timedelta(days=7),
        imported_at=NOW,
    )


@dataclass
class Known:
    """Who and what is known, in a real database."""

    database: Database
    now_later: timedelta = field(default_factory=timedelta)

    async def person(
        self, number: int, name: str, username: str | None = None, same_as: UserId | None = None
    ) -> UserId:
        async with self.database.writing() as tx:
            await tx.people.allow(UserId(number), name, NOW)
            if username:
                await tx.people.note_username(UserId(number), username, NOW)
            if same_as:
                await tx.people.link(UserId(number), same_as)
        return UserId(number)

    async def has(self, *grants: Grant) -> None:
        async with self.database.writing() as tx:
            await tx.grants.add_many(grants)

    async def fits(self, text: str, admins: Sequence[UserId] = ()) -> Fits:
        async with self.database.reading() as tx:
            return await find(tx, parse_who(text), NOW + self.now_later, admins=admins)

    async def ids(self, text: str) -> tuple[list[int], list[str]]:
        found = await self.fits(text)
        return sorted(one.id for one in found.people), [one.id for one in found.grants]

    async def near(self, text: str) -> set[int]:
        found = await self.fits(text)
        assert (found.people, found.grants, found.exactly_one) == ((), (), False)
        return {person.id for person in found.near}


@pytest.fixture
async def known(empty: Paper) -> Known:
    made = Known(empty.database)
    await made.person(ANNA, "Anna Petrova", "annap")
    await made.person(ANNE, "Anne-Marie")
    await made.person(BOB, "Bob", "TheBuilder")
    await made.person(JOERG, "JÖRG Straße")
    await made.has(
        grant(1, "anna-laptop", SERIAL), grant(2, "bob-code0002", "0abc" + "d" * 36, BOB)
    )
    return made


@pytest.mark.parametrize(
    ("text", "who"),
    [
        ("1001", Who(key="1001", user_id=ANNA)),
        (" 0001001 ", Who(key="0001001", user_id=ANNA)),
        ("9" * 20, Who(key="9" * 20)),
        (str(2**52 - 1), Who(key=str(2**52 - 1), user_id=UserId(2**52 - 1))),
        (str(2**52), Who(key=str(2**52))),
        ("1234567890", Who(key="1234567890", user_id=UserId(1234567890))),
        ("0123456789abcdef0", Who(key="0123456789abcdef0", serial="123456789abcdef0")),
        ("G-CODE0001", Who(key="g-code0001", grant_id=GrantId("g-code0001"))),
        ("G-Star Kim", Who(key="g-star kim", grant_id=GrantId("g-star kim"))),
        ("serial:1234", Who(serial="1234")),
        ("SERIAL:00:0A:BC", Who(serial="abc")),
        (" C0:FF:EE:00", Who(key="c0:ff:ee:00", serial="c0ffee00")),
        ("Abe", Who(key="abe", serial="abe")),
        ("abel", Who(key="abel")),
        ("@abe", Who(key="abe", username=True)),
        ("00:10", Who(key="00:10")),
        ("Anna  Petrova", Who(key="anna petrova")),
        ("-5", Who(key="-5")),
        ("١٠٠١", Who(key="١٠٠١")),  # digits, but no id of Telegram's
        ("", Who()),
    ],
)
def test_the_text_alone_says_what_may_be_meant(text: str, who: Who) -> None:
    assert parse_who(text) == who


@given(text=st.text(st.characters(), max_size=60))
def test_every_text_means_something_and_nothing_breaks(text: str) -> None:
    parse_who(text)
    parse_who("9" * 5000)  # Python refuses to make a number of it


@pytest.mark.parametrize("text", ["g-code0001", "G-code0001", "Anna-Laptop", SERIAL])
async def test_a_grant_by_its_id_its_common_name_or_its_serial(known: Known, text: str) -> None:
    assert await known.ids(text) == ([], ["g-code0001"])
    assert (await known.fits(text)).exactly_one


@pytest.mark.parametrize("prefix", ["", "serial:", "serial:00:", "00"])
async def test_a_serial_with_or_without_leading_zeros_and_colons(known: Known, prefix: str) -> None:
    text = "abc" + "d" * 36
    assert await known.ids(prefix + text) == ([], ["g-code0002"])
    assert await known.ids(prefix + ":".join(text)) == ([], ["g-code0002"])


@pytest.mark.parametrize("text", ["abe", "ABE", "0abe", "0a:be", "serial:abe"])
async def test_a_short_serial_is_one_where_a_grant_has_it(known: Known, text: str) -> None:
    """easy-rsa may count: 01, 02, … 0A."""
    await known.has(grant(3, "carl", "0abe"))
    assert await known.ids(text) == ([], ["g-code0003"])


async def test_a_word_that_means_two_things_is_two(known: Known) -> None:
    await known.person(9, "Abe")
    await known.has(grant(3, "carl", "0abe"))
    assert await known.ids("abe") == ([9], ["g-code0003"])
    assert not (await known.fits("abe")).exactly_one
    # Either of them can be named in another way.
    assert await known.ids("serial:abe") == ([], ["g-code0003"])
    assert await known.ids("9") == ([9], [])


async def test_a_person_called_like_the_id_of_another_makes_it_two(known: Known) -> None:
    await known.person(7, "1001")
    assert await known.ids("1001") == ([7, ANNA], [])
    assert not (await known.fits("1001")).exactly_one
    assert await known.ids("7") == ([7], [])
    await known.person(4711, "4711")
    assert (await known.fits("4711")).exactly_one, "one person is one, however they are named"


async def test_a_name_may_begin_like_a_grants_id(known: Known) -> None:
    kim = await known.person(8, "G-Star Kim")
    assert await known.ids("G-Star Kim") == ([kim], [])
    await known.person(9, "g-code0001")
    assert await known.ids("g-code0001") == ([9], ["g-code0001"])


async def test_a_person_who_is_called_like_a_certificate_makes_it_two(known: Known) -> None:
    await known.person(9, "bob-code0002")
    assert await known.ids("bob-code0002") == ([9], ["g-code0002"])


@pytest.mark.parametrize("text", [SERIAL[:-1], SERIAL + "0", "c0ffee00", "serial:", "g-code000"])
async def test_a_part_of_a_serial_or_an_id_is_not_enough(known: Known, text: str) -> None:
    assert await known.ids(text) == ([], [])


@pytest.mark.parametrize(
    "text",
    [
        *("Anna Petrova", "anna petrova", "ANNA  PETROVA", " Anna\tPetrova "),
        *(
            "An\u00adna Petrova",
            "Anna\u00a0Petrova",
            "An\u200dna Pe\u200ctrova",
            "Ａｎｎａ Petrova",
        ),
        *("annap", "@annap", "@AnnaP"),
    ],
)
async def test_a_person_by_name_or_username_however_it_is_written(known: Known, text: str) -> None:
    assert await known.ids(text) == ([ANNA], [])
    assert (await known.fits(text)).exactly_one


@pytest.mark.parametrize(
    ("stored", "typed"),
    [
        ("JÖRG Straße", "jörg strasse"),
        ("Jörg Straße", "jo\u0308rg STRASSE"),
        ("Zoe\u0308 Li", "zoë li"),
        ("O’Brien", "o'brien"),
        ("Jean\u2011Luc", "jean-luc"),
        ("ﬁona", "Fiona"),
        ("İpek", "i̇pek"),
        ("Anna\u3164Petrova Ivanova", "anna petrova ivanova"),
        ("❤\ufe0f Ann", "❤ ann"),
    ],
)
async def test_one_name_is_one_however_it_is_stored(known: Known, stored: str, typed: str) -> None:
    await known.person(7, stored)
    assert 7 in (await known.ids(typed))[0]


@pytest.mark.parametrize(
    ("text", "near"),
    [
        *(("Ann", {ANNA, ANNE}), ("anna", {ANNA}), ("builder", set()), ("petrova", {ANNA})),
        *(("petrova anna", {ANNA}), ("a pet", {ANNA}), ("thebuil", {BOB}), ("Jorg", {JOERG})),
        # Mistyped by a letter or two.
        *(("Pertova", {ANNA}), ("Ana Petrova", {ANNA}), ("anna petrov", {ANNA}), ("Bop", set())),
        *(("anna ivanova", set()), ("nobody", set()), ("@", set()), ("", set()), (" ", set())),
        ("anna pertova anna nobody", set()),
    ],
)
async def test_who_only_nearly_fits_is_shown_and_never_acted_on(
    known: Known, text: str, near: set[UserId]
) -> None:
    assert await known.near(text) == near


async def test_where_somebody_fits_nobody_else_is_shown(known: Known) -> None:
    await known.person(9, "Bobby Bobson")
    assert [one.id for one in (await known.fits("bobb")).near] == [9]
    assert (await known.fits("Bob")).near == ()


@pytest.mark.parametrize("more", [0, 1])
async def test_of_too_many_that_are_alike_some_are_shown(known: Known, more: int) -> None:
    async with known.database.writing() as tx:
        for number in range(NEAR + more):
            await tx.people.allow(UserId(5000 + number), f"Carl {number}", NOW)
    found = await known.fits("carl")
    assert (len(found.near), found.has_more) == (NEAR, bool(more))


async def test_what_is_over_is_named_only_where_nothing_of_that_name_is_open(
    known: Known,
) -> None:
    over = replace(grant(3, "carl", "03", None), state=GrantState.REVOKED)
    await known.has(over)
    assert await known.ids("carl") == ([], [over.id])
    await known.has(grant(4, "carl", "04", None))
    assert await known.ids("carl") == ([], ["g-code0004"])


async def test_two_of_one_name_both_fit(known: Known) -> None:
    await known.person(9, "anna petrova")
    assert await known.ids("Anna Petrova") == ([9, ANNA], [])
    assert not (await known.fits("Anna Petrova")).exactly_one


async def test_one_persons_name_may_be_the_username_of_another(known: Known) -> None:
    await known.person(9, "annap")
    assert await known.ids("annap") == ([9, ANNA], [])
    # What says of itself that it is a username is one.
    assert await known.ids("@annap") == ([ANNA], [])


async def test_a_username_is_nobodys_for_good(known: Known) -> None:
    await known.person(9, "Eve", "annap")
    assert await known.ids("@annap") == ([9], [])
    async with known.database.reading() as tx:
        anna = await tx.people.get(ANNA)
    assert anna is not None
    assert anna.username is None


async def test_a_stranger_takes_a_username_too(known: Known) -> None:
    async with known.database.writing() as tx:
        await tx.people.note_username(UserId(77), "ANNAP", NOW)
    assert await known.ids("@annap") == ([], [])


async def test_a_username_that_was_not_seen_for_a_while_is_not_enough(known: Known) -> None:
    known.now_later = USERNAME_LASTS
    assert (await known.fits("@annap")).exactly_one
    known.now_later += timedelta(seconds=1)
    found = await known.fits("@annap")
    assert [one.id for one in found.people] == [ANNA]
    assert (found.is_unsure, found.exactly_one) == (True, False)
    assert (await known.fits("annap")).is_unsure
    # By the name or the id nothing is unsure.
    assert (await known.fits("Anna Petrova")).exactly_one
    assert (await known.fits("1001")).exactly_one
    async with known.database.writing() as tx:
        await tx.people.note_username(ANNA, "annap", NOW + known.now_later)
    assert (await known.fits("@annap")).exactly_one


async def test_two_accounts_of_one_person_are_one_fit(known: Known) -> None:
    """What is done to the one is done to the other, and to what either has."""
    phone = await known.person(1009, "Anna Petrova", same_as=ANNA)
    await known.has(grant(3, "Anna Petrova", "03", phone))
    assert await known.ids("Anna Petrova") == ([ANNA], [])
    # The one that is on the allowlist, if only one is.
    async with known.database.writing() as tx:
        await tx.people.disallow(ANNA)
    assert await known.ids("Anna Petrova") == ([phone], [])


async def test_an_admin_of_the_settings_is_known_before_saying_anything(known: Known) -> None:
    found = await known.fits("2001", admins=[UserId(2001)])
    assert [person.id for person in found.people] == [2001]
    assert not (await known.fits("2002", admins=[UserId(2001)])).people


@pytest.mark.parametrize(
    ("common_name", "name", "username", "fits"),
    [
        ("anna.petrova", "Anna Petrova", None, True),
        ("Petrova_Anna", "Anna Petrova", None, True),
        ("apetrova", "Anna Petrova", None, True),
        ("anna.petrova@example.com", "Anna Petrova", None, True),
        ("anna-petrova", "Анна Петрова", None, True),
        ("zoe", "Zoë", None, True),
        ("the_builder", "Bob", "the_builder", True),
        ("anna", "Anna Petrova", None, True),
        ("anna ivanova", "Anna Petrova", None, False),
        ("annapetrova", "Anna", None, False),
        ("b", "Bob", None, False),
        ("bbob", "Bob", None, False),
        ("bob", "Anna Petrova", "annap", False),
        ("", "Bob", None, False),
        ("---", "Bob", "", False),
    ],
)
async def test_who_is_proposed(
    empty: Paper, common_name: str, name: str, username: str | None, fits: bool
) -> None:
    await Known(empty.database).person(ANNA, name, username)
    async with empty.database.reading() as tx:
        found: tuple[Person, ...] = await propose(tx, common_name)
    assert [person.id for person in found] == ([ANNA] if fits else [])
    assert says_the_same(common_name, await empty.person(ANNA)) is fits
    async with empty.database.writing() as tx:
        await tx.people.disallow(ANNA)
        assert await propose(tx, common_name) == (), "nothing is given to who is off the list"
