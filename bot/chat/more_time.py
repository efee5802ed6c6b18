"""More time for a profile: the tap, and what the profile's own message offers."""

import logging
from dataclasses import dataclass

from telegram import Bot
from telegram.error import BadRequest

from bot.access import extending, messages
from bot.access.case import Case
from bot.access.lineage import Lineage
from bot.chat import offers, views
from bot.chat.buttons import Meant
from bot.chat.client import markup
from bot.chat.scene import Reply, Scene
from bot.chat.views import View
from bot.errors import BadTemplate
from bot.handover.handover import Handover
from bot.texts import chat as words
from bot.texts import questions as question_words
from bot.texts.fill import Html
from storage.records import ChatId, Grant, OutboxKind

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Offered:
    """What stands below a profile beside its instructions."""

    passphrase: bool
    more_time: bool


async def ask(scene: Scene, meant: Meant) -> Reply:
    """One tap asks; the answer says what happens next, and takes it back.

    Below a profile, or in a list, it is a new message; in the place of any other.
    """
    wanted = await offers.typed_before(scene, meant.update)
    if wanted is None:
        return Reply(View(Html(question_words.LATE_GONE)), edit=True)
    await scene.tx.inbox.release(meant.update)
    request = await extending.ask(
        scene.case, meant.grant, duration=wanted.duration, reason=wanted.reason
    )
    instead_of = scene.message_id
    if instead_of is not None:
        tapped = await scene.tx.posted.find(scene.chat, instead_of)
        if tapped is not None and tapped.kind is OutboxKind.REMINDER:
            await scene.tx.posted.forget(scene.chat, instead_of)
        elif tapped is not None:
            instead_of = None
    await messages.asked(scene.case, request, instead_of=instead_of)
    return Reply(toast=Html(words.CHOSEN_TOAST))


async def offered_below(case: Case, grant: Grant) -> Offered | None:
    """What a live profile's message is to offer; None where that is as when it was sent."""
    locked = await case.tx.keys.locked(grant.id)
    lineage = await Lineage.of(case.tx, grant.owner)
    is_shown = locked is not None and locked.shown_at is not None
    if not is_shown and all(one.extends != grant.request_id for one in lineage.requests):
        return None
    return Offered(locked is not None and not is_shown, not lineage.lasts(grant))


async def edit_buttons(
    bot: Bot, handover: Handover, posted: tuple[ChatId, int], grant: Grant, offered: Offered
) -> None:
    """The words stay: only who sent them knew what they take the place of."""
    try:
        topics = handover.topics()
    except BadTemplate as error:
        log.warning("A profile loses the buttons of its instructions: %s", error)
        topics = ()
    keyboard = views.below_profile(
        grant, topics, passphrase=offered.passphrase, more_time=offered.more_time
    )
    try:
        await bot.edit_message_reply_markup(*posted, reply_markup=markup(keyboard))
    except BadRequest as error:
        log.info("A message cannot be edited: %s", error.message)
