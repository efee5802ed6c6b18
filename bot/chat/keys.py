"""The passphrase of a profile, and the choice how profiles come."""

from bot.access import keys, messages, passphrases
from bot.access.case import Case
from bot.access.permission import Act, require
from bot.access.refusals import Refused
from bot.chat import buttons
from bot.chat.buttons import Button, Keyboard, Meant, Style, Tap
from bot.chat.incoming import SentFile, Typed
from bot.chat.scene import SILENT, Reply, Scene, say
from bot.chat.views import View
from bot.texts import keys as words
from bot.texts.fill import Html, blocks, escaped
from pki.own_key import MOST_LOOKED_AT, Unfit, holds_private_key
from storage.key_records import KeyWay
from storage.records import OutboxKind, Payload, UserId

_BEGIN = b"-----BEGIN "


async def show(scene: Scene, meant: Meant) -> Reply:
    """Has the passphrase shown in a pop-up; whoever sends that takes it from memory."""
    is_here = meant.grant in scene.passphrases
    if await passphrases.reveal(scene.case, meant.grant, is_here=is_here):
        return Reply(reveals=meant.grant, alert=True)
    return Reply(toast=Html(words.LOST), alert=True)


async def choose(scene: Scene, meant: Meant) -> Reply:
    """The question, or what was answered."""
    require(scene.actor, Act.ASK)
    if meant.tap is Tap.KEY_WAYS:
        ways = scene.case.rules.key_ways
        now = await keys.way_for(scene.case, scene.user_id)
        text = blocks(words.CHOOSE, *(words.EXPLAINED[way] for way in ways))
        rows = tuple((_button(way, is_chosen=way is now),) for way in ways)
        return Reply(View(text, rows))
    way = KeyWay(meant.way)
    await keys.choose(scene.case, way)
    return Reply(View(escaped(words.CHOSEN[way])), edit=True)


async def take_sent(scene: Scene, typed: Typed) -> Reply | None:
    """Somebody's key, or the request for it, as a file or as a text; None where it is neither."""
    if typed.command:
        return None
    if typed.file is not None:
        return await _take_file(scene, typed.file, typed.message_id)
    return await _pasted(scene, typed)


async def _take_file(scene: Scene, file: SentFile, message_id: int) -> Reply:
    """A file may be the request for a key of one's own; it is fetched beside the work."""
    keys.require_own(scene.case)
    if not file.file_id:
        return say(words.PICTURE)
    if not 0 < file.size <= MOST_LOOKED_AT:
        return say(words.UNFIT[Unfit.TOO_LARGE])
    payload: Payload = {"file": file.file_id, "message": message_id}
    await scene.tx.outbox.add(scene.chat, OutboxKind.OWN_KEY, payload, now=scene.case.now)
    return SILENT


async def _pasted(scene: Scene, typed: Typed) -> Reply | None:
    """A private key is taken out of the chat whatever the settings say."""
    text = typed.rest.encode()
    if _BEGIN not in text:
        return None
    if holds_private_key(text):
        await messages.delete_sent(scene.case, scene.chat, typed.message_id)
        return say(words.UNFIT[Unfit.PRIVATE_KEY])
    try:
        keys.require_own(scene.case)
    except Refused:
        return None
    return say(words.PASTED)


async def choice(case: Case, user_id: UserId) -> Keyboard:
    """For /myvpn: how somebody's profiles come; nothing where there is no choice."""
    if case.rules.key_ways[1:] == ():
        return ()
    way = await keys.way_for(case, user_id)
    return ((Button(words.BUTTONS_CHOOSE[way], Tap.KEY_WAYS),),)


def _button(way: KeyWay, *, is_chosen: bool) -> Button:
    text = words.BUTTONS_WAY[way]
    style = Style.MAIN if is_chosen else None
    return Button(f"✓ {text}" if is_chosen else text, buttons.data(Tap.KEY_WAY, way), style)
