"""How a profile's key comes, as it is tapped and sent: a passphrase, a choice, one's own key."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from bot.access import grants, keys
from bot.access.refusals import Refusal, Refused
from bot.chat import keys as chat_keys
from bot.chat.buttons import Button, Keyboard, Meant, Style, Tap
from bot.chat.incoming import Sender, SentFile, Typed
from bot.chat.scene import SILENT, Reply, Scene, say
from bot.chat.views import View
from bot.texts import keys as words
from bot.texts.fill import Html
from pki.own_key import MOST_LOOKED_AT, Unfit
from storage.key_records import KeyWay
from storage.records import Grant, OutboxKind, UserId
from tests.bot.access.kit import ANNA, EMIL, MORNING, Paper, to
from tests.storage.kit import open_copy

STRANGER = UserId(3001)
REQUEST = "-----BEGIN CERTIFICATE REQUEST-----\nMIIB\n-----END CERTIFICATE REQUEST-----"
PRIVATE = "-----BEGIN PRIVATE KEY-----\nMIIB\n-----END PRIVATE KEY-----"


@pytest.fixture
async def paper(template: Path, tmp_path: Path) -> AsyncIterator[Paper]:
    """People choose."""
    made = Paper(await open_copy(template, tmp_path))
    made.key_ways = (KeyWay.PLAIN, KeyWay.LOCKED, KeyWay.OWN)
    async with made.database.writing() as tx:
        await tx.people.allow(ANNA, "Anna Petrova", MORNING)
        await tx.people.allow(EMIL, "Emil", MORNING)
    await made.add_server()
    yield made
    await made.database.close()


async def taps(paper: Paper, meant: Meant, who: UserId = ANNA, *, has: str | None = None) -> Reply:
    """What is answered; `has` is the profile whose passphrase is in memory."""
    actor = await paper.actor(who)
    async with paper.database.writing() as tx:
        scene = Scene(paper.case(tx, actor), who, 7)
        if has is not None:
            scene.passphrases.keep(meant.grant, has)
        do = chat_keys.show if meant.tap is Tap.UNLOCK else chat_keys.choose
        return await do(scene, meant)


async def sends(
    paper: Paper, text: str = "", file: SentFile | None = None, *, command: str = ""
) -> Reply | None:
    typed = Typed(Sender(ANNA, "Anna", None), command, text, paper.now, file, None, 9)
    actor = await paper.actor(ANNA)
    async with paper.database.writing() as tx:
        return await chat_keys.take_sent(Scene(paper.case(tx, actor), ANNA), typed)


async def refused(code: Refusal, answer: Any) -> None:
    with pytest.raises(Refused) as caught:
        await answer
    assert caught.value.code is code


async def locked(paper: Paper) -> Grant:
    """Anna's profile, which asks for a passphrase."""
    done = await paper.approved()
    assert await paper.do(grants.issued, done.grant, way=KeyWay.LOCKED)
    assert await paper.do(grants.delivered, done.grant)
    await paper.forget()
    return await paper.grant(done.grant.id)


async def test_a_passphrase_is_shown_to_its_owner_while_it_is_there(paper: Paper) -> None:
    grant = await locked(paper)
    tap = Meant(Tap.UNLOCK, grant=grant.id)
    await refused(Refusal.NOT_YOURS, taps(paper, tap, EMIL, has="four words"))
    assert await taps(paper, tap, has="four words") == Reply(reveals=grant.id, alert=True)
    assert [one.action for one in await paper.noted()] == ["grant.passphrase"]


async def test_of_one_that_is_gone_another_profile_is_on_its_way(paper: Paper) -> None:
    grant = await locked(paper)
    tap = Meant(Tap.UNLOCK, grant=grant.id)
    assert await taps(paper, tap) == Reply(toast=Html(words.LOST), alert=True)
    assert OutboxKind.DELIVER in [row.kind for row in await paper.heard()]


async def test_the_question_shows_each_way_and_marks_what_is_chosen(paper: Paper) -> None:
    def buttons(chosen: KeyWay) -> Keyboard:
        return tuple(
            (
                Button(f"✓ {words.BUTTONS_WAY[way]}", f"ky:{way}", Style.MAIN)
                if way is chosen
                else Button(words.BUTTONS_WAY[way], f"ky:{way}"),
            )
            for way in paper.key_ways
        )

    reply = await taps(paper, Meant(Tap.KEY_WAYS))
    assert reply == Reply(
        View(
            Html("\n\n".join([words.CHOOSE, *(words.EXPLAINED[way] for way in paper.key_ways)])),
            buttons(KeyWay.PLAIN),
        )
    )
    reply = await taps(paper, Meant(Tap.KEY_WAY, way=KeyWay.LOCKED))
    assert reply == Reply(View(Html(words.CHOSEN[KeyWay.LOCKED])), edit=True)
    assert await paper.do(keys.way_for, ANNA) is KeyWay.LOCKED
    reply = await taps(paper, Meant(Tap.KEY_WAYS))
    assert reply.view is not None
    assert reply.view.keyboard == buttons(KeyWay.LOCKED)


async def test_the_choice_is_offered_where_there_is_one(paper: Paper) -> None:
    text = words.BUTTONS_CHOOSE[KeyWay.PLAIN]
    assert await paper.do(chat_keys.choice, ANNA) == ((Button(text, "kw"),),)
    paper.key_ways = (KeyWay.LOCKED,)
    assert await paper.do(chat_keys.choice, ANNA) == ()


@pytest.mark.parametrize("tap", [Meant(Tap.KEY_WAYS), Meant(Tap.KEY_WAY, way=KeyWay.LOCKED)])
async def test_nobody_chooses_who_may_not_ask(paper: Paper, tap: Meant) -> None:
    await refused(Refusal.NOT_ALLOWED, taps(paper, tap, STRANGER))


@pytest.mark.parametrize(
    ("file", "answer"),
    [
        (SentFile("", 0), say(words.PICTURE)),
        (SentFile("file-1", 0), say(words.UNFIT[Unfit.TOO_LARGE])),
        (SentFile("file-1", 1), SILENT),
        (SentFile("file-1", MOST_LOOKED_AT), SILENT),
        (SentFile("file-1", MOST_LOOKED_AT + 1), say(words.UNFIT[Unfit.TOO_LARGE])),
    ],
)
async def test_a_file_of_a_fitting_size_is_fetched(
    paper: Paper, file: SentFile, answer: Reply
) -> None:
    await paper.forget()
    assert await sends(paper, file=file) == answer
    fetched = [to(ANNA, OutboxKind.OWN_KEY, {"file": "file-1", "message": 9})]
    assert await paper.heard() == (fetched if answer is SILENT else [])


async def test_no_file_is_taken_where_no_key_of_ones_own_may_be_had(paper: Paper) -> None:
    paper.key_ways = (KeyWay.PLAIN,)
    await paper.forget()
    for file in (SentFile("file-1", 9), SentFile("", 0)):
        await refused(Refusal.NO_FILES, sends(paper, file=file))
    assert await paper.heard() == []


async def test_a_private_key_is_taken_out_of_the_chat_whatever_the_settings_say(
    paper: Paper,
) -> None:
    for ways in (paper.key_ways, (KeyWay.PLAIN,)):
        paper.key_ways = ways
        await paper.forget()
        assert await sends(paper, PRIVATE) == say(words.UNFIT[Unfit.PRIVATE_KEY])
        assert await paper.heard() == [to(ANNA, OutboxKind.DELETE, {"message": 9})]


async def test_a_request_that_is_pasted_is_wanted_as_a_file(paper: Paper) -> None:
    assert await sends(paper, REQUEST) == say(words.PASTED)
    paper.key_ways = (KeyWay.PLAIN,)
    assert await sends(paper, REQUEST) is None


async def test_other_words_and_commands_are_no_key(paper: Paper) -> None:
    assert await sends(paper, "what is a key?") is None
    assert await sends(paper, PRIVATE, command="help") is None
    assert await sends(paper, file=SentFile("file-1", 9), command="help") is None
