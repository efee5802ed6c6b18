"""A yes to more than was asked for: a tap further away than the others, so that none is a slip."""

from bot.access import approvals, requests
from bot.chat import buttons, cards
from bot.chat.buttons import Button, Meant, Tap
from bot.chat.scene import Reply, Scene
from bot.chat.views import View
from bot.texts import chat as words
from bot.texts import requests as request_words
from bot.texts.durations import duration_text
from bot.texts.fill import blocks


async def ask(scene: Scene, meant: Meant) -> Reply:
    """The card, with the longer durations below it.

    Raises:
        Refused: as `requests.decidable`.
    """
    heard = await requests.decidable(scene.case, meant.request)
    request = heard.request
    card = await cards.card(scene.case, request, scene.viewer)
    digest = await approvals.card_digest(scene.case, heard, scene.viewer)
    offered = tuple(
        Button(
            words.BUTTON_APPROVE.format(duration=duration_text(duration)),
            buttons.data(Tap.APPROVE, request.id, duration, digest),
        )
        for duration in heard.longer
    )
    back = Button(request_words.BUTTON_BACK, buttons.data(Tap.CARD, request.id))
    rows = ((offered,) if offered else ()) + ((back,),)
    return Reply(View(blocks(card.text, request_words.LONGER_HOW), rows), edit=True)
