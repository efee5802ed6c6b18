"""A no with its reason: ready-made by a tap, or typed as a reply to the card."""

import json

from telegram import Update

from bot.access import messages, requests, who
from bot.access.names import REASON_LENGTH, clean
from bot.access.permission import Act, require
from bot.access.refusals import Refusal, Refused
from bot.access.requests import Why
from bot.chat import buttons, cards
from bot.chat.buttons import Button, Meant, Style, Tap
from bot.chat.incoming import Typed, read_update
from bot.chat.scene import Reply, Scene
from bot.chat.views import View
from bot.texts import chat as words
from bot.texts import questions as asking
from bot.texts import requests as request_words
from bot.texts.durations import duration_text
from bot.texts.fill import Html, blocks, fill, plain_in_chat
from storage.records import OutboxKind, PostedMessage, Request, RequestId

_IN_A_ROW = 2


async def ask_why(scene: Scene, meant: Meant) -> Reply:
    """The card, with the reasons below it."""
    request = (await requests.decidable(scene.case, meant.request)).request
    card = await cards.card(scene.case, request, scene.viewer)
    notes = await scene.tx.request_notes.of(request.id)
    ready = [
        Button(
            request_words.BUTTONS_WHY[why],
            buttons.data(Tap.DENY_SO, request.id, why, *cards.revision(notes)),
            Style.BAD,
        )
        for why in Why
    ]
    rows = [tuple(ready[at : at + _IN_A_ROW]) for at in range(0, len(ready), _IN_A_ROW)]
    back = Button(request_words.BUTTON_BACK, buttons.data(Tap.CARD, request.id))
    how = request_words.DENY_HOW if scene.group is None else request_words.DENY_HOW_GROUP
    return Reply(View(blocks(card.text, how), (*rows, (back,))), edit=True)


async def back(scene: Scene, meant: Meant) -> Reply:
    """To the card as it is now."""
    require(scene.actor, Act.SEE_REQUESTS)
    request = await scene.tx.requests.get(meant.request)
    if request is None:
        raise Refused(Refusal.UNKNOWN_REQUEST, request=meant.request)
    if scene.message_id is not None:
        card = PostedMessage(
            scene.place, scene.message_id, OutboxKind.CARD, str(request.id), scene.case.now
        )
        await messages.edit_card(scene.case, card, afresh=False)
    return Reply()


async def ask_back(scene: Scene, request_id: RequestId, typed: Typed) -> Reply:
    """Whether what was written below a card is the reason of a no; it is held until then."""
    request = (await requests.decidable(scene.case, request_id)).request
    said = clean(typed.rest, REASON_LENGTH)
    if not said:
        raise Refused(Refusal.NO_WORDS)
    item = scene.item
    assert item is not None
    await scene.tx.inbox.hold(item.update_id, item.payload)
    notes = await scene.tx.request_notes.of(request.id)
    text = fill(
        request_words.CONFIRM_DENY,
        name=await who.name_of(scene.tx, request.user_id),
        server=request.server,
        duration=duration_text(request.duration),
        words=said,
    )
    yes = Button(
        request_words.BUTTON_DENY_YES,
        buttons.data(Tap.DENY_SAID, request.id, item.update_id, *cards.revision(notes)),
        Style.BAD,
    )
    no = Button(asking.BUTTON_LATE_NO, buttons.data(Tap.LATE_NO, item.update_id))
    return Reply(View(text, ((yes,), (no,))))


async def with_words(scene: Scene, meant: Meant) -> Reply:
    """The yes to that.

    Raises:
        Refused: ADMINS_ONLY, NOT_YOURS, and what `requests.deny` says.
    """
    require(scene.actor, Act.DECIDE)
    payload = await scene.tx.inbox.held(meant.update)
    if payload is None:
        return Reply(View(Html(asking.LATE_GONE)), edit=True)
    typed = read_update(Update.de_json(json.loads(payload), None))
    if not isinstance(typed, Typed) or typed.sender.user_id != scene.user_id:
        raise Refused(Refusal.NOT_YOURS)
    if typed.replies_to is None:  # it was no answer to a card
        raise Refused(Refusal.NOT_YOURS)
    said = typed.rest
    request = await requests.deny(scene.case, meant.request, words=said, seen=meant.revision)
    await scene.tx.inbox.release(meant.update)
    name = await who.name_of(scene.tx, request.user_id)
    text = fill(request_words.DENIED, name=name, reason=clean(said, REASON_LENGTH))
    return Reply(View(text), await _toast(scene, request), edit=True)


async def deny(scene: Scene, meant: Meant) -> Reply:
    """Without a reason, or with the one that was tapped."""
    why = Why(meant.why) if meant.why else None
    request = await requests.deny(scene.case, meant.request, why=why, seen=meant.revision)
    return Reply(toast=await _toast(scene, request))


async def _toast(scene: Scene, request: Request) -> Html:
    # A toast is plain text: escaped, O'Brien would read O&#x27;Brien.
    return Html(
        plain_in_chat(words.DENIED_TOAST, name=await who.name_of(scene.tx, request.user_id))
    )
