"""A message that nobody knew of, until its button was tapped."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bot.access import requests, roles
from bot.chat.buttons import Meant, Tap
from bot.chat.scene import Scene
from bot.chat.taps import ACTIONS, mend, mend_stale, refit
from storage.records import ChatId, OutboxKind, PostedMessage, RequestId, RequestState
from tests.bot.access.kit import ANNA, BORIS, CLARA, MORNING, Paper, to
from tests.storage.kit import open_copy

TAPPED = 5


@pytest.fixture
async def paper(template: Path, tmp_path: Path) -> AsyncIterator[Paper]:
    database = await open_copy(template, tmp_path)
    async with database.writing() as tx:
        await tx.people.allow(ANNA, "Anna Petrova", MORNING)
    made = Paper(database)
    await made.add_server()
    yield made
    await database.close()


async def tap(paper: Paper, meant: Meant, message_id: int | None = TAPPED) -> None:
    async with paper.database.writing() as tx:
        actor = await roles.identify(tx, paper.rules, BORIS, "Boris")
        await mend(Scene(paper.case(tx, actor), BORIS, message_id), meant)


@pytest.mark.parametrize(
    ("known", "button", "edited"),
    [
        # Only the other of two that were sent is known, or somebody else's of the same number.
        ([], Tap.APPROVE, OutboxKind.CARD),
        ([(BORIS, TAPPED + 1)], Tap.DENY, OutboxKind.CARD),
        ([(CLARA, TAPPED)], Tap.DENY, OutboxKind.CARD),
        ([], Tap.CANCEL, OutboxKind.ASKED),
        # The decision edits it by itself.
        ([(CLARA, TAPPED), (BORIS, TAPPED)], Tap.APPROVE, None),
        # Not one that is kept up to date.
        ([], Tap.SERVER, None),
    ],
)
async def test_a_decided_message_loses_its_buttons(
    paper: Paper, known: list[tuple[int, int]], button: Tap, edited: OutboxKind | None
) -> None:
    request = await paper.asked()
    await paper.by(await paper.actor(ANNA), requests.cancel, request.id)
    async with paper.database.writing() as tx:
        for chat, message_id in known:
            kind = OutboxKind.CARD
            place = PostedMessage(ChatId(chat), message_id, kind, str(request.id), paper.now)
            await tx.posted.remember(place)
    await paper.forget()
    await tap(paper, Meant(button, request=request.id))
    payload = {"request": request.id, "message": TAPPED, "kind": edited}
    assert await paper.heard() == (
        [] if edited is None else [to(BORIS, OutboxKind.EDIT_CARD, payload)]
    )


async def test_what_is_open_unknown_or_without_a_message_stays(paper: Paper) -> None:
    request = await paper.asked()
    await paper.forget()
    await tap(paper, Meant(Tap.APPROVE, request=request.id))
    await tap(paper, Meant(Tap.APPROVE, request=RequestId(99)))
    await paper.by(await paper.actor(ANNA), requests.cancel, request.id)
    await paper.forget()
    await tap(paper, Meant(Tap.APPROVE, request=request.id), message_id=None)
    boris = await paper.actor(BORIS)
    async with paper.database.writing() as tx:
        case = paper.case(tx, boris)
        await mend_stale(Scene(case, BORIS), Meant(Tap.APPROVE, request=request.id))
        await mend_stale(Scene(case, BORIS, TAPPED), Meant(Tap.SERVER, request=request.id))
    assert await paper.heard() == []


async def test_buttons_that_do_not_fit_any_more_are_changed_on_every_card(paper: Paper) -> None:
    request = await paper.asked()
    async with paper.database.writing() as tx:
        posted = PostedMessage(ChatId(CLARA), 8, OutboxKind.CARD, str(request.id), paper.now)
        await tx.posted.remember(posted)
    await paper.forget()
    boris = await paper.actor(BORIS)
    async with paper.database.writing() as tx:
        scene = Scene(paper.case(tx, boris), BORIS, TAPPED)
        await refit(scene, Meant(Tap.APPROVE, request=request.id))
    card = {"request": request.id, "kind": OutboxKind.CARD}
    assert await paper.heard() == [
        to(CLARA, OutboxKind.EDIT_CARD, card | {"message": 8}),
        to(BORIS, OutboxKind.EDIT_CARD, card | {"message": TAPPED}),
    ]


@pytest.mark.parametrize("button", [Tap.APPROVE, Tap.DENY])
async def test_the_message_that_decides_loses_its_own(paper: Paper, button: Tap) -> None:
    request = await paper.asked()
    digest = await paper.digest(request, BORIS)
    await paper.forget()
    meant = Meant(button, request=request.id, duration=request.duration, digest=digest)
    async with paper.database.writing() as tx:
        actor = await roles.identify(tx, paper.rules, BORIS, "Boris")
        await ACTIONS[meant.tap](Scene(paper.case(tx, actor), BORIS, TAPPED), meant)
    payload = {"request": request.id, "message": TAPPED, "kind": OutboxKind.CARD}
    assert to(BORIS, OutboxKind.EDIT_CARD, payload) in await paper.heard()


async def test_a_tap_denies_at_once(paper: Paper) -> None:
    request = await paper.asked()
    actor = await paper.actor(BORIS)
    async with paper.database.writing() as tx:
        scene = Scene(paper.case(tx, actor), BORIS, TAPPED)
        await ACTIONS[Tap.DENY](scene, Meant(Tap.DENY, request.id))
    assert (await paper.request(request.id)).state is RequestState.DENIED
