"""Who is meant: what only nearly fits is never acted on."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.access.matching import Fits, Who, WhoKind, find, parse_who
from storage.records import (
    Grant,
    GrantId,
    GrantState,
    Person,
    Place,
    RequestId,
    ServerName,
    UserId,
)

NOW = datetime(2026, 3, 2, tzinfo=UTC)
SERIAL = "c0ffee" + "0" * 33 + "1"


def person(number: int, name: str, username: str | None = None) -> Person:
    return Person(UserId(number), name, username, True, True, NOW)


def grant(number: int, common_name: str, serial: str) -> Grant:
    return Grant(
        id=GrantId(f"g-code000{number}"),
        request_id=RequestId(number),
        user_id=UserId(1001),
        server=ServerName("berlin"),
        common_name=common_name,
        serial=serial,
        places=(Place(ServerName("berlin"), "10.8.0.2"),),
        state=GrantState.ACTIVE,
        not_before=NOW,
        not_after=NOW,
    )


ANNA = person(1001, "Anna Petrova", "annap")
ANNE = person(1002, "Anne-Marie", None)
BOB = person(1003, "Bob", "TheBuilder")
JOERG = person(1004, "JÖRG Straße", None)
PEOPLE = [ANNA, ANNE, BOB, JOERG]
FIRST = grant(1, "anna-petrova-code0001", SERIAL)
SECOND = grant(2, "bob-code0002", "0abc" + "d" * 36)
GRANTS = [FIRST, SECOND]


def fits(text: str) -> Fits:
    return find(parse_who(text), PEOPLE, GRANTS)


@pytest.mark.parametrize(
    ("text", "kind", "value"),
    [
        ("1001", WhoKind.USER_ID, "1001"),
        (" 0001001 ", WhoKind.USER_ID, "1001"),
        ("12345678901234567890", WhoKind.USER_ID, "12345678901234567890"),
        ("9" * 5000, WhoKind.USER_ID, "9" * 5000),  # Python refuses to make a number of it
        ("g-code0001", WhoKind.GRANT_ID, "g-code0001"),
        ("G-CODE0001", WhoKind.GRANT_ID, "g-code0001"),
        ("serial:1234", WhoKind.SERIAL, "1234"),
        ("SERIAL:00:0A:BC", WhoKind.SERIAL, "abc"),
        ("c0ffee00", WhoKind.SERIAL_OR_NAME, "c0ffee00"),
        (" C0:FF:EE:00", WhoKind.SERIAL_OR_NAME, "C0:FF:EE:00"),
        ("0A", WhoKind.SERIAL_OR_NAME, "0A"),
        ("Abe", WhoKind.SERIAL_OR_NAME, "Abe"),
        ("abel", WhoKind.NAME, "abel"),
        ("@abe", WhoKind.NAME, "@abe"),
        ("00:10", WhoKind.NAME, "00:10"),
        (":", WhoKind.NAME, ":"),
        ("Anna Petrova", WhoKind.NAME, "Anna Petrova"),
        ("@annap", WhoKind.NAME, "@annap"),
        ("anna-petrova-code0001", WhoKind.NAME, "anna-petrova-code0001"),
        ("-5", WhoKind.NAME, "-5"),
        ("+7 912", WhoKind.NAME, "+7 912"),
        ("١٠٠١", WhoKind.NAME, "١٠٠١"),  # digits, but no id of Telegram's
        ("", WhoKind.NAME, ""),
    ],
)
def test_the_text_alone_says_what_is_meant(text: str, kind: WhoKind, value: str) -> None:
    assert parse_who(text) == Who(kind, value)


@given(text=st.text(max_size=60))
def test_every_text_means_something_and_nothing_breaks(text: str) -> None:
    found = fits(text)
    assert not set(found.people) & set(found.near)


def test_a_number_is_an_id_and_never_a_name() -> None:
    namesake = person(7, "1001")
    assert find(parse_who("1001"), [ANNA, namesake], []).people == (ANNA,)
    assert find(parse_who("7"), [ANNA], []) == Fits()


@pytest.mark.parametrize("text", ["g-code0001", "G-code0001", "anna-petrova-code0001", SERIAL])
def test_a_grant_by_its_id_its_common_name_or_its_serial(text: str) -> None:
    assert fits(text) == Fits(grants=(FIRST,))
    assert fits(text).exactly_one


@pytest.mark.parametrize("prefix", ["", "serial:", "serial:00:", "00"])
def test_a_serial_with_or_without_leading_zeros_and_colons(prefix: str) -> None:
    text = "abc" + "d" * 36
    assert fits(prefix + text) == Fits(grants=(SECOND,))
    assert fits(prefix + ":".join(text)) == Fits(grants=(SECOND,))


@pytest.mark.parametrize("text", ["abe", "ABE", "0abe", "0a:be", "serial:abe"])
def test_a_short_serial_is_one_where_a_grant_has_it(text: str) -> None:
    """easy-rsa may count: 01, 02, … 0A."""
    third = grant(3, "carl", "0abe")
    assert find(parse_who(text), PEOPLE, [*GRANTS, third]) == Fits(grants=(third,))


@pytest.mark.parametrize("text", ["abe", "Abe", "@abe"])
def test_somebody_whose_name_reads_like_a_serial_is_found_by_it(text: str) -> None:
    abe = person(9, "Abe", "abe")
    assert find(parse_who(text), [*PEOPLE, abe], GRANTS) == Fits(people=(abe,))


def test_a_serial_that_is_somebodys_name_too_makes_it_two() -> None:
    abe, third = person(9, "Abe"), grant(3, "carl", "abe")
    found = find(parse_who("abe"), [abe], [third])
    assert (found.people, found.grants) == ((abe,), (third,))
    assert not found.exactly_one
    # Either of them can be named in another way.
    assert find(parse_who("serial:abe"), [abe], [third]) == Fits(grants=(third,))
    assert find(parse_who("9"), [abe], [third]) == Fits(people=(abe,))


def test_a_certificate_whose_name_is_its_serial_is_one() -> None:
    third = grant(3, "abe", "abe")
    assert find(parse_who("abe"), [], [third]) == Fits(grants=(third,))


@pytest.mark.parametrize("text", [SERIAL[:-1], SERIAL + "0", "c0ffee00", "serial:", "g-code000"])
def test_a_part_of_a_serial_or_an_id_is_not_enough(text: str) -> None:
    assert fits(text) == Fits()


@pytest.mark.parametrize(
    "text",
    [
        *("Anna Petrova", "anna petrova", "ANNA  PETROVA", " Anna\tPetrova "),
        *("annap", "@annap", "@AnnaP"),
    ],
)
def test_a_person_by_name_or_username(text: str) -> None:
    assert fits(text) == Fits(people=(ANNA,))
    assert fits(text).exactly_one


def test_case_is_folded_in_every_language() -> None:
    assert fits("jörg strasse").people == (JOERG,)


@pytest.mark.parametrize(
    ("text", "near"),
    [("Ann", (ANNA, ANNE)), ("anna", (ANNA,)), ("build", (BOB,)), ("petrova", (ANNA,))],
)
def test_who_only_nearly_fits_is_shown_and_never_acted_on(
    text: str, near: tuple[Person, ...]
) -> None:
    found = fits(text)
    assert found == Fits(near=near)
    assert not found.exactly_one


def test_two_of_one_name_both_fit() -> None:
    other = replace(ANNA, id=UserId(9))
    found = find(parse_who("Anna Petrova"), [ANNA, other], [])
    assert found.people == (ANNA, other)
    assert not found.exactly_one


def test_one_persons_name_may_be_the_username_of_another() -> None:
    trap = person(9, "annap")
    assert find(parse_who("@annap"), [ANNA, trap], []).people == (ANNA, trap)


def test_a_person_who_is_called_like_a_certificate_makes_it_two() -> None:
    trap = person(9, "bob-code0002")
    found = find(parse_who("bob-code0002"), [trap], GRANTS)
    assert (found.people, found.grants) == ((trap,), (SECOND,))
    assert not found.exactly_one


@pytest.mark.parametrize("text", ["", " ", "@", "nobody"])
def test_nothing_fits_nothing(text: str) -> None:
    assert fits(text) == Fits()
    assert not fits(text).exactly_one


def test_two_accounts_of_one_person_are_one_fit() -> None:
    """What is done to the one is done to the other, and to what either has."""
    phone = replace(ANNA, id=UserId(1009), username=None, same_as=ANNA.id)
    off = replace(ANNA, allowed=False)
    theirs = replace(FIRST, common_name="Anna Petrova", user_id=phone.id)
    found = find(parse_who("Anna Petrova"), [ANNA, phone], [theirs])
    assert (found.people, found.grants, found.exactly_one) == ((ANNA,), (), True)
    # The one that is on the allowlist, if only one is.
    assert find(parse_who("Anna Petrova"), [off, phone], []).people == (phone,)
    other = replace(phone, same_as=None)
    assert find(parse_who("Anna Petrova"), [ANNA, other], []).people == (ANNA, other)
