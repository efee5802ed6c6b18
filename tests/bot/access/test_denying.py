"""A no with its reason: who reads it, what the trail keeps, and what Undo leaves of it."""

import pytest

from bot.access import changing, requests, undoing
from bot.access.permission import THE_BOT
from bot.access.refusals import Refusal
from bot.access.requests import Why
from bot.chat import cards
from demo.api.markup import parse_html
from storage.records import Request, RequestState
from tests.bot.access.kit import (
    ANNA,
    BORIS,
    CLARA,
    MINUTE,
    OPERATOR,
    Noted,
    Paper,
    notice,
)


async def read(paper: Paper, request: Request) -> tuple[str, str]:
    """The card of an admin, and the requester's own message."""
    async with paper.database.reading() as tx:
        case, now = paper.case(tx, THE_BOT), await paper.request(request.id)
        card, mine = await cards.card(case, now, CLARA), await cards.asked(case, now)
    return parse_html(card.text).text, parse_html(mine.text).text


async def test_a_ready_made_reason(paper: Paper) -> None:
    request = await paper.asked()
    await paper.forget()
    boris = await paper.actor(BORIS)
    done = await paper.by(boris, requests.deny, request.id, why=Why.NOT_NOW)
    assert done.state is RequestState.DENIED
    code, by = "request_denied_because", "telegram:2001"
    assert await paper.heard() == [
        notice(ANNA, code, why="later", server="berlin", admin="Boris", by=by)
    ]
    about = {"name": "Boris", "server": "berlin", "duration": "1w", "user_id": ANNA}
    assert await paper.noted() == [
        Noted("telegram:2001", "request.deny", f"request:{request.id}", about | {"why": "later"})
    ]
    card, mine = await read(paper, request)
    assert "The reason: “Not now, please ask again later.”" in card
    assert mine.endswith("The reason: “Not now, please ask again later.”")


async def test_words_of_ones_own_are_cleaned_and_bounded(paper: Paper) -> None:
    request = await paper.asked()
    await paper.forget()
    typed = "ask <b>Clara</b>\n\u202efirst " + "x" * 500
    await paper.by(await paper.actor(BORIS), requests.deny, request.id, words=typed)
    (noted,) = await paper.noted()
    said = noted.detail["words"]
    assert said.startswith("ask <b>Clara</b> first xxx")
    assert len(said) == 200
    for text in await read(paper, request):
        assert said in text
    (heard,) = await paper.heard()
    assert heard.payload["values"]["words"] == said


@pytest.mark.parametrize("words", [" ", "\u202e\u200b\n"])
async def test_words_that_nobody_can_read_deny_nothing(paper: Paper, words: str) -> None:
    request = await paper.asked()
    boris = await paper.actor(BORIS)
    await paper.refuses(boris, Refusal.NO_WORDS, requests.deny, request.id, words=words)


async def test_undo_takes_the_reason_back_too(paper: Paper) -> None:
    request = await paper.asked()
    boris, clara = await paper.actor(BORIS), await paper.actor(CLARA)
    await paper.by(boris, requests.deny, request.id, words="too long for me")
    await paper.by(boris, undoing.undo, request.id)
    for text in await read(paper, request):
        assert "too long for me" not in text
    await paper.by(clara, requests.deny, request.id)
    for text in await read(paper, request):
        assert "too long for me" not in text
        assert "reason:" not in text.lower().replace("reason: work", "")
    async with paper.database.reading() as tx:
        assert [one.verdict for one in await tx.requests.decisions(request.id)] == ["deny"] * 2
    paper.now += MINUTE
    await paper.refuses(clara, Refusal.UNDO_LATE, undoing.undo, request.id)


async def test_a_no_is_to_what_the_card_showed(paper: Paper) -> None:
    request = await paper.asked()
    boris, anna = await paper.actor(BORIS), await paper.actor(ANNA)
    await paper.by(anna, changing.change_reason, request.id, "night shift")
    await paper.refuses(boris, Refusal.CARD_CHANGED, requests.deny, request.id, seen=0)
    await paper.by(boris, requests.deny, request.id, seen=1)
    assert (await paper.request(request.id)).state is RequestState.DENIED


async def test_whoever_is_on_the_machine_says_why_as_well(paper: Paper) -> None:
    request = await paper.asked()
    await paper.by(OPERATOR, requests.deny, request.id, words="maintenance tonight")
    assert "The reason: “maintenance tonight”" in (await read(paper, request))[1]
