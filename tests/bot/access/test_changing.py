"""Whoever asked wants it for another time, or says why, before it is decided."""

from dataclasses import replace

import pytest

from bot.access import changing, groups, pausing, requests
from bot.access.permission import THE_BOT
from bot.access.refusals import Refusal
from bot.access.requests import Agreed
from storage.group_records import Group, GroupName
from storage.records import ChatId, OutboxKind, PostedMessage, Request, RequestState
from tests.bot.access.kit import (
    ANNA,
    BERLIN,
    BORIS,
    CLARA,
    DAY,
    DAY_S,
    EMIL,
    HOUR_S,
    MINUTE,
    OPERATOR,
    WEEK_S,
    Noted,
    Paper,
)


async def changed(paper: Paper, request: Request, seconds: int) -> Request:
    return await paper.by(await paper.actor(ANNA), changing.change_duration, request.id, seconds)


async def test_another_duration_is_on_every_card(paper: Paper) -> None:
    request = await paper.asked(duration=WEEK_S)
    await paper.forget()
    async with paper.database.writing() as tx:
        for number, (chat, kind) in enumerate(
            ((BORIS, OutboxKind.CARD), (CLARA, OutboxKind.CARD), (ANNA, OutboxKind.ASKED))
        ):
            posted = PostedMessage(ChatId(chat), number, kind, str(request.id), paper.now)
            await tx.posted.remember(posted)
    paper.now += MINUTE
    now = await changed(paper, request, DAY_S)
    assert now == replace(request, duration=DAY_S, asked_duration=DAY_S)
    assert await paper.request(request.id) == now
    heard = await paper.heard()
    assert [(one.chat, one.kind) for one in heard] == [
        (BORIS, OutboxKind.EDIT_CARD),
        (CLARA, OutboxKind.EDIT_CARD),
        (ANNA, OutboxKind.EDIT_CARD),
    ]
    about = {"name": "Anna", "server": "berlin", "duration": "1d", "reason": "work", "was": "1w"}
    assert await paper.noted() == [
        Noted("telegram:1001", "request.change", f"request:{request.id}", about)
    ]
    async with paper.database.reading() as tx:
        notes = await tx.request_notes.of(request.id)
    assert (notes.revision, notes.changed_at) == (1, paper.now)
    # The same once more changes nothing.
    assert await changed(paper, request, DAY_S) == now
    assert await paper.heard() == []


async def test_the_button_of_an_earlier_card_acts_on_what_it_showed_only(paper: Paper) -> None:
    request = await paper.asked(duration=WEEK_S)
    before = await paper.digest(request)
    anna, boris = await paper.actor(ANNA), await paper.actor(BORIS)
    now = await paper.by(anna, changing.change_reason, request.id, "night shift")
    assert now.reason == "night shift"
    # The same once more changes nothing.
    await paper.heard()
    seen = await paper.digest(now)
    assert await paper.by(anna, changing.change_reason, request.id, "night  shift") == now
    async with paper.database.reading() as tx:
        assert (await tx.request_notes.of(request.id)).revision == 1
    await paper.refuses(
        boris, Refusal.CARD_CHANGED, requests.approve, request.id, WEEK_S, seen=before
    )
    await paper.by(boris, requests.approve, request.id, WEEK_S, seen=seen)
    assert (await paper.request(request.id)).state is RequestState.APPROVED


@pytest.mark.parametrize("by_reason", [False, True])
async def test_who_agreed_before_has_to_say_so_anew(paper: Paper, by_reason: bool) -> None:
    paper.approvals = 2
    request = await paper.asked(duration=DAY_S)
    boris, clara = await paper.actor(BORIS), await paper.actor(CLARA)
    assert isinstance(await paper.by(boris, requests.approve, request.id, DAY_S), Agreed)
    if by_reason:
        await paper.by(await paper.actor(ANNA), changing.change_reason, request.id, "other")
        seconds = DAY_S
    else:
        await changed(paper, request, HOUR_S)
        seconds = HOUR_S
    assert isinstance(await paper.by(clara, requests.approve, request.id, seconds), Agreed)
    # Boris is not told that he has agreed already: that was to something else.
    done = await paper.by(boris, requests.approve, request.id, seconds)
    assert not isinstance(done, Agreed)


async def test_whoever_is_asked_by_the_change_gets_a_card(paper: Paper) -> None:
    """A longer one may need more people, and all of them know of it."""
    dev = Group(GroupName("dev"), approvers=(CLARA,))
    await paper.by(OPERATOR, groups.add, dev)
    await paper.by(OPERATOR, groups.join, dev.name, ANNA)
    paper.long_duration = WEEK_S
    request = await paper.asked(duration=DAY_S)
    await paper.heard()
    await changed(paper, request, WEEK_S)
    cards = [one.chat for one in await paper.heard() if one.kind is OutboxKind.CARD]
    assert cards == [BORIS]


async def test_what_may_be_asked_for(paper: Paper) -> None:
    """The settings and the groups of now."""
    request = await paper.asked(duration=DAY_S)

    async def offered() -> list[int]:
        async with paper.database.reading() as tx:
            return [*await changing.other_durations(paper.case(tx, THE_BOT), request)]

    assert await offered() == [HOUR_S, 8 * HOUR_S, WEEK_S, 30 * DAY_S]
    paper.max_duration = WEEK_S
    assert await offered() == [HOUR_S, 8 * HOUR_S, WEEK_S]
    short = Group(GroupName("short"), max_duration=8 * HOUR_S)
    await paper.by(OPERATOR, groups.add, short)
    await paper.by(OPERATOR, groups.join, short.name, ANNA)
    assert await offered() == [HOUR_S, 8 * HOUR_S]
    anna = await paper.actor(ANNA)
    refuses = paper.refuses
    await refuses(anna, Refusal.DURATION_TOO_LONG, changing.change_duration, request.id, WEEK_S)
    await refuses(anna, Refusal.NOT_OFFERED, changing.change_duration, request.id, 7 * HOUR_S)
    paper.authority_ends_at = paper.now + MINUTE
    await refuses(anna, Refusal.OUTLIVES_AUTHORITY, changing.change_duration, request.id, HOUR_S)


async def test_who_may_change_what(paper: Paper) -> None:
    request = await paper.asked(duration=DAY_S)
    anna, emil, boris = [await paper.actor(one) for one in (ANNA, EMIL, BORIS)]
    change, why = changing.change_duration, changing.change_reason
    await paper.refuses(emil, Refusal.NOT_YOURS, change, request.id, HOUR_S)
    await paper.refuses(emil, Refusal.NOT_YOURS, why, request.id, "mine")
    await paper.refuses(boris, Refusal.NOT_ALLOWED, change, request.id, HOUR_S)
    await paper.refuses(anna, Refusal.NO_WORDS, why, request.id, "\u202e \u200b")
    choosing = await paper.asked(EMIL, server=None)
    choosing_again = await paper.by(emil, requests.cancel, choosing.id)
    assert choosing_again.state is RequestState.CANCELLED
    await paper.refuses(emil, Refusal.ALREADY_DECIDED, change, choosing.id, HOUR_S)
    await paper.by(OPERATOR, pausing.pause, ANNA, None)
    paused = await paper.actor(ANNA)
    await paper.refuses(paused, Refusal.PAUSED, change, request.id, HOUR_S)
    await paper.by(OPERATOR, pausing.resume, ANNA)
    paper.now += DAY
    await paper.refuses(anna, Refusal.ALREADY_DECIDED, change, request.id, HOUR_S)


async def test_a_request_that_waits_for_its_server_is_not_changed(paper: Paper) -> None:
    await paper.add_server("paris", "10.9.0.0/29")  # type: ignore[arg-type]
    request = await paper.asked(server=None)
    anna = await paper.actor(ANNA)
    await paper.refuses(anna, Refusal.ALREADY_DECIDED, changing.change_duration, request.id, HOUR_S)


async def test_a_reason_is_cleaned_and_bounded(paper: Paper) -> None:
    request = await paper.asked()
    anna = await paper.actor(ANNA)
    now = await paper.by(anna, changing.change_reason, request.id, "one\ntwo \u202e" + "x" * 500)
    assert now.reason.startswith("one two x")
    assert len(now.reason) == 200


async def test_nobody_keeps_all_cards_moving(paper: Paper) -> None:
    request = await paper.asked(server=BERLIN)
    anna = await paper.actor(ANNA)
    for number in range(10):
        await paper.by(anna, changing.change_reason, request.id, f"reason {number}")
    await paper.refuses(
        anna, Refusal.CHANGED_TOO_OFTEN, changing.change_reason, request.id, "one more"
    )
