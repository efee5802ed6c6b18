"""Whose an imported certificate is."""

from dataclasses import replace
from typing import Any

import pytest

from bot.access import grants, importing, linking, pausing, people, revocation
from bot.access.importing import Certificate
from bot.access.matching import find, parse_who
from bot.access.refusals import Refusal
from storage.records import EndReason, Grant, GrantId, GrantState, Pause, UserId
from tests.bot.access.kit import ANNA, BORIS, DAY, EMIL, MORNING, OPERATOR, Paper, seen

UNTIL = MORNING + 400 * DAY


def made(serial: str, name: str, **changes: Any) -> Certificate:
    return replace(Certificate(serial, name, MORNING - DAY, UNTIL), **changes)


BOOKS = (
    made("01", "anna"),
    made("02", "anna"),
    made("03", "anna", not_after=MORNING - DAY),
    made("04", "Zoe Müller"),
    made("05", "server", for_server=True),
    made("06", "12345"),
)


@pytest.fixture
async def taken_over(paper: Paper) -> Paper:
    await paper.by(OPERATOR, importing.take_in, BOOKS)
    await paper.forget()
    return paper


async def imported(paper: Paper) -> dict[str, Grant]:
    async with paper.database.reading() as tx:
        return {grant.serial: grant for grant in await tx.grants.imported()}


async def of(paper: Paper, user_id: UserId) -> list[str]:
    async with paper.database.reading() as tx:
        return [grant.serial for grant in await tx.grants.of_user(user_id)]


async def test_names_are_listed_with_a_proposal(taken_over: Paper) -> None:
    boris = await taken_over.actor(BORIS)
    async with taken_over.database.reading() as tx:
        case = taken_over.case(tx, boris)
        names = await linking.unlinked(case)
        proposed = [await linking.proposed(case, one.common_name) for one in names]
        assert [await linking.unlinked_of(case, one.grants[-1].id) for one in names] == names
    assert [(one.common_name, len(one.grants)) for one in names] == [
        ("12345", 1),
        ("anna", 2),
        ("Zoe Müller", 1),
    ]
    assert [[person.id for person in people] for people in proposed] == [[], [ANNA], []]


@pytest.mark.parametrize("name", ["anna", " anna "])
async def test_all_live_ones_of_a_name_are_linked(taken_over: Paper, name: str) -> None:
    linked = await taken_over.by(OPERATOR, linking.link, name, ANNA)
    assert sorted(grant.serial for grant in linked) == ["01", "02"]
    assert await of(taken_over, ANNA) == ["01", "02"]
    assert [noted.action for noted in await taken_over.noted()] == ["grant.link"] * 2
    assert await taken_over.heard() == []


@pytest.mark.parametrize(("name", "serial"), [("12345", "06"), ("zoe müller", "04")])
async def test_a_name_may_look_like_anything(taken_over: Paper, name: str, serial: str) -> None:
    await taken_over.by(OPERATOR, linking.link, name, ANNA)
    assert await of(taken_over, ANNA) == [serial]


async def test_one_of_two_by_its_serial_and_the_other_in_the_chat(taken_over: Paper) -> None:
    await taken_over.by(OPERATOR, linking.link, "serial:01", ANNA)
    assert await of(taken_over, ANNA) == ["01"]
    second = (await imported(taken_over))["02"]
    boris = await taken_over.actor(BORIS)
    await taken_over.by(boris, linking.link_name_of, second.id, EMIL)
    assert await of(taken_over, EMIL) == ["02"]
    # Somebody who taps an older list finds it done.
    await taken_over.refuses(boris, Refusal.NOTHING_TO_LINK, linking.link_name_of, second.id, ANNA)


async def test_a_mistake_is_mended(taken_over: Paper) -> None:
    await taken_over.by(OPERATOR, linking.link, "anna", EMIL)
    await taken_over.by(OPERATOR, linking.link, "anna", ANNA)
    assert (await of(taken_over, EMIL), await of(taken_over, ANNA)) == ([], ["01", "02"])


async def test_an_imported_profile_has_no_new_one(taken_over: Paper) -> None:
    """Such a button is never shown, but its data can be made up by the owner."""
    await taken_over.by(OPERATOR, linking.link, "anna", ANNA)
    own = (await imported(taken_over))["01"]
    anna = await taken_over.actor(ANNA)
    await taken_over.refuses(anna, Refusal.NO_BUTTON, grants.renew, own.id)
    assert (await imported(taken_over))["01"].state is GrantState.ACTIVE


async def test_what_cannot_be_linked(taken_over: Paper) -> None:
    expected = (
        (Refusal.NOTHING_TO_LINK, "nobody", ANNA),
        (Refusal.NOTHING_TO_LINK, "serial:03", ANNA),
        (Refusal.FOR_SERVERS, "server", ANNA),
        (Refusal.UNKNOWN_PERSON, "anna", UserId(7)),
        (Refusal.NOT_ALLOWED_YET, "anna", EMIL),
    )
    await taken_over.by(OPERATOR, people.remove, EMIL)
    for code, name, user_id in expected:
        await taken_over.refuses(OPERATOR, code, linking.link, name, user_id)
    anna = await taken_over.actor(ANNA)
    await taken_over.refuses(anna, Refusal.ADMINS_ONLY, linking.link, "anna", ANNA)
    await taken_over.refuses(
        await taken_over.actor(BORIS),
        Refusal.UNKNOWN_GRANT,
        linking.link_name_of,
        GrantId("g-none"),
        ANNA,
    )


async def test_what_is_theirs_or_over_is_not_linked_to_them(taken_over: Paper) -> None:
    first = (await imported(taken_over))["01"]
    await taken_over.by(OPERATOR, revocation.begin, [first], EndReason.REVOKED)
    await taken_over.do(revocation.record_proofs, [seen(first)])
    linked = await taken_over.by(OPERATOR, linking.link, "anna", ANNA)
    assert [grant.serial for grant in linked] == ["02"]
    again = await taken_over.refuses(OPERATOR, Refusal.NOTHING_TO_LINK, linking.link, "anna", ANNA)
    assert again == {"name": "anna"}
    boris = await taken_over.actor(BORIS)
    await taken_over.refuses(boris, Refusal.NOTHING_TO_LINK, linking.unlinked_of, first.id)


async def test_only_admins_see_and_link_what_is_nobodys(taken_over: Paper) -> None:
    grant = (await imported(taken_over))["01"]
    emil = await taken_over.actor(EMIL)
    code = Refusal.ADMINS_ONLY
    await taken_over.refuses(emil, code, linking.unlinked)
    await taken_over.refuses(emil, code, linking.unlinked_of, grant.id)
    await taken_over.refuses(emil, code, linking.link_name_of, grant.id, EMIL)


async def test_what_is_linked_to_somebody_who_is_paused_is_paused(taken_over: Paper) -> None:
    await taken_over.by(OPERATOR, pausing.pause, ANNA, None)
    await taken_over.by(OPERATOR, linking.link, "serial:01", ANNA)
    assert (await imported(taken_over))["01"].pause is Pause.PAUSING


async def test_of_a_name_that_a_server_has_too_only_the_persons_is_linked(
    taken_over: Paper,
) -> None:
    await taken_over.by(OPERATOR, importing.take_in, [made("07", "anna", for_server=True)])
    linked = await taken_over.by(OPERATOR, linking.link, "anna", ANNA)
    assert sorted(grant.serial for grant in linked) == ["01", "02"]


async def test_linked_ones_go_with_their_owner(taken_over: Paper) -> None:
    await taken_over.by(OPERATOR, linking.link, "anna", ANNA)
    await taken_over.forget()
    removed = await taken_over.by(OPERATOR, people.remove, ANNA)
    assert sorted(grant.serial for grant in removed.grants) == ["01", "02"]
    told = [said.payload for said in await taken_over.heard() if said.chat == ANNA]
    # Said once, whatever they had.
    assert [payload["code"] for payload in told if "code" in payload] == ["removed"]


async def test_unlinked_ones_are_revoked_by_name_or_serial(taken_over: Paper) -> None:
    async with taken_over.database.reading() as tx:
        zoe = await find(tx, parse_who("zoe müller"), taken_over.now)
        anna = await find(tx, parse_who("anna"), taken_over.now)
    assert [grant.serial for grant in zoe.grants] == ["04"]
    # What is over is not among them.
    assert [grant.serial for grant in anna.grants] == ["01", "02"]
    [ended] = await taken_over.by(OPERATOR, revocation.revoke_grant, zoe.grants[0].id)
    assert ended.serial == "04"
    assert (await taken_over.grant(ended.id)).state is GrantState.REVOKING


async def test_a_name_means_its_owner_once_it_is_linked(taken_over: Paper) -> None:
    await taken_over.by(OPERATOR, importing.take_in, [made("09", "ANNA PETROVA")])

    async def meant() -> tuple[list[int], list[str]]:
        async with taken_over.database.reading() as tx:
            fits = await find(tx, parse_who("Anna Petrova"), taken_over.now)
        return [person.id for person in fits.people], [grant.serial for grant in fits.grants]

    # As long as the certificate is nobody's, it is for the admin to say which of the two.
    assert await meant() == ([ANNA], ["09"])
    await taken_over.by(OPERATOR, linking.link, "ANNA PETROVA", ANNA)
    assert await meant() == ([ANNA], [])


async def test_whoever_is_taken_off_may_have_more(taken_over: Paper) -> None:
    """A certificate that is nobody's, called as they are: an admin has to hear of it."""
    paper = taken_over
    boris = await paper.actor(BORIS)
    values = await paper.refuses(boris, Refusal.NOTHING_LIVE, revocation.revoke_person, ANNA)
    assert values["names"] == ["anna"]
    removed = await paper.by(boris, people.remove, ANNA)
    assert [grant.serial for grant in removed.maybe] == ["01", "02"]
    assert (await paper.by(boris, people.remove, EMIL)).maybe == []


@pytest.mark.parametrize(
    ("name", "common_name"),
    [("Анна Петрова", "anna-petrova"), ("Анна", "Анна"), ("100% _x_", "100%"), ("Zoë Li", "zli")],
)
async def test_a_likeness_is_found_in_any_letters(
    paper: Paper, name: str, common_name: str
) -> None:
    await paper.by(OPERATOR, people.allow, ANNA, name)
    await paper.by(OPERATOR, importing.take_in, [made("01", common_name), made("02", "other")])
    removed = await paper.by(OPERATOR, people.remove, ANNA)
    assert [grant.common_name for grant in removed.maybe] == [common_name]
