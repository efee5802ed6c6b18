"""Every button there is, forged by somebody who was never shown it: nothing is told of Anna."""

from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import replace
from itertools import product
from pathlib import Path

import pytest

from bot.access import invitations, pausing, people, roles
from bot.access.refusals import Refused
from bot.chat.buttons import Meant, Tap
from bot.chat.scene import Scene
from bot.chat.taps import ACTIONS
from bot.texts import refusals
from storage.joining_records import FarewellId, LeavingId
from storage.key_records import KeyWay
from storage.records import Grant, Request, UserId
from storage.transaction import Transaction
from storage.use_records import AskedUseId
from tests.bot.access.kit import ANNA, BERLIN, EMIL, HOUR, MORNING, OPERATOR, Paper
from tests.storage.kit import open_copy

STRANGER = UserId(3001)
# Of no card and no question that anybody was shown.
STALE = "0badcafe"


@pytest.fixture
async def paper(template: Path, tmp_path: Path) -> AsyncIterator[Paper]:
    """Anna has a profile and a request, is paused, and was off the list for a moment."""
    made = Paper(await open_copy(template, tmp_path))
    async with made.database.writing() as tx:
        await tx.people.allow(ANNA, "Anna Petrova", MORNING)
        await tx.people.allow(EMIL, "Emil", MORNING)
    await made.add_server()
    await made.by(OPERATOR, people.remove, ANNA)
    await made.by(OPERATOR, people.allow, ANNA, "Anna Petrova")
    await made.active(ANNA)
    await made.asked(ANNA)
    await made.by(OPERATOR, pausing.pause, ANNA, made.now + HOUR)
    yield made
    await made.database.close()


@pytest.mark.parametrize("who", [EMIL, STRANGER])
async def test_a_forged_button_tells_nothing_and_does_nothing(paper: Paper, who: UserId) -> None:
    made = await paper.by(OPERATOR, invitations.make, "Anna Petrova", [])
    async with paper.database.writing() as tx:
        [grant] = await tx.grants.of_user(ANNA)
        [request] = await tx.requests.open_of(ANNA)
        about_anna = Meant(
            Tap.ASK,
            request=request.id,
            grant=grant.id,
            person=ANNA,
            server=BERLIN,
            command="users",
            way=KeyWay.OWN,
            stranger=1,
            invitation=made.id,
            use=AskedUseId(1),
            farewell=FarewellId(1),
            leaving=LeavingId(1),
            page=0,
            search="anna",
        )
        before = await _of_anna(tx, grant, request)
        actor = await roles.identify(tx, paper.rules, who, "Somebody")
        scene = Scene(paper.case(tx, actor), who, 7)
        for tap, digest in product(Tap, ("", STALE)):
            with suppress(_Undone):
                async with tx.attempt():
                    said = await _said(scene, replace(about_anna, tap=tap, digest=digest))
                    assert "anna" not in said.casefold(), (tap, said)
                    assert await _of_anna(tx, grant, request) == before, tap
                    raise _Undone


class _Undone(Exception):
    """So that every button finds things as they were."""


async def _said(scene: Scene, meant: Meant) -> str:
    try:
        reply = await ACTIONS[meant.tap](scene, meant)
    except Refused as refused:
        return f"{refusals.in_toast(refused)} {refusals.in_chat(refused)}"
    return f"{reply.toast} {reply.view}"


async def _of_anna(tx: Transaction, grant: Grant, request: Request) -> tuple[object, ...]:
    return (
        await tx.grants.get(grant.id),
        await tx.requests.get(request.id),
        await tx.pauses.of(ANNA),
        await tx.people.get(ANNA),
    )
