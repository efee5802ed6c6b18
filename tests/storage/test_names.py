"""Names as they are looked up: one key for all ways to write one, in a database old or new."""

import unicodedata
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from storage.database import Database, open_database, sqlite_url
from storage.name_keys import name_key, person_words, seen, username_key, words_of
from storage.records import RequestId, UserId
from tests.storage.kit import (
    ANNA,
    BERLIN,
    BORIS,
    HOUR,
    NOW,
    add_people,
    make_grant,
    open_copy,
    set_back,
)

ANY = st.text(st.characters(), max_size=100)


@given(name=ANY)
def test_a_key_is_its_own_key_and_the_one_of_other_forms(name: str) -> None:
    key = name_key(name)
    assert len(key) <= 160
    if len(key) < 150:
        assert name_key(key) == key
    for form in ("NFC", "NFD", "NFKC", "NFKD"):
        assert name_key(unicodedata.normalize(form, seen(name))) == key
    key.encode()


@given(name=st.text(st.characters(max_codepoint=127), max_size=100))
def test_a_name_in_plain_letters_has_the_key_that_it_would_have_among_others(name: str) -> None:
    assert seen(f"é {name} é") == " ".join(("é", *seen(name).split(), "é"))
    assert name_key(f"é {name} é") == " ".join(("é", *name_key(name).split(), "é"))


@given(name=ANY, username=st.none() | ANY)
def test_words_are_plain(name: str, username: str | None) -> None:
    for word in person_words(name, username):
        assert word.isascii()
        assert word.isalnum()
        assert word == word.lower()
        assert 0 < len(word) <= 64


@pytest.mark.parametrize(
    "text",
    [
        *("\u3164", "\u3164 \u3164", "\u115f\u1160", "\uffa0", "\u2800", "\U0001d159"),
        *("\u0301\u0302", "\ufe0f", "\u00ad\u200b\u200d", "\u034f", "\u17b4\u17b5", "\u180e"),
        *("", " ", "\u00a0\u2003", "\U000e0041", "\U000e0100"),
    ],
)
def test_what_shows_as_nothing_is_nothing(text: str) -> None:
    assert (seen(text), name_key(text), words_of(text)) == ("", "", ())


def test_what_is_seen_stays() -> None:
    assert seen("Anna\u3164\u3164Petrova") == "Anna Petrova"
    assert seen("❤\ufe0f") == "❤\ufe0f"
    assert seen("e\u0301") == "e\u0301"
    assert name_key("  Anna\u2013Petrova\u00a0O\u2019Brien ") == "anna-petrova o'brien"
    assert person_words("Anna", None) == {"anna"}
    assert person_words("Anna Maria Petrova", "@nick") == {
        *("anna", "maria", "petrova", "apetrova", "nick")
    }
    assert len(person_words(" ".join("abcdefghijklmnop"), "nick")) == 12
    assert username_key(None) is None
    assert username_key("@Anna_P") == "anna_p"
    assert username_key("@") is None


async def test_a_search_narrows_with_each_word(database: Database) -> None:
    names = ["Anna Petrova", "Anna Ivanova", "Annika Petrova", "Bob Anders"]
    async with database.writing() as tx:
        for number, name in enumerate(names, 1):
            await tx.people.allow(UserId(number), name, NOW)
        await tx.people.disallow(UserId(4))
        found = {
            " ".join(words): [one.name for one in await tx.people.listed(words, offset=0, limit=9)]
            for words in (["ann"], ["ann", "pet"], ["an", "bob"], ["anna", "anna"], [])
        }
        assert found == {
            "ann": ["Anna Ivanova", "Anna Petrova", "Annika Petrova"],
            "ann pet": ["Anna Petrova", "Annika Petrova"],
            "an bob": [],
            "anna anna": ["Anna Ivanova", "Anna Petrova"],
            "": ["Anna Ivanova", "Anna Petrova", "Annika Petrova"],
        }
        assert await tx.people.count_listed() == await tx.people.count_listed(["ann"]) == 3
        assert await tx.people.count_listed(["anna"]) == 2
        # Of whole words one is not the beginning of another.
        whole = await tx.people.with_words(["ann"], limit=9, whole=True)
        assert (whole, len(await tx.people.with_words(["anna"], limit=9, whole=True))) == ([], 2)
        assert await tx.people.words_like("annik", limit=9) == {"annika"}
        [second] = await tx.people.listed(offset=1, limit=1)
        assert second.name == "Anna Petrova"


async def test_a_new_name_takes_the_place_of_the_old_one(database: Database) -> None:
    async with database.writing() as tx:
        await tx.people.allow(ANNA, "Anna Petrova", NOW)
        await tx.people.allow(ANNA, "Anna Smith", NOW)
        assert not await tx.people.named("anna petrova")
        assert not await tx.people.with_words(["petrova"], limit=5)
        assert [one.id for one in await tx.people.with_words(["smith"], limit=5)] == [ANNA]


@pytest.mark.long
async def test_only_the_last_strangers_are_kept(database: Database) -> None:
    async with database.writing() as tx:
        for number in range(1, 1011):
            moment = NOW + number * HOUR
            await tx.people.note_newcomer(UserId(number), f"P{number}", f"u{number}", moment)
        assert await tx.people.newcomer(UserId(10)) is None
        assert await tx.people.newcomer(UserId(11)) is not None
        [found] = await tx.people.newcomers_named("u500", limit=5)
        assert (found.id, found.name, found.allowed) == (500, "P500", False)
        await tx.people.prune_newcomers(NOW + 900 * HOUR)
        assert await tx.people.newcomer(UserId(899)) is None
        await tx.people.note_newcomer(UserId(500), "P500", "u500", NOW + 1011 * HOUR)
        # Who is known is none any more; and a username is nobody's for good.
        await tx.people.allow(UserId(500), "Anna", NOW)
        assert await tx.people.newcomer(UserId(500)) is None
        await tx.people.note_username(UserId(7), "U901", NOW)
        assert await tx.people.newcomers_named("u901", limit=5) == []


async def test_names_from_before_are_found_like_new_ones(template: Path, tmp_path: Path) -> None:
    path = tmp_path / "vpnbot.db"
    database = await open_copy(template, tmp_path)
    old = replace(
        make_grant(1, RequestId(1)),
        server=None,
        request_id=None,
        user_id=None,
        imported_at=NOW,
        places=(),
    )
    async with database.writing() as tx:
        await add_people(tx)
        await tx.people.allow(BORIS, "Zoë\u00a0O’Brien", NOW)
        await tx.people.note_username(BORIS, "Zoe_B", NOW)
        await tx.grants.add(replace(old, common_name="Zoë.Laptop"))
    await database.close()
    set_back(path, "0015")

    database = await open_database(sqlite_url(path))
    async with database.reading() as tx:
        assert [one.id for one in await tx.people.named("zoë o'brien")] == [BORIS]
        [zoe] = await tx.people.named("zoe_b")
        assert (zoe.id, zoe.username_seen_at) == (BORIS, None)
        assert [one.id for one in await tx.people.with_words(["zo", "obr"], limit=5)] == []
        assert [one.id for one in await tx.people.with_words(["zo", "br"], limit=5)] == [BORIS]
        assert [one.id for one in await tx.grants.with_name("zoë.laptop")] == [old.id]
        assert [one.id for one in await tx.grants.unlinked_like(["laptop"])] == [old.id]
        assert await tx.grants.live_on(BERLIN) == []
    await database.close()
