"""A decision that is taken back within a minute, and one that stands."""

from datetime import timedelta

import pytest

from bot.access import appointing, people, requests, undoing
from bot.access.messages import Notice
from bot.access.permission import telegram_key
from bot.access.refusals import Refusal
from bot.access.requests import Why
from storage.records import (
    ChatId,
    EndReason,
    GrantState,
    OutboxKind,
    PostedMessage,
    Request,
    RequestId,
    RequestState,
    UserId,
)
from storage.request_notes import RequestNotes
from storage.role_records import Role
from tests.bot.access.kit import (
    ANNA,
    BERLIN,
    BORIS,
    CLARA,
    MINUTE,
    OPERATOR,
    PARIS,
    Paper,
    notice,
    to,
)

SOON = timedelta(seconds=59)


async def of(paper: Paper, request: Request) -> Request:
    async with paper.database.reading() as tx:
        found = await tx.requests.get(request.id)
    assert found is not None
    return found


async def denied(paper: Paper) -> Request:
    request = await paper.asked(ANNA)
    await paper.by(await paper.actor(BORIS), requests.deny, request.id)
    await paper.forget()
    return request


async def posted(paper: Paper, request: Request, *chats: int) -> None:
    async with paper.database.writing() as tx:
        for chat in chats:
            card = PostedMessage(ChatId(chat), 7, OutboxKind.CARD, str(request.id), paper.now)
            await tx.posted.remember(card)


async def test_after_a_no_the_request_is_open_again(paper: Paper) -> None:
    request = await paper.asked(ANNA)
    await posted(paper, request, BORIS)
    boris = await paper.actor(BORIS)
    await paper.by(boris, requests.deny, request.id, why=Why.NOT_NOW)
    await paper.forget()
    paper.now += SOON
    done = await paper.by(boris, undoing.undo, request.id)
    assert not done.ended
    again = await of(paper, request)
    assert again == request
    heard = await paper.heard()
    # Where its card is gone another one takes its place.
    card = {"request": request.id, "message": 7, "kind": OutboxKind.CARD}
    edits = [one for one in heard if one.kind is OutboxKind.EDIT_CARD]
    assert edits == [to(BORIS, OutboxKind.EDIT_CARD, card, paper.now)]
    (told,) = [one for one in heard if one.kind is OutboxKind.NOTICE]
    who = {"admin": "Boris", "by": "telegram:2001"}
    assert told == notice(ANNA, Notice.REQUEST_REOPENED, paper.now, server=BERLIN, **who)
    (row,) = await paper.noted()
    assert (row.action, row.detail["user_id"]) == ("request.reopen", ANNA)
    async with paper.database.reading() as tx:
        notes = await tx.request_notes.of(request.id)
    # It waits anew, and nothing of why it was denied is left.
    assert notes == RequestNotes(request.id, waits_since=paper.now)
    # Whoever decides then is bound by nothing of it.
    await paper.yes(CLARA, request.id)


async def test_after_a_yes_what_it_gave_is_revoked(paper: Paper) -> None:
    request = await paper.asked(ANNA)
    grant = (await paper.yes(BORIS, request.id)).grant
    await paper.forget()
    paper.now += SOON
    [ended] = (await paper.by(await paper.actor(BORIS), undoing.undo, request.id)).ended
    assert ended.id == grant.id
    async with paper.database.reading() as tx:
        found = await tx.grants.get(grant.id)
    assert found is not None
    assert (found.state, found.end_reason) == (GrantState.REVOKING, EndReason.REVOKED)
    heard = await paper.heard()
    told = {(one.chat, one.kind) for one in heard}
    who = {"admin": "Boris", "by": "telegram:2001"}
    said = notice(CLARA, Notice.REVOKED_BY, paper.now, name="Anna Petrova", servers="berlin", **who)
    assert said in heard
    assert {(BORIS, OutboxKind.RECEIPT), (ANNA, OutboxKind.NOTICE)} <= told
    noted = [(one.action, one.subject) for one in await paper.noted()]
    assert noted == [
        ("grant.end", f"grant:{grant.id}"),
        ("request.undo", f"request:{request.id}"),
    ]
    # Pressed again there is nothing left.
    await paper.refuses(await paper.actor(BORIS), Refusal.NOTHING_TO_UNDO, undoing.undo, request.id)


async def test_a_minute_later_it_stands(paper: Paper) -> None:
    request = await denied(paper)
    paper.now += MINUTE
    await paper.refuses(await paper.actor(BORIS), Refusal.UNDO_LATE, undoing.undo, request.id)
    assert (await of(paper, request)).state is RequestState.DENIED


async def test_only_whoever_decided_takes_it_back(paper: Paper) -> None:
    request = await denied(paper)
    values = await paper.refuses(
        await paper.actor(CLARA), Refusal.UNDO_NOT_YOURS, undoing.undo, request.id
    )
    assert values == {"admin": "Boris"}
    await paper.refuses(await paper.actor(ANNA), Refusal.ADMINS_ONLY, undoing.undo, request.id)
    # Nor does anybody else hear whether there is such a request.
    nothing = RequestId(request.id + 1)
    await paper.refuses(await paper.actor(ANNA), Refusal.ADMINS_ONLY, undoing.undo, nothing)
    paper.admins = (CLARA,)
    await paper.refuses(await paper.actor(BORIS), Refusal.ADMINS_ONLY, undoing.undo, request.id)


async def test_twice_finds_it_open(paper: Paper) -> None:
    request = await denied(paper)
    boris = await paper.actor(BORIS)
    await paper.by(boris, undoing.undo, request.id)
    await paper.refuses(boris, Refusal.NOTHING_TO_UNDO, undoing.undo, request.id)


async def test_whoever_has_asked_again_has_one_request(paper: Paper) -> None:
    request = await denied(paper)
    other = await paper.asked(ANNA)
    values = await paper.refuses(
        await paper.actor(BORIS), Refusal.UNDO_ASKED_AGAIN, undoing.undo, request.id
    )
    assert values == {"request": other.id}


async def test_what_was_asked_for_another_server_is_another_matter(two_servers: Paper) -> None:
    request = await denied(two_servers)
    other = await two_servers.asked(ANNA, server=PARIS)
    await posted(two_servers, other, CLARA)
    await two_servers.forget()
    await two_servers.by(await two_servers.actor(BORIS), undoing.undo, request.id)
    # Its card says what else they have asked for.
    edits = [one for one in await two_servers.heard() if one.kind is OutboxKind.EDIT_CARD]
    assert [(one.chat, one.payload["request"]) for one in edits] == [(CLARA, other.id)]
    assert (await of(two_servers, request)).state is RequestState.PENDING


async def test_what_is_over_otherwise_stays_over(paper: Paper) -> None:
    request = await denied(paper)
    paper.request_ttl = 0
    boris = await paper.actor(BORIS)
    await paper.refuses(boris, Refusal.ALREADY_DECIDED, undoing.undo, request.id)
    paper.request_ttl = 86_400
    await paper.by(OPERATOR, people.remove, ANNA)
    await paper.refuses(boris, Refusal.REQUESTER_REMOVED, undoing.undo, request.id)


async def test_no_request_for_a_server_that_is_gone_is_open_again(paper: Paper) -> None:
    request = await denied(paper)
    async with paper.database.writing() as tx:
        await tx.servers.remove(BERLIN)
    boris = await paper.actor(BORIS)
    await paper.refuses(boris, Refusal.UNKNOWN_SERVER, undoing.undo, request.id)
    assert (await of(paper, request)).state is RequestState.DENIED


async def test_a_yes_of_before_the_no_still_counts(paper: Paper) -> None:
    paper.approvals = 2
    request = await paper.asked(ANNA)
    await paper.by(await paper.actor(CLARA), requests.approve, request.id, None)
    boris = await paper.actor(BORIS)
    await paper.by(boris, requests.deny, request.id)
    await paper.by(boris, undoing.undo, request.id)
    await paper.yes(BORIS, request.id)


@pytest.mark.parametrize("role", [Role.AUDITOR, None])
async def test_a_role_that_is_over_takes_nothing_back(paper: Paper, role: Role | None) -> None:
    dora = UserId(2007)
    await paper.by(OPERATOR, appointing.appoint, dora, Role.ADMIN)
    request = await paper.asked(ANNA)
    await paper.by(await paper.actor(dora), requests.deny, request.id)
    assert undoing.can_undo(await of(paper, request), telegram_key(dora), paper.now)
    if role is None:
        await paper.by(OPERATOR, appointing.dismiss, dora)
    else:
        await paper.by(OPERATOR, appointing.appoint, dora, role)
    await paper.refuses(await paper.actor(dora), Refusal.ADMINS_ONLY, undoing.undo, request.id)


async def test_the_button_goes_when_its_minute_is_over(paper: Paper) -> None:
    request = await paper.asked(ANNA)
    group = -100_500
    await posted(paper, request, BORIS, CLARA, group)
    await paper.by(await paper.actor(BORIS), requests.deny, request.id)
    await paper.forget()
    assert await paper.do(undoing.settle_due) == 0
    paper.now += MINUTE
    assert await paper.do(undoing.settle_due) == 1
    assert {one.chat for one in await paper.heard()} == {BORIS, group}
    assert await paper.do(undoing.settle_due) == 0
