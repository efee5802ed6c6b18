"""What waits to be said survives the database: only codes and plain values."""

from dataclasses import replace
from typing import Any

import pytest

from bot.access import messages
from bot.access.messages import DeliverNote, Notice
from bot.access.permission import THE_BOT
from bot.access.refusals import Refusal, Refused
from storage.records import (
    ChatId,
    EndReason,
    GrantId,
    OutboxKind,
    PostedMessage,
    RequestId,
)
from tests.bot.access.kit import ANNA, BORIS, CLARA, MORNING, Paper, notice, to


@pytest.mark.parametrize("code", list(Notice))
async def test_every_notice_can_be_read_back(paper: Paper, code: Notice) -> None:
    async with paper.database.writing() as tx:
        values = {"server": "berlin", "reason": EndReason.LOST, "n": None}
        await messages.notice(paper.case(tx, THE_BOT), ANNA, code, **values)
    [said] = await paper.heard()
    assert said == notice(ANNA, code.value, server="berlin", reason="lost", n=None)
    assert Notice(said.payload["code"]) is code
    assert EndReason(said.payload["values"]["reason"]) is EndReason.LOST


@pytest.mark.parametrize("note", list(DeliverNote))
async def test_a_delivery_names_a_grant_and_holds_no_document(
    paper: Paper, note: DeliverNote
) -> None:
    await paper.do(messages.deliver, ANNA, GrantId("g-1"), note, round_=2)
    [said] = await paper.heard()
    assert said == to(ANNA, OutboxKind.DELIVER, {"grant": "g-1", "note": note.value, "round": 2})
    assert DeliverNote(said.payload["note"]) is note


async def test_admins_are_all_told_the_same(paper: Paper) -> None:
    async with paper.database.writing() as tx:
        await messages.tell_admins(paper.case(tx, THE_BOT), Notice.CRL_PUBLISHED, server="berlin")
    assert await paper.heard() == [
        notice(admin, "crl_published", server="berlin") for admin in (BORIS, CLARA)
    ]


async def test_an_answer_that_a_newer_one_replaces_is_said_to_be_outdated(paper: Paper) -> None:
    answer = PostedMessage(ChatId(ANNA), 31, OutboxKind.REPLY, str(ANNA), MORNING)
    now = {"kind": OutboxKind.REPLY, "subject": str(ANNA), "message": 31}
    await paper.do(messages.edit, answer)
    await paper.do(messages.edit, answer, outdated=True)
    assert await paper.heard() == [
        to(ANNA, OutboxKind.EDIT, now),
        to(ANNA, OutboxKind.EDIT, now | {"outdated": True}),
    ]


@pytest.mark.parametrize(
    ("instead_of", "payload"), [(None, {"request": 7}), (55, {"request": 7, "edit": 55})]
)
async def test_where_a_request_stands_may_take_the_place_of_a_message(
    paper: Paper, instead_of: int | None, payload: dict[str, Any]
) -> None:
    request = await paper.asked()
    await paper.forget()
    await paper.do(messages.asked, request, instead_of=instead_of)
    assert await paper.heard() == [to(ANNA, OutboxKind.ASKED, payload | {"request": request.id})]


async def test_an_edit_names_its_message(paper: Paper) -> None:
    message = PostedMessage(ChatId(BORIS), 55, OutboxKind.CARD, "7", MORNING)
    await paper.do(messages.edit_card, message)
    payload = {"request": 7, "message": 55, "kind": "card"}
    assert await paper.heard() == [to(BORIS, OutboxKind.EDIT_CARD, payload)]


@pytest.mark.parametrize(
    ("first", "second", "count"),
    [(True, True, 1), (True, False, 1), (False, False, 1), (False, True, 2)],
)
async def test_an_edit_that_waits_is_enough(
    paper: Paper, first: bool, second: bool, count: int
) -> None:
    """Unless a card that is gone would come anew by the second one only."""
    message = PostedMessage(ChatId(BORIS), 55, OutboxKind.CARD, "7", MORNING)
    for afresh in (first, second):
        await paper.do(messages.edit_card, message, afresh=afresh)
    assert len(await paper.heard()) == count


@pytest.mark.parametrize("other", [{"message_id": 56}, {"chat_id": ChatId(CLARA)}])
async def test_each_message_has_an_edit_of_its_own(paper: Paper, other: dict[str, Any]) -> None:
    message = PostedMessage(ChatId(BORIS), 55, OutboxKind.REPLY, "7", MORNING)
    for one in (message, replace(message, **other)):
        await paper.do(messages.edit, one)
    assert len(await paper.heard()) == 2


async def test_an_edit_on_its_way_may_miss_what_happens_now(paper: Paper) -> None:
    message = PostedMessage(ChatId(BORIS), 55, OutboxKind.REPLY, "7", MORNING)
    await paper.do(messages.edit, message)
    async with paper.database.writing() as tx:
        [item] = await tx.outbox.due(paper.now, 10)
        await tx.outbox.claim(item.id)
    await paper.do(messages.edit, message)
    async with paper.database.writing() as tx:
        assert len(await tx.outbox.due(paper.now, 10)) == 1


async def test_a_card_and_a_menu(paper: Paper) -> None:
    await paper.do(messages.card, BORIS, RequestId(7))
    await paper.do(messages.menu, ANNA)
    assert await paper.heard() == [
        to(BORIS, OutboxKind.CARD, {"request": 7}),
        to(ANNA, OutboxKind.MENU, {}),
    ]


def test_a_refusal_says_its_code_and_not_what_somebody_typed() -> None:
    refused = Refused(Refusal.UNKNOWN_PERSON, who="secret")
    assert str(refused) == "unknown_person"
    assert refused.values == {"who": "secret"}
