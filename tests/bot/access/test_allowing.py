"""Who is to be put on the allowlist, as somebody writes it; and who hears of it."""

from datetime import timedelta

import pytest

from bot.access import people
from bot.access.matching import USERNAME_LASTS
from bot.access.people import Candidates, Wanted
from bot.access.refusals import Refusal
from storage.records import ChatId, OutboxKind, PostedMessage, UserId
from tests.bot.access.kit import ANNA, BORIS, EMIL, MORNING, OPERATOR, Paper, notice, to

EVE, NEW = UserId(3001), UserId(3002)


@pytest.fixture
async def wrote(paper: Paper) -> Paper:
    """Eve wrote to the bot this morning; Anna is known by a username."""
    async with paper.database.writing() as tx:
        await tx.people.note_newcomer(EVE, "Eve", "eve_x", MORNING)
        await tx.people.note_username(ANNA, "annap", MORNING)
    return paper


@pytest.mark.parametrize(
    ("text", "user_id", "name"),
    [
        ("3002 Olga Ivanova", NEW, "Olga Ivanova"),
        ("Olga Ivanova 3002", NEW, "Olga Ivanova"),
        ("3002, Olga\nIvanova;", NEW, "Olga Ivanova"),
        ("3002", NEW, ""),
        # What they are called: on the list, or by themselves.
        ("1001", ANNA, "Anna Petrova"),
        ("3001", EVE, "Eve"),
        ("@eve_x", EVE, "Eve"),
        ("\uff20Eve_X:", EVE, "Eve"),
        ("@eve_x Eve Adams", EVE, "Eve Adams"),
        ("Eve Adams @eve_x", EVE, "Eve Adams"),
        ("@annap", ANNA, "Anna Petrova"),
    ],
)
async def test_an_id_or_a_username_says_who(
    wrote: Paper, text: str, user_id: UserId, name: str
) -> None:
    assert await wrote.by(OPERATOR, people.to_be_allowed, text) == Wanted(user_id, name)


@pytest.mark.parametrize(
    ("text", "code", "values"),
    [
        ("", Refusal.BAD_ID, {"id": ""}),
        ("nobody of us", Refusal.BAD_ID, {"id": "nobody"}),
        ("eve_x2", Refusal.BAD_ID, {"id": "eve_x2"}),
        ("@nobody", Refusal.NOBODY_WROTE, {"who": "@nobody"}),
        ("@Eve", Refusal.NOBODY_WROTE, {"who": "@Eve"}),
        ("@", Refusal.NOBODY_WROTE, {"who": "@"}),
        ("3002 Olga 2w", Refusal.LIST_HAS_NO_END, {"who": "3002"}),
    ],
)
async def test_what_says_nobody_is_refused(
    wrote: Paper, text: str, code: Refusal, values: dict[str, str]
) -> None:
    assert await wrote.refuses(OPERATOR, code, people.to_be_allowed, text) == values


async def test_a_name_or_an_old_username_is_asked_about(wrote: Paper) -> None:
    async def found(text: str) -> object:
        done = await wrote.by(OPERATOR, people.to_be_allowed, text)
        return [one.id for one in done.people] if isinstance(done, Candidates) else done

    assert await found("Eve") == [EVE]
    assert await found("anna petrova") == [ANNA]
    wrote.now += USERNAME_LASTS
    assert await found("@eve_x") == Wanted(EVE, "Eve")
    wrote.now += timedelta(seconds=1)
    assert await found("@eve_x") == [EVE]
    async with wrote.database.writing() as tx:
        await tx.people.note_newcomer(EVE, "Eve", "annap", wrote.now)
    assert await found("@annap") == [EVE, ANNA]


async def test_only_admins_look_for_whom_to_allow(wrote: Paper) -> None:
    anna = await wrote.actor(ANNA)
    await wrote.refuses(anna, Refusal.ADMINS_ONLY, people.to_be_allowed, "@eve_x")


async def test_who_is_a_candidate_is_known_or_has_written(wrote: Paper) -> None:
    for who, name in ((ANNA, "Anna Petrova"), (EVE, "Eve")):
        assert (await wrote.do(people.candidate, who)).name == name
    values = await wrote.refused(Refusal.NOBODY_WROTE, people.candidate, NEW)
    assert values == {"who": str(NEW)}


@pytest.mark.parametrize(
    ("who", "reachable", "is_greeted"), [(EVE, True, True), (NEW, None, False), (EMIL, False, True)]
)
async def test_who_was_never_seen_is_greeted_only_where_that_is_wanted(
    wrote: Paper, who: UserId, reachable: bool | None, is_greeted: bool
) -> None:
    await wrote.do(people.unreachable, EMIL)
    await wrote.by(OPERATOR, people.remove, EMIL)
    await wrote.forget()
    done = await wrote.by(OPERATOR, people.allow, who, "Somebody", greets_unseen=False)
    assert done.is_new
    assert (await wrote.person(who)).reachable is reachable
    greeting = [notice(who, "access_given"), to(who, OutboxKind.MENU, {})]
    assert await wrote.heard() == greeting * is_greeted


async def test_whoever_knocked_and_is_let_in_otherwise_is_so_on_every_card(wrote: Paper) -> None:
    async with wrote.database.writing() as tx:
        await tx.knocks.put(EVE, "Eve", "eve_x", MORNING)
        card = PostedMessage(ChatId(BORIS), 7, OutboxKind.KNOCK, str(EVE), MORNING)
        await tx.posted.remember(card)
    await wrote.by(OPERATOR, people.allow, EVE, "Eve Adams")
    edit = {"kind": "knock", "subject": str(EVE), "message": 7}
    assert to(BORIS, OutboxKind.EDIT, edit) in await wrote.heard()


async def test_whom_the_bot_cannot_write_to_is_noted_of_those_who_are_known(wrote: Paper) -> None:
    for who in (ANNA, BORIS, NEW):
        await wrote.do(people.unreachable, who)
    for who in (ANNA, BORIS):
        assert (await wrote.person(who)).reachable is False
    async with wrote.database.reading() as tx:
        assert await tx.people.get(NEW) is None


async def test_who_lets_the_bot_write_again_finds_what_changed(wrote: Paper) -> None:
    async with wrote.database.writing() as tx:
        answer = PostedMessage(ChatId(ANNA), 31, OutboxKind.REPLY, str(ANNA), MORNING)
        await tx.posted.remember(answer)
    await wrote.do(people.unreachable, ANNA)
    assert await wrote.do(people.reached, ANNA)
    edit = {"kind": "reply", "subject": str(ANNA), "message": 31}
    assert await wrote.heard() == [
        to(ANNA, OutboxKind.MENU, {}),
        to(ANNA, OutboxKind.EDIT, edit),
    ]
    assert (await wrote.person(ANNA)).reachable is True
    assert not await wrote.do(people.reached, ANNA)
    assert await wrote.heard() == []
