"""Where an answer goes, and what of it is kept with it."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bot.access.permission import THE_BOT
from bot.chat.buttons import Button
from bot.chat.scene import Scene, post
from bot.chat.views import View
from bot.texts.fill import Html
from storage.records import ChatId
from tests.bot.access.kit import ANNA, BORIS, Paper
from tests.storage.kit import open_copy

GROUP = ChatId(-55)


@pytest.fixture
async def paper(template: Path, tmp_path: Path) -> AsyncIterator[Paper]:
    made = Paper(await open_copy(template, tmp_path))
    yield made
    await made.database.close()


async def test_a_card_in_a_group_is_for_whoever_may_decide(paper: Paper) -> None:
    async with paper.database.reading() as tx:
        case = paper.case(tx, THE_BOT)
        private, public = Scene(case, BORIS, 5), Scene(case, BORIS, 5, group=GROUP)
    assert (private.chat, private.place, private.viewer) == (ChatId(BORIS), ChatId(BORIS), BORIS)
    assert (public.chat, public.place, public.viewer) == (ChatId(BORIS), GROUP, None)


async def test_a_message_says_no_more_than_it_has_to(paper: Paper) -> None:
    view = View(Html("Hello."), ((Button("Yes", "no"),),))
    async with paper.database.writing() as tx:
        await post(tx, GROUP, view, paper.now)
        await post(tx, GROUP, view, paper.now, instead_of=0, about=ANNA, topic=0, picks=True)
    plain = {"text": "Hello.", "keyboard": [[{"text": "Yes", "data": "no", "style": None}]]}
    assert [(said.chat, said.kind, said.payload) for said in await paper.heard()] == [
        (GROUP, "reply", plain),
        (GROUP, "reply", plain | {"edit": 0, "about": str(ANNA), "topic": 0, "picks": True}),
    ]
