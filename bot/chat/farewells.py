"""Somebody was taken off the allowlist: what is said of it, and Undo for as long as that goes."""

from telegram import Bot

from bot.access import farewells, messages, who
from bot.access.case import Case
from bot.access.permission import THE_BOT
from bot.access.refusals import Refusal, Refused
from bot.chat import buttons, writing
from bot.chat.buttons import Button, Keyboard, Meant, Tap
from bot.chat.scene import Reply, Scene
from bot.chat.sender import Decision
from bot.chat.views import View
from bot.core import Core
from bot.texts import chat as words
from bot.texts import joining as joining_words
from bot.texts import life, refusals
from bot.texts.fill import Html, blocks, fill, plain_in_chat
from storage.joining_records import Farewell, FarewellId
from storage.outbox import Done, Next
from storage.records import OutboxItem, PostedMessage

# From then on there is nothing to take back, and no button for it.
_STANDS = frozenset(
    {
        Refusal.NOTHING_TO_UNDO,
        Refusal.FAREWELL_LATE,
        Refusal.FAREWELL_OVERTAKEN,
        Refusal.FAREWELL_GROUP_GONE,
    }
)


async def undo(scene: Scene, meant: Meant) -> Reply:
    """Takes it back, in the place of the message; where that is over, it says why."""
    try:
        await farewells.require_undoable(scene.case, meant.farewell)
    except Refused as refused:
        if refused.code not in _STANDS or await scene.tx.farewells.get(meant.farewell) is None:
            raise
        await scene.tx.farewells.settle(meant.farewell)
        view = await view_of(scene.case, meant.farewell)
        toast = Html(refusals.in_toast(refused))
        return Reply(view, toast, edit=True, alert=True)
    done = await farewells.undo(scene.case, meant.farewell)
    toast = Html(plain_in_chat(joining_words.FAREWELL_UNDONE_TOAST, name=done.name))
    return Reply(await view_of(scene.case, meant.farewell), toast, edit=True)


async def view_of(case: Case, number: FarewellId) -> View:
    """As whoever did it reads of it now."""
    farewell = await case.tx.farewells.get(number)
    assert farewell is not None
    name = await who.name_of(case.tx, farewell.user_id)
    if farewell.undone_at is not None:
        return View(fill(joining_words.FAREWELL_UNDONE, name=name))
    text = await _said(case, farewell, name)
    if farewell.undo_until is None or farewell.undo_until <= case.now:
        return View(text)
    keyboard: Keyboard = ((Button(life.BUTTON_UNDO, buttons.data(Tap.RESTORE, farewell.id)),),)
    return View(blocks(text, joining_words.FAREWELL_HINT), keyboard)


async def post(bot: Bot, core: Core, item: OutboxItem) -> Decision:
    """Says it; remembered, since Undo goes in an hour."""
    number = FarewellId(item.payload["farewell"])
    async with core.database.reading() as tx:
        view = await view_of(core.case(tx, THE_BOT), number)
    message_id = item.payload.get("edit")
    if message_id is None or not await writing.edit(bot, item.chat_id, message_id, view):
        message_id = await writing.send(bot, item.chat_id, view)
    posted = PostedMessage(item.chat_id, message_id, item.kind, str(number), core.clock())

    async def remember(case: Case) -> Next:
        await case.tx.posted.remember(posted)
        if await view_of(case, number) != view:
            await messages.edit(case, posted)
        return Done()

    return remember


async def _said(case: Case, farewell: Farewell, name: str) -> Html:
    listed = [one.id for one in farewell.accounts if one.allowed]
    if len(listed) <= 1:
        return fill(words.REMOVED_ENDING if farewell.ended else words.REMOVED, name=name)
    people = await case.tx.people.some(listed)
    names = ", ".join(f"{one.name} ({one.id})" for one in people.values())
    text = words.REMOVED_ACCOUNTS if farewell.ended else words.REMOVED_ACCOUNTS_ONLY
    return fill(text, names=names)
