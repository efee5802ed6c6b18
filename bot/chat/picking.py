"""An admin picks people from their contacts, and puts just these on the allowlist by a yes."""

import json

from telegram import Update

from bot.access import people, who
from bot.access.permission import Act, require
from bot.access.refusals import Refusal, Refused
from bot.chat import questions
from bot.chat.buttons import Meant
from bot.chat.commands import help_
from bot.chat.incoming import Picked, PickedPerson, read_update
from bot.chat.questions import Question
from bot.chat.scene import Reply, Scene, say
from bot.chat.views import View
from bot.texts import chat as words
from bot.texts import joining as joining_words
from bot.texts import questions as asking
from bot.texts.fill import Html, blocks, fill, lines


async def picked(scene: Scene, incoming: Picked) -> Reply:
    """Asks, with the names; what was picked stays in the inbox until the yes."""
    if not scene.actor.is_known:
        return await help_(scene, "")
    require(scene.actor, Act.MANAGE_PEOPLE)
    new = await _new(scene, incoming)
    if not new:
        return say(joining_words.PICKED_KNOWN if incoming.people else words.USAGE_ALLOW)
    assert scene.item is not None
    await scene.tx.inbox.hold(scene.item.update_id, scene.item.payload)
    return Reply((await _question(scene, new, scene.item.update_id)).view)


async def answered(scene: Scene, meant: Meant) -> Reply:
    """Puts them on the list, where the yes is to just these.

    Raises:
        Refused: ADMINS_ONLY, NOT_YOURS.
    """
    require(scene.actor, Act.MANAGE_PEOPLE)
    payload = await scene.tx.inbox.held(meant.update)
    if payload is None:
        return Reply(View(Html(asking.LATE_GONE)), edit=True)
    incoming = read_update(Update.de_json(json.loads(payload), None))
    if not isinstance(incoming, Picked) or incoming.sender.user_id != scene.user_id:
        raise Refused(Refusal.NOT_YOURS)
    new = await _new(scene, incoming)
    if not new:
        return Reply(View(Html(joining_words.PICKED_KNOWN)), edit=True)
    question = await _question(scene, new, meant.update)
    if reply := question.unless_answered(meant):
        return reply
    await scene.tx.inbox.release(meant.update)
    done = [
        await people.allow(scene.case, one.user_id, one.name, greets_unseen=False) for one in new
    ]
    names = [
        fill(joining_words.PICKED_DONE_LINE, name=await who.name_of(scene.tx, one.person.id))
        for one in done
    ]
    unseen = any(not one.person.reachable for one in done)
    text = blocks(
        fill(joining_words.PICKED_DONE, count=len(done)),
        lines(*names),
        joining_words.PICKED_UNSEEN if unseen else "",
    )
    return Reply(View(text), edit=True)


async def _new(scene: Scene, incoming: Picked) -> list[PickedPerson]:
    """Those who are not on the list."""
    known = await scene.tx.people.some(one.user_id for one in incoming.people)
    listed = {one.id for one in known.values() if one.allowed}
    return [one for one in incoming.people if one.user_id not in listed]


async def _question(scene: Scene, new: list[PickedPerson], update_id: int) -> Question:
    shown = [
        fill(
            joining_words.PICKED_LINE if one.username else joining_words.PICKED_LINE_NO_USERNAME,
            name=one.name,
            username=f"@{one.username}",
            id=one.user_id,
        )
        for one in new
    ]
    text = blocks(fill(joining_words.PICKED_ASK, count=len(new)), lines(*shown))
    return await questions.allow_picked(scene, text, [one.user_id for one in new], update_id)
