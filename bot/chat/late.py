"""Old words: what waited with Telegram, and would change something now.

While the bot was down, much may have been decided: a newer decision must not be undone by a command
of yesterday. So what is older than some minutes is asked back, with its age, and does nothing until
whoever wrote it says that they still want it. It stays in the inbox meanwhile, as it came.

A tap has no date. What its button carries is compared with how things are now instead: see
`bot.access.approvals.card_digest` and `bot.chat.questions`.
"""

import json
from dataclasses import replace
from datetime import timedelta

from telegram import Update

from bot.access.permission import may, require
from bot.access.refusals import Refusal, Refused
from bot.chat import buttons
from bot.chat.buttons import Button, Meant, Style, Tap
from bot.chat.commands import COMMANDS
from bot.chat.incoming import REVOKING, Typed, read_update
from bot.chat.scene import Reply, Scene, post, say
from bot.chat.views import View
from bot.texts import chat as words
from bot.texts import questions as asking
from bot.texts import refusals
from bot.texts.durations import duration_text
from bot.texts.fill import Html, fill
from storage.records import InboxItem

# Somebody waits so long for an answer, and may still mean what they wrote.
_FRESH = timedelta(minutes=5)
# From twice a unit on, an age is told in it.
_UNITS_S = (86_400, 3600, 60)


async def asked_back(scene: Scene, typed: Typed, item: InboxItem) -> Reply | None:
    """The question whether they still want it; None where it may be done at once."""
    command = COMMANDS[typed.command]
    age = scene.case.now - typed.at
    if age <= _FRESH or not command.acts(typed.rest):
        return None
    if command.act is None or not may(scene.actor, command.act):
        return None  # it is refused
    await scene.tx.inbox.hold(item.update_id, item.payload)
    unit = next((unit for unit in _UNITS_S if age >= timedelta(seconds=2 * unit)), _UNITS_S[-1])
    seconds = int(age.total_seconds()) // unit * unit
    text = fill(asking.LATE, age=duration_text(seconds), command=_as_typed(typed))
    tap = Tap.LATE_REVOKE if typed.command in REVOKING else Tap.LATE_YES
    yes = Button(asking.BUTTON_LATE_YES, buttons.data(tap, item.update_id), Style.MAIN)
    no = Button(asking.BUTTON_LATE_NO, buttons.data(Tap.LATE_NO, item.update_id))
    return Reply(View(text, ((yes, no),)))


async def answered(scene: Scene, meant: Meant) -> Reply:
    """Does what was held, once, as if it had been written now; or drops it.

    Raises:
        Refused: NOT_YOURS, and where its writer may not do it any more.
    """
    payload = await scene.tx.inbox.held(meant.update)
    if payload is None:
        return Reply(View(Html(asking.LATE_GONE)), edit=True)
    typed = read_update(Update.de_json(json.loads(payload), None))
    if not isinstance(typed, Typed) or typed.sender.user_id != scene.user_id:
        raise Refused(Refusal.NOT_YOURS)
    if meant.tap is Tap.LATE_NO:
        await scene.tx.inbox.release(meant.update)
        return Reply(View(Html(words.KEPT)), edit=True)
    return await go_on(scene, meant, typed, payload)


async def go_on(scene: Scene, meant: Meant, typed: Typed, payload: str) -> Reply:
    """Does what was held, by the command that `typed` says."""
    command = COMMANDS.get(typed.command)
    if command is None:
        raise Refused(Refusal.NO_BUTTON)
    if command.act is not None:
        require(scene.actor, command.act)
    await scene.tx.inbox.release(meant.update)
    if scene.message_id is not None:
        view = View(fill(asking.LATE_GOING_ON, command=_as_typed(typed)))
        await post(scene.tx, scene.chat, view, scene.case.now, instead_of=scene.message_id)
    try:
        # The answer is given in any case: a refusal undoes what the command had begun only.
        async with scene.tx.attempt():
            item = InboxItem(meant.update, scene.chat, payload, scene.case.now)
            again = replace(scene, message_id=None, item=item)
            return await command.handle(again, typed.rest)
    except Refused as refused:
        return say(refusals.in_chat(refused))


def _as_typed(typed: Typed) -> str:
    return f"/{typed.command} {typed.rest}".strip()
