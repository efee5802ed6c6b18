"""The allowlist, and who somebody is at the moment of an act."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.access import pausing, people, revocation, roles
from bot.access.permission import Actor
from bot.access.refusals import Refusal, Refused
from storage.records import EndReason, GrantState, OutboxKind, RequestState, UserId
from tests.bot.access.kit import (
    ANNA,
    BORIS,
    CLARA,
    EMIL,
    HOUR,
    MORNING,
    OPERATOR,
    PARIS,
    Noted,
    Paper,
    notice,
    to,
)

NEW = UserId(3001)


async def identify(paper: Paper, user_id: UserId, name: str) -> Actor:
    async with paper.database.reading() as tx:
        return await roles.identify(tx, paper.rules, user_id, name)


async def test_a_stranger_is_nobody(paper: Paper) -> None:
    assert await identify(paper, NEW, "Eve") == Actor("telegram:3001", "Eve", NEW)


async def test_an_employee_is_allowed(paper: Paper) -> None:
    actor = await identify(paper, ANNA, "Anna\u202e")
    assert actor == Actor("telegram:1001", "Anna", ANNA, is_allowed=True)


async def test_an_admin_is_who_the_settings_name(paper: Paper) -> None:
    actor = await identify(paper, BORIS, "Boris")
    assert (actor.is_admin, actor.is_allowed, actor.is_operator) == (True, False, False)
    paper.admins = (ANNA,)
    assert not (await identify(paper, BORIS, "Boris")).is_admin
    anna = await identify(paper, ANNA, "Anna")
    assert (anna.is_admin, anna.is_allowed) == (True, True)


async def test_a_name_counts_for_nothing(paper: Paper) -> None:
    actor = await identify(paper, NEW, "Boris")
    assert not actor.is_admin
    assert not actor.is_allowed


async def test_who_has_no_visible_name_is_called_as_on_the_list_or_by_id(paper: Paper) -> None:
    assert (await identify(paper, ANNA, "\u200b")).name == "Anna Petrova"
    assert (await identify(paper, NEW, "\u200b")).name == "3001"


async def test_who_left_is_not_allowed_any_more(paper: Paper) -> None:
    await paper.by(OPERATOR, people.remove, ANNA)
    assert not (await identify(paper, ANNA, "Anna")).is_allowed


async def test_somebody_new_is_told_and_gets_a_menu(paper: Paper) -> None:
    done = await paper.by(await paper.actor(BORIS), people.allow, NEW, "  Olga\nIvanova ")

    assert done.is_new
    assert done.person == await paper.person(NEW)
    assert (done.person.name, done.person.allowed) == ("Olga Ivanova", True)
    assert await paper.heard() == [
        notice(NEW, "access_given"),
        to(NEW, OutboxKind.MENU, {}),
    ]
    assert await paper.noted() == [
        Noted(
            "telegram:2001",
            "user.allow",
            "user:3001",
            {"name": "Boris", "user_name": "Olga Ivanova"},
        )
    ]


async def test_allowing_again_changes_the_name_in_silence(paper: Paper) -> None:
    done = await paper.by(OPERATOR, people.allow, ANNA, "Anna Sidorova")
    assert not done.is_new
    assert (await paper.person(ANNA)).name == "Anna Sidorova"
    assert await paper.heard() == []
    assert [row.action for row in await paper.noted()] == ["user.allow"]


async def test_who_comes_back_is_new_again(paper: Paper) -> None:
    await paper.by(OPERATOR, people.remove, ANNA)
    await paper.forget()
    done = await paper.by(OPERATOR, people.allow, ANNA, "Anna Petrova")
    assert done.is_new
    assert [said.kind for said in await paper.heard()] == [OutboxKind.NOTICE, OutboxKind.MENU]
    async with paper.database.reading() as tx:
        assert await tx.invitations.removed_at(ANNA) is None


async def test_an_admin_who_never_wrote_gets_the_menu_once_they_can_be_reached(
    paper: Paper,
) -> None:
    for _ in range(2):
        assert not await paper.do(people.reached, BORIS)
    assert await paper.heard() == [to(BORIS, OutboxKind.MENU, {})]
    assert not await paper.do(people.reached, NEW)  # a stranger
    assert await paper.heard() == []


async def test_an_admin_may_put_themselves_on_the_list(paper: Paper) -> None:
    done = await paper.by(await paper.actor(BORIS), people.allow, BORIS, "Boris")
    assert done.is_new
    assert await paper.heard() == [to(BORIS, OutboxKind.MENU, {})]
    assert (await paper.actor(BORIS)).is_allowed


@pytest.mark.parametrize("name", ["", "   ", "\u200b\u202e", "\n\x00"])
async def test_a_name_that_nobody_can_see_is_refused(paper: Paper, name: str) -> None:
    await paper.refuses(OPERATOR, Refusal.BAD_NAME, people.allow, NEW, name)


@pytest.mark.parametrize("who", [ANNA, NEW])
async def test_only_admins_change_the_list(paper: Paper, who: UserId) -> None:
    actor = await paper.actor(who)
    await paper.refuses(actor, Refusal.ADMINS_ONLY, people.allow, NEW, "Eve")
    await paper.refuses(actor, Refusal.ADMINS_ONLY, people.allow, NEW, "")
    await paper.refuses(actor, Refusal.ADMINS_ONLY, people.remove, EMIL)
    await paper.refuses(actor, Refusal.ADMINS_ONLY, people.remove, UserId(99))


async def test_who_is_removed_loses_all(paper: Paper) -> None:
    await paper.add_server(PARIS, "10.9.0.0/29")
    grant = await paper.active()
    pending = await paper.asked(server=PARIS)
    choosing = await paper.asked(server=None)
    await paper.forget()
    paper.now = MORNING + HOUR

    removed = await paper.by(await paper.actor(BORIS), people.remove, ANNA)
    [ended] = removed.grants

    assert ended.id == grant.id
    assert not (await paper.person(ANNA)).allowed
    after = await paper.grant(grant.id)
    assert (after.state, after.end_reason) == (GrantState.REVOKING, EndReason.REMOVED)
    for request in (pending, choosing):
        assert (await paper.request(request.id)).state is RequestState.CANCELLED
    # One message about it, and a menu without commands; and a line to the other admin.
    boris: dict[str, Any] = {"admin": "Boris", "by": "telegram:2001"}
    name = "Anna Petrova"
    assert await paper.heard() == [
        to(ANNA, OutboxKind.MENU, {}, paper.now),
        notice(ANNA, "removed", paper.now, **boris),
        notice(CLARA, "revoked_by", paper.now, name=name, servers="berlin", **boris),
    ]
    assert [(row.actor, row.action) for row in await paper.noted()] == [
        ("telegram:2001", "user.remove"),
        ("telegram:2001", "request.cancel"),
        ("telegram:2001", "request.cancel"),
        ("telegram:2001", "grant.end"),
    ]


async def test_who_has_nothing_is_removed_all_the_same(paper: Paper) -> None:
    assert (await paper.by(OPERATOR, people.remove, EMIL)).grants == []
    assert not (await paper.person(EMIL)).allowed


async def test_what_is_not_proved_belongs_to_the_answer(paper: Paper) -> None:
    """Also where it was ended before: somebody may still get in."""
    grant = await paper.active()
    await paper.by(OPERATOR, revocation.revoke_person, ANNA)
    for _ in range(2):
        removed = await paper.by(OPERATOR, people.remove, ANNA)
        assert [found.id for found in removed.grants] == [grant.id]
    assert (await paper.grant(grant.id)).end_reason is EndReason.REVOKED


async def test_who_is_removed_goes_with_all_accounts(paper: Paper) -> None:
    anna, phone = await paper.active(ANNA), await paper.active(EMIL)
    await paper.add_server(PARIS, "10.9.0.0/29")
    pending = await paper.asked(EMIL, server=PARIS)
    await paper.by(OPERATOR, people.link, EMIL, ANNA)
    await paper.forget()

    removed = await paper.by(await paper.actor(BORIS), people.remove, EMIL)

    assert [account.id for account in removed.accounts] == [EMIL, ANNA]
    assert {grant.id for grant in removed.grants} == {anna.id, phone.id}
    for account in (ANNA, EMIL):
        assert not (await paper.person(account)).allowed
    assert (await paper.request(pending.id)).state is RequestState.CANCELLED
    subjects = [row.subject for row in await paper.noted() if row.action == "user.remove"]
    assert subjects == ["user:1002", "user:1001"]


async def test_an_account_that_is_off_the_list_already_is_not_named(paper: Paper) -> None:
    await paper.by(OPERATOR, people.link, ANNA, BORIS)
    removed = await paper.by(OPERATOR, people.remove, BORIS)
    assert [account.id for account in removed.accounts] == [ANNA]
    async with paper.database.reading() as tx:
        farewell = await tx.farewells.get(removed.farewell)
    assert farewell is not None
    assert (farewell.user_id, farewell.name) == (ANNA, "Anna Petrova")
    # An admin is one by the settings, whatever list they are on.
    values = await paper.refuses(OPERATOR, Refusal.ADMIN_OF_SETTINGS, people.remove, BORIS)
    assert values["id"] == BORIS
    await paper.refuses(OPERATOR, Refusal.ADMIN_OF_SETTINGS, people.remove, UserId(2002))


async def test_an_account_changes_its_person_and_stays_one(paper: Paper) -> None:
    await paper.by(OPERATOR, people.link, EMIL, ANNA)
    await paper.by(OPERATOR, people.link, EMIL, BORIS)
    assert (await paper.person(EMIL)).same_as == BORIS
    assert (await paper.person(ANNA)).same_as is None
    await paper.by(OPERATOR, pausing.pause, EMIL, None)
    values = await paper.refuses(OPERATOR, Refusal.LINKED_WHILE_PAUSED, people.unlink, EMIL)
    assert values == {"name": "Emil"}


async def test_a_link_can_be_taken_back(paper: Paper) -> None:
    await paper.by(OPERATOR, people.link, EMIL, ANNA)
    detail = {"name": "olga", "same_as": ANNA}
    assert await paper.noted() == [Noted("system:olga", "user.link", "user:1002", detail)]
    # The other account has no link of its own that could end.
    values = await paper.refuses(OPERATOR, Refusal.NOT_LINKED, people.unlink, ANNA)
    assert values == {"name": "Anna Petrova"}
    await paper.forget()
    await paper.by(OPERATOR, people.unlink, EMIL)
    assert (await paper.person(EMIL)).same_as is None
    assert await paper.noted() == [
        Noted("system:olga", "user.unlink", "user:1002", {"name": "olga", "same_as": ANNA})
    ]
    await paper.by(OPERATOR, people.remove, ANNA)
    assert (await paper.person(EMIL)).allowed
    await paper.refuses(OPERATOR, Refusal.NOT_LINKED, people.unlink, EMIL)
    await paper.refuses(OPERATOR, Refusal.UNKNOWN_PERSON, people.unlink, UserId(99))
    await paper.refuses(await paper.actor(EMIL), Refusal.ADMINS_ONLY, people.unlink, EMIL)


async def test_removing_twice_finds_nobody(paper: Paper) -> None:
    await paper.by(OPERATOR, people.remove, EMIL)
    values = await paper.refuses(OPERATOR, Refusal.UNKNOWN_PERSON, people.remove, EMIL)
    assert values == {"who": "Emil"}
    values = await paper.refuses(OPERATOR, Refusal.UNKNOWN_PERSON, people.remove, UserId(99))
    assert values == {"who": "99"}


async def test_who_still_has_access_without_being_on_the_list_can_be_removed(
    paper: Paper,
) -> None:
    grant = await paper.active()
    async with paper.database.writing() as tx:
        await tx.people.disallow(ANNA)
    await paper.forget()
    removed = await paper.by(OPERATOR, people.remove, ANNA)
    assert [found.id for found in removed.grants] == [grant.id]
    removal, _ = await paper.noted()
    assert (removal.action, removal.subject) == ("user.remove", f"user:{ANNA}")
    assert to(ANNA, OutboxKind.MENU, {}) in await paper.heard()


@pytest.mark.parametrize(("text", "user_id"), [("1", 1), ("0042", 42), (str(2**52 - 1), 2**52 - 1)])
def test_an_id_is_a_number_of_telegrams_size(text: str, user_id: int) -> None:
    assert people.parse_user_id(text) == user_id


@pytest.mark.parametrize(
    "text", ["", "0", "-1", "+1", "1.0", "abc", " 1", "1 ", "١", "1_000", str(2**52), "9" * 5000]
)
def test_anything_else_is_no_id(text: str) -> None:
    with pytest.raises(Refused) as caught:
        people.parse_user_id(text)
    assert caught.value.code is Refusal.BAD_ID
    assert caught.value.values == {"id": text}


@given(text=st.text(max_size=20))
def test_any_text_is_an_id_or_refused(text: str) -> None:
    refused: dict[str, Any] = {}
    try:
        assert 0 < people.parse_user_id(text) < 2**52
    except Refused as error:
        refused = error.values
    assert refused in ({}, {"id": text})
