"""Somebody seems to have left: the question to the admins, and what came of it."""

from dataclasses import replace

from bot.access import holdings, leaving, revocation, who
from bot.access.case import Case
from bot.access.refusals import Refusal, Refused
from bot.chat import admin_commands, buttons
from bot.chat.buttons import Button, Keyboard, Meant, Style, Tap
from bot.chat.scene import Reply, Scene
from bot.chat.views import View
from bot.texts import leaving as words
from bot.texts import life, refusals
from bot.texts.fill import Html, fill, lines, moment, plain_in_chat
from storage.joining_records import Leaving, LeavingId, LeavingState

_TOO_LATE = frozenset({Refusal.LEAVING_OVER, Refusal.LEAVING_KEPT})


async def answered(scene: Scene, meant: Meant) -> Reply:
    """Remove or Keep on a card, which follows by itself; too late, it loses its buttons."""
    try:
        found = await leaving.require_open(scene.case, meant.leaving)
    except Refused as refused:
        if refused.code not in _TOO_LATE:
            raise
        toast = Html(refusals.in_toast(refused))
        return Reply(await view_of(scene.case, meant.leaving), toast, edit=True, alert=True)
    name = await who.name_of(scene.tx, found.user_id)
    if meant.tap is Tap.LEFT_KEEP:
        await leaving.keep(scene.case, found.id)
        toast = Html(plain_in_chat(words.KEPT_TOAST, name=name))
        return Reply(await view_of(scene.case, found.id), toast, edit=True)
    if scene.message_id is not None:
        # Here stands what is said with Undo; only the other admins' cards follow.
        await scene.tx.posted.forget(scene.chat, scene.message_id)
    person = await revocation.known_person(scene.tx, found.user_id)
    reply = await admin_commands.remove_now(scene, person)
    return replace(reply, toast=Html(plain_in_chat(words.REMOVED_TOAST, name=name)))


async def view_of(case: Case, number: LeavingId) -> View:
    """As an admin reads of it now: to answer, or with what was decided."""
    found = await case.tx.leavings.get(number)
    assert found is not None
    name = await who.name_of(case.tx, found.user_id)
    if found.state is not LeavingState.OPEN:
        admin = life.who(found.by, found.by_name, first=True) or life.SOMEBODY_FIRST
        at = moment(found.settled_at or found.at)
        return View(fill(words.SETTLED[found.state], name=name, Admin=admin, at=at))
    has = await holdings.of_person(case.tx, case.now, found.user_id)
    count = sum(one.is_live for one in has)
    text = lines(
        fill(words.CAUSES[found.cause], name=name),
        fill(words.HAS, count=count) if count else "",
        words.QUESTION,
    )
    return View(text, _keyboard(found))


def _keyboard(found: Leaving) -> Keyboard:
    return (
        (
            Button(words.BUTTON_REMOVE, buttons.data(Tap.LEFT_REMOVE, found.id), Style.BAD),
            Button(words.BUTTON_KEEP, buttons.data(Tap.LEFT_KEEP, found.id)),
        ),
    )
